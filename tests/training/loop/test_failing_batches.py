"""A batch that the model or the loss refuses in the middle of a training: the message says which of them, and where."""

from __future__ import annotations

import pytest

CONFIG = """\
imports: [own.py]
dataset: {type: csv, path: rows.csv, target: y, task: classification, batch_size: full}
model: [{type: Linear, out_features: 1}]
loss: BCEWithLogitsLoss
optimizer: {type: SGD, lr: 0.1}
train: {epochs: 1}
plots: []
"""
PLACE = "epoch 1, step 1 of 1"
OWN = """\
from mytorch import nn

class Small(nn.Module):
    def forward(self, x):
        if len(x) > 2:
            raise ValueError("too many rows")
        return x

class Fussy(nn.CrossEntropyLoss):
    def forward(self, output, target):
        if not output.requires_grad:
            raise ValueError("only for a training")
        return super().forward(output, target)
"""


@pytest.fixture
def message(mytorch_command, tmp_path):
    """What a training with changes says when it fails."""

    def failed(*changes: str) -> str:
        (tmp_path / "c.yaml").write_text(CONFIG)
        (tmp_path / "own.py").write_text(OWN)
        rows = "".join(f"{100 * row - 350},{row % 2}\n" for row in range(8))
        (tmp_path / "rows.csv").write_text(f"x,y\n{rows}")
        done = mytorch_command("train", "c.yaml", "-q", *changes, cwd=tmp_path, check=1)
        return done.stderr.replace(str(tmp_path), "DIR").removeprefix("error: ").rstrip()

    return failed


def test_who_cannot_take_a_batch(message):
    said = message("model=[Small, {type: Linear, out_features: 1}]")
    assert said == f"{PLACE}: the model cannot take this batch: too many rows (DIR/own.py:6)"
    said = message("loss=BCELoss")
    assert said == f"{PLACE}: the loss cannot take this batch: all elements of input should be between 0 and 1"


def test_what_the_loss_cannot_take_after_the_last_step(message):
    assert message("loss=Fussy", "model.0.out_features=2") == (
        "Fussy cannot take the model's outputs: only for a training (DIR/own.py:12)"
    )
