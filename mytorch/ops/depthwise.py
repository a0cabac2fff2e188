"""Convolution of groups of so few channels (depthwise: one) that a matrix product of each would be all overhead.

Each output number is a sum of a few products, channel by channel. They are taken for a whole line of places and
channels at a time, with the kernel's numbers repeated along the line, by `einsum`: its inner loop multiplies and adds
in one go, where NumPy's `multiply` and `add` read and write everything twice and take 1.7 times as long. Images are
channels-last: (batch, *space, channels).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mytorch.backend import threads
from mytorch.ops.windows import CACHE, Geometry, Sizes, blocks, inner, outer, scatter, spans

FEW = 4  # channels of a group


def suits(weight: Any, groups: int) -> bool:
    """Whether a kernel, (outputs, channels / groups, *kernel), is better applied here than by matrix products."""
    return weight.shape[0] // groups <= FEW and weight.shape[1] <= FEW


class _Windows:
    """What the windows see, for some images at a time.

    Args:
        x: images; `each` of its channels are a group.
        sizes: the output's shape in space.
    """

    def __init__(self, xp: Any, x: Any, each: int, kernel: Sizes, sizes: Sizes, geometry: Geometry) -> None:
        self.xp, self.x, self.each, self.kernel, self.sizes, self.geometry = xp, x, each, kernel, sizes, geometry
        self.seen = spans(x.shape[1:-1], sizes, kernel, geometry)
        # With a stride each number is laid out several times.
        self.together = CACHE if geometry.stride[-1] == 1 else CACHE // 2
        self.line = sizes[-1] * (x.shape[-1] // each)
        dims = len(kernel)
        places, taps = "abcdefg"[: dims - 1], "ijklmno"[:dims]
        # Batch n, all places but the last, channel y within the group, the kernel's places, and the line z of
        # neighbouring places and groups.
        self.images, self.factors, self.results = f"n{places}y{taps}z", f"y{taps}z", f"n{places}z"

    def of(self, block: slice) -> Any:
        """The numbers that each tap of each window meets, in the order of `self.images`: mostly a view."""
        xp, x, each = self.xp, self.x[block], self.each
        stride, _, dilation = self.geometry
        groups = x.shape[-1] // each
        lengths = [s.length for s in self.seen]
        patch = xp.zeros((each, len(x), *lengths, groups), x.dtype)
        for c in range(each):
            scatter(xp, x[..., c::each][outer(self.seen)], patch[c][inner(self.seen)])
        last_tap, last_step = self.kernel[-1], patch.strides[-2]
        reach = dilation[-1]
        if stride[-1] > 1:  # neighbouring places of the output see places that lie apart: bring them together
            width = self.sizes[-1]
            spread = xp.empty((last_tap, *patch.shape[:-2], width, groups), x.dtype)
            for k in range(last_tap):
                first = k * reach
                scatter(xp, patch[..., first : first + (width - 1) * stride[-1] + 1 : stride[-1], :], spread[k])
            last_step, patch = spread.strides[0], spread
            strides = patch.strides[1:]
        else:
            last_step *= reach
            strides = patch.strides
        places = [step * s for step, s in zip(strides[2:-2], stride[:-1], strict=True)]
        taps = [step * d for step, d in zip(strides[2:-2], dilation[:-1], strict=True)]
        return xp.lib.stride_tricks.as_strided(
            patch,
            (len(x), *self.sizes[:-1], each, *self.kernel, self.line),
            (strides[1], *places, strides[0], *taps, last_step, patch.itemsize),
        )


def correlate(xp: Any, x: Any, weight: Any, bias: Any, sizes: Sizes, geometry: Geometry, groups: int, out: Any) -> None:
    """Write to `out`, (batch, *sizes, outputs), what `mytorch.ops.conv_kernels.correlate` describes."""
    windows = _Windows(xp, x, weight.shape[1], weight.shape[2:], sizes, geometry)
    factors = [xp.tile(xp.moveaxis(w, 0, -1), sizes[-1]) for w in _by_output(weight, groups)]
    each = len(factors)
    formula = f"{windows.images},{windows.factors}->{windows.results}"

    def work(block: slice) -> None:
        seen = windows.of(block)
        for o, w in enumerate(factors):
            part = out[block][..., o::each]
            lines = (*seen.shape[: len(sizes)], windows.line)
            total = part.reshape(lines) if part.flags.c_contiguous else xp.empty(lines, x.dtype)
            xp.einsum(formula, seen, w, out=total)
            if bias is not None:
                total += xp.tile(bias[o::each], sizes[-1])
            if not part.flags.c_contiguous:
                scatter(xp, total.reshape(part.shape), part)

    threads.run(work, blocks(x, windows.together))


def kernel_gradient(xp: Any, x: Any, g: Any, weight: Any, geometry: Geometry, groups: int) -> None:
    """Write to `weight` the gradient of the kernel; see `mytorch.ops.conv_kernels.correlate_kernel`."""
    sizes = g.shape[1:-1]
    windows = _Windows(xp, x, weight.shape[1], weight.shape[2:], sizes, geometry)
    parts = list(_by_output(weight, groups))
    each = len(parts)
    formula = f"{windows.images},{windows.results}->{windows.factors}"
    pieces = blocks(x, windows.together)
    found: list[Any] = [None] * len(pieces)

    def work(number: int) -> None:
        block = pieces[number]
        seen = windows.of(block)
        found[number] = [
            xp.einsum(
                formula, seen, xp.ascontiguousarray(g[block][..., o::each]).reshape(*seen.shape[: len(sizes)], -1)
            )
            for o in range(each)
        ]

    threads.run(work, range(len(pieces)))
    for o, part in enumerate(parts):
        lines = sum(totals[o] for totals in found)
        part[...] = xp.moveaxis(xp.sum(lines.reshape(*lines.shape[:-1], sizes[-1], groups), axis=-2), -1, 0)


def _by_output(weight: Any, groups: int) -> Iterator[Any]:
    """For each of a group's outputs its part of the kernel, (groups, channels of a group, *kernel): views."""
    outputs = weight.shape[0] // groups
    for o in range(outputs):
        yield weight[o::outputs]
