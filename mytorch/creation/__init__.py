"""How tensors come to be: from data, filled, as grids, from random numbers, as windows for signals."""
