"""The floor: trainings written by hand in NumPy, without any engine, with what is known to be quick.

Parameters lie in one buffer, results go into arrays that stay, derivatives are written out. What a library adds to this
is the price of not having to write it.
"""
