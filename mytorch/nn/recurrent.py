"""Recurrent layers over sequences: `RNN`, `LSTM` and `GRU`."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from mytorch.creation.filled import empty, zeros
from mytorch.nn import init
from mytorch.nn.module import Module
from mytorch.nn.parameter import Parameter
from mytorch.nn.utils.rnn import PackedSequence
from mytorch.ops import recurrent as functions
from mytorch.tensor import Tensor

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]

GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "LSTM": functions.lstm,
    "GRU": functions.gru,
    "RNN_TANH": functions.rnn_tanh,
    "RNN_RELU": functions.rnn_relu,
}


class RNNBase(Module):
    """What `RNN`, `LSTM` and `GRU` share: arguments, parameters, checks and the forward pass.

    The parameters of layer k are `weight_ih_lk` (gates * hidden_size, inputs), `weight_hh_lk`, `bias_ih_lk` and
    `bias_hh_lk`, and `weight_hr_lk` for a projection; those of the other direction end in `_reverse`. All of them start
    uniform in +-1 / sqrt(hidden_size).

    Args:
        mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".

    Raises:
        ValueError, TypeError: an argument is out of its range or of a wrong type.
    """

    mode: str

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        _check_arguments(self, dropout)
        self._all_weights: list[list[str]] = []
        directions, rows = 2 if bidirectional else 1, GATES[mode] * hidden_size
        outputs = proj_size or hidden_size
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else outputs * directions
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs), "weight_hh": (rows, outputs)}
            if bias:
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
            if proj_size:
                shapes["weight_hr"] = (proj_size, hidden_size)
            for suffix in ("", "_reverse")[:directions]:
                names = [f"{name}_l{layer}{suffix}" for name in shapes]
                for name, shape in zip(names, shapes.values(), strict=True):
                    self.register_parameter(name, Parameter(empty(*shape, device=device, dtype=dtype)))
                self._all_weights.append(names)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial weights."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing: only a GPU profits from weights that lie one behind the other."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights(self) -> list[Parameter]:
        return [getattr(self, name) for names in self._all_weights for name in names]

    # --- checks

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raise an error unless the input has the weights' dtype, the right dimensions and `input_size` features."""
        dtype = self._flat_weights[0].dtype
        if input.dtype != dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). Convert input: "
                f"input.to({dtype}), or convert model: model.to({input.dtype})"
            )
        expected = 3 if batch_sizes is None else 2
        if input.ndim != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.ndim}")
        if self.input_size != input.shape[-1]:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}"
            )

    def _state_size(self, input: Tensor, batch_sizes: Tensor | None, units: int) -> tuple[int, int, int]:
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.shape[0 if self.batch_first else 1]
        return self.num_layers * (2 if self.bidirectional else 1), batch, units

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape of h: (layers * directions, batch, outputs of a layer)."""
        return self._state_size(input, batch_sizes, self.proj_size or self.hidden_size)

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, int, int], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raise a RuntimeError unless a state has this shape."""
        if hx.shape != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raise an error unless input and states fit each other and the layer."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The states in another order of the batch."""
        return hx if permutation is None else hx.index_select(1, permutation)

    # --- forward

    def _first_states(self, count: int, dtype: Any) -> Any:
        """States of zeros for a batch of `count` sequences."""
        layers = self.num_layers * (2 if self.bidirectional else 1)
        return zeros(layers, count, self.proj_size or self.hidden_size, dtype=dtype)

    def _unbatched(self, hx: Any) -> Any:
        """The states of one sequence, as those of a batch of one."""
        if hx.ndim != 2:
            raise RuntimeError(f"For unbatched 2-D input, hx should also be 2-D but got {hx.ndim}-D tensor")
        return hx.unsqueeze(1)

    def _check_batched(self, hx: Any) -> None:
        if hx.ndim != 3:
            raise RuntimeError(f"For batched 3-D input, hx should also be 3-D but got {hx.ndim}-D tensor")

    def _squeezed(self, hx: Any) -> Any:
        return hx.squeeze(1)

    def _called(self, result: Sequence[Tensor]) -> tuple[Tensor, Any]:
        """Outputs and states from what the function returns."""
        output, hidden = result
        return output, hidden

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        options = (self.bias, self.num_layers, self.dropout, self.training, self.bidirectional)
        function = _FUNCTIONS[self.mode]
        if isinstance(input, PackedSequence):
            data, batch_sizes, order, way_back = input
            if hx is None:
                hx = self._first_states(int(batch_sizes[0]), data.dtype)
            else:
                hx = self.permute_hidden(hx, order)
            self.check_forward_args(data, hx, batch_sizes)
            output, hidden = self._called(function(data, batch_sizes, hx, self._flat_weights, *options))
            return PackedSequence(output, batch_sizes, order, way_back), self.permute_hidden(hidden, way_back)
        if input.ndim not in (2, 3):
            got = f"{input.ndim}D{' tensor' if self.mode.startswith('RNN') else ''}"
            raise ValueError(f"{self.mode.partition('_')[0]}: Expected input to be 2D or 3D, got {got} instead")
        batched, batch_dim = input.ndim == 3, 0 if self.batch_first else 1
        if not batched:
            input = input.unsqueeze(batch_dim)
        if hx is None:
            hx = self._first_states(input.shape[batch_dim], input.dtype)
        elif batched:
            self._check_batched(hx)
        else:
            hx = self._unbatched(hx)
        self.check_forward_args(input, hx, None)
        output, hidden = self._called(function(input, hx, self._flat_weights, *options, self.batch_first))
        if not batched:
            return output.squeeze(batch_dim), self._squeezed(hidden)
        return output, hidden

    def extra_repr(self) -> str:
        defaults = {
            "proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0, "bidirectional": False,
        }  # fmt: skip
        others = [f"{name}={getattr(self, name)}" for name, value in defaults.items() if getattr(self, name) != value]
        return ", ".join([f"{self.input_size}", f"{self.hidden_size}", *others])


def _check_arguments(layer: RNNBase, dropout: Any) -> None:
    """Raise an error for arguments that make no sense."""
    if not isinstance(dropout, numbers.Number) or not 0 <= dropout <= 1 or isinstance(dropout, bool):  # type: ignore[operator]
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
        )
    if dropout > 0 and layer.num_layers == 1:  # type: ignore[operator]
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
            f"greater than 1, but got dropout={dropout} and num_layers={layer.num_layers}",
            stacklevel=4,
        )
    for name, kind in (("bias", bool), ("batch_first", bool), ("input_size", int), ("hidden_size", int)):
        value = getattr(layer, name)
        if not isinstance(value, kind):
            raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
        if kind is int and value <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if layer.num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if layer.proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if layer.proj_size >= layer.hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")
    if layer.mode not in GATES:
        raise ValueError("Unrecognized RNN mode: " + layer.mode)


class RNN(RNNBase):
    """h = tanh(W_ih x + b_ih + W_hh h + b_hh) from step to step of a sequence, in one or several layers.

    Called as `layer(input)` or `layer(input, h)`, it returns (outputs, h): the states of the last layer after every
    step, and the last state of every layer.

    Args:
        input_size: the number of features of a step.
        hidden_size: the number of units.
        num_layers: each layer above the first gets the outputs of the one below.
        nonlinearity: "tanh" or "relu".
        bias: whether to add b_ih and b_hh.
        batch_first: inputs and outputs are (batch, steps, features) in place of (steps, batch, features); without a
            batch they are (steps, features) in any case. States are (layers * directions, batch, units) always.
        dropout: the probability with which numbers between two layers are dropped in training.
        bidirectional: a second set of units walks from the last step to the first; its outputs stand behind the others.

    An input may also be a `PackedSequence` of sequences of different lengths, and the outputs are then one, too.

    Raises:
        ValueError, TypeError: an argument that makes no sense.
        RuntimeError: in the forward pass, shapes that do not fit.

    >>> import mytorch
    >>> outputs, h = RNN(10, 20, num_layers=2)(mytorch.zeros(5, 3, 10))
    >>> outputs.shape, h.shape
    (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        self.nonlinearity = nonlinearity
        mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )


class LSTM(RNNBase):
    """Long short-term memory over sequences, in one or several layers.

    With the gates i, f, o = sigmoid and g = tanh of W_ih x + b_ih + W_hh h + b_hh, c = f c + i g and h = o tanh(c).
    Called as `layer(input)` or `layer(input, (h, c))`, it returns (outputs, (h, c)). The rows of the weights are those
    of i, f, g and o, one below the other.

    Source: S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", 1997.

    Args:
        proj_size: if not 0, h is multiplied with a matrix W_hr and has that many numbers (H. Sak and others, 2014).
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: see `RNN`.

    >>> import mytorch
    >>> outputs, (h, c) = LSTM(10, 20, batch_first=True, bidirectional=True)(mytorch.zeros(3, 5, 10))
    >>> outputs.shape, h.shape, c.shape
    (torch.Size([3, 5, 40]), torch.Size([2, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device,
            dtype,
        )  # fmt: skip

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape of c: (layers * directions, batch, units)."""
        return self._state_size(input, batch_sizes, self.hidden_size)

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raise an error unless input, h and c fit each other and the layer."""
        self.check_input(input, batch_sizes)
        expected = self.get_expected_hidden_size(input, batch_sizes), self.get_expected_cell_size(input, batch_sizes)
        self.check_hidden_size(hidden[0], expected[0], "Expected hidden[0] size {}, got {}")
        self.check_hidden_size(hidden[1], expected[1], "Expected hidden[1] size {}, got {}")

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """h and c in another order of the batch."""
        return hx if permutation is None else tuple(super(LSTM, self).permute_hidden(one, permutation) for one in hx)

    def _first_states(self, count: int, dtype: Any) -> Any:
        h = super()._first_states(count, dtype)
        return h, zeros(h.shape[0], count, self.hidden_size, dtype=dtype)

    def _unbatched(self, hx: Any) -> Any:
        if hx[0].ndim != 2 or hx[1].ndim != 2:
            raise RuntimeError(
                "For unbatched 2-D input, hx and cx should also be 2-D but got "
                f"({hx[0].ndim}-D, {hx[1].ndim}-D) tensors"
            )
        return hx[0].unsqueeze(1), hx[1].unsqueeze(1)

    def _check_batched(self, hx: Any) -> None:
        if hx[0].ndim != 3 or hx[1].ndim != 3:
            raise RuntimeError(
                f"For batched 3-D input, hx and cx should also be 3-D but got ({hx[0].ndim}-D, {hx[1].ndim}-D) tensors"
            )

    def _squeezed(self, hx: Any) -> Any:
        return hx[0].squeeze(1), hx[1].squeeze(1)

    def _called(self, result: Sequence[Tensor]) -> tuple[Tensor, Any]:
        output, h, c = result
        return output, (h, c)


class GRU(RNNBase):
    """Gated recurrent units over sequences, in one or several layers.

    r, z = sigmoid of W_ih x + b_ih + W_hh h + b_hh, n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h = (1 - z) n + z h.
    Called as `layer(input)` or `layer(input, h)`, it returns (outputs, h). The rows of the weights are those of r, z
    and n, one below the other.

    Source: K. Cho and others, "Learning Phrase Representations using RNN Encoder-Decoder", 2014.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: see `RNN`.

    >>> import mytorch
    >>> outputs, h = GRU(10, 20)(mytorch.zeros(5, 10))
    >>> outputs.shape, h.shape
    (torch.Size([5, 20]), torch.Size([1, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
