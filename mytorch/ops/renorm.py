"""`renorm`: slices of a tensor shortened to a largest norm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mytorch.ops import arithmetic, reduction
from mytorch.ops.arguments import check_tensors
from mytorch.ops.dims import normalize_dim

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Those slices along `dim` whose p-norm is above `maxnorm` scaled down to it, the others as they are.

    Raises:
        RuntimeError: p is not positive, maxnorm is negative, or the tensor has less than two dimensions.

    >>> import mytorch
    >>> renorm(mytorch.tensor([[3.0, 4.0], [0.3, 0.4]]), p=2, dim=0, maxnorm=1)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    check_tensors("renorm", input)
    if not p > 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if not maxnorm >= 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if input.array.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.array.ndim} dimensions")
    kept = normalize_dim(dim, input.array.ndim)
    others = tuple(d for d in range(input.array.ndim) if d != kept)
    norms = reduction.norm(input.clone(), p, others, keepdim=True)  # a copy, since `renorm_` will overwrite the input
    return input * arithmetic.where(norms > maxnorm, maxnorm / (norms + 1e-7), 1.0)
