"""Records what PyTorch's operations on images and tables do: `python tests/golden/record_images.py`.

Each case is written once for both libraries and gets `torch` (or `mytorch` in its place) and tensors. The tests of
`mytorch.ops` and `mytorch.nn` compare with `images.npz` and `images.json`; those in tests/parity run the same cases
with the live PyTorch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ARRAYS = Path(__file__).with_name("images.npz")
TEXTS = Path(__file__).with_name("images.json")

_random = np.random.default_rng(20240301)

Case = tuple[Callable[..., Any], tuple[np.ndarray, ...]]


def normals(*shape: int) -> np.ndarray:
    return np.round(_random.standard_normal(shape), 3)


def ties(*shape: int) -> np.ndarray:
    return _random.integers(-2, 3, shape).astype(np.float64)


def undefined(*shape: int) -> np.ndarray:
    x = normals(*shape)
    x.flat[_random.integers(0, x.size, max(1, x.size // 8))] = np.nan
    return x


def _convolution(name: str, x: tuple[int, ...], w: tuple[int, ...], *, bias: bool = True, **options: Any) -> Case:
    outputs = w[1] * options.get("groups", 1) if "transpose" in name else w[0]
    arrays = (normals(*x), normals(*w), *([normals(outputs)] if bias else []))
    return (lambda t, *tensors: getattr(t.nn.functional, name)(*tensors, **options)), arrays


CONVOLUTIONS: dict[str, Case] = {
    "conv1d": _convolution("conv1d", (2, 3, 9), (4, 3, 3)),
    "conv1d all": _convolution("conv1d", (2, 4, 11), (6, 2, 3), stride=2, padding=3, dilation=2, groups=2),
    "conv1d same": _convolution("conv1d", (2, 3, 7), (4, 3, 4), padding="same", dilation=3),
    "conv1d long": _convolution("conv1d", (1, 2, 40), (3, 2, 5), bias=False),
    "conv2d": _convolution("conv2d", (2, 3, 6, 7), (4, 3, 3, 3)),
    "conv2d one channel": _convolution("conv2d", (3, 1, 12, 12), (5, 1, 5, 5)),
    "conv2d no bias": _convolution("conv2d", (2, 3, 10, 12), (4, 3, 3, 2), bias=False),
    "conv2d padding": _convolution("conv2d", (2, 2, 9, 10), (3, 2, 3, 3), padding=(1, 2)),
    "conv2d wide padding": _convolution("conv2d", (1, 2, 2, 9), (3, 2, 2, 2), padding=4),
    "conv2d stride": _convolution("conv2d", (2, 3, 9, 11), (4, 3, 3, 3), stride=2),
    "conv2d stride larger than kernel": _convolution("conv2d", (2, 2, 9, 9), (4, 2, 2, 1), stride=(3, 4)),
    "conv2d dilation": _convolution("conv2d", (2, 3, 9, 11), (4, 3, 3, 3), dilation=(2, 3)),
    "conv2d dilation and stride": _convolution("conv2d", (2, 3, 13, 12), (4, 3, 3, 3), dilation=(2, 3), stride=(3, 2)),
    "conv2d same": _convolution("conv2d", (2, 3, 8, 9), (4, 3, 3, 5), padding="same"),
    "conv2d valid": _convolution("conv2d", (2, 3, 8, 9), (4, 3, 3, 5), padding="valid"),
    "conv2d groups": _convolution("conv2d", (2, 12, 5, 6), (6, 6, 3, 3), groups=2, padding=1),
    "conv2d depthwise": _convolution("conv2d", (2, 6, 7, 8), (6, 1, 3, 3), groups=6, padding=1),
    "conv2d depthwise stride": _convolution("conv2d", (2, 3, 8, 8), (6, 1, 3, 3), groups=3, padding=1, stride=2),
    "conv2d 1x1": _convolution("conv2d", (2, 5, 6, 6), (4, 5, 1, 1)),
    "conv2d 1x1 stride": _convolution("conv2d", (2, 5, 7, 6), (4, 5, 1, 1), stride=2),
    "conv2d whole image": _convolution("conv2d", (3, 2, 5, 4), (6, 2, 5, 4)),
    "conv2d unbatched": _convolution("conv2d", (3, 6, 6), (4, 3, 3, 3)),
    "conv2d empty batch": _convolution("conv2d", (0, 3, 6, 6), (4, 3, 3, 3)),
    "conv3d": _convolution("conv3d", (2, 2, 4, 5, 10), (3, 2, 2, 3, 2)),
    "conv3d all": _convolution("conv3d", (1, 2, 5, 6, 5), (4, 1, 2, 3, 2), stride=(1, 2, 1), padding=1, dilation=(2, 1, 2), groups=2),
    "conv_transpose1d": _convolution("conv_transpose1d", (2, 3, 5), (3, 2, 4), stride=3, padding=1, output_padding=2),
    "conv_transpose2d": _convolution("conv_transpose2d", (2, 3, 5, 4), (3, 2, 3, 3)),
    "conv_transpose2d stride": _convolution("conv_transpose2d", (2, 3, 5, 4), (3, 2, 4, 2), stride=2, padding=1),
    "conv_transpose2d gaps": _convolution("conv_transpose2d", (1, 3, 3, 4), (3, 2, 2, 1), stride=(3, 2), output_padding=(2, 0)),
    "conv_transpose2d all": _convolution("conv_transpose2d", (2, 4, 4, 5), (4, 3, 3, 2), stride=2, padding=(1, 0), output_padding=1, groups=2, dilation=(2, 3)),
    "conv_transpose2d dilation's output padding": _convolution("conv_transpose2d", (1, 2, 4, 4), (2, 2, 2, 2), output_padding=1, dilation=2),
    "conv_transpose2d unbatched": _convolution("conv_transpose2d", (3, 5, 4), (3, 2, 3, 3), bias=False),
    "conv_transpose3d": _convolution("conv_transpose3d", (1, 2, 3, 2, 3), (2, 3, 2, 3, 2), stride=2),
}  # fmt: skip

POOLING: dict[str, Case] = {
    "max_pool1d": (lambda t, x: t.nn.functional.max_pool1d(x, 2), (normals(2, 3, 7),)),
    "max_pool2d": (lambda t, x: t.nn.functional.max_pool2d(x, 2), (normals(2, 3, 6, 7),)),
    "max_pool2d ties": (lambda t, x: t.nn.functional.max_pool2d(x, 2), (ties(2, 3, 6, 8),)),
    "max_pool2d overlapping ties": (lambda t, x: t.nn.functional.max_pool2d(x, 3, 1, 1), (ties(2, 2, 6, 5),)),
    "max_pool2d NaN": (lambda t, x: t.nn.functional.max_pool2d(x, 2), (undefined(2, 3, 6, 6),)),
    "max_pool2d NaN overlapping": (lambda t, x: t.nn.functional.max_pool2d(x, 3, 2, 1), (undefined(2, 2, 7, 6),)),
    "max_pool2d -inf": (lambda t, x: t.nn.functional.max_pool2d(x, 2, 2, 1), (np.array([[[-np.inf, 1.0], [2.0, 3.0]]]),)),
    "max_pool2d all": (lambda t, x: t.nn.functional.max_pool2d(x, (3, 2), (2, 1), 1, (1, 2), True), (normals(2, 2, 8, 7),)),
    "max_pool2d gaps": (lambda t, x: t.nn.functional.max_pool2d(x, 2, 3), (normals(2, 2, 8, 7),)),
    "max_pool2d unbatched": (lambda t, x: t.nn.functional.max_pool2d(x, 2, ceil_mode=True), (normals(2, 5, 7),)),
    "max_pool2d empty batch": (lambda t, x: t.nn.functional.max_pool2d(x, 2), (normals(0, 2, 5, 7),)),
    "max_pool3d": (lambda t, x: t.nn.functional.max_pool3d(x, 2, 1), (normals(1, 2, 3, 4, 3),)),
    "avg_pool1d": (lambda t, x: t.nn.functional.avg_pool1d(x, 3, 2, 1), (normals(2, 3, 8),)),
    "avg_pool2d": (lambda t, x: t.nn.functional.avg_pool2d(x, 2), (normals(2, 3, 6, 7),)),
    "avg_pool2d ceil": (lambda t, x: t.nn.functional.avg_pool2d(x, 3, 2, 1, True), (normals(2, 2, 8, 6),)),
    "avg_pool2d without pad": (lambda t, x: t.nn.functional.avg_pool2d(x, 3, 2, 1, True, False), (normals(2, 2, 8, 6),)),
    "avg_pool2d divisor": (lambda t, x: t.nn.functional.avg_pool2d(x, 2, divisor_override=3), (normals(2, 6, 6),)),
    "avg_pool3d": (lambda t, x: t.nn.functional.avg_pool3d(x, (1, 2, 3), 1), (normals(1, 2, 3, 4, 4),)),
    "adaptive_avg_pool1d": (lambda t, x: t.nn.functional.adaptive_avg_pool1d(x, 3), (normals(2, 2, 7),)),
    "adaptive_avg_pool2d": (lambda t, x: t.nn.functional.adaptive_avg_pool2d(x, (3, None)), (normals(2, 2, 7, 5),)),
    "adaptive_avg_pool2d larger": (lambda t, x: t.nn.functional.adaptive_avg_pool2d(x, 5), (normals(2, 3, 4),)),
    "adaptive_avg_pool3d": (lambda t, x: t.nn.functional.adaptive_avg_pool3d(x, 2), (normals(1, 2, 3, 4, 5),)),
    "adaptive_max_pool1d": (lambda t, x: t.nn.functional.adaptive_max_pool1d(x, 3), (normals(2, 2, 7),)),
    "adaptive_max_pool2d": (lambda t, x: t.nn.functional.adaptive_max_pool2d(x, (3, 2)), (ties(2, 2, 7, 5),)),
    "adaptive_max_pool2d even": (lambda t, x: t.nn.functional.adaptive_max_pool2d(x, (3, 2)), (ties(2, 2, 6, 6),)),
    "adaptive_max_pool3d": (lambda t, x: t.nn.functional.adaptive_max_pool3d(x, (1, 2, 2)), (normals(1, 2, 3, 3, 4),)),
    "lp_pool1d": (lambda t, x: t.nn.functional.lp_pool1d(x, 3.0, 2), (np.abs(normals(2, 3, 8)) + 0.1,)),
    "lp_pool2d": (lambda t, x: t.nn.functional.lp_pool2d(x, 2.0, 2, 1), (normals(2, 3, 5, 4),)),
}  # fmt: skip

_BOX = normals(2, 3, 5, 6)
PADDING: dict[str, Case] = {
    "constant": (lambda t, x: t.nn.functional.pad(x, (1, 2, 0, 3), value=1.5), (_BOX,)),
    "constant all dimensions": (lambda t, x: t.nn.functional.pad(x, (1, 0, 0, 1, 2, 0, 0, 1)), (_BOX,)),
    "constant negative": (lambda t, x: t.nn.functional.pad(x, (-1, 2, 1, -3), value=2.0), (_BOX,)),
} | {
    f"{mode} {pads}": (lambda t, x, mode=mode, pads=pads: t.nn.functional.pad(x, pads, mode), (_BOX,))
    for mode in ("reflect", "replicate", "circular")
    for pads in ((2, 1, 0, 0), (3, 2, 4, 1), (-1, 2, 1, -2))
    if mode != "circular" or min(pads) >= 0
}

_TABLE, _NUMBERS = normals(5, 3), np.array([[4, 0, 4], [1, 1, 2]])
EMBEDDING: dict[str, Case] = {
    "embedding": (lambda t, w, i=_NUMBERS: t.nn.functional.embedding(t.tensor(i), w), (_TABLE,)),
    "embedding padding": (lambda t, w, i=_NUMBERS: t.nn.functional.embedding(t.tensor(i), w, -1), (_TABLE,)),
    "embedding frequency": (
        lambda t, w, i=_NUMBERS: t.nn.functional.embedding(t.tensor(i), w, 0, scale_grad_by_freq=True),
        (_TABLE,),
    ),
    "embedding one": (lambda t, w: t.nn.functional.embedding(t.tensor(2), w), (_TABLE,)),
    "embedding none": (lambda t, w: t.nn.functional.embedding(t.zeros(0, 2, dtype=t.int64), w), (_TABLE,)),
}

CASES = {**CONVOLUTIONS, **POOLING, **PADDING, **EMBEDDING}

LAYERS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "Conv1d": (lambda nn: nn.Conv1d(4, 6, 3, 2, 1, 2, 2), (2, 4, 12)),
    "Conv2d": (lambda nn: nn.Conv2d(1, 4, 3), (2, 1, 6, 6)),
    "Conv2d oblong": (lambda nn: nn.Conv2d(2, 3, (3, 2), padding=(1, 0), bias=False), (2, 2, 6, 6)),
    "Conv2d same": (lambda nn: nn.Conv2d(2, 3, 3, padding="same"), (2, 2, 5, 6)),
    "Conv2d reflect": (lambda nn: nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), (2, 2, 5, 6)),
    "Conv2d replicate": (lambda nn: nn.Conv2d(2, 3, 3, padding=(2, 0), padding_mode="replicate"), (2, 2, 5, 6)),
    "Conv2d circular": (lambda nn: nn.Conv2d(2, 3, 3, padding="same", padding_mode="circular"), (2, 2, 5, 6)),
    "Conv2d depthwise": (lambda nn: nn.Conv2d(3, 6, 3, groups=3), (2, 3, 5, 6)),
    "Conv3d": (lambda nn: nn.Conv3d(2, 3, 2, padding="valid"), (1, 2, 3, 3, 4)),
    "ConvTranspose1d": (lambda nn: nn.ConvTranspose1d(2, 3, 3, 2), (2, 2, 5)),
    "ConvTranspose2d": (lambda nn: nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, False, 2), (2, 4, 4, 4)),
    "ConvTranspose3d": (lambda nn: nn.ConvTranspose3d(1, 2, 2, 2), (1, 1, 2, 2, 3)),
    "MaxPool1d": (lambda nn: nn.MaxPool1d(2, 3), (2, 3, 8)),
    "MaxPool2d": (lambda nn: nn.MaxPool2d((2, 2), stride=1, padding=1, dilation=2, ceil_mode=True), (2, 3, 8, 7)),
    "MaxPool3d": (lambda nn: nn.MaxPool3d(2), (1, 2, 4, 4, 4)),
    "AvgPool1d": (lambda nn: nn.AvgPool1d(2), (2, 3, 8)),
    "AvgPool2d": (lambda nn: nn.AvgPool2d((2, 3), 1, 1), (2, 3, 8, 7)),
    "AvgPool3d": (lambda nn: nn.AvgPool3d(2, 1), (1, 2, 3, 3, 3)),
    "AdaptiveAvgPool1d": (lambda nn: nn.AdaptiveAvgPool1d(2), (2, 3, 5)),
    "AdaptiveAvgPool2d": (lambda nn: nn.AdaptiveAvgPool2d((1, None)), (2, 3, 5, 4)),
    "AdaptiveAvgPool3d": (lambda nn: nn.AdaptiveAvgPool3d(2), (1, 2, 4, 3, 5)),
    "AdaptiveMaxPool1d": (lambda nn: nn.AdaptiveMaxPool1d(2), (2, 3, 5)),
    "AdaptiveMaxPool2d": (lambda nn: nn.AdaptiveMaxPool2d(2), (2, 3, 5, 4)),
    "AdaptiveMaxPool3d": (lambda nn: nn.AdaptiveMaxPool3d(1), (1, 2, 4, 3, 5)),
    "LPPool1d": (lambda nn: nn.LPPool1d(2, 3, 2, True), (2, 3, 8)),
    "LPPool2d": (lambda nn: nn.LPPool2d(2, 2), (2, 3, 6, 6)),
    "ZeroPad1d": (lambda nn: nn.ZeroPad1d((1, 2)), (2, 3, 4)),
    "ZeroPad2d": (lambda nn: nn.ZeroPad2d(1), (2, 3, 4)),
    "ZeroPad3d": (lambda nn: nn.ZeroPad3d(1), (1, 2, 3, 2)),
    "ConstantPad1d": (lambda nn: nn.ConstantPad1d(1, 2.0), (2, 3, 4)),
    "ConstantPad2d": (lambda nn: nn.ConstantPad2d((1, 0, 2, 1), 0.5), (2, 3, 4)),
    "ConstantPad3d": (lambda nn: nn.ConstantPad3d(1, 3.5), (1, 2, 2, 2)),
    "ReflectionPad1d": (lambda nn: nn.ReflectionPad1d(2), (2, 3, 4)),
    "ReflectionPad2d": (lambda nn: nn.ReflectionPad2d((1, 2, 2, 1)), (2, 3, 4)),
    "ReflectionPad3d": (lambda nn: nn.ReflectionPad3d(1), (1, 2, 3, 2)),
    "ReplicationPad1d": (lambda nn: nn.ReplicationPad1d(2), (2, 3, 4)),
    "ReplicationPad2d": (lambda nn: nn.ReplicationPad2d(3), (2, 3, 4)),
    "ReplicationPad3d": (lambda nn: nn.ReplicationPad3d(1), (1, 2, 3, 2)),
    "CircularPad1d": (lambda nn: nn.CircularPad1d(2), (2, 3, 4)),
    "CircularPad2d": (lambda nn: nn.CircularPad2d((1, 2, 3, 1)), (2, 3, 4)),
    "CircularPad3d": (lambda nn: nn.CircularPad3d(1), (1, 2, 3, 2)),
}

EMBEDDINGS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda nn: nn.Embedding(7, 3),
    "padding": lambda nn: nn.Embedding(7, 3, padding_idx=-2),
    "norm": lambda nn: nn.Embedding(7, 3, max_norm=1.0, norm_type=1.0),
    "frequency": lambda nn: nn.Embedding(7, 3, scale_grad_by_freq=True, sparse=False),
}

ERRORS: dict[str, Callable[[Any], Any]] = {
    "channels": lambda t: t.nn.functional.conv2d(t.ones(2, 3, 5, 5), t.ones(4, 2, 3, 3)),
    "channels of groups": lambda t: t.nn.functional.conv2d(t.ones(2, 4, 5, 5), t.ones(4, 4, 3, 3), groups=2),
    "outputs of groups": lambda t: t.nn.functional.conv2d(t.ones(2, 4, 5, 5), t.ones(3, 2, 3, 3), groups=2),
    "large kernel": lambda t: t.nn.functional.conv2d(t.ones(2, 3, 2, 5), t.ones(4, 3, 3, 3)),
    "dimensions": lambda t: t.nn.functional.conv2d(t.ones(3, 5), t.ones(4, 3, 3, 3)),
    "bias": lambda t: t.nn.functional.conv2d(t.ones(1, 3, 5, 5), t.ones(4, 3, 3, 3), t.ones(3)),
    "stride": lambda t: t.nn.functional.conv2d(t.ones(1, 3, 5, 5), t.ones(4, 3, 3, 3), stride=0),
    "number of strides": lambda t: t.nn.functional.conv2d(t.ones(1, 3, 5, 5), t.ones(4, 3, 3, 3), stride=(1, 2, 3)),
    "negative padding": lambda t: t.nn.functional.conv2d(t.ones(1, 3, 5, 5), t.ones(4, 3, 3, 3), padding=-1),
    "dilation": lambda t: t.nn.functional.conv2d(t.ones(1, 3, 5, 5), t.ones(4, 3, 3, 3), dilation=0),
    "groups": lambda t: t.nn.functional.conv2d(t.ones(1, 3, 5, 5), t.ones(4, 3, 3, 3), groups=0),
    "same with stride": lambda t: t.nn.functional.conv2d(
        t.ones(1, 3, 5, 5), t.ones(4, 3, 3, 3), stride=2, padding="same"
    ),
    "padding word": lambda t: t.nn.functional.conv2d(t.ones(1, 3, 5, 5), t.ones(4, 3, 3, 3), padding="full"),
    "transposed channels": lambda t: t.nn.functional.conv_transpose2d(t.ones(2, 3, 5, 5), t.ones(4, 2, 3, 3)),
    "transposed dimensions": lambda t: t.nn.functional.conv_transpose2d(t.ones(4, 5), t.ones(4, 2, 3, 3)),
    "transposed bias": lambda t: t.nn.functional.conv_transpose2d(t.ones(2, 4, 5, 5), t.ones(4, 2, 3, 3), t.ones(3)),
    "pool size": lambda t: t.nn.functional.max_pool2d(t.ones(1, 3, 1, 5), 2),
    "pool padding": lambda t: t.nn.functional.avg_pool2d(t.ones(1, 3, 5, 5), 2, padding=2),
    "pool numbers": lambda t: t.nn.functional.max_pool2d(t.ones(1, 3, 5, 5), (1, 2, 3)),
    "pool divisor": lambda t: t.nn.functional.avg_pool2d(t.ones(1, 3, 5, 5), 2, divisor_override=0),
    "pad reflect": lambda t: t.nn.functional.pad(t.ones(1, 3, 5, 5), (5, 0, 0, 0), mode="reflect"),
    "pad dimensions": lambda t: t.nn.functional.pad(t.ones(1, 3, 5, 5), (1, 0), mode="reflect"),
    "pad around": lambda t: t.nn.functional.pad(t.ones(1, 3, 5, 5), (6, 0, 0, 0), mode="circular"),
    "pad odd": lambda t: t.nn.functional.pad(t.ones(5), (1, 0, 1)),
    "pad long": lambda t: t.nn.functional.pad(t.ones(5), (1, 1, 1, 1)),
    "pad mode": lambda t: t.nn.functional.pad(t.ones(5), (1, 1), mode="mirror"),
    "pad value": lambda t: t.nn.functional.pad(t.ones(1, 3, 5), (1, 1), mode="reflect", value=1.0),
    "embedding range": lambda t: t.nn.functional.embedding(t.tensor([1, 5]), t.ones(3, 2)),
    "embedding vector": lambda t: t.nn.functional.embedding(t.tensor([1]), t.ones(3)),
    "embedding padding": lambda t: t.nn.functional.embedding(t.tensor([1]), t.ones(3, 2), padding_idx=3),
    "one_hot large": lambda t: t.nn.functional.one_hot(t.tensor([1, 4]), 3),
    "one_hot negative": lambda t: t.nn.functional.one_hot(t.tensor([1, -4])),
    "one_hot type": lambda t: t.nn.functional.one_hot(t.tensor([1.0])),
    "one_hot empty": lambda t: t.nn.functional.one_hot(t.zeros(0, dtype=t.int64)),
    "layer groups": lambda t: t.nn.Conv2d(3, 4, 3, groups=2),
    "layer output groups": lambda t: t.nn.Conv2d(4, 3, 3, groups=2),
    "layer no groups": lambda t: t.nn.Conv2d(4, 3, 3, groups=0),
    "layer same": lambda t: t.nn.Conv2d(4, 3, 3, padding="same", stride=2),
    "layer output size": lambda t: t.nn.ConvTranspose2d(4, 2, 3)(t.ones(2, 4, 5, 5), output_size=(9, 9)),
    "layer padding row": lambda t: t.nn.Embedding(3, 2, padding_idx=3),
}


def directions(out: Any) -> np.ndarray:
    """A gradient for a result: the same for both libraries."""
    return np.cos(np.arange(out.size, dtype=np.float64)).reshape(out.shape)


def run(t: Any, case: Case) -> dict[str, np.ndarray]:
    """The result and the gradients of one case."""
    function, arrays = case
    tensors = [t.tensor(a, requires_grad=True) for a in arrays]
    out = function(t, *tensors)
    out.backward(t.tensor(directions(out.detach().numpy())))
    return {"out": out.detach().numpy(), **{f"grad{i}": x.grad.numpy() for i, x in enumerate(tensors)}}


def run_layer(t: Any, name: str) -> dict[str, np.ndarray]:
    """A layer's parameters for seed 0, and what it makes of a fixed input."""
    make, shape = LAYERS[name]
    t.manual_seed(0)
    layer = make(t.nn)
    x = t.tensor(directions(np.empty(shape)).astype(np.float32) + 1.5)
    state = {key: value.detach().numpy() for key, value in layer.state_dict().items()}
    return {**state, "out": layer(x).detach().numpy()}


def run_embedding(t: Any, name: str) -> dict[str, np.ndarray]:
    """The same for the layers that take numbers."""
    t.manual_seed(0)
    layer = EMBEDDINGS[name](t.nn)
    weight = layer.weight.detach().numpy().copy()
    out = layer(t.tensor([[5, 0, 5], [2, 6, 1]]))
    out.sum().backward()
    return {"weight": weight, "out": out.detach().numpy(), "grad": layer.weight.grad.numpy()}


def text_of(t: Any, name: str) -> str:
    return repr(LAYERS[name][0](t.nn) if name in LAYERS else EMBEDDINGS[name](t.nn))


def error_of(t: Any, name: str) -> list[str]:
    """The class and the text of the error that a case raises."""
    try:
        ERRORS[name](t)
    except Exception as error:
        return [type(error).__name__, str(error)]
    raise AssertionError(f"{name}: no error")


def main() -> None:
    import torch

    arrays = {f"{name}/{key}": a for name, case in CASES.items() for key, a in run(torch, case).items()}
    arrays |= {f"{name}/{key}": a for name in LAYERS for key, a in run_layer(torch, name).items()}
    arrays |= {f"Embedding {name}/{key}": a for name in EMBEDDINGS for key, a in run_embedding(torch, name).items()}
    np.savez_compressed(ARRAYS, **arrays)
    texts = {
        "torch": torch.__version__,
        "reprs": {name: text_of(torch, name) for name in (*LAYERS, *EMBEDDINGS)},
        "errors": {name: error_of(torch, name) for name in ERRORS},
    }
    TEXTS.write_text(json.dumps(texts, indent=1) + "\n")


if __name__ == "__main__":
    main()
