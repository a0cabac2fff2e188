"""Complex numbers and their parts: `real`, `imag`, `conj`, `angle`, `view_as_real` ... which also take real tensors.

Complex tensors carry no gradients here. Those functions that hand a real tensor on, or measure its angle, do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, apply1, wrap
from mytorch.autograd.grad_mode import mode
from mytorch.autograd.primitive import Primitive
from mytorch.ops.arguments import check_tensors
from mytorch.ops.inplace import copy_

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_real = Primitive("real", lambda xp, x: x.real, view=True)
_imag = Primitive("imag", lambda xp, x: x.imag, view=True)
_conj = Primitive("conj", "conjugate")
_angle = Primitive(
    "angle", lambda xp, x: _angle_forward(xp, x), [lambda xp, g, _out, _x: xp.zeros_like(g)], to_float=True
)
_view_as_real = Primitive(
    "view_as_real",
    lambda xp, x: xp.lib.stride_tricks.as_strided(x.real, (*x.shape, 2), (*x.strides, x.itemsize // 2)),
    view=True,
)
_view_as_complex = Primitive("view_as_complex", lambda xp, x, dtype: x.view(dtype)[..., 0], view=True)


def _angle_forward(xp: Any, x: Any) -> Any:
    """Of a real number, 0 or pi (also for -0.0 it is 0); NaN stays NaN."""
    if x.dtype.kind == "c":
        return xp.angle(x)
    return xp.where(xp.isnan(x), x, xp.where(x < 0, np.pi, 0.0)).astype(x.dtype)


def _is_complex(x: Tensor) -> bool:
    return x.array.dtype.kind == "c"


def real(input: Tensor) -> Tensor:
    """A view of the real parts; of a real tensor, the tensor itself.

    >>> import mytorch
    >>> mytorch.real(mytorch.tensor([1 + 2j, 3 - 1j]))
    tensor([1., 3.])
    """
    check_tensors("real", input)
    return apply(_real, input) if _is_complex(input) else input


def imag(input: Tensor) -> Tensor:
    """A view of the imaginary parts.

    Raises:
        RuntimeError: the tensor is not complex.

    >>> import mytorch
    >>> mytorch.imag(mytorch.tensor([1 + 2j, 3 - 1j]))
    tensor([ 2., -1.])
    """
    check_tensors("imag", input)
    if not _is_complex(input):
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return apply(_imag, input)


def set_real(input: Tensor, values: Any) -> None:
    """What `x.real = values` does."""
    copy_(real(input), values)


def set_imag(input: Tensor, values: Any) -> None:
    """What `x.imag = values` does."""
    copy_(imag(input), values)


def conj(input: Tensor) -> Tensor:
    """The numbers with their imaginary parts negated (PyTorch's is a view, this is a copy); a real tensor itself.

    >>> import mytorch
    >>> conj(mytorch.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    check_tensors("conj", input)
    return apply1(_conj, input) if _is_complex(input) else input


def conj_physical(input: Tensor) -> Tensor:
    """`conj`, which is never a view here.

    >>> import mytorch
    >>> conj_physical(mytorch.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    return conj(input)


def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: a conjugation that is still to be done does not exist here.

    >>> import mytorch
    >>> resolve_conj(mytorch.tensor([1 + 2j]).conj())
    tensor([1.-2.j])
    """
    check_tensors("resolve_conj", input)
    return input


def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself: a negation that is still to be done does not exist here.

    >>> import mytorch
    >>> resolve_neg(mytorch.tensor([1.0]))
    tensor([1.])
    """
    check_tensors("resolve_neg", input)
    return input


def angle(input: Tensor) -> Tensor:
    """The angle of each number in the complex plane, in radians: pi for negative real ones. The gradient is 0.

    >>> import mytorch
    >>> angle(mytorch.tensor([1j, -1 + 0j])), angle(mytorch.tensor([-2.0, 2.0]))
    (tensor([1.5708, 3.1416]), tensor([3.1416, 0.0000]))
    """
    check_tensors("angle", input)
    return apply1(_angle, input)


def isreal(input: Tensor) -> Tensor:
    """Where the imaginary part is 0: everywhere in a real tensor.

    >>> import mytorch
    >>> isreal(mytorch.tensor([1 + 1j, 2 + 0j]))
    tensor([False,  True])
    """
    check_tensors("isreal", input)
    return wrap(np.isreal(input.array))


def view_as_real(input: Tensor) -> Tensor:
    """A view with one more dimension of size 2, in which real and imaginary parts stand side by side.

    Raises:
        RuntimeError: the tensor is not complex.

    >>> import mytorch
    >>> view_as_real(mytorch.tensor([1 + 2j, 3 - 1j]))
    tensor([[ 1.,  2.],
            [ 3., -1.]])
    """
    check_tensors("view_as_real", input)
    if not _is_complex(input):
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return apply(_view_as_real, input)


def view_as_complex(input: Tensor) -> Tensor:
    """A view without the last dimension, whose two elements are the real and the imaginary part.

    Raises:
        RuntimeError: the tensor is not float32 or float64, the last dimension is not of size 2 and stride 1, another
            stride is odd, or the tensor requires grad, which complex tensors cannot hand on.

    >>> import mytorch
    >>> view_as_complex(mytorch.tensor([[1.0, 2.0], [3.0, -1.0]]))
    tensor([1.+2.j, 3.-1.j])
    """
    check_tensors("view_as_complex", input)
    array = input.array
    if array.dtype not in (np.float32, np.float64):
        raise RuntimeError(
            f"view_as_complex is only supported for float and double tensors, but got a tensor of type {input.dtype}"
        )
    if not array.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if array.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if array.strides[-1] != array.itemsize:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if any(stride % (2 * array.itemsize) for stride in array.strides[:-1]):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    if input.requires_grad and mode.enabled:
        raise RuntimeError("view_as_complex: complex tensors carry no gradients, so the tensor must not require grad")
    return apply(_view_as_complex, input, dtype=np.result_type(array.dtype, np.complex64))
