"""The Boston tutorial: the config trained here and the same program run by PyTorch, now, loss by loss."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.runs.files import read_metrics
from mytorch.training.runs.run import Run

ROOT = Path(__file__).parents[2]


def test_200_losses_agree(tmp_path):
    path = ROOT / "tests" / "golden" / "record_tutorial.py"
    spec = importlib.util.spec_from_file_location("record_tutorial", path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    expected = program.losses(200, seed=7)
    experiment = build(load_config(ROOT / "configs" / "boston-tutorial.yaml", ["train.epochs=200", "seed=7"]))
    run = Run.create(tmp_path, "tutorial")
    Training(experiment, run).run(Progress(200, "quiet"))
    np.testing.assert_allclose([row["train_loss"] for row in read_metrics(run.metrics)], expected, rtol=1e-4)
