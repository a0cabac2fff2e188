"""Samples of convolutions: every option, in one to three dimensions."""

from mytorch.ops.windows import Geometry

# space, kernel, output size, stride, padding, dilation, channels, outputs, groups
CASES = [
    ((4,), (2,), (3,), (1,), (0,), (1,), 2, 1, 1),
    ((5,), (2,), (3,), (2,), (1,), (2,), 1, 2, 1),
    ((3, 3), (2, 2), (2, 2), (1, 1), (0, 0), (1, 1), 1, 2, 1),
    ((3, 4), (2, 3), (2, 3), (2, 1), (1, 1), (1, 1), 1, 1, 1),
    ((4, 2), (2, 1), (2, 2), (1, 1), (0, 0), (2, 1), 1, 1, 1),
    ((3, 2), (2, 2), (2, 1), (1, 1), (0, 0), (1, 1), 2, 2, 2),
    ((2, 2), (1, 1), (2, 2), (1, 1), (0, 0), (1, 1), 2, 2, 1),
    ((5, 3), (1, 2), (2, 1), (3, 2), (0, 0), (1, 1), 1, 1, 1),
    ((2, 2, 3), (2, 1, 2), (1, 2, 3), (1, 1, 1), (0, 0, 1), (1, 1, 1), 1, 1, 1),
]


def samples(draw):
    made = {"convolution": [], "convolution_back": [], "convolution_kernel": []}
    for space, kernel, sizes, stride, padding, dilation, channels, outputs, groups in CASES:
        common = {"geometry": Geometry(stride, padding, dilation), "groups": groups}
        for batch in (1, 0) if len(space) == 1 else (1,):
            x = draw.normal(batch, channels, *space)
            w = draw.normal(outputs, channels // groups, *kernel)
            g = draw.normal(batch, outputs, *sizes)
            made["convolution"] += [draw(x, w, b, sizes=sizes, **common) for b in (draw.normal(outputs), None)]
            made["convolution_back"] += [draw(g, w, b, sizes=space, **common) for b in (draw.normal(channels), None)]
            made["convolution_kernel"].append(draw(x, g, sizes=kernel, **common))
    made["sum_channels"] = [draw(draw.normal(2, 3, 2)), draw(draw.normal(2, 1, 2, 2)), draw(draw.normal(0, 2, 3))]
    return made
