"""MNIST and its kind: from files of every spelling, checked, split as they come, bytes until a batch is asked for."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest

from mytorch.data import mnist
from mytorch.data.arrays import MappedRows
from mytorch.data.mnist import MNIST, FashionMNIST
from mytorch.data.normalize import Normalizer
from mytorch.data.own_data import as_data
from mytorch.data.prepare import prepare
from mytorch.data.split import SplitRule
from mytorch.data.table import DataError

COUNTS = {"train": 40, "t10k": 20}


@pytest.fixture
def arrays():
    generator = np.random.default_rng(0)
    return {
        name: array
        for prefix, count in COUNTS.items()
        for name, array in (
            (f"{prefix}-images-idx3-ubyte", generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)),
            (f"{prefix}-labels-idx1-ubyte", (np.arange(count) % 10).astype(np.uint8)),
        )
    }


@pytest.fixture
def folder(arrays, put_mnist, tmp_path, monkeypatch):
    """A current directory whose datasets/mnist holds small files, packed, which are the right ones here."""
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "datasets" / "mnist"
    images, labels = (
        {prefix: arrays[f"{prefix}-{what}-ubyte"] for prefix in COUNTS} for what in ("images-idx3", "labels-idx1")
    )
    put_mnist(made, images, labels)
    return made


@pytest.mark.parametrize("spelling", ["{}.gz", "{}", "dotted", "dotted.gz"])
def test_files_of_every_spelling(folder, arrays, idx_bytes, monkeypatch, spelling):
    monkeypatch.setitem(sys.modules, "pooch", None)  # is not needed where the files are there
    for name, array in arrays.items():
        wanted = name.replace("-idx", ".idx") + spelling[6:] if spelling.startswith("dot") else spelling.format(name)
        (folder / f"{name}.gz").rename(folder / wanted)
        if not wanted.endswith(".gz"):
            (folder / wanted).write_bytes(idx_bytes(array))
    data = MNIST().load()
    assert data.inputs.shape == (60, 1, 28, 28)
    assert data.inputs.dtype == np.uint8
    np.testing.assert_array_equal(data.inputs[:40, 0], arrays["train-images-idx3-ubyte"])
    np.testing.assert_array_equal(data.inputs[40:, 0], arrays["t10k-images-idx3-ubyte"])
    np.testing.assert_array_equal(data.targets, [*range(10)] * 6)
    assert data.test_rows is not None
    assert data.test_rows.tolist() == list(range(40, 60))


def test_parts_and_limit(folder, arrays):
    train, test = arrays["train-images-idx3-ubyte"], arrays["t10k-images-idx3-ubyte"]
    for source, expected, own_test in (
        (MNIST(part="train"), train, None),
        (MNIST(part="test"), test, None),
        (MNIST(limit=15), np.concatenate([train[:15], test]), list(range(15, 35))),
        (MNIST(limit=1000), np.concatenate([train, test]), list(range(40, 60))),
        (MNIST(part="test", limit=10), test[:10], None),
    ):
        data = source.load()
        np.testing.assert_array_equal(data.inputs[:, 0], expected)
        assert len(data.targets) == len(expected)
        assert (None if data.test_rows is None else data.test_rows.tolist()) == own_test
    flat = MNIST(flatten=True).load()
    np.testing.assert_array_equal(flat.inputs, MNIST().load().inputs.reshape(60, 784))
    for wrong in ({"part": "all"}, {"limit": 0}):
        with pytest.raises(ValueError, match="expected"):
            MNIST(**wrong)


def test_only_the_files_of_the_part_are_needed(folder):
    for name in ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"):
        (folder / name).unlink()
    assert MNIST().missing() == ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"]
    assert MNIST(part="test").missing() == []
    assert len(MNIST(part="test").load().inputs) == 20


def test_another_folder(folder, tmp_path):
    folder.rename(tmp_path / "elsewhere")
    assert MNIST().missing() == list(MNIST.sha256)
    assert len(MNIST(folder="elsewhere").load().inputs) == 60


@pytest.mark.parametrize("flatten", [False, True])
@pytest.mark.parametrize("kind", ["none", "minmax", "standard"])
def test_prepared_pixels(folder, arrays, kind, flatten):
    data = prepare(MNIST(flatten=flatten), validation=SplitRule(fraction=0.25), normalize_inputs=kind)
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 30, "validation": 10, "test": 20}
    assert data.test.rows.tolist() == list(range(40, 60))
    assert data.train.inputs.array.dtype == np.uint8, "bytes are kept"
    assert data.class_names == list("0123456789")
    assert data.feature_names == []
    pixels = {name: arrays[f"{name}-images-idx3-ubyte"] / 255 for name in ("train", "t10k")}
    seen = pixels["train"][data.train.rows]
    shift, scale = {"none": (0, 1), "minmax": (seen.min(), np.ptp(seen)), "standard": (seen.mean(), seen.std())}[kind]
    expected = ((pixels["t10k"] - shift) / scale).reshape(data.test.inputs.shape)
    assert data.test.inputs[:].dtype == np.float32
    np.testing.assert_allclose(data.test.inputs[:], expected, rtol=1e-6, atol=1e-6)
    row = data.preparation.input_normalizer.apply(arrays["t10k-images-idx3-ubyte"][3].reshape(expected[3].shape))
    np.testing.assert_array_equal(data.test.inputs[3], row.astype(np.float32), "as `predict` prepares them")


@pytest.mark.parametrize("divisor", [255.0, 256.0, 0.3, 7.0])
def test_bytes_divided_in_float32_are_those_of_float64(divisor):
    pixels = np.arange(256, dtype=np.uint8)[:, None]
    rows = MappedRows(pixels, np.arange(256), Normalizer("none", np.zeros(1), np.array([divisor])))
    assert rows.divides_bytes == (divisor != 0.3)
    np.testing.assert_array_equal(rows[:], (pixels / divisor).astype(np.float32))


def test_test_rows_are_not_set_aside_twice(folder):
    with pytest.raises(DataError, match=r"has 20 test rows of its own; leave out test: \{every: 4\}, or take one part"):
        prepare(MNIST(), test=SplitRule(every=4))
    assert len(prepare(MNIST(part="train"), test=SplitRule(every=4)).test) == 10


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_packed_file_that_is_another_is_refused(folder, damage):
    path = folder / "t10k-images-idx3-ubyte.gz"
    content = path.read_bytes()
    path.write_bytes(content[:-9] if damage == "cut" else content[:99] + b"!" + content[100:])
    with pytest.raises(
        DataError, match=r"t10k-images-idx3-ubyte\.gz: is not the file that mnist has, or not all of it"
    ):
        MNIST().load()
    assert len(MNIST(part="train").load().inputs) == 40


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte", np.zeros((39, 28, 28), np.uint8), "holds 39 x 28 x 28 numbers of the type uint8, mnist has 40 x 28 x 28"),
        ("train-images-idx3-ubyte", np.zeros((40, 28, 27), np.uint8), "holds 40 x 28 x 27"),
        ("train-labels-idx1-ubyte", np.zeros(20, np.uint8), "holds 20 numbers"),
        ("t10k-labels-idx1-ubyte", np.array([*range(19), 3], np.uint8), "row 10: a label is from 0 to 9, got 10"),
        ("t10k-labels-idx1-ubyte", b"<html>", "is no IDX file"),
    ],
)  # fmt: skip
def test_an_unpacked_file_is_looked_at(folder, idx_bytes, name, content, message):
    (folder / name).write_bytes(content if isinstance(content, bytes) else idx_bytes(content))
    with pytest.raises(DataError, match=re.escape(message)):
        MNIST().load()


def test_a_file_that_is_cut_short_is_refused(folder, arrays, idx_bytes):
    (folder / "train-images-idx3-ubyte").write_bytes(idx_bytes(arrays["train-images-idx3-ubyte"])[:-1])
    with pytest.raises(DataError, match="is cut short"):
        MNIST().load()


def test_what_is_missing_is_downloaded_and_no_more(folder, monkeypatch):
    content = (folder / "t10k-labels-idx1-ubyte.gz").read_bytes()
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    asked = []

    def download(files, to, mirrors, what):
        asked.append((files, to, mirrors, what))
        (to / "t10k-labels-idx1-ubyte.gz").write_bytes(content)

    monkeypatch.setattr(mnist, "download", download)
    assert len(MNIST().load().targets) == 60
    ((files, to, mirrors, what),) = asked
    assert files == {"t10k-labels-idx1-ubyte.gz": MNIST.sha256["t10k-labels-idx1-ubyte"]}
    assert (to.as_posix(), mirrors, what) == ("datasets/mnist", MNIST.mirrors, "mnist")


def test_the_stand_in_has_the_same_shape_and_more_than_chance(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for source, own_test in ((MNIST(), 200), (FashionMNIST(flatten=True), 200), (MNIST(part="test"), None)):
        assert len(source.missing()) == (4 if own_test else 2)
        data = source.stand_in()
        assert data.inputs.shape[1:] == ((784,) if source.flatten else (1, 28, 28))
        assert data.inputs.dtype == np.uint8
        assert set(data.targets.tolist()) == set(range(10))
        assert (None if data.test_rows is None else len(data.test_rows)) == own_test
        again = source.stand_in()
        np.testing.assert_array_equal(data.inputs, again.inputs)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("source", [MNIST, FashionMNIST])
def test_the_sources_are_complete(source):
    assert len(source.class_names) == 10
    assert list(source.sha256) == list(MNIST.sha256)
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in source.sha256.values())
    assert len(source.mirrors) >= 2
    assert all(mirror.endswith("/") for mirror in source.mirrors)
    assert set(MNIST.sha256.values()).isdisjoint(FashionMNIST.sha256.values())


def test_arrays_of_ones_own_keep_their_class_names(folder):
    data = MNIST().load()
    given = as_data(data, "Own")
    assert given.class_names == data.class_names
    assert given.divisor == 255
    assert given.test_rows is data.test_rows
