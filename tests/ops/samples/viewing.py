"""Samples of the operations that put a written view back into the tensor that it shows."""

from mytorch.ops.viewing import Geometry


def samples(draw):
    column = Geometry((2, 3), (3, 1), (2,), (3,), 1)
    nothing = Geometry((2, 3), (3, 1), (0,), (1,), 0)
    transposed = Geometry((2, 3), (1, 2), (3,), (2,), 1)
    x, two = draw.normal(2, 3), draw.normal(2)
    return {
        "overwrite": [draw(x)],
        "part": [draw(x, geometry=column), draw(x, geometry=transposed), draw(x, geometry=nothing)],
        "put_part": [draw(two, geometry=column), draw(draw.normal(3), geometry=transposed)],
        "clear_part": [draw(x, geometry=column), draw(x, geometry=transposed), draw(x, geometry=nothing)],
        "replace_part": [draw(x, two, geometry=column), draw(x, draw.normal(3), geometry=transposed)],
    }
