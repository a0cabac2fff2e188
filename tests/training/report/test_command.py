"""`mytorch report`: a page written again, one page of several runs, and what cannot be done."""

from __future__ import annotations

import json
import shutil

import pytest


@pytest.fixture
def folder(report_runs, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(report_runs, tmp_path / "copy", symlinks=True)


def test_writing_it_again(folder, mytorch_command, read_page):
    (run,) = (folder / "runs" / "numbers").iterdir()
    before = (run / "report.html").read_text(encoding="utf-8")
    (run / "report.html").unlink()
    done = mytorch_command("report", "numbers", cwd=folder)
    assert done.stdout == f"report:  {run.relative_to(folder) / 'report.html'}\n"
    assert (run / "report.html").read_text(encoding="utf-8") == before, "the same as at the end of the training"
    done = mytorch_command("report", "two", "-o", "here.html", "--json", cwd=folder)
    assert json.loads(done.stdout) == {"report": "here.html"}
    assert read_page(folder / "here.html").text("h1").startswith("two")


@pytest.mark.parametrize("name", ["images", "many", "bad", "off"])
def test_other_kinds_are_the_same_again_too(folder, mytorch_command, name):
    (run,) = (folder / "runs" / name).iterdir()
    before = (run / "report.html").read_text(encoding="utf-8")
    mytorch_command("report", name, cwd=folder)
    assert (run / "report.html").read_text(encoding="utf-8") == before


def test_several_runs(folder, mytorch_command, read_page):
    done = mytorch_command("report", "numbers", "off", "bad", "--json", cwd=folder)
    page = read_page(folder / json.loads(done.stdout)["report"])
    names = page.table("Scores")[0][1:]
    assert [name.partition("/")[0] for name in names] == ["numbers", "off", "bad"]
    keys = {row[0]: row[1:] for row in page.table("The keys in which the configs differ")[1:]}
    assert keys["train.epochs"] == ["8", "2", "8"]
    assert "seed" not in keys
    assert keys["optimizer.type"] == ["AdamW", "AdamW", "SGD"]
    scores = {row[0]: row[1:] for row in page.table("Scores")[1:]}
    assert scores["state"] == ["finished", "finished", "failed"]
    (run,) = (folder / "runs" / "off").iterdir()
    best = json.loads((run / "summary.json").read_text())["best"]
    assert scores["test.mae"][1] == f"{best['test']['mae']:.4g}"
    assert scores["test.mae"][2] == "-"
    loss = page.data["curve-0"]
    assert loss["title"] == "train loss"
    assert [one["name"] for one in loss["series"]] == names[:2]
    assert [len(one["x"]) for one in loss["series"]] == [8, 2]
    assert [one["colour"] for one in loss["series"]] == [0, 1]


def test_a_series(folder, mytorch_command, read_page):
    mytorch_command("train", "numbers.yaml", "train.epochs=1", "--seeds", "3,4", "name=several", "-q", cwd=folder)
    (series,) = (folder / "runs" / "several").iterdir()
    done = mytorch_command("report", series.relative_to(folder), cwd=folder)
    assert done.stdout == f"report:  {series.relative_to(folder) / 'report.html'}\n"
    page = read_page(series / "report.html")
    assert page.table("The keys in which the configs differ")[1:] == [["seed", "3", "4"]]
    assert all((series / name / "report.html").is_file() for name in ("seed-3", "seed-4"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["numbers", "numbers"], "the same run is named twice"),
        (["nothing"], "no run 'nothing'"),
        (["numbers", "-o", "a.png"], "expected the name of an HTML file"),
        (["numbers", "-o", "nowhere/a.html"], "there is no directory 'nowhere'"),
        (["numbers", "-o", "runs"], "expected the name of an HTML file"),
    ],
)
def test_what_cannot_be_done(folder, mytorch_command, arguments, message):
    assert message in mytorch_command("report", *arguments, cwd=folder, check=2).stderr


def test_a_run_without_a_config(folder, mytorch_command):
    (run,) = (folder / "runs" / "numbers").iterdir()
    (run / "config.yaml").unlink()
    assert "has no config.yaml" in mytorch_command("report", "numbers", cwd=folder, check=2).stderr
    (run / "config.yaml").write_text("- a list\n")
    assert "expected lines of" in mytorch_command("report", "numbers", cwd=folder, check=2).stderr


def test_train_says_where_it_is_and_a_smoke_test_has_none(folder, mytorch_command):
    changes = ["train.epochs=1", "name=told"]
    done = mytorch_command("train", "numbers.yaml", *changes, cwd=folder)
    (run,) = (folder / "runs" / "told").iterdir()
    assert f"report:  {run.relative_to(folder) / 'report.html'}\n" in done.stdout
    shutil.rmtree(folder / "runs" / "told")
    mytorch_command("train", "numbers.yaml", *changes, "--smoke", cwd=folder)
    assert not list((folder / "runs").glob("told/*/report.html"))
