"""The training loop: epochs of steps, a row of metrics after each, checkpoints, and a check that all stays finite."""

from __future__ import annotations

import contextlib
import csv
import functools
import itertools
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.creation.from_data import from_numpy
from mytorch.data import DataLoader
from mytorch.optim import LBFGS
from mytorch.training.building.augmentation import rows_to_augment
from mytorch.training.building.experiment import Experiment, build_optimizer
from mytorch.training.building.finetune import count_frozen, write_kept
from mytorch.training.building.losses import values_of_parts
from mytorch.training.building.model import count_parameters
from mytorch.training.callbacks.base import Callbacks
from mytorch.training.diagnostics.measuring import MODEL_COLUMNS, Diagnostics
from mytorch.training.diagnostics.norms import gradient_norm
from mytorch.training.diagnostics.units import ActivityWatch
from mytorch.training.errors import RunFailed, Stopped
from mytorch.training.loop.averaging import Averaging
from mytorch.training.loop.diagnosis import first_bad_gradient, first_bad_layer, told_of_batch
from mytorch.training.loop.findings import findings_of
from mytorch.training.loop.image_samples import image_samples, write_samples
from mytorch.training.loop.prediction_table import predictions_of, write_predictions
from mytorch.training.loop.progress import Progress
from mytorch.training.loop.schedule import Schedule
from mytorch.training.loop.scoring import predict, score
from mytorch.training.loop.signals import StopRequest
from mytorch.training.loop.state import capture, fingerprint, versions
from mytorch.training.loop.sums import Sums
from mytorch.training.own_code import is_of_a_layer
from mytorch.training.runs import checkpoint
from mytorch.training.runs.files import MetricsLog, metric_columns, write_summary
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import SavingPlan, write_state
from mytorch.training.stopping import best_monitor, patience_of
from mytorch.version import __version__

Weights = dict[str, Any]  # raw arrays by name
Batch = Sequence[Any]  # inputs, targets and, if the rows have them, their weights
SHOWN = ("train_loss", "validation_loss", "learning_rate")  # in the progress display


class Training:
    """One training in one run directory; `run()` does all of it.

    It can be stopped after any step and gone on with from a checkpoint (see `state`), with the same bits.
    """

    def __init__(self, experiment: Experiment, run: Run) -> None:
        self.experiment = experiment
        self.directory = run
        self.model = experiment.model
        self.loss = experiment.loss
        self.clip_norm = experiment.config.train.clip_grad_norm
        self.clip_value = experiment.config.train.clip_grad_value
        self.accumulate = experiment.config.train.accumulate  # batches of a step
        self.steps_per_epoch = experiment.steps_per_epoch()
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer, self.scheduler = build_optimizer(experiment)
        self.schedule = Schedule(experiment, self.optimizer, self.scheduler)
        self.averaging = Averaging(experiment)
        self.monitor = best_monitor(experiment)  # of the best weights; None if they are the last
        self.patience = patience_of(experiment, [])
        self.batches: DataLoader[Any] = DataLoader(
            rows_to_augment(experiment.data),
            batch_size=experiment.batch_size,
            shuffle=experiment.config.dataset.shuffle,
            num_workers=experiment.config.dataset.workers,
        )
        self.epoch = 0  # that are complete
        self.steps = 0
        self.batches_left: Any = None  # the pass over the batches of the epoch that has begun, if one has
        self.sums = Sums()
        self.best_epoch = 0
        self.best_value = math.inf if self.monitor is None else self.monitor.worst
        self.best_weights: Weights = {}
        self.best_is_saved = False
        # Weights count as good once a finite loss has been computed with them; until then they are the candidate.
        self.candidate: Weights = {}
        self.good_weights: Weights = {}
        self.good_epoch = 0
        self.log_text = ""  # metrics.csv as it was at the checkpoint that the training goes on from
        measuring = experiment.config.diagnostics
        self.diagnostics = Diagnostics(
            self.model, self.steps_per_epoch, is_on=measuring.is_on, every_steps=measuring.every_steps
        )
        self.callbacks = Callbacks()
        self.state_path: Path | None = None  # the newest checkpoint
        self.saved_steps = -1
        self.seconds_before = 0.0  # of earlier processes
        self.began = time.perf_counter()

    # --- the loop ---------------------------------------------------------------------------------------------------

    def run(self, progress: Progress, stop: StopRequest | None = None) -> dict[str, Any]:
        """Train for the epochs of the config, or until early stopping ends it; return the summary.

        Every file is written but the plots.
        `stop` is looked at after every step, and the state saved when it asks for an end.

        Raises:
            RunFailed: a loss or gradient is no longer finite, or a file could not be written. What was good has been
                saved.
            Stopped: the training was asked to stop; its state has been saved.
        """
        config, data = self.experiment.config, self.experiment.data
        self.began = time.perf_counter()
        self.stop = StopRequest() if stop is None else stop
        self.plan = SavingPlan(config.checkpoint, is_first=self.state_path is None)
        self.model.train()
        with self._writing(self.directory.metrics):
            write_kept(config, self.directory, data.preparation)
            self.log = MetricsLog(self.directory.metrics, self._columns(), self.log_text)
        with self._writing(self.directory.gradients):
            self.diagnostics.open(self.directory.gradients)
        try:
            with self.log, self.diagnostics, progress:
                self.callbacks.call("on_train_begin")
                self.callbacks.raise_failure(self.what_is_kept())
                if self.state_path is not None and self.saved_steps != self.steps:
                    self.save_state()  # its config is no longer that of the checkpoint that it goes on from
                while not self.is_complete:
                    seen = self._run_epoch() | {"seconds": round(self.seconds(), 6)}
                    row = {name: seen[name] for name in self.log.columns}
                    with self._writing(self.directory.metrics):
                        self.log.append(row)
                    if self.callbacks:
                        self.callbacks.call("on_epoch_end", dict(row))
                    if self.patience is not None:
                        self.patience.look_at([row])
                    progress.epoch(self.epoch, {name: row.get(name) for name in SHOWN})
                    self._save_if_due(self.plan.after_epoch(self.epoch, self.steps))
                if self.saved_steps != self.steps:
                    self.save_state()
                self.callbacks.raise_failure(self.what_is_kept())
            summary = self.summarize(self.seconds())
        except RunFailed as failure:
            if not isinstance(failure.__cause__, OSError):
                self.save_weights()
            raise
        self.save_weights()
        with self._writing(self.directory.predictions):
            self.predictions = predictions_of(self.experiment, self.outputs)
            write_predictions(self.directory.predictions, self.predictions)
        self.samples = image_samples(self.experiment, self.predictions)
        if self.samples is not None:
            with self._writing(self.directory.images):
                write_samples(self.directory.images, self.samples)
        summary["findings"] = [finding.to_dict() for finding in findings_of(self, self.activity)]
        with self._writing(self.directory.summary):
            write_summary(self.directory.summary, summary)
        return summary

    def _columns(self) -> list[str]:
        """Those of metrics.csv; of a training that goes on from an older version's checkpoint, the older ones."""
        if self.log_text:
            return next(csv.reader(self.log_text.splitlines()))
        metrics, has_validation = [m.name for m in self.experiment.metrics], self.experiment.data.validation is not None
        of_model = MODEL_COLUMNS if self.diagnostics.is_on else ()
        return metric_columns(metrics, has_validation, self.experiment.loss_parts, of_model)

    def seconds(self) -> float:
        """How long the training has taken, in all processes together."""
        return self.seconds_before + time.perf_counter() - self.began

    @property
    def is_complete(self) -> bool:
        """Whether there is no epoch left to train."""
        return self.epoch >= self.experiment.config.train.epochs or self.stopped_early

    @property
    def stopped_early(self) -> bool:
        """Whether early stopping has ended it."""
        return self.patience is not None and self.patience.is_over

    def _run_epoch(self) -> dict[str, float | None]:
        if self.batches_left is None:
            self.batches_left = iter(self.batches)
            self.sums = Sums(rate=self.schedule.rate(self.steps + 1, self.epoch + 1))
        sums = self.sums
        while batches := self.next_batches(self.batches_left):
            loss, norm = self.step(*batches)
            sums.loss += loss * _rows(batches)
            sums.norms += norm
            with self._scheduling():
                self.schedule.after_step()
            if self.callbacks:
                self.callbacks.call("on_step_end", loss, norm)
            if self.batches_left.count < len(self.batches):
                self._save_if_due(self.plan.after_step(self.steps))
        self.batches_left = None
        self.epoch += 1
        self.averaging.after_epoch(self.epoch)
        row: dict[str, float | None] = {
            "epoch": self.epoch,
            "learning_rate": sums.rate,
            "gradient_norm": sums.norms / self.steps_per_epoch,
            **self.diagnostics.of_epoch(self.epoch),
            "train_loss": sums.loss / len(self.experiment.data.train),
        }
        for name, part in zip(self.experiment.loss_parts, sums.parts, strict=True):
            row[f"train_{name}"] = part / len(self.experiment.data.train)
        validation = self.experiment.data.validation
        if validation is not None:
            output = predict(self.averaging.scored, validation.inputs)
            scores = score(self.experiment, validation, output)
            row |= {f"validation_{name}": value for name, value in scores.items()}
        self._remember(row)
        with self._scheduling():
            self.schedule.after_epoch(row)
        return row

    def next_batches(self, batches_left: Iterator[Batch]) -> list[Batch]:
        """The batches of the next step, augmented: `train.accumulate` of them, fewer at the end of an epoch."""
        return [self.experiment.augmentation(batch) for batch in itertools.islice(batches_left, self.accumulate)]

    def first_batch(self) -> Batch:
        """The first batch of a pass that is not gone on with, augmented."""
        return self.experiment.augmentation(next(iter(self.batches)))

    @contextmanager
    def _scheduling(self) -> Iterator[None]:
        try:
            yield
        except ValueError as error:  # OneCycleLR, beyond its last step
            raise RunFailed(f"{self.place()}: the scheduler cannot go on: {error}.\n{self.what_is_kept()}") from error

    def step(self, *batches: Batch) -> tuple[float, float]:
        """One step: change the weights once, by the gradients of the batches as if they were one.

        Returns the loss and the norm of all gradients together (before clipping). LBFGS computes them several times in
        a step; returned are the first.

        Raises:
            RunFailed: the loss or a gradient is not finite.
        """
        self.steps += 1
        seen: list[tuple[float, float]] = []
        measured = self.diagnostics.begin(self.steps, self.epoch + 1, self.steps_begun())

        def compute_gradients() -> float:
            is_first = not seen  # LBFGS may try weights on its way that are too large, and takes other ones then
            self.optimizer.zero_grad()
            with measured.looking() if measured and is_first else contextlib.nullcontext():
                loss = self._backward(batches, must_be_finite=is_first)
            norm = self._clip()
            if is_first and not math.isfinite(norm):
                raise self._failed(f"the norm of the gradients is {norm}", first_bad_gradient(self.model))
            seen.append((loss, norm))
            return loss

        with self.schedule.rates_of(self.steps, self.epoch + 1):
            if isinstance(self.optimizer, LBFGS):
                self.optimizer.step(compute_gradients)
            else:
                compute_gradients()
                self.optimizer.step()
        if measured:
            with self._writing(self.directory.gradients):
                self.diagnostics.write(measured.rows())
        self.averaging.after_step()
        return seen[0]

    def _backward(self, batches: Sequence[Batch], must_be_finite: bool) -> float:
        """Add up the gradients of the batches, each weighted by its rows; returns the mean loss over all rows."""
        rows, mean = _rows(batches), 0.0
        for inputs, *targets in batches:
            taker = "model"
            try:
                output, taker = self.model(inputs), "loss"
                loss = self.loss(output, *targets)
            except Exception as error:
                if not is_of_a_layer(error):
                    raise
                message = f"the {taker} cannot take this batch: {told_of_batch(error, inputs)}"
                raise RunFailed(f"{self.place()}: {message}") from error
            value = loss.item()
            if must_be_finite:
                if not math.isfinite(value):
                    raise self._failed(f"the loss is {value}", first_bad_layer(self.model, inputs))
                self._accept_candidate()
                self.sums.add_parts(values_of_parts(self.loss).values(), len(inputs))
            share = len(inputs) / rows
            (loss if share == 1 else loss * share).backward()
            mean += value * share
        return mean

    def _clip(self) -> float:
        """Clip the gradients, each number first and then all of them together; returns their norm before."""
        if self.clip_norm is not None and self.clip_value is None:
            return nn.utils.clip_grad_norm_(self.parameters, self.clip_norm).item()
        norm = gradient_norm(self.parameters)
        if self.clip_value is not None:
            nn.utils.clip_grad_value_(self.parameters, self.clip_value)
            if self.clip_norm is not None:
                nn.utils.clip_grad_norm_(self.parameters, self.clip_norm)
        return norm

    # --- the best weights, and saving -------------------------------------------------------------------------------

    def _remember(self, row: Mapping[str, float | None]) -> None:
        """Copy the weights. The best are those of the best value of the monitored column; without one, the last."""
        self.candidate = self.copy_weights()
        validation_loss = row.get("validation_loss")
        if validation_loss is not None:
            if not math.isfinite(validation_loss):
                raise self._failed(f"the validation loss is {validation_loss}", "the weights have grown too large")
            self._accept_candidate()
        value = None if self.monitor is None else row[self.monitor.column]
        if self.monitor is None or value is None:
            self.best_epoch = self.epoch
        elif not self.best_weights or self.monitor.is_better(value, self.best_value):
            weights = self.candidate or self.good_weights
            if all(np.isfinite(array).all() for array in weights.values()):
                self.best_epoch, self.best_value, self.best_weights = self.epoch, value, weights
                self.best_is_saved = False

    def forget_best(self) -> None:
        """Look for the best weights among those to come: what tells them is another figure than before."""
        self.best_value = math.inf if self.monitor is None else self.monitor.worst
        self.best_epoch, self.best_weights = 0, {}

    def _accept_candidate(self) -> None:
        """A finite loss has been computed with the weights of the last epoch's end: they are good."""
        if self.candidate:
            self.good_weights, self.good_epoch, self.candidate = self.candidate, self.epoch, {}

    def _save_if_due(self, due: bool) -> None:
        """Write a checkpoint if it is time for one, or if the training shall stop; stop it then.

        Raises:
            Stopped: it was asked to.
        """
        stopping = self.stop.signal is not None
        if due or stopping or self.callbacks.failure:
            self.save_state()
            self.save_weights()
        self.callbacks.raise_failure(self.what_is_kept())
        if stopping:
            raise Stopped

    def save_state(self) -> None:
        """Write a checkpoint of all of the training's state; none of weights that have grown out of all bounds."""
        if not all(np.isfinite(p.array).all() for p in self.parameters):
            return
        began = time.perf_counter()
        arrays, metadata = capture(self)
        with self._writing(self.directory.checkpoints):
            keep = self.experiment.config.checkpoint.keep
            self.state_path = write_state(self.directory, self.steps, arrays, metadata, keep)
        self.saved_steps = self.steps
        if self.callbacks:
            self.callbacks.call("on_checkpoint", self.state_path)
        self.plan.saved(began)

    @functools.cached_property
    def data_fingerprint(self) -> dict[str, str]:
        """What tells the data apart from other data."""
        return fingerprint(self.experiment.data)

    def copy_weights(self) -> Weights:
        """A copy of the weights that count: the model's, or their average if the config asks for one."""
        return weights_of(self.averaging.scored)

    def save_weights(self) -> None:
        """Write `last.safetensors`, the last good weights, and `best.safetensors` if it has changed."""
        if not self.good_weights:
            return
        self._write(self.directory.last_checkpoint, self.good_weights, self.good_epoch)
        if self.monitor is None:
            self._write(self.directory.best_checkpoint, self.good_weights, self.good_epoch)
        elif not self.best_is_saved and self.best_weights:
            self._write(self.directory.best_checkpoint, self.best_weights, self.best_epoch)
            self.best_is_saved = True

    def _write(self, path: Path, weights: Weights, epoch: int) -> None:
        metadata = {
            "epoch": epoch,
            "seed": self.experiment.config.seed,
            "preparation": self.experiment.data.preparation.to_dict(),
            "inputs": self.experiment.data.input_format,
            "version": __version__,
        }
        with self._writing(path):
            checkpoint.save(path, weights, metadata)

    @contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        """A disk that is full or gone ends the training with one message."""
        try:
            yield
        except OSError as error:
            raise RunFailed(
                f"{self.place()}: cannot write {path}: {error.strerror or error}.\n"
                f"The training was stopped.\n{self.what_is_kept()}"
            ) from error

    # --- the end ----------------------------------------------------------------------------------------------------

    def summarize(self, seconds: float) -> dict[str, Any]:
        """Final and best scores of every split, and what tells this run apart. Leaves the best weights in the model."""
        config = self.experiment.config
        watch = ActivityWatch(self.averaging.scored) if self.diagnostics.is_on else None
        final = self.score_all(self.averaging.scored, watch)
        self.activity = [] if watch is None else watch.result()
        if not math.isfinite(final["train"]["loss"]):
            raise self._failed(f"the final train loss is {final['train']['loss']}", "the weights have grown too large")
        self._accept_candidate()
        load_weights(self.model, self.best_weights or self.copy_weights())
        best = self.score_all(self.model) if self.best_weights else final
        return {
            "name": config.name,
            "state": "finished",
            "seed": config.seed,
            "parameters": count_parameters(self.model),
            "frozen_parameters": count_frozen(self.model),
            "epochs": self.epoch,
            "stopped_early": self.stopped_early,
            "steps": self.steps,
            "seconds": round(seconds, 3),
            "best_epoch": self.best_epoch,
            "best": best,
            "final": final,
            "versions": versions(),
        }

    def score_all(self, model: nn.Module, watch: ActivityWatch | None = None) -> dict[str, dict[str, float]]:
        """The scores of a model on every split that there is; `watch` looks on while the training rows are scored."""
        splits = self.experiment.data.splits
        self.outputs = {}
        for name, split in splits.items():
            with watch.watching() if watch is not None and name == "train" else contextlib.nullcontext():
                self.outputs[name] = predict(model, split.inputs)
        return {name: score(self.experiment, split, self.outputs[name]) for name, split in splits.items()}

    # --- when it goes wrong -----------------------------------------------------------------------------------------

    def _failed(self, what: str, where: str) -> RunFailed:
        kept = "no epoch was completed, so no weights were kept"
        if self.good_epoch:
            kept = f"the weights after epoch {self.good_epoch} are in {self.directory.last_checkpoint}"
        return RunFailed(
            f"{self.place()}: {what}: {where}.\n"
            f"The training was stopped; {kept}.\n"
            f"A smaller {self.experiment.config.rate_key}, train.clip_grad_norm or normalised inputs usually help."
        )

    def place(self) -> str:
        """The step that was taken last, or is being taken."""
        count = self.steps_per_epoch
        if self.batches_left is not None:
            return f"epoch {self.epoch + 1}, step {self.steps_begun()} of {count}"
        epoch, in_epoch = divmod(max(self.steps - 1, 0), count)
        return f"epoch {epoch + 1}, step {in_epoch + 1} of {count}"

    def steps_begun(self) -> int:
        """How many steps of the present epoch were taken, or are being taken."""
        taken = 0 if self.batches_left is None else self.batches_left.count
        return -(-taken // self.accumulate)

    def what_is_kept(self) -> str:
        """The newest checkpoint, and how to go on from it."""
        if self.state_path is None:
            return "no checkpoint had been written yet"
        if not self.state_path.exists():
            return f"the last checkpoint was {self.state_path}, which is gone"
        return f"checkpoint: {self.state_path}\ngo on with: mytorch resume {self.directory.quoted}"


def _rows(batches: Iterable[Batch]) -> int:
    return sum(len(inputs) for inputs, *_ in batches)


def weights_of(model: nn.Module) -> Weights:
    """A copy of every parameter and buffer, as raw arrays by name."""
    return {name: tensor.array.copy() for name, tensor in model.state_dict().items()}


def load_weights(model: nn.Module, weights: Weights) -> None:
    """Put raw arrays by name into the model.

    Raises:
        RuntimeError: a name is missing, unexpected, or an array has another shape.
    """
    model.load_state_dict({name: from_numpy(array) for name, array in weights.items()})
