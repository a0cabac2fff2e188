"""`softmax` and `log_softmax` as they are outside `nn.functional`: with a dimension that must be given, then a type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mytorch.backend.dtypes import dtype as element_type
from mytorch.ops import dimension_activation

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


def softmax(input: Tensor, dim: int, dtype: element_type | None = None) -> Tensor:
    """e^x / sum(e^x) over a dimension: positive numbers that sum to 1.

    Args:
        dtype: convert the input to this type first.

    >>> import mytorch
    >>> softmax(mytorch.tensor([1.0, 2.0, 3.0]), 0)
    tensor([0.0900, 0.2447, 0.6652])
    """
    return dimension_activation.softmax(input, dim, dtype=dtype)


def log_softmax(input: Tensor, dim: int, dtype: element_type | None = None) -> Tensor:
    """log(softmax(x)) over a dimension, exact also where the softmax is nearly 0.

    >>> import mytorch
    >>> log_softmax(mytorch.tensor([1.0, 2.0, 3.0]), 0)
    tensor([-2.4076, -1.4076, -0.4076])
    """
    return dimension_activation.log_softmax(input, dim, dtype=dtype)
