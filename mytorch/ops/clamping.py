"""Limiting values to a range: `clamp` with numbers or tensors as limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, convert, misfit, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import common_dtype
from mytorch.ops.variant import variant

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


def _clamp_forward(xp: Any, x: Any, low: Any, high: Any) -> Any:
    """NaN stays NaN; where the limits cross, the upper one wins."""
    if low is not None:
        x = xp.maximum(x, low)
    return x if high is None else xp.minimum(x, high)


def _inside_vjp(xp: Any, g: Any, x: Any, low: Any, high: Any) -> Any:
    """The gradient passes where the element was within the limits, the limits themselves included."""
    inside = (x >= low) if high is None else (x <= high) if low is None else (x >= low) * (x <= high)
    return xp.where(inside, g, 0)


_clamp_number = Primitive(
    "clamp_number",
    _clamp_forward,
    [lambda xp, g, _out, x, low, high: _inside_vjp(xp, g, x, low, high)],
    grad_name="ClampBackward1",
)
_clamp_min_number = variant(_clamp_number, "clamp_min_number", "ClampMinBackward0")
_clamp_max_number = variant(_clamp_number, "clamp_max_number", "ClampMaxBackward0")
_clamp = Primitive(
    "clamp",
    _clamp_forward,
    [
        lambda xp, g, _out, x, low, high: _inside_vjp(xp, g, x, low, high),
        lambda xp, g, _out, x, low, high: xp.where((x < low) if high is None else (x < low) * (low < high), g, 0),
        lambda xp, g, _out, x, low, high: xp.where((x > high) if low is None else (x > high) + (high < low), g, 0),
    ],
)
_clamp_min = variant(_clamp, "clamp_min", "ClampMinBackward1")
_clamp_max = variant(_clamp, "clamp_max", "ClampMaxBackward1")


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Elements below `min` become `min`, elements above `max` become `max`; where `min` > `max`, all become `max`.

    Args:
        min, max: numbers or tensors that broadcast; None for no limit (not both).

    Raises:
        RuntimeError: both limits are None.

    >>> import mytorch
    >>> clamp(mytorch.tensor([-1.0, 0.5, 2.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    return _limit(input, min, max, _clamp_number, _clamp)


def _limit(input: Any, min: Any, max: Any, by_numbers: Primitive, by_tensors: Primitive) -> Any:
    if not isinstance(input, DifferentiableArray):
        raise wrong_argument("clamp", input)
    limits = [limit for limit in (min, max) if limit is not None]
    common = common_dtype(input.array, *[getattr(limit, "array", limit) for limit in limits])
    x = convert(input, common)
    if any(isinstance(limit, DifferentiableArray) for limit in limits):
        low, high = (None if limit is None else convert(limit, common) for limit in (min, max))
        try:
            return apply(by_tensors, x, low, high)
        except ValueError as error:
            raise misfit(
                "clamp", error, x.array, *[limit.array for limit in (low, high) if limit is not None]
            ) from None
    low, high = (None if limit is None else np.asarray(limit).astype(common)[()] for limit in (min, max))
    return apply(by_numbers, x, low=low, high=high)


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """`clamp` with a lower limit only.

    >>> import mytorch
    >>> clamp_min(mytorch.tensor([-1.0, 2.0]), 0)
    tensor([0., 2.])
    """
    return _limit(input, min, None, _clamp_min_number, _clamp_min)


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """`clamp` with an upper limit only.

    >>> import mytorch
    >>> clamp_max(mytorch.tensor([-1.0, 2.0]), 0)
    tensor([-1.,  0.])
    """
    return _limit(input, None, max, _clamp_max_number, _clamp_max)
