"""The pictures of losses over a plane and over learning rates: all of it is drawn, within the picture."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import LogNorm

from mytorch.training.plots.landscape import plot_landscape, plot_surface
from mytorch.training.plots.lr_range import plot_lr_range

X, Y = np.linspace(-1, 1, 9), np.linspace(-2, 1, 7)
BOWL = X[None, :] ** 2 + Y[:, None] ** 2 + 1
TRAIL = np.array([[-0.8, -1.5], [-0.3, 0.2], [0.0, 0.0]])
LONG = "이름이 아주 긴 학습 " * 12
SAID = "loss of 379 train rows; random directions, seed 0"
LABELS = ("direction 1 (87.1% of the movement)", "direction 2 (7.2% of the movement)")
HOLED = np.where(BOWL > 4, np.inf, BOWL)
HOLED[0, 0] = np.nan
CASES = {
    "bowl": BOWL,
    "decades": 1e-6 * 10 ** (3 * BOWL),
    "flat": np.full_like(BOWL, 0.25),
    "negative": BOWL - 4,
    "holes": HOLED,
}


@pytest.mark.parametrize("trail", [None, TRAIL, TRAIL * 100])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("plot", [plot_landscape, plot_surface])
def test_all_kinds_of_losses(draw, inside, plot, case, trail) -> None:
    figure = draw(plot, X, Y, CASES[case], trail, title=LONG, said=SAID, labels=LABELS)
    if plot is plot_landscape:
        inside(figure)
        assert isinstance(figure.axes[0].collections[0].norm, LogNorm) == (case == "decades")


def test_the_path_is_drawn_where_it_was(draw) -> None:
    axes = draw(plot_landscape, X, Y, BOWL, TRAIL, title="a", said="").axes[0]
    drawn = [np.stack(line.get_data(), axis=1).tolist() for line in axes.lines]
    assert TRAIL.tolist() in drawn
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["start", "end", "the weights"]


def test_a_plane_as_small_as_the_first_steps(draw, inside) -> None:
    inside(draw(plot_landscape, X * 2e-4, Y * 2e-4, BOWL, TRAIL * 2e-4, title="a", said=SAID, labels=LABELS))


def test_losses_that_differ_little_are_told_apart(draw) -> None:
    figure = draw(plot_landscape, X, Y, 0.6931 + BOWL / 1e4, None, title="a", said="")
    texts = [text.get_text() for text in figure.axes[1].get_yticklabels()]
    assert len(texts) == len(set(texts)) > 3


def test_one_place_with_a_loss_of_almost_nothing_leaves_the_others_their_colours(draw) -> None:
    across = np.linspace(-1, 1, 25)
    losses = across[None, :] ** 2 + across[:, None] ** 2 + 1e-2
    losses[12, 12] = 1e-10
    flat = draw(plot_landscape, across, across, losses, None, title="a", said="").axes[0].collections[0]
    assert 1e-4 < flat.norm.vmin < 1e-2
    assert flat.extend == "min", "the scale says that there are smaller ones"
    surface = draw(plot_surface, across, across, losses, None, title="a", said="").axes[0]
    assert surface.get_zlim()[0] > -4


@pytest.mark.parametrize("plot", [plot_landscape, plot_surface])
def test_without_a_finite_loss(plot, tmp_path) -> None:
    with pytest.raises(ValueError, match="at least one finite loss"):
        plot(X, Y, np.full_like(BOWL, np.nan), None, tmp_path / "a.png", "a", "")


@pytest.mark.parametrize("count", [1, 2, 100])
def test_rates(draw, inside, count) -> None:
    rates = np.geomspace(1e-7, 10, 100)[:count]
    losses = 1 + 1 / (1 + (rates / 1e-3) ** 2) + (rates / 0.5) ** 4
    figure = draw(plot_lr_range, rates, losses, losses, 1e-3 if count == 100 else None, title=LONG)
    inside(figure)
    axes = figure.axes[0]
    assert all("$" not in tick.get_text() for tick in axes.get_xticklabels())
    if count == 100:
        assert axes.get_ylim()[1] < 3  # what diverges leaves the picture
        assert "suggestion: 1e-3" in [text.get_text() for text in axes.get_legend().get_texts()]


def test_no_rates(tmp_path) -> None:
    with pytest.raises(ValueError, match="at least one step"):
        plot_lr_range([], [], [], None, tmp_path / "a.png", "a")
