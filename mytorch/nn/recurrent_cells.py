"""The cells of recurrent layers, which take one step: `RNNCell`, `LSTMCell` and `GRUCell`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from mytorch.creation.filled import empty, zeros
from mytorch.nn import init
from mytorch.nn.module import Module
from mytorch.nn.parameter import Parameter
from mytorch.ops import recurrent as functions
from mytorch.tensor import Tensor

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """What the cells share: the weights, which start uniform in +-1 / sqrt(hidden_size), and the forward pass.

    Args:
        num_chunks: how many gates there are.
    """

    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty(rows, input_size, device=device, dtype=dtype))
        self.weight_hh = Parameter(empty(rows, hidden_size, device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(rows, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial weights."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={getattr(self, 'nonlinearity')}"  # noqa: B009
        return text

    def _check_dims(self, **given: Tensor | None) -> None:
        for name, value in given.items():
            if value is not None and value.ndim not in (1, 2):
                raise ValueError(f"{type(self).__name__}: Expected {name} to be 1D or 2D, got {value.ndim}D instead")

    def _step(self, function: Callable[..., Any], input: Tensor, hx: Tensor | None) -> Tensor:
        """A cell with one state."""
        self._check_dims(input=input, hidden=hx)
        rows = input if input.ndim == 2 else input.unsqueeze(0)
        if hx is None:
            hx = zeros(rows.shape[0], self.hidden_size, dtype=input.dtype)
        elif input.ndim == 1:
            hx = hx.unsqueeze(0)
        h: Tensor = function(rows, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return h if input.ndim == 2 else h.squeeze(0)


class RNNCell(RNNCellBase):
    """One step of an `RNN`: `cell(input)` or `cell(input, h)` gives the next h.

    Args:
        input_size, hidden_size: the sizes of the input, (batch, input_size) or (input_size), and of h.
        bias: whether to add b_ih and b_hh.
        nonlinearity: "tanh" or "relu".

    >>> import mytorch
    >>> RNNCell(10, 20)(mytorch.zeros(3, 10)).shape
    torch.Size([3, 20])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step(
            functions.rnn_tanh_cell if self.nonlinearity == "tanh" else functions.rnn_relu_cell, input, hx
        )


class LSTMCell(RNNCellBase):
    """One step of an `LSTM`: `cell(input)` or `cell(input, (h, c))` gives the next (h, c).

    Args:
        input_size, hidden_size: the sizes of the input, (batch, input_size) or (input_size), and of h and c.
        bias: whether to add b_ih and b_hh.

    >>> import mytorch
    >>> h, c = LSTMCell(10, 20)(mytorch.zeros(3, 10))
    >>> h.shape, c.shape
    (torch.Size([3, 20]), torch.Size([3, 20]))
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        self._check_dims(input=input)
        if hx is not None:
            self._check_dims(**{"hx[0]": hx[0], "hx[1]": hx[1]})
        rows = input if input.ndim == 2 else input.unsqueeze(0)
        if hx is None:
            first = zeros(rows.shape[0], self.hidden_size, dtype=input.dtype)
            hx = first, first
        elif input.ndim == 1:
            hx = hx[0].unsqueeze(0), hx[1].unsqueeze(0)
        h, c = functions.lstm_cell(rows, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return (h, c) if input.ndim == 2 else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a `GRU`: `cell(input)` or `cell(input, h)` gives the next h.

    Args:
        input_size, hidden_size: the sizes of the input, (batch, input_size) or (input_size), and of h.
        bias: whether to add b_ih and b_hh.

    >>> import mytorch
    >>> GRUCell(10, 20)(mytorch.zeros(3, 10)).shape
    torch.Size([3, 20])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(functions.gru_cell, input, hx)
