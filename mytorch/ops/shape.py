"""Operations that move elements or show them in another shape. Views share memory with their input."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, convert, wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import Primitive
from mytorch.backend import memory_format as formats
from mytorch.backend.dtypes import common_dtype, promote, to_numpy
from mytorch.backend.dtypes import dtype as element_type
from mytorch.ops.dims import as_shape, normalize_dim, normalize_dims
from mytorch.ops.variant import variant

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

Shape = tuple[int, ...]
MAX_DIMS = 64  # of a NumPy array, and of what PyTorch's operations take


def _expand_forward(xp: Any, x: Any, shape: Shape) -> Any:
    """Writable where `x` is: PyTorch lets write to what of the result is shown once."""
    if type(x) is not np.ndarray:
        return xp.broadcast_to(x, shape)
    if not x.flags.c_contiguous:
        out = np.broadcast_to(x, shape)
        out.flags.writeable = x.flags.writeable
        return out
    if not x.ndim:  # NumPy's broadcast_to costs six times as much as this, and twice as much as what follows
        return np.ndarray(shape, x.dtype, x, 0, (0,) * len(shape))
    extra = len(shape) - x.ndim
    steps = [s if n == m else 0 for s, n, m in zip(x.strides, x.shape, shape[extra:], strict=True)]
    return np.ndarray(shape, x.dtype, x, 0, [0] * extra + steps)


def _sum_to_forward(xp: Any, x: Any, shape: Shape) -> Any:
    """Sum over the dimensions that broadcasting had added or stretched, to get `shape` back."""
    extra = x.ndim - len(shape)
    if extra:
        x = xp.sum(x, axis=tuple(range(extra)))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and x.shape[i] != 1)
    return xp.sum(x, axis=stretched, keepdims=True) if stretched else x


_expand = Primitive("expand", _expand_forward, [lambda xp, g, _out, x_shape, shape: xp.sum_to(g, x_shape)], view=True)
_sum_to = Primitive("sum_to", _sum_to_forward, [lambda xp, g, _out, x_shape, shape: xp.expand(g, x_shape)])
_view = Primitive(
    "view",
    lambda xp, x, shape: xp.reshape(x, shape),
    [lambda xp, g, _out, x_shape, shape: xp.reshape(g, x_shape)],
    view=True,
)
_reshape = Primitive(
    "reshape",
    lambda xp, x, shape: xp.reshape(x, shape),
    [lambda xp, g, _out, x_shape, shape: xp.reshape(g, x_shape)],
    grad_name="ViewBackward0",
    view=True,
)
_unsafe_view = Primitive(
    "unsafe_view",
    lambda xp, x, shape: xp.reshape(x, shape),
    [lambda xp, g, _out, x_shape, shape: xp.reshape(g, x_shape)],
)
_permute = Primitive(
    "permute",
    lambda xp, x, axes: xp.transpose(x, axes),
    [lambda xp, g, _out, _x, axes: xp.permute(g, _inverse(axes))],
    view=True,
    math={"x": "permute(g, axes)"},
)
_transpose = Primitive(
    "transpose",
    lambda xp, x, axis1, axis2: xp.swapaxes(x, axis1, axis2),
    [lambda xp, g, _out, _x, axis1, axis2: xp.swapaxes(g, axis1, axis2)],
    view=True,
    numpy_name="swapaxes",
)
_t = Primitive("t", lambda xp, x: x.T, [lambda xp, g, _out, _x: xp.t(g)], grad_name="TBackward0", view=True)
_unsqueeze = Primitive(
    "unsqueeze",
    lambda xp, x, axis: xp.expand_dims(x, axis),
    [lambda xp, g, _out, _x, axis: xp.squeeze(g, axis)],
    view=True,
    numpy_name="expand_dims",
)
_squeeze = Primitive(
    "squeeze",
    lambda xp, x, axis: xp.squeeze(x, axis=axis),
    [lambda xp, g, _out, x_shape, axis: xp.reshape(g, x_shape)],
    view=True,
)
_squeeze_dim = variant(_squeeze, "squeeze_dim", "SqueezeBackward1")
_squeeze_dims = variant(_squeeze, "squeeze_dims", "SqueezeBackward2")
_flip = Primitive(
    "flip", lambda xp, x, axis: xp.flip(x, axis).copy(order="K"), [lambda xp, g, _out, _x, axis: xp.flip(g, axis)]
)
_clone = Primitive("clone", lambda xp, x: x.copy(order="K"), [lambda xp, g, _out, _x: g])
_lay_out = Primitive(
    "lay_out",
    lambda xp, x, format: formats.lay_out(x, format),
    [lambda xp, g, _out, _x, format: g],
    grad_name="CloneBackward0",
)
_slice_axis = Primitive(
    "slice_axis",
    lambda xp, x, axis, start, stop: x[(slice(None),) * axis + (slice(start, stop),)],
    [lambda xp, g, _out, x_shape, axis, start, stop: xp.pad_axis(g, axis, start, x_shape[axis])],
    grad_name="SliceBackward0",
    view=True,
)
_ones_like = Primitive("ones_like", lambda xp, x: xp.ones_like(x))
_zeros_like = Primitive("zeros_like", lambda xp, x: xp.zeros_like(x))


def _pad_axis_forward(xp: Any, x: Any, axis: int, start: int, size: int) -> Any:
    out = xp.zeros((*x.shape[:axis], size, *x.shape[axis + 1 :]), dtype=x.dtype)
    out[(slice(None),) * axis + (slice(start, start + x.shape[axis]),)] = x
    return out


_pad_axis = Primitive(
    "pad_axis",
    _pad_axis_forward,
    [lambda xp, g, _out, x_shape, axis, start, size: xp.slice_axis(g, axis, start, start + x_shape[axis])],
)


def _cat_joint(xp: Any, g: Any, _out: Any, *xs_shape: Any, needs: Any, axis: int) -> list[Any]:
    gradients, start = [], 0
    for shape, need in zip(xs_shape, needs, strict=True):
        stop = start + shape[axis]
        gradients.append(xp.slice_axis(g, axis, start, stop) if need else None)
        start = stop
    return gradients


_cat = Primitive(
    "cat",
    lambda xp, *xs, axis: xp.concatenate(xs, axis=axis),
    joint=_cat_joint,
    math={
        "y": "concatenate(xs)",
        "each": "part_of(g, x)",
    },
)


def _stack_joint(xp: Any, g: Any, _out: Any, *xs_shape: Any, needs: Any, axis: int) -> list[Any]:
    slices = [xp.slice_axis(g, axis, i, i + 1) if need else None for i, need in enumerate(needs)]
    return [None if s is None else xp.reshape(s, shape) for s, shape in zip(slices, xs_shape, strict=True)]


_stack = Primitive(
    "stack",
    lambda xp, *xs, axis: xp.stack(xs, axis=axis),
    joint=_stack_joint,
    math={
        "y": "stack(xs)",
        "each": "part_of(g, x)",
    },
)


def _inverse(axes: Shape) -> Shape:
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def resolve_shape(shape: Shape, size: int) -> Shape:
    """Replace the one -1 in a shape by the number that makes it hold `size` elements.

    Raises:
        RuntimeError: more than one -1, a number below -1, or the sizes do not fit.

    >>> resolve_shape((2, -1), 6)
    (2, 3)
    """
    known = math.prod(shape)
    if known == size and min(shape, default=0) >= 0:
        return shape
    unknown = shape.count(-1)
    if unknown > 1:
        raise RuntimeError("only one dimension can be inferred")
    if min(shape, default=0) < -1:
        raise RuntimeError(f"invalid shape dimension {min(shape)}")
    if unknown:
        known = -known
        if not known:
            raise RuntimeError(
                f"cannot reshape tensor of {size} elements into shape {list(shape)} because the unspecified dimension "
                "size -1 can be any value and is ambiguous"
            )
        if size % known == 0:
            return tuple([size // known if n == -1 else n for n in shape])
    raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}")


def _given(sizes: tuple[Any, ...], keyword: Any) -> tuple[int, ...]:
    """Sizes or dimensions, given one by one, as a sequence, or by keyword; refused where there are too many."""
    found = as_shape(sizes if keyword is None else (keyword,))
    if len(found) > MAX_DIMS:
        raise RuntimeError(f"only tensors with up to {MAX_DIMS} dims are supported")
    return found


def reshape(input: Tensor, *sizes: Any, shape: Any = None) -> Tensor:
    """The same elements in another shape; one size may be -1. A view where that is possible, else a copy.

    Raises:
        RuntimeError: the sizes do not fit.

    >>> import mytorch
    >>> mytorch.reshape(mytorch.arange(6), (2, -1))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    array = input.array
    wanted = resolve_shape(_given(sizes, shape), array.size)
    if array.flags.c_contiguous or np.may_share_memory(array, array.reshape(wanted)):
        return apply(_reshape, input, shape=wanted)
    return apply(_unsafe_view, input, shape=wanted)


def view(input: Tensor, *sizes: Any, size: Any = None, dtype: Any = None) -> Tensor:
    """The same memory in another shape; one size may be -1. With a dtype, the memory read as that type.

    Raises:
        RuntimeError: the sizes do not fit, or the memory's layout does not allow a view.

    >>> import mytorch
    >>> mytorch.arange(6).view(3, 2).shape, mytorch.tensor([1.0]).view(mytorch.int32)
    (torch.Size([3, 2]), tensor([1065353216], dtype=torch.int32))
    """
    if len(sizes) == 1 and isinstance(sizes[0], (element_type, type)):
        dtype = sizes[0]
    if dtype is not None:
        return _view_as_type(input, to_numpy(dtype))
    wanted = resolve_shape(_given(sizes, size), input.array.size)
    if not input.array.flags.c_contiguous and input.base is None and not input.views:
        # A result that was computed in another order of memory (a convolution's, say; to make that contiguous at once
        # costs a fifth of a training step): nobody else shows that memory yet, so the tensor itself can be put into
        # row-major order, as PyTorch would have made it.
        input.array = np.ascontiguousarray(input.array)
    out = apply(_view, input, shape=wanted)
    if out.base is None and input.array.size and not np.may_share_memory(out.array, input.array):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return out


def _view_as_type(x: Any, wanted: Any) -> Any:
    if x.requires_grad and wanted != x.array.dtype:
        raise RuntimeError("view(dtype): reading memory as another type has no gradient; use detach() first")
    try:
        out = wrap(x.array.view(wanted))
    except ValueError as error:
        raise RuntimeError(f"view(dtype): the memory cannot be read as {wanted}: {error}") from None
    out.version, out.base = x.counter(), x if x.base is None else x.base
    return out


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Join the dimensions from `start_dim` to `end_dim` into one.

    >>> import mytorch
    >>> mytorch.flatten(mytorch.zeros(2, 3, 4), 1).shape
    torch.Size([2, 12])
    """
    shape = input.array.shape
    if not shape:
        return reshape(input, (1,))
    start, end = normalize_dim(start_dim, len(shape)), normalize_dim(end_dim, len(shape))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if start == end:
        return input
    return reshape(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dimension taken apart into several, of which one size may be -1.

    >>> import mytorch
    >>> mytorch.zeros(2, 12).unflatten(1, (3, -1)).shape
    torch.Size([2, 3, 4])
    """
    axis, shape = normalize_dim(dim, input.array.ndim), input.array.shape
    try:
        parts = resolve_shape(as_shape((sizes,)), shape[axis])
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({shape[axis]}) in "
            "the input tensor"
        ) from None
    return reshape(input, (*shape[:axis], *parts, *shape[axis + 1 :]))


def permute(input: Tensor, *order: Any, dims: Any = None) -> Tensor:
    """A view with the dimensions in another order.

    >>> import mytorch
    >>> mytorch.permute(mytorch.zeros(2, 3, 4), (2, 0, 1)).shape
    torch.Size([4, 2, 3])
    """
    wanted = _given(order, dims)
    if len(wanted) != input.array.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {input.array.ndim} is not equal to len(dims) = {len(wanted)}"
        )
    return apply(_permute, input, axes=normalize_dims(wanted, input.array.ndim) or ())


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """A view with two dimensions exchanged.

    >>> import mytorch
    >>> mytorch.transpose(mytorch.zeros(2, 3), 0, 1).shape
    torch.Size([3, 2])
    """
    ndim = input.array.ndim
    axis1, axis2 = normalize_dim(dim0, ndim), normalize_dim(dim1, ndim)
    if not ndim:
        return view(input, ())
    return apply(_transpose, input, axis1=axis1, axis2=axis2)


def t(input: Tensor) -> Tensor:
    """A view of a matrix with rows and columns exchanged; vectors and numbers as they are.

    >>> import mytorch
    >>> mytorch.t(mytorch.zeros(2, 3)).shape
    torch.Size([3, 2])
    """
    if input.array.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.array.ndim}D")
    return apply(_t, input)


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A view with a dimension of size 1 put in at `dim`.

    >>> import mytorch
    >>> mytorch.unsqueeze(mytorch.zeros(3), -1).shape
    torch.Size([3, 1])
    """
    axis = normalize_dim(dim, input.array.ndim + 1)
    if input.array.ndim == MAX_DIMS:
        raise RuntimeError(f"only tensors with up to {MAX_DIMS} dims are supported")
    return apply(_unsqueeze, input, axis=axis)


def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """A view without the dimensions of size 1 (those among `dim`, or all).

    >>> import mytorch
    >>> mytorch.squeeze(mytorch.zeros(1, 3, 1)).shape, mytorch.squeeze(mytorch.zeros(1, 3, 1), 0).shape
    (torch.Size([3]), torch.Size([3, 1]))
    """
    shape = input.array.shape
    dims = range(len(shape)) if dim is None else normalize_dims(dim, len(shape)) or ()
    primitive = _squeeze if dim is None else _squeeze_dims if isinstance(dim, (tuple, list)) else _squeeze_dim
    return apply(primitive, input, axis=tuple(d for d in dims if shape[d] == 1))


def expand(input: Tensor, *sizes: Any, size: Any = None, implicit: bool = False) -> Tensor:
    """A view in which dimensions of size 1 are repeated without copying; -1 keeps a size.

    >>> import mytorch
    >>> mytorch.tensor([[1], [2]]).expand(-1, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    wanted, shape = _given(sizes, size), input.array.shape
    extra = len(wanted) - len(shape)
    if extra < 0:
        raise RuntimeError(
            f"expand({list(shape)}, size={list(wanted)}): the number of sizes provided ({len(wanted)}) "
            f"must be greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    full = []
    for i, n in enumerate(wanted):
        held = shape[i - extra] if i >= extra else None
        if n == -1 and held is None:
            raise RuntimeError(
                f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {i}"
            )
        if held is not None and n not in (-1, held) and held != 1:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({held}) at non-singleton "
                f"dimension {i}.  Target sizes: {list(wanted)}.  Tensor sizes: {list(shape)}"
            )
        full.append(held if n == -1 and held is not None else n)
    return apply(_expand, input, shape=tuple(full))


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """`expand` under NumPy's name.

    >>> import mytorch
    >>> mytorch.broadcast_to(mytorch.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return expand(input, size)


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors along an existing dimension; their other sizes must agree.

    Raises:
        ValueError: there are no tensors.
        RuntimeError: sizes that do not agree, or a 0-d tensor.

    >>> import mytorch
    >>> mytorch.cat([mytorch.tensor([1, 2]), mytorch.tensor([3])])
    tensor([1, 2, 3])
    """
    parts = _tensors("cat", tensors)
    if not parts:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    if any(x.array.ndim == 0 for x in parts):
        raise RuntimeError(
            f"zero-dimensional tensor (at position {next(i for i, x in enumerate(parts) if not x.array.ndim)}) "
            "cannot be concatenated"
        )
    common = common_dtype(*[x.array for x in parts])
    # An empty vector joins anything, for historical reasons.
    shaped = [x for x in parts if x.array.shape != (0,)] or parts[:1]
    first = shaped[0].array.shape
    axis = normalize_dim(dim, len(first))
    for position, x in enumerate(shaped):
        shape = x.array.shape
        if len(shape) != len(first):
            raise RuntimeError(f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}")
        for d, (n, m) in enumerate(zip(first, shape, strict=True)):
            if d != axis and n != m:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {axis}. Expected size {n} but got size {m} "
                    f"for tensor number {position} in the list."
                )
    return apply(_cat, *[convert(x, common) for x in shaped], axis=axis)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors of one shape along a new dimension.

    >>> import mytorch
    >>> mytorch.stack([mytorch.tensor([1, 2]), mytorch.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    parts = _tensors("stack", tensors)
    if not parts:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = parts[0].array.shape
    for position, x in enumerate(parts):
        if x.array.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                f"{list(x.array.shape)} at entry {position}"
            )
    axis = normalize_dim(dim, len(first) + 1)
    common = functools.reduce(promote, [x.array.dtype for x in parts])
    return apply(_stack, *[convert(x, common) for x in parts], axis=axis)


def _tensors(name: str, values: Any) -> list[Any]:
    """The tensors of a sequence; TypeError if it is none, or holds something else."""
    if isinstance(values, DifferentiableArray) or not isinstance(values, Iterable):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(values).__name__}"
        )
    parts = list(values)
    for position, x in enumerate(parts):
        if not isinstance(x, DifferentiableArray):
            raise TypeError(f"expected Tensor as element {position} in argument 0, but got {type(x).__name__}")
    return parts


def flip(input: Tensor, *axes: Any, dims: Any = None) -> Tensor:
    """A copy with the order of elements reversed along `dims`.

    >>> import mytorch
    >>> mytorch.flip(mytorch.tensor([1, 2, 3]), (0,))
    tensor([3, 2, 1])
    """
    return apply(_flip, input, axis=normalize_dims(_given(axes, dims), input.array.ndim) or ())


def clone(input: Tensor, *, memory_format: formats.memory_format | None = formats.preserve_format) -> Tensor:
    """A copy with memory of its own, by default in the order of the tensor's; gradients flow through it.

    >>> import mytorch
    >>> mytorch.clone(mytorch.tensor([1.0]))
    tensor([1.])
    """
    if memory_format is None or memory_format is formats.preserve_format:
        return apply(_clone, input)
    return apply(_lay_out, input, format=memory_format)


def contiguous(input: Tensor, *, memory_format: formats.memory_format = formats.contiguous_format) -> Tensor:
    """The tensor itself if its memory is in row-major order (or that of another format), else a copy that is.

    Raises:
        RuntimeError: the format is `preserve_format`, or for tensors of another number of dimensions.

    >>> import mytorch
    >>> mytorch.zeros(2, 3).t().contiguous().is_contiguous()
    True
    """
    if memory_format is formats.preserve_format:
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
    return input if formats.is_laid_out(input.array, memory_format) else apply(_lay_out, input, format=memory_format)
