"""Complex tensors from real ones: `complex` from their parts, `polar` from absolute value and angle.

There are no derivatives of complex tensors here: parts that require a gradient are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import misfit, wrap
from mytorch.autograd.grad_mode import mode
from mytorch.autograd.real import require_real
from mytorch.backend.dtypes import type_name
from mytorch.ops.arguments import check_tensors

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


def _checked(name: str, first: Any, second: Any) -> tuple[Any, Any]:
    """Both raw arrays, of one floating type and one shape."""
    check_tensors(name, first, second)
    if mode.enabled and (first.requires_grad or second.requires_grad):
        require_real(np.dtype(np.complex64))
    a, b = first.array, second.array
    if a.dtype.kind != "f" or b.dtype.kind != "f":
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {type_name(a.dtype)} and "
            f"{type_name(b.dtype)}"
        )
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {type_name(a.dtype)} but got scalar type {type_name(b.dtype)} for second "
            "argument"
        )
    if a.dtype == np.float16:
        raise NotImplementedError(f"{name}() is not implemented for 'Half': there is no complex type of its precision")
    try:
        return tuple(np.broadcast_arrays(a, b))  # type: ignore[return-value]
    except ValueError as error:
        raise misfit(name, error, a, b) from None


def complex(real: Tensor, imag: Tensor) -> Tensor:
    """A complex tensor of these real and imaginary parts.

    Raises:
        RuntimeError: they are not of one floating type, their shapes do not fit, or one requires a gradient.

    >>> import mytorch
    >>> mytorch.complex(mytorch.tensor([1.0, 2.0]), mytorch.tensor([3.0, 4.0]))
    tensor([1.+3.j, 2.+4.j])
    """
    a, b = _checked("complex", real, imag)
    out = np.empty(a.shape, np.result_type(a, np.complex64))
    out.real, out.imag = a, b
    return wrap(out)


def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """A complex tensor of these absolute values and angles, in radians.

    Raises:
        RuntimeError: they are not of one floating type, their shapes do not fit, or one requires a gradient.

    >>> import mytorch
    >>> polar(mytorch.tensor([1.0, 2.0]), mytorch.zeros(2))
    tensor([1.+0.j, 2.+0.j])
    """
    a, b = _checked("polar", abs, angle)
    out = np.empty(a.shape, np.result_type(a, np.complex64))
    out.real, out.imag = a * np.cos(b), a * np.sin(b)
    return wrap(out)
