"""report.html as trainings write it: what it says of each kind of run, that all is escaped, that nothing is loaded."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mytorch.training.loop.image_samples import read_samples
from mytorch.training.report import describing
from mytorch.training.report.page import write_report
from mytorch.training.runs.run import Run

KINDS = ["numbers", "off", "한글-이름", "two", "many", "images", "bad"]


def run_of(report_runs, name) -> Run:
    return Run(next((report_runs / "runs" / name).iterdir()))


@pytest.fixture
def copy_of(report_runs, tmp_path):
    """A copy of a run that a test may change."""

    def copy(name: str) -> Run:
        return Run(Path(shutil.copytree(run_of(report_runs, name).path, tmp_path / name / "20260131-142501")))

    return copy


# --- nothing is loaded, nothing foreign is run ------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_nothing_is_loaded(page_of, name):
    page = page_of(name)
    for tag, attributes, _ in page.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form", "audio", "video")
        for attribute, value in attributes.items():
            assert not attribute.startswith("on"), (tag, attribute)
            assert attribute not in ("style", "srcset", "action"), (tag, attribute)
            if attribute in ("src", "href"):
                assert value.startswith(("data:image/png;base64,", "#")), value
    style, script = ("".join(page.all(tag)[-1][2]) for tag in ("style", "script"))
    assert not re.search(r"@import|url\(|https?:", style)
    assert not re.search(
        r"fetch|XMLHttp|import\(|https?:|innerHTML|insertAdjacent|outerHTML|document\.write|eval", script
    )


@pytest.mark.parametrize("name", KINDS)
def test_the_policy_allows_the_page_s_own_style_and_script_alone(page_of, name):
    page = page_of(name)
    (policy,) = (a["content"] for _, a, _ in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split("; ")}
    (style,) = page.all("style")
    data, script = page.all("script")
    assert data[1]["type"] == "application/json"
    for rule, element in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256("".join(element[2]).encode()).digest()).decode()
        assert rules.pop(rule) == [f"'sha256-{digest}'"]
    assert rules == {"default-src": ["'none'"], "img-src": ["data:"], "base-uri": ["'none'"], "form-action": ["'none'"]}


def test_all_that_comes_from_data_is_escaped(page_of, hostile_names):
    page = page_of("한글-이름")
    assert [tag for tag, _, _ in page.elements if tag in ("script", "img")] == ["script", "script"]
    assert "<script>alert" not in page.source
    assert "<img" not in page.source
    assert "\u2028</" not in page.source
    header, *rows = page.table("Confusion matrix")
    labels = {" ".join(name.split()) for name in hostile_names}
    assert set(header[1:]) == {row[0] for row in rows} == labels
    assert page.text("title") == "한글-이름: finished"
    assert page.text("h1").startswith("한글-이름")
    facts = page.text("section", id="trained")
    assert "<img src=x onerror=alert(2)>, 한글 열" in facts
    assert "classes.csv" in page.text("pre", id="config-text")


@pytest.mark.parametrize("name", KINDS)
def test_names_of_what_is_not_text(page_of, name):
    page = page_of(name)
    assert len({a["id"] for _, a, _ in page.elements if "id" in a}) == sum("id" in a for _, a, _ in page.elements)
    ids = {a["id"] for _, a, _ in page.elements if "id" in a}
    assert all(a["href"][1:] in ids for _, a, _ in page.all("a"))
    assert all(a.get("alt") for _, a, _ in page.all("img"))
    assert all(a.get("aria-label") for _, a, _ in page.elements if a.get("role") == "region")
    assert [len(page.all(tag)) for tag in ("h1", "main", "nav", "html")] == [1, 1, 1, 1]
    assert all(a.get("aria-labelledby") in ids for _, a, _ in page.all("section"))


# --- what it says -----------------------------------------------------------------------------------------------------


def test_numbers(page_of, report_runs):
    page, run = page_of("numbers"), run_of(report_runs, "numbers")
    summary = json.loads(run.summary.read_text())
    assert page.text("span", class_="state") == "finished"
    head = page.text("div", class_="head")
    assert f"mae {summary['best']['test']['mae']:.4g}" in head
    assert f"test, best epoch {summary['best_epoch']} (by validation loss)" in head
    trained = page.text("section", id="trained")
    for said in ("boston", "train 303, validation 76, test 127", "13 numbers a row, from 13 columns: crim, zn",
                 "target medv", "MSELoss", "AdamW (lr: 0.01", "none: the rate stays", "epochs: 8"):  # fmt: skip
        assert said in trained
    layers = page.table("Layers of the model")
    assert [row[:2] for row in layers[1:-1]] == [
        ["0", "Linear"], ["1", "ReLU"], ["2", "Residual"], ["2.layers.0", "Linear"], ["2.layers.1", "Tanh"], ["3", "Linear"],
    ]  # fmt: skip
    assert layers[1][3:] == ["weight 8 x 13, bias 8", "112"]
    assert layers[3][4] == layers[4][4] == "72", "what a layer holds counts for it too"
    assert layers[-1][-1] == str(summary["parameters"])
    scores = page.table("Scores of the best epoch")
    assert scores[0] == ["score", "train", "validation", "test"]
    assert scores[1] == ["loss", *(f"{summary['best'][split]['loss']:.4g}" for split in scores[0][1:])]
    environment = page.text("section", id="environment")
    assert f"numpy {np.__version__}" in environment
    assert "seed 0" in environment
    assert "".join(page.all("pre", id="config-text")[0][2]) == run.config.read_text()


def test_without_validation_rows_the_last_epoch_is_not_called_the_best(page_of):
    page = page_of("two")
    assert "test, last epoch, " in page.text("div", class_="head")
    assert "best" not in page.text("section", id="findings")
    assert page.table("Scores of the last epoch")[0] == ["score", "train", "test"]
    assert {chart["best"] for name, chart in page.data.items() if name.startswith("curve-")} == {None}


def test_every_figure_of_the_layers_is_explained(page_of):
    page = page_of("numbers")
    flow = page.text("section", id="flow")
    for measure in page.data["flow"]["measures"]:
        assert describing.meanings([measure])[0][1] in flow
    assert page.all("h3", id="meanings")
    assert any(a.get("href") == "#meanings" for _, a, _ in page.all("a"))
    assert not page_of("off").all("h3", id="meanings")
    assert all(a.get("href") != "#meanings" for _, a, _ in page_of("off").all("a"))


def test_shares_are_drawn_from_zero(page_of):
    shares = {chart["title"]: chart["isShare"] for chart in page_of("numbers").data.values() if "isShare" in chart}
    assert shares["dead units (share)"]
    assert shares["saturated outputs (share)"]
    assert not shares["loss"]


def test_curves(page_of, report_runs):
    page, run = page_of("numbers"), run_of(report_runs, "numbers")
    rows = list(csv.DictReader(run.metrics.read_text().splitlines()))
    charts = {chart["title"]: chart for name, chart in page.data.items() if name.startswith("curve-")}
    assert list(charts)[:6] == ["loss", "mae", "rmse", "r2", "learning rate", "gradient norm"]
    best = json.loads(run.summary.read_text())["best_epoch"]
    train, validation = charts["loss"]["series"]
    assert (train["name"], validation["name"], charts["loss"]["best"]) == ("train", "validation", best)
    assert train["x"] == list(range(1, 9))
    np.testing.assert_allclose(validation["y"], [float(row["validation_loss"]) for row in rows], rtol=1e-5)
    assert [one["colour"] for one in charts["mae"]["series"]] == [1], "validation has its colour everywhere"
    for name, chart in page.data.items():
        assert chart["title"]
        assert any(a.get("data-chart") == name for _, a, _ in page.all("figure"))


def test_points_of_predictions(page_of, report_runs):
    with open(run_of(report_runs, "numbers").predictions, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    points = page_of("numbers").data["points"]
    assert (points["title"], points["x"]) == ("predicted medv", "true medv")
    test = points["series"][-1]
    assert test["name"] == "test"
    assert test["row"] == [int(row["row"]) for row in rows]
    np.testing.assert_allclose(test["y"], [float(row["prediction"]) for row in rows], rtol=1e-5)


def test_gradient_flow(page_of, report_runs):
    with open(run_of(report_runs, "numbers").gradients, newline="") as file:
        rows = list(csv.DictReader(file))
    flow = page_of("numbers").data["flow"]
    assert flow["steps"] == sorted({int(row["step"]) for row in rows})
    assert len(flow["epochs"]) == len(flow["steps"])
    assert not flow["note"]
    layers = [(layer["name"], layer["type"]) for layer in flow["layers"]]
    assert ("2.layers.1", "Tanh") in layers
    for measure in ("gradient_norm", "update_ratio", "dead", "saturated"):
        written = {(int(row["step"]), row["layer"]): row[measure] for row in rows}
        for step, values in zip(flow["steps"], flow["measures"][measure], strict=True):
            for (name, _), value in zip(layers, values, strict=True):
                cell = written[step, name]
                assert value == (pytest.approx(float(cell), rel=1e-5) if cell else None)


@pytest.mark.parametrize("name", ["한글-이름", "two"])
def test_few_classes_are_a_table(page_of, report_runs, name):
    page = page_of(name)
    with open(run_of(report_runs, name).predictions, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    squeeze = lambda text: " ".join(text.split())  # noqa: E731 (as the page's text is read)
    counts = Counter((squeeze(row["target"]), squeeze(row["prediction"])) for row in rows)
    right = sum(count for (true, said), count in counts.items() if true == said)
    assert f"{right} of {len(rows)} test rows are right, {right / len(rows):.1%}." in page.text(
        "section", id="predictions"
    )
    header, *cells = page.table("Confusion matrix")
    for true, *found in cells:
        of_class = sum(count for (one, _), count in counts.items() if one == true)
        for said, cell in zip(header[1:], found, strict=True):
            share = round(100 * counts[true, said] / of_class)
            assert re.fullmatch(rf"{counts[true, said]} ?(\d+%)?", cell)
            assert cell.endswith(f"{share}%")
    by_class = {row[0]: row for row in page.table("Each class")[1:]}
    assert {name: row[1] for name, row in by_class.items()} == {
        true: str(sum(c for (one, _), c in counts.items() if one == true)) for true in header[1:]
    }


def test_many_classes_are_a_picture(page_of, report_runs):
    page = page_of("many")
    heat = page.data["heat"]
    with open(run_of(report_runs, "many").predictions, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    counts = Counter((row["target"], row["prediction"]) for row in rows)
    assert {(heat["names"][i], heat["names"][j]): count for i, j, count in heat["cells"]} == counts
    assert not any("".join(texts).startswith("Confusion") for _, _, texts in page.all("caption"))
    wrong = list(page.table("The most frequent mistakes")[1:])
    assert int(wrong[0][2]) == max(count for (true, said), count in counts.items() if true != said)
    assert all(counts[true, said] == int(count) for true, said, count, _ in wrong)


def test_images(page_of, report_runs):
    from PIL import Image

    page, samples = page_of("images"), read_samples(run_of(report_runs, "images").images)
    pictures = page.all("img")
    assert len(pictures) == len(samples.places) == 20
    data = base64.b64decode(pictures[3][1]["src"].partition(",")[2])
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), samples.images[3, 0])
    wrong = [attributes for tag, attributes, _ in page.elements if tag == "li" and attributes.get("class") == "wrong"]
    said = re.search(r"(\d+) of 20 test rows are right", page.text("section", id="predictions"))
    assert said
    assert len(wrong) == 20 - int(said[1])


def test_a_failed_run(page_of, report_runs):
    page = page_of("bad")
    failure = json.loads(run_of(report_runs, "bad").failure.read_text())["message"]
    assert page.text("span", class_="state") == "failed"
    assert "".join(page.all("pre")[0][2]).strip() == failure
    assert "which this one has not reached" in page.text("section", id="findings")
    assert "No epoch was completed" in page.text("section", id="curves")
    assert "has not reached its end" in page.text("section", id="predictions")
    assert "the parameters are not known" in page.text("section", id="trained")


def test_what_is_missing_is_said(page_of, copy_of, read_page):
    page = page_of("off")
    assert "no gradients.csv" in page.text("section", id="flow")
    assert "flow" not in page.data
    assert "diagnostics were off" in page.text("section", id="findings")
    older = copy_of("numbers")
    summary = json.loads(older.summary.read_text())
    del summary["findings"]
    older.summary.write_text(json.dumps(summary))
    older.predictions.unlink()
    older_page = read_page(write_report(older))
    assert "an older version" in older_page.text("section", id="findings")
    assert "an older version" in older_page.text("section", id="predictions")
    assert "points" not in older_page.data
    assert set(page.data) == {f"curve-{i}" for i in range(6)} | {"points"}


def test_an_interrupted_run_and_a_damaged_one(copy_of, read_page):
    run = copy_of("numbers")
    page = read_page(write_report(run, state="interrupted"))
    assert page.text("span", class_="state") == "interrupted"
    assert "validation, epoch 8" in page.text("div", class_="head"), "an old summary is not that of this training"
    run.predictions.write_text("nonsense")
    run.gradients.write_text("epoch,step\n1,1\n")
    page = read_page(write_report(run))
    assert "cannot be read: predictions.csv, gradients.csv." in page.text("div", class_="head")


def test_findings_gates_and_eval(copy_of, read_page):
    run = copy_of("numbers")
    summary = json.loads(run.summary.read_text())
    summary["findings"] = [
        {"kind": "dead_units", "message": "layer 2 <ReLU>: 21 of 32 units", "value": 0.65625, "limit": 0.5,
         "advice": "a smaller step", "layer": "2", "epoch": None},
    ]  # fmt: skip
    summary["gates"] = [
        {"gate": "test.mae <= 2.5", "passed": True, "value": 2.25, "expected": "at most 2.5"},
        {"gate": "test.r2 >= 0.9", "passed": False, "value": 0.5, "expected": "at least 0.9"},
    ]
    summary["best"]["test"]["mae"] = "nan"
    run.summary.write_text(json.dumps(summary))
    run.eval.write_text(json.dumps({"split": "validation", "epoch": 4, "scores": {"mae": 2.75}}))
    page = read_page(write_report(run))
    findings = page.text("section", id="findings")
    assert "layer 2 <ReLU>: 21 of 32 units Try: a smaller step dead units: 0.6562, compared with 0.5" in findings
    assert "passed test.mae <= 2.5: 2.25" in findings
    assert "failed test.r2 >= 0.9: 0.5" in findings
    assert "validation rows, weights of epoch 4: mae 2.75" in findings
    assert "mae nan" in page.text("div", class_="head")


def test_numbers_that_are_none(copy_of, read_page):
    run = copy_of("numbers")
    header, *rows = run.metrics.read_text().splitlines()
    at = header.split(",").index("gradient_norm")
    changed = [row.split(",") for row in rows]
    for row, value in zip(changed, ["nan", "inf", "-inf", ""], strict=False):
        row[at] = value
    run.metrics.write_text("\n".join([header, *(",".join(row) for row in changed)]) + "\n")
    chart = next(c for c in read_page(write_report(run)).data.values() if c["title"] == "gradient norm")
    assert chart["series"][0]["y"][:3] == ["nan", "inf", "-inf"]
    assert chart["series"][0]["x"][:4] == [1, 2, 3, 5], "an epoch without a value is left out"
