"""Parts of a tensor along a dimension (split, chunk, narrow, select, unbind) and copies side by side (repeat, roll)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import TABLE, Primitive
from mytorch.ops import shape as shapes
from mytorch.ops.dims import as_shape, normalize_dim, normalize_dims
from mytorch.ops.variant import variant

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

Shape = tuple[int, ...]

_slice_axis = TABLE["slice_axis"]
_split = variant(_slice_axis, "split", "SplitBackward0")
_split_with_sizes = variant(_slice_axis, "split_with_sizes", "SplitWithSizesBackward0")
_select = Primitive(
    "select",
    lambda xp, x, axis, index: x[(slice(None),) * axis + (index, ...)],  # the ellipsis: a view also of a vector
    [lambda xp, g, _out, x_shape, axis, index: xp.pad_axis(xp.expand_dims(g, axis), axis, index, x_shape[axis])],
    view=True,
)
_unbind = variant(_select, "unbind", "UnbindBackward0")
_repeat = Primitive(
    "repeat",
    lambda xp, x, repeats: xp.tile(x, repeats),
    [lambda xp, g, _out, x_shape, repeats: _repeat_vjp(xp, g, x_shape, repeats)],
    numpy_name="tile",
    math={"x": "sum_to(g, shape(x))"},
)
_roll = Primitive(
    "roll",
    lambda xp, x, shifts, axis: xp.roll(x, shifts, axis),
    [lambda xp, g, _out, _x, shifts, axis: xp.roll(g, tuple(-s for s in shifts), axis)],
)


def _repeat_vjp(xp: Any, g: Any, shape: Shape, repeats: Shape) -> Any:
    """The sum over the copies: every dimension is taken apart into (copies, size)."""
    sizes = (1,) * (len(repeats) - len(shape)) + shape
    apart = tuple(n for pair in zip(repeats, sizes, strict=True) for n in pair)
    if not apart:
        return g
    total = xp.sum(xp.reshape(g, apart), axis=tuple(range(0, len(apart), 2)), keepdims=False)
    return xp.reshape(total, shape)


def _size(x: Any, axis: int) -> int:
    return x.array.shape[axis]


def _refuse_0d(name: str, x: Any) -> None:
    if not x.array.ndim:
        raise RuntimeError(f"{name}() expects at least a 1-dimensional tensor")


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """A view of `length` elements from `start` along `dim`.

    Raises:
        RuntimeError: the part does not lie within the dimension.

    >>> import mytorch
    >>> narrow(mytorch.tensor([1, 2, 3, 4]), 0, 1, 2)
    tensor([2, 3])
    """
    _refuse_0d("narrow", input)
    axis = normalize_dim(dim, input.array.ndim)
    size = _size(input, axis)
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -size <= start <= size:
        raise IndexError(f"start out of range (expected to be in range of [{-size}, {size}], but got {start})")
    start += size if start < 0 else 0
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return apply(_slice_axis, input, axis=axis, start=start, stop=start + length)


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """A view of the part at `index` along `dim`, without that dimension.

    >>> import mytorch
    >>> select(mytorch.tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    if not input.array.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    axis = normalize_dim(dim, input.array.ndim)
    size = _size(input, axis)
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.array.shape)} at dimension {axis}"
        )
    return apply(_select, input, axis=axis, index=int(index) % size)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of all parts along `dim`, as a tuple.

    >>> import mytorch
    >>> unbind(mytorch.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    if not input.array.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    axis = normalize_dim(dim, input.array.ndim)
    return tuple(apply(_unbind, input, axis=axis, index=i) for i in range(_size(input, axis)))


def split(
    tensor: Tensor, split_size_or_sections: Any = None, dim: int = 0, *, split_size: Any = None
) -> tuple[Tensor, ...]:
    """Views of consecutive parts along `dim`: of one size (the last may be smaller), or of the given sizes.

    Args:
        split_size: the method's name for `split_size_or_sections`.

    Raises:
        RuntimeError: the size is not positive, or the sizes do not add up.

    >>> import mytorch
    >>> split(mytorch.tensor([1, 2, 3]), 2)
    (tensor([1, 2]), tensor([3]))
    """
    if split_size is not None:
        split_size_or_sections = split_size
    _refuse_0d("split", tensor)
    axis = normalize_dim(dim, tensor.array.ndim)
    size = _size(tensor, axis)
    primitive = _split if isinstance(split_size_or_sections, int) else _split_with_sizes
    if isinstance(split_size_or_sections, int):
        step = split_size_or_sections
        if step < 0:
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={step}")
        if step == 0 and size:
            raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {size}")
        sizes = [min(step, size - start) for start in range(0, size, step)] if size else [0]
    else:
        sizes = [int(n) for n in split_size_or_sections]
        if sum(sizes) != size or any(n < 0 for n in sizes):
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {size} (input tensor's size at dimension "
                f"{axis}), but got split_sizes={sizes}"
            )
    stops = np.cumsum(sizes, dtype=np.int64).tolist()
    return tuple(
        apply(primitive, tensor, axis=axis, start=stop - n, stop=stop) for stop, n in zip(stops, sizes, strict=True)
    )


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` consecutive parts of equal size along `dim`; the last may be smaller.

    >>> import mytorch
    >>> chunk(mytorch.tensor([1, 2, 3, 4, 5]), 3)
    (tensor([1, 2]), tensor([3, 4]), tensor([5]))
    """
    _refuse_0d("chunk", input)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = _size(input, normalize_dim(dim, input.array.ndim))
    if not size:
        return split(input, [0] * chunks, dim)
    return split(input, -(-size // chunks), dim)


def repeat(input: Tensor, *times: Any, repeats: Any = None) -> Tensor:
    """Copies side by side: `repeats` says how many along each dimension; more numbers add dimensions in front.

    Raises:
        RuntimeError: there are fewer numbers than dimensions, or one is negative.

    >>> import mytorch
    >>> repeat(mytorch.tensor([1, 2]), 2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    if repeats is None and not times:
        raise TypeError('repeat() missing 1 required positional arguments: "repeats"')
    times = as_shape(times if repeats is None else (repeats,))
    if len(times) < input.array.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    if any(n < 0 for n in times):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(times)}: {list(times)}")
    return apply(_repeat, input, repeats=times)


def tile(input: Tensor, *times: Any, dims: Any = None) -> Tensor:
    """`repeat` as NumPy's tile: missing numbers in front count as 1.

    >>> import mytorch
    >>> tile(mytorch.tensor([[1], [2]]), (2,))
    tensor([[1, 1],
            [2, 2]])
    """
    times = as_shape(times if dims is None else (dims,))
    return repeat(input, (1,) * (input.array.ndim - len(times)) + times)


def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Every element repeated in its place: `repeats` times, or as often as a tensor says for each.

    Without `dim`, the flattened tensor. Without `repeats`, the first tensor is that of repeats, and what is repeated
    are the numbers 0, 1, 2, ...

    Args:
        output_size: how many elements come out along `dim`, if that is known.

    Raises:
        RuntimeError: the sizes do not fit, or as many do not come out.

    >>> import mytorch
    >>> repeat_interleave(mytorch.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if repeats is None:
        if input.array.ndim != 1:
            raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
        return repeat_interleave(wrap(np.arange(input.array.size)), input, 0, output_size=output_size)
    if dim is None:
        return repeat_interleave(shapes.flatten(input), repeats, 0, output_size=output_size)
    axis = normalize_dim(dim, input.array.ndim)
    times = repeats.array if isinstance(repeats, DifferentiableArray) else repeats
    if np.ndim(times) == 1 and np.size(times) not in (1, _size(input, axis)):
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {np.size(times)} and "
            f"input.size({axis}) = {_size(input, axis)}"
        )
    if np.min(times, initial=0) < 0:
        raise RuntimeError("repeats can not be negative")
    places = np.repeat(np.arange(_size(input, axis)), times)
    if output_size is not None and output_size != places.size:
        raise RuntimeError(f"allocated size does not match required size: {output_size} != {places.size}")
    return input.index_select(axis, wrap(places))


def roll(input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """Elements moved on by `shifts` along `dims`; those that leave come in again at the other end.

    Without `dims`, the flattened tensor is rolled and its shape restored.

    >>> import mytorch
    >>> roll(mytorch.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    steps = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    if dims is None or (not isinstance(dims, int) and not len(dims)):
        if len(steps) != 1:
            raise RuntimeError(f"shifts and dimensions must align. shifts: {len(steps)}, dims:0")
        return apply(_roll, input, shifts=steps, axis=None)
    if not input.array.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    axes = tuple([normalize_dim(d, input.array.ndim) for d in ((dims,) if isinstance(dims, int) else dims)])
    if len(steps) != len(axes):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(steps)}, dims:{len(axes)}")
    return apply(_roll, input, shifts=steps, axis=axes)


def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """A view with dimensions moved to other places; the others keep their order.

    >>> import mytorch
    >>> movedim(mytorch.zeros(2, 3, 4), 0, -1).shape
    torch.Size([3, 4, 2])
    """
    if isinstance(source, int) != isinstance(destination, int):
        raise TypeError("movedim(): source and destination must both be numbers or both be sequences")
    ndim = input.array.ndim
    came = normalize_dims((source,) if isinstance(source, int) else tuple(source), ndim) or ()
    went = normalize_dims((destination,) if isinstance(destination, int) else tuple(destination), ndim) or ()
    if len(came) != len(went):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(came)} dims) should contain the same number "
            f"of dims as destination ({list(went)} dims)"
        )
    order = [d for d in range(ndim) if d not in came]
    for place, d in sorted(zip(went, came, strict=True)):
        order.insert(place, d)
    return shapes.permute(input, tuple(order))


def _refuse_nothing(name: str, tensors: Sequence[Tensor]) -> None:
    if not len(tensors):
        raise RuntimeError(f"{name} expects a non-empty TensorList")


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors joined along the second dimension; vectors along their only one.

    >>> import mytorch
    >>> hstack([mytorch.tensor([1, 2]), mytorch.tensor([3])])
    tensor([1, 2, 3])
    """
    _refuse_nothing("hstack", tensors)
    parts = [x.reshape(1) if not x.array.ndim else x for x in tensors]
    return shapes.cat(parts, 0 if parts and parts[0].array.ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors joined along the first dimension; vectors are rows.

    >>> import mytorch
    >>> vstack([mytorch.tensor([1, 2]), mytorch.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    _refuse_nothing("vstack", tensors)
    return shapes.cat([x.reshape(1, -1) if x.array.ndim < 2 else x for x in tensors])
