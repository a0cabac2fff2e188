"""Run directories: made once each, found again by what a person types, and the plain files in them."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mytorch.training.errors import UserError
from mytorch.training.runs import run as run_module
from mytorch.training.runs.files import MetricsLog, metric_columns, read_metrics, to_json, write_summary
from mytorch.training.runs.run import Run

MakeRun = Callable[[str], Path]


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def make_run(runs_dir: Path) -> MakeRun:
    """Makes ``runs_dir/boston/20260101-000000`` and the like, without touching ``latest``."""

    def make(name: str) -> Path:
        path = runs_dir / name
        (path / "checkpoints").mkdir(parents=True)
        return path

    return make


# --- making -------------------------------------------------------------------------------------------------


def test_create_makes_the_directory_and_points_latest_at_it(runs_dir: Path) -> None:
    first, second = Run.create(runs_dir, "boston"), Run.create(runs_dir, "digits")
    assert first.path.parent == runs_dir / "boston"
    assert first.name == "boston"
    assert str(first) == str(first.path)
    assert sorted(path.name for path in first.path.iterdir()) == ["checkpoints", "plots"]
    assert Run.find(runs_dir, None) == second
    assert sorted(path.name for path in runs_dir.iterdir()) == ["boston", "digits", "latest"]


def test_all_files_lie_in_the_run(runs_dir: Path) -> None:
    run = Run.create(runs_dir, "boston")
    files = [run.config, run.metrics, run.summary, run.eval, run.best_checkpoint, run.last_checkpoint]
    files += [run.gradients, run.predictions, run.failure, run.lock, run.plots]
    assert [file.relative_to(run.path).as_posix() for file in files] == [
        "config.yaml", "metrics.csv", "summary.json", "eval.json",
        "checkpoints/best.safetensors", "checkpoints/last.safetensors",
        "gradients.csv", "predictions.csv", "failure.json", "lock", "plots",
    ]  # fmt: skip
    assert all(file.parent.is_dir() for file in files)


def test_many_threads_in_one_second_get_a_run_each(runs_dir: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        runs = list(pool.map(lambda _: Run.create(runs_dir, "boston"), range(64)))
    assert len({run.path for run in runs}) == 64
    assert all(run.checkpoints.is_dir() and run.plots.is_dir() for run in runs)
    assert Run.find(runs_dir, None) in runs
    leftovers = [path for path in runs_dir.iterdir() if path.name not in ("boston", "latest")]
    assert not leftovers


def test_many_processes_in_one_second_get_a_run_each(runs_dir: Path) -> None:
    program = (
        "import sys\n"
        "from mytorch.training.runs.run import Run\n"
        "sys.stdin.readline()\n"
        "for _ in range(20):\n"
        "    print(Run.create(sys.argv[1], 'boston'))\n"
    )
    command = [sys.executable, "-c", program, str(runs_dir)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    made = [line for process in processes for line in process.communicate()[0].splitlines()]
    assert len(made) == len(set(made)) == 80
    assert str(Run.find(runs_dir, None)) in made


def test_the_second_run_of_a_second_gets_a_number(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(run_module.datetime):
        @classmethod
        def now(cls, tz: object = None) -> Clock:
            return cls(2026, 1, 31, 14, 25, 1)

    monkeypatch.setattr(run_module, "datetime", Clock)
    names = [Run.create(runs_dir, "boston").path.name for _ in range(11)]
    assert names[:3] == ["20260131-142501", "20260131-142501-2", "20260131-142501-3"]
    (runs_dir / "latest").unlink()
    assert Run.find(runs_dir, "boston").path.name == "20260131-142501-11"  # later than -2, though it sorts before
    assert Run.find(runs_dir, None).path.name == "20260131-142501-11"
    assert Run.find(runs_dir, "boston/20260131-142501").path.name == "20260131-142501"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../out", "a/b", "a\\b", "/tmp", "C:x", "a\0b", "a\nb", " a", ".a", "a.",
             "latest", "Latest", "NUL", "com1", "a*", "x" * 101, "한" * 40],
)  # fmt: skip
def test_names_that_are_no_folder_names_are_refused(runs_dir: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot name a run"):
        Run.create(runs_dir, name)
    assert not runs_dir.exists()


@pytest.mark.parametrize("name", ["boston", "boston-wide_2", "보스턴", "a b", "v1.2"])
def test_plain_names_are_taken(runs_dir: Path, name: str) -> None:
    assert Run.create(runs_dir, name).name == name


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_a_link_that_leads_out_is_refused(runs_dir: Path, tmp_path: Path) -> None:
    runs_dir.mkdir()
    (tmp_path / "outside").mkdir()
    (runs_dir / "boston").symlink_to(tmp_path / "outside")
    with pytest.raises(UserError, match="leads out of"):
        Run.create(runs_dir, "boston")
    assert not list((tmp_path / "outside").iterdir())


def test_a_runs_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(UserError, match="cannot make a run directory"):
        Run.create(tmp_path / "runs", "boston")


def test_a_directory_named_latest_is_left_alone(runs_dir: Path) -> None:
    (runs_dir / "latest").mkdir(parents=True)
    with pytest.raises(UserError, match="kept for the link"):
        Run.create(runs_dir, "boston")


def test_a_throwaway_run_is_removed() -> None:
    with Run.throwaway("smoke") as run:
        write_summary(run.summary, {"loss": 1})
        assert run.checkpoints.is_dir()
    assert not run.path.parent.parent.exists()


def test_a_throwaway_run_is_removed_after_an_error() -> None:
    with pytest.raises(RuntimeError), Run.throwaway("smoke") as run:
        raise RuntimeError
    assert not run.path.parent.parent.exists()


@pytest.fixture(params=["link", "text file"])
def pointer_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "text file":

        def refuse(*_: object, **__: object) -> None:
            raise OSError("this file system has no links")

        monkeypatch.setattr(Path, "symlink_to", refuse)
    elif os.name == "nt":
        pytest.skip("Windows gets the text file")
    return str(request.param)


def test_latest_works_as_a_link_and_as_a_text_file(pointer_kind: str, runs_dir: Path) -> None:
    Run.create(runs_dir, "boston")
    second = Run.create(runs_dir, "boston")
    pointer = runs_dir / "latest"
    if pointer_kind == "link":
        assert os.readlink(pointer) == f"boston/{second.path.name}"
    else:
        assert pointer.read_text() == f"boston/{second.path.name}\n"
    for selector in (None, "latest", str(pointer), str(runs_dir)):
        assert Run.find(runs_dir, selector) == second
    assert sorted(path.name for path in runs_dir.iterdir()) == ["boston", "latest"]


# --- finding ------------------------------------------------------------------------------------------------


def test_find_by_path_name_prefix_and_time(runs_dir: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    old = make_run("boston/20260101-000000")
    new = make_run("boston/20260201-000000")
    wide = make_run("boston-wide/20260102-000000")
    digits = make_run("digits/20260103-000000")
    (runs_dir / "boston" / "notes").mkdir()
    (runs_dir / "boston" / "20270101-000000").mkdir()  # no run: it has neither config nor checkpoints
    for selector, expected in {
        "boston": new,  # the name itself, though it begins another one
        "boston-": wide,
        "d": digits,
        "boston/20260101-000000": old,
        "boston/202601": old,
        "dig/2026": digits,
        str(old): old,
        str(runs_dir / "boston"): new,
    }.items():
        assert Run.find(runs_dir, selector).path == expected, selector
    monkeypatch.chdir(runs_dir.parent)
    assert Run.find("runs", "runs/boston/").path == Path("runs/boston/20260201-000000")
    assert Run.find("runs", "runs/digits/20260103-000000").path == Path("runs/digits/20260103-000000")


def test_a_run_elsewhere_is_found_by_its_path(runs_dir: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "copied"
    elsewhere.mkdir()
    (elsewhere / "config.yaml").touch()
    assert Run.find(runs_dir, str(elsewhere)).path == elsewhere


def test_find_without_runs_says_how_to_make_one(runs_dir: Path) -> None:
    for selector in (None, "boston"):
        with pytest.raises(UserError, match=r"no runs in .*runs yet; make one with: mytorch train"):
            Run.find(runs_dir, selector)


def test_find_without_a_match_lists_what_there_is(runs_dir: Path, make_run: MakeRun) -> None:
    make_run("boston/20260101-000000")
    make_run("boston/20260201-000000")
    for selector in ("bostn", "boston/2027", "", "/", "..", "../runs/x"):
        with pytest.raises(UserError) as caught:
            Run.find(runs_dir, selector)
        assert "  boston/20260201-000000 and 1 older" in str(caught.value)
    for number in range(12):
        make_run(f"many{number}/20260101-000000")
    with pytest.raises(UserError) as caught:
        Run.find(runs_dir, "x")
    assert str(caught.value).endswith("and 1 more name")
    for number in range(12, 30):
        make_run(f"many{number}/20260101-000000")
    with pytest.raises(UserError) as caught:
        Run.find(runs_dir, "x")
    assert str(caught.value).endswith("and 19 more names")


def test_find_with_two_matches_lists_them(runs_dir: Path, make_run: MakeRun) -> None:
    for name in ("boston/20260101-000000", "boston/20260201-000000", "bosporus/20260101-000000"):
        make_run(name)
    with pytest.raises(UserError, match=r"more than one name in .*: bosporus, boston"):
        Run.find(runs_dir, "bos")
    with pytest.raises(UserError, match=r"fits 2 runs(.|\n)*20260201-000000\n  boston/20260101-000000"):
        Run.find(runs_dir, "boston/2026")


def test_latest_when_its_run_was_deleted(runs_dir: Path, make_run: MakeRun) -> None:
    old = make_run("boston/20260101-000000")
    run = Run.create(runs_dir, "digits")
    run.checkpoints.rmdir()
    assert Run.find(runs_dir, None).path == old


# --- metrics.csv and the JSON files -------------------------------------------------------------------------


def test_metrics_read_back_to_the_bit(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    columns = metric_columns(["mae", "r2"])
    rng = np.random.default_rng(0)
    rows = [dict(zip(columns, [epoch, *rng.standard_normal(7)], strict=True)) for epoch in range(1, 51)]
    rows[3]["train_loss"] = np.float32(0.1)
    rows[4] |= {"train_loss": math.inf, "gradient_norm": -math.inf, "validation_loss": None}
    with MetricsLog(path, columns) as log:
        for row in rows:
            log.append(row)
    assert read_metrics(path) == rows
    assert isinstance(read_metrics(path)[0]["epoch"], int)
    with open(path, encoding="utf-8", newline="") as file:
        assert file.readline() == (
            "epoch,seconds,learning_rate,gradient_norm,train_loss,validation_loss,validation_mae,validation_r2\n"
        )
        assert len(list(csv.reader(file))) == 50


def test_without_validation_rows_there_are_no_columns_for_them() -> None:
    assert metric_columns(["mae"], validation=False) == [
        "epoch",
        "seconds",
        "learning_rate",
        "gradient_norm",
        "train_loss",
    ]


def test_each_row_is_there_as_soon_as_it_is_known(tmp_path: Path) -> None:
    with MetricsLog(tmp_path / "m.csv", ["epoch", "train_loss"]) as log:
        assert read_metrics(tmp_path / "m.csv") == []
        log.append({"epoch": 1, "train_loss": math.nan})
        assert (tmp_path / "m.csv").read_text() == "epoch,train_loss\n1,nan\n"


def test_the_log_refuses_other_columns_and_existing_files(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    with MetricsLog(path, ["epoch", "train_loss"]) as log:
        for row in ({"epoch": 1}, {"epoch": 1, "train_loss": 1.0, "train_mae": 2.0}):
            with pytest.raises(ValueError, match="expected a row with the columns"):
                log.append(row)
    with pytest.raises(FileExistsError):
        MetricsLog(path, ["epoch"])
    assert path.read_text() == "epoch,train_loss\n"


def test_a_row_that_a_kill_cut_short_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("epoch,train_loss\n1,0.5\n2,0.2")
    assert read_metrics(path) == [{"epoch": 1, "train_loss": 0.5}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "first column is 'epoch'"),
        (b"loss,epoch\n1,2\n", "first column is 'epoch'"),
        (b"epoch,train_loss\n1,0.5\n2\n", "m.csv:3: expected 2 cells, got 1"),
        (b"epoch,train_loss\n1,zero\n", "m.csv:2: expected numbers: .*zero"),
        (b"epoch,train_loss\n1.5,1\n", "m.csv:2: expected numbers"),
        (b"\xff\xfe\n", "cannot read the metrics"),
    ],
)
def test_a_file_that_is_no_metrics_csv(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "m.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_metrics(tmp_path / "m.csv")


def test_missing_metrics(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_metrics(tmp_path / "m.csv")


def test_summaries_are_valid_json(tmp_path: Path) -> None:
    summary = {
        "test": {"mae": np.float64(2.5), "r2": math.nan},
        "best": [math.inf, -math.inf, np.float32(0.5)],
        "counts": np.array([[1, 2], [3, 4]]),
        "steps": np.int64(3),
        "done": np.bool_(True),
        "path": Path("runs"),
        "name": "보스턴",
        "nothing": None,
    }
    write_summary(tmp_path / "summary.json", summary)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    text = (tmp_path / "summary.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=refuse) == {
        "test": {"mae": 2.5, "r2": "nan"},
        "best": ["inf", "-inf", 0.5],
        "counts": [[1, 2], [3, 4]],
        "steps": 3,
        "done": True,
        "path": "runs",
        "name": "보스턴",
        "nothing": None,
    }
    assert "보스턴" in text
    with pytest.raises(TypeError):
        to_json({"what": object()})
