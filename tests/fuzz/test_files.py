"""Any bytes in the place of a data file, weights, a checkpoint or a run's other files: a message, never a traceback.

The bytes are random ones, and whole files with some bytes changed or cut off.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

FUZZ = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
CONFIG = """\
name: fuzz
dataset: {type: csv, path: data.csv, target: y, validation: {fraction: 0.2}}
model: [{type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: Adam, lr: 1e-2}
train: {epochs: 2}
"""
TABLE = "a,b,y\n" + "".join(f"{i % 7},{i / 3:.3f},{i}\n" for i in range(20))


@pytest.fixture(scope="module")
def command(mytorch_command) -> Callable[..., str]:
    """The command line in this process; what it prints on standard error. Any other exception fails the test."""

    def run(*arguments: str, codes: set[int]) -> str:
        done = mytorch_command(*arguments, cwd=Path(), check=codes)
        assert len(done.stderr) < 20_000
        assert not done.returncode or done.stderr.strip()
        return done.stderr

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory, command) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "fuzz.yaml").write_text(CONFIG)
    (folder / "data.csv").write_text(TABLE)
    with contextlib.chdir(folder):
        command("train", "fuzz.yaml", "-q", codes={0})
        Path("runs/fuzz").rename("runs/whole")
        yield folder


def damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    """A file with some bytes changed, put in or cut off, or any bytes at all."""

    def change(changes: list[tuple[int, int, bytes]]) -> bytes:
        data = whole
        for place, gone, inserted in changes:
            place %= len(data) + 1
            data = data[:place] + inserted + data[place + gone :]
        return data

    edits = st.lists(st.tuples(st.integers(0, len(whole)), st.integers(0, 20), st.binary(max_size=12)), max_size=3)
    return st.one_of(edits.map(change), st.integers(0, len(whole)).map(lambda n: whole[:n]), st.binary(max_size=300))


@settings(FUZZ, max_examples=250)
@given(st.one_of(damaged(TABLE.encode()), damaged(gzip.compress(TABLE.encode(), mtime=0))))
def test_csv(folder, command, data):
    Path("broken.csv").write_bytes(data)
    message = command("train", "fuzz.yaml", "dataset.path=broken.csv", "--smoke", codes={0, 1, 2})
    assert not message or any(word in message for word in ("broken.csv", "fuzz.yaml", "smoke:", "epoch 1, step"))


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@settings(FUZZ, max_examples=150)
@given(damaged(npy(np.arange(40, dtype=np.float32).reshape(20, 2))))
def test_npy(folder, command, data):
    Path("inputs.npy").write_bytes(data)
    Path("targets.npy").write_bytes(npy(np.arange(20.0)))
    source = "dataset={type: npy, inputs: inputs.npy, targets: targets.npy}"
    message = command("train", "fuzz.yaml", source, "--smoke", codes={0, 1, 2})
    assert not message or any(word in message for word in ("inputs.npy", "fuzz.yaml", "smoke:", "epoch 1, step"))


FILES = [
    "config.yaml",
    "metrics.csv",
    "summary.json",
    "checkpoints/best.safetensors",
    "checkpoints/state-00000002.safetensors",
]
COMMANDS = [("eval", "--split", "validation"), ("resume", "train.epochs=3"), ("runs",), ("plot",), ("predict",)]


@settings(FUZZ, max_examples=150)
@given(st.data())
def test_files_of_a_run(folder, command, data):
    shutil.rmtree("runs/fuzz", ignore_errors=True)
    shutil.copytree("runs/whole", "runs/fuzz")
    (run,) = Path("runs/fuzz").iterdir()
    file = run / data.draw(st.sampled_from(FILES))
    whole = file.read_bytes() if file.exists() else b""
    file.write_bytes(data.draw(damaged(whole)))
    name, *rest = data.draw(st.sampled_from(COMMANDS))
    of_run = [] if name == "runs" else ["fuzz"]
    inputs = ["data.csv", "-o", "out.csv"] if name == "predict" else []
    command(name, *of_run, *rest, *inputs, codes={0, 1, 2})


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "png")
    return file.getvalue()


PIXELS = (np.arange(6 * 5 * 4) % 251).astype(np.uint8).reshape(6, 5, 4)
IMAGES = {
    "images.idx": idx(PIXELS),
    "images.idx.gz": gzip.compress(idx(PIXELS), mtime=0),
    "image.png": png(PIXELS[0]),
    "images.npy": npy(PIXELS),
}


@settings(FUZZ, max_examples=250)
@given(st.data())
def test_images_to_predict(folder, command, data):
    if not Path("runs/images").exists():
        np.save("pixels.npy", PIXELS)
        np.save("answers.npy", np.arange(6.0))
        dataset = "dataset={type: npy, inputs: pixels.npy, targets: answers.npy}"
        model = "model=[Flatten, {type: Linear, out_features: 1}]"
        command("train", "fuzz.yaml", dataset, model, "-q", "--name", "images", codes={0})
    name = data.draw(st.sampled_from(sorted(IMAGES)))
    Path(name).write_bytes(data.draw(damaged(IMAGES[name])))
    message = command("predict", "images", name, "-o", "answers.csv", codes={0, 2})
    assert not message or name in message or message.startswith("note:")
