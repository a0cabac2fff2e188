"""How many floating-point operations a layer's forward takes: one formula a class, from its sizes and shapes.

What counts is arithmetic on numbers; copying, comparing indices, rearranging and drawing random numbers do not. For

- matrix products and convolutions two for each multiply-add, which includes the bias: n products have n - 1 sums, and
  the bias makes it n (`torch.utils.flop_counter` counts the same, and nothing but these);
- activations one for each number that comes out, however dear the function is; softmax and its kin five (maximum,
  difference, exponential, sum, quotient);
- normalisation what training does for each number: five (mean, difference, square, its sum, scaling), and two more
  for weight and bias;
- pooling one for each number of a window.

A class that is not in the table, such as one of the user's own, is unknown: None, never a guess. So is a class derived
from one of these that has a `forward` of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from mytorch import nn
from mytorch.nn.recurrent import GATES
from mytorch.training.branches import Parallel, Residual
from mytorch.training.steps import EveryStep, LastStep

Shape = tuple[int, ...]
Formula = Callable[[Any, Shape, Shape], int]  # of the module and the shapes of what goes in and what comes out


def flops(module: nn.Module, input: Shape, output: Shape, second_input: Shape | None = None) -> int | None:
    """The operations of one call of a module, without those of the modules in it; None if they are not known.

    Args:
        module: the layer.
        input, output: the shapes of what went in (the first argument) and of what came out, rows included.
        second_input: of the second argument; only an attention's operations depend on it, as those are its keys.

    >>> flops(nn.Linear(13, 64), (32, 13), (32, 64)), 2 * 32 * 13 * 64
    (53248, 53248)
    >>> flops(nn.Conv2d(3, 8, 3), (1, 3, 6, 6), (1, 8, 4, 4))
    6912
    """
    kind = type(module)
    for known in kind.__mro__:
        if known in FORMULAS and kind.forward is getattr(known, "forward", None):
            if known is nn.MultiheadAttention:
                return _attention(module, input, output, second_input)
            return FORMULAS[known](module, input, output)
    return None


def has_products(module: nn.Module) -> bool:
    """Whether a module's operations are those of matrix products or convolutions.

    >>> has_products(nn.Conv1d(1, 1, 3)), has_products(nn.BatchNorm1d(3))
    (True, False)
    """
    return any(known in PRODUCTS for known in type(module).__mro__)


# --- the formulas ---------------------------------------------------------------------------------------------------


def _each(count: int) -> Formula:
    """So many for each number that comes out."""
    return lambda _module, _input, output: count * math.prod(output)


def _linear(module: Any, _input: Shape, output: Shape) -> int:
    return 2 * math.prod(output) * module.in_features


def _bilinear(module: Any, _input: Shape, output: Shape) -> int:
    return 2 * math.prod(output) * module.in1_features * (module.in2_features + 1)


def _conv(module: Any, _input: Shape, output: Shape) -> int:
    """The weight is (channels out, channels in of the group, *window)."""
    return 2 * math.prod(output) * math.prod(module.weight.shape[1:])


def _transposed_conv(module: Any, input: Shape, _output: Shape) -> int:
    """The weight is (channels in, channels out of the group, *window), and each number that goes in meets it."""
    return 2 * math.prod(input) * math.prod(module.weight.shape[1:])


def _normalization(module: Any, _input: Shape, output: Shape) -> int:
    has_weight, has_bias = (getattr(module, name, None) is not None for name in ("weight", "bias"))
    return (5 + has_weight + has_bias) * math.prod(output)


def _rms_norm(module: Any, _input: Shape, output: Shape) -> int:
    return (3 + (module.weight is not None)) * math.prod(output)


def _local_response_norm(module: Any, _input: Shape, output: Shape) -> int:
    return (module.size + 3) * math.prod(output)


def _window(dims: int, each: int = 1) -> Formula:
    def formula(module: Any, _input: Shape, output: Shape) -> int:
        size = module.kernel_size
        window = size**dims if isinstance(size, int) else math.prod(size) ** (dims if len(size) == 1 else 1)
        return each * window * math.prod(output)

    return formula


def _what_goes_in(_module: Any, input: Shape, _output: Shape) -> int:
    return math.prod(input)


def _upsample(module: Any, _input: Shape, output: Shape) -> int:
    neighbours = {"nearest": 0, "nearest-exact": 0, "linear": 2, "bilinear": 4, "trilinear": 8, "bicubic": 16}
    return 2 * neighbours[module.mode] * math.prod(output)


def _parallel(module: Any, _input: Shape, output: Shape) -> int:
    return 0 if module.join == "cat" else (len(module.branches) - 1) * math.prod(output)


# For each unit and step, behind the two products: what the gates take, and what makes the new state of them.
_BEHIND_PRODUCTS = {"LSTM": 4 + 5, "GRU": 3 + 2 + 3, "RNN_TANH": 1, "RNN_RELU": 1}


def _of_a_step(mode: str, inputs: int, units: int, outputs: int) -> int:
    """Two products, with the input and with the state, of size `outputs`, and what is behind them."""
    each = units * (2 * GATES[mode] * (inputs + outputs) + _BEHIND_PRODUCTS[mode])
    return each + (2 * units * outputs if outputs != units else 0)


def _recurrent(module: Any, input: Shape, _output: Shape) -> int:
    directions, outputs = 2 if module.bidirectional else 1, module.proj_size or module.hidden_size
    inputs = [module.input_size, *[outputs * directions] * (module.num_layers - 1)]
    a_step = sum(directions * _of_a_step(module.mode, size, module.hidden_size, outputs) for size in inputs)
    return math.prod(input[:-1]) * a_step


def _cell(mode: str) -> Formula:
    def formula(module: Any, input: Shape, _output: Shape) -> int:
        return math.prod(input[:-1]) * _of_a_step(mode, module.input_size, module.hidden_size, module.hidden_size)

    return formula


def _attention(module: Any, input: Shape, _output: Shape, keys: Shape | None = None) -> int:
    """The products before and after, and for each head those of queries and keys, softmax, and those with values."""
    keys = input if keys is None else keys
    length, width, heads = 0 if len(input) == 2 else int(module.batch_first), module.embed_dim, module.num_heads
    before = math.prod(input[:-1]) * width + math.prod(keys[:-1]) * (module.kdim + module.vdim)
    pairs = math.prod(input[:-1]) * (keys[length] + (module.bias_k is not None) + module.add_zero_attn)
    return 2 * width * (before + math.prod(input[:-1]) * width) + pairs * (4 * width + 5 * heads)


def _transformer_layer(module: Any, _input: Shape, output: Shape) -> int:
    """A sum around each block, and the activation if it is no module with operations of its own."""
    blocks = 3 if isinstance(module, nn.TransformerDecoderLayer) else 2
    hidden = math.prod(output[:-1]) * module.linear1.out_features
    return blocks * math.prod(output) + (0 if isinstance(module.activation, nn.Module) else hidden)


PRODUCTS: dict[type, Formula] = {
    nn.Linear: _linear,
    nn.Bilinear: _bilinear,
    **dict.fromkeys([nn.Conv1d, nn.Conv2d, nn.Conv3d], _conv),
    **dict.fromkeys([nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d], _transposed_conv),
}

_ACTIVATIONS = [
    nn.CELU, nn.ELU, nn.GELU, nn.Hardshrink, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.LeakyReLU, nn.LogSigmoid,
    nn.Mish, nn.PReLU, nn.ReLU, nn.ReLU6, nn.RReLU, nn.SELU, nn.Sigmoid, nn.SiLU, nn.Softplus, nn.Softshrink,
    nn.Softsign, nn.Tanh, nn.Tanhshrink, nn.Threshold,
]  # fmt: skip
_SOFTMAXES = [nn.LogSoftmax, nn.Softmax, nn.Softmax2d, nn.Softmin]
_DROPOUTS = [nn.AlphaDropout, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.FeatureAlphaDropout]
_NORMALIZATIONS = [
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, nn.InstanceNorm1d, nn.InstanceNorm2d,
    nn.InstanceNorm3d, nn.LayerNorm,
]  # fmt: skip
_POOLS = [(nn.MaxPool1d, nn.AvgPool1d), (nn.MaxPool2d, nn.AvgPool2d), (nn.MaxPool3d, nn.AvgPool3d)]
_ADAPTIVE_POOLS = [
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d,
    nn.AdaptiveMaxPool3d,
]  # fmt: skip
_WITHOUT_ARITHMETIC = [
    nn.ChannelShuffle, nn.Embedding, nn.Flatten, nn.Identity, nn.MaxUnpool1d, nn.MaxUnpool2d, nn.MaxUnpool3d,
    nn.PixelShuffle, nn.PixelUnshuffle, nn.Sequential, nn.Unflatten, nn.Unfold,
    nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d, nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d,
    nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d, nn.ReplicationPad1d, nn.ReplicationPad2d,
    nn.ReplicationPad3d, nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d,
]  # fmt: skip

FORMULAS: dict[type, Formula] = {
    **PRODUCTS,
    **dict.fromkeys(_ACTIVATIONS, _each(1)),
    **dict.fromkeys(_SOFTMAXES, _each(5)),
    **dict.fromkeys(_DROPOUTS, _each(1)),
    **dict.fromkeys(_NORMALIZATIONS, _normalization),
    **dict.fromkeys(_ADAPTIVE_POOLS, _what_goes_in),
    **dict.fromkeys(_WITHOUT_ARITHMETIC, _each(0)),
    **dict.fromkeys([nn.Upsample, nn.UpsamplingBilinear2d, nn.UpsamplingNearest2d], _upsample),
    nn.GLU: _each(2),
    nn.RMSNorm: _rms_norm,
    nn.LocalResponseNorm: _local_response_norm,
    nn.Fold: _what_goes_in,
    **{kind: _window(dims) for dims, kinds in enumerate(_POOLS, start=1) for kind in kinds},
    nn.LPPool1d: _window(1, each=2),
    nn.LPPool2d: _window(2, each=2),
    **dict.fromkeys([nn.GRU, nn.LSTM, nn.RNN], _recurrent),
    nn.GRUCell: _cell("GRU"),
    nn.LSTMCell: _cell("LSTM"),
    nn.RNNCell: _cell("RNN_TANH"),
    **dict.fromkeys([EveryStep, LastStep], _each(0)),
    nn.MultiheadAttention: _attention,
    **dict.fromkeys([nn.TransformerDecoderLayer, nn.TransformerEncoderLayer], _transformer_layer),
    **dict.fromkeys([nn.Transformer, nn.TransformerDecoder, nn.TransformerEncoder], _each(0)),
    Residual: _each(1),
    Parallel: _parallel,
}
