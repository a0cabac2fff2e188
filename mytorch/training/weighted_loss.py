"""A loss in which every row counts with a weight of its own."""

from __future__ import annotations

from mytorch import nn
from mytorch.tensor import Tensor


class WeightedLoss(nn.Module):
    """The mean over the rows of weight times loss.

    Weights have mean 1 over a data set (`mytorch.data` scales them), so that the mean over all batches is the weighted
    mean over all rows, whatever the batches. It is not divided by the sum of a batch's weights: that would make a row
    count more where its neighbours count less.

    Args:
        loss: a loss with ``reduction="none"``. Of several numbers in a row the mean is taken.

    >>> import mytorch
    >>> loss = WeightedLoss(nn.MSELoss(reduction="none"))
    >>> output, target = mytorch.tensor([[1.0], [2.0]]), mytorch.tensor([[0.0], [0.0]])
    >>> loss(output, target, mytorch.tensor([1.5, 0.5])).item()
    1.75
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        values = self.loss(output, target)
        by_row = values.flatten(1).mean(1) if values.ndim > 1 else values
        return (by_row * weights).mean()
