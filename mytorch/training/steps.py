"""Modules that stand behind a recurrent layer in a list of layers and choose what goes on from its results.

An `LSTM`, a `GRU` or an `RNN` returns its outputs and its last states; the next layer of a list takes one tensor.
Configs name them like any layer, `LastStep` and `EveryStep`.
"""

from __future__ import annotations

from typing import Any

from mytorch import nn
from mytorch.ops.shape import cat
from mytorch.tensor import Tensor


class EveryStep(nn.Module):
    """The outputs of a recurrent layer, for every step: what the next recurrent layer of a stack gets.

    >>> import mytorch
    >>> stack = nn.Sequential(nn.LSTM(3, 8, batch_first=True), EveryStep(), nn.GRU(8, 4, batch_first=True))
    >>> stack(mytorch.zeros(5, 7, 3))[0].shape
    torch.Size([5, 7, 4])
    """

    def forward(self, results: tuple[Tensor, Any]) -> Tensor:
        return results[0]


class LastStep(nn.Module):
    """The state of a recurrent layer after its last step: (rows, units).

    Of several layers it is that of the last; of two directions it is both, one behind the other, that of the second
    after the first step of the sequence, which is the last one that it sees.

    >>> import mytorch
    >>> model = nn.Sequential(nn.LSTM(3, 8, batch_first=True, bidirectional=True), LastStep(), nn.Linear(16, 1))
    >>> model(mytorch.zeros(5, 7, 3)).shape
    torch.Size([5, 1])
    """

    def forward(self, results: tuple[Tensor, Any]) -> Tensor:
        outputs, states = results
        h: Tensor = states[0] if isinstance(states, tuple) else states  # an LSTM has cells, too
        directions = outputs.shape[-1] // h.shape[-1]
        return cat([h[-place] for place in range(directions, 0, -1)], 1)
