"""What a command looks at: one batch, and the model as it meets it, of a config or of a run.

- A config: the batch of a step, the first if none is named. The steps before it are trained in a throw-away run.
- A run: a batch of its rows and its best weights; or, with a step, that very step of its training once more, from the
  nearest checkpoint, with the same batch, weights and random numbers.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mytorch import nn
from mytorch.creation.from_data import from_numpy
from mytorch.data.prepare import Split
from mytorch.optim import LBFGS
from mytorch.training.building.experiment import Experiment, build
from mytorch.training.config.config import Config, load_config
from mytorch.training.errors import RunFailed, UserError
from mytorch.training.loop.diagnosis import told_of_batch
from mytorch.training.loop.loop import Batch, Training
from mytorch.training.loop.replay import NEVER, train_on
from mytorch.training.loop.resume import changes_of_data, config_of
from mytorch.training.loop.state import restore
from mytorch.training.loop.trained import load_trained
from mytorch.training.own_code import is_of_a_layer
from mytorch.training.random_streams import seed_streams
from mytorch.training.runs import checkpoint
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import Loaded, states, step_of

SPLITS = {"train": "training", "validation": "validation", "test": "test"}  # and what they are called
ROWS = 64  # of a batch that is no step's, if nobody says how many


@dataclass
class Target:
    """A model about to meet a batch.

    - `batches`: of the step, each as (inputs, targets) or (inputs, targets, weights); one, but for a step that adds up
      the gradients of several (`train.accumulate`).
    - `about`: what the batch and the weights are, in words.
    - `step`: the step of a training that it is; None if it is none.
    - `run`: the run that the weights are of; None for a config's first weights.
    """

    experiment: Experiment
    batches: list[Batch]
    about: str
    step: int | None = None
    run: Run | None = None

    @property
    def model(self) -> nn.Module:
        return self.experiment.model

    @property
    def loss(self) -> nn.Module:
        return self.experiment.loss

    @property
    def config(self) -> Config:
        return self.experiment.config

    @property
    def rows(self) -> int:
        """How many rows there are in all batches."""
        return sum(len(inputs) for inputs, *_ in self.batches)

    def remarks(self) -> list[str]:
        """What is to be known about what is looked at, in sentences."""
        if self.config.optimizer.target is LBFGS:
            return [f"{LBFGS.__name__} computes gradients several times in a step; this is the first time"]
        return []


def open_target(
    text: str,
    overrides: Sequence[str] = (),
    *,
    runs_dir: Path,
    step: int | None = None,
    split: str | None = None,
    rows: int | None = None,
    which: str | None = None,
) -> Target:
    """What `text` names, a config file or a run, with its model in the mode that the batch asks for.

    Training rows go through the model as in training (dropout is at work, with the config's seed), others as when they
    are scored.

    Args:
        overrides: changes to a config, such as `seed=1`; a run takes none.
        step: the step of the training that is wanted, counted from 1 over all epochs.
        split: `train`, `validation` or `test`: take the first rows of these instead of a step's batch.
        rows: only so many rows of the batch.
        which: whose weights of a run: `best`, `last` or a checkpoint file; the best if left out.

    Raises:
        UserError: there is no such config or run, it has no such step or rows, or options contradict each other.
        RunFailed: the training fails before that step.
    """
    if step is not None and split not in (None, "train"):
        raise UserError(
            f"--step {step} is a step of the training, whose rows are no {split} rows; leave out one of them"
        )
    path = Path(text)
    is_config = path.is_file() and path.suffix != ".safetensors"
    if not is_config and path.suffix in (".yaml", ".yml"):
        raise UserError(f"there is no config {text}; name a YAML file, or a run by its directory or name")
    if which is not None and (is_config or step is not None):
        reason = (
            f"{text} is a config, whose weights are the first" if is_config else f"--step {step} has its own weights"
        )
        raise UserError(f"--checkpoint {which}: {reason}; leave it out")
    if is_config:
        config = load_config(path, overrides)
        if split is not None and step is None:
            target = _of_rows(build(config, runs_dir=runs_dir), split, rows, f"the first weights of {text}")
        else:
            target = _of_step(build(config, runs_dir=runs_dir), step or 1, None, None, text)
    else:
        run = Run.find(runs_dir, text)
        if overrides:
            raise UserError(f"{run} is what it is; changes are for a config: {' '.join(overrides)}")
        if step is None:
            if which is None and not run.best_checkpoint.is_file():
                raise UserError(f"{run} has kept no weights; --step 1 looks at the first step of its training")
            trained = load_trained(run, which or "best")
            about = f"{run}, {trained.path.name} (epoch {trained.epoch})"
            target = _of_rows(trained.experiment, split or "train", rows, about)
            target.run = run
        else:
            target = _replayed(run, step)
    return target if rows is None else _first_rows(target, rows)


def _of_rows(experiment: Experiment, name: str, rows: int | None, about: str) -> Target:
    """The first rows of a split, in the order of the data."""
    split = experiment.data.splits.get(name)
    if split is None:
        there = ", ".join(experiment.data.splits)
        if name not in SPLITS:
            raise UserError(f"--split: expected one of {', '.join(SPLITS)}, got {name!r}")
        raise UserError(f"the config sets no {name} rows aside (dataset.{name}); there is: {there}")
    count = min(rows or min(ROWS, experiment.batch_size), len(split))
    seed_streams(experiment.config.seed)
    experiment.model.train(name == "train")
    batch = _batch_of(split, count)
    return Target(experiment, [batch], f"the first {SPLITS[name]} rows with {about}")


def _batch_of(split: Split, count: int) -> Batch:
    parts: dict[str, Any] = {
        field.name: value[:count]
        for field in dataclasses.fields(split)
        if (value := getattr(split, field.name)) is not None
    }
    first = dataclasses.replace(split, **parts)
    return [from_numpy(first.inputs[:]), *first.for_loss()]


def _first_rows(target: Target, rows: int) -> Target:
    batches: list[Batch] = []
    left = rows
    for batch in target.batches:
        if left > 0:
            batches.append([part[:left] for part in batch])
            left -= len(batch[0])
    return dataclasses.replace(target, batches=batches)


# --- a step of a training -------------------------------------------------------------------------------------------


class _ReachedError(Exception):
    """The wanted step is about to be taken, with these batches."""

    def __init__(self, batches: list[Batch]) -> None:
        self.batches = batches


def _replayed(run: Run, step: int) -> Target:
    """A step of a run's training, from the newest checkpoint before it."""
    before = [path for path in states(run) if step_of(path) < step]
    loaded = Loaded(before[0], *checkpoint.load(before[0])) if before else None
    config = load_config(run.existing_config) if loaded is None else config_of(loaded, run)
    experiment = build(config, runs_dir=None if loaded else run.path.absolute().parents[1])
    if loaded is not None and (changes := changes_of_data(loaded, experiment)):
        raise UserError(f"{run} was trained on other data:\n" + "\n".join(f"  {line}" for line in changes))
    target = _of_step(experiment, step, loaded, run, str(run))
    target.run = run
    return target


def _of_step(experiment: Experiment, step: int, start: Loaded | None, run: Run | None, name: str) -> Target:
    """Train up to a step, and stop when its gradients are about to be computed."""
    config = experiment.config
    last = config.train.epochs * experiment.steps_per_epoch()
    if not 1 <= step <= last:
        raise UserError(f"--step {step}: {name} has the steps 1 to {last}")
    experiment.config = config.model_copy(update={"checkpoint": NEVER})
    with Run.throwaway(config.name) as copy:
        training = Training(experiment, copy)
        if start is not None:
            restore(training, start)
        try:
            batches = _batches_before(training, step)
        except RunFailed as error:
            raise RunFailed(f"--step {step}: the training of {name} fails before it.\n{error}") from None
    if batches is None:
        raise UserError(f"--step {step}: the training of {name} ended before, after {training.steps} steps")
    experiment.config = config
    experiment.model.zero_grad()
    epoch, in_epoch = divmod(step - 1, training.steps_per_epoch)
    about = f"step {step} of {name} (epoch {epoch + 1}, step {in_epoch + 1} of {training.steps_per_epoch})"
    if step > 1:
        begun = "the start" if start is None else start.path.name
        about += f", {'replayed' if run else 'trained'} from {begun}"
    return Target(experiment, batches, about, step)


def _batches_before(training: Training, step: int) -> list[Batch] | None:
    take = training.step

    def stop_before(*batches: Batch) -> tuple[float, float]:
        if training.steps + 1 == step:
            raise _ReachedError(list(batches))
        return take(*batches)

    training.step = stop_before  # type: ignore[method-assign]
    try:
        train_on(training, lambda _training: False)
    except _ReachedError as reached:
        return reached.batches
    return None


@contextlib.contextmanager
def told_what_fails(target: Target) -> Iterator[None]:
    """A layer or loss that cannot take the batch is a failed run, told with the line of the user's own code."""
    try:
        yield
    except Exception as error:
        if not is_of_a_layer(error):
            raise
        message = told_of_batch(error, target.batches[0][0])
        raise RunFailed(f"{target.about}: the model or the loss cannot take this batch: {message}") from error
