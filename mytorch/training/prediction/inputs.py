"""What `mytorch predict` is given: what names stand for, and what each file is, by its name and its first bytes."""

from __future__ import annotations

import gzip
import math
import os
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from mytorch.data.idx import looks_like_idx, read_idx_header
from mytorch.data.npy_source import open_npy
from mytorch.data.prepare import Preparation
from mytorch.data.text import matching_files
from mytorch.training.config.config import Config
from mytorch.training.errors import UserError, some
from mytorch.training.prediction.arrays import Arrays, Images, shown_shape
from mytorch.training.prediction.samples import Inputs, Notes
from mytorch.training.prediction.tables import STDIN, Tables

__all__ = ["find_inputs"]

Kind = Literal["csv", "npy", "idx", "png"]
_OTHER_IMAGES = (".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp")
_CALLED = {"csv": "a CSV file", "npy": "an .npy file", "idx": "an IDX file", "png": "a PNG image"}


def find_inputs(
    given: Sequence[str],
    *,
    keep: Sequence[str],
    written: Mapping[str, str],
    divide: float | None,
    config: Config,
    preparation: Preparation,
    stored_as: Mapping[str, Any],
    notes: Notes,
) -> Inputs:
    """The inputs that the names on the command line stand for; `stored_as` is the training's `input_format`.

    Raises:
        UserError: they are of several kinds, or do not go with the model or the other arguments.
        DataError: there is no such file.
    """
    shape = tuple(stored_as["shape"])
    if divide is not None and not 0 < divide < math.inf:
        raise UserError(f"--divide: expected a number greater than 0, got {divide:g}")
    files = [file for name in given for file in _files(name)]
    kinds: dict[Kind, str] = {}
    for file in files:
        kinds.setdefault(_kind(file), file)
    if len(kinds) > 1:
        told = ", ".join(f"{file} is {_CALLED[kind]}" for kind, file in kinds.items())
        raise UserError(f"INPUT: expected files of one kind, got several: {told}")
    kind = next(iter(kinds))
    if kind == "csv":
        if not preparation.features:
            raise UserError(
                f"{files[0]}: is read as CSV, but the model was trained on arrays of the shape {shown_shape(shape)}; "
                "give .npy or IDX files or PNG images"
            )
        if divide is not None:
            raise UserError("--divide is for arrays and images; a table's numbers are taken as they are")
        return Tables(files, keep, written, config, preparation, notes)
    for option in [*(["keep"] if keep else []), *written]:
        raise UserError(f"--{option} is for CSV files, and {files[0]} is {_CALLED[kind]}")
    dtype = stored_as["dtype"]  # None: a table
    if preparation.text_columns or (kind != "npy" and dtype is None):
        raise UserError(
            f"{files[0]}: is {_CALLED[kind]}, but the model was trained on a table with the columns "
            f"{some(preparation.columns, 5)}; give a CSV file"
        )
    if divide is None and dtype is not None and dtype.startswith("float") and _holds_pixels(kind, files[0]):
        raise UserError(
            f"{files[0]}: pixels are whole numbers, and the model was trained on arrays of {dtype}: write what the "
            "pixels were divided by for training, such as --divide 255 for numbers from 0 to 1, or --divide 1"
        )
    if divide is None and dtype == "uint8" and kind == "npy" and open_npy(files[0]).dtype.kind == "f":
        raise UserError(
            f"{files[0]}: holds numbers of {open_npy(files[0]).dtype}, and the model was trained on pixels, whole "
            "numbers from 0 to 255: write --divide 1 if these are such numbers, else make pixels of them, such as by "
            "np.uint8(255 * x)"
        )
    pixels = dtype == "uint8" and divide is None
    if kind == "png":
        return Images(files, preparation, shape, divide, pixels)
    return Arrays(files, kind, preparation, shape, divide, pixels)


def _holds_pixels(kind: Kind, file: str) -> bool:
    if kind == "npy":
        return open_npy(file).dtype == np.uint8
    return kind == "png" or read_idx_header(file).dtype.kind in "iu"


def _files(name: str) -> list[str]:
    """The files that a name stands for: itself, those that fit a pattern, or the images of a directory."""
    if name == STDIN:
        return [name]
    if not os.path.isdir(name):
        return matching_files(name)
    found = sorted(str(path) for path in Path(name).iterdir() if path.suffix.lower() == ".png")
    if not found:
        others = sorted(path.name for path in Path(name).iterdir())[:5]
        listed = f" (there is: {', '.join(others)})" if others else ""
        raise UserError(
            f"{name}: holds no PNG images{listed}; write a pattern for files of another kind: '{name}/*.csv'"
        )
    return found


def _kind(file: str) -> Kind:
    if file == STDIN:
        stdin: Any = sys.stdin.buffer  # a BufferedReader, which can look ahead
        kind = _kind_of_content(stdin.peek(8)[:8])
        if kind != "csv":
            raise UserError(f"standard input is read as CSV, and {_CALLED[kind]} came; give its name instead of -")
        return kind
    name = Path(file).name.lower()
    if name.endswith((".npy", ".npz")):
        return "npy"
    if name.endswith(".png"):
        return "png"
    if name.endswith(_OTHER_IMAGES):
        raise UserError(f"{file}: images are read as PNG; convert it")
    if ".idx" in name or "-ubyte" in name:
        return "idx"
    if not os.path.isfile(file):  # a pipe, which can be read only once; a reader says what is wrong with others
        return "csv"
    try:
        with open(file, "rb") as opened:
            return _kind_of_content(_unpacked_start(opened))
    except OSError:
        return "csv"  # whose reader says what is wrong


def _unpacked_start(opened: BinaryIO) -> bytes:
    start = opened.read(8)
    if start[:2] == b"\x1f\x8b":
        opened.seek(0)
        try:
            return gzip.GzipFile(fileobj=opened).read(8)
        except (EOFError, OSError, zlib.error):  # a reader will say it
            return b""
    return start


def _kind_of_content(start: bytes) -> Kind:
    if start.startswith(b"\x93NUMPY"):
        return "npy"
    if start.startswith(b"\x89PNG"):
        return "png"
    return "idx" if looks_like_idx(start) else "csv"
