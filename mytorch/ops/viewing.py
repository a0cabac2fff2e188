"""Views and writes, as the gradient sees them: to write to a view is to write to a part of the tensor that it shows.

A tensor that is written to through a view gets a new history: "the old tensor, with this part replaced by the result".
All its views get one too: "this part of the tensor". The tensor knows its views by weak references, so that they can be
told.

A part is described by its `Geometry`: shapes, strides and offsets in elements, for the whole and for the part, so that
any view can be found again in a gradient, which has memory of its own.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mytorch.autograd.application import record_alone, wrap
from mytorch.autograd.grad_mode import mode
from mytorch.autograd.primitive import Primitive
from mytorch.backend import storage


class Geometry(NamedTuple):
    """Where a whole and a part of it lie in memory: shapes, strides and offset of each, counted in elements.

    Elements of either may lie outside of the other, and several at one place (in windows that overlap).
    """

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    part_shape: tuple[int, ...]
    part_strides: tuple[int, ...]
    part_offset: int
    offset: int = 0

    @classmethod
    def of(cls, whole: Any, part: Any) -> Geometry:
        """The geometry of one raw array and another one in the same memory."""
        ahead = (storage.address(part) - storage.address(whole)) // whole.itemsize if part.size and whole.size else 0
        return cls(
            whole.shape, storage.strides(whole), part.shape, storage.strides(part), max(ahead, 0), max(-ahead, 0)
        )

    def buffer(self, xp: Any, dtype: Any) -> Any:
        """Zeroed memory that is large enough for both."""
        ends = self.offset + storage.span(self.shape, self.strides)
        part_ends = self.part_offset + storage.span(self.part_shape, self.part_strides)
        return xp.zeros(max(ends, part_ends), dtype=dtype)

    def whole(self, buffer: Any) -> Any:
        """The buffer seen as the whole."""
        return _strided(buffer, self.shape, self.strides, self.offset)

    def part(self, buffer: Any) -> Any:
        """The buffer seen as the part."""
        return _strided(buffer, self.part_shape, self.part_strides, self.part_offset)


def _strided(buffer: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Any:
    if not math.prod(shape):
        return buffer[:0].reshape(shape)
    size = buffer.dtype.itemsize
    return np.ndarray(shape, buffer.dtype, buffer, offset * size, [s * size for s in strides])


def _add(xp: Any, buffer: Any, shape: tuple[int, ...], show: Any, values: Any) -> None:
    """Add values to what `show` shows of a buffer of zeros; where elements lie at one place, all that come there."""
    shown = show(buffer)
    if storage.overlaps(shape, storage.strides(shown)):
        xp.add.at(buffer, show(np.arange(buffer.size)), values)
    else:
        shown[...] = values


def _share(buffer: Any, geometry: Geometry) -> None:
    """Divide what lies in a buffer among the elements of the whole that lie at one place."""
    if storage.overlaps(geometry.shape, geometry.strides):
        count = np.bincount(geometry.whole(np.arange(buffer.size)).ravel(), minlength=buffer.size)
        buffer /= np.maximum(count, 1).astype(buffer.dtype)


def _filled(xp: Any, whole: Any, geometry: Geometry) -> Any:
    """A buffer with the whole in it; of elements that lie at one place, their mean."""
    buffer = geometry.buffer(xp, whole.dtype)
    _add(xp, buffer, geometry.shape, geometry.whole, whole)
    _share(buffer, geometry)
    return buffer


def _part_forward(xp: Any, x: Any, geometry: Geometry) -> Any:
    return geometry.part(_filled(xp, x, geometry)).copy()


def _put_part_forward(xp: Any, x: Any, geometry: Geometry) -> Any:
    """The adjoint of taking the part."""
    buffer = geometry.buffer(xp, x.dtype)
    _add(xp, buffer, geometry.part_shape, geometry.part, x)
    _share(buffer, geometry)
    return geometry.whole(buffer)


def _replace_part_forward(xp: Any, x: Any, part: Any, geometry: Geometry) -> Any:
    buffer = _filled(xp, x, geometry)
    geometry.part(buffer)[...] = part
    return geometry.whole(buffer)


def _clear_part_forward(xp: Any, x: Any, geometry: Geometry) -> Any:
    return _replace_part_forward(xp, x, 0, geometry)


_part = Primitive(
    "part",
    _part_forward,
    [lambda xp, g, _out, _x, geometry: xp.put_part(g, geometry)],
    grad_name="AsStridedBackward0",
)
_put_part = Primitive("put_part", _put_part_forward, [lambda xp, g, _out, _x, geometry: xp.part(g, geometry)])
_clear_part = Primitive(
    "clear_part", _clear_part_forward, [lambda xp, g, _out, _x, geometry: xp.clear_part(g, geometry)]
)
_replace_part = Primitive(
    "replace_part",
    _replace_part_forward,
    [
        lambda xp, g, _out, _x, _part, geometry: xp.clear_part(g, geometry),
        lambda xp, g, _out, _x, _part, geometry: xp.part(g, geometry),
    ],
    grad_name="CopySlices",
)


def show(array: Any, of: Any, primitive: Primitive = _part) -> Any:
    """A tensor around a raw array that lies in the memory of the tensor `of`: a view of it.

    The gradient's way back is that of taking a part; `primitive` may be a variant of it under another name.
    """
    out = wrap(array)
    base = of if of.base is None else of.base
    out.base, out.version = base, of.counter()
    if base.node is not None or not base.requires_grad:  # else no write through a view can be recorded
        base.add_view(out)
    if of.requires_grad and mode.enabled:
        out.node = record_alone(primitive, (of,), out, geometry=Geometry.of(of.array, array))
        out.needs_grad = True
    return out


_overwrite = Primitive(
    "overwrite",
    lambda xp, x: xp.zeros_like(x),
    [lambda xp, g, _out, _x: xp.zeros_like(g)],
    grad_name="FillBackward0",
)


def overwrite(x: Any) -> None:
    """Record that a tensor has been filled with other values: it stays in the graph, with gradient 0."""
    x.node = record_alone(_overwrite, (x,), x)
    rebase(x)


def rebase(base: Any) -> None:
    """Give every view of `base` the history "this part of the tensor as it is now"."""
    for reference in base.views or ():
        view = reference()
        if view is None or not np.may_share_memory(view.array, base.array):
            continue
        view.node, view.needs_grad = None, base.requires_grad
        if base.requires_grad:
            view.node = record_alone(_part, (base,), view, geometry=Geometry.of(base.array, view.array))


def replace_part(view: Any, result: Any) -> None:
    """Record that the part of its base that `view` shows has become `result`; the memory has been written already."""
    base = view.base
    geometry = Geometry.of(base.array, view.array)
    if result is None:
        base.node = record_alone(_clear_part, (base,), base, geometry=geometry)
    else:
        base.node = record_alone(_replace_part, (base, result), base, geometry=geometry)
    base.needs_grad = base.node is not None
    rebase(base)
