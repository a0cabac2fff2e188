"""How much goes into a page: long curves, many rows, many layers and large images are thinned out, and the page says so."""

from __future__ import annotations

import numpy as np

from mytorch.training.diagnostics.gradients_file import GradientRow
from mytorch.training.loop.image_samples import ImageSamples
from mytorch.training.loop.prediction_table import Part, Predictions
from mytorch.training.report import charts
from mytorch.training.report.pictures import samples_of


def test_a_long_curve_keeps_its_ends():
    rows = [{"epoch": i + 1, "train_loss": 1 / (i + 1)} for i in range(10_001)]
    (chart,) = charts.curves(rows, None)
    series = chart["series"][0]
    assert len(series["x"]) == len(series["y"]) == charts.LINE_ROWS
    assert (series["x"][0], series["x"][-1]) == (1, 10_001)
    assert chart["log"], "which falls by four powers of ten"


def test_many_points_are_thinned_with_a_note():
    values = np.arange(10_000.0)
    part = Part(np.arange(10_000), values, values + 1)
    few = Part(np.arange(3), values[:3], values[:3])
    chart, note = charts.scatter(Predictions({"train": part, "test": few}), "price")
    assert [len(one["row"]) for one in chart["series"]] == [charts.POINTS, 3]
    assert chart["series"][0]["row"][-1] == 9999
    assert note == "Shown are 1,500 of 10,000 train rows, evenly spaced."


def test_many_layers_have_fewer_steps():
    rows = [
        GradientRow(step, step, str(layer), "Linear", gradient_norm=float(step))
        for step in range(1, 301)
        for layer in range(50)
    ]
    flow = charts.flow(rows)
    assert len(flow["layers"]) == 50
    assert (flow["steps"][0], flow["steps"][-1]) == (1, 300)
    assert len(flow["steps"]) * 50 * 7 <= charts.FLOW_CELLS
    assert flow["note"] == f"{len(flow['steps'])} of 300 logging steps are shown."
    assert list(flow["measures"]) == ["gradient_norm"], "what no layer has is left out"
    assert charts.flow([]) is None


def test_a_hundred_classes():
    target = np.repeat(np.arange(300), 2)
    prediction = target.copy()
    prediction[::2] = 0
    names = [str(i) for i in range(300)]
    page = charts.confusion(
        Predictions({"test": Part(np.arange(600), target, prediction, np.zeros((600, 300)))}, names)
    )
    assert page["said"] == "301 of 600 test rows are right, 50.2%."
    assert not page["cells"]
    assert len(page["classes"]) == charts.LISTED_CLASSES
    assert page["left_out"] == 100
    assert len(page["mistakes"]) == charts.LISTED_MISTAKES
    assert page["mistakes"][0] == ["1", "0", "1", "50.0%"]
    assert page["classes"][0] == ["0", "2", "2", "100.0%", "0.7%"]


def test_a_class_without_rows():
    part = Part(np.arange(2), np.array([0, 0]), np.array([0, 1]), np.full((2, 2), 0.5))
    page = charts.confusion(Predictions({"test": part}, ["a", "b"]))
    assert page["cells"] == [[("1", "50%", 5), ("1", "50%", 5)], [("0", "0%", 0), ("0", "0%", 0)]]
    assert page["classes"][1] == ["b", "0", "0", "-", "0.0%"]


def test_large_pictures_become_small_ones():
    images = np.random.default_rng(0).random((1, 3, 300, 200))
    part = Part(np.array([7]), np.array([2.5]), np.array([3.0]))
    (one,) = samples_of(ImageSamples("test", np.array([0]), images, "", np.zeros(0)), Predictions({"test": part}))
    assert (one["true"], one["said"], one["sure"], one["row"]) == ("2.5", "3", "", 7)
    assert len(one["src"]) < 3 * 96 * 96 * 1.5
