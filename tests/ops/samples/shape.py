"""Samples of operations that move elements."""

from mytorch.backend.memory_format import channels_last, contiguous_format


def samples(draw):
    x = draw.normal(2, 3)
    return {
        "expand": [draw(x, shape=(4, 2, 3)), draw(draw.normal(2, 1), shape=(2, 3)), draw(draw.normal(), shape=(2, 2))],
        "sum_to": [draw(x, shape=(3,)), draw(x, shape=(2, 1)), draw(x, shape=()), draw(x, shape=(1, 1))],
        "view": [draw(x, shape=(6,)), draw(x, shape=(3, 2, 1)), draw(draw.normal(), shape=(1,)), draw(draw.normal(0), shape=(0, 2))],
        "reshape": [draw(x, shape=(6,)), draw(x, shape=(1, 6))],
        "unsafe_view": [draw(x, shape=(6,))],
        "permute": [draw(draw.normal(2, 1, 3), axes=(2, 0, 1)), draw(draw.normal(), axes=())],
        "transpose": [draw(x, axis1=0, axis2=1), draw(draw.normal(2, 1, 3), axis1=0, axis2=2)],
        "t": [draw(x), draw(draw.normal(2)), draw(draw.normal())],
        "unsqueeze": [draw(x, axis=0), draw(x, axis=2), draw(draw.normal(), axis=0)],
        "squeeze": [draw(draw.normal(1, 3, 1), axis=(0, 2)), draw(x, axis=())],
        "squeeze_dim": [draw(draw.normal(1, 3), axis=(0,))],
        "squeeze_dims": [draw(draw.normal(1, 3, 1), axis=(0, 2))],
        "flip": [draw(x, axis=(0,)), draw(x, axis=(0, 1)), draw(draw.normal(), axis=())],
        "clone": [draw(x), draw(draw.normal()), draw(draw.normal(0))],
        "lay_out": [draw(x, format=contiguous_format), draw(draw.normal(1, 2, 2, 1), format=channels_last)],
        "slice_axis": [draw(x, axis=1, start=1, stop=3), draw(x, axis=0, start=1, stop=1)],
        "split": [draw(x, axis=1, start=0, stop=2)],
        "split_with_sizes": [draw(x, axis=0, start=1, stop=2)],
        "pad_axis": [draw(x, axis=1, start=1, size=5), draw(x, axis=0, start=0, size=2)],
        "select": [draw(x, axis=0, index=1), draw(x, axis=1, index=0)],
        "unbind": [draw(x, axis=1, index=2)],
        "cat": [
            draw(x, draw.normal(1, 3), axis=0),
            draw(x, draw.normal(2, 0), draw.normal(2, 1), axis=1),
            draw(draw.normal(2), axis=0),
        ],
        "stack": [draw(x, draw.normal(2, 3), axis=1), draw(draw.normal(), draw.normal(), axis=0)],
        "repeat": [draw(x, repeats=(2, 1)), draw(draw.normal(2), repeats=(3, 2)), draw(draw.normal(), repeats=(2,)),
                   draw(draw.normal(), repeats=()), draw(x, repeats=(0, 2))],
        "roll": [draw(x, shifts=(1,), axis=(1,)), draw(x, shifts=(2,), axis=None), draw(x, shifts=(1, -2), axis=(0, 1))],
        "tril": [draw(draw.normal(3, 3), k=0), draw(x, k=1)],
        "triu": [draw(draw.normal(3, 3), k=0), draw(draw.normal(2, 2, 2), k=-1)],
        "diagonal": [draw(x, k=0, axis1=0, axis2=1), draw(draw.normal(2, 2, 3), k=1, axis1=0, axis2=2), draw(x, k=5, axis1=0, axis2=1)],
        "diagonal_copy": [draw(x, k=-1, axis1=0, axis2=1)],
        "set_diagonal": [draw(draw.normal(2), k=1, axis1=0, axis2=1, shape=(3, 3))],
        "trace": [draw(x), draw(draw.normal(3, 3))],
    }  # fmt: skip
