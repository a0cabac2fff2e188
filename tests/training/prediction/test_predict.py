"""What `mytorch predict` is made of: batches, lines of output, and memory that does not grow with the input."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytorch.training.config.config import load_config
from mytorch.training.loop.trained import load_model, load_trained
from mytorch.training.prediction.inputs import _kind, _kind_of_content
from mytorch.training.prediction.output import Lines, number_cells
from mytorch.training.prediction.predict import _Answers
from mytorch.training.prediction.samples import Samples, in_batches
from mytorch.training.runs.run import Run

ROOT = Path(__file__).parents[3]
CONFIG = """\
dataset: {type: csv, path: far.csv, target: when, normalize: {inputs: standard, target: standard}}
model: [{type: Linear, out_features: 4}, BatchNorm1d, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: Adam, lr: 1e-2}
train: {epochs: 2}
"""


@given(lengths=st.lists(st.integers(0, 9), max_size=8), size=st.integers(1, 12), seed=st.integers(0, 99))
def test_batches_hold_the_same_rows_in_order(lengths, size, seed):
    generator = np.random.default_rng(seed)
    parts, start = [], 0
    for length in lengths:
        numbers = np.arange(start, start + length)
        skipped = generator.random(length) < 0.3 if generator.random() < 0.5 else None
        parts.append(Samples(numbers[:, None].astype(np.float32), [list(map(str, numbers.tolist()))], skipped))
        start += length
    batches = list(in_batches(parts, size))
    assert [len(batch.inputs) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert [cell for batch in batches for cell in batch.cells[0]] == list(map(str, range(start)))
    assert [int(row) for batch in batches for row in batch.inputs[:, 0]] == list(range(start))

    def marks(samples: list[Samples]) -> list[bool]:
        return [
            bool(mark) for s in samples for mark in (np.zeros(len(s.inputs), bool) if s.skipped is None else s.skipped)
        ]

    assert marks(batches) == marks(parts)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@given(st.lists(texts.map(str.strip).filter(bool), min_size=2, max_size=4, unique=True), st.lists(texts, min_size=1))
def test_any_text_comes_back(names, cells):
    for kind in ("csv", "jsonl"):
        lines = Lines(kind, names)
        columns = [list(map(lines.text, cells))] * (len(names) - 1) + [[b"0.5"] * len(cells)]
        text = (lines.head + lines.of(columns)).decode()
        if kind == "csv":
            rows = list(csv.DictReader(io.StringIO(text, newline="")))
        else:
            rows = [json.loads(line) for line in text.split("\n")[:-1]]
        assert [list(row) for row in rows] == [names] * len(cells)
        assert [row[names[0]] for row in rows] == cells
        assert {float(row[names[-1]]) for row in rows} == {0.5}


def test_numbers_that_are_not_finite():
    values = np.array([1.0, np.nan, np.inf])
    cells = number_cells(values, exact=False)
    assert Lines("csv", ["x"]).numbers(list(cells), values) == [b"1.0", b"nan", b"inf"]
    assert Lines("jsonl", ["x"]).numbers(list(cells), values) == [b"1.0", b"null", b"null"]


@pytest.fixture
def far(tmp_path, monkeypatch, mytorch_command):
    """A run whose target is far from zero for its range, such as seconds since 1970."""
    rows = [f"{x},{1_700_000_000 + x * 10 + x % 3}" for x in range(40)]
    (tmp_path / "far.csv").write_text("\n".join(["x,when", *rows]))
    (tmp_path / "far.yaml").write_text(CONFIG)
    mytorch_command("train", "far.yaml", "-q", cwd=tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_target_far_from_zero_keeps_its_digits(far, mytorch_command):
    mytorch_command("predict", "far", "far.csv", "-o", "out.csv", cwd=far)
    written = np.array([float(line) for line in (far / "out.csv").read_text().splitlines()[1:]])
    target = np.array([float(line.split(",")[1]) for line in (far / "far.csv").read_text().splitlines()[1:]])
    scores = json.loads(mytorch_command("eval", "far", "--split", "train", "--json", cwd=far).stdout)["scores"]
    assert np.abs(written - target).mean() == pytest.approx(scores["mae"], rel=1e-9)


def test_a_model_without_its_data_is_the_same_model(far):
    run = Run.find("runs", "far")
    whole = load_trained(run)
    (far / "far.csv").unlink()
    alone = load_model(run)
    assert alone.epoch == whole.epoch == 2
    assert repr(alone.experiment.model) == repr(whole.experiment.model)
    for name, tensor in whole.experiment.model.state_dict().items():
        np.testing.assert_array_equal(alone.experiment.model.state_dict()[name].array, tensor.array)
    assert alone.experiment.data.preparation == whole.experiment.data.preparation or (
        alone.experiment.data.preparation.to_dict() == whole.experiment.data.preparation.to_dict()
    )
    assert _Answers(alone.experiment, "csv", []).exact
    assert load_config(run.config).name == "far"


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\x93NUMPY\x01\0", "npy"), (b"\x89PNG\r\n\x1a\n", "png"), (b"\0\0\x08\x03\0\0\0\x01", "idx"),
        (b"crim,zn\n", "csv"), (b"", "csv"), (b"\0\0\0\0", "csv"),
    ],
)  # fmt: skip
def test_kinds_by_content_and_by_name(tmp_path, start, kind):
    assert _kind_of_content(start) == kind
    (tmp_path / "data").write_bytes(start)
    assert _kind(str(tmp_path / "data")) == kind
    assert _kind(str(tmp_path / "train-images-idx3-ubyte.gz")) == "idx"
    assert _kind(str(tmp_path / "x.PNG")) == "png"


PROGRAM = """
import resource, sys
from pathlib import Path
from mytorch.training.prediction.predict import predict

def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

arguments = dict(runs_dir=Path("runs"), output=Path("out.csv"), quiet=True, keep="x")
predict("far", ["short.csv"], **arguments)
before = most()
predict("far", ["long.csv"], **arguments)
print(before, most())
"""


def test_memory_does_not_grow_with_the_input(far):
    row = "3,1700000000\n"
    (far / "short.csv").write_text("x,when\n" + row * 40_000)
    (far / "long.csv").write_text("x,when\n" + row * 800_000)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=far,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    before, after = map(int, done.stdout.split())
    assert after - before < 8 * 1024  # kilobytes; the rows that came more are 10 MB as text, and more as numbers
    assert len((far / "out.csv").read_text().splitlines()) == 800_001


def test_what_ones_own_layer_raises_is_told_with_its_line(mytorch_command, tmp_path):
    (tmp_path / "own.py").write_text(
        "from mytorch import nn\nclass Positive(nn.Module):\n    def forward(self, x):\n"
        "        if (x < 0).any():\n            raise KeyError('below 0')\n        return x\n"
    )
    (tmp_path / "rows.csv").write_text("a,y\n1,2\n2,4\n3,6\n4,8\n")
    (tmp_path / "c.yaml").write_text(
        "imports: [own.py]\ndataset: {type: csv, path: rows.csv, target: y}\n"
        "model: [Positive, {type: Linear, out_features: 1}]\nloss: MSELoss\n"
        "optimizer: {type: SGD, lr: 0.01}\ntrain: {epochs: 1}\nplots: []\n"
    )
    mytorch_command("train", "c.yaml", "-q", cwd=tmp_path)
    (tmp_path / "new.csv").write_text("a\n1\n-1\n")
    failed = mytorch_command("predict", "latest", "new.csv", "-o", "out.csv", cwd=tmp_path, check=1)
    assert "error: the model cannot take rows 0 and on: KeyError: 'below 0'" in failed.stderr
    assert "own.py:5)" in failed.stderr
    assert not (tmp_path / "out.csv").exists()


def test_a_terminal_shows_how_far_it_is(mytorch_command, tmp_path, monkeypatch):
    (tmp_path / "rows.csv").write_text("a,y\n1,2\n2,4\n3,6\n4,8\n")
    (tmp_path / "c.yaml").write_text(
        "dataset: {type: csv, path: rows.csv, target: y}\nmodel: [{type: Linear, out_features: 1}]\nloss: MSELoss\n"
        "optimizer: {type: SGD, lr: 0.01}\ntrain: {epochs: 1}\nplots: []\n"
    )
    mytorch_command("train", "c.yaml", "-q", cwd=tmp_path)
    monkeypatch.setattr("mytorch.training.prediction.predict.can_draw", lambda stream: True)
    monkeypatch.setenv("FORCE_COLOR", "1")  # what rich takes for a terminal
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("time.perf_counter", iter(range(1000)).__next__)  # each look at the clock is a second later
    shown = mytorch_command("predict", "latest", "rows.csv", "-o", "out.csv", "--batch-size", "2", cwd=tmp_path).stderr
    assert "4 rows" in shown
    assert "rows/s" in shown
    assert mytorch_command("predict", "latest", "rows.csv", "-o", "out.csv", "-q", cwd=tmp_path).stderr == ""
