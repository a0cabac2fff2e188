"""The table of operations: every layer is in it or known to be left out, and the formulas count what they say."""

from __future__ import annotations

import pytest

import mytorch
from mytorch import nn
from mytorch.training.commands.flops import FORMULAS, flops, has_products
from mytorch.training.config.components import standard_registries

LEFT_OUT = {"CosineSimilarity", "EmbeddingBag", "PairwiseDistance", "ParameterDict", "ParameterList"}


def of(module: nn.Module, *shape: int) -> int | None:
    return flops(module, shape, tuple(module(mytorch.rand(*shape)).shape))


def test_every_layer_of_a_config_is_in_the_table_or_left_out_on_purpose():
    layers = standard_registries()["layer"].classes
    missing = {name for name, kind in layers.items() if kind not in FORMULAS and kind.__module__.startswith("mytorch.")}
    assert missing == LEFT_OUT & set(layers)


@pytest.mark.parametrize(
    ("module", "shape", "expected"),
    [
        (nn.Linear(3, 5), (4, 3), 4 * 5 * 2 * 3),
        (nn.Linear(3, 5, bias=False), (4, 7, 3), 4 * 7 * 5 * 2 * 3),
        (nn.Conv1d(2, 4, 3), (1, 2, 9), 4 * 7 * 2 * 2 * 3),
        (nn.Conv2d(4, 6, (3, 2), groups=2, stride=2, padding=1), (2, 4, 8, 8), 2 * 6 * 4 * 5 * 2 * 2 * 6),
        (nn.ConvTranspose2d(3, 5, 2, stride=2), (2, 3, 4, 4), 2 * 3 * 16 * 2 * 5 * 4),
        (nn.TransformerEncoderLayer(6, 2, 10, batch_first=True), (4, 3, 6), 2 * 72 + 120),
        (nn.TransformerEncoderLayer(6, 2, 10, activation=nn.GELU()), (3, 4, 6), 2 * 72),
        (nn.ReLU(), (4, 3), 12),
        (nn.GLU(), (4, 6), 24),
        (nn.Softmax(dim=1), (4, 3), 60),
        (nn.BatchNorm1d(3), (4, 3), 12 * 7),
        (nn.BatchNorm1d(3, affine=False), (4, 3), 12 * 5),
        (nn.LayerNorm(3, bias=False), (4, 3), 12 * 6),
        (nn.RMSNorm(3), (4, 3), 12 * 4),
        (nn.LocalResponseNorm(2), (1, 4, 5), 20 * 5),
        (nn.MaxPool2d(2), (1, 3, 8, 8), 3 * 16 * 4),
        (nn.AvgPool2d((2, 4)), (1, 3, 8, 8), 3 * 8 * 8),
        (nn.MaxPool1d((3,)), (1, 3, 9), 3 * 3 * 3),
        (nn.LPPool1d(2, 3), (1, 3, 9), 3 * 3 * 3 * 2),
        (nn.AdaptiveAvgPool2d(1), (1, 3, 8, 8), 3 * 64),
        (nn.Upsample(scale_factor=2), (1, 3, 4, 4), 0),
        (nn.Upsample(scale_factor=2, mode="bilinear"), (1, 3, 4, 4), 3 * 64 * 8),
        (nn.Flatten(), (2, 3, 4), 0),
        (nn.Dropout(0.5), (2, 3), 6),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_counts(module, shape, expected):
    assert of(module, *shape) == expected


@pytest.mark.parametrize("batch_first", [True, False])
def test_attention_counts_each_pair_of_query_and_key(batch_first):
    rows, queries, keys, width, heads = 4, 3, 5, 6, 2

    def shape(length, size):
        return (rows, length, size) if batch_first else (length, rows, size)

    crossed = nn.MultiheadAttention(width, heads, kdim=7, vdim=8, add_zero_attn=True, batch_first=batch_first)
    products = 2 * rows * width * (queries * width + keys * (7 + 8) + queries * width)
    pairs = rows * queries * (keys + 1)
    counted = flops(crossed, shape(queries, width), shape(queries, width), shape(keys, 7))
    assert counted == products + pairs * (2 * 2 * width + 5 * heads)

    alone = nn.MultiheadAttention(width, heads, batch_first=batch_first)
    counted = flops(alone, shape(queries, width), shape(queries, width))
    assert counted == 2 * rows * queries * 4 * width**2 + rows * queries * queries * (4 * width + 5 * heads)


def test_a_class_of_ones_own_is_not_guessed():
    class Scaled(nn.Linear):
        def forward(self, input):
            return 2 * super().forward(input)

    class Named(nn.Linear):
        """Adds nothing to the forward."""

    class Own(nn.Module):
        def forward(self, x):
            return x

    assert of(Scaled(3, 5), 4, 3) is None
    assert of(Own(), 4, 3) is None
    assert of(Named(3, 5), 4, 3) == of(nn.Linear(3, 5), 4, 3)


def test_products_are_those_of_matrices_and_convolutions():
    assert has_products(nn.Linear(1, 1))
    assert has_products(nn.ConvTranspose3d(1, 1, 1))
    assert not has_products(nn.LayerNorm(3))
