"""Going on with a run from its newest whole checkpoint, and proving that a checkpoint leads to the same bits.

A run is gone on with under its own config. `train.epochs` may be another, and when checkpoints are written; any other
difference would make it a training that never was, so it is listed and has to be wished for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mytorch.backend import atomic
from mytorch.training.building.experiment import Experiment, build, schedule_length
from mytorch.training.config.comparing import MISSING, differing
from mytorch.training.config.config import Config, check, load_config
from mytorch.training.config.wording import show
from mytorch.training.config.yaml_source import parse
from mytorch.training.errors import UserError
from mytorch.training.loop.gates import gates_of_training
from mytorch.training.loop.loop import Training
from mytorch.training.loop.state import fingerprint, metrics_text, restore, versions
from mytorch.training.runs.files import rows_of, writing
from mytorch.training.runs.outcome import read_summary
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import Loaded, newest_whole, put_aside
from mytorch.training.stopping import best_column, patience_of

MAKES_COLUMNS = re.compile(r"metrics|dataset\.validation|loss\.\d+\.type|diagnostics(?!\.)")  # of metrics.csv
STEPS = ("train.scheduler_step", "train.accumulate")  # what a scheduler counts


def reopen(run: Run, overrides: list[str], *, force: bool) -> tuple[Training, list[str]]:
    """The training of a run as its newest whole checkpoint has it, and what a person should know about that.

    Call it with the run's lock held. Files of a killed process are tidied up; nothing else is written before it is
    sure that the training can go on.

    Raises:
        UserError: the run is finished, has no checkpoint to go on from, or keys were changed that must not be.
    """
    config = load_config(run.existing_config, overrides)
    refuse_finished(run, config)
    loaded = newest_whole(run)
    before = config_of(loaded, run)
    changes = differences(before, config)
    _refuse_another_beginning(run, changes)
    experiment = build(config, runs_dir=None)
    refuse_stopped_early(run, loaded, experiment)
    gates_of_training(experiment)  # a mistake in them must not get into the run's config
    data_changes = changes_of_data(loaded, experiment)
    refused = [key for key in changes if not is_harmless(key)]
    other_best = best_column(before) != best_column(config)
    if other_best:  # the weights of the epoch that is then the best are not there
        refused += [key for key in changes if key == "train.early_stopping.monitor"]
    _refuse(run, loaded, config, refused, changes, data_changes, force)

    notes = [
        f"{message}\nit was put aside, and {loaded.path}, the one before it, is used"
        for message in loaded.damaged.values()
    ]
    with writing(run, "nothing was trained"):
        atomic.remove_leftovers(run.path, run.checkpoints, run.plots)
        put_aside(loaded)
    notes += changes_of_versions(loaded)
    training = Training(experiment, run)
    new_schedule = needs_new_schedule(before, config, changes)
    notes += restore(training, loaded, new_schedule=new_schedule)
    if new_schedule and training.scheduler is not None:
        notes.append(f"from here on the learning rates are those of a training of {config.train.epochs} epochs")
    if other_best:
        training.forget_best()
        notes.append("the best epoch is told by another figure: it is looked for among the epochs to come")
    if changes or data_changes:
        # From here on this is the run's own config. The training begins with a checkpoint that says so.
        with writing(run, "nothing was trained"):
            atomic.write_text(run.config, experiment.config.to_yaml())
        training.saved_steps = -1
    return training, notes + [f"changed: {line}" for line in [*changes.values(), *data_changes]]


def refuse_finished(run: Run, config: Config) -> None:
    """UserError if the run is complete, with the way to train it further."""
    summary = read_summary(run)  # without one that we wrote the checkpoints decide
    if summary is not None and summary["epochs"] >= config.train.epochs:
        epochs = summary["epochs"]
        raise UserError(
            f"{run} is finished: all {epochs} epochs are trained\n"
            f"to train it further: mytorch resume {run.quoted} train.epochs={2 * epochs}"
        )


def refuse_stopped_early(run: Run, loaded: Loaded, experiment: Experiment) -> None:
    """UserError if early stopping has ended the run and would end it under this config too, with the ways to go on."""
    summary = read_summary(run)
    patience = patience_of(experiment, rows_of(metrics_text(loaded)))
    if summary is None or summary["steps"] < loaded.metadata["step"] or patience is None or not patience.is_over:
        return
    resume, epochs = f"mytorch resume {run.quoted} train.early_stopping", experiment.config.train.epochs
    raise UserError(
        f"{run} is finished: early stopping ended it after epoch {patience.epoch} of {epochs}: {patience.sentence}\n"
        f"to train it further: {resume}.patience={2 * patience.options.patience}\n"
        f"or without early stopping: {resume}=null"
    )


def config_of(loaded: Loaded, run: Run) -> Config:
    """The config that a checkpoint was written under."""
    source = parse(loaded.metadata["config"], str(loaded.path))
    source.path = run.config  # where `imports` and data files are looked for
    return check(source)


def differences(before: Config, after: Config) -> dict[str, str]:
    """The keys that differ, each with a line such as `train.epochs: 100 -> 200`."""
    rows = differing([parse(config.to_yaml()).data for config in (before, after)])
    return {key: f"{key}: {_shown(old)} -> {_shown(new)}" for key, (old, new) in rows.items()}


def _shown(value: Any) -> str:
    return "(not there)" if value is MISSING else show(value)


def is_harmless(key: str) -> bool:
    """Whether a key may be changed without a word: it decides how long a run is, what is kept of it or asked of it."""
    return key in ("train.epochs", "train.threads") or key.startswith(
        ("train.early_stopping.", "checkpoint.", "expect.", "log", "plots")
    )


def changes_of_data(loaded: Loaded, experiment: Experiment) -> list[str]:
    """A line for each split whose rows are not those of the checkpoint."""
    before, now = loaded.metadata["data"], fingerprint(experiment.data)
    if before == now:
        return []
    lines = []
    for name in {**before, **now}:
        if before.get(name) != now.get(name):
            old, new = (rows.get(name, "none,").partition(",")[0] for rows in (before, now))
            lines.append(f"the {name} rows: {old} -> {new if new != old else f'{new} with other values'}")
    return lines


def changes_of_versions(loaded: Loaded) -> list[str]:
    """A sentence if something has another version than the checkpoint was written with."""
    before, now = loaded.metadata["versions"], versions()
    changed = [f"{name} {before.get(name)} -> {now[name]}" for name in now if before.get(name) != now[name]]
    return [f"versions have changed, so the last bits may differ: {', '.join(changed)}"] if changed else []


def needs_new_schedule(before: Config, after: Config, changes: Mapping[str, str]) -> bool:
    """Whether the learning rates to come are no longer those of the checkpoint's schedule."""
    if any(key.split(".")[0] in ("optimizer", "scheduler") or key in STEPS for key in changes):
        return True
    longer = before.train.epochs != after.train.epochs or any(key.startswith("dataset.") for key in changes)
    return longer and bool(schedule_length(after, steps=1))


def _refuse_another_beginning(run: Run, changes: Mapping[str, str]) -> None:
    lines = [f"  {line}" for key, line in changes.items() if key.startswith("finetune")]
    if lines:
        raise UserError(
            "\n".join([f"finetune says how a training begins, and {run} has begun:", *lines])
            + f"\nstart another from it: mytorch train {run.quoted}/config.yaml finetune.from={run.quoted} KEY=VALUE"
        )


def _refuse(
    run: Run,
    loaded: Loaded,
    config: Config,
    refused: list[str],
    changes: Mapping[str, str],
    data_changes: list[str],
    force: bool,
) -> None:
    done, taken = loaded.metadata["epoch"], loaded.metadata["taken"]
    if config.train.epochs < done + bool(taken):
        begun = ", and the next one is begun" if taken else ""
        raise UserError(f"train.epochs={config.train.epochs}: {done} epochs of {run} are already trained{begun}")
    columns = [key for key in refused if MAKES_COLUMNS.match(key)]
    if columns:
        listed = "\n".join(f"  {changes[key]}" for key in columns)
        raise UserError(
            f"{run} cannot go on with other columns in its metrics.csv:\n{listed}\n"
            f"train a run of its own: mytorch train {run.quoted}/config.yaml KEY=VALUE"
        )
    lines = [changes[key] for key in refused] + data_changes
    if lines and not force:
        listed = "\n".join(f"  {line}" for line in lines)
        raise UserError(
            f"{run} was trained under another config up to {loaded.path.name}:\n{listed}\n"
            "only train.epochs, train.threads, train.early_stopping, checkpoint, expect, log and plots may change; "
            "--force goes on with these changes all the same\n"
            f"a run of its own: mytorch train {run.quoted}/config.yaml KEY=VALUE"
        )


def where(training: Training) -> str:
    """The place that a reopened training goes on from."""
    place = "its final scores"
    if not training.is_complete:
        place = f"epoch {training.epoch + 1}, step {training.steps_begun() + 1} of {training.steps_per_epoch}"
    return f"{place}, from {training.state_path.name if training.state_path else 'the start'}"
