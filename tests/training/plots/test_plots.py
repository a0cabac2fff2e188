"""The plots: what they show of ordinary and of odd runs, without a trace in matplotlib's settings."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from mytorch.training import plots
from mytorch.training.plots.series import plot_series

Draw = Callable[..., Figure]
Inside = Callable[[Figure], None]


def rows_of(train: list[float], validation: list[float | None] | None = None, rate: float = 0.9) -> list[dict]:
    return [
        {
            "epoch": epoch,
            "learning_rate": 1e-3 * rate**epoch,
            "train_loss": loss,
            "validation_loss": validation[epoch - 1] if validation else None,
        }
        for epoch, loss in enumerate(train, start=1)
    ]


def lines(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    """The points of every line, by its label."""
    return {
        str(line.get_label()): list(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in axes.get_lines()
    }


def texts(figure: Figure) -> list[str]:
    """All that is written, outside of the ticks and the legends."""
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def legend(axes: Axes) -> list[str]:
    shown = axes.get_legend()
    assert shown is not None
    return [text.get_text() for text in shown.get_texts()]


# --- the loss -----------------------------------------------------------------------------------------------


def test_losses_learning_rate_and_best_epoch(draw: Draw, inside: Inside) -> None:
    rows = rows_of([5.0, 4.0, 3.0, 2.0, 1.5], [5.0, 3.0, 1.0, 3.0, 5.0])
    figure = draw(plots.plot_loss, rows, title="boston")
    losses, rate = figure.axes
    assert lines(losses) == {
        "train loss": [(1, 5.0), (2, 4.0), (3, 3.0), (4, 2.0), (5, 1.5)],
        "validation loss": [(1, 5.0), (2, 3.0), (3, 1.0), (4, 3.0), (5, 5.0)],
        "best epoch 3: 1": [(3, 1.0)],
    }
    assert lines(rate) == {"learning rate (right)": [(row["epoch"], row["learning_rate"]) for row in rows]}
    assert legend(losses) == ["train loss", "validation loss", "learning rate (right)", "best epoch 3: 1"]
    assert losses.get_title(loc="left") == "boston"
    assert losses.get_xlabel() == "epoch"
    assert losses.get_yscale() == "linear"
    assert rate.get_ylim()[0] == 0
    inside(figure)


def test_the_best_epoch_is_the_one_that_is_named(draw: Draw) -> None:
    rows = rows_of([5.0, 4.0, 3.0], [5.0, 3.0, 1.0])
    assert lines(draw(plots.plot_loss, rows, title="a", best_epoch=1).axes[0])["best epoch 1: 5"] == [(1, 5.0)]
    assert len(lines(draw(plots.plot_loss, rows, title="a", best_epoch=9).axes[0])) == 2


def test_without_validation_the_train_loss_is_judged(draw: Draw) -> None:
    axes = draw(plots.plot_loss, rows_of([3.0, 2.0, 4.0]), title="a").axes[0]
    assert list(lines(axes)) == ["train loss", "best epoch 2: 2"]


def test_a_constant_learning_rate_is_said_in_words(draw: Draw, inside: Inside) -> None:
    figure = draw(plots.plot_loss, rows_of([3.0, 2.0], rate=1.0), title="a")
    assert len(figure.axes) == 1
    assert texts(figure) == ["learning rate 0.001"]
    inside(figure)


@pytest.mark.parametrize(
    ("losses", "scale", "ticks"),
    [
        ([0.1, 1.0], "linear", ["0.25", "0.5", "0.75", "1"]),
        ([0.005, 1.2], "log", ["0.01", "0.03", "0.1", "0.3", "1"]),
        ([1e-6, 1e6], "log", ["1e\N{MINUS SIGN}06", "0.0001", "0.01", "1", "100", "10000", "1e+06"]),
        ([250_000.0, 1_250_000.0], "linear", ["250k", "500k", "750k", "1M", "1.25M"]),
        ([-1.0, 1000.0], "linear", ["0", "250", "500", "750", "1000"]),
        ([0.0, 1000.0], "linear", ["0", "250", "500", "750", "1000"]),
    ],
)
def test_the_scale_and_its_ticks(draw: Draw, losses: list[float], scale: str, ticks: list[str]) -> None:
    axes = draw(plots.plot_loss, rows_of(losses), title="a").axes[0]
    assert axes.get_yscale() == scale
    low, high = axes.get_ylim()
    labels = zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
    assert [label.get_text() for tick, label in labels if low <= tick <= high] == ticks


@pytest.mark.parametrize("epochs", [1, 2, 3, 7, 200])
def test_epochs_are_whole_numbers(draw: Draw, epochs: int) -> None:
    axes = draw(plots.plot_loss, rows_of([1.0] * epochs), title="a").axes[0]
    low, high = axes.get_xlim()
    shown = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert shown
    assert all(tick == round(tick) for tick in shown)
    assert min(low, high) <= 1
    assert max(low, high) >= epochs


def test_losses_that_are_not_finite_leave_gaps(draw: Draw) -> None:
    figure = draw(plots.plot_loss, rows_of([2.0, math.nan, math.inf, 1.0], [None] * 4), title="a")
    drawn = [loss for _, loss in lines(figure.axes[0])["train loss"]]
    assert drawn == pytest.approx([2.0, math.nan, math.nan, 1.0], nan_ok=True)
    figure = draw(plots.plot_loss, rows_of([math.nan, math.inf], [None, None]), title="a")
    assert texts(figure) == ["no finite loss"]
    assert not lines(figure.axes[0])


@pytest.mark.parametrize(
    "rows",
    [
        [],
        rows_of([2.0]),
        [{"epoch": 1, "train_loss": 1.0}],
        rows_of(list(np.linspace(1, 0.99999, 10))),
        rows_of([1e6 * 0.5**epoch for epoch in range(60)], [1e-8] * 60),
    ],
    ids=["none", "one", "columns missing", "narrow", "decades"],
)
def test_odd_runs_are_drawn_without_a_warning(draw: Draw, rows: list[dict], inside: Inside) -> None:
    figure = draw(plots.plot_loss, rows, title="한글 $\\frac$" + "long " * 30)
    assert figure.axes[0].get_title(loc="left").startswith("한글 $\\frac$")
    inside(figure)


# --- the predictions ----------------------------------------------------------------------------------------


def test_predictions_in_row_order_and_against_the_truth(draw: Draw, inside: Inside) -> None:
    train = (np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.5, 2.0]))
    test = (np.array([[10.0], [20.0]]), np.array([[11.0], [20.5]]))
    figure = draw(plots.plot_predictions, train, test, "medv", test_name="validation")
    train_order, train_scatter, test_order, test_scatter = figure.axes
    assert train_order.get_title(loc="left") == "train: MAE 0.5"
    assert test_order.get_title(loc="left") == "validation: MAE 0.75"
    assert lines(train_order) == {
        "true medv": [(0, 1.0), (1, 2.0), (2, 3.0)],
        "predicted": [(0, 1.0), (1, 2.5), (2, 2.0)],
    }
    assert lines(test_order) == {"true medv": [(0, 10.0), (1, 20.0)], "predicted": [(0, 11.0), (1, 20.5)]}
    assert legend(test_order) == ["true medv", "predicted"]
    for axes, points in ((train_scatter, [(1, 1), (2, 2.5), (3, 2)]), (test_scatter, [(10, 11), (20, 20.5)])):
        diagonal, dots = axes.get_lines()
        assert diagonal.get_slope() == 1
        assert diagonal.get_xy1() == (0, 0)
        assert dots.get_xydata().tolist() == [list(point) for point in points]
        assert axes.get_xlabel() == "true medv"
        assert axes.get_xlim() == axes.get_ylim() == train_order.get_ylim() == test_order.get_ylim()
        assert axes.get_xlim() == pytest.approx((1 - 0.04 * 19.5, 20.5 + 0.04 * 19.5))
        width, height = axes.bbox.size
        assert width == height
    assert texts(figure) == ["predicted medv"] * 2
    inside(figure)


def test_the_second_part_is_called_test_unless_named(draw: Draw, inside: Inside) -> None:
    pair = (np.zeros(2), np.full(2, 12_345.6))
    figure = draw(plots.plot_predictions, pair, pair, "y" * 50)
    assert figure.axes[2].get_title(loc="left") == "test: MAE 12,346"
    assert legend(figure.axes[2])[0] == "true yyyyyyyyyyyyy…yyyyyy"
    inside(figure)


def test_without_test_rows_the_training_rows_are_drawn_once(draw: Draw, inside: Inside) -> None:
    figure = draw(plots.plot_predictions, (np.zeros(2), np.ones(2)), None, "medv")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["train: MAE 1", ""]
    inside(figure)


def test_of_many_rows_evenly_spaced_ones_are_drawn_and_all_are_scored(draw: Draw) -> None:
    true = np.arange(20_001.0)
    predicted = np.where(true % 2, true, true + 1.0)
    order, scatter, *_ = draw(plots.plot_predictions, (true, predicted), (true[:400], true[:400]), "y").axes
    assert [x for x, _ in lines(order)["predicted"]] == list(range(0, 20_001, 51))
    assert order.get_xlabel() == "row (one in 51 is drawn)"
    assert scatter.get_lines()[1].get_xdata().tolist() == list(range(0, 20_001, 5))
    assert order.get_title(loc="left") == f"train: MAE {10_001 / 20_001:.4g}"


@pytest.mark.parametrize(
    ("pair", "title"),
    [
        ((np.zeros(0), np.zeros(0)), "test: no rows"),
        ((np.zeros((0, 1)), np.zeros((0, 1))), "test: no rows"),
        ((np.array([1.0]), np.array([1.0])), "test: MAE 0"),
        ((np.array([1.0, 2.0]), np.array([math.nan, 1.0])), "test: MAE nan"),
        ((np.array([1.0, 2.0]), np.array([math.inf, 1.0])), "test: MAE inf"),
        ((np.array([-1.25e6, 0.0]), np.array([-1.25e6, 0.0])), "test: MAE 0"),
    ],
)
def test_odd_predictions_are_drawn_without_a_warning(
    draw: Draw, pair: tuple[np.ndarray, np.ndarray], title: str, inside: Inside
) -> None:
    figure = draw(plots.plot_predictions, pair, pair, "$\\frac$")
    assert figure.axes[2].get_title(loc="left") == title
    low, high = figure.axes[2].get_ylim()
    assert low < high
    assert math.isfinite(high - low)
    if len(pair[0]):  # a line without points has a place that means nothing
        inside(figure)


def test_predictions_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    good = (np.zeros(3), np.zeros(3))
    for bad in (
        (np.zeros(3), np.zeros((3, 1))),
        (np.zeros(3), np.zeros(4)),
        (np.zeros((3, 2)), np.zeros((3, 2))),
    ):
        with pytest.raises(ValueError, match="one a row"):
            plots.plot_predictions(good, bad, "y", tmp_path / "p.png")
    assert not list(tmp_path.iterdir())


# --- a series of trainings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("epochs", "marker"), [(1, "o"), (21, "None")])
def test_curves_of_few_epochs_are_points_too(draw: Draw, epochs: int, marker: str) -> None:
    rows = [{"epoch": float(epoch), "train_loss": 1.0 / epoch} for epoch in range(1, epochs + 1)]
    figure = draw(plot_series, {"seed-0": rows, "seed-1": rows}, {}, title="two")
    assert [line.get_marker() for line in figure.axes[0].get_lines()] == [marker] * 3


# --- the confusion matrix -----------------------------------------------------------------------------------


def test_counts_are_numbers_and_the_colour_is_the_share_of_the_row(draw: Draw, inside: Inside) -> None:
    figure = draw(plots.plot_confusion, [[3, 1], [0, 1000]], ["cat", "dog"], title="pets")
    (axes,) = figure.axes
    (image,) = axes.get_images()
    assert image.get_array().tolist() == [[0.75, 0.25], [0, 1]]  # the four rows of cat weigh as the thousand of dog
    assert image.get_clim() == (0, 1)
    assert to_hex(image.cmap(1.0)) == "#004780"
    cells = {text.get_position(): text for text in axes.texts if text.get_transform() == axes.transData}
    assert {place: text.get_text() for place, text in cells.items()} == {
        (0, 0): "3", (1, 0): "1", (0, 1): "0", (1, 1): "1000",
    }  # fmt: skip
    assert cells[0, 0].get_color() == "white"
    assert cells[1, 0].get_color() != "white"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["cat", "dog"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert axes.get_title(loc="left") == "pets"
    assert "1003 of 1004 right (99.9%); colour: share of the row" in texts(figure)
    inside(figure)


@pytest.mark.parametrize(
    ("classes", "numbers"), [(1, 1), (2, 4), (6, 36), (7, 7), (20, 20), (40, 40), (41, 0), (250, 0)]
)
def test_few_and_many_classes_with_long_names(draw: Draw, classes: int, numbers: int, inside: Inside) -> None:
    names = [f"the class with the number {index}" for index in range(classes)]
    figure = draw(plots.plot_confusion, 1234 * np.eye(classes, dtype=int), names, title="title " * 30)
    axes = figure.axes[0]
    assert len(axes.texts) == numbers + 1  # the share of right ones
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) == len(set(labels)) == (classes if classes <= 200 else 0)
    assert max(figure.bbox.size) < 1300
    inside(figure)
    cell = axes.bbox.width / classes
    for text in axes.texts:
        if text.get_transform() == axes.transData:
            assert text.get_window_extent().width <= cell


def test_a_matrix_of_no_rows(draw: Draw) -> None:
    assert "0 of 0 right (0.0%)" in texts(draw(plots.plot_confusion, np.zeros((2, 2), int), ["a", "b"], title="t"))[0]


def test_confusion_needs_a_name_for_each_class(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"shape \(3, 3\) for 3 classes"):
        plots.plot_confusion(np.eye(2), ["a", "b", "c"], tmp_path / "c.png", "test")
    with pytest.raises(ValueError, match="0 classes"):
        plots.plot_confusion(np.zeros((0, 0)), [], tmp_path / "c.png", "test")
    assert not list(tmp_path.iterdir())


# --- the files and matplotlib's settings --------------------------------------------------------------------


def test_the_pictures_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name in "ab":
        plots.plot_loss(rows_of([3.0, 2.0]), tmp_path / name, "boston")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_fails_leaves_the_old_picture_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "loss.png"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        plots.plot_loss(rows_of([3.0, 2.0]), path, "boston")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["loss.png"]


def test_a_users_settings_neither_show_nor_change(tmp_path: Path) -> None:
    """Under a matplotlibrc that changes everything a picture is the same to the byte, and pyplot stays out."""
    (tmp_path / "matplotlibrc").write_text(
        "text.usetex: True\n"
        "lines.linewidth: 9\n"
        "figure.facecolor: black\n"
        "figure.constrained_layout.use: True\n"
        "savefig.bbox: tight\n"
        "savefig.dpi: 30\n"
        "savefig.transparent: True\n"
        "axes.titlelocation: right\n"
        "axes.formatter.use_mathtext: True\n"
        "image.origin: lower\n"
        "font.family: serif\n"
        "path.sketch: 1, 100, 2\n"
    )
    program = (
        "import sys\n"
        "from mytorch.training import plots\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import matplotlib\n"
        "before = matplotlib.rcParams.copy()\n"
        "rows = [{'epoch': 1, 'train_loss': 1.0, 'learning_rate': 1.0}, {'epoch': 2, 'train_loss': 0.5}]\n"
        "plots.plot_loss(rows, sys.argv[1] + '-loss.png', 'a')\n"
        "plots.plot_predictions(([1, 2], [1, 3]), ([1], [2]), 'y', sys.argv[1] + '-predictions.png')\n"
        "plots.plot_confusion([[3, 1], [2, 0]], ['a', 'b'], sys.argv[1] + '-confusion.png', 'a')\n"
        "assert matplotlib.rcParams.copy() == before\n"
        "assert matplotlib.rcParams['text.usetex'] == (sys.argv[1][-7:] == 'hostile')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    for name, settings in (("plain", os.devnull), ("hostile", str(tmp_path / "matplotlibrc"))):
        command = [sys.executable, "-W", "error", "-c", program, str(tmp_path / name)]
        subprocess.run(command, check=True, env={**os.environ, "MATPLOTLIBRC": settings})
    for picture in ("loss", "predictions", "confusion"):
        plain, hostile = (tmp_path / f"{name}-{picture}.png" for name in ("plain", "hostile"))
        assert plain.read_bytes() == hostile.read_bytes()
