"""Floor 2: the operations. Each family's file holds its entries in the table of primitives, then what users call."""
