"""The norms of layers: their columns, and that a run's table of them is what the picture is drawn from."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

import mytorch
from mytorch import nn
from mytorch.training.loop.norms import layer_norms
from mytorch.training.plots import plot_layers
from mytorch.training.runs.files import MetricsLog, read_metrics


def test_norms_of_weights_and_gradients() -> None:
    mytorch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    model[2].weight.requires_grad_(False)
    before = layer_norms(model)
    assert [key for key, value in before.items() if value is None] == [
        "gradient:0.weight", "gradient:0.bias", "gradient:2.bias",
    ]  # fmt: skip
    model(mytorch.randn(5, 3)).sum().backward()
    norms = layer_norms(model)
    assert list(norms) == list(before)
    assert "weight:2.weight" not in norms
    for name in ("0.weight", "0.bias", "2.bias"):
        parameter = model.get_parameter(name)
        assert math.isclose(norms[f"weight:{name}"], np.linalg.norm(parameter.detach().numpy()), rel_tol=1e-6)
        assert math.isclose(norms[f"gradient:{name}"], np.linalg.norm(parameter.grad.numpy()), rel_tol=1e-6)


def test_the_table_goes_through_a_file_to_the_picture(tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    with MetricsLog(tmp_path / "norms.csv", ["epoch", *layer_norms(model)]) as log:
        for epoch in (1, 2, 3):
            model(mytorch.randn(5, 2)).sum().backward()
            log.append({"epoch": epoch, **layer_norms(model)})
    plot_layers(read_metrics(tmp_path / "norms.csv"), tmp_path / "layers.png", "linear")
    assert (tmp_path / "layers.png").read_bytes()[1:4] == b"PNG"
