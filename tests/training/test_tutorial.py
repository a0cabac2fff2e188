"""The Boston tutorial trained from its config has PyTorch's losses, step by step, for the same seed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.runs.files import read_metrics
from mytorch.training.runs.run import Run

ROOT = Path(__file__).parents[2]
RECORDED = json.loads((ROOT / "tests" / "golden" / "tutorial.json").read_text())


@pytest.mark.parametrize("seed", sorted(RECORDED))
def test_the_loss_curve_is_pytorchs(seed, tmp_path):
    overrides = [f"train.epochs={len(RECORDED[seed])}", f"seed={seed}"]
    experiment = build(load_config(ROOT / "configs" / "boston-tutorial.yaml", overrides))
    run = Run.create(tmp_path, "tutorial")
    Training(experiment, run).run(Progress(200, "quiet"))
    losses = [row["train_loss"] for row in read_metrics(run.metrics)]
    np.testing.assert_allclose(losses, RECORDED[seed], rtol=1e-4)
