"""How far two tensors are apart, as layers."""

from __future__ import annotations

from mytorch.nn.module import Module
from mytorch.ops.margin_loss import cosine_similarity, pairwise_distance
from mytorch.tensor import Tensor

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class CosineSimilarity(Module):
    """The cosine of the angle between two tensors along a dimension; norms are at least eps.

    >>> import mytorch
    >>> CosineSimilarity()(mytorch.tensor([[3.0, 0.0]]), mytorch.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps over the last dimension.

    >>> import mytorch
    >>> PairwiseDistance()(mytorch.tensor([[3.0, 0.0]]), mytorch.tensor([[0.0, 4.0]]))
    tensor([5.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
