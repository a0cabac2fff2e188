"""`mytorch predict` from the command line: tables, arrays and images; pipes, files and all that can be wrong."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import os
import re
import shlex
import signal
import struct
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mytorch.training.errors import UserError
from mytorch.training.prediction.predict import predict

ROOT = Path(__file__).parents[1]
BOSTON = (ROOT / "datasets" / "boston.csv").read_text().splitlines()
HOMES = """\
id,town,rooms,built,weight,price
1,Lynn,6.5,1931,1,24
2,Salem,7.1,,2,34.7
4,"Boston, South",6.9,1955,1,33.4
5,Lynn,6.0,1940,1,21
6,Salem,5.0,1910,3,19
7,Lynn,,1910,1,19
"""
CONFIGS = {
    "small": """
dataset: {type: boston, test: {every: 4}, normalize: {inputs: standard, target: standard}, batch_size: 64}
model: [{type: Linear, out_features: 8}, Tanh, {type: Linear, out_features: 1}]
loss: MSELoss
metrics: [mae]
""",
    "homes": """
dataset: {type: csv, path: homes.csv, target: price, drop: [id], weight: weight, unknown_categories: ignore,
          missing: {built: median, rooms: drop}, normalize: {inputs: standard, target: minmax}}
model: [{type: Linear, out_features: 1}]
loss: MSELoss
""",
    "strict": """
dataset: {type: csv, path: homes.csv, target: price, features: [town, built], missing: {built: constant}, fill_value: 0}
model: [{type: Linear, out_features: 1}]
loss: MSELoss
""",
    "towns": """
dataset: {type: csv, path: homes.csv, target: town, features: [price], normalize: {inputs: standard}}
model: [{type: Linear, out_features: 3}]
loss: CrossEntropyLoss
""",
    "expensive": """
dataset: {type: csv, path: bare.csv, header: false, target: c1, task: classification, normalize: {inputs: standard}}
model: [{type: Linear, out_features: 1}]
loss: BCEWithLogitsLoss
""",
    "bytes": """
dataset: {type: npy, inputs: bytes.npy, targets: labels.npy, test: {every: 4}, normalize: {inputs: standard}}
model: [Flatten, {type: Linear, out_features: 3}]
loss: CrossEntropyLoss
metrics: [accuracy]
""",
    "floats": """
dataset: {type: npy, inputs: floats.npy, targets: labels.npy}
model: [{type: Linear, out_features: 3}]
loss: CrossEntropyLoss
""",
}
REST = "optimizer: {type: Adam, lr: 1e-2}\ntrain: {epochs: 3}\n"


def make_images() -> np.ndarray:
    generator = np.random.default_rng(0)
    return generator.integers(0, 255, (40, 1, 6, 5)).astype(np.uint8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, mytorch_command):
    """A run of every config; the data that they were trained on is gone."""
    folder = tmp_path_factory.mktemp("predict")
    data = {"homes.csv": HOMES, "bare.csv": "1,2,30\n0,3,10\n1,2.5,20\n0,4,1\n"}
    for name, text in data.items():
        (folder / name).write_text(text)
    images = make_images()
    arrays = {"bytes": images, "floats": (images / 255).astype(np.float32).reshape(40, 30), "labels": np.arange(40) % 3}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    for name, config in CONFIGS.items():
        (folder / f"{name}.yaml").write_text(config + REST)
        mytorch_command("train", f"{name}.yaml", "-q", cwd=folder)
    for path in [*folder.glob("*.csv"), *folder.glob("*.npy"), *folder.glob("*.yaml")]:
        path.unlink()
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    """A place for input and output, with the runs."""
    (tmp_path / "runs").symlink_to(trained / "runs")
    return tmp_path


@pytest.fixture
def predicted(folder, mytorch_command):
    """Predict in this process: the rows of the output as dictionaries."""

    def predict(run: str, *arguments: object) -> list[dict[str, str]]:
        mytorch_command("predict", run, *arguments, "-o", "out.csv", cwd=folder)
        with open(folder / "out.csv", newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return predict


@pytest.fixture
def refused(folder, mytorch_command):
    """Predict in this process, which fails with code 2, and leaves no output: the message."""

    def predict(run: str, *arguments: object) -> str:
        ended = mytorch_command("predict", run, *arguments, "-o", "out.csv", cwd=folder, check=2)
        assert ended.stdout == ""
        assert not (folder / "out.csv").exists()
        assert not list(folder.glob(".*.tmp"))
        return ended.stderr

    return predict


def numbers(rows: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows])


# --- tables -----------------------------------------------------------------------------------------------------------


def test_predictions_are_those_of_eval(folder, mytorch_process, mytorch_command):
    test_rows = [BOSTON[0], *BOSTON[1::4]]
    done = mytorch_process("predict", "small", "-", cwd=folder, input="\n".join(test_rows))
    assert done.stderr == ""
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0]) == ["medv"]
    target = np.array([float(line.split(",")[-1]) for line in test_rows[1:]])
    mae = np.abs(numbers(rows, "medv") - target).mean()
    scores = json.loads(mytorch_command("eval", "small", "--json", cwd=folder).stdout)["scores"]
    assert mae == pytest.approx(scores["mae"], rel=1e-7)


def test_columns_in_any_order_with_others_and_without_the_target(folder, predicted):
    (folder / "all.csv").write_text("\n".join(BOSTON))
    shuffled = [",".join([*reversed(line.split(",")[:-1]), "x"]) for line in BOSTON]
    shuffled[0] = shuffled[0][:-1] + "name"
    (folder / "other.csv").write_text("\n".join(shuffled))
    rows = predicted("small", "all.csv")
    assert len(rows) == 506
    assert predicted("small", "other.csv") == rows
    with gzip.open(folder / "semicolons.csv.gz", "wt") as file:
        file.write("\n".join(line.replace(",", ";") for line in shuffled))
    assert predicted("small", "semicolons.csv.gz") == rows
    assert predicted("small", "all.csv", "--batch-size", 7)[0].keys() == {"medv"}
    np.testing.assert_allclose(
        numbers(predicted("small", "all.csv", "--batch-size", 7), "medv"), numbers(rows, "medv"), rtol=1e-5
    )


def test_several_files_and_patterns_one_after_the_other(folder, predicted):
    for name, lines in {"b": BOSTON[1:4], "a": BOSTON[4:6]}.items():
        (folder / f"{name}.csv").write_text("\n".join([BOSTON[0], *lines]))
    ordered = [row["medv"] for row in predicted("small", "b.csv", "a.csv")]
    assert [row["medv"] for row in predicted("small", "?.csv")] == ordered[3:] + ordered[:3]


def test_unused_columns_are_told_and_kept_when_asked(folder, mytorch_command):
    lines = [BOSTON[0] + ",street", BOSTON[1] + ',"5 ""Elm"", rear"', BOSTON[2] + ",NA"]
    (folder / "new.csv").write_text("\n".join(lines))
    ended = mytorch_command("predict", "small", "new.csv", "-o", "out.csv", cwd=folder)
    assert ended.stderr == "note: new.csv: columns that the model does not use: street (--keep carries them over)\n"
    assert ended.stdout.startswith("2 predictions of ")
    arguments = ("new.csv", "-o", "out.csv", "--keep", "street,medv,crim", "-q")
    assert mytorch_command("predict", "small", *arguments, cwd=folder).stdout == ""
    with open(folder / "out.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["street", "medv", "crim", "prediction:medv"]
    assert rows[1][:3] == ['5 "Elm", rear', "24", "0.00632"]
    assert rows[2][:3] == ["NA", "21.6", "0.02731"]


def test_policies_of_the_training(folder, mytorch_command):
    (folder / "new.csv").write_text(
        "town,rooms,built,id\nLynn,6,1940,1\nRevere,6,,2\nSalem,NA,1940,3\nSalem,6,1925,4\n"
    )
    ended = mytorch_command("predict", "homes", "new.csv", "--keep", "id", "-o", "out.csv", cwd=folder)
    assert ended.stderr.splitlines() == [
        "warning: new.csv:3: column 'town': 1 row holds a value that no training row has (first 'Revere'): counted as "
        "none of the known",
        "warning: 1 row has no prediction: a value is missing, and training leaves such rows out (missing: drop)",
    ]
    rows = list(csv.DictReader(io.StringIO((folder / "out.csv").read_text())))
    assert [row["id"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["price"] == "" for row in rows] == [False, False, True, False]
    (folder / "filled.csv").write_text("town,rooms,built\nRevere,6,1935.5\n")  # the median of the rows that stayed
    mytorch_command("predict", "homes", "filled.csv", "-q", "-o", "filled.out", cwd=folder)
    assert float((folder / "filled.out").read_text().splitlines()[1]) == pytest.approx(float(rows[1]["price"]))
    mytorch_command("predict", "homes", "new.csv", "-q", "--format", "jsonl", "-o", "out.jsonl", cwd=folder)
    documents = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert [document["price"] is None for document in documents] == [False, False, True, False]
    mytorch_command("predict", "homes", "new.csv", "-q", "-o", "out.csv", cwd=folder)
    assert (folder / "out.csv").read_text().splitlines()[3] == '""'  # an empty line would be no row


def test_classes_and_probabilities(folder, predicted):
    (folder / "new.csv").write_text("price,town\n20,?\n33,?\n")
    rows = predicted("towns", "new.csv")
    names = ["Boston, South", "Lynn", "Salem"]
    assert list(rows[0]) == ["class", *(f"probability:{name}" for name in names)]
    for row in rows:
        probabilities = [float(row[f"probability:{name}"]) for name in names]
        assert sum(probabilities) == pytest.approx(1, abs=1e-6)
        assert row["class"] == names[int(np.argmax(probabilities))]


@pytest.mark.parametrize("content", ["9,2,30\n9,3,10\n", "2,30\n3,10\n"], ids=["with the target", "without"])
def test_two_classes_of_files_without_a_header(folder, predicted, content):
    (folder / "new.csv").write_text(content)
    rows = predicted("expensive", "new.csv")
    assert list(rows[0]) == ["class", "probability:0", "probability:1"]
    for row in rows:
        assert float(row["probability:0"]) + float(row["probability:1"]) == pytest.approx(1)
        assert (row["class"] == "1") == (float(row["probability:1"]) > 0.5)
    (folder / "other.csv").write_text("9,2,30\n9,3,10\n")
    assert predicted("expensive", "other.csv") == rows


def test_files_written_in_another_way(folder, predicted, refused):
    (folder / "new.csv").write_bytes("town|built\nLynn|1931,5\nM\xe1laga|1\n".encode("cp1252"))
    assert "byte 0xe1 is not utf-8" in refused("homes", "new.csv") or "no column" in refused("homes", "new.csv")
    message = refused("strict", "new.csv", "--decimal", ",", "--encoding", "cp1252")
    assert "new.csv:3: column 'town': no training row has 'M\xe1laga'" in message
    (folder / "new.csv").write_text("town|built\nLynn|1931,5\n")
    assert len(predicted("strict", "new.csv", "--decimal", ",", "--delimiter", "|")) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("town\nLynn\n", "new.csv: no column 'built', which the model was trained with; the columns are: town"),
        ("Town,built\nLynn,1\n", "no column 'town', which the model was trained with; did you mean 'Town'?"),
        ("a\n1\n", "no columns 'town', 'built', which the model was trained with; the columns are: a"),
        ("town,built\nLynn,1\nRevere,2\n", "new.csv:3: column 'town': no training row has 'Revere'"),
        ("town,built\nLynn,1\nLynn,old\n", "new.csv:3: column 'built': expected a number, got 'old'"),
        ("town,built\n,1\n", "new.csv:2: column 'town': the value is missing; fill it in, or train with missing"),
        ("town,built\nLynn,1\nLynn\n", "new.csv:3: expected 2 fields, as in the header, got 1"),
        ("town,built\nLynn,1e39\n", "new.csv:2: column 'built': 1e+39 is too large for float32"),
        ("", "new.csv: is empty; expected a header line"),
        ("1,2\n3,4\n", "expected a header line with column names, got numbers"),
        ('town,built\n"Lynn,1\n', "cannot be read as CSV"),
    ],
)
def test_what_is_wrong_with_a_table(folder, refused, content, told):
    (folder / "new.csv").write_text(content)
    message = refused("strict", "new.csv")
    assert told in message
    assert message.startswith("error: new.csv")


def test_what_is_wrong_with_the_arguments(folder, refused, mytorch_command):
    (folder / "new.csv").write_text("\n".join(BOSTON[:3]))
    (folder / "x.npy").write_bytes(b"no array")
    (folder / "empty").mkdir()
    cases = {
        ("nope", "new.csv"): "no run 'nope'",
        ("small", "no.csv"): "no.csv: no such file",
        ("small", "*.tsv"): "fits this pattern",
        ("small", "new.csv", "--keep", "strete"): "--keep: new.csv has no column 'strete'",
        ("small", "new.csv", "--keep", "rm,rm"): "--keep: expected different names",
        ("small", "new.csv", "--divide", "255"): "--divide is for arrays and images",
        ("bytes", "x.npy", "--divide", "0"): "--divide: expected a number greater than 0",
        ("small", "new.csv", "--delimiter", "12"): "expected a delimiter of one character",
        ("small", "new.csv", "--encoding", "latin9000"): "unknown encoding 'latin9000'",
        ("small", "new.csv", "x.npy"): "expected files of one kind, got several: new.csv is a CSV file, x.npy is an",
        ("bytes", "x.npy", "--keep", "id"): "--keep is for CSV files, and x.npy is an .npy file",
        ("bytes", "x.npy"): "x.npy: is no .npy file of numbers",
        ("bytes", "new.csv"): "the model was trained on arrays of the shape 1 x 6 x 5",
        ("small", "empty"): "empty: holds no PNG images",
        ("small", "photo.jpg"): "images are read as PNG",
        ("small", "new.csv", "--checkpoint", "no.safetensors"): "no.safetensors: no such checkpoint file",
        ("homes", "x.npy"): "the model was trained on a table with the columns town, rooms, built; give a CSV",
    }
    for arguments, told in cases.items():
        assert told in refused(*arguments), arguments
    states = sorted((folder / "runs/small").glob("2*/checkpoints/state-*"))
    assert "does not say how inputs are prepared" in refused("small", "new.csv", "--checkpoint", states[-1])
    for output, told in {
        ".": "is a directory",
        "no/x.csv": "there is no directory 'no'",
        "new.csv": "is the input",
    }.items():
        ended = mytorch_command("predict", "small", "new.csv", "-o", output, cwd=folder, check=2)
        assert told in ended.stderr
    ended = mytorch_command("predict", "small", "*.csv", "-o", "new.csv", cwd=folder, check=2)
    assert "is the input" in ended.stderr
    assert (folder / "new.csv").read_text() == "\n".join(BOSTON[:3])


def test_an_old_file_stays_when_the_input_is_wrong_far_down(folder, mytorch_command):
    (folder / "out.csv").write_text("old")
    (folder / "new.csv").write_text("\n".join([BOSTON[0], *[BOSTON[1]] * 20_000, "x" + BOSTON[1]]))
    ended = mytorch_command("predict", "small", "new.csv", "-o", "out.csv", cwd=folder, check=2)
    assert "new.csv:20002: column 'crim': expected a number" in ended.stderr
    assert (folder / "out.csv").read_text() == "old"
    assert sorted(path.name for path in folder.iterdir()) == ["new.csv", "out.csv", "runs"]


def test_a_header_alone_gives_a_header_alone(folder, mytorch_process):
    assert mytorch_process("predict", "small", "-", cwd=folder, input=BOSTON[0]).stdout == "medv\n"


def test_checkpoints_and_packed_output(folder, mytorch_command):
    (folder / "new.csv").write_text("\n".join(BOSTON[:5]))
    file = next((folder / "runs/small").glob("2*/checkpoints/last.safetensors"))
    texts = []
    for which in ("best", "last", file):
        mytorch_command("predict", "small", "new.csv", "--checkpoint", which, "-o", "out.csv.gz", cwd=folder)
        texts.append(gzip.decompress((folder / "out.csv.gz").read_bytes()))
    assert texts[0] == texts[1] == texts[2]  # there were no validation rows
    assert texts[0].startswith(b"medv\n")


# --- pipes ------------------------------------------------------------------------------------------------------------


def started(*arguments: str, cwd: Path, **pipes: object) -> subprocess.Popen:
    # Without coverage: a signal that comes while its tracer holds a lock would wait for that lock for ever.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    environment = {**inherited, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    command = [sys.executable, str(ROOT / "cli.py"), "predict", *arguments]
    return subprocess.Popen(command, cwd=cwd, env=environment, stderr=subprocess.PIPE, **pipes)


def test_a_reader_that_goes_away_ends_it_quietly(folder):
    (folder / "new.csv").write_text("\n".join([BOSTON[0], *BOSTON[1:] * 100]))
    with started("small", "new.csv", cwd=folder, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"medv\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


def test_a_full_disk_is_told(folder, mytorch_command):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    (folder / "new.csv").write_text("\n".join(BOSTON))
    ended = mytorch_command("predict", "small", "new.csv", "-o", "/dev/full", cwd=folder, check=1)
    assert ended.stderr == "error: cannot write /dev/full: No space left on device\n"
    with open("/dev/full", "wb") as full, started("small", "new.csv", cwd=folder, stdout=full) as process:
        assert process.stderr.read() == b"error: No space left on device\n"
        assert process.wait(60) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_a_signal(folder, number):
    with started("small", "-", "-o", "out.csv", cwd=folder, stdin=subprocess.PIPE) as process:
        process.stdin.write(("\n".join([BOSTON[0], *BOSTON[1:] * 100])).encode())
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while not list(folder.glob(".*.tmp")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(60) == 128 + number
        assert process.stderr.read() == b"stopped; out.csv was not written\n"
    assert sorted(path.name for path in folder.iterdir()) == ["runs"]


def test_images_do_not_come_by_standard_input(folder, mytorch_process):
    ended = mytorch_process("predict", "bytes", "-", cwd=folder, input=b"\x89PNG\r\n\x1a\n", text=False, check=2)
    assert ended.stderr == b"error: standard input is read as CSV, and a PNG image came; give its name instead of -\n"
    assert ended.stdout == b""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_read_once(folder, mytorch_process):
    os.mkfifo(folder / "pipe")
    text = "\n".join(BOSTON)
    threading.Thread(target=(folder / "pipe").write_text, args=(text,), daemon=True).start()
    piped = mytorch_process("predict", "small", "pipe", "-q", cwd=folder).stdout
    assert piped == mytorch_process("predict", "small", "-", "-q", cwd=folder, input=text).stdout
    assert piped.count("\n") == len(BOSTON)


def test_packed_standard_input_and_bad_bytes_in_it(folder, mytorch_process):
    packed = gzip.compress("\n".join(BOSTON[:4]).encode())
    assert len(mytorch_process("predict", "small", "-", cwd=folder, input=packed, text=False).stdout.split()) == 4
    text = BOSTON[0].encode() + b"\n\xff\n"
    ended = mytorch_process("predict", "small", "-", cwd=folder, input=text, text=False, check=2)
    assert b"error: standard input: is not utf-8" in ended.stderr


# --- arrays and images ------------------------------------------------------------------------------------------------


def idx_bytes(images: np.ndarray) -> bytes:
    return bytes([0, 0, 8, images.ndim]) + struct.pack(f">{images.ndim}I", *images.shape) + images.tobytes()


def test_the_same_images_in_all_formats(folder, predicted, mytorch_command):
    images = make_images()
    np.save(folder / "many.npy", images)
    np.save(folder / "one.npy", images[3])
    (folder / "plain.idx3-ubyte").write_bytes(idx_bytes(images[:, 0]))
    (folder / "packed").write_bytes(gzip.compress(idx_bytes(images)))
    (folder / "png").mkdir()
    for number in range(3):
        Image.fromarray(images[number, 0]).save(folder / "png" / f"{number}.png")
    rows = predicted("bytes", "many.npy")
    assert list(rows[0]) == ["index", "class", "probability:0", "probability:1", "probability:2"]
    assert [row["index"] for row in rows] == list(map(str, range(40)))
    assert predicted("bytes", "plain.idx3-ubyte") == predicted("bytes", "packed") == rows
    without_index = [{name: cell for name, cell in row.items() if name != "index"} for row in rows]
    one = predicted("bytes", "one.npy")
    assert len(one) == 1
    assert float(one[0]["probability:0"]) == pytest.approx(float(rows[3]["probability:0"]), rel=1e-5)
    named = predicted("bytes", "png")
    assert [row.pop("file") for row in named] == ["png/0.png", "png/1.png", "png/2.png"]
    for row, same in zip(named, without_index[:3], strict=True):
        assert row["class"] == same["class"]
        assert float(row["probability:0"]) == pytest.approx(float(same["probability:0"]), rel=1e-5)
    two = predicted("bytes", "one.npy", "many.npy")
    assert [(row["file"], row["index"]) for row in two[:3]] == [("one.npy", "0"), ("many.npy", "0"), ("many.npy", "1")]
    np.save(folder / "bytes.npy", images)  # the training's data, which `eval` needs
    np.save(folder / "labels.npy", np.arange(40) % 3)
    accuracy = json.loads(mytorch_command("eval", "bytes", "--json", cwd=folder).stdout)["scores"]["accuracy"]
    assert np.mean([int(row["class"]) == number % 3 for number, row in enumerate(rows) if number % 4 == 0]) == accuracy


def test_pixels_of_16_bits_and_numbers_that_are_meant(folder, predicted):
    images = make_images()[:1]
    Image.fromarray(images[0, 0]).save(folder / "one.png")
    Image.fromarray(images[0, 0].astype(np.uint16) * 257).save(folder / "deep.png")
    np.save(folder / "negative.npy", -images.astype(np.int32))
    (row,), (same,) = predicted("bytes", "one.png"), predicted("bytes", "deep.png", "--divide", 257)
    assert (row.pop("file"), same.pop("file")) == ("one.png", "deep.png")
    assert row == same
    assert predicted("bytes", "negative.npy", "--divide", 1)[0]["probability:0"] != row["probability:0"]


def test_a_model_of_floats_asks_what_pixels_were_divided_by(folder, predicted, refused):
    images = make_images()
    np.save(folder / "floats.npy", (images / 255).astype(np.float32).reshape(40, 30))
    (folder / "images.idx").write_bytes(idx_bytes(images))
    np.save(folder / "pixels.npy", images)
    for name in ("images.idx", "pixels.npy"):
        message = refused("floats", name)
        assert "pixels are whole numbers" in message
        assert "--divide 255" in message
    rows = predicted("floats", "floats.npy")
    assert predicted("floats", "images.idx", "--divide", 255) == rows
    assert predicted("floats", "pixels.npy", "--divide", 255) == rows
    assert predicted("floats", "images.idx", "--divide", 1) != rows
    columns = ",".join(f"x{position}" for position in range(30))
    values = "\n".join(",".join(map(repr, row)) for row in (images.reshape(40, 30) / 255).tolist())
    (folder / "table.csv").write_text(f"{columns}\n{values}\n")
    assert [row["class"] for row in predicted("floats", "table.csv")] == [row["class"] for row in rows]


def test_arrays_for_a_model_of_a_table(folder, predicted):
    table = np.array([[float(cell) for cell in line.split(",")[:-1]] for line in BOSTON[1:]])
    np.save(folder / "table.npy", table)
    (folder / "table.csv").write_text("\n".join(BOSTON))
    rows = predicted("small", "table.npy")
    assert [row["medv"] for row in rows] == [row["medv"] for row in predicted("small", "table.csv")]


def test_what_is_wrong_with_arrays_and_images(folder, refused):
    images = make_images()
    np.save(folder / "wide.npy", images[:, :, :, :4])
    np.save(folder / "text.npy", np.array(["a"]))
    np.savez(folder / "archive.npz", images)
    (folder / "short.idx").write_bytes(idx_bytes(images)[:-1])
    (folder / "wide.idx").write_bytes(idx_bytes(images[:, 0, :, :4].copy()))
    (folder / "labels.idx").write_bytes(idx_bytes(np.zeros(5000, np.uint8)))
    Image.fromarray(images[0, 0, :, :4]).save(folder / "narrow.png")
    Image.fromarray(images[0, 0].astype(np.uint16) * 257).save(folder / "deep.png")
    np.save(folder / "negative.npy", np.concatenate([images, -images.astype(np.int32)]))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    nan = np.zeros((3, 13))
    nan[1, 5] = np.nan
    np.save(folder / "nan.npy", nan)
    infinite = np.zeros((3, 1, 6, 5))
    infinite[2, 0, 0, 0] = np.inf
    np.save(folder / "infinite.npy", infinite)
    cases = {
        ("bytes", "wide.npy"): "wide.npy: has the shape 40 x 1 x 6 x 4; expected samples as the model was trained on, "
        "n x 1 x 6 x 5, or of one, 1 x 6 x 5",
        ("bytes", "wide.idx"): "wide.idx: has the shape",
        ("bytes", "labels.idx"): "labels.idx: has the shape 5000; expected samples",
        ("bytes", "deep.png"): "and the model was trained on pixels from 0 to 255: write --divide 257 for pixels of 16",
        ("bytes", "negative.npy"): "negative.npy: sample 40: holds the number -",
        ("bytes", "text.npy"): "text.npy: expected numbers",
        ("bytes", "archive.npz"): "archive.npz: is an .npz archive",
        ("bytes", "short.idx"): "short.idx: is cut short",
        ("bytes", "narrow.png"): "narrow.png: is an image of 4 x 6 pixels (width x height), expected 5 x 6 pixels",
        ("bytes", "broken.png"): "broken.png: ",
        ("bytes", "infinite.npy", "--divide", "1"): "infinite.npy: sample 2: inf is no finite float32 number",
        ("small", "nan.npy"): "nan.npy: sample 1, column 'rm': nan is no finite float32 number",
        ("small", "narrow.png"): "the model was trained on a table with the columns crim, zn, indus, chas, nox, ...",
    }
    for arguments, told in cases.items():
        assert told in refused(*arguments), arguments


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(data=st.data(), kind=st.sampled_from(["csv", "idx", "idx.gz", "npy", "png", "any"]))
def test_broken_files_are_refused_or_read(folder, data, kind):
    """Bytes are changed, cut out and put in: what is no input any more is told, naming the file."""
    images = make_images()[:3]
    buffer = io.BytesIO()
    if kind == "csv":
        buffer.write("\n".join(BOSTON[:6]).encode())
    elif kind.startswith("idx"):
        buffer.write(gzip.compress(idx_bytes(images)) if kind == "idx.gz" else idx_bytes(images))
    elif kind == "npy":
        np.save(buffer, images)
    elif kind == "png":
        Image.fromarray(images[0, 0]).save(buffer, "PNG")
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(content), 200)))
        content[place : place + data.draw(st.integers(0, 12))] = data.draw(st.binary(max_size=4))
    path = folder / data.draw(st.sampled_from(["data", f"data.{kind}"]))
    path.write_bytes(content)
    message = ""
    with contextlib.chdir(folder), warnings.catch_warnings(action="error"):
        try:
            predict(
                "small" if kind == "csv" else "bytes",
                [path.name],
                runs_dir=Path("runs"),
                output=Path("out"),
                quiet=True,
            )
        except UserError as error:
            message = str(error)
    assert message == "" or message.startswith(path.name)


# --- the documentation ------------------------------------------------------------------------------------------------


def test_the_page_about_tables_is_true(tmp_path, mytorch_command):
    """The commands of docs/predict.md, run on its config and files, print what it says, up to digits and names of runs."""
    page = (ROOT / "docs" / "predict.md").read_text(encoding="utf-8").split("## Arrays and images")[0]
    blocks = [block.split("```")[0] for block in page.split("```")[1::2]]
    config, new, *shown = blocks
    (tmp_path / "homes.yaml").write_text(config.removeprefix("yaml\n"))
    (tmp_path / "homes.csv").write_text(
        "id,town,rooms,built,price\n1,Lynn,6.5,1931,24\n2,Salem,7.1,,34.7\n3,Boston,6.9,1955,33.4\n"
        "4,Lynn,6.0,1940,21\n5,Salem,5.8,1910,19.5\n6,Boston,7.4,1962,38.1\n"
    )
    mytorch_command("train", "homes.yaml", "-q", cwd=tmp_path)
    (tmp_path / "homes.csv").unlink()
    (tmp_path / "new.csv").write_text(new.lstrip("\n"))
    commands = [part for block in shown for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    run = 0
    for command, _, printed in (part.partition("\n") for part in commands):
        if command.startswith("mytorch "):
            ended = mytorch_command(
                *shlex.split(command)[1:], *(["-o", "shown"] if "-o" not in command else []), cwd=tmp_path
            )
            out = ended.stderr + ended.stdout if "-o" in command else (tmp_path / "shown").read_text()
            assert same(out, printed), command
            run += 1
        elif command.startswith("cat "):
            assert same((tmp_path / command.split()[1]).read_text(), printed)
    assert run == 3


def same(printed: str, told: str) -> bool:
    """Whether two texts are equal when numbers are rounded and runs have no date."""

    def plain(text: str) -> str:
        text = re.sub(r"\d{8}-\d{6}(-\d+)?", "DATE", text)
        return re.sub(r"\d+\.\d+", lambda number: f"{float(number[0]):.2f}", text)

    return plain(printed) == plain(told)
