"""MNIST and Fashion-MNIST: 70,000 gray images of 28 x 28 pixels in ten classes, in four IDX files each.

The files are taken from `datasets/`, packed or not, or downloaded. Pixels stay the bytes that they are in the file, 55
MB in all; a batch becomes numbers from 0 to 1 when it is asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt

from mytorch.data.download import download
from mytorch.data.folders import dataset_folders
from mytorch.data.idx import read_idx, read_idx_header, read_idx_parts
from mytorch.data.table import DataError
from mytorch.data.tabular import ArrayData

__all__ = ["MNIST", "FashionMNIST", "StandIn"]

Part = Literal["both", "train", "test"]
HEIGHT = WIDTH = 28
IMAGES, LABELS = "{}-images-idx3-ubyte", "{}-labels-idx1-ubyte"
STAND_IN_ROWS = {"train": 1000, "t10k": 200}  # made-up images in place of the real ones
_ROWS_AT_ONCE = 2000


class MNIST:
    """Handwritten digits (LeCun, Cortes, Burges 1998): 60,000 images to train on and 10,000 to test on.

    The files lie in ``datasets/mnist`` of the current directory, or are downloaded to there. Pixels are from 0 to 1.

    Args:
        part: ``both`` trains on the training images, with the test images as test rows; ``train`` and ``test`` are one
            of them alone, from which the dataset's own ``test:`` may set rows aside.
        flatten: rows of 784 numbers instead of images of the shape (1, 28, 28).
        limit: the first so many images to train on alone; None takes all.
        folder: another folder that the files are in, or are downloaded to.

    >>> MNIST(flatten=True).class_names
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']
    """

    name: ClassVar[str] = "mnist"
    class_names: ClassVar[list[str]] = list("0123456789")
    counts: ClassVar[dict[str, int]] = {"train": 60_000, "t10k": 10_000}
    mirrors: ClassVar[tuple[str, ...]] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
    )
    sha256: ClassVar[dict[str, str]] = {  # of the .gz files
        "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    }
    file_arguments: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, part: Part = "both", flatten: bool = False, limit: int | None = None, folder: str | None = None
    ) -> None:
        if part not in get_args(Part):
            raise ValueError(f"part: expected one of {', '.join(get_args(Part))}, got {part!r}")
        if limit is not None and limit < 1:
            raise ValueError(f"limit: expected at least 1, got {limit}")
        self.part = part
        self.flatten = flatten
        self.limit = limit
        self.folder = folder

    @property
    def prefixes(self) -> list[str]:
        """How the names of the files begin that are read."""
        return {"both": ["train", "t10k"], "train": ["train"], "test": ["t10k"]}[self.part]

    def rows_of(self, prefix: str) -> int:
        """How many of a file's images are taken; `limit` is for those to train on."""
        count = self.counts[prefix]
        return count if self.limit is None or prefix != self.prefixes[0] else min(self.limit, count)

    def load(self) -> ArrayData:
        """Read the files, downloading those that are not there.

        Raises:
            DataError: a file is not what it should be, or cannot be downloaded.
        """
        files = self.files()
        return self._data({
            prefix: (files[IMAGES.format(prefix)], files[LABELS.format(prefix)]) for prefix in self.prefixes
        })  # fmt: skip

    def files(self) -> dict[str, Path]:
        """The files that are read, by their names without ``.gz``; what is missing is downloaded. Raises DataError."""
        if missing := self.missing():
            wanted = {f"{name}.gz": self.sha256[name] for name in missing}
            download(wanted, self._folders()[0], self.mirrors, self.name)
        return {name: path for name in self._names() if (path := self._find(name)) is not None}

    def missing(self) -> list[str]:
        """The names, without ``.gz``, of the files that `load` would download."""
        return [name for name in self._names() if self._find(name) is None]

    def stand_in(self) -> ArrayData:
        """A few made-up images of the same shape and classes, to try a program without the files.

        Each class has a pattern of its own, half hidden by noise, so that there is something to learn.
        """
        generator = np.random.Generator(np.random.PCG64(0))
        patterns = generator.integers(0, 128, (len(self.class_names), HEIGHT, WIDTH), dtype=np.uint8)
        images, labels = [], []
        for prefix in self.prefixes:
            rows = min(STAND_IN_ROWS[prefix], self.rows_of(prefix))
            labels.append(np.arange(rows) % len(self.class_names))
            images.append(patterns[labels[-1]] + generator.integers(0, 128, (rows, HEIGHT, WIDTH), dtype=np.uint8))
        return self._array_data("made-up images", np.concatenate(images), np.concatenate(labels), len(images[0]))

    # --- the files ------------------------------------------------------------------------------------------------

    def _folders(self) -> list[Path]:
        return [Path(self.folder)] if self.folder is not None else [f / self.name for f in dataset_folders()]

    def _names(self) -> list[str]:
        return [kind.format(prefix) for prefix in self.prefixes for kind in (IMAGES, LABELS)]

    def _find(self, name: str) -> Path | None:
        """The file of this name, rather unpacked, which is read faster, than packed; some unpack `-idx3` to `.idx3`."""
        spellings = [spelling + end for end in ("", ".gz") for spelling in (name, name.replace("-idx", ".idx"))]
        paths = (folder / spelling for folder in self._folders() for spelling in spellings)
        return next((path for path in paths if path.is_file()), None)

    def _data(self, files: dict[str, tuple[Path, Path]]) -> ArrayData:
        rows = {prefix: self.rows_of(prefix) for prefix in files}
        images = np.empty((sum(rows.values()), HEIGHT, WIDTH), np.uint8)
        labels = np.empty(len(images), np.int64)
        start = 0
        for prefix, (of_images, of_labels) in files.items():
            end = start + rows[prefix]
            for block in self._images(prefix, of_images, rows[prefix]):
                images[start : start + len(block)] = block
                start += len(block)
            labels[end - rows[prefix] : end] = self._labels(prefix, of_labels)[: rows[prefix]]
        folder = next(iter(files.values()))[0].parent
        return self._array_data(f"{self.name} in {folder}", images, labels, rows[self.prefixes[0]])

    def _array_data(
        self, source: str, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], first: int
    ) -> ArrayData:
        """The images as inputs; of both parts those from row `first` on are the test rows."""
        inputs = images.reshape(len(images), -1) if self.flatten else images[:, None]
        test_rows = np.arange(first, len(images)) if self.part == "both" else None
        return ArrayData(source, inputs, labels, None, "classification", self.class_names, test_rows, divisor=255.0)

    def _images(self, prefix: str, path: Path, rows: int) -> Iterator[npt.NDArray[np.uint8]]:
        """The first so many images, in pieces."""
        self._check(path, IMAGES.format(prefix), (self.counts[prefix], HEIGHT, WIDTH))
        # A packed file is never unpacked as a whole, and one that is not packed is mapped, not read.
        blocks = read_idx_parts(path, _ROWS_AT_ONCE) if path.suffix == ".gz" else [read_idx(path)]
        for block in blocks:
            yield block[:rows]
            rows -= len(block)
            if rows <= 0:
                return

    def _labels(self, prefix: str, path: Path) -> npt.NDArray[np.uint8]:
        self._check(path, LABELS.format(prefix), (self.counts[prefix],))
        labels = read_idx(path)
        if labels.max() >= len(self.class_names):
            row = int(np.argmax(labels >= len(self.class_names)))
            raise DataError(f"{path}: row {row}: a label is from 0 to {len(self.class_names) - 1}, got {labels[row]}")
        return labels

    def _check(self, path: Path, name: str, shape: tuple[int, ...]) -> None:
        """Raise DataError if the file is another: by its hash where it is packed, by what it holds where it is not."""
        advice = f"remove it, and the {self.name} file is downloaded again"
        if path.suffix == ".gz":
            with open(path, "rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != self.sha256[name]:
                raise DataError(
                    f"{path}: is not the file that {self.name} has, or not all of it: its SHA-256 is {found[:8]}..., "
                    f"expected {self.sha256[name][:8]}...; {advice}, or unpack it if you packed it yourself"
                )
        header = read_idx_header(path)
        if header.shape != shape or header.dtype != np.uint8:
            expected, got = (" x ".join(map(str, sizes)) for sizes in (shape, header.shape))
            raise DataError(
                f"{path}: holds {got} numbers of the type {header.dtype}, {self.name} has {expected} of uint8; {advice}"
            )


class FashionMNIST(MNIST):
    """Articles of clothing (Xiao, Rasul, Vollgraf 2017): as many images as MNIST, of the same size, but harder.

    The files lie in ``datasets/fashion-mnist`` of the current directory, or are downloaded to there. Pixels are from 0
    to 1.

    Args:
        part: ``both`` trains on the training images, with the test images as test rows; ``train`` and ``test`` are one
            of them alone, from which the dataset's own ``test:`` may set rows aside.
        flatten: rows of 784 numbers instead of images of the shape (1, 28, 28).
        limit: the first so many images to train on alone; None takes all.
        folder: another folder that the files are in, or are downloaded to.

    >>> FashionMNIST().class_names[:3]
    ['T-shirt/top', 'Trouser', 'Pullover']
    """

    name: ClassVar[str] = "fashion-mnist"
    class_names: ClassVar[list[str]] = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ]  # fmt: skip
    mirrors: ClassVar[tuple[str, ...]] = (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    )
    sha256: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels-idx1-ubyte": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images-idx3-ubyte": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels-idx1-ubyte": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    }


class StandIn:
    """A source of the images that stand in for those of another, whose files are not there."""

    def __init__(self, source: MNIST) -> None:
        self.source = source

    def load(self) -> ArrayData:
        """What `MNIST.stand_in` gives."""
        return self.source.stand_in()
