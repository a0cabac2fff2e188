"""`save` and `load`: tensors and plain data in PyTorch's own file format, so that files go both ways.

A file is a zip archive (`archive.py`) of one pickle and, beside it, the raw memory of each storage. The pickle is
written opcode by opcode (`pickle_writer.py`) and read by an interpreter of our own (`pickle_reader.py`) that knows a
short list of opcodes and names: whatever a file says, reading it runs no code.

>>> import io
>>> import mytorch as torch
>>> file = io.BytesIO()
>>> torch.save({"epoch": 3, "weight": torch.ones(2)}, file)
>>> _ = file.seek(0)
>>> torch.load(file)
{'epoch': 3, 'weight': tensor([1., 1.])}
"""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from mytorch.backend import atomic
from mytorch.backend import device as devices
from mytorch.serialization.archive import Archive, write_archive
from mytorch.serialization.pickle_reader import PickleReader
from mytorch.serialization.pickle_writer import PickleWriter
from mytorch.tensor.storage import UntypedStorage

__all__ = ["load", "save"]


def save(obj: object, f: str | os.PathLike[str] | BinaryIO) -> None:
    """Write tensors and plain data to a file that `load` reads, here and in PyTorch (with `weights_only=True`).

    Plain data are numbers, strings, bytes, None, and dicts, lists, tuples and sets of such; besides, `Size`, `device`
    and element types. Tensors that share memory are stored once. As in PyTorch the whole memory behind a view is
    stored: save `view.clone()` if a small part of a large tensor is wanted.

    Args:
        obj: what to save, such as `model.state_dict()`.
        f: a path, where the file appears in one step when it is complete; or an open binary file.

    Raises:
        TypeError: something in `obj` is neither a tensor nor plain data, such as a whole module or a function.
        RuntimeError: the folder does not exist; or tensors of two element types share memory.
    """
    writer = PickleWriter()
    pickled = writer.dump(obj)
    if hasattr(f, "write"):
        write_archive(f, pickled, writer.storages)
        return
    if not isinstance(f, (str, os.PathLike)):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    path = Path(f)
    if not path.parent.is_dir():
        raise RuntimeError(f"Parent directory {path.parent} does not exist.")
    if path.exists() and not path.is_file():  # a device or a pipe is written to, not replaced
        with open(path, "wb") as file:
            write_archive(file, pickled, writer.storages)
        return
    with atomic.replacing(path) as file:
        write_archive(file, pickled, writer.storages)


def load(
    f: str | os.PathLike[str] | BinaryIO,
    map_location: Any = None,
    *,
    weights_only: bool | None = True,
    mmap: bool | None = None,
) -> Any:
    """Read what `save` wrote, here or in PyTorch. Nothing in the file can run code.

    The tensors own their memory and can be written to; those that shared memory share it again.

    Args:
        f: a path, or an open binary file at its beginning.
        map_location: where to put tensors that were saved on another device: a device or its name, a dict from saved
            to wanted names, or a function of a storage and the name of its device that returns a storage or None.
        weights_only: True; reading arbitrary objects is not offered, since it would run code from the file.
        mmap: accepted for paths; the values are the same, the file is read into memory either way.

    Raises:
        pickle.UnpicklingError: the file holds something else than tensors and plain data, or types that NumPy has not.
        RuntimeError: it is damaged, is no file of this format, or holds tensors of a GPU and no `map_location`.
        EOFError: there is nothing to read: the file is empty, or at its end and wants `f.seek(0)`.
        ValueError: `weights_only=False`; or `mmap` with an open file.
    """
    if weights_only not in (True, None):
        raise ValueError(
            "weights_only=False is not offered: it would run code from the file. Load the file with weights_only=True "
            "if it holds tensors and plain data (a state_dict); else load it in PyTorch and save its state_dict()."
        )
    is_path = isinstance(f, (str, os.PathLike))
    if mmap and not is_path:
        raise ValueError("f must be a file path in order to use the mmap argument")
    if not is_path and not (hasattr(f, "read") and hasattr(f, "seek")):
        raise AttributeError("expected 'f' to be a path or an open binary file with 'read' and 'seek'")
    place = _placement(map_location)
    file: Any
    with open(f, "rb") if isinstance(f, (str, os.PathLike)) else contextlib.nullcontext(f) as file:
        archive = Archive(file, str(f) if is_path else "the file")
        try:
            return PickleReader(archive.storage, place, archive.swapped).read(archive.read("data.pkl"))
        except pickle.UnpicklingError as error:
            raise pickle.UnpicklingError(f"{archive.name}: {error}") from None


def _placement(map_location: Any) -> Callable[[UntypedStorage, str], UntypedStorage]:
    """What `map_location` says, as a function of a storage and of the name of the device where it was saved."""
    if callable(map_location):

        def place(storage: UntypedStorage, location: str) -> UntypedStorage:
            moved: UntypedStorage | None = map_location(storage, location)
            return _on_cpu(storage, location) if moved is None else moved

    elif isinstance(map_location, dict):

        def place(storage: UntypedStorage, location: str) -> UntypedStorage:
            return _on_cpu(storage, map_location.get(location, location))

    elif map_location is not None:
        devices.require(map_location)

        def place(storage: UntypedStorage, location: str) -> UntypedStorage:
            return storage

    else:
        place = _on_cpu
    return place


def _on_cpu(storage: UntypedStorage, location: str) -> UntypedStorage:
    if str(location) != "cpu":
        raise RuntimeError(
            f"Attempting to deserialize object on '{location}', but tensors can only be put on the CPU here. Use "
            "load(..., map_location='cpu') to map your storages to the CPU."
        )
    return storage
