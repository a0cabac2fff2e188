"""The map of gradients: which colours stand for what, and that nothing is cut off for one layer or for fifty."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from mytorch.training import plots
from mytorch.training.diagnostics.gradients_file import GradientRow

Draw = Callable[..., Figure]
Inside = Callable[[Figure], None]


def flow(layers: int, steps: int, name: Callable[[int], str] = str) -> list[GradientRow]:
    rows = []
    for step in range(1, steps + 1):
        for layer in range(layers):
            ratio = 10.0 ** (layer % 7 - 6)
            epoch = step // 6 + 1
            rows.append(GradientRow(epoch, step, name(layer), "Linear", 10.0 ** (layer - layers), 2.0, ratio))
            rows.append(GradientRow(epoch, step, f"{name(layer)}a", "ReLU", activation_mean=1.0))
    return rows


@pytest.mark.parametrize(("layers", "steps"), [(1, 1), (3, 45), (50, 600), (120, 650)])
def test_few_and_many_layers(draw: Draw, inside: Inside, layers: int, steps: int) -> None:
    figure = draw(plots.plot_gradient_flow, flow(layers, steps), title="a very long title " * 9)
    gradients, bar, ratios, _ = figure.axes
    assert gradients.get_images()[0].get_array().shape[:2] == (min(steps, 600), layers)
    assert gradients.get_xticklabels()[0].get_text() == "0 Linear"
    assert gradients.get_yticklabels()[0].get_text() == "1"
    assert (gradients.get_ylabel(), ratios.get_ylabel()) == ("step", "epoch")
    assert len(bar.get_yticks()) > 1
    assert not figure.legends
    inside(figure)


def test_names_in_hangul_and_long_ones_stand_upright(draw: Draw, inside: Inside) -> None:
    figure = draw(plots.plot_gradient_flow, flow(6, 5, lambda i: f"인코더.층{i}.{'x' * 60}"), title="한글")
    labels = figure.axes[0].get_xticklabels()
    assert {label.get_rotation() for label in labels} == {90}
    assert all(len(label.get_text()) <= 26 for label in labels)
    inside(figure)


def test_what_has_no_colour_of_the_scale(draw: Draw, inside: Inside) -> None:
    rows = [row for row in flow(7, 4) if row.type == "Linear"]
    rows[0] = replace(rows[0], gradient_norm=0.0)
    rows[1] = replace(rows[1], gradient_norm=math.nan, update_ratio=math.inf)
    rows[2] = replace(rows[2], gradient_norm=None)
    figure = draw(plots.plot_gradient_flow, rows, title="a")
    gradients, ratios = (figure.axes[index].get_images()[0].get_array() for index in (0, 2))
    assert [to_hex(gradients[0, layer]) for layer in range(3)] == ["#000000", "#cc79a7", "#d4d4d4"]
    assert to_hex(ratios[0, 1]) == "#cc79a7"
    assert all(channel > 0.95 for channel in ratios[0, 3][:3]), "1e-3 is white"
    assert ratios[0, 0][2] > ratios[0, 0][0], "1e-6 is blue"
    assert ratios[0, 6][0] > ratios[0, 6][2], "1 is red"
    assert sum(gradients[1, 6][:3]) > sum(gradients[1, 0][:3]), "large gradients are bright"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["zero", "not finite", "no number"]
    inside(figure)


@pytest.mark.parametrize("rows", [[], [GradientRow(1, 1, "0", "ReLU")]])
def test_no_layers_with_weights(draw: Draw, inside: Inside, rows: list[GradientRow]) -> None:
    figure = draw(plots.plot_gradient_flow, rows, title="a")
    assert [text.get_text() for text in figure.axes[0].texts] == ["no gradients of layers in this run"]
    inside(figure)
