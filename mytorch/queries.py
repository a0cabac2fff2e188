"""Questions about tensors, as functions: `is_tensor`, `is_floating_point`, `numel`, `typename` ..."""

from __future__ import annotations

from typing import Any

from mytorch.backend.dtypes import type_name
from mytorch.ops.arguments import check_tensors
from mytorch.tensor import Tensor

__all__ = [
    "is_complex", "is_conj", "is_floating_point", "is_inference", "is_neg", "is_nonzero", "is_same_size", "is_signed",
    "is_tensor", "numel", "typename",
]  # fmt: skip


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a tensor.

    >>> import mytorch
    >>> is_tensor(mytorch.tensor(1)), is_tensor(1)
    (True, False)
    """
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether the elements are floats.

    >>> import mytorch
    >>> is_floating_point(mytorch.ones(1))
    True
    """
    check_tensors("is_floating_point", input)
    return input.is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Whether the elements are complex.

    >>> import mytorch
    >>> is_complex(mytorch.ones(1))
    False
    """
    check_tensors("is_complex", input)
    return input.is_complex()


def is_conj(input: Tensor) -> bool:
    """Whether the tensor is a view that shows the conjugate of what is in memory: never, here."""
    check_tensors("is_conj", input)
    return input.is_conj()


def is_neg(input: Tensor) -> bool:
    """Whether the tensor is a view that shows the negative of what is in memory: never, here."""
    check_tensors("is_neg", input)
    return input.is_neg()


def is_inference(input: Tensor) -> bool:
    """Whether the tensor was made in inference mode."""
    check_tensors("is_inference", input)
    return input.is_inference()


def is_signed(input: Tensor) -> bool:
    """Whether the element type has negative numbers.

    >>> import mytorch
    >>> is_signed(mytorch.ones(1, dtype=mytorch.uint8))
    False
    """
    check_tensors("is_signed", input)
    return input.dtype.is_signed


def is_nonzero(input: Tensor) -> bool:
    """Whether the one element is not 0.

    Raises:
        RuntimeError: there is not exactly one element.

    >>> import mytorch
    >>> is_nonzero(mytorch.tensor([0.0]))
    False
    """
    check_tensors("is_nonzero", input)
    return bool(input)


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have one shape.

    >>> import mytorch
    >>> is_same_size(mytorch.ones(2), mytorch.ones(2, 1))
    False
    """
    check_tensors("is_same_size", input, other)
    return input.array.shape == other.array.shape


def numel(input: Tensor) -> int:
    """The number of elements.

    >>> import mytorch
    >>> numel(mytorch.ones(2, 3))
    6
    """
    check_tensors("numel", input)
    return input.array.size


def typename(obj: Any) -> str:
    """The name of a tensor's type in PyTorch, or of another object's type with its module.

    >>> import mytorch
    >>> typename(mytorch.ones(1)), typename([])
    ('torch.FloatTensor', 'list')
    """
    if isinstance(obj, Tensor):
        return f"torch.{type_name(obj.array.dtype)}Tensor"
    kind = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(kind, "__module__", None)
    return kind.__qualname__ if module in (None, "builtins") else f"{module}.{kind.__qualname__}"
