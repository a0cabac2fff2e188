"""`mytorch check`: whether configs would train, seen by one step on one batch, and what their models are made of.

Every file is looked at, whatever is wrong with the others, and every problem is told with its place. Nothing is
written, and no weight changes.
"""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mytorch.autograd import no_grad
from mytorch.creation.from_data import from_numpy
from mytorch.training.building.experiment import Experiment, build
from mytorch.training.commands.layer_table import Layer, Step, measure
from mytorch.training.config.config import load_config
from mytorch.training.console import print_json, print_table, show_bytes, show_count
from mytorch.training.errors import ConfigError, Problem, RunFailed, UserError, some
from mytorch.training.loop.diagnosis import first_bad_gradient, first_bad_layer, told_of_batch
from mytorch.training.loop.gates import gates_of_training
from mytorch.training.loop.loop import Training
from mytorch.training.own_code import is_of_a_layer, own_place
from mytorch.training.runs.run import Run

UNKNOWN = "-"
NAMES_SHOWN = 6  # of features or classes


@dataclass
class Checked:
    """What became of one config file."""

    path: Path
    problems: list[Problem] = field(default_factory=list)  # of the config: nothing can be built
    failure: str | None = None  # of the step
    warnings: list[str] = field(default_factory=list)
    experiment: Experiment | None = None
    step: Step | None = None
    guess: float | None = None

    @property
    def state(self) -> str:
        """`invalid`, `failed` or `passed`."""
        return "invalid" if self.problems else "failed" if self.failure else "passed"


def check_configs(arguments: list[str], *, runs_dir: Path, json: bool = False) -> None:
    """Check each file; print what is in it, and all problems of all files at the end.

    Args:
        arguments: config files and, for a single one, changes such as `optimizer.lr=1e-3`.
        runs_dir: where a run is looked for that a config starts from.
        json: print one JSON document.

    Raises:
        UserError: a config has a problem.
        RunFailed: all configs are well, but the step of one is not.
    """
    changes = [text for text in arguments if "=" in text and not os.path.exists(text)]
    paths = [Path(text) for text in arguments if text not in changes]
    if not paths:
        raise UserError("expected a config file; for example: mytorch check configs/boston.yaml")
    if changes and len(paths) > 1:
        raise UserError(f"changes are for one config, and {len(paths)} are given: {' '.join(changes)}")
    results = []
    for number, path in enumerate(paths):
        checked = check_config(path, changes, runs_dir)
        results.append(checked)
        if not json:
            _print(checked, number)
            sys.stdout.flush()
        for warning in checked.warnings:
            print(f"warning: {path}: {warning}", file=sys.stderr)
    if json:
        print_json({"configs": [_to_data(checked) for checked in results]})
    problems = [str(problem) for checked in results for problem in checked.problems]
    failures = [f"{checked.path}: {checked.failure}" for checked in results if checked.failure]
    if problems:
        raise UserError("\n".join([*problems, *failures]))
    if failures:
        raise RunFailed("\n".join(failures))


def check_config(path: Path, changes: list[str], runs_dir: Path) -> Checked:
    """Read, build and try one config."""
    checked = Checked(path)
    try:
        checked.experiment = experiment = build(load_config(path, changes), runs_dir=runs_dir, stand_in=True)
        gates_of_training(experiment)
        training = Training(experiment, Run(Path(os.devnull)))  # in which nothing is written
    except ConfigError as error:
        checked.problems = error.problems
        return checked
    inputs, *targets = training.first_batch()
    training.model.train()
    try:
        checked.step = step = measure(training.model, training.loss, inputs, targets)
    except Exception as error:
        if not is_of_a_layer(error):
            raise
        message = f"the first batch cannot be trained on: {told_of_batch(error, inputs)}"
        if own_place(error):
            checked.failure = message
        else:  # the model has been tried out, so it is what the loss makes of its outputs
            checked.problems = [experiment.config.problem(("loss",), message)]
        return checked
    if not math.isfinite(step.loss):
        checked.failure = f"the loss of the first batch is {step.loss}: {first_bad_layer(training.model, inputs)}"
    elif not all(np.isfinite(p.grad.array).all() for p in training.parameters if p.grad is not None):
        checked.failure = f"the gradients of the first batch are not finite: {first_bad_gradient(training.model)}"
    checked.guess = _loss_of_a_guess(experiment, targets)
    checked.warnings = [
        f"{_called(layer)} would not be trained: no gradient came to {' and '.join(layer.without_gradient)}; "
        "does the output depend on it?"
        for layer in step.layers
        if layer.without_gradient
    ]
    return checked


def _called(layer: Layer) -> str:
    return f"layer {layer.name} ({layer.type})" if layer.name else f"the model ({layer.type})"


def _loss_of_a_guess(experiment: Experiment, targets: list[Any]) -> float | None:
    """The loss on a batch of who knows nothing: the same chance for each class, or the mean of the training rows.

    None for losses of which it is not known what they take.
    """
    losses = {term.component.type for term in experiment.config.loss_terms}
    if experiment.config.loss_kind is None:
        return None
    rows, train = len(targets[0]), experiment.data.train.targets
    if experiment.kind == "regression":
        output = np.broadcast_to(train.mean(axis=0), (rows, *train.shape[1:]))
    elif experiment.kind == "binary":
        output = np.full((rows, 1), 0.5 if "BCELoss" in losses else 0.0)
    else:
        count = len(experiment.data.class_names or ())
        output = np.full((rows, count), -math.log(count))  # as scores and as logarithms of probabilities
    with no_grad():
        return float(experiment.loss(from_numpy(output.astype(np.float32)), *targets).item())


# --- for people -----------------------------------------------------------------------------------------------------


def _print(checked: Checked, number: int) -> None:
    if number:
        print()
    if checked.experiment is None:
        print(f"{checked.path}: {len(checked.problems)} problem{'s' if len(checked.problems) > 1 else ''}, see below")
        return
    experiment, step = checked.experiment, checked.step
    print(f"{checked.path}: {experiment.config.name}")
    for name, text in _about_data(experiment).items():
        print(f"{name:<9} {text}")
    if experiment.missing_files:
        files = ", ".join(experiment.missing_files)
        print(f"nothing is downloaded for a check: made-up images, fewer than there will be, stand in for {files}")
    if step is None:
        return
    print()
    top = min(layer.depth for layer in step.layers)
    lines = [_cells(layer, step.rows, layer.depth - top) for layer in step.layers]
    if step.kept_by_loss:
        lines.append([type(experiment.loss).__name__, "", "", "", show_bytes(step.kept_by_loss)])
    total = step.total
    kept = show_bytes(total.kept_bytes + step.kept_by_loss)
    lines.append(["total", "", _parameters(total), _flops(total, step.rows), kept])
    print_table(["layer", "output", "parameters", "FLOPs/row", "kept/step"], lines, right=(2, 3, 4))
    print()
    if step.unknown:
        print(f"what {', '.join(step.unknown)} computes itself is not known, and not in the total of FLOPs")
    guess = ""
    if checked.guess is not None:
        of = "guessing the mean of the training rows"
        if experiment.kind != "regression":
            of = "guessing all classes with equal chances"
        guess = f" ({of}: {checked.guess:.4g})"
    print(f"loss on the first batch: {step.loss:.4g}{guess}")


def _about_data(experiment: Experiment) -> dict[str, str]:
    data, config = experiment.data, experiment.config
    shape = data.train.inputs.shape[1:]
    names = data.feature_names
    inputs = " x ".join(map(str, shape)) + " numbers"
    if names:
        inputs = f"{len(names)}: {some(names, NAMES_SHOWN)}"
    target = f"{data.target_name}: "
    if data.task == "classification":
        classes = data.class_names or []
        target += f"{len(classes)} classes: {some(classes, NAMES_SHOWN)}"
    else:
        target += "a number" if data.train.targets.shape[1] == 1 else f"{data.train.targets.shape[1]} numbers"
    steps = experiment.steps_per_epoch()
    augmented = {"augment": ", ".join(one.type for one in config.dataset.augment)} if config.dataset.augment else {}
    return {
        "rows": ", ".join(f"{len(split)} {name}" for name, split in data.splits.items()),
        "inputs": inputs,
        "target": target,
        **augmented,
        "training": f"{config.train.epochs} epochs of {steps} step{'s' if steps > 1 else ''}, batches of "
        f"{min(experiment.batch_size, len(data.train))}",
    }


def _cells(layer: Layer, rows: int, indent: int) -> list[str]:
    own = layer.name.rpartition(".")[2]
    return [
        "  " * indent + f"{own} {layer.type}".lstrip(),
        ", ".join(f"({', '.join(map(str, shape))})" for shape in layer.output) or UNKNOWN,
        _parameters(layer),
        _flops(layer, rows),
        show_bytes(layer.kept_bytes),
    ]


def _parameters(layer: Layer) -> str:
    if layer.trainable == layer.parameters:
        return f"{layer.parameters:,}"
    return f"{layer.trainable:,}/{layer.parameters:,}"


def _flops(layer: Layer, rows: int) -> str:
    return UNKNOWN if layer.flops is None else show_count(layer.flops / rows)


# --- for programs ---------------------------------------------------------------------------------------------------


def _to_data(checked: Checked) -> dict[str, Any]:
    document: dict[str, Any] = {
        "config": checked.path,
        "state": checked.state,
        "problems": [
            {"place": str(p.place), "line": p.place.line, "column": p.place.column, "message": p.message}
            for p in checked.problems
        ],
        "failure": checked.failure,
        "warnings": checked.warnings,
    }
    experiment, step = checked.experiment, checked.step
    if experiment is not None:
        data = experiment.data
        document |= {
            "name": experiment.config.name,
            "stand_in_for": experiment.missing_files,
            "rows": {name: len(split) for name, split in data.splits.items()},
            "input_shape": list(data.train.inputs.shape[1:]),
            "features": data.feature_names,
            "target": data.target_name,
            "task": data.task,
            "classes": data.class_names,
            "augment": [component.to_data() for component in experiment.config.dataset.augment],
            "batch_size": experiment.batch_size,
            "steps_per_epoch": experiment.steps_per_epoch(),
        }
    if experiment is not None and step is not None:
        document |= {
            "layers": [_layer_data(layer, step.rows) for layer in step.layers],
            "total": _layer_data(step.total, step.rows),
            "kept_bytes_of_loss": step.kept_by_loss,
            "flops_unknown": step.unknown,
            "loss": step.loss,
            "loss_of_a_guess": checked.guess,
        }
    return document


def _layer_data(layer: Layer, rows: int) -> dict[str, Any]:
    return {
        "name": layer.name,
        "type": layer.type,
        "output_shapes": layer.output,
        "parameters": layer.parameters,
        "trainable": layer.trainable,
        "flops_per_row": None if layer.flops is None else round(layer.flops / rows),
        "kept_bytes": layer.kept_bytes,
    }
