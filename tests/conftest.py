"""What all tests share: the default settings are in place after each test, and files can be loaded by their path."""

from __future__ import annotations

import contextlib
import csv
import gzip
import hashlib
import importlib.util
import io
import os
import struct
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest

import mytorch

ROOT = Path(__file__).parents[1]
os.environ["COLUMNS"] = "100"  # of the terminal, wherever the tests run


@pytest.fixture(autouse=True)
def _default_settings():
    yield
    mytorch.set_default_dtype(mytorch.float32)
    mytorch.set_printoptions(profile="default")
    recording = mytorch.is_grad_enabled()
    mytorch.set_grad_enabled(True)
    assert recording, "the test left recording switched off"


@pytest.fixture(scope="session")
def load_file():
    """Load a Python file that is no module of a package, such as a script in tests/golden."""

    def load(path):
        spec = importlib.util.spec_from_file_location(Path(path).stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def mytorch_process():
    """The command line in a process of its own, as a user starts it: warnings are errors, a traceback fails the test.

    `input` goes to its standard input; `text=False` gives bytes. `limit` is called in the process before it begins, to
    limit what it may do. Returns what `subprocess.run` does.
    """

    def run(*arguments, cwd, check=0, input=None, text=True, limit=None, **environment):
        settings = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}
        environ = {**os.environ, **settings, **environment}
        if limit is not None:  # what measures coverage could not write its own files
            environ = {name: value for name, value in environ.items() if not name.startswith("COVERAGE")}
        done = subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), *map(str, arguments)],
            cwd=cwd, env=environ, input=input, capture_output=True, timeout=120, preexec_fn=limit,
            **({"encoding": "utf-8"} if text else {}),
        )  # fmt: skip
        assert ("Traceback" if text else b"Traceback") not in done.stderr, done.stderr
        assert done.returncode == check, (done.returncode, done.stdout, done.stderr)
        return done

    return run


@pytest.fixture(scope="session")
def mytorch_command():
    """The command line in this process, which is quicker; a traceback fails the test.

    `check` is the exit code, or a set of those that may come. Returns `returncode`, `stdout` and `stderr`.
    """
    import typer

    import cli

    commands = typer.main.get_command(cli.app)  # which `cli.app()` would make anew each time: 30 ms

    def run(*arguments, cwd, check=0):
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(cwd),
            mock.patch.object(sys, "argv", ["mytorch", *map(str, arguments)]),
            mock.patch.object(cli, "app", commands),
            mock.patch.object(warnings, "showwarning"),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            cli.main()
        code = ended.value.code or 0
        assert code in (check if isinstance(check, set) else {check}), out.getvalue() + err.getvalue()
        return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())

    return run


# Names that would be markup, a script, or the end of the one that they stand in, if they were not escaped.
HOSTILE = [
    "<script>alert(1)</script>",
    "한글 \"따옴표\" '&amp;'",
    "\u202e\u05e2\u05d1\u05e8\u05d9\u05ea\u2028</script><!--",  # Hebrew, from right to left
    "plain",
]
HOSTILE_COLUMNS = ["<img src=x onerror=alert(2)>", "한글 열"]
OF_BOSTON = """\
name: numbers
dataset: {type: boston, test: {every: 4}, validation: {every: 5}, normalize: {inputs: standard, target: standard}, batch_size: 64}
model: [{type: Linear, out_features: 8}, ReLU, {type: Residual, layers: [{type: Linear, out_features: 8}, Tanh]}, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: AdamW, lr: 1e-2}
train: {epochs: 8}
plots: []
"""
OF_CLASSES = """\
name: 한글-이름
dataset: {type: csv, path: classes.csv, target: kind, test: {every: 3}, batch_size: 32}
model: [{type: Linear, out_features: 8}, Tanh, {type: Linear, out_features: 4}]
loss: CrossEntropyLoss
optimizer: {type: Adam, lr: 5e-2}
train: {epochs: 4}
metrics: [accuracy]
plots: []
"""


def _write_classes(path, names, columns, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "kind"])
        for i in range(rows):
            writer.writerow([i % len(names) + 0.1 * (i % 3), -0.5 * (i % 5), names[i % len(names)]])


@pytest.fixture(scope="session")
def hostile_names():
    return HOSTILE


@pytest.fixture(scope="session")
def report_runs(tmp_path_factory, mytorch_command):
    """A folder with tiny runs of each kind that a report can be of; `runs/NAME/` holds one each."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "numbers.yaml").write_text(OF_BOSTON, encoding="utf-8")
    (folder / "classes.yaml").write_text(OF_CLASSES, encoding="utf-8")
    _write_classes(folder / "classes.csv", HOSTILE, HOSTILE_COLUMNS, 96)
    _write_classes(folder / "two.csv", ["no", "yes"], ["a", "b"], 40)
    _write_classes(folder / "many.csv", [f"class {i}" for i in range(40)], ["a", "b"], 200)
    two = ["dataset.path=two.csv", "loss=BCEWithLogitsLoss", "model.2.out_features=1", "name=two"]
    images = [
        "dataset={type: digits, count: 80, test: {every: 4}}", "name=images",
        "model=[{type: Conv2d, out_channels: 2, kernel_size: 5, stride: 3}, ReLU, Flatten, {type: Linear, out_features: 10}]",
    ]  # fmt: skip
    trainings = {
        "numbers": [],
        "off": ["diagnostics=off", "train.epochs=2", "name=off"],
        "classes": [],
        "two": two,
        "many": ["dataset.path=many.csv", "model.2.out_features=40", "train.epochs=2", "name=many"],
        "images": [*images, "train.epochs=2"],
    }
    for name, changes in trainings.items():
        config = "numbers.yaml" if name in ("numbers", "off") else "classes.yaml"
        mytorch_command("train", config, *changes, "-q", cwd=folder)
    mytorch_command("train", "numbers.yaml", "optimizer={type: SGD, lr: 1e30}", "name=bad", "-q", cwd=folder, check=1)
    return folder


def _idx(array):
    """An array of bytes as an IDX file."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(scope="session")
def idx_bytes():
    return _idx


@pytest.fixture
def put_mnist(monkeypatch):
    """Write four files of a few images, which are the right ones of MNIST in this test; nothing can be downloaded.

    `images` and `labels` are by the beginnings of the files' names, `train` and `t10k`; those files are packed whose
    names begin with one of `packed`.
    """
    from mytorch.data.mnist import IMAGES, LABELS, MNIST

    def put(folder, images, labels, packed=("train", "t10k")):
        folder.mkdir(parents=True)
        hashes = {}
        for prefix in images:
            for name, array in ((IMAGES, images[prefix]), (LABELS, labels[prefix])):
                name, content = name.format(prefix), _idx(array.astype(np.uint8))
                path = folder / name
                if name.startswith(tuple(packed)):
                    path, content = folder / f"{name}.gz", gzip.compress(content, mtime=0)
                path.write_bytes(content)
                hashes[name] = hashlib.sha256(content).hexdigest()
        monkeypatch.setattr(MNIST, "counts", {prefix: len(labels[prefix]) for prefix in labels})
        monkeypatch.setattr(MNIST, "sha256", hashes)
        monkeypatch.setattr(MNIST, "mirrors", ("http://127.0.0.1:9/",))

    return put
