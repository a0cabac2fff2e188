"""A step that is looked at again is that of the training, to the bit; and what cannot be looked at is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.errors import RunFailed, UserError
from mytorch.training.inspection.recorded_step import record_step
from mytorch.training.inspection.target import open_target
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.loop.signals import StopRequest
from mytorch.training.runs.run import Run

TABLE = """\
name: tiny
dataset: {type: csv, path: DATA, target: y, validation: {every: 4}, batch_size: 4}
model: [{type: Linear, out_features: 3}, BatchNorm1d, {type: Dropout, p: 0.3}, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: Adam, lr: 0.01}
train: {epochs: 4}
checkpoint: {every_steps: 5, keep: 99}
"""
IMAGES = """\
name: images
dataset: {type: digits, count: 24, batch_size: 6, augment: [{type: RandomCrop, size: 28, padding: 2}]}
model: [{type: Conv2d, out_channels: 2, kernel_size: 5, stride: 4}, ReLU, Flatten, {type: Linear, out_features: 10}]
loss: CrossEntropyLoss
optimizer: {type: SGD, lr: 0.05}
train: {epochs: 2}
checkpoint: {every_steps: 3, keep: 99}
"""


class Seen:
    """What each step of a training had: the weights before, its batches, its losses, its gradients."""

    def __init__(self, training):
        self.steps = {}
        self.training, self.take = training, training.step
        training.step = self.step
        training.optimizer.register_step_pre_hook(self.gradients)

    def step(self, *batches):
        training = self.training
        self.now = {
            "weights": {n: t.array.copy() for n, t in training.model.state_dict().items()},
            "batches": [[part.array.copy() for part in batch] for batch in batches],
        }
        self.now["loss"], _ = self.take(*batches)
        self.steps[training.steps] = self.now
        return self.now["loss"], _

    def gradients(self, *_):
        parameters = self.training.model.named_parameters()
        self.now["gradients"] = {n: p.grad.array.copy() for n, p in parameters}


def train(folder: Path, text: str, *changes: str) -> tuple[Run, Seen]:
    lines = (f"{i},{i * i % 7},{i * 3 % 5}\n" for i in range(20))
    (folder / "data.csv").write_text("a,b,y\n" + "".join(lines))
    (folder / "it.yaml").write_text(text.replace("DATA", str(folder / "data.csv")))
    experiment = build(load_config(folder / "it.yaml", changes))
    run = Run.create(folder / "runs", experiment.config.name)
    run.config.write_text(experiment.config.to_yaml())
    training = Training(experiment, run)
    seen = Seen(training)
    training.run(Progress(1, "quiet"), StopRequest(tell=""))
    return run, seen


def files(run: Run) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(run.path.rglob("*")) if path.is_file()}


def same(found, expected):
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def assert_replayed(run: Run, seen: Seen, step: int) -> None:
    before = files(run)
    target = open_target(str(run.path), runs_dir=run.path.parents[1], step=step)
    expected = seen.steps[step]
    assert target.step == step
    assert target.run is run or target.run.path == run.path
    weights = {name: tensor.array for name, tensor in target.model.state_dict().items()}
    assert weights.keys() == expected["weights"].keys()
    for name in weights:
        same(weights[name], expected["weights"][name])
    assert len(target.batches) == len(expected["batches"])
    for batch, then in zip(target.batches, expected["batches"], strict=True):
        for part, array in zip(batch, then, strict=True):
            same(part.array, array)
    recorded = record_step(target)
    sizes = [len(inputs) for inputs, *_ in target.batches]
    assert sum(loss * n / target.rows for loss, n in zip(recorded.losses, sizes, strict=True)) == expected["loss"]
    for name, array in expected["gradients"].items():
        same(recorded.parameters[name].grad.array, array)
    assert files(run) == before


@pytest.mark.parametrize(
    "changes",
    [
        [],
        ["train.accumulate=2"],
        ["train.ema={decay: 0.9}"],
        ["checkpoint={every_epochs: 2, keep: 9}"],
    ],
    ids=["plain", "accumulate", "ema", "rare checkpoints"],
)
def test_steps_of_a_run(tmp_path, changes):
    run, seen = train(tmp_path, TABLE, *changes)
    last = max(seen.steps)
    for step in (1, 2, 5, 6, 7, last):
        assert_replayed(run, seen, step)


def test_the_newest_checkpoint_before_the_step_is_where_it_begins(tmp_path):
    run, _ = train(tmp_path, TABLE)
    begun = {step: open_target(str(run.path), runs_dir=tmp_path, step=step).about for step in (3, 5, 6, 12)}
    assert begun[3].endswith("replayed from the start")
    assert begun[5].endswith("replayed from the start")
    assert begun[6].endswith("replayed from state-00000005.safetensors")
    assert begun[12].endswith("replayed from state-00000010.safetensors")


def test_steps_with_augmented_images(tmp_path):
    run, seen = train(tmp_path, IMAGES)
    for step in (2, 5, 8):
        assert_replayed(run, seen, step)


def test_a_step_without_any_checkpoint(tmp_path):
    run, seen = train(tmp_path, TABLE)
    shutil.rmtree(run.checkpoints)
    assert_replayed(run, seen, 7)


def test_a_step_of_a_config_is_that_of_its_training(tmp_path):
    _, seen = train(tmp_path, TABLE)
    target = open_target(str(tmp_path / "it.yaml"), runs_dir=tmp_path / "none", step=6)
    assert "step 6" in target.about
    assert "trained from the start" in target.about
    for part, array in zip(target.batches[0], seen.steps[6]["batches"][0], strict=True):
        same(part.array, array)
    record_step(target)
    same(target.model[0].weight.grad.array, seen.steps[6]["gradients"]["0.weight"])
    assert not (tmp_path / "none").exists()


def test_rows_of_a_split_with_the_best_weights(tmp_path):
    run, _ = train(tmp_path, TABLE)
    for split, count in (("validation", 4), ("train", 4)):
        target = open_target(str(run.path), runs_dir=tmp_path, split=split)
        assert target.rows == count
        assert target.model.training == (split == "train")
        called = "training" if split == "train" else split
        assert target.about.startswith(f"the first {called} rows with ")
    few = open_target(str(run.path), runs_dir=tmp_path, split="validation", rows=2)
    same(few.batches[0][0].array, target.experiment.data.validation.inputs[:2])


def test_fewer_rows_of_a_step(tmp_path):
    run, seen = train(tmp_path, TABLE, "train.accumulate=2")
    target = open_target(str(run.path), runs_dir=tmp_path, step=2, rows=6)
    assert [len(batch[0]) for batch in target.batches] == [4, 2]
    same(target.batches[1][0].array, seen.steps[2]["batches"][1][0][:2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step": 0}, "has the steps 1 to 16"),
        ({"step": 17}, "has the steps 1 to 16"),
        ({"step": 3, "split": "test"}, "no test rows"),
        ({"split": "test"}, "sets no test rows aside"),
        ({"split": "tests"}, "expected one of train, validation, test"),
        ({"overrides": ["seed=1"]}, "changes are for a config"),
        ({"step": 3, "which": "last"}, "has its own weights"),
    ],
)
def test_what_cannot_be_looked_at(tmp_path, arguments, message):
    run, _ = train(tmp_path, TABLE)
    with pytest.raises(UserError, match=message):
        open_target(str(run.path), runs_dir=tmp_path, **arguments)


def test_a_config_has_no_checkpoints_and_must_be_there(tmp_path):
    train(tmp_path, TABLE)
    with pytest.raises(UserError, match="is a config, whose weights are the first"):
        open_target(str(tmp_path / "it.yaml"), runs_dir=tmp_path, which="last")
    with pytest.raises(UserError, match="there is no config"):
        open_target(str(tmp_path / "that.yaml"), runs_dir=tmp_path)
    with pytest.raises(UserError, match="there are no runs"):
        open_target("that", runs_dir=tmp_path)


def test_a_step_after_early_stopping(tmp_path):
    text = TABLE.replace("epochs: 4", "epochs: 30, early_stopping: {patience: 1}").replace("lr: 0.01", "lr: 3.0")
    run, seen = train(tmp_path, text)
    last = max(seen.steps)
    assert last < 120
    with pytest.raises(UserError, match=f"ended before, after {last} steps"):
        open_target(str(run.path), runs_dir=tmp_path, step=last + 1)
    assert_replayed(run, seen, last)


def test_a_training_that_fails_can_be_looked_at_as_far_as_it_came(tmp_path):
    with pytest.raises(RunFailed):
        train(tmp_path, TABLE, "optimizer={type: SGD, lr: 1e30}")
    (run,) = (path.parent for path in tmp_path.glob("**/metrics.csv"))
    with pytest.raises(UserError, match="has kept no weights; --step 1 looks at the first step"):
        open_target(str(run), runs_dir=tmp_path)
    assert open_target(str(run), runs_dir=tmp_path, step=1).step == 1
    with pytest.raises(RunFailed, match=r"(?s)--step 9: the training of .* fails before it\..*the loss is"):
        open_target(str(run), runs_dir=tmp_path, step=9)
