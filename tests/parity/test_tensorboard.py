"""`log: [tensorboard]`, read back by TensorBoard itself."""

from __future__ import annotations

import csv
import errno
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from mytorch.training.commands.train import resume, train
from mytorch.training.errors import RunFailed
from mytorch.training.runs.files import read_metrics
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import states

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of protobuf and setuptools, in TensorBoard's own imports
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

CONFIG = """\
name: small
dataset: {type: boston, test: {every: 4}, validation: {every: 5}, normalize: {inputs: standard, target: standard}, batch_size: 64}
model: [{type: Linear, out_features: 8}, Tanh, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: AdamW, lr: 1e-2}
scheduler: {type: OneCycleLR, max_lr: 1e-2}
train: {epochs: 4}
plots: [loss]
checkpoint: {every_steps: 7}
"""
STEPS = 5  # of an epoch


def trained(folder: Path, log: str, *overrides: str) -> Run:
    (folder / "small.yaml").write_text(CONFIG)
    train(folder / "small.yaml", [f"log={log}", *overrides], runs_dir=folder / "runs", quiet=True)
    return Run.find(folder / "runs", None)


def shown(run: Run) -> EventAccumulator:
    everything = dict.fromkeys(("scalars", "histograms", "images", "tensors"), 0)
    events = EventAccumulator(str(run.path / "tensorboard"), size_guidance=everything)
    return events.Reload()


def steps(events: EventAccumulator, tag: str) -> list[int]:
    return [event.step for event in events.Scalars(tag)]


def test_what_tensorboard_shows(tmp_path):
    run = trained(tmp_path, "[tensorboard]")
    events, rows = shown(run), read_metrics(run.metrics)
    ends = [STEPS * epoch for epoch in (1, 2, 3, 4)]
    for tag, column in [
        ("loss/train", "train_loss"), ("loss/validation", "validation_loss"), ("mae/validation", "validation_mae"),
        ("epoch/learning_rate", "learning_rate"), ("epoch/gradient_norm", "gradient_norm"),
    ]:  # fmt: skip
        assert steps(events, tag) == ends
        assert [event.value for event in events.Scalars(tag)] == pytest.approx([row[column] for row in rows], rel=1e-6)
    for tag in ("step/loss", "step/gradient_norm", "step/learning_rate"):
        assert steps(events, tag) == list(range(1, 4 * STEPS + 1))
    first = [event.value for event in events.Scalars("step/gradient_norm")][:STEPS]
    assert np.mean(first) == pytest.approx(rows[0]["gradient_norm"], rel=1e-6)

    names = [f"{layer}.{kind}" for layer in (0, 2) for kind in ("weight", "bias")]
    assert set(events.Tags()["histograms"]) == {f"{what}/{name}" for what in ("weights", "gradients") for name in names}
    weights = events.Histograms("weights/0.weight")
    assert [event.step for event in weights] == ends
    assert weights[0].histogram_value.num == 8 * 13
    assert events.Tags()["images"] == ["plots/loss"]
    picture = events.Images("plots/loss")[0]
    assert (picture.width, picture.height) == (880, 480)
    text = {
        tag: events.Tensors(f"{tag}/text_summary")[0].tensor_proto.string_val[0].decode()
        for tag in ("config", "layers")
    }
    assert "    optimizer:\n" in text["config"]
    assert "| 0 | Linear(in_features=13, out_features=8, bias=True) | 112 |" in text["layers"]
    best = json.loads(run.summary.read_text())["best"]
    assert events.Scalars("best/test_mae")[0].value == pytest.approx(best["test"]["mae"], rel=1e-6)
    assert "_hparams_/session_start_info" in events.summary_metadata


def test_options(tmp_path):
    events = shown(trained(tmp_path, "[{type: tensorboard, every_steps: 6, histograms: 0, plots: false}]"))
    assert steps(events, "step/loss") == [1, 6, 12, 18]
    assert events.Tags()["histograms"] == events.Tags()["images"] == []
    events = shown(trained(tmp_path, "[{type: tensorboard, histograms: 2}]"))
    assert [event.step for event in events.Histograms("gradients/2.bias")] == [STEPS, 2 * STEPS, 4 * STEPS]


@pytest.mark.parametrize("behind", [1, 2])
def test_no_step_twice_after_a_resume(tmp_path, behind):
    """From an older checkpoint, as after a crash: what was shown after it is trained, and shown, again."""
    whole = shown(trained(tmp_path, "[tensorboard]"))
    run = trained(tmp_path, "[tensorboard]", "checkpoint.keep=9")
    run.summary.unlink()
    assert [int(path.stem[-2:]) for path in states(run)] == [20, 14, 7]
    for path in states(run)[:behind]:
        path.unlink()
    resume(None, [], runs_dir=tmp_path / "runs", quiet=True)
    events = shown(run)
    assert len(list((run.path / "tensorboard").iterdir())) == 2
    for tag in whole.Tags()["scalars"]:
        assert steps(events, tag) == steps(whole, tag), tag
        assert [e.value for e in events.Scalars(tag)] == [e.value for e in whole.Scalars(tag)]
    for tag in whole.Tags()["histograms"]:
        assert [e.step for e in events.Histograms(tag)] == [e.step for e in whole.Histograms(tag)]
    assert len(events.Tensors("config/text_summary")) == 1
    assert [event.step for event in events.Images("plots/loss")] == [4 * STEPS]


def test_longer_than_at_first(tmp_path):
    run = trained(tmp_path, "[tensorboard]")
    resume(None, ["train.epochs=5"], runs_dir=tmp_path / "runs", quiet=True)
    events = shown(run)
    assert steps(events, "step/loss") == list(range(1, 5 * STEPS + 1))
    assert [event.step for event in events.Images("plots/loss")] == [4 * STEPS, 5 * STEPS]


def test_samples_of_images(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "digits.npy", rng.random((40, 1, 6, 5), np.float32))
    np.save(tmp_path / "labels.npy", rng.integers(0, 2, 40))
    (tmp_path / "digits.yaml").write_text(
        "dataset: {type: npy, inputs: digits.npy, targets: labels.npy, task: classification}\n"
        "model: [Flatten, {type: Linear, out_features: 2}]\nloss: CrossEntropyLoss\n"
        "optimizer: {type: SGD, lr: 0.1}\ntrain: {epochs: 1}\nplots: []\nlog: [{type: tensorboard, images: 10}]\n"
    )
    train(tmp_path / "digits.yaml", [], runs_dir=tmp_path / "runs", quiet=True)
    picture = shown(Run.find(tmp_path / "runs", None)).Images("samples")[0]
    assert (picture.width, picture.height) == (4 * 6 - 1, 3 * 7 - 1)


def test_it_changes_no_number(tmp_path):
    run, plain = trained(tmp_path, "[tensorboard]"), trained(tmp_path, "[]")
    for a, b in ((run.last_checkpoint, plain.last_checkpoint), (run.gradients, plain.gradients)):
        assert a.read_bytes() == b.read_bytes()
    tables = [[row[:1] + row[2:] for row in csv.reader(r.metrics.read_text().splitlines())] for r in (run, plain)]
    assert tables[0] == tables[1]


def test_a_full_disk_is_told_and_the_state_is_saved(tmp_path, monkeypatch):
    from tensorboardX.record_writer import RecordWriter

    write, calls = RecordWriter.write, []

    def until_it_is_full(self, data):
        calls.append(data)
        if len(calls) > 40:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(RecordWriter, "write", until_it_is_full)
    with pytest.raises(RunFailed, match=r"^log.0 \(tensorboard\): on_\w+ failed: OSError: .*No space left") as caught:
        trained(tmp_path, "[tensorboard]")
    assert "\ngo on with: mytorch resume" in str(caught.value)
    monkeypatch.undo()
    resume(None, [], runs_dir=tmp_path / "runs", quiet=True)
    run = Run.find(tmp_path / "runs", None)
    assert steps(shown(run), "step/loss")[-1] == 4 * STEPS
