"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from mytorch.ops.shape import cat
from mytorch.tensor import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all tensors one after the other, in one vector through which gradients flow.

    >>> import mytorch
    >>> parameters_to_vector([mytorch.ones(1, 2), mytorch.zeros(1)])
    tensor([1., 1., 0.])
    """
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Overwrite the tensors with the elements of a vector, in order.

    Raises:
        TypeError: the vector is no tensor.
        RuntimeError: it is too short.

    >>> import mytorch
    >>> w = mytorch.zeros(2)
    >>> vector_to_parameters(mytorch.tensor([1.0, 2.0]), [w]); w
    tensor([1., 2.])
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    start = 0
    for p in parameters:
        values = vec.array[start : start + p.array.size]
        if values.size != p.array.size:
            raise RuntimeError(f"shape '{list(p.array.shape)}' is invalid for input of size {values.size}")
        p.array[...] = values.reshape(p.array.shape)
        p.changed()
        start += p.array.size
