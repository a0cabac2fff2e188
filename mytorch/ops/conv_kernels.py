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
the slices of neighbouring rows overlap. An output row of several images is one product.

It is done for blocks of images that fit in the processor's cache: the memory that this takes does not grow with the
batch. Blocks are what threads share; sums over them are added in order, so results have the same bits on any number.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from mytorch.backend import threads
from mytorch.ops import depthwise
from mytorch.ops.windows import Geometry, Sizes, Span, channels_first, channels_last, inner, outer, scatter, spans

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


class Block(NamedTuple):
    """Some images, and of their output some places along the first axis."""

    images: slice
    top: slice


class Lowering:
    """Lays images out block by block, so that each block of the output is a product with the kernel as a matrix.

    Args:
        x: images, (batch, *space, channels).
        kernel, sizes: the kernel's shape, and the output's in space.
        outputs: the number of output channels, by which the way is chosen.
        cache: bytes to lay out at a time.

    `blocks` depend on these numbers alone. Several threads may lower blocks at a time: each has memory of its own.
    """

    def __init__(
        self, xp: Any, x: Any, kernel: Sizes, sizes: Sizes, geometry: Geometry, outputs: int, cache: int
    ) -> None:
        self.xp, self.x, self.kernel, self.sizes, self.geometry = xp, x, kernel, sizes, geometry
        stride, padding, dilation = geometry
        batch, channels = x.shape[0], x.shape[-1]
        self.workspaces: dict[int, _Workspace] = {}
        self.blocks = [Block(slice(0, batch), slice(0, sizes[0]))]
        # Where every number is used once, there is nothing to lay out.
        self.by_image = False
        self.nothing_to_do = (
            {*kernel, *stride} == {1} and not any(padding) and x.flags.c_contiguous and sizes == x.shape[1:-1]
        )
        if self.nothing_to_do:
            return
        columns = math.prod(kernel) * channels
        self.overlapping = (
            len(kernel) > 1
            and kernel[0] > stride[0]
            and dilation[0] == 1
            and columns * outputs * FEW_ROWS * 2 <= SMALL
            and math.prod(sizes[1:]) >= FEW_ROWS
        )
        lines = ((sizes[0] - 1) * stride[0] + kernel[0]) / kernel[0] if self.overlapping else sizes[0]
        image_bytes = int(lines * math.prod(sizes[1:]) * columns * x.itemsize)
        out_bytes = math.prod(sizes) * outputs * x.itemsize
        # All that is taken is well below the kernel's width-th part of what im2col would take, and what comes out of a
        # block stays in the cache too. Blocks are equal, and an even number of them suits two threads.
        budget = 0.6 * batch * math.prod(sizes) * columns * x.itemsize / kernel[-1]
        # Where much more comes out than goes in, the rows of each image are products of their own, written in place.
        self.by_image = self.overlapping and out_bytes > 2 * image_bytes
        taken = image_bytes + math.prod(x.shape[1:]) * x.itemsize + (0 if self.by_image else out_bytes)
        count = math.ceil(batch / max(1, min(cache / max(image_bytes, out_bytes), budget / taken)))
        images = -(-batch // (count + count % 2 if count > 1 else 1))
        height = sizes[0] if image_bytes <= 1.5 * cache else max(cache * sizes[0] // image_bytes, kernel[0])
        self.blocks = [
            Block(slice(first, min(first + images, batch)), slice(top, min(top + height, sizes[0])))
            for first, top in itertools.product(range(0, batch, images), range(0, sizes[0], height))
        ]
        self.seen = {
            top: spans(
                x.shape[1:-1],
                (min(height, sizes[0] - top), *sizes[1:]),
                kernel,
                geometry._replace(padding=(padding[0] - top * stride[0], *padding[1:])),
            )
            for top in range(0, sizes[0], height)
        }

    def rows(self, block: Block) -> Any:
        """The lowered block: (lines, rows, columns), with columns in the order of the kernel's elements and channels.

        The lines are output places along the first axis, or there is a single one; the rows are those of all images.
        With `by_image` it is (images, lines, rows, columns). The memory is used again for the thread's next block.
        """
        if self.nothing_to_do:
            return self.x.reshape(1, -1, self.x.shape[-1])
        thread = threading.get_ident()
        workspace = self.workspaces.get(thread)
        if workspace is None:
            workspace = self.workspaces[thread] = _Workspace()
        seen = self.seen[block.top.start]
        key = (block.images.stop - block.images.start, seen[0][1:])
        layout = workspace.layouts.get(key)
        if layout is None:
            part = (block.top.stop - block.top.start, *self.sizes[1:])
            layout = workspace.layouts[key] = _Layout(self, workspace, key[0], seen, part)
        return layout.fill(self.x, block.images, seen)


class _Workspace:
    """What one thread lays blocks out in: memory, and the ways in which blocks of several shapes lie in it."""

    def __init__(self) -> None:
        self.memory: Any = None
        self.layouts: dict[Any, _Layout] = {}


class _Layout:
    """The views for blocks of one shape: the bordered patch, its lowered copy, and the rows of that.

    Args:
        lowering: what all blocks have in common.
        workspace: has the memory.
        count: how many images are laid out at a time.
        seen: what the windows see of them.
        sizes: the block's output in space.
    """

    def __init__(
        self, lowering: Lowering, workspace: _Workspace, count: int, seen: Sequence[Span], sizes: Sizes
    ) -> None:
        self.xp = xp = lowering.xp
        x, kernel, overlapping = lowering.x, lowering.kernel, lowering.overlapping
        stride, _, dilation = lowering.geometry
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
        if workspace.memory is None or workspace.memory.size < numbers:
            workspace.memory = xp.empty(numbers, dtype=x.dtype)
        memory = workspace.memory
        self.target = _strided(xp, memory, 0, walk, _packed(walk, run * item), run)

        width = math.prod(kernel[1:]) * channels * item
        along = lengths[0] * width  # from one row to the next
        shape = (sizes[0], count * math.prod(sizes[1:]), kernel[0] * (width // item))
        self.rows = _strided(xp, memory, 0, shape, (stride[0] * width, along, item))
        if lowering.by_image:
            self.rows = self.rows.reshape(sizes[0], count, -1, shape[2]).swapaxes(0, 1)

    def fill(self, x: Any, images: slice, seen: Sequence[Span]) -> Any:
        """Lower what the windows see of some of the images `x` and return its rows."""
        walk, steps, run = self.source
        if self.patch is None:
            starts = (images.start, *[s.start for s in seen])
            offset = sum([start * step for start, step in zip(starts, x.strides, strict=False)])
        else:
            scatter(self.xp, x[(images, *outer(seen)[1:])], self.interior)
            x, offset = self.patch, 0
        self.target[...] = _strided(self.xp, x, offset, walk, steps, run)
        return self.rows


def _packed(shape: Sizes, item: int) -> Sizes:
    """The steps in bytes of an array without gaps."""
    return tuple([item * math.prod(shape[i + 1 :]) for i in range(len(shape))])


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
    total = _added_products(xp, _in_pieces(a, whole, most), _in_pieces(b, whole, most))
    if whole < rows:
        total += xp.sum(xp.matmul(xp.swapaxes(a[:, whole:], -1, -2), b[:, whole:]), axis=0)
    return total.T if turned else total


def _added_products(xp: Any, a: Any, b: Any) -> Any:
    """The sum of all `a[i, j].T @ b[i, j]`, of so many at a time that they are added up while they are in the cache."""
    many = max(CACHE // (4 * a.shape[3] * b.shape[3] * a.itemsize), 1)
    lines, pieces = max(many // a.shape[1], 1), min(many, a.shape[1])
    total: Any = 0
    for line, piece in itertools.product(range(0, len(a), lines), range(0, a.shape[1], pieces)):
        some = slice(line, line + lines), slice(piece, piece + pieces)
        total = total + xp.sum(xp.matmul(xp.swapaxes(a[some], -1, -2), b[some]), axis=(0, 1))
    return total


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
        for source, target, part_sizes, part_geometry in _undilated(x, out, kernel, sizes, geometry):
            _correlate_blocks(xp, source, kernel, matrix, spread, part_sizes, part_geometry, target)
    elif depthwise.suits(weight, groups):
        depthwise.correlate(xp, x, weight, bias, sizes, geometry, groups, out)
    else:
        for ours, theirs, here in _groups(weight.shape[1], outputs, groups):
            part_bias = None if bias is None else bias[here]
            correlate(xp, x[..., ours], weight[theirs], part_bias, sizes, geometry, 1, out[..., here])
    return out


def _correlate_blocks(
    xp: Any, x: Any, kernel: Sizes, matrix: Any, spread: Any, sizes: Sizes, geometry: Geometry, out: Any
) -> None:
    """Write the products of all blocks with the kernel as a matrix, plus the bias spread along a line, to `out`."""
    outputs = matrix.shape[1]
    lowering = Lowering(xp, x, kernel, sizes, geometry, outputs, CACHE)

    def work(block: Block) -> None:
        part = out[block]
        rows = lowering.rows(block)
        direct = (lowering.by_image or len(rows) == 1) and part.flags.c_contiguous
        shape = (*rows.shape[:-1], outputs)
        result = part.reshape(shape) if direct else xp.empty(shape, x.dtype)
        _product(xp, rows, matrix, result)
        if spread is not None:
            lines = result.reshape(-1, *spread[: part.shape[-2]].shape)
            lines += spread[: part.shape[-2]]
        if not direct:
            scatter(xp, result.reshape(part.shape) if lowering.by_image else _as_images(result, part.shape), part)

    threads.run(work, lowering.blocks)


def _as_images(rows: Any, shape: Sizes) -> Any:
    """What belongs to lowered rows, (lines, rows, outputs), as images of that shape."""
    images, top, *rest = shape
    if len(rows) == 1:
        return rows.reshape(shape)
    return rows.reshape(top, images, *rest).swapaxes(0, 1)


def _undilated(
    x: Any, out: Any, kernel: Sizes, sizes: Sizes, geometry: Geometry
) -> Iterator[tuple[Any, Any, Sizes, Geometry]]:
    """The images and the output in parts that have no dilation along the first axis, with their sizes and geometry.

    With dilation d, the output's places of one remainder modulo d see the images' places of one remainder only.
    """
    d, before = geometry.dilation[0], geometry.padding[0]
    if d == 1 or kernel[0] == 1 or len(kernel) == 1 or geometry.stride[0] > 1:
        yield x, out, sizes, geometry
        return
    for first in range(min(d, sizes[0])):
        begin = (first - before) % d
        target = out[:, first::d]
        yield (
            x[:, begin::d],
            target,
            (target.shape[1], *sizes[1:]),
            geometry._replace(
                padding=((begin - first + before) // d, *geometry.padding[1:]), dilation=(1, *geometry.dilation[1:])
            ),
        )


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
        for source, against, part_sizes, part_geometry in _undilated(x, g, kernel, sizes, geometry):
            total = total + _kernel_of_blocks(xp, source, against, kernel, part_sizes, part_geometry)
        weight[...] = channels_first(total.T.reshape(outputs, *kernel, channels))
    elif depthwise.suits(weight, groups):
        depthwise.kernel_gradient(xp, x, g, weight, geometry, groups)
    else:
        for ours, theirs, here in _groups(channels // groups, outputs, groups):
            weight[theirs] = correlate_kernel(xp, x[..., ours], g[..., here], kernel, geometry, 1)
    return weight


def _kernel_of_blocks(xp: Any, x: Any, g: Any, kernel: Sizes, sizes: Sizes, geometry: Geometry) -> Any:
    """The gradient of the kernel as a matrix, (columns, outputs)."""
    outputs = g.shape[-1]
    # Large kernels want long sums, so that fewer of their gradients have to be added up.
    cache = CACHE if math.prod(kernel) * x.shape[-1] * outputs * 8 * FEW_ROWS <= SMALL else 4 * CACHE
    lowering = Lowering(xp, x, kernel, sizes, geometry, outputs, cache)
    parts: list[Any] = [None] * len(lowering.blocks)

    def work(number: int) -> None:
        block = lowering.blocks[number]
        rows = lowering.rows(block)
        if lowering.by_image:
            parts[number] = _added_products(xp, rows, g[block].reshape(*rows.shape[:-1], outputs))
            return
        against = g[block].swapaxes(0, 1) if len(rows) > 1 else g[block]
        parts[number] = _sum_of_products(xp, rows, against.reshape(*rows.shape[:-1], outputs))

    threads.run(work, range(len(parts)))
    return functools.reduce(operator.iadd, parts)


def sum_of_rows(xp: Any, x: Any) -> Any:
    """The sum over all but the last axis, over the longest runs of memory first."""
    channels = x.shape[-1]
    lines = x.reshape(-1, x.shape[-2] * channels) if x.size else x.reshape(0, channels)
    return xp.sum(xp.sum(lines, axis=0).reshape(-1, channels), axis=0)


# --- groups ---------------------------------------------------------------------------------------------------------


def _groups(channels: int, outputs: int, groups: int) -> Iterator[tuple[slice, slice, slice]]:
    """For each group its input channels, its part of the kernel, and its output channels."""
    each = outputs // groups
    for i in range(groups):
        here = slice(i * each, (i + 1) * each)
        yield slice(i * channels, (i + 1) * channels), here, here
