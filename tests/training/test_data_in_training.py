"""Weights of rows and data on the disk, seen through a whole training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.errors import ConfigError
from mytorch.training.loop.loop import Training
from mytorch.training.runs.run import Run

CONFIG = """
dataset: {{{source}, batch_size: {size}, shuffle: {shuffle}}}
model: [{{type: Linear, out_features: 4}}, Tanh, {{type: Linear, out_features: 1}}]
loss: {loss}
optimizer: {{type: SGD, lr: 0.05}}
train: {{epochs: 5}}
metrics: [mse]
"""


@pytest.fixture
def epochs(tmp_path, monkeypatch):
    """The epochs' mean losses of a training on this source."""
    monkeypatch.chdir(tmp_path)

    def train(source: str, size: str = "full", shuffle: str = "false", loss: str = "MSELoss") -> list[float]:
        Path("c.yaml").write_text(CONFIG.format(source=source, size=size, shuffle=shuffle, loss=loss))
        training = Training(build(load_config("c.yaml")), Run(tmp_path))
        training.model.train()
        steps = [[(training.step(batch)[0], len(batch[0])) for batch in training.batches] for _ in range(5)]
        return [sum(loss * rows for loss, rows in epoch) / sum(rows for _, rows in epoch) for epoch in steps]

    return train


def test_a_row_of_weight_two_counts_as_two_rows(epochs):
    Path("w.csv").write_text("x,w,y\n1,1,2\n2,2,3\n3,1,7\n4,0,99\n")
    Path("twice.csv").write_text("x,y\n1,2\n2,3\n2,3\n3,7\n")
    weighted = epochs("type: csv, path: w.csv, target: y, weight: w")
    np.testing.assert_allclose(weighted, epochs("type: csv, path: twice.csv, target: y"), rtol=1e-5)
    assert weighted != epochs("type: csv, path: w.csv, target: y, drop: [w]")


def test_a_loss_without_a_value_for_each_row_is_refused(epochs):
    Path("w.csv").write_text("x,w,y\n1,1,2\n2,2,3\n3,1,7\n")
    with pytest.raises(ConfigError, match=r"c.yaml:4:7: loss: the rows have weights, which needs .* reduction: mean"):
        epochs("type: csv, path: w.csv, target: y, weight: w", loss="{type: MSELoss, reduction: sum}")


@pytest.mark.parametrize(("size", "shuffle"), [("full", "false"), ("3", "true")])
def test_rows_on_the_disk_train_as_rows_of_a_table(epochs, size, shuffle):
    values = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    targets = (values[:, 0] * values[:, 1]).astype(np.float32)
    np.save("x.npy", values)
    np.save("y.npy", targets)
    rows = np.column_stack([values, targets]).astype(np.float64).tolist()
    Path("t.csv").write_text("a,b,c,y\n" + "".join(",".join(map(repr, row)) + "\n" for row in rows))
    split = "test: {every: 4}"
    mapped = epochs(f"type: npy, inputs: x.npy, targets: y.npy, {split}", size, shuffle)
    assert mapped == epochs(f"type: csv, path: t.csv, target: y, {split}", size, shuffle)
