"""Tensors of a given shape: empty, filled with one value, with given strides, like another tensor.

`finish`, `sizes_of` and the like are how all factories read the arguments that they share.
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.backend import device as devices
from mytorch.backend import dtypes
from mytorch.backend import memory_format as formats
from mytorch.backend import memory_order as memory
from mytorch.ops.dims import as_shape

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = [
    "empty", "empty_like", "empty_permuted", "empty_strided", "eye", "full", "full_like", "ones", "ones_like",
    "scalar_tensor", "zeros", "zeros_like",
]  # fmt: skip

# --- arguments ------------------------------------------------------------------------------------------------------


def finish(
    array: Any, device: Any = None, requires_grad: bool = False, layout: Any = None, pin_memory: bool | None = False
) -> Tensor:
    """A new leaf around a raw array, with what PyTorch's factories take beside shape and type.

    Raises:
        RuntimeError: the device is not there, the layout is not `strided`, the memory is to be pinned (which is for
            GPUs), or the type cannot require a gradient.
    """
    devices.require(device)
    if layout is not None and layout is not formats.strided:
        raise RuntimeError(f"there is no layout but torch.strided here, got {layout}")
    if pin_memory:
        raise RuntimeError(
            "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory allocator is available on "
            "this system."
        )
    out: Tensor = wrap(array)
    if requires_grad:
        if out.array.dtype.kind not in "fc":
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        out.requires_grad = True
    return out


def sizes_of(name: str, sizes: tuple[Any, ...], size: Any = None) -> tuple[int, ...]:
    """A shape given as one sequence, as separate numbers, or by the keyword `size`.

    Raises:
        TypeError: it is missing, given twice, or not of integers.
        RuntimeError: a size is negative.

    >>> sizes_of("zeros", (2, 3)), sizes_of("zeros", (), [2, 3])
    ((2, 3), (2, 3))
    """
    if size is not None:
        if sizes:
            raise TypeError(f"{name}() got multiple values for argument 'size'")
        sizes = (size,)
    elif not sizes:
        raise TypeError(f"{name}() missing 1 required positional arguments: 'size'")
    shape = as_shape(sizes)
    if any(n < 0 for n in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    return shape


def float_type(dtype: Any) -> np.dtype[Any]:
    """A NumPy type; the default floating type for None."""
    return dtypes.default_float() if dtype is None else dtypes.to_numpy(dtype)


def number(name: str, argument: str, value: Any) -> Any:
    """A Python number from a number of Python's or NumPy's or a 0-d tensor; TypeError for all else.

    >>> import mytorch
    >>> number("full", "fill_value", mytorch.tensor(3))
    3
    """
    if isinstance(value, (bool, int, float, complex)) and not isinstance(value, np.generic):
        return value
    raw = value.array if isinstance(value, DifferentiableArray) else value
    if isinstance(raw, np.generic) or (raw is not value and not raw.ndim):
        return raw.item()
    raise TypeError(f"{name}(): argument '{argument}' must be Number, not {type(value).__name__}")


def integer(name: str, argument: str, value: Any) -> int:
    """A Python integer from whatever counts as one; TypeError for all else."""
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{name}(): argument '{argument}' must be int, not {type(value).__name__}") from None


# --- of one value ---------------------------------------------------------------------------------------------------


def empty(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of that shape with whatever was in memory.

    Raises:
        RuntimeError: the memory format is for another number of dimensions, or `preserve_format`.

    >>> empty(2, 3).shape
    torch.Size([2, 3])
    """
    if memory_format is formats.preserve_format:
        raise RuntimeError("unsupported memory format Preserve: there is no tensor whose order could be kept")
    shape = sizes_of("empty", sizes, size)
    array = formats.empty(shape, float_type(dtype), memory_format or formats.contiguous_format)
    return finish(array, device, requires_grad, layout, pin_memory)


def zeros(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """A tensor of zeros.

    >>> zeros(2)
    tensor([0., 0.])
    """
    array = np.zeros(sizes_of("zeros", sizes, size), float_type(dtype))
    return finish(array, device, requires_grad, layout, pin_memory)


def ones(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """A tensor of ones.

    >>> ones(2)
    tensor([1., 1.])
    """
    array = np.ones(sizes_of("ones", sizes, size), float_type(dtype))
    return finish(array, device, requires_grad, layout, pin_memory)


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """A tensor filled with one value; its type is that of the value unless given.

    Raises:
        RuntimeError: the value does not fit into the type.

    >>> full((2,), 7), full((2,), 0.5)
    (tensor([7, 7]), tensor([0.5000, 0.5000]))
    """
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}")
    value = number("full", "fill_value", fill_value)
    numpy = dtypes.scalar_dtype(value) if dtype is None else dtypes.to_numpy(dtype)
    array = np.full(sizes_of("full", (size,)), dtypes.fitted(value, numpy), numpy)
    return finish(array, device, requires_grad, layout, pin_memory)


def scalar_tensor(
    s: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """A 0-d tensor, of the default floating type unless told otherwise.

    Raises:
        RuntimeError: the number does not fit into the type.

    >>> scalar_tensor(3)
    tensor(3.)
    """
    array = dtypes.fitted(number("scalar_tensor", "s", s), float_type(dtype))
    return finish(array, device, requires_grad, layout, pin_memory)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """A matrix with ones on the diagonal and zeros elsewhere.

    Raises:
        RuntimeError: a size is negative.

    >>> eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    rows = integer("eye", "n", n)
    columns = rows if m is None else integer("eye", "m", m)
    for name, size in (("n", rows), ("m", columns)):
        if size < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {size}")
    return finish(np.eye(rows, columns, dtype=float_type(dtype)), device, requires_grad, layout, pin_memory)


# --- of given strides -----------------------------------------------------------------------------------------------


def strided_array(size: Any, stride: Any, dtype: np.dtype[Any]) -> Any:
    """An empty raw array of that shape and those strides, counted in elements."""
    shape, steps = sizes_of("empty_strided", (size,)), as_shape((stride,))
    if len(shape) != len(steps):
        raise RuntimeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides ({len(steps)})"
        )
    if any(s < 0 for s in steps):
        raise RuntimeError(f"strides must not be negative, got sizes={list(shape)} and strides={list(steps)}")
    return memory.strided(shape, dtype, steps)


def empty_strided(
    size: Any,
    stride: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """A tensor of that shape and those strides, counted in elements, with whatever was in memory.

    Raises:
        RuntimeError: there are not as many strides as sizes, or one of them is negative.

    >>> empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    return finish(strided_array(size, stride, float_type(dtype)), device, requires_grad, layout, pin_memory)


def empty_permuted(
    size: Any,
    physical_layout: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """A tensor without gaps whose dimensions lie in memory in the given order, the slowest first.

    Raises:
        RuntimeError: `physical_layout` does not name each dimension once.

    >>> empty_permuted((2, 3, 4), (0, 2, 1)).stride()
    (12, 1, 3)
    """
    shape, axes = sizes_of("empty_permuted", (size,)), as_shape((physical_layout,))
    if len(axes) != len(shape):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = "
            f"{len(shape)} is not equal to len(physical_layout) = {len(axes)}"
        )
    for place, axis in enumerate(axes):
        if not 0 <= axis < len(shape):
            raise RuntimeError(
                f"Dimension out of range (expected to be between 0 and {len(shape) - 1}, but got {axis} at index "
                f"{place}). Negative dimensions are not supported."
            )
    if len(set(axes)) != len(axes):
        raise RuntimeError("Duplicate dim not allowed")
    return finish(memory.permuted(shape, float_type(dtype), axes), device, requires_grad, layout, pin_memory)


# --- like another tensor --------------------------------------------------------------------------------------------


def array_like(name: str, input: Any, dtype: Any, memory_format: Any) -> Any:
    """An empty raw array with the shape, and unless told otherwise the type and memory order, of a tensor."""
    if not isinstance(input, DifferentiableArray):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    numpy = input.array.dtype if dtype is None else dtypes.to_numpy(dtype)
    return memory.empty_like(input.array, numpy, memory_format)


def empty_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
    memory_format: Any = None,
) -> Tensor:
    """`empty` with the shape, type and memory order of another tensor.

    >>> empty_like(ones(2, 3).T).stride()
    (1, 3)
    """
    array = array_like("empty_like", input, dtype, memory_format)
    return finish(array, device, requires_grad, layout, pin_memory)


def zeros_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
    memory_format: Any = None,
) -> Tensor:
    """`zeros` with the shape, type and memory order of another tensor.

    >>> zeros_like(full((2,), 7))
    tensor([0, 0])
    """
    array = array_like("zeros_like", input, dtype, memory_format)
    array.fill(0)
    return finish(array, device, requires_grad, layout, pin_memory)


def ones_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
    memory_format: Any = None,
) -> Tensor:
    """`ones` with the shape, type and memory order of another tensor.

    >>> ones_like(full((2,), 7))
    tensor([1, 1])
    """
    array = array_like("ones_like", input, dtype, memory_format)
    array.fill(1)
    return finish(array, device, requires_grad, layout, pin_memory)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
    memory_format: Any = None,
) -> Tensor:
    """`full` with the shape, type and memory order of another tensor.

    Raises:
        RuntimeError: the value does not fit into the type.

    >>> full_like(ones(2), 3)
    tensor([3., 3.])
    """
    array = array_like("full_like", input, dtype, memory_format)
    array.fill(dtypes.fitted(number("full_like", "fill_value", fill_value), array.dtype).item())
    return finish(array, device, requires_grad, layout, pin_memory)
