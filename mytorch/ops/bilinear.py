"""The bilinear form of two inputs, put together from matrix products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mytorch.ops.linalg import matmul
from mytorch.ops.reduction import sum

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["bilinear"]


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x1 A x2 + b with a matrix A for each output.

    Args:
        input1, input2: (..., n) and (..., m).
        weight: (out, n, m).
        bias: (out) or None.

    Raises:
        RuntimeError: the sizes do not fit.

    >>> import mytorch
    >>> bilinear(mytorch.ones(5, 2), mytorch.ones(5, 3), mytorch.ones(1, 2, 3))[0]
    tensor([6.])
    """
    x1, x2, (outputs, n, m) = input1.array.shape, input2.array.shape, weight.array.shape
    if x1[:-1] != x2[:-1]:
        raise RuntimeError(f"bilinear(): input batch dimensions do not match: got {list(x1)} and {list(x2)}")
    if x1[-1] != n or x2[-1] != m:
        raise RuntimeError(
            f"bilinear(): input sizes do not match weight size: got {x1[-1]} and {x2[-1]} but expected {n} and {m}"
        )
    # (rows, n) times (n, out * m) gives a vector of length m for each row and output, to be multiplied with x2
    halves = matmul(input1.reshape(-1, n), weight.permute(1, 0, 2).reshape(n, outputs * m))
    products = halves.reshape(-1, outputs, m) * input2.reshape(-1, 1, m)
    out = sum(products, -1, dtype=products.dtype).reshape(*x1[:-1], outputs)
    return out if bias is None else out + bias
