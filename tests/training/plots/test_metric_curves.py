"""The pictures of metrics over the epochs, and of the layers' norms over the steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from mytorch.training import plots
from mytorch.training.diagnostics.gradients_file import GradientRow

Draw = Callable[..., Figure]
Inside = Callable[[Figure], None]


def rows_of(epochs: int, **columns: Callable[[int], float | None]) -> list[dict[str, Any]]:
    return [
        {"epoch": epoch, "seconds": 0.1 * epoch, "learning_rate": 0.01, "train_loss": 1 / epoch}
        | {name: value(epoch) for name, value in columns.items()}
        for epoch in range(1, epochs + 1)
    ]


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


def said(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_each_metric_has_a_panel_with_its_parts(draw: Draw, inside: Inside) -> None:
    rows = rows_of(30, validation_loss=lambda e: 1.0, validation_mae=lambda e: 3 / e, train_mae=lambda e: 2 / e,
                   validation_r2=lambda e: 1 - 1 / e, gradient_norm=lambda e: e)  # fmt: skip
    figure = draw(plots.plot_metrics, rows, title="boston", best_epoch=10)
    assert titles(figure) == ["mae", "r2", "learning rate", "gradient norm"]
    mae = figure.axes[0].get_lines()
    assert [line.get_ydata()[0] for line in mae] == pytest.approx([3.0, 2.0, 0.3])  # the last one is the mark
    assert [to_hex(line.get_color()).upper() for line in mae[:2]] == ["#D55E00", "#0072B2"]
    assert said(figure.axes[0]) == ["0.3 at epoch 10"]
    assert said(figure.axes[1]) == ["0.9 at epoch 10"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["validation", "train"]
    inside(figure)


def test_without_a_best_epoch_the_last_value_is_told(draw: Draw) -> None:
    figure = draw(plots.plot_metrics, rows_of(5, validation_mae=lambda e: e), title="a")
    assert said(figure.axes[0]) == ["last 5"]


@pytest.mark.parametrize("epochs", [0, 1, 2, 10_000])
def test_few_and_many_epochs(draw: Draw, inside: Inside, epochs: int) -> None:
    rows = rows_of(
        epochs,
        gradient_norm=lambda e: 1e-9 * e,
        validation_auc=lambda e: math.nan,
        validation_mse=lambda e: 1e12 / e**4,
        validation_a_very_long_name_of_a_metric_of_ones_own=lambda e: -12345.678,
        validation_inf=lambda e: math.inf if e % 2 else 1.0,
        validation_none=lambda e: None,
    )
    figure = draw(plots.plot_metrics, rows, title="$\\frac$ and a long title " * 9, best_epoch=epochs)
    inside(figure)
    if epochs:
        assert len(figure.axes) == 7
        assert said(figure.axes[titles(figure).index("auc")]) == ["no finite value"]
    else:
        assert said(figure.axes[0]) == ["no metrics in this run"]


def test_what_only_some_epochs_have_is_one_line_and_what_none_has_no_panel(draw: Draw) -> None:
    rows = rows_of(30, update_ratio=lambda e: 1 / e if e % 10 == 0 else None, saturated=lambda e: None)
    figure = draw(plots.plot_metrics, rows, title="a", best_epoch=7)
    assert titles(figure) == ["learning rate", "update ratio"]
    (line,) = figure.axes[1].get_lines()
    assert list(line.get_xdata()) == [10, 20, 30]
    assert said(figure.axes[1]) == ["last 0.03333"]


def test_a_name_and_its_value_do_not_overlap(draw: Draw) -> None:
    name = "validation_" + "W" * 40
    figure = draw(plots.plot_metrics, rows_of(10_000, **{name: lambda e: -1.2345e-9}), title="a", best_epoch=10_000)
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    title = figure.axes[0]._left_title.get_window_extent(renderer)  # type: ignore[attr-defined]
    assert title.width < figure.axes[0].bbox.width


# --- layers ---------------------------------------------------------------------------------------------------------


def norms(layers: int, steps: int) -> list[GradientRow]:
    return [
        GradientRow(1, step, str(layer), "Linear", 10.0 ** -(layer % 7) / step, 1.0 + layer)
        for step in range(1, steps + 1)
        for layer in range(layers)
    ]


def test_few_layers_are_lines(draw: Draw, inside: Inside) -> None:
    figure = draw(plots.plot_layers, norms(3, 50), title="boston")
    weights, gradients = figure.axes
    assert [line.get_ydata()[0] for line in weights.get_lines()] == [1.0, 2.0, 3.0]
    assert gradients.get_yscale() == "log"
    assert list(gradients.get_lines()[1].get_ydata()) == pytest.approx([0.1 / step for step in range(1, 51)])
    legend = weights.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["0 Linear", "1 Linear", "2 Linear"]
    inside(figure)


def test_zeros_and_what_is_not_finite_are_told(draw: Draw) -> None:
    rows = norms(2, 10)
    rows[6] = replace(rows[6], gradient_norm=0.0)
    rows[8] = replace(rows[8], gradient_norm=math.inf)
    rows[11] = replace(rows[11], gradient_norm=math.nan)
    rows[13] = replace(rows[13], gradient_norm=None)  # of a frozen layer, which is not worth a word
    _, gradients = draw(plots.plot_layers, rows, title="a").axes
    assert said(gradients)[-1] == "not drawn: 1 zero, 2 not finite"
    assert np.isnan(gradients.get_lines()[0].get_ydata()[3:5].astype(float)).all()


def test_many_steps_are_drawn_through_medians(draw: Draw) -> None:
    figure = draw(plots.plot_layers, norms(2, 10_000), title="a")
    assert len(figure.axes[0].get_lines()[0].get_xdata()) == 1000
    assert figure.axes[1].get_xlabel() == "step (medians of 10)"
    assert figure.axes[1].get_lines()[0].get_ydata()[0] == pytest.approx(np.median(1 / np.arange(1, 11)))


@pytest.mark.parametrize("layers", [8, 24, 200])
@pytest.mark.parametrize("steps", [1, 700])
def test_many_layers_are_a_map(draw: Draw, inside: Inside, layers: int, steps: int) -> None:
    rows = norms(layers, steps)
    zero, odd = len(rows) - layers + 1, len(rows) - layers + 2
    rows[zero], rows[odd] = replace(rows[zero], gradient_norm=0.0), replace(rows[odd], gradient_norm=math.nan)
    figure = draw(plots.plot_layers, rows, title="transformer " * 20)
    (image,) = figure.axes[2].get_images()
    table = image.get_array()
    assert table.shape == (layers, min(steps, 600))
    last = to_hex(image.cmap(image.norm(table[1, -1]))), to_hex(image.cmap(image.norm(table[2, -1:])[0]))
    assert last == ("#000000", "#d55e00")
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[0] == "0 Linear"
    assert len(names) == layers or layers == 200
    labels = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert all(upper.y0 >= lower.y1 - 2 for upper, lower in itertools.pairwise(labels))
    inside(figure)


@pytest.mark.parametrize("rows", [[], [GradientRow(1, 1, "0", "ReLU")]])
def test_no_norms(draw: Draw, inside: Inside, rows: list[GradientRow]) -> None:
    figure = draw(plots.plot_layers, rows, title="a")
    assert said(figure.axes[0])[-1] == "no norms of layers in this run"
    inside(figure)
