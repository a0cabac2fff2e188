"""The picture of the residuals, of ordinary rows and of odd ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from mytorch.training import plots

Draw = Callable[..., Figure]
Inside = Callable[[Figure], None]


def test_residuals_against_the_prediction_and_their_histogram(draw: Draw, inside: Inside) -> None:
    true, predicted = np.array([[1.0], [2.0], [4.0]]), np.array([[2.0], [2.0], [3.0]])
    figure = draw(plots.plot_residuals, true, predicted, "medv", part="validation")
    scatter, histogram = figure.axes
    assert scatter.get_title(loc="left") == "validation: residuals of medv"
    assert [text.get_text() for text in scatter.texts] == ["3 rows, mean 0, standard deviation 0.816"]
    assert scatter.get_lines()[1].get_xydata().tolist() == [[2, 1], [2, 0], [3, -1]]
    assert scatter.get_xlabel() == "predicted medv"
    assert sum(bar.get_width() for bar in histogram.patches) == 3
    assert scatter.get_ylim() == histogram.get_ylim()
    inside(figure)


def test_a_few_far_out_do_not_squeeze_the_rest(draw: Draw, inside: Inside) -> None:
    generator = np.random.default_rng(0)
    true = generator.normal(2e5, 5e4, 10_000)
    predicted = true + generator.normal(0, 1e4, 10_000)
    predicted[0], predicted[2], predicted[4] = 1e12, -1e12, math.nan
    figure = draw(plots.plot_residuals, true, predicted, "a long name of a target " * 5)
    scatter, histogram = figure.axes
    assert scatter.texts[0].get_text().endswith("; 2 beyond the edge; 1 not finite")
    assert scatter.get_ylim()[1] < 1e5
    assert scatter.get_xlim()[1] < 1e6
    assert sum(bar.get_width() for bar in histogram.patches) == 9999
    assert len(scatter.get_lines()[1].get_xdata()) == 5000
    inside(figure)


@pytest.mark.parametrize(
    ("true", "predicted", "text"),
    [
        ([], [], "no rows"),
        ([1.0], [1.0], "1 row, mean 0, standard deviation 0"),
        ([1.0, 2.0], [math.nan, math.inf], "2 rows, none finite"),
        ([5.0] * 4, [6.0] * 4, "4 rows, mean 1, standard deviation 0"),
        ([0.0, 0.0], [1e-300, 1e300], "2 rows, mean 5e+299, standard deviation inf"),
    ],
)
def test_odd_rows(draw: Draw, inside: Inside, true: list[float], predicted: list[float], text: str) -> None:
    figure = draw(plots.plot_residuals, true, predicted, "$y$")
    assert [text.get_text() for text in figure.axes[0].texts] == [text]
    inside(figure)


def test_arrays_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one a row"):
        plots.plot_residuals([1.0, 2.0], [1.0], "y", tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
