"""The last two dimensions of matrices and batches of matrices exchanged: what `mT`, `mH`, `H` and `adjoint` give."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import wrap
from mytorch.ops import shape

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


def transposed(name: str, x: Any, conjugated: bool = False) -> Any:
    """The last two dimensions exchanged, and on request complex elements conjugated (a copy); numbers as they are.

    `name` is what the user called, for complaints.
    """
    ndim = x.array.ndim
    if ndim == 1:
        raise RuntimeError(f"{name} is only supported on matrices or batches of matrices. Got 1-D tensor.")
    if not ndim:
        better = "Consider using x.conj()." if conjugated else "This function is the identity in these cases."
        warnings.warn(f"T{name[1:]} is deprecated on 0-D tensors. {better}", stacklevel=3)
    if conjugated and x.array.dtype.kind == "c":
        x = wrap(x.array.conj())  # derivatives of complex tensors are not offered
    return shape.transpose(x, -2, -1) if ndim else x


def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions exchanged, and complex elements conjugated.

    >>> import mytorch
    >>> mytorch.adjoint(mytorch.tensor([[1 + 2j, 3]]))
    tensor([[1.-2.j],
            [3.-0.j]])
    """
    found: Tensor = transposed("tensor.adjoint()", input, conjugated=True)
    return found
