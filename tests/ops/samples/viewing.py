"""Samples of views by strides, and of the operations that put a written view back into the tensor that it shows."""

from mytorch.ops.viewing import Geometry


def samples(draw):
    column = Geometry((2, 3), (3, 1), (2,), (3,), 1)
    nothing = Geometry((2, 3), (3, 1), (0,), (1,), 0)
    transposed = Geometry((2, 3), (1, 2), (3,), (2,), 1)
    windows = Geometry((2, 3), (3, 1), (4, 3), (1, 1), 0)
    beside = Geometry(
        (2, 3), (3, 1), (3,), (2,), 0, 2
    )  # begins before the whole, and shows what is between its elements
    beyond = Geometry((2,), (1,), (2, 2), (2, 1), 1)
    of_repeated = Geometry((2, 3), (0, 1), (2, 2), (1, 1), 0)
    x, two, three = draw.normal(2, 3), draw.normal(2), draw.normal(3)
    windows_of_it = draw.normal(4, 3)
    return {
        "overwrite": [draw(x)],
        "part": [
            draw(x, geometry=g) for g in (column, transposed, nothing, windows, beside, of_repeated)
        ] + [draw(two, geometry=beyond)],
        "unfold": [draw(x, geometry=windows)],
        "put_part": [
            draw(two, geometry=column),
            draw(three, geometry=transposed),
            draw(windows_of_it, geometry=windows),
            draw(three, geometry=beside),
            draw(draw.normal(2, 2), geometry=beyond),
            draw(draw.normal(2, 2), geometry=of_repeated),
        ],
        "clear_part": [draw(x, geometry=g) for g in (column, transposed, nothing, windows, beside, of_repeated)],
        "replace_part": [
            draw(x, two, geometry=column),
            draw(x, three, geometry=transposed),
            draw(x, three, geometry=beside),
        ],
        "as_strided_scatter": [draw(x, two, geometry=column)],
        "select_scatter": [draw(x, two, geometry=column)],
        "slice_scatter": [draw(x, two, geometry=column)],
        "diagonal_scatter": [draw(x, three, geometry=transposed)],
    }  # fmt: skip
