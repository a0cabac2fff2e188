"""Convolution on raw arrays: one way to lay images out, and the three sums of products that are built on it.

Everything here is channels-last: images are (batch, *space, channels), whatever their memory looks like, and results
are made so. For one axis, a convolution reads input position `i = o * stride - padding + k * dilation` for output
position `o` and kernel position `k`, and zero where `i` lies outside. Its three parts are

- `correlate`: the output, from input and kernel;
- `correlate_back`: its adjoint, the gradient of the input (or a transposed convolution), from output and kernel;
- `correlate_kernel`: the gradient of the kernel, from input and output.

The usual way to make a convolution a matrix product (im2col) copies every input number once for every element of the
kernel. Here all axes but the first are lowered so. The first stays as it is: output row `o` needs the input rows
`o * stride` to `o * stride + K - 1`, which lie side by side, so it is a product with a slice of the same memory, and
the slices of neighbouring rows overlap. It is done for as many images at a time as fit in the processor's cache: the
memory that this takes does not grow with the batch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from mytorch.ops.windows import Geometry, Sizes, Span, channels_first, channels_last, inner, outer, spans, taps

CACHE = 2**20  # bytes of lowered images at a time: about the second-level cache of one core
# Products of up to this many multiplications are taken by OpenBLAS's kernels for small matrices, which do not first
# copy their operands. On convolutions, whose results have few columns, they are 1.3 to 2 times as fast.
SMALL = 1_000_000
FEW_ROWS = 8  # with fewer rows the kernels idle


def _strided(xp: Any, array: Any, offset: int, shape: Sizes, strides: Sizes, run: int = 1) -> Any:
    """The memory of a C-contiguous array, from `offset` bytes on, seen in another shape.

    With `run`, an item is that many neighbouring numbers: NumPy then moves them at once, three times as fast.
    """
    if type(array) is np.ndarray:
        kind = array.dtype if run == 1 else np.dtype((np.void, run * array.itemsize))
        return np.ndarray(shape, kind, array, offset, strides)
    flat = array.reshape(-1)[offset // array.itemsize :]
    if run > 1:
        shape, strides = (*shape, run), (*strides, array.itemsize)
    return xp.lib.stride_tricks.as_strided(flat, shape, strides)


def lowered(
    xp: Any, x: Any, kernel: Sizes, sizes: Sizes, geometry: Geometry, outputs: int, cache: int
) -> Iterator[tuple[Any, tuple[slice, ...]]]:
    """Lay out the images block by block, so that the output is a product with the kernel as a matrix.

    Args:
        x: images, (batch, *space, channels).
        kernel, sizes: the kernel's shape, and the output's in space.
        outputs: the number of output channels, by which the way is chosen.
        cache: bytes to lay out at a time.

    Yields:
        `(rows, where)`: rows of shape (images, lines, line, columns), with columns in the order of the kernel's
        elements with the channels last; `where` is the part of the output, (batch, *sizes), that they belong to. The
        memory of `rows` is used again for the next block.
    """
    stride, padding, dilation = geometry
    batch, channels = x.shape[0], x.shape[-1]
    if {*kernel, *stride} == {1} and not any(padding) and x.flags.c_contiguous and sizes == x.shape[1:-1]:
        yield x.reshape(1, 1, -1, channels), (slice(None),)  # every number is used once: nothing to lay out
        return
    columns = math.prod(kernel) * channels
    overlapping = (
        len(kernel) > 1
        and kernel[0] > stride[0]
        and dilation[0] == 1
        and columns * outputs * FEW_ROWS * 2 <= SMALL
        and math.prod(sizes[1:]) >= FEW_ROWS
    )
    lines = ((sizes[0] - 1) * stride[0] + kernel[0]) / kernel[0] if overlapping else sizes[0]
    image_bytes = int(lines * math.prod(sizes[1:]) * columns * x.itemsize)
    images = min(batch, max(1, cache // image_bytes))
    images = -(-batch // -(-batch // images))  # blocks of about equal size
    height = sizes[0] if image_bytes <= cache else max(cache * sizes[0] // image_bytes, kernel[0])
    layouts: dict[Any, _Layout] = {}
    for first, top in itertools.product(range(0, batch, images), range(0, sizes[0], height)):
        part = (min(height, sizes[0] - top), *sizes[1:])
        here = geometry._replace(padding=(padding[0] - top * stride[0], *padding[1:]))
        seen = spans(x.shape[1:-1], part, kernel, here)
        block = x[first : first + images][outer(seen)]
        key = (len(block), seen[0][1:])
        if key not in layouts:
            layouts[key] = _Layout(xp, x, len(block), seen, part, kernel, geometry, overlapping, list(layouts.values()))
        yield layouts[key].fill(x, block), (slice(first, first + images), slice(top, top + height))


class _Layout:
    """The memory and the views for blocks of one shape: the bordered patch, its lowered copy, and the rows of that.

    Args:
        x: all images.
        count: how many of them are laid out at a time.
        seen: what the windows see of them.
        sizes: the block's output in space.
        overlapping: keep the first axis as it is.
        others: layouts of which the memory can be shared.
    """

    def __init__(
        self,
        xp: Any,
        x: Any,
        count: int,
        seen: Sequence[Span],
        sizes: Sizes,
        kernel: Sizes,
        geometry: Geometry,
        overlapping: bool,
        others: Sequence[_Layout],
    ) -> None:
        self.xp = xp
        stride, _, dilation = geometry
        channels, item = x.shape[-1], x.itemsize
        lengths = tuple([s.length for s in seen])
        self.patch: Any = None
        self.interior: Any = None
        strides = _packed(x.shape, item)
        # Images that are laid out channels-last and need no border are read where they are.
        if not x.flags.c_contiguous or any(s.read != s.length for s in seen):
            self.patch = xp.zeros((count, *lengths, channels), dtype=x.dtype)
            self.interior = self.patch[inner(seen)]
            strides = self.patch.strides
        if not overlapping:  # an axis of length one in front becomes the one that stays as it is
            lengths, sizes, kernel = (1, *lengths), (1, *sizes), (1, *kernel)
            stride, dilation, strides = (1, *stride), (1, *dilation), (strides[0], 0, *strides[1:])
        # The axes to walk along: images, places of the window but for the first axis, the first axis, the kernel
        # without it; and at the end a run of neighbouring numbers.
        walk = (count, *sizes[1:], lengths[0], *kernel[1:])
        steps = (
            strides[0],
            *[step * s for step, s in zip(strides[2:-1], stride[1:], strict=True)],
            strides[1],
            *[step * d for step, d in zip(strides[2:-1], dilation[1:], strict=True)],
        )
        run = channels
        if dilation[-1] == 1:
            run, walk, steps = run * kernel[-1], walk[:-1], steps[:-1]
        self.source = (walk, steps, run)
        numbers = math.prod(walk) * run
        shared = [o.memory for o in others if o.memory.size >= numbers]
        self.memory: Any = shared[0] if shared else xp.empty(numbers, dtype=x.dtype)
        self.target = _strided(xp, self.memory, 0, walk, _packed(walk, run * item), run)

        width, line = math.prod(kernel[1:]) * channels, math.prod(sizes[1:])
        along = lengths[0] * width * item  # from one place in a line to the next
        if overlapping:
            shape, steps = (count, sizes[0], line), (line * along, stride[0] * width * item, along)
        else:
            shape, steps = (1, 1, count * line), (0, 0, along)
        self.rows = _strided(xp, self.memory, 0, (*shape, kernel[0] * width), (*steps, item))

    def fill(self, x: Any, block: Any) -> Any:
        """Lower a block of the images `x` and return its rows."""
        walk, steps, run = self.source
        if self.patch is not None:
            self.interior[...] = block
            x = block = self.patch
        self.target[...] = _strided(self.xp, x, _address(block) - _address(x), walk, steps, run)
        return self.rows


def _packed(shape: Sizes, item: int) -> Sizes:
    """The steps in bytes of an array without gaps."""
    return tuple([item * math.prod(shape[i + 1 :]) for i in range(len(shape))])


def _address(array: Any) -> int:
    """Where an array's memory begins."""
    return int(array.ctypes.data if type(array) is np.ndarray else array.data.ptr)


def _product(xp: Any, a: Any, b: Any, out: Any) -> None:
    """`out = a @ b` for a stack of tall matrices and one small one, in pieces that suit the BLAS library."""
    rows, most = a.shape[-2], SMALL // b.size
    if rows <= most or most < 2 * FEW_ROWS:
        xp.matmul(a, b, out=out)
        return
    pieces = -(-rows // most)
    piece = rows // pieces if rows % pieces == 0 else most // 16 * 16
    whole = rows // piece * piece
    xp.matmul(_in_pieces(a, whole, piece), b, out=_in_pieces(out, whole, piece))
    if whole < rows:
        xp.matmul(a[..., whole:, :], b, out=out[..., whole:, :])


def _in_pieces(a: Any, whole: int, piece: int) -> Any:
    """The first `whole` rows of each matrix of a stack as matrices of `piece` rows: a view."""
    return a[..., :whole, :].reshape(*a.shape[:-2], whole // piece, piece, a.shape[-1])


def _sum_of_products(xp: Any, a: Any, b: Any) -> Any:
    """The sum over a stack of all `a[i].T @ b[i]`, in pieces that suit the BLAS library."""
    turned = a.shape[2] >= 64  # results with long rows are made faster
    if turned:
        a, b = b, a
    rows, most = a.shape[1], SMALL // (a.shape[2] * b.shape[2])
    if rows <= most or most < 8 * FEW_ROWS:  # short sums would make more results to add up than they save
        most = rows
    whole = rows // most * most
    products = xp.matmul(xp.swapaxes(_in_pieces(a, whole, most), -1, -2), _in_pieces(b, whole, most))
    total = xp.sum(products, axis=(0, 1))
    if whole < rows:
        total += xp.sum(xp.matmul(xp.swapaxes(a[:, whole:], -1, -2), b[:, whole:]), axis=0)
    return total.T if turned else total


# --- the three parts ------------------------------------------------------------------------------------------------


def correlate(
    xp: Any, x: Any, weight: Any, bias: Any, sizes: Sizes, geometry: Geometry, groups: int, out: Any = None
) -> Any:
    """Slide the kernel over the images.

    Args:
        x: (batch, *space, channels).
        weight: (outputs, channels / groups, *kernel).
        bias: (outputs,) or None.
        sizes: the result's shape in space.
        out: where to write.

    Returns:
        (batch, *sizes, outputs).
    """
    outputs, kernel = weight.shape[0], weight.shape[2:]
    if out is None:
        out = xp.empty((x.shape[0], *sizes, outputs), dtype=x.dtype)
    if not out.size or not x.size:
        out[...] = 0 if bias is None else bias
    elif groups == 1:
        spread = None if bias is None else _along_line(xp, bias, sizes)
        matrix = xp.ascontiguousarray(channels_last(weight).reshape(outputs, -1).T)
        for rows, where in lowered(xp, x, kernel, sizes, geometry, outputs, CACHE):
            part = out[where]
            result = part.reshape(*rows.shape[:-1], outputs)
            _product(xp, rows, matrix, result)
            if not np.may_share_memory(result, part):  # the reshape was a copy
                part[...] = result.reshape(part.shape)
            if spread is not None:
                part += spread[: part.shape[-2]]
    elif _is_thin(weight, groups):
        _correlate_by_taps(xp, x, weight, sizes, geometry, groups, out)
        if bias is not None:
            out += _along_line(xp, bias, sizes)
    else:
        for ours, theirs, here in _groups(weight.shape[1], outputs, groups):
            part_bias = None if bias is None else bias[here]
            correlate(xp, x[..., ours], weight[theirs], part_bias, sizes, geometry, 1, out[..., here])
    return out


def _along_line(xp: Any, values: Any, sizes: Sizes) -> Any:
    """Values of a place (one for each channel, say) repeated for a whole line of places.

    An operation with an array in memory then runs over the line in one go; broadcast, it starts anew at every place.
    """
    return xp.broadcast_to(values, (sizes[-1], *values.shape)).copy()


def correlate_back(xp: Any, g: Any, weight: Any, bias: Any, sizes: Sizes, geometry: Geometry, groups: int) -> Any:
    """The adjoint of `correlate`: spread every output number over the window that it came from.

    With stride 1 this is again a convolution, with the kernel flipped. With stride `s`, the results at positions of
    one remainder modulo `s` see every `s`-th element of the kernel only: for each remainder it is a convolution with
    those, and no product with zero is taken.

    Args:
        g: (batch, *space of the output, outputs).
        weight: (outputs, channels / groups, *kernel).
        bias: (channels,) or None.
        sizes: the result's shape in space, that of the images.

    Returns:
        (batch, *sizes, channels).
    """
    outputs, part, *kernel = weight.shape
    turned = weight.reshape(groups, outputs // groups, part, *kernel).swapaxes(1, 2)
    turned = turned.reshape(groups * part, outputs // groups, *kernel)
    out = xp.empty((g.shape[0], *sizes, groups * part), dtype=g.dtype)
    axes = zip(kernel, sizes, *geometry, strict=True)
    for phases in itertools.product(*[_phases(*axis) for axis in axes]):
        where = out[(slice(None), *[phase.where for phase in phases])]
        if not where.size:
            continue
        if any(phase.taps is None for phase in phases):
            where[...] = 0 if bias is None else bias
            continue
        chosen = turned[(slice(None), slice(None), *[phase.taps for phase in phases])]
        inner_geometry = Geometry(
            (1,) * len(kernel), tuple([-p.offset for p in phases]), tuple([p.dilation for p in phases])
        )
        correlate(xp, g, chosen, bias, where.shape[1:-1], inner_geometry, groups, where)
    return out


class _Phase(NamedTuple):
    """The positions of one remainder modulo the stride, the (flipped) kernel elements that reach them, and how."""

    where: slice
    taps: slice | None
    offset: int  # of the output position that the first of those elements meets at the first of those positions
    dilation: int


def _phases(kernel: int, size: int, stride: int, padding: int, dilation: int) -> list[_Phase]:
    found = []
    for first in range(min(stride, size)):
        where = slice(first, None, stride)
        taps_here = [k for k in range(kernel) if (first + padding - k * dilation) % stride == 0]
        if not taps_here:
            found.append(_Phase(where, None, 0, 1))
            continue
        low, high = taps_here[0], taps_here[-1]
        step = taps_here[1] - low if len(taps_here) > 1 else stride
        flipped = slice(high, low - 1 if low else None, -step)
        found.append(_Phase(where, flipped, (first + padding - high * dilation) // stride, step * dilation // stride))
    return found


def correlate_kernel(xp: Any, x: Any, g: Any, kernel: Sizes, geometry: Geometry, groups: int) -> Any:
    """The gradient of the kernel: for each of its elements, the sum of what it met times the output's gradient.

    Args:
        x: (batch, *space, channels).
        g: (batch, *space of the output, outputs).

    Returns:
        (outputs, channels / groups, *kernel).
    """
    channels, outputs, sizes = x.shape[-1], g.shape[-1], g.shape[1:-1]
    weight = xp.zeros((outputs, channels // groups, *kernel), dtype=g.dtype)
    if not x.size or not g.size:
        return weight
    if groups == 1:
        total: Any = 0
        # Large kernels want long sums, so that fewer of their gradients have to be added up.
        cache = CACHE if weight.size * 8 * FEW_ROWS <= SMALL else 4 * CACHE
        for rows, where in lowered(xp, x, kernel, sizes, geometry, outputs, cache):
            images, lines, line, columns = rows.shape
            against = g[where].reshape(images, lines, line, outputs)
            total = total + _sum_of_products(
                xp,
                rows.swapaxes(0, 1).reshape(lines, images * line, columns),
                against.swapaxes(0, 1).reshape(lines, images * line, outputs),
            )
        weight[...] = channels_first(total.T.reshape(outputs, *kernel, channels))
    elif _is_thin(weight, groups):
        _kernel_by_taps(xp, x, g, weight, geometry, groups)
    else:
        for ours, theirs, here in _groups(channels // groups, outputs, groups):
            weight[theirs] = correlate_kernel(xp, x[..., ours], g[..., here], kernel, geometry, 1)
    return weight


def sum_of_rows(xp: Any, x: Any, kept: int = 1) -> Any:
    """The sum over all but the last `kept` axes, over the longest runs of memory first."""
    end = x.shape[x.ndim - kept :]
    lines = x.reshape(-1, x.shape[-1 - kept] * math.prod(end)) if x.size else x.reshape(0, math.prod(end))
    return xp.sum(xp.sum(lines, axis=0).reshape(-1, *end), axis=0)


# --- groups ---------------------------------------------------------------------------------------------------------


def _groups(channels: int, outputs: int, groups: int) -> Iterator[tuple[slice, slice, slice]]:
    """For each group its input channels, its part of the kernel, and its output channels."""
    each = outputs // groups
    for i in range(groups):
        here = slice(i * each, (i + 1) * each)
        yield slice(i * channels, (i + 1) * channels), here, here


def _is_thin(weight: Any, groups: int) -> bool:
    """Groups of so few channels (depthwise: one) that a matrix product of each would be all overhead."""
    return weight.shape[0] // groups <= 4 and weight.shape[1] <= 4


def _blocks(x: Any, g: Any) -> Iterator[slice]:
    """Images that fit in the cache together with their results."""
    images = max(1, CACHE * len(x) // (4 * max(x.size, g.size) * x.itemsize))
    for first in range(0, len(x), images):
        yield slice(first, first + images)


def _correlate_by_taps(xp: Any, x: Any, weight: Any, sizes: Sizes, geometry: Geometry, groups: int, out: Any) -> None:
    """For groups of few channels: each kernel element times all that it meets, added up."""
    kernel, each = weight.shape[2:], weight.shape[1]
    by_group = weight.reshape(groups, -1, *weight.shape[1:])
    for block in _blocks(x, out):
        images = x[block].reshape(-1, *x.shape[1:-1], groups, each)
        total = xp.zeros((len(images), *sizes, groups, by_group.shape[1]), dtype=out.dtype)
        for tap, windows, places in taps(x.shape[1:-1], sizes, kernel, geometry):
            for c in range(each):
                factors = _along_line(xp, by_group[(slice(None), slice(None), c, *tap)], total[windows].shape[1:-2])
                total[windows] += images[places][..., c, None] * factors
        out[block] = total.reshape(-1, *sizes, out.shape[-1])


def _kernel_by_taps(xp: Any, x: Any, g: Any, weight: Any, geometry: Geometry, groups: int) -> None:
    """The gradient of the kernel for groups of few channels, added to `weight`."""
    kernel, each, sizes = weight.shape[2:], weight.shape[1], g.shape[1:-1]
    by_group = weight.reshape(groups, -1, *weight.shape[1:])
    for block in _blocks(x, g):
        images = x[block].reshape(-1, *x.shape[1:-1], groups, each)
        against = g[block].reshape(-1, *sizes, groups, by_group.shape[1])
        for tap, windows, places in taps(x.shape[1:-1], sizes, kernel, geometry):
            for c in range(each):
                products = images[places][..., c, None] * against[windows]
                by_group[(slice(None), slice(None), c, *tap)] += sum_of_rows(xp, products, 2)
