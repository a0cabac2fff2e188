"""Checkpoint files: named arrays and metadata in a safetensors file that knows its own checksum.

safetensors holds plain data and cannot execute code, and any program that reads it (PyTorch's ecosystem too)
reads the arrays of ours. All metadata lies under the single key ``mytorch``: safetensors does not keep the
order of several keys, so that one key is what makes equal contents equal bytes. The SHA-256 there covers the
whole file, header included, taken with its own 64 digits set to zeros; no byte of the file can change without
being noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mytorch.backend import atomic
from mytorch.training.errors import UserError

_KEY = "mytorch"
_DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
           "float16", "float32", "float64", "complex64")  # fmt: skip
_NO_DIGEST = b"0" * 64
# What stands before the digest in the file: safetensors writes the metadata first, and the digest is first in
# it.
_BEFORE_DIGEST = b'{"__metadata__":{"mytorch":"{\\"sha256\\": \\"'
_DIGEST = slice(8 + len(_BEFORE_DIGEST), 8 + len(_BEFORE_DIGEST) + 64)  # the first 8 bytes are the header's length


def save(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> None:
    """Write ``arrays`` and ``metadata`` to ``path`` in one atomic step; equal contents, equal bytes.

    Arrays may have any shape, 0-d and empty ones included, any memory layout, and the dtypes bool, (u)int8 to
    (u)int64, float16 to float64 and complex64. Metadata is what JSON can hold (``dict`` with ``str`` keys,
    ``list``, ``str``, ``int`` of any size, ``float``, ``bool``, ``None``); NaN and infinities survive, a
    tuple comes back as a list.

    Raises ``TypeError`` for what cannot be stored, ``OSError`` when the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Path(folder, "a.safetensors"), {"weight": np.eye(2)}, {"epoch": 3})
    ...     arrays, metadata = load(Path(folder, "a.safetensors"))
    >>> arrays["weight"].tolist(), metadata
    ([[1.0, 0.0], [0.0, 1.0]], {'epoch': 3})
    """
    from safetensors.numpy import save as to_safetensors

    _check_keys(metadata)
    document = {"sha256": _NO_DIGEST.decode(), "metadata": dict(metadata)}
    plain = {name: _plain(name, array) for name, array in arrays.items()}
    data = bytearray(to_safetensors(plain, {_KEY: json.dumps(document)}))
    if data[_DIGEST] != _NO_DIGEST:
        raise RuntimeError("this version of safetensors lays out its header in an unknown way")
    data[_DIGEST] = hashlib.sha256(data).hexdigest().encode()
    atomic.write_bytes(path, data)


def load(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a file of `save`: ``(arrays, metadata)``, the arrays writable and in order of their names.

    Raises `UserError`, naming the file, when it is missing, cannot be read, is no checkpoint, or is damaged
    (cut short or changed in any byte).
    """
    path = Path(path)
    try:
        data = bytearray(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path}: no such checkpoint file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot read the checkpoint: {error.strerror or error}") from None
    return _parse(path, data)


def _parse(path: Path, data: bytearray) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_safetensors

    if data[8 : _DIGEST.start] != _BEFORE_DIGEST:
        raise UserError(f"{path}: not a checkpoint that mytorch wrote (or its first bytes are damaged)")
    expected = bytes(data[_DIGEST])
    data[_DIGEST] = _NO_DIGEST
    if hashlib.sha256(data).hexdigest().encode() != expected:
        raise UserError(
            f"{path}: the checkpoint is damaged: its contents do not match the checksum in it "
            "(cut short or changed after it was written); use another checkpoint"
        )
    try:
        arrays = from_safetensors(bytes(data))
        metadata = _metadata_in(json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]))
    except (SafetensorError, KeyError, ValueError) as error:  # a valid checksum around what we never write
        raise UserError(f"{path}: not a checkpoint that mytorch wrote: {error}") from None
    return {name: arrays[name] for name in sorted(arrays)}, metadata


def read_header(path: str | os.PathLike[str]) -> tuple[dict[str, tuple[int, ...]], dict[str, Any]]:
    """The shapes of a checkpoint's arrays by name, and its metadata, without reading the arrays.

    The checksum, which is that of the whole file, is not looked at. Raises ``OSError``, ``ValueError``, ``KeyError`` or
    ``TypeError`` for a file that cannot be read or is none of ours.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Path(folder, "a.safetensors"), {"weight": np.eye(2)}, {"epoch": 3})
    ...     read_header(Path(folder, "a.safetensors"))
    ({'weight': (2, 2)}, {'epoch': 3})
    """
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    metadata = _metadata_in(header)
    return {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}, metadata


def _metadata_in(header: dict[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = json.loads(header["__metadata__"][_KEY])["metadata"]
    return metadata


def _plain(name: str, array: np.ndarray) -> np.ndarray:
    """The array as safetensors needs it: C-contiguous (it corrupts others silently)."""
    if name == "__metadata__":
        raise TypeError("safetensors keeps the name '__metadata__' for itself; no array can have it")
    array = np.asarray(array)
    if array.dtype.name not in _DTYPES:
        raise TypeError(f"array {name!r} has dtype {array.dtype}; a checkpoint stores {', '.join(_DTYPES)}")
    # Not np.ascontiguousarray, which makes 0-d arrays 1-d.
    return np.asarray(array, order="C")


def _check_keys(value: object) -> None:
    """JSON turns every key into a string; refuse the others, or a dict would come back changed."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"metadata keys must be str, got {key!r}")
            _check_keys(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_keys(item)
