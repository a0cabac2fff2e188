"""Layers of our own for the configs in this folder: one whose weights are written in the config, one that cuts the
gradient off, one whose recurrent weights are too large."""

import mytorch
from mytorch import nn


class WrittenLinear(nn.Linear):
    """A linear layer that begins with the weights of the config: a row of `weight` for each of its outputs."""

    def __init__(self, weight: list, bias: list) -> None:
        super().__init__(len(weight[0]), len(weight))
        with mytorch.no_grad():
            self.weight.copy_(mytorch.tensor(weight))
            self.bias.copy_(mytorch.tensor(bias))


class Detach(nn.Module):
    """Hands its input on and lets no gradient back."""

    def forward(self, x):
        return x.detach()


class LoudRNN(nn.RNN):
    """A recurrent layer whose recurrent weights are `gain` times as large as they usually are."""

    def __init__(self, input_size: int, hidden_size: int, gain: float, batch_first: bool = False) -> None:
        super().__init__(input_size, hidden_size, nonlinearity="relu", batch_first=batch_first)
        with mytorch.no_grad():
            self.weight_hh_l0.mul_(gain)
