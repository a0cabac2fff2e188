"""The plots: readable pictures of ordinary and of odd runs, without a trace in matplotlib's settings."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mytorch.training import plots

BLUE, ORANGE, GREEN = (0, 114, 178), (213, 94, 0), (0, 158, 115)


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def pixels_like(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """The (row, column) of every pixel that is nearly of that colour."""
    return np.argwhere(np.abs(image - colour).max(axis=2) <= 12)


def rows_of(
    train: list[float], validation: list[float | None] | None = None, rate: float = 0.9
) -> list[dict]:
    return [
        {
            "epoch": epoch,
            "learning_rate": 1e-3 * rate**epoch,
            "train_loss": loss,
            "validation_loss": validation[epoch - 1] if validation else None,
        }
        for epoch, loss in enumerate(train, start=1)
    ]


def test_loss_curves_and_best_epoch_lie_where_they_should(tmp_path: Path) -> None:
    validation = [5.0, 3.0, 1.0, 3.0, 5.0]
    plots.plot_loss(rows_of([5.0, 4.0, 3.0, 2.0, 1.5], validation), tmp_path / "a.png", "boston")
    image = picture(tmp_path / "a.png")
    assert len(pixels_like(image, BLUE)) > 500
    assert len(pixels_like(image, ORANGE)) > 500
    marker = [pixel for pixel in pixels_like(image, GREEN) if pixel[0] > 80]  # below the legend
    row, column = np.mean(marker, axis=0)
    assert column == pytest.approx(70 + 740 / 2, abs=2)  # the middle epoch
    assert row > 350  # the lowest loss
    plots.plot_loss(
        rows_of([5.0, 4.0, 3.0, 2.0, 1.5], validation), tmp_path / "a.png", "boston", best_epoch=1
    )
    image = picture(tmp_path / "a.png")
    marker = [pixel for pixel in pixels_like(image, GREEN) if pixel[0] > 80]
    assert np.mean(marker, axis=0)[1] == pytest.approx(70, abs=2)
    plots.plot_loss(
        rows_of([5.0, 4.0, 3.0, 2.0, 1.5], validation), tmp_path / "a.png", "boston", best_epoch=9
    )
    assert not len(pixels_like(picture(tmp_path / "a.png"), GREEN))


def test_the_pictures_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name in "ab":
        plots.plot_loss(rows_of([3.0, 2.0]), tmp_path / name, "boston")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        rows_of([2.0]),
        rows_of([math.nan, math.inf], [None, None]),
        rows_of([1e6 * 0.5**epoch for epoch in range(60)], [1e-8] * 60),
        rows_of([0.0, 1.0, -1.0], rate=1.0),
        rows_of([1.0] * 5),
        [{"epoch": 1, "train_loss": 1.0}],
        rows_of(list(np.linspace(1, 0.999999, 10))),
    ],
    ids=["none", "one", "not finite", "decades", "negative", "constant", "columns missing", "narrow"],
)
def test_odd_losses_are_drawn_without_a_warning(tmp_path: Path, rows: list[dict]) -> None:
    plots.plot_loss(rows, tmp_path / "loss.png", "한글 $x$ \\frac")
    assert picture(tmp_path / "loss.png").shape == (480, 880, 3)


def test_predictions_on_the_diagonal_and_off_it(tmp_path: Path) -> None:
    true = np.linspace(0, 10, 50)
    plots.plot_predictions((true, true), (true, np.full(50, 5.0)), "medv", tmp_path / "p.png")
    image = picture(tmp_path / "p.png")
    assert image.shape == (400, 1440, 3)

    def blue_dots(left: int) -> np.ndarray:
        part = image[75:345, left : left + 270]
        blue = np.argwhere((part[..., 2] - part[..., 0] > 60) & (part[..., 2] > 150))
        return blue / 270

    on = blue_dots(50 + 395)
    assert len(on) > 200
    assert np.abs(on.sum(axis=1) - 1).max() < 0.05  # rows count downwards: the diagonal
    off = blue_dots(770 + 395)
    assert np.abs(off[:, 0] - 0.5).max() < 0.05  # a level line


@pytest.mark.parametrize("rows", [0, 1, 401, 20_000])
def test_predictions_of_any_length(tmp_path: Path, rows: int) -> None:
    true = np.arange(rows) * 1e5
    pair = (true, true[:, None] if rows == 0 else true * 1.1)
    plots.plot_predictions(
        (true, true), (np.array([1.0]), np.array([math.nan])), "y" * 50, tmp_path / "p.png"
    )
    if rows:
        plots.plot_predictions(pair, pair, "y", tmp_path / "p.png")
    assert picture(tmp_path / "p.png").shape == (400, 1440, 3)


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


@pytest.mark.parametrize("classes", [1, 2, 3, 20, 41, 250])
def test_confusion_of_few_and_of_many_classes(tmp_path: Path, classes: int) -> None:
    matrix = 100 * np.eye(classes, dtype=int)
    plots.plot_confusion(matrix, [f"class {index}" for index in range(classes)], tmp_path / "c.png", "test")
    image = picture(tmp_path / "c.png")
    assert max(image.shape) < 1300
    dark = pixels_like(image, (0, 71, 128))
    assert len(dark) > 300
    diagonal = dark - dark.min(axis=0)
    assert np.abs(diagonal[:, 0] - diagonal[:, 1]).max() <= diagonal.max() / classes + 2


def test_colour_is_the_share_of_the_row(tmp_path: Path) -> None:
    plots.plot_confusion([[1, 0], [0, 1000]], ["a", "b"], tmp_path / "c.png", "test")
    dark = pixels_like(picture(tmp_path / "c.png"), (0, 71, 128))
    upper = (dark[:, 0] < dark[:, 0].mean()).sum()
    assert upper == pytest.approx(
        len(dark) / 2, rel=0.05
    )  # the one row of class a counts as much as the thousand


def test_confusion_needs_a_name_for_each_class(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"shape \(3, 3\) for 3 classes"):
        plots.plot_confusion(np.eye(2), ["a", "b", "c"], tmp_path / "c.png", "test")
    with pytest.raises(ValueError, match="0 classes"):
        plots.plot_confusion(np.zeros((0, 0)), [], tmp_path / "c.png", "test")


def test_pyplot_stays_out_and_the_settings_stay_as_they_are(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from mytorch.training import plots\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import matplotlib\n"
        "settings = {'text.usetex': True, 'lines.linewidth': 9, 'figure.facecolor': 'black'}\n"
        "matplotlib.rcParams.update(settings)\n"
        "before = matplotlib.rcParams.copy()\n"
        "rows = [{'epoch': 1, 'train_loss': 1.0}, {'epoch': 2, 'train_loss': 0.5}]\n"
        "plots.plot_loss(rows, sys.argv[1], 'a')\n"
        "assert matplotlib.rcParams.copy() == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "dark.png")], check=True)
    plots.plot_loss(
        [{"epoch": 1, "train_loss": 1.0}, {"epoch": 2, "train_loss": 0.5}], tmp_path / "plain.png", "a"
    )
    assert (tmp_path / "dark.png").read_bytes() == (tmp_path / "plain.png").read_bytes()
