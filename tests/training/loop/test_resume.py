"""A training that was stopped and gone on with ends with the bits of one that never was."""

from __future__ import annotations

import csv
import itertools
import json
import random
import warnings
from pathlib import Path

import numpy as np
import pytest

from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.errors import Stopped, UserError
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.loop.resume import reopen
from mytorch.training.loop.signals import StopRequest
from mytorch.training.loop.verify import digests
from mytorch.training.runs import checkpoint
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import states

SMALL = """\
name: small
seed: 1
dataset: {type: csv, path: DATA, target: y, validation: {every: 5}, test: {every: 4}, normalize: {inputs: standard}, batch_size: 9}
model: [{type: Linear, out_features: 6}, BatchNorm1d, Tanh, {type: Dropout, p: 0.2}, {type: Linear, out_features: 1}]
loss: SmoothL1Loss
optimizer: {type: AdamW, lr: 0.01}
scheduler: {type: OneCycleLR, max_lr: 0.02}
train: {epochs: 4, clip_grad_norm: 2.0}
metrics: [mae]
checkpoint: {every_epochs: 100}
"""
STEPS = 4 * 4  # of 60 rows, 36 are trained on, 9 in a batch


@pytest.fixture
def config(tmp_path: Path) -> Path:
    rows = np.random.default_rng(0).standard_normal((60, 4)).round(3)
    lines = [",".join(map(str, row)) for row in rows.tolist()]
    (tmp_path / "data.csv").write_text("\n".join(["a,b,c,y", *lines]) + "\n")
    (tmp_path / "small.yaml").write_text(SMALL.replace("DATA", str(tmp_path / "data.csv")))
    return tmp_path / "small.yaml"


class StopAfter(StopRequest):
    """A signal that comes during a step."""

    def __init__(self, training: Training, step: int) -> None:
        self.training, self.step = training, step

    @property
    def signal(self) -> int | None:  # type: ignore[override]
        return 15 if self.training.steps >= self.step else None


def run_training(training: Training, stop_after: int = 10**9) -> bool:
    """Whether it came to its end."""
    try:
        training.run(Progress(1, "quiet"), StopAfter(training, stop_after))
    except Stopped:
        return False
    return True


def start(config: Path, runs: Path, *overrides: str, stop_after: int = 10**9) -> Run:
    experiment = build(load_config(config, overrides))
    run = Run.create(runs, experiment.config.name)
    run.config.write_text(experiment.config.to_yaml())
    run_training(Training(experiment, run), stop_after)
    return run


def go_on(run: Run, *overrides: str, force: bool = False, stop_after: int = 10**9) -> list[str]:
    random.seed()  # as in another process
    np.random.seed()
    import mytorch

    mytorch.seed()
    training, notes = reopen(run, list(overrides), force=force)
    run_training(training, stop_after)
    return notes


def without_seconds(run: Run) -> list[dict[str, str]]:
    rows = list(csv.DictReader(run.metrics.read_text().splitlines()))
    return [{key: cell for key, cell in row.items() if key != "seconds"} for row in rows]


def assert_same(run: Run, other: Run) -> None:
    for a, b in ((run.best_checkpoint, other.best_checkpoint), (run.last_checkpoint, other.last_checkpoint)):
        assert a.read_bytes() == b.read_bytes()
    (arrays, metadata), (others, other_metadata) = (checkpoint.load(states(r)[0]) for r in (run, other))
    assert metadata["step"] == other_metadata["step"]
    assert digests(arrays, metadata["state"]) == digests(others, other_metadata["state"])
    assert without_seconds(run) == without_seconds(other)
    assert len({row["epoch"] for row in without_seconds(run)}) == len(without_seconds(run))
    assert run.gradients.read_bytes() == other.gradients.read_bytes()
    assert run.predictions.read_bytes() == other.predictions.read_bytes()
    summary, other_summary = (json.loads(r.summary.read_text()) | {"seconds": 0} for r in (run, other))
    assert summary == other_summary


@pytest.mark.parametrize("stop_after", range(1, STEPS))
def test_stopped_after_any_step(config: Path, tmp_path: Path, stop_after: int) -> None:
    whole = start(config, tmp_path / "whole")
    run = start(config, tmp_path / "runs", stop_after=stop_after)
    assert not run.summary.exists()
    assert states(run)[0].name == f"state-{stop_after:08d}.safetensors"
    go_on(run)
    assert_same(run, whole)


def test_stopped_again_and_again(config: Path, tmp_path: Path) -> None:
    whole = start(config, tmp_path / "whole")
    run = start(config, tmp_path / "runs", stop_after=1)
    for step in range(2, STEPS + 1):
        go_on(run, stop_after=step)
    go_on(run)
    assert_same(run, whole)
    assert len(states(run)) == 2


OPTIMIZERS = [
    "{type: SGD, lr: 0.05}",
    "{type: SGD, lr: 0.05, momentum: 0.9, nesterov: true, weight_decay: 0.01}",
    "{type: Adam, lr: 0.01, amsgrad: true}",
    "{type: Adadelta, lr: 0.5}",
    "{type: Adagrad, lr: 0.05, lr_decay: 0.01}",
    "{type: Adamax, lr: 0.01}",
    "{type: ASGD, lr: 0.05, t0: 3}",
    "{type: NAdam, lr: 0.01}",
    "{type: RAdam, lr: 0.01}",
    "{type: RMSprop, lr: 0.01, momentum: 0.5, centered: true}",
    "{type: Rprop, lr: 0.01}",
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer(config: Path, tmp_path: Path, optimizer: str) -> None:
    changes = [f"optimizer={optimizer}", "scheduler=null"]
    whole = start(config, tmp_path / "whole", *changes)
    for step in (5, 8):
        run = start(config, tmp_path / "runs", *changes, stop_after=step)
        go_on(run)
        assert_same(run, whole)


SCHEDULERS = [
    "{type: StepLR, step_size: 3}",
    "{type: MultiStepLR, milestones: [2, 5, 5]}",
    "{type: ConstantLR, total_iters: 3}",
    "{type: LinearLR, total_iters: 7}",
    "{type: ExponentialLR, gamma: 0.9}",
    "{type: PolynomialLR, total_iters: 9}",
    "{type: CosineAnnealingLR}",
    "{type: CosineAnnealingWarmRestarts, T_0: 3, T_mult: 2}",
    "{type: CyclicLR, base_lr: 0.001, max_lr: 0.1, step_size_up: 3}",
    "{type: OneCycleLR, max_lr: 0.1, three_phase: true}",
]


@pytest.mark.parametrize("every", ["epoch", "batch"])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler(config: Path, tmp_path: Path, scheduler: str, every: str) -> None:
    changes = [
        "optimizer={type: SGD, lr: 0.1, momentum: 0.9}",
        f"scheduler={scheduler}",
        f"train.scheduler_step={every}",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = start(config, tmp_path / "whole", *changes)
    for step in (3, 8):
        run = start(config, tmp_path / "runs", *changes, stop_after=step)
        go_on(run)
        assert_same(run, whole)


PLATEAU = "scheduler={type: ReduceLROnPlateau, patience: 0, threshold: 0.5, factor: 0.5}"
OPTIONS = [
    ["train.accumulate=3"],  # two steps an epoch, the second of one batch
    ["train.accumulate=2", "dataset.workers=2", "train.warmup_epochs=1"],
    ["train.warmup_steps=6"],
    [PLATEAU, "train.warmup_steps=6"],
    [PLATEAU.replace("{", "{mode: max, "), "train.scheduler_monitor=validation_r2", "metrics=[r2]"],
    ["train.clip_grad_value=0.01"],
    ["train.ema={decay: 0.8}"],
    ["train.ema={decay: 0.8}", "train.accumulate=3"],
    ["train.swa={start_epoch: 2}"],
    ["train.swa={start_epoch: 2, lr: 0.02}", "dataset.validation=null"],
    ["train.early_stopping={patience: 1, min_delta: 0.2}", "train.epochs=9"],
    ["train.early_stopping={patience: 2, monitor: train_loss, min_delta: 0.1}", "dataset.validation=null"],
    ["optimizer={type: LBFGS, max_iter: 3, lr: 0.1}", "scheduler=null"],
    ["optimizer={type: LBFGS, max_iter: 3, line_search_fn: strong_wolfe}", "scheduler=null", "train.ema={decay: 0.5}"],
]


@pytest.mark.parametrize("changes", OPTIONS, ids=" ".join)
def test_every_option_of_train(config: Path, tmp_path: Path, changes: list[str]) -> None:
    whole = start(config, tmp_path / "whole", *changes)
    steps = json.loads(whole.summary.read_text())["steps"]
    for step in sorted({1, 3, 5, 6, 7, steps - 1} & set(range(1, steps))):
        run = start(config, tmp_path / "runs", *changes, stop_after=step)
        assert not run.summary.exists()
        go_on(run)
        assert_same(run, whole)


@pytest.mark.parametrize("changes", [one for one in OPTIONS if "early_stopping" not in one[0]], ids=" ".join)
def test_more_epochs_with_every_option_of_train(config: Path, tmp_path: Path, changes: list[str]) -> None:
    changes = ["scheduler=null", *changes]
    whole = start(config, tmp_path / "whole", *changes, "train.epochs=6")
    run = start(config, tmp_path / "runs", *changes, "train.epochs=3")
    go_on(run, "train.epochs=6")
    assert_same(run, whole)


@pytest.mark.parametrize(
    "changes",
    [
        ["dataset.workers=2"],
        ["dataset.shuffle=false"],
        ["dataset.validation=null"],
        ["dataset.batch_size=full"],
        ["dataset.batch_size=8"],
        ["checkpoint={every_steps: 1, keep: 1}"],
        ["model.1={type: BatchNorm1d, momentum: null}"],
        ["checkpoint={every_minutes: 0.0001, keep: 5}"],
    ],
    ids=" ".join,
)
def test_every_way_of_reading_the_data(config: Path, tmp_path: Path, changes: list[str]) -> None:
    whole = start(config, tmp_path / "whole", *changes)
    for step in (2, 3):
        run = start(config, tmp_path / "runs", *changes, stop_after=step)
        go_on(run)
        if "every_minutes" in changes[0]:  # by the clock: which ones there are differs, not what they lead to
            assert run.best_checkpoint.read_bytes() == whole.best_checkpoint.read_bytes()
        else:
            assert_same(run, whole)


def test_layers_of_ones_own_that_draw_from_other_streams(config: Path, tmp_path: Path) -> None:
    (tmp_path / "layers.py").write_text(
        "import random\nimport numpy as np\nfrom mytorch import nn, zeros\n"
        "random.seed(3); np.random.seed(4)\n"
        "class Noise(nn.Module):\n"
        "    def __init__(self) -> None:\n"
        "        super().__init__()\n"
        "        self.register_buffer('calls', zeros(1), persistent=False)\n"
        "    def forward(self, x):\n"
        "        if self.training:\n"
        "            self.calls += 1\n"
        "            return x * (1 + 0.1 * random.random() + 0.1 * np.random.rand() + 0.01 * self.calls)\n"
        "        return x\n"
    )
    changes = [f"imports=[{tmp_path / 'layers.py'}]", "model.2=Noise"]
    whole = start(config, tmp_path / "whole", *changes)
    run = start(config, tmp_path / "runs", *changes, stop_after=6)
    go_on(run)
    assert_same(run, whole)


# --- which checkpoints there are --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        ("{every_epochs: 1, keep: 9}", [4, 8, 12, 16]),
        ("{every_epochs: 3, keep: 9}", [12, 16]),
        ("{every_steps: 6, keep: 9}", [6, 12, 16]),
        ("{every_steps: 3, keep: 2}", [15, 16]),
        ("{every_steps: 1, keep: 1}", [16]),
        ("{every_steps: 5, every_epochs: 2, keep: 9}", [5, 8, 10, 15, 16]),
        ("{}", [4, 16]),
        ("{every_minutes: 60}", [16]),
        ("{every_minutes: 1e-9, keep: 99}", list(range(1, 17))),
    ],
)
def test_checkpoints_are_written_when_they_are_due(
    config: Path, tmp_path: Path, orders: str, expected: list[int]
) -> None:
    run = start(config, tmp_path / "runs", f"checkpoint={orders}")
    assert [int(path.stem.split("-")[1]) for path in states(run)[::-1]] == expected


def test_a_training_that_goes_bad_leaves_a_good_checkpoint(config: Path, tmp_path: Path) -> None:
    from mytorch.training.errors import RunFailed

    experiment = build(
        load_config(
            config,
            [
                "loss=MSELoss",
                "optimizer={type: SGD, lr: 1e30}",
                "scheduler=null",
                "checkpoint={every_steps: 1}",
                "train.clip_grad_norm=null",
            ],
        )
    )
    run = Run.create(tmp_path / "runs", "bad")
    training = Training(experiment, run)
    with pytest.raises(RunFailed, match="The training was stopped"):
        training.run(Progress(1, "quiet"), StopAfter(training, 10**9))
    for path in states(run):
        arrays, _ = checkpoint.load(path)
        assert all(np.isfinite(array).all() for name, array in arrays.items() if name.startswith("model."))


# --- going on with changes ----------------------------------------------------------------------------------------------


def test_more_epochs_without_a_schedule_are_those_of_a_longer_run(config: Path, tmp_path: Path) -> None:
    whole = start(config, tmp_path / "whole", "scheduler=null", "train.epochs=7")
    run = start(config, tmp_path / "runs", "scheduler=null", "train.epochs=3")
    assert go_on(run, "train.epochs=7") == ["changed: train.epochs: 3 -> 7"]
    assert_same(run, whole)
    assert "epochs: 7" in run.config.read_text()


@pytest.mark.parametrize("scheduler", ["{type: OneCycleLR, max_lr: 0.1}", "CosineAnnealingLR"])
def test_more_epochs_with_a_schedule_go_on_along_the_longer_one(config: Path, tmp_path: Path, scheduler: str) -> None:
    changes = [f"scheduler={scheduler}", "optimizer={type: SGD, lr: 0.1, momentum: 0.9}"]
    longer = start(config, tmp_path / "whole", *changes, "train.epochs=8")
    run = start(config, tmp_path / "runs", *changes)
    notes = go_on(run, "train.epochs=8")
    assert "from here on the learning rates are those of a training of 8 epochs" in notes
    rates, longer_rates = ([row["learning_rate"] for row in without_seconds(r)] for r in (run, longer))
    assert rates[4:] == longer_rates[4:]
    assert rates[:4] != longer_rates[:4]


def test_extended_and_stopped_is_extended_and_not_stopped(config: Path, tmp_path: Path) -> None:
    runs = [start(config, tmp_path / name) for name in ("a", "b")]
    go_on(runs[0], "train.epochs=8")
    go_on(runs[1], "train.epochs=8", stop_after=21)
    go_on(runs[1])
    assert_same(runs[0], runs[1])


def test_other_changes_are_listed_and_refused(config: Path, tmp_path: Path) -> None:
    run = start(config, tmp_path / "runs", stop_after=6)
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    with pytest.raises(UserError) as caught:
        reopen(run, ["optimizer.lr=0.5", "model.3.p=0.4", "train.epochs=9"], force=False)
    message = str(caught.value)
    assert "  optimizer.lr: 0.01 -> 0.5\n" in message
    assert "  model.3.p: 0.2 -> 0.4\n" in message
    assert "epochs: " not in message
    assert "--force" in message
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_forced_changes_take_effect(config: Path, tmp_path: Path) -> None:
    run = start(config, tmp_path / "runs", "scheduler=null", stop_after=6)
    notes = go_on(run, "optimizer.lr=0.5", force=True)
    assert "changed: optimizer.lr: 0.01 -> 0.5" in notes
    assert [row["learning_rate"] for row in without_seconds(run)] == ["0.01", "0.01", "0.5", "0.5"]
    assert "lr: 0.5" in run.config.read_text()
    run = start(config, tmp_path / "runs", "scheduler=null", stop_after=6)
    notes = go_on(run, "optimizer={type: SGD, lr: 0.1}", force=True)
    assert any("another kind" in note for note in notes)
    run = start(config, tmp_path / "runs", stop_after=6)
    notes = go_on(run, "dataset.batch_size=6", force=True)
    assert any("starts again" in note for note in notes)
    assert len(without_seconds(run)) == 4


@pytest.mark.parametrize("change", ["metrics=[mae, r2]", "dataset.validation=null"])
def test_other_columns_are_refused_even_if_forced(config: Path, tmp_path: Path, change: str) -> None:
    run = start(config, tmp_path / "runs", stop_after=6)
    with pytest.raises(UserError, match=r"other columns in its metrics.csv"):
        reopen(run, [change], force=True)


def test_a_model_that_does_not_fit_is_refused_even_if_forced(config: Path, tmp_path: Path) -> None:
    run = start(config, tmp_path / "runs", stop_after=6)
    with pytest.raises(UserError, match="does not fit the model"):
        reopen(run, ["model.0.out_features=5"], force=True)


def test_other_data_is_refused(config: Path, tmp_path: Path) -> None:
    run = start(config, tmp_path / "runs", stop_after=6)
    data = tmp_path / "data.csv"
    text = data.read_text()
    data.write_text(text + "1,2,3,4\n" * 4)
    with pytest.raises(UserError, match=r"the train rows: 36 rows -> 3[89] rows"):
        reopen(run, [], force=False)
    lines = text.splitlines()
    data.write_text("\n".join([*lines[:-1], "9," + lines[-1].partition(",")[2]]) + "\n")
    with pytest.raises(UserError, match="-> 36 rows with other values"):
        reopen(run, [], force=False)
    data.write_text(text)
    go_on(run)


def test_fewer_epochs_than_are_trained(config: Path, tmp_path: Path) -> None:
    run = start(config, tmp_path / "runs", stop_after=10)
    with pytest.raises(UserError, match=r"2 epochs of .* are already trained"):
        reopen(run, ["train.epochs=1"], force=False)
    with pytest.raises(UserError, match=r"2 epochs of .* are already trained, and the next one is begun"):
        reopen(run, ["train.epochs=2"], force=False)
    go_on(run, "train.epochs=3")
    assert json.loads(run.summary.read_text())["epochs"] == 3


# --- nothing to go on with --------------------------------------------------------------------------------------------


def test_a_finished_run_says_so(config: Path, tmp_path: Path) -> None:
    run = start(config, tmp_path / "runs")
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=r"is finished: all 4 epochs are trained\n.*train.epochs=8"):
        reopen(run, [], force=True)
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_killed_after_the_last_step_only_the_scores_are_missing(config: Path, tmp_path: Path) -> None:
    whole = start(config, tmp_path / "whole")
    run = start(config, tmp_path / "runs")
    run.summary.unlink()
    run.best_checkpoint.unlink()
    go_on(run)
    assert_same(run, whole)


def test_a_run_without_checkpoints(config: Path, tmp_path: Path) -> None:
    run = start(config, tmp_path / "runs", stop_after=1)
    states(run)[0].unlink()
    with pytest.raises(UserError, match=r"no checkpoint to go on from.*\n.*mytorch train .*config.yaml"):
        reopen(run, [], force=True)
    run.config.unlink()
    with pytest.raises(UserError, match=r"has no config.yaml"):
        reopen(run, [], force=True)


# --- metrics.csv --------------------------------------------------------------------------------------------------------


def test_metrics_are_cut_back_and_never_doubled(config: Path, tmp_path: Path) -> None:
    whole = start(config, tmp_path / "whole")
    for junk in ("", "3,9,9,9,9,9,9\n", "3,9,9,9,9,9,9\n4,1,1,1,1,1,1\n5,", "3,0."):
        run = start(config, tmp_path / "runs", stop_after=8)
        inode = run.metrics.stat().st_ino
        with open(run.metrics, "a") as file:
            file.write(junk)
        go_on(run)
        assert_same(run, whole)
        assert run.metrics.stat().st_ino == inode


@pytest.mark.parametrize("damage", ["lost", "empty", "changed"])
def test_metrics_that_were_lost_come_back(config: Path, tmp_path: Path, damage: str) -> None:
    whole = start(config, tmp_path / "whole")
    run = start(config, tmp_path / "runs", stop_after=9)
    text = run.metrics.read_text()
    if damage == "lost":
        run.metrics.unlink()
    else:
        run.metrics.write_text("" if damage == "empty" else text.replace("1,", "7,"))
    go_on(run)
    assert_same(run, whole)


# --- damaged checkpoints --------------------------------------------------------------------------------------------------


def test_a_damaged_checkpoint_is_put_aside_and_the_one_before_is_used(config: Path, tmp_path: Path) -> None:
    whole = start(config, tmp_path / "whole", "checkpoint={every_steps: 3}")
    for position, cut in itertools.product((0, 100, 5000, -1), (False, True)):
        run = start(config, tmp_path / "runs", "checkpoint={every_steps: 3}", stop_after=11)
        newest, before = states(run)
        data = bytearray(newest.read_bytes())
        if cut:
            data = data[:position]
        else:
            data[position] ^= 1
        newest.write_bytes(data)
        notes = go_on(run)
        assert newest.name in notes[0]
        assert f"{before}, the one before it, is used" in notes[0]
        assert newest.with_name(newest.name + ".damaged").read_bytes() == data
        assert_same(run, whole)


def test_when_all_are_damaged_nothing_is_trained(config: Path, tmp_path: Path) -> None:
    run = start(config, tmp_path / "runs", "checkpoint={every_steps: 3}", stop_after=7)
    for path in states(run):
        path.write_bytes(path.read_bytes()[:-1])
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    with pytest.raises(
        UserError, match=r"no checkpoint that could be gone on from:(.|\n)*state-00000007(.|\n)*state-00000006"
    ):
        reopen(run, [], force=True)
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_leftovers_of_a_killed_process_are_removed(config: Path, tmp_path: Path) -> None:
    run = start(config, tmp_path / "runs", stop_after=7)
    for folder in (run.path, run.checkpoints, run.plots):
        (folder / ".a.b.0123456789ab.tmp").write_bytes(b"half")
    go_on(run)
    assert not list(run.path.rglob("*.tmp"))


def test_other_versions_are_told(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start(config, tmp_path / "runs", stop_after=7)
    monkeypatch.setattr("mytorch.training.loop.state.__version__", "99.0")
    assert any("mytorch" in note and "-> 99.0" in note for note in go_on(run))


def test_a_checkpoint_of_another_format_is_refused(config: Path, tmp_path: Path) -> None:
    run = start(config, tmp_path / "runs", stop_after=7)
    arrays, metadata = checkpoint.load(states(run)[0])
    checkpoint.save(states(run)[0], arrays, metadata | {"format": 2})
    with pytest.raises(UserError, match="a checkpoint of format 2; this version of mytorch reads 1"):
        reopen(run, [], force=False)
