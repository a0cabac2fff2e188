"""Formulas of several operations that PyTorch offers as one (`addmm`, `lerp`, ...), and tests of closeness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import apply, convert, misfit, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import common_dtype, of
from mytorch.ops import linalg

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_addcmul = Primitive(
    "addcmul",
    lambda xp, x, a, b, value: x + value * a * b,
    [
        lambda xp, g, _out, _x, _a, _b, value: g,
        lambda xp, g, _out, _x, _a, b, value: g * (value * b),
        lambda xp, g, _out, _x, a, _b, value: g * (value * a),
    ],
)
_addcdiv = Primitive(
    "addcdiv",
    lambda xp, x, a, b, value: x + value * (a / b),
    [
        lambda xp, g, _out, _x, _a, _b, value: g,
        lambda xp, g, _out, _x, _a, b, value: g * (value / b),
        lambda xp, g, _out, _x, a, b, value: -g * (value * a / (b * b)),
    ],
)
_lerp_number = Primitive(
    "lerp_number",
    lambda xp, x, end, weight: x + weight * (end - x) if abs(weight) < 0.5 else end - (1 - weight) * (end - x),
    [
        lambda xp, g, _out, _x, _end, weight: g * (1 - weight),
        lambda xp, g, _out, _x, _end, weight: g * weight,
    ],
    grad_name="LerpBackward0",
    math={
        "y": "x + weight * (end - x)",
    },
)
_lerp = Primitive(
    "lerp",
    lambda xp, x, end, weight: xp.where(xp.abs(weight) < 0.5, x + weight * (end - x), end - (1 - weight) * (end - x)),
    [
        lambda xp, g, _out, _x, _end, weight: g * (1 - weight),
        lambda xp, g, _out, _x, _end, weight: g * weight,
        lambda xp, g, _out, x, end, _weight: g * (end - x),
    ],
    grad_name="LerpBackward1",
    math={
        "y": "x + weight * (end - x)",
    },
)
_addmm = Primitive(
    "addmm",
    lambda xp, x, a, b, beta, alpha: xp.matmul(a, b) * alpha + (x * beta if beta else 0),
    [
        lambda xp, g, _out, _x, _a, _b, beta, alpha: g * beta,
        lambda xp, g, _out, _x, _a, b, beta, alpha: xp.matmul(g, xp.t(b)) * alpha,
        lambda xp, g, _out, _x, a, _b, beta, alpha: xp.matmul(xp.t(a), g) * alpha,
    ],
    math={
        "y": "beta * x + alpha * matmul(a, b)",
        "a": "alpha * matmul(g, t(b))",
        "b": "alpha * matmul(t(a), g)",
    },
)


def _together(name: str, primitive: Primitive, *tensors: Any, **options: Any) -> Any:
    """Apply to tensors converted to their common type."""
    for x in tensors:
        if not isinstance(x, DifferentiableArray):
            raise wrong_argument(name, x)
    common = common_dtype(*[x.array for x in tensors])
    try:
        return apply(primitive, *[convert(x, common) for x in tensors], **options)
    except ValueError as error:
        raise misfit(name, error, *[x.array for x in tensors]) from None


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value * tensor1 * tensor2, element by element.

    >>> import mytorch
    >>> addcmul(mytorch.tensor([1.0]), mytorch.tensor([2.0]), mytorch.tensor([3.0]), value=10)
    tensor([61.])
    """
    return _together("addcmul", _addcmul, input, tensor1, tensor2, value=value)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value * tensor1 / tensor2, element by element.

    Raises:
        RuntimeError: both tensors hold integers.

    >>> import mytorch
    >>> addcdiv(mytorch.tensor([1.0]), mytorch.tensor([3.0]), mytorch.tensor([2.0]))
    tensor([2.5000])
    """
    if tensor1.array.dtype.kind in "biu" and tensor2.array.dtype.kind in "biu":
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported; use input + value * torch.div(tensor1, tensor2, "
            "rounding_mode='trunc') for integers, or convert them to floats first."
        )
    return _together("addcdiv", _addcdiv, input, tensor1, tensor2, value=value)


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight * (end - input): the way from `input` (weight 0) to `end` (weight 1).

    Raises:
        RuntimeError: the tensors differ in type.

    >>> import mytorch
    >>> lerp(mytorch.tensor([0.0, 10.0]), mytorch.tensor([10.0, 20.0]), 0.25)
    tensor([ 2.5000, 12.5000])
    """
    others = [end, weight] if isinstance(weight, DifferentiableArray) else [end]
    for other in others:
        if other.array.dtype != input.array.dtype:
            raise RuntimeError(
                f"expected dtype {input.dtype} for `end` and `weight` but got dtype {of(other.array.dtype)}"
            )
    if len(others) == 2:
        return _together("lerp", _lerp, input, end, weight)
    return _together("lerp", _lerp_number, input, end, weight=weight)


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2); `input` broadcasts. With beta 0, `input` is ignored, NaN included.

    Raises:
        RuntimeError: the shapes do not fit, or the types differ.

    >>> import mytorch
    >>> addmm(mytorch.tensor([1.0]), mytorch.tensor([[2.0]]), mytorch.tensor([[3.0]]), beta=10)
    tensor([[16.]])
    """
    linalg.check_matrices("addmm", mat1, mat2)
    rows, columns = mat1.array.shape[0], mat2.array.shape[1]
    if input.array.dtype != mat1.array.dtype:
        raise RuntimeError(f"self and mat2 must have the same dtype, but got {input.dtype} and {mat2.dtype}")
    given = input.array.shape
    if len(given) > 2 or any(n not in (1, m) for n, m in zip(reversed(given), (columns, rows), strict=False)):
        raise RuntimeError(
            f"The expanded size of the tensor must match: input of shape {list(given)} does not broadcast to "
            f"{[rows, columns]}"
        )
    return apply(_addmm, input, mat1, mat2, beta=beta, alpha=alpha)


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Where |input - other| <= atol + rtol * |other|; infinities are close to themselves, NaN (if asked) to NaN.

    Raises:
        RuntimeError: the tensors differ in type, or a tolerance is negative.

    >>> import mytorch
    >>> isclose(mytorch.tensor([1.0, 1.0]), mytorch.tensor([1.0 + 1e-6, 1.1]))
    tensor([ True, False])
    """
    for value in (input, other):
        if not isinstance(value, DifferentiableArray):
            raise wrong_argument("isclose", value)
    if input.array.dtype != other.array.dtype:
        raise RuntimeError(f"{input.dtype} did not match {other.dtype}")
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {tolerance}")
    x, y = input.detach(), other.detach()
    close = x == y
    if x.array.dtype.kind in "fc":
        close = close | (y.isfinite() & ((x - y).abs() <= atol + (rtol * y).abs()))
        if equal_nan:
            close = close | ((x != x) & (y != y))
    elif (rtol or atol) and x.array.dtype.kind in "iu":
        close = close | ((x - y).abs() <= atol + (rtol * y).abs())
    return close


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close as `isclose` says.

    >>> import mytorch
    >>> allclose(mytorch.tensor([1.0]), mytorch.tensor([1.0 + 1e-6]))
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and the same elements; NaN equals nothing.

    >>> import mytorch
    >>> equal(mytorch.tensor([1, 2]), mytorch.tensor([1, 2]))
    True
    """
    return input.array.shape == other.array.shape and bool((input == other).all())
