"""The pictures of class scores: ROC, precision-recall, calibration."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mytorch.training import plots
from mytorch.training.metrics import METRICS

Draw = Callable[..., Figure]
Inside = Callable[[Figure], None]


def scored(rows: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    target = generator.integers(0, classes, rows)
    return generator.normal(size=(rows, classes)) + 1.5 * np.eye(classes)[target], target


def said(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_two_classes(draw: Draw, inside: Inside) -> None:
    scores, target = np.log([[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]]), [0, 0, 1, 1]
    roc, pr = draw(plots.plot_roc, scores, target, ["no", "yes"], title="pets").axes
    assert roc.get_lines()[1].get_xydata().tolist() == [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]]
    curve = pr.get_lines()[0]
    np.testing.assert_allclose(curve.get_xydata(), [[0, 1], [0.5, 1], [0.5, 0.5], [1, 2 / 3], [1, 0.5]])
    assert curve.get_drawstyle() == "steps-pre"
    assert said(roc) == ["yes: AUC 0.7500"]
    assert said(pr) == ["yes: average precision 0.8333", "share of the rows 0.5"]
    inside(draw(plots.plot_roc, scores, target, ["no", "yes " * 30], title="pets " * 30))


@pytest.mark.parametrize(("classes", "named"), [(3, 3), (7, 7), (8, 4), (100, 4)])
def test_few_classes_are_all_named_and_of_many_the_worst(draw: Draw, inside: Inside, classes: int, named: int) -> None:
    scores, target = scored(2000, classes)
    figure = draw(plots.plot_roc, scores, target, [f"the class number {k}" for k in range(classes)], title="pets")
    roc, pr = figure.axes
    auc, precision = METRICS["auc"]()(scores, target), METRICS["average_precision"]()(scores, target)
    assert said(roc) == [f"each class against the others: mean AUC {auc:.4f}"]
    assert said(pr) == [f"mean average precision {precision:.4f}"]
    assert len(pr.get_lines()) == classes
    legend = pr.get_legend()
    assert legend is not None
    labels = [text.get_text() for text in legend.get_texts()]
    assert len(labels) == named + (classes > named)
    areas = [float(label.split()[-2]) for label in labels[:named]]
    assert areas == sorted(areas) or named == classes
    assert labels[-1] == f"{classes - named} other classes" or named == classes
    inside(figure)


def test_curves_of_many_rows_have_few_points(draw: Draw) -> None:
    scores, target = scored(100_000, 2)
    roc, pr = draw(plots.plot_roc, scores, target, ["a", "b"], title="a").axes
    for line in (roc.get_lines()[1], pr.get_lines()[0]):
        assert len(line.get_xdata()) < 5000
        assert line.get_xdata()[-1] == 1
    assert np.trapezoid(*roc.get_lines()[1].get_data()[::-1]) == pytest.approx(
        METRICS["auc"]()(scores, target), abs=1e-3
    )


@pytest.mark.parametrize(
    ("scores", "target", "text"),
    [
        (np.zeros((0, 2)), np.zeros(0, int), "no rows"),
        (np.zeros((5, 2)), np.zeros(5, int), "no curve: all rows are of one class"),
        (np.full((5, 2), math.nan), np.arange(5) % 2, "no rows"),
        (np.zeros((5, 3)), np.zeros(5, int), "no curve: all rows are of one class"),
    ],
)
def test_no_curve(draw: Draw, inside: Inside, scores: np.ndarray, target: np.ndarray, text: str) -> None:
    names = ["a", "b", "c"][: scores.shape[1]]
    figure = draw(plots.plot_roc, scores, target, names, title="t")
    assert said(figure.axes[0]) == [text]
    inside(figure)
    inside(draw(plots.plot_calibration, scores, target, names, title="t"))


def test_rows_without_a_number_are_left_out_and_counted(draw: Draw) -> None:
    scores, target = scored(50, 3)
    scores[:4] = math.nan
    figure = draw(plots.plot_roc, scores, target, ["a", "b", "c"], title="t")
    assert figure.texts[0].get_text() == "4 rows without a number are left out"
    assert (
        "46 rows; 4 left out" in said(draw(plots.plot_calibration, scores, target, list("abc"), title="t").axes[0])[0]
    )


def test_calibration(draw: Draw, inside: Inside) -> None:
    probability = np.array([0.1, 0.1, 0.1, 0.1, 0.9, 0.9])
    target = np.array([0, 0, 0, 1, 1, 1])
    scores = np.log(np.stack([1 - probability, probability], axis=1))
    figure = draw(plots.plot_calibration, scores, target, ["no", "yes"], title="pets", bins=5)
    upper, lower = figure.axes
    points = upper.get_lines()[1].get_xydata()
    np.testing.assert_allclose(points, [[0.1, 0.25], [0.9, 1.0]])
    error = METRICS["ece"](bins=5)(scores, target)
    assert error == pytest.approx((4 * 0.15 + 2 * 0.1) / 6)
    assert said(upper)[0] == f"calibration error {error:.4f}, 6 rows"
    assert [bar.get_height() for bar in lower.patches] == [4, 0, 0, 0, 2]
    assert lower.get_xlabel() == "probability of yes"
    # Wilson's interval for 1 of 4, by the textbook: 0.0456 to 0.6994.
    low, high = upper.collections[0].get_segments()[0][:, 1]
    assert (low, high) == pytest.approx((0.0456, 0.6994), abs=1e-4)
    inside(figure)


def test_many_classes_and_rows_are_within_the_picture(draw: Draw, inside: Inside) -> None:
    scores, target = scored(100_000, 20)
    figure = draw(plots.plot_calibration, scores, target, ["name " * 20] * 20, title="a long title " * 10)
    assert figure.axes[1].get_xlabel() == "probability of the predicted class"
    inside(figure)


def test_arrays_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for plot in (plots.plot_roc, plots.plot_calibration):
        for scores, target, names in (
            (np.zeros((3, 2)), np.zeros(3), ["a", "b", "c"]),
            (np.zeros((3, 2)), np.zeros(2), ["a", "b"]),
            (np.zeros((3, 1)), np.zeros(3), ["a"]),
        ):
            with pytest.raises(ValueError, match="expected scores of shape"):
                plot(scores, target, names, tmp_path / "a.png", "t")
    assert not list(tmp_path.iterdir())
