"""Data sets in `.npy` files: rows are read when asked for, and come out as those of a table would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mytorch
from mytorch.data import npy_source
from mytorch.data.arrays import MappedRows
from mytorch.data.loader import DataLoader
from mytorch.data.prepare import Preparation, prepare
from mytorch.data.sources import CSV, Npy
from mytorch.data.split import SplitRule
from mytorch.data.table import DataError


@pytest.fixture
def npy(tmp_path):
    def make(inputs: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None, **arguments: str) -> Npy:
        np.save(tmp_path / "x.npy", inputs)
        np.save(tmp_path / "y.npy", targets)
        if weights is not None:
            np.save(tmp_path / "w.npy", weights)
            arguments["weights"] = str(tmp_path / "w.npy")
        return Npy(str(tmp_path / "x.npy"), str(tmp_path / "y.npy"), **arguments)

    return make


@pytest.mark.parametrize("kind", ["none", "minmax", "standard"])
def test_as_a_table_of_the_same_numbers(npy, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(npy_source, "NUMBERS_AT_ONCE", 10)  # several blocks
    values = np.random.default_rng(0).normal(3, 2, (30, 3))
    values[:, 1] = 7
    targets = values[:, 0] * 2
    rows = np.column_stack([values, targets])
    path = tmp_path / "t.csv"
    path.write_text("x0,x1,x2,y\n" + "".join(",".join(map(repr, row)) + "\n" for row in rows.tolist()))
    settings = {
        "test": SplitRule(every=4),
        "validation": SplitRule(fraction=0.2),
        "normalize_inputs": kind,
        "normalize_target": kind,
    }
    mapped, table = prepare(npy(values, targets), **settings), prepare(CSV(str(path), target="y"), **settings)
    for name, split in table.splits.items():
        other = mapped.splits[name]
        assert isinstance(other.inputs, MappedRows)
        np.testing.assert_array_equal(other.rows, split.rows)
        np.testing.assert_allclose(other.inputs[:], split.inputs, rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(other.targets, split.targets)
        assert other.inputs[0:2].dtype == np.float32
    loaded = Preparation.from_dict(mapped.preparation.to_dict())
    np.testing.assert_allclose(
        loaded.apply(CSV(str(path), target="y").load().table, mapped.test.rows), mapped.test.inputs[:], rtol=1e-6
    )


def test_batches_hold_the_rows_in_the_order_asked_for(npy):
    values = np.arange(20, dtype=np.float32).reshape(10, 2)
    data = prepare(npy(values, np.arange(10), weights=np.ones(10)), test=SplitRule(every=2))
    assert data.task == "classification"
    seen = []
    for inputs, targets, weights in DataLoader(data.train.dataset(), batch_size=2, shuffle=True):
        assert inputs.shape[1:] == (2,)
        assert weights.tolist() == [1] * len(inputs)
        np.testing.assert_array_equal(inputs.numpy()[:, 0], 2 * targets.numpy())
        seen += targets.tolist()
    assert sorted(seen) == [1, 3, 5, 7, 9]


def test_images_have_one_scale(npy):
    images = np.random.default_rng(1).integers(0, 256, (8, 1, 4, 4), dtype=np.uint8)
    data = prepare(npy(images, np.arange(8) % 2), normalize_inputs="standard")
    assert data.train.inputs.shape == (8, 1, 4, 4)
    np.testing.assert_allclose(data.train.inputs[:].mean(), 0, atol=1e-5)
    np.testing.assert_allclose(data.train.inputs[:].std(), 1, rtol=1e-5)
    assert data.class_names == ["0", "1"]


def test_the_file_is_mapped_not_read(npy):
    data = prepare(npy(np.ones((6, 2)), np.arange(6.0)))
    assert isinstance(data.train.inputs.array.base, np.memmap)
    assert not data.train.inputs.array.flags.writeable


WITHIN_A_LIMIT = """
import resource
import sys

from mytorch.data import DataLoader, Npy, SplitRule, prepare

in_use = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData")) << 10
resource.setrlimit(resource.RLIMIT_DATA, (in_use + (int(sys.argv[1]) << 20),) * 2)
data = prepare(Npy("x.npy", "y.npy"), test=SplitRule(fraction=0.1), normalize_inputs="standard")
rows = sum(len(inputs) for inputs, _ in DataLoader(data.train.dataset(), batch_size=256, shuffle=True))
rows += sum(len(data.test.inputs[start : start + 4096]) for start in range(0, len(data.test), 4096))
print(rows)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit on private memory is Linux's")
def test_a_pass_takes_much_less_memory_than_the_file(tmp_path):
    values = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (50_000, 500))  # 100 MB
    values[::7] = 1
    np.save(tmp_path / "y.npy", np.arange(50_000.0))

    def run(megabytes: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHIN_A_LIMIT, str(megabytes)]
        root = str(Path(mytorch.__file__).parents[1])
        variables = os.environ | {"PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1"}
        return subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)

    assert run(60).stdout == "50000\n"
    assert "MemoryError" in run(8).stderr  # the limit is one


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (np.ones(4), np.ones(4), r"x.npy: expected rows of numbers, shape \(n, ...\), got the shape \(4,\)"),
        (np.ones((0, 2)), np.ones(0), r"x.npy: expected rows of numbers"),
        (np.ones((4, 2)), np.ones(3), r"y.npy: has 3 rows, .*x.npy has 4"),
        (np.ones((4, 2)), np.ones((4, 2)), r"y.npy: expected one number a row"),
        (np.array([[1, 2], [3, np.nan]]), np.ones(2), r"x.npy: row 1: nan is not finite"),
        (np.ones((4, 2)), np.array([1, 2, np.inf, 3]), r"y.npy: row 2: inf is not finite"),
        (np.array([["a"]]), np.ones(1), r"x.npy: expected numbers, got elements of the type <U1"),
        (np.array([[{}]]), np.ones(1), r"x.npy: is no .npy file of numbers"),
        (np.full((3, 1), 1e300), np.ones(3), r"x.npy: row 0: 1e\+300 is not finite as float32"),
    ],
)
def test_errors(npy, inputs, targets, message):
    with pytest.raises(DataError, match=message):
        npy(inputs, targets).load()


def test_other_errors(npy, tmp_path):
    with pytest.raises(DataError, match=r"at least 2 different whole numbers"):
        prepare(npy(np.ones((4, 2)), np.array([0.5, 1, 2, 3]), task="classification"))
    with pytest.raises(DataError, match=r"w.npy: row 1: a weight is at least 0, got -1"):
        npy(np.ones((2, 2)), np.ones(2), weights=np.array([1, -1])).load()
    with pytest.raises(ValueError, match="task: expected one of"):
        Npy("x.npy", "y.npy", task="x")
    np.savez(tmp_path / "z.npz", a=np.ones(2))
    with pytest.raises(DataError, match=r"z.npz: is an .npz archive"):
        Npy(str(tmp_path / "z.npz"), "y.npy").load()
    with pytest.raises(DataError, match=r"no.npy: no such file"):
        Npy(str(tmp_path / "no.npy"), "y.npy").load()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(junk=st.binary(max_size=80), keep=st.integers(0, 140))
def test_any_bytes_give_data_or_a_data_error(npy, tmp_path, junk, keep):
    source = npy(np.ones((2, 2)), np.array([0.0, 1.0]))
    whole = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(whole[:keep] + junk)
    try:
        rows, message = len(source.load().inputs), ""
    except DataError as error:
        rows, message = 0, str(error)
    assert rows == 2 or str(tmp_path) in message
