"""Views and writes, as the gradient sees them: to write to a view is to write to a part of the tensor that it shows.

A tensor that is written to through a view gets a new history: "the old tensor, with this part replaced by the result".
All its views get one too: "this part of the tensor". The tensor knows its views by weak references, so that they can be
told.

A part is described by its `Geometry`: shapes and strides in elements, for the whole and for the part, so that any view
can be found again in a gradient, which has memory of its own.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from mytorch.autograd.application import record_alone
from mytorch.autograd.primitive import Primitive


class Geometry(NamedTuple):
    """Where a part lies in the memory of a whole: shapes, strides and offset, counted in elements."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    part_shape: tuple[int, ...]
    part_strides: tuple[int, ...]
    offset: int

    @classmethod
    def of(cls, whole: Any, part: Any) -> Geometry:
        """The geometry of one raw array in another one that shares its memory."""
        size = whole.dtype.itemsize
        offset = (part.__array_interface__["data"][0] - whole.__array_interface__["data"][0]) // size
        strides, part_strides = (tuple(s // size for s in a.strides) for a in (whole, part))
        return cls(whole.shape, strides, part.shape, part_strides, offset if part.size else 0)

    def buffer(self, xp: Any, dtype: Any) -> Any:
        """Zeroed memory that is large enough for the whole."""
        last = sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)) if math.prod(self.shape) else -1
        return xp.zeros(last + 1, dtype=dtype)

    def whole(self, buffer: Any) -> Any:
        """The buffer seen as the whole."""
        return _strided(buffer, self.shape, self.strides, 0)

    def part(self, buffer: Any) -> Any:
        """The buffer seen as the part."""
        return _strided(buffer, self.part_shape, self.part_strides, self.offset)


def _strided(buffer: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Any:
    if not math.prod(shape):
        return buffer[:0].reshape(shape)
    return as_strided(buffer[offset:], shape, tuple(s * buffer.dtype.itemsize for s in strides))


def _filled(xp: Any, whole: Any, geometry: Geometry) -> Any:
    buffer = geometry.buffer(xp, whole.dtype)
    geometry.whole(buffer)[...] = whole
    return buffer


def _part_forward(xp: Any, x: Any, geometry: Geometry) -> Any:
    return geometry.part(_filled(xp, x, geometry)).copy()


def _put_part_forward(xp: Any, x: Any, geometry: Geometry) -> Any:
    buffer = geometry.buffer(xp, x.dtype)
    geometry.part(buffer)[...] = x
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
        view.requires_grad, view.node = base.requires_grad, None
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
    base.requires_grad = base.node is not None
    rebase(base)
