"""Operations of matrix products and convolutions are those that PyTorch's own counter sees."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import mytorch
from mytorch import nn
from mytorch.training.commands.flops import has_products
from mytorch.training.commands.layer_table import measure

MODELS = {
    "mlp": (lambda nn: nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 1)), (32, 13)),
    "without bias": (lambda nn: nn.Sequential(nn.Linear(13, 64, bias=False), nn.Tanh()), (5, 13)),
    "sequences": (lambda nn: nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3)), (4, 7, 6)),
    "images": (
        lambda nn: nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 12, 3, stride=2, groups=4, dilation=2, padding=2), nn.SiLU(), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(12, 10),
        ),
        (6, 3, 16, 16),
    ),
    "signals": (lambda nn: nn.Sequential(nn.Conv1d(2, 6, 5), nn.Sigmoid(), nn.AvgPool1d(2), nn.Conv1d(6, 4, 3)), (3, 2, 40)),
    "volumes": (lambda nn: nn.Sequential(nn.Conv3d(1, 4, 3, stride=(1, 2, 1)), nn.ReLU(), nn.Conv3d(4, 2, 1)), (2, 1, 6, 7, 8)),
    "transposed": (
        lambda nn: nn.Sequential(
            nn.ConvTranspose2d(3, 8, 3, stride=2, output_padding=1), nn.ReLU(), nn.ConvTranspose2d(8, 2, 2, groups=2)
        ),
        (2, 3, 5, 5),
    ),
    "transposed signals": (lambda nn: nn.Sequential(nn.ConvTranspose1d(3, 4, 4, stride=2, padding=1)), (2, 3, 9)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_the_sum_over_the_layers_is_that_of_pytorchs_counter(name):
    make, shape = MODELS[name]
    counter = FlopCounterMode(display=False)
    with counter:
        make(torch.nn)(torch.rand(shape))

    model = make(nn)
    step = measure(model, _Mean(), mytorch.rand(*shape), [])
    seen = [layer.flops for layer in step.layers if has_products(model.get_submodule(layer.name))]
    assert sum(seen) == counter.get_total_flops() > 0


class _Mean(nn.Module):
    def forward(self, output):
        return output.mean()
