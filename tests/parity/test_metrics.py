"""The metrics against scikit-learn on random data: ties, absent classes, one class only, weights."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mytorch.training.metrics import METRICS

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """The script that recorded the figures, which holds scikit-learn's side."""
    path = Path(__file__).parents[1] / "golden" / "record_metrics.py"
    spec = importlib.util.spec_from_file_location("record_metrics", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compare(case: dict) -> None:
    for written, value in case["scores"]:
        metric = METRICS[written["type"]](**{key: one for key, one in written.items() if key != "type"})
        score = metric(np.array(case["prediction"]), np.array(case["target"]), case["weights"])
        assert score == pytest.approx(value, rel=1e-9, abs=1e-6, nan_ok=True), (metric, case)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("weighted", [False, True])
def test_regression(reference: ModuleType, seed: int, weighted: bool) -> None:
    generator = np.random.default_rng(seed)
    rows, outputs = int(generator.integers(3, 100)), int(generator.integers(0, 4))
    compare(reference.regression_case(generator, (rows, outputs) if outputs else (rows,), weighted))


@pytest.mark.filterwarnings("ignore:.*single label.*:UserWarning")
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ties", [False, True])
def test_classification(reference: ModuleType, seed: int, ties: bool, weighted: bool) -> None:
    generator = np.random.default_rng(seed)
    classes = int(generator.integers(2, 8))
    present, rows = int(generator.integers(1, classes + 1)), int(generator.integers(20, 100))
    compare(reference.classification_case(generator, rows, classes, present, ties=ties, weighted=weighted))


def test_calibration_equals_the_calibration_curve() -> None:
    """The bins that the error is summed over are those of scikit-learn's curve."""
    from sklearn.calibration import calibration_curve

    from mytorch.training.metrics import reliability

    generator = np.random.default_rng(0)
    probability = generator.random(500).round(2)
    came_true = (generator.random(500) < probability).astype(np.float64)
    rows, probabilities, true = reliability(probability, came_true, bins=10)
    share, mean = calibration_curve(came_true, probability, n_bins=10)
    np.testing.assert_allclose(true / rows, share)
    np.testing.assert_allclose(probabilities / rows, mean)
