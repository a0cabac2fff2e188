"""The training loop: epochs of steps, a row of metrics after each, checkpoints, and a check that all stays finite.

>>> from mytorch.training.loop import gradient_norm
>>> import mytorch
>>> w = mytorch.nn.Parameter(mytorch.tensor([3.0, 4.0]))
>>> (w * w).sum().backward()
>>> gradient_norm([w])
10.0
"""

from __future__ import annotations

import functools
import math
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.creation.from_data import from_numpy
from mytorch.data import DataLoader
from mytorch.training import checkpoint
from mytorch.training.build import Experiment, build_optimizer, count_parameters
from mytorch.training.errors import RunFailed, Stopped
from mytorch.training.progress import Progress
from mytorch.training.run import MetricsLog, Run, metric_columns, write_summary
from mytorch.training.saving import SavingPlan, write_state
from mytorch.training.scoring import score
from mytorch.training.signals import StopRequest
from mytorch.training.state import capture, fingerprint, versions
from mytorch.version import __version__

Weights = dict[str, Any]  # raw arrays by name
SHOWN = ("train_loss", "validation_loss", "learning_rate")  # in the progress display

PACKAGE = Path(__file__).resolve().parents[1]


@dataclass
class Sums:
    """What an epoch has summed up so far, and the learning rate that it began with."""

    loss: float = 0.0
    norms: float = 0.0
    rate: float = 0.0

    def as_tuple(self) -> tuple[float, float, float]:
        return self.loss, self.norms, self.rate


class Training:
    """One training in one run directory; `run()` does all of it.

    It can be stopped after any step and gone on with from a checkpoint (see `state`), with the same bits.
    """

    def __init__(self, experiment: Experiment, run: Run) -> None:
        self.experiment = experiment
        self.directory = run
        self.model = experiment.model
        self.loss = experiment.loss
        self.clip = experiment.config.train.clip_grad_norm
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer, self.scheduler = build_optimizer(experiment)
        self.steps_per_batch = experiment.config.train.scheduler_step == "batch"
        train = experiment.data.train
        self.batches: DataLoader[Any] = DataLoader(
            train.dataset(),
            batch_size=experiment.batch_size,
            shuffle=experiment.config.dataset.shuffle,
            num_workers=experiment.config.dataset.workers,
        )
        self.epoch = 0  # that are complete
        self.steps = 0
        self.batches_left: Any = None  # the pass over the batches of the epoch that has begun, if one has
        self.sums = Sums()
        self.best_epoch = 0
        self.best_loss = math.inf
        self.best_weights: Weights = {}
        self.best_is_saved = False
        # Weights count as good once a finite loss has been computed with them; until then they are the candidate.
        self.candidate: Weights = {}
        self.good_weights: Weights = {}
        self.good_epoch = 0
        self.log_text = ""  # metrics.csv as it was at the checkpoint that the training goes on from
        self.state_path: Path | None = None  # the newest checkpoint
        self.saved_steps = -1
        self.seconds_before = 0.0  # of earlier processes
        self.began = time.perf_counter()

    # --- the loop ---------------------------------------------------------------------------------------------------

    def run(self, progress: Progress, stop: StopRequest | None = None) -> dict[str, Any]:
        """Train for the epochs of the config, write every file but the plots, and return the summary.

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
        columns = metric_columns([m.name for m in self.experiment.metrics], validation=data.validation is not None)
        self.model.train()
        with self._writing(self.directory.metrics):
            self.log = MetricsLog(self.directory.metrics, columns, self.log_text)
        try:
            with self.log, progress:
                if self.state_path is not None and self.saved_steps != self.steps:
                    self.save_state()  # its config is no longer that of the checkpoint that it goes on from
                while self.epoch < config.train.epochs:
                    row = self._run_epoch()
                    row["seconds"] = round(self.seconds(), 6)
                    with self._writing(self.directory.metrics):
                        self.log.append(row)
                    progress.epoch(self.epoch, {name: row.get(name) for name in SHOWN})
                    self._save_if_due(self.plan.after_epoch(self.epoch, self.steps))
            if self.saved_steps != self.steps:
                self.save_state()
            summary = self.summarize(self.seconds())
        except RunFailed as failure:
            if not isinstance(failure.__cause__, OSError):
                self.save_weights()
            raise
        self.save_weights()
        with self._writing(self.directory.summary):
            write_summary(self.directory.summary, summary)
        return summary

    def seconds(self) -> float:
        """How long the training has taken, in all processes together."""
        return self.seconds_before + time.perf_counter() - self.began

    def _run_epoch(self) -> dict[str, float | None]:
        if self.batches_left is None:
            self.batches_left = iter(self.batches)
            self.sums = Sums(rate=float(self.optimizer.param_groups[0]["lr"]))
        sums, count = self.sums, len(self.batches)
        for inputs, *targets in self.batches_left:
            loss, norm = self.step(inputs, *targets)
            sums.loss += loss * len(inputs)
            sums.norms += norm
            if self.steps_per_batch:
                self._step_scheduler()
            if self.batches_left.count < count:
                self._save_if_due(self.plan.after_step(self.steps))
        self.batches_left = None
        if self.scheduler is not None and not self.steps_per_batch:
            self._step_scheduler()
        self.epoch += 1
        row: dict[str, float | None] = {
            "epoch": self.epoch,
            "learning_rate": sums.rate,
            "gradient_norm": sums.norms / count,
            "train_loss": sums.loss / len(self.experiment.data.train),
        }
        validation = self.experiment.data.validation
        if validation is not None:
            row |= {f"validation_{name}": value for name, value in score(self.experiment, validation).items()}
        self._remember(row.get("validation_loss"))
        return row

    def _step_scheduler(self) -> None:
        try:
            self.scheduler.step()
        except ValueError as error:  # OneCycleLR, beyond its last step
            raise RunFailed(f"{self.place()}: the scheduler cannot go on: {error}.\n{self.what_is_kept()}") from error

    def step(self, inputs: Any, *targets: Any) -> tuple[float, float]:
        """One step on one batch; returns the loss and the norm of all gradients together (before clipping).

        Raises:
            RunFailed: the loss or a gradient is not finite.
        """
        self.steps += 1
        self.optimizer.zero_grad()
        try:
            loss = self.loss(self.model(inputs), *targets)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            raise RunFailed(f"{self.place()}: the model cannot take this batch: {_told(error, inputs)}") from error
        value = loss.item()
        if not math.isfinite(value):
            raise self._failed(f"the loss is {value}", self._first_bad_layer(inputs))
        self._accept_candidate()
        loss.backward()
        if self.clip is None:
            norm = gradient_norm(self.parameters)
        else:
            norm = nn.utils.clip_grad_norm_(self.parameters, self.clip).item()
        if not math.isfinite(norm):
            raise self._failed(f"the norm of the gradients is {norm}", self._first_bad_gradient())
        self.optimizer.step()
        return value, norm

    # --- the best weights, and saving -------------------------------------------------------------------------------

    def _remember(self, validation_loss: float | None) -> None:
        """Copy the weights. The best are those of the lowest validation loss; without validation rows, the last."""
        self.candidate = weights_of(self.model)
        if validation_loss is None:
            self.best_epoch = self.epoch
            return
        if not math.isfinite(validation_loss):
            raise self._failed(f"the validation loss is {validation_loss}", "the weights have grown too large")
        self._accept_candidate()
        if validation_loss < self.best_loss:
            self.best_epoch, self.best_loss = self.epoch, validation_loss
            self.best_weights = self.good_weights
            self.best_is_saved = False

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
        if due or stopping:
            self.save_state()
            self.save_weights()
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
        self.plan.saved(began)

    @functools.cached_property
    def data_fingerprint(self) -> dict[str, str]:
        """What tells the data apart from other data."""
        return fingerprint(self.experiment.data)

    def copy_weights(self) -> Weights:
        """A copy of the model's weights."""
        return weights_of(self.model)

    def save_weights(self) -> None:
        """Write `last.safetensors`, the last good weights, and `best.safetensors` if it has changed."""
        if not self.good_weights:
            return
        self._write(self.directory.last_checkpoint, self.good_weights, self.good_epoch)
        if self.experiment.data.validation is None:
            self._write(self.directory.best_checkpoint, self.good_weights, self.good_epoch)
        elif not self.best_is_saved and self.best_weights:
            self._write(self.directory.best_checkpoint, self.best_weights, self.best_epoch)
            self.best_is_saved = True

    def _write(self, path: Path, weights: Weights, epoch: int) -> None:
        metadata = {
            "epoch": epoch,
            "seed": self.experiment.config.seed,
            "preparation": self.experiment.data.preparation.to_dict(),
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
        final = self.score_all()
        if not math.isfinite(final["train"]["loss"]):
            raise self._failed(f"the final train loss is {final['train']['loss']}", "the weights have grown too large")
        self._accept_candidate()
        best = final
        if self.best_weights:
            load_weights(self.model, self.best_weights)
            best = self.score_all()
        return {
            "name": config.name,
            "state": "finished",
            "seed": config.seed,
            "parameters": count_parameters(self.model),
            "epochs": self.epoch,
            "steps": self.steps,
            "seconds": round(seconds, 3),
            "best_epoch": self.best_epoch,
            "best": best,
            "final": final,
            "versions": versions(),
        }

    def score_all(self) -> dict[str, dict[str, float]]:
        """The scores of the present weights on every split that there is."""
        return {name: score(self.experiment, split) for name, split in self.experiment.data.splits.items()}

    # --- when it goes wrong -----------------------------------------------------------------------------------------

    def _failed(self, what: str, where: str) -> RunFailed:
        kept = "no epoch was completed, so no weights were kept"
        if self.good_epoch:
            kept = f"the weights after epoch {self.good_epoch} are in {self.directory.last_checkpoint}"
        return RunFailed(
            f"{self.place()}: {what}: {where}.\n"
            f"The training was stopped; {kept}.\n"
            "A smaller optimizer.lr, train.clip_grad_norm or normalised inputs usually help."
        )

    def place(self) -> str:
        """The step that was taken last, or is being taken."""
        count = len(self.batches)
        if self.batches_left is not None:
            return f"epoch {self.epoch + 1}, step {self.batches_left.count} of {count}"
        epoch, in_epoch = divmod(max(self.steps - 1, 0), count)
        return f"epoch {epoch + 1}, step {in_epoch + 1} of {count}"

    def what_is_kept(self) -> str:
        """The newest checkpoint, and how to go on from it."""
        if self.state_path is None:
            return "no checkpoint had been written yet"
        if not self.state_path.exists():
            return f"the last checkpoint was {self.state_path}, which is gone"
        return f"checkpoint: {self.state_path}\ngo on with: mytorch resume {self.directory.quoted}"

    def _first_bad_layer(self, inputs: Any) -> str:
        """Send the batch through the model once more and name the first layer whose output is not finite."""
        if not np.isfinite(inputs.array).all():
            return "the batch itself holds values that are not finite"
        found: list[str] = []

        def look(name: str) -> Any:
            def hook(module: nn.Module, _inputs: Any, output: Any) -> None:
                if not found and not np.isfinite(output.array).all():
                    found.append(
                        f"the output of layer {name} ({type(module).__name__}) is the first that is not finite"
                    )

            return hook

        leaves = [(name, m) for name, m in self.model.named_modules() if name and not list(m.children())]
        handles = [m.register_forward_hook(look(name)) for name, m in leaves]
        try:
            self.model(inputs)
        finally:
            for handle in handles:
                handle.remove()
        return found[0] if found else "the outputs of all layers are finite, so it is the loss itself that overflows"

    def _first_bad_gradient(self) -> str:
        """Name the first parameter, in the order of the backward pass, whose gradient is not finite."""
        for name, p in reversed(list(self.model.named_parameters())):
            if p.grad is not None and not np.isfinite(p.grad.array).all():
                layer, _, parameter = name.rpartition(".")
                kind = type(self.model.get_submodule(layer)).__name__
                return f"going backward, the {parameter} gradient of layer {layer} ({kind}) is the first not finite"
        return "each gradient is finite, but together they are too large for float32"


def _told(error: Exception, inputs: Any) -> str:
    """An error of a layer, with the line of the user's own file that it came from, if it did."""
    own = [f for f in traceback.extract_tb(error.__traceback__) if not Path(f.filename).is_relative_to(PACKAGE)]
    place = f" ({own[-1].filename}:{own[-1].lineno})" if own else ""
    advice = (
        "\nThe batch has one row; another dataset.batch_size may leave more for the last batch."
        if len(inputs) == 1
        else ""
    )
    return f"{error}{place}{advice}"


def gradient_norm(parameters: Iterable[Any]) -> float:
    """The 2-norm of all gradients taken together; parameters without a gradient count as 0."""
    total = 0.0
    for p in parameters:
        if p.grad is not None:
            g = p.grad.array.ravel(order="K")
            total += float(np.dot(g, g))
    return math.sqrt(total)


def weights_of(model: nn.Module) -> Weights:
    """A copy of every parameter and buffer, as raw arrays by name."""
    return {name: tensor.array.copy() for name, tensor in model.state_dict().items()}


def load_weights(model: nn.Module, weights: Weights) -> None:
    """Put raw arrays by name into the model.

    Raises:
        RuntimeError: a name is missing, unexpected, or an array has another shape.
    """
    model.load_state_dict({name: from_numpy(array) for name, array in weights.items()})
