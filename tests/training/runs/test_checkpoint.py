"""Checkpoint files come back bit for bit, and a damaged one is never taken for a good one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mytorch.training.errors import UserError
from mytorch.training.runs import checkpoint

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
          "float16", "float32", "float64", "complex64"]  # fmt: skip
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def assert_same(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(actual) == sorted(expected)
    for name, array in expected.items():
        assert actual[name].dtype == array.dtype.newbyteorder("=")
        assert actual[name].shape == array.shape
        assert actual[name].tobytes() == array.astype(array.dtype.newbyteorder("=")).tobytes()
        assert actual[name].flags.writeable


@settings(max_examples=60, deadline=None)
@given(
    arrays=st.dictionaries(st.text(max_size=8).filter(lambda name: name != "__metadata__"), ARRAYS, max_size=4),
    metadata=st.dictionaries(st.text(max_size=8), JSON_VALUES, max_size=4),
)
def test_everything_comes_back(
    tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, np.ndarray], metadata: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("checkpoint") / "a.safetensors"
    checkpoint.save(path, arrays, metadata)
    loaded, loaded_metadata = checkpoint.load(path)
    assert_same(loaded, arrays)
    assert loaded_metadata == metadata
    first = path.read_bytes()
    checkpoint.save(path, arrays, metadata)
    assert path.read_bytes() == first


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "best.safetensors"
    arrays = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "flag": np.array(True)}
    checkpoint.save(path, arrays, {"epoch": 7, "random": {"mt19937": [2**31, 5]}, "loss": 0.1})
    return path


def test_layouts_that_are_not_c_contiguous(tmp_path: Path) -> None:
    base = np.arange(24, dtype=np.float64).reshape(4, 6)
    arrays = {
        "transposed": base.T,
        "fortran": np.asfortranarray(base),
        "strided": base[::2, ::-1],
        "broadcast": np.broadcast_to(np.float32(3), (2, 2)),
        "big_endian": base.astype(">f8"),
        "scalar": np.array(2.5),
        "readonly": base[:1],
    }
    arrays["readonly"].flags.writeable = False
    checkpoint.save(tmp_path / "a", arrays, {})
    assert_same(checkpoint.load(tmp_path / "a")[0], arrays)


def test_nan_and_infinity_in_metadata(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "a", {}, {"best": math.inf, "loss": math.nan, "pair": (1, 2)})
    metadata = checkpoint.load(tmp_path / "a")[1]
    assert metadata["best"] == math.inf
    assert math.isnan(metadata["loss"])
    assert metadata["pair"] == [1, 2]


def test_other_programs_read_the_arrays(saved: Path) -> None:
    from safetensors.numpy import load_file

    assert load_file(saved)["weight"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_every_flipped_byte_is_noticed(saved: Path) -> None:
    data = saved.read_bytes()
    for position in range(len(data)):
        for mask in (0x01, 0x20, 0xFF):
            changed = bytearray(data)
            changed[position] ^= mask
            saved.write_bytes(changed)
            with pytest.raises(UserError, match=r"best\.safetensors"):
                checkpoint.load(saved)


def test_every_cut_and_every_addition_is_noticed(saved: Path) -> None:
    data = saved.read_bytes()
    for wrong in [*(data[:length] for length in range(len(data))), data + b"\0", data + data]:
        saved.write_bytes(wrong)
        with pytest.raises(UserError, match=r"best\.safetensors"):
            checkpoint.load(saved)


@settings(max_examples=100, deadline=None)
@given(junk=st.binary(max_size=300))
def test_random_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    path = tmp_path_factory.mktemp("junk") / "junk.safetensors"
    path.write_bytes(junk)
    with pytest.raises(UserError, match=r"junk\.safetensors: not a checkpoint"):
        checkpoint.load(path)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "other.safetensors"
    for metadata in (None, {"format": "pt"}, {"mytorch": json.dumps({"sha": "?"})}, {"mytorch": "no json"}):
        save_file({"weight": np.zeros(3)}, path, metadata=metadata)
        with pytest.raises(UserError, match=r"other\.safetensors: not a checkpoint that mytorch wrote"):
            checkpoint.load(path)


def test_a_valid_checksum_around_junk_is_refused(saved: Path) -> None:
    import hashlib

    data = bytearray(saved.read_bytes())
    digest = data.index(b'{\\"sha256\\": \\"') + len(b'{\\"sha256\\": \\"')
    data[digest : digest + 64] = b"0" * 64
    data[0] ^= 0xFF  # the header's length
    data[digest : digest + 64] = hashlib.sha256(data).hexdigest().encode()
    saved.write_bytes(data)
    with pytest.raises(UserError, match="not a checkpoint that mytorch wrote"):
        checkpoint.load(saved)


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.safetensors: no such checkpoint file"):
        checkpoint.load(tmp_path / "none.safetensors")
    with pytest.raises(UserError, match="cannot read the checkpoint"):
        checkpoint.load(tmp_path)


def test_what_cannot_be_stored_is_refused_and_the_old_file_stays(saved: Path) -> None:
    before = saved.read_bytes()
    for arrays, metadata, message in [
        ({"a": np.array(["text"])}, {}, "'a' has dtype <U4"),
        ({"a": np.zeros(2, np.complex128)}, {}, "complex128"),
        ({"a": np.array([{}])}, {}, "object"),
        ({"__metadata__": np.zeros(2)}, {}, "for itself"),
        ({}, {"state": [{3: "momentum"}]}, "keys must be str, got 3"),
        ({}, {"loss": np.float32(1)}, "float32"),
    ]:
        with pytest.raises(TypeError, match=message):
            checkpoint.save(saved, arrays, metadata)
    assert saved.read_bytes() == before
