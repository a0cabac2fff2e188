"""Picking elements by index and assigning to them, as PyTorch's square brackets do.

An index is taken apart into a basic step (numbers, slices, None: a view) and an advanced one (integer and boolean
tensors and lists: a copy) on the view's dimensions. So a number beside a list is a step of its own, where NumPy would
count it among the lists.
"""

from __future__ import annotations

import warnings
from operator import index as as_index
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mytorch.autograd.application import apply, convert, wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.grad_mode import mode
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import fitted
from mytorch.ops import inplace
from mytorch.ops.dims import normalize_dim
from mytorch.ops.variant import variant

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

Shape = tuple[int, ...]


class Index(NamedTuple):
    """An index in two steps. `once` says that no element is picked twice."""

    basic: tuple[Any, ...]  # ints, slices, None, and an ellipsis at the end, so that the step always gives a view
    advanced: tuple[Any, ...] | None  # for each dimension of that view an integer array or a full slice
    once: bool

    def kept(self) -> Index:
        """The same index with arrays of its own: what a backward pass needs stays as it is if a tensor is changed."""
        advanced = self.advanced and tuple([i.copy() if isinstance(i, np.ndarray) else i for i in self.advanced])
        return self._replace(advanced=advanced)


def _pick(x: Any, index: Index) -> Any:
    view = x[index.basic]
    return view if index.advanced is None else view[index.advanced]


def _put(x: Any, index: Index, value: Any) -> None:
    if index.advanced is None:
        x[index.basic] = value
    else:
        x[index.basic][index.advanced] = value


def _put_back_forward(xp: Any, x: Any, index: Index, shape: Shape) -> Any:
    """Zeros of `shape`, with `x` added at `index`: the adjoint of picking. An element picked twice gets both."""
    out = xp.zeros(shape, dtype=x.dtype)
    if index.once:
        _put(out, index, x)
    else:
        xp.add.at(out[index.basic], index.advanced, x)
    return out


def _assign_forward(xp: Any, x: Any, value: Any, index: Index) -> Any:
    out = x.copy()
    _put(out, index, value)
    return out


_getitem = Primitive(
    "getitem",
    lambda xp, x, index: _pick(x, index),
    [lambda xp, g, _out, x_shape, index: xp.put_back(g, index, x_shape)],
    grad_name="IndexBackward0",
)
_view_by = {
    name: Primitive(
        f"getitem_{name.lower()}",
        _getitem.forward,
        _getitem.vjps,
        grad_name=f"{name}Backward0",
        view=True,
    )
    for name in ("Select", "Slice", "Unsqueeze", "Alias")
}
_put_back = Primitive(
    "put_back",
    _put_back_forward,
    [lambda xp, g, _out, _x, index, shape: xp.getitem(g, index)],
    grad_name="IndexPutBackward0",
)
_assign = Primitive(
    "index_put",
    _assign_forward,
    [
        lambda xp, g, _out, _x, _value, index: xp.index_put(g, 0, index),
        lambda xp, g, _out, _x, _value, index: xp.getitem(g, index),
    ],
)
_assign_view = variant(_assign, "copy_slices", "CopySlices")


def parse(index: Any, shape: Shape) -> tuple[Index, str]:
    """Take an index apart, for a tensor of that shape. Returns also the kind of the last step: what PyTorch calls it.

    Raises:
        IndexError: an index is out of range, of a wrong type, or there are too many.
        ValueError: the step of a slice is not positive.
    """
    if type(index) is int and shape and -shape[0] <= index < shape[0]:  # by far the most frequent
        return Index((index, ...), None, True), "Select"
    given = index if isinstance(index, tuple) else _legacy_sequence(index) or (index,)
    parts = [_plain(p) for p in given]
    used = sum(_dims_used(p) for p in parts)
    if used > len(shape):
        if not shape:
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python to convert a 0-dim tensor to a number"
            )
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
    basic: list[Any] = []
    advanced: list[Any] = []
    masks = lists = d = 0
    kind = "Alias"
    for part in parts:
        if part is Ellipsis:
            free = len(shape) - used
            basic += [slice(None)] * free
            advanced += [slice(None)] * free
            d, used = d + free, len(shape)
        elif part is None:
            basic.append(None)
            advanced.append(slice(None))
            kind = "Unsqueeze"
        elif isinstance(part, int):
            basic.append(_checked(part, d, shape[d]))
            d, kind = d + 1, "Select"
        elif isinstance(part, slice):
            basic.append(part)
            advanced.append(slice(None))
            if len(parts) == 1 or part.indices(shape[d]) != (0, shape[d], 1):
                kind = "Slice"
            d += 1
        elif part.dtype.kind != "b":
            _check_all(part, d, shape[d])
            basic.append(slice(None))
            advanced.append(part)
            d, lists = d + 1, lists + 1
        else:
            masks += 1
            if part.shape != shape[d : d + part.ndim]:
                at = next((i for i, n in enumerate(part.shape) if shape[d + i] != n), 0)
                raise IndexError(
                    f"The shape of the mask {list(part.shape)} at index {at} does not match the shape of the indexed "
                    f"tensor {list(shape)} at index {d + at}"
                )
            basic += [slice(None)] * part.ndim or [None]
            advanced += np.nonzero(part if part.ndim else part.reshape(1))
            d += part.ndim
    once = masks + lists == 0 or (masks == 1 and lists == 0)
    if masks or lists:
        return Index((*basic, ...), tuple(advanced), once), "Index"
    return Index((*basic, ...), None, once), kind


def _legacy_sequence(index: Any) -> tuple[Any, ...] | None:
    """A list that holds sequences, slices or None is taken as a tuple, as PyTorch still does with a warning."""
    if isinstance(index, list) and any(
        isinstance(p, (list, tuple, range, slice, np.ndarray, DifferentiableArray)) or p is None or p is Ellipsis
        for p in index
    ):
        warnings.warn(
            "a list as an index is taken for a tuple because it holds sequences; write x[tuple(seq)] for this, or "
            "x[torch.tensor(seq)] for an index tensor",
            stacklevel=4,
        )
        return tuple(index)
    return None


def _plain(part: Any) -> Any:
    """One part of an index as None, Ellipsis, an int, a slice, or an array of integers or booleans."""
    if part is None or part is Ellipsis:
        return part
    if isinstance(part, slice):
        return _plain_slice(part)
    if isinstance(part, DifferentiableArray):
        part = part.array
        if not (part.dtype.kind == "b" or part.dtype in (np.int64, np.int32, np.uint8)):
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    elif isinstance(part, (bool, np.bool_)):
        return np.asarray(part)
    elif isinstance(part, (int, np.integer)):
        return int(part)
    elif isinstance(part, (list, tuple, range, np.ndarray)):
        part = np.asarray(part, np.int64 if not isinstance(part, np.ndarray) and not len(part) else None)
    if not isinstance(part, np.ndarray) or part.dtype.kind not in "iub":
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
            f"(got {type(part).__name__})"
        )
    if part.dtype == np.uint8:
        return part.astype(bool)  # bytes are masks, for historical reasons
    return int(part) if part.ndim == 0 and part.dtype.kind != "b" else part


def _plain_slice(part: slice) -> slice:
    start, stop, step = (None if v is None else as_index(v) for v in (part.start, part.stop, part.step))
    if step is not None and step <= 0:
        raise ValueError("slice step cannot be zero" if step == 0 else "step must be greater than zero")
    return slice(start, stop, step)


def _dims_used(part: Any) -> int:
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype.kind == "b" else 1


def _checked(i: int, d: int, size: int) -> int:
    if not -size <= i < size:
        raise IndexError(f"index {i} is out of bounds for dimension {d} with size {size}")
    return i


def _check_all(indices: Any, d: int, size: int) -> None:
    if indices.size and not -size <= indices.min() <= indices.max() < size:
        _checked(int(indices[(indices < -size) | (indices >= size)].flat[0]), d, size)


def getitem(input: Tensor, index: Any) -> Tensor:
    """`input[index]`: a view for numbers, slices, None and `...`; a copy for lists and tensors of indices or booleans.

    Raises:
        IndexError: an index is out of range, or there are too many.

    >>> import mytorch
    >>> x = mytorch.tensor([[1, 2, 3], [4, 5, 6]])
    >>> x[1], x[:, -1], x[x > 4]
    (tensor([4, 5, 6]), tensor([3, 6]), tensor([5, 6]))
    """
    parsed, kind = parse(index, input.array.shape)
    if kind == "Index" and input.requires_grad and mode.enabled:
        parsed = parsed.kept()
    return apply(_getitem if kind == "Index" else _view_by[kind], input, index=parsed)


def check_same_type(x: Any, value: Any, index: Index) -> None:
    """RuntimeError if a tensor to assign is of another type, unless it is one element for a mask."""
    if value.array.dtype != x.array.dtype and not (index.once and value.array.size == 1):
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {x.dtype} for the destination and "
            f"{value.dtype} for the source."
        )


def setitem(input: Tensor, index: Any, value: Any) -> None:
    """`input[index] = value`: a number, a tensor or an array that broadcasts to the place; gradients flow to it.

    Raises:
        IndexError: as `getitem`.
        RuntimeError: the value's shape does not fit, or its type (a tensor's, at indices that are tensors or lists), or
            a number is too large for the type, or the tensor is a leaf that requires grad.

    >>> import mytorch
    >>> x = mytorch.zeros(3)
    >>> x[1:] = mytorch.tensor([5.0, 6.0]); x
    tensor([0., 5., 6.])
    """
    parsed, kind = parse(index, input.array.shape)
    if isinstance(value, np.ndarray):
        value = wrap(value)
    if not isinstance(value, (DifferentiableArray, bool, int, float, complex, np.generic)):
        raise TypeError(f"can't assign a {type(value).__name__} to a {input.type()}")
    wanted: Any = value
    if not isinstance(wanted, DifferentiableArray):
        wanted = fitted(wanted, input.array.dtype)
    elif kind == "Index" and not isinstance(index, bool):
        check_same_type(input, wanted, parsed)
    tracked = mode.enabled and (input.requires_grad or getattr(wanted, "requires_grad", False))
    try:
        if not tracked:
            _put(input.array, parsed, getattr(wanted, "array", wanted))
            input.changed()
            return
        source = convert(wanted, input.array.dtype)
        while source.array.ndim and source.array.shape[0] == 1:  # so that it has no more dimensions than the place
            source = source.squeeze(0)
        inplace.become(input, apply(_assign if kind == "Index" else _assign_view, input, source, index=parsed.kept()))
    except ValueError:
        given, place = list(np.shape(getattr(wanted, "array", wanted))), list(_pick(input.array, parsed).shape)
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {given} cannot be broadcast to indexing result of shape {place}"
        ) from None


_gather = Primitive(
    "gather",
    lambda xp, x, index, axis: _gather_forward(xp, x, index, axis),
    [lambda xp, g, _out, x_shape, index, axis: xp.scatter_back(g, index, axis, x_shape), None],
)


def _gather_forward(xp: Any, x: Any, index: Any, axis: int) -> Any:
    return x[open_grid(xp, index, axis)] if index.size else xp.zeros(index.shape, dtype=x.dtype)


def open_grid(xp: Any, index: Any, axis: int) -> tuple[Any, ...]:
    """Indices for every dimension: `index` itself along `axis`, its own position along the others."""
    grid = []
    for d, n in enumerate(index.shape):
        shape = [1] * index.ndim
        shape[d] = n
        grid.append(index if d == axis else xp.arange(n).reshape(shape))
    return tuple(grid)


def _scatter_back_forward(xp: Any, x: Any, index: Any, axis: int, shape: tuple[int, ...]) -> Any:
    out = xp.zeros(shape, dtype=x.dtype)
    xp.add.at(out, open_grid(xp, index, axis), x)
    return out


_scatter_back = Primitive(
    "scatter_back",
    _scatter_back_forward,
    [lambda xp, g, _out, _x, index, axis, shape: xp.gather(g, index, axis), None],
    grad_name="ScatterAddBackward0",
)


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """Pick one element for each entry of `index` along `dim`: out[i][j] = input[index[i][j]][j] for dim 0.

    Args:
        sparse_grad: accepted for PyTorch's programs; the gradient is dense.

    Raises:
        RuntimeError: `index` has another number of dimensions, is too large in another dimension, or is out of range.

    >>> import mytorch
    >>> mytorch.gather(mytorch.tensor([[1, 2], [3, 4]]), 1, mytorch.tensor([[0], [1]]))
    tensor([[1],
            [4]])
    """
    x, raw = input.array, index.array
    axis = normalize_dim(dim, x.ndim)
    if not raw.size:  # of any type and shape
        return input.reshape(-1)[:0].reshape(raw.shape)
    if raw.dtype not in (np.int64, np.int32):
        raise RuntimeError("gather(): Expected dtype int32/int64 for index")
    if (raw.ndim or 1) != (x.ndim or 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for d in range(raw.ndim):
        if d != axis and raw.shape[d] > x.shape[d]:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(raw.shape)} to be no larger than self "
                f"{list(x.shape)} apart from dimension {axis}"
            )
    size = x.shape[axis] if x.ndim else 1
    if raw.size and (raw.min() < 0 or raw.max() >= size):
        bad = raw[(raw < 0) | (raw >= size)].flat[0]
        raise RuntimeError(f"index {bad} is out of bounds for dimension {axis} with size {size}")
    if x.ndim != raw.ndim:  # one of them is 0-d
        return gather(input.reshape(-1), 0, index.reshape(-1)).reshape(raw.shape)
    return apply(_gather, input, index, axis=axis)


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero: a row each, or with `as_tuple` a tensor for each dimension.

    >>> import mytorch
    >>> mytorch.nonzero(mytorch.tensor([0, 7, 0, 8]))
    tensor([[1],
            [3]])
    """
    found = np.nonzero(np.atleast_1d(input.array))
    if as_tuple:
        return tuple(wrap(i.astype(np.int64)) for i in found)
    return wrap(np.stack(found, axis=1).astype(np.int64)[:, : input.array.ndim])
