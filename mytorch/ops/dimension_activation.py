"""Activation functions over a dimension (`softmax`, `log_softmax`, `softmin`, `glu`), two of them with derivatives."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import convert
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import to_numpy
from mytorch.ops import softmax_kernels
from mytorch.ops.activation import activate
from mytorch.ops.dims import normalize_dim
from mytorch.ops.elementwise import sigmoid

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["glu", "log_softmax", "softmax", "softmin"]

# `axis` is a tuple of one dimension, or empty for a 0-d tensor.
_softmax = Primitive(
    "softmax",
    lambda xp, x, axis: _softmax_forward(xp, x, axis),
    [lambda xp, g, out, _x, axis: _softmax_vjp(xp, g, out, axis)],
    math={
        "y": "exp(x) / sum(exp(x), axis=axis, keepdims=True)",
    },
)
_log_softmax = Primitive(
    "log_softmax",
    lambda xp, x, axis: _log_softmax_forward(xp, x, axis),
    [lambda xp, g, out, _x, axis: _log_softmax_vjp(xp, g, out, axis)],
    math={
        "y": "x - log(sum(exp(x), axis=axis, keepdims=True))",
    },
)


def _shifted(x: Any, axis: tuple[int, ...]) -> Any:
    """x minus its largest element, so that no exponential overflows."""
    return x - x.max(axis=axis, keepdims=True) if x.size else x.copy()


def _softmax_forward(xp: Any, x: Any, axis: tuple[int, ...]) -> Any:
    if softmax_kernels.in_rows(x, axis):
        return softmax_kernels.softmax(x)
    out = xp.exp(_shifted(x, axis))
    out /= out.sum(axis=axis, keepdims=True)
    return out


def _softmax_vjp(xp: Any, g: Any, out: Any, axis: tuple[int, ...]) -> Any:
    if softmax_kernels.in_rows(out, axis) and softmax_kernels.in_rows(g, axis):
        return softmax_kernels.softmax_vjp(g, out)
    return out * (g - xp.sum(g * out, axis=axis, keepdims=True))


def _log_softmax_forward(xp: Any, x: Any, axis: tuple[int, ...]) -> Any:
    if softmax_kernels.in_rows(x, axis):
        return softmax_kernels.log_softmax(x)
    out = _shifted(x, axis)
    out -= xp.log(xp.exp(out).sum(axis=axis, keepdims=True))
    return out


def _log_softmax_vjp(xp: Any, g: Any, out: Any, axis: tuple[int, ...]) -> Any:
    if softmax_kernels.in_rows(out, axis) and softmax_kernels.in_rows(g, axis):
        return softmax_kernels.log_softmax_vjp(g, out)
    return g - xp.exp(out) * xp.sum(g, axis=axis, keepdims=True)


# --- what users call ------------------------------------------------------------------------------------------------


def _over(primitive: Primitive, x: Any, dim: int | None, dtype: Any, stacklevel: int, name: str | None = None) -> Any:
    """Apply softmax or log_softmax over one dimension, guessed from the number of dimensions if it is None."""
    ndim = x.array.ndim
    if dim is None:
        warnings.warn(
            f"Implicit dimension choice for {name or primitive.name} has been deprecated. "
            "Change the call to include dim=X as an argument.",
            stacklevel=stacklevel + 1,
        )
        dim = 0 if ndim in (0, 1, 3) else 1
    if dtype is not None:
        x = convert(x, to_numpy(dtype))
    axis = normalize_dim(dim, ndim)
    return activate(primitive, x, axis=(axis,) if ndim else ())


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """e^x / sum(e^x) over a dimension: positive numbers that sum to 1.

    Args:
        dim: the dimension; leaving it out is deprecated.
        dtype: convert the input to this type first.

    >>> import mytorch
    >>> softmax(mytorch.tensor([1.0, 2.0, 3.0]), dim=0)
    tensor([0.0900, 0.2447, 0.6652])
    """
    return _over(_softmax, input, dim, dtype, _stacklevel)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """`softmax` of -x.

    >>> import mytorch
    >>> softmin(mytorch.tensor([1.0, 2.0, 3.0]), dim=0)
    tensor([0.6652, 0.2447, 0.0900])
    """
    return _over(_softmax, -input, dim, dtype, _stacklevel, "softmin")


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """log(softmax(x)) over a dimension, exact also where the softmax is nearly 0.

    >>> import mytorch
    >>> log_softmax(mytorch.tensor([1.0, 2.0, 3.0]), dim=0)
    tensor([-2.4076, -1.4076, -0.4076])
    """
    return _over(_log_softmax, input, dim, dtype, _stacklevel)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a * sigmoid(b), where a and b are the two halves of the input along a dimension.

    Raises:
        RuntimeError: the dimension's size is odd, or the tensor is 0-d.

    >>> import mytorch
    >>> glu(mytorch.tensor([1.0, 2.0, 0.0, 0.0]))
    tensor([0.5000, 1.0000])
    """
    if not input.array.ndim:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    axis = normalize_dim(dim, input.array.ndim)
    size = input.array.shape[axis]
    if size % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {axis} is size {size}")
    before = (slice(None),) * axis
    return input[(*before, slice(size // 2))] * sigmoid(input[(*before, slice(size // 2, None))])
