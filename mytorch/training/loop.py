"""The training loop: epochs of steps, a row of metrics after each, checkpoints, and a check that all stays finite.

>>> from mytorch.training.loop import gradient_norm
>>> import mytorch
>>> w = mytorch.nn.Parameter(mytorch.tensor([3.0, 4.0]))
>>> (w * w).sum().backward()
>>> gradient_norm([w])
10.0
"""

from __future__ import annotations

import math
import platform
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.creation import from_numpy
from mytorch.data import DataLoader, TensorDataset
from mytorch.training import checkpoint
from mytorch.training.build import Experiment, build_optimizer, count_parameters
from mytorch.training.errors import RunFailed
from mytorch.training.progress import Progress
from mytorch.training.run import MetricsLog, Run, metric_columns, write_summary
from mytorch.training.scoring import score
from mytorch.version import __version__

Weights = dict[str, Any]  # raw arrays by name
SHOWN = ("train_loss", "validation_loss", "learning_rate")  # in the progress display

PACKAGE = Path(__file__).resolve().parents[1]
SECONDS_BETWEEN_SAVES = 2.0  # a checkpoint costs milliseconds (it is forced to the disk), an epoch may cost less


class Training:
    """One training in one run directory; `run()` does all of it."""

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
            TensorDataset(from_numpy(train.inputs), from_numpy(train.targets)),
            batch_size=experiment.batch_size,
            shuffle=experiment.config.dataset.shuffle,
        )
        self.epoch = 0
        self.steps = 0
        self.best_epoch = 0
        self.best_loss = math.inf
        self.best_weights: Weights = {}
        self.best_is_saved = False
        # Weights count as good once a finite loss has been computed with them; until then they are the candidate.
        self.candidate: Weights = {}
        self.good_weights: Weights = {}
        self.good_epoch = 0
        self.saved_at = -math.inf

    # --- the loop ---------------------------------------------------------------------------------------------------

    def run(self, progress: Progress) -> dict[str, Any]:
        """Train for the epochs of the config, write every file but the plots, and return the summary.

        Raises:
            RunFailed: a loss or gradient is no longer finite. The last good weights have been saved.
        """
        config, data = self.experiment.config, self.experiment.data
        started = time.perf_counter()
        columns = metric_columns([m.name for m in self.experiment.metrics], validation=data.validation is not None)
        self.model.train()
        try:
            with MetricsLog(self.directory.metrics, columns) as log, progress:
                while self.epoch < config.train.epochs:
                    row = self._run_epoch()
                    row["seconds"] = round(time.perf_counter() - started, 6)
                    log.append(row)
                    progress.epoch(self.epoch, {name: row.get(name) for name in SHOWN})
                    self._save_now_and_then()
            summary = self.summarize(time.perf_counter() - started)
        finally:
            self.save()
        write_summary(self.directory.summary, summary)
        return summary

    def _run_epoch(self) -> dict[str, float | None]:
        total = norms = 0.0
        rate = self.optimizer.param_groups[0]["lr"]
        for inputs, targets in self.batches:
            loss, norm = self.step(inputs, targets)
            total += loss * len(inputs)
            norms += norm
            if self.steps_per_batch:
                self.scheduler.step()
        if self.scheduler is not None and not self.steps_per_batch:
            self.scheduler.step()
        self.epoch += 1
        train_loss = total / len(self.experiment.data.train)
        row: dict[str, float | None] = {
            "epoch": self.epoch,
            "learning_rate": float(rate),
            "gradient_norm": norms / len(self.batches),
            "train_loss": train_loss,
        }
        validation = self.experiment.data.validation
        if validation is not None:
            row |= {f"validation_{name}": value for name, value in score(self.experiment, validation).items()}
        self._remember(row.get("validation_loss"))
        return row

    def step(self, inputs: Any, targets: Any) -> tuple[float, float]:
        """One step on one batch; returns the loss and the norm of all gradients together (before clipping).

        Raises:
            RunFailed: the loss or a gradient is not finite.
        """
        self.steps += 1
        self.optimizer.zero_grad()
        try:
            loss = self.loss(self.model(inputs), targets)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            raise RunFailed(f"{self._now()}: the model cannot take this batch: {_told(error, inputs)}") from error
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

    def _save_now_and_then(self) -> None:
        if time.perf_counter() - self.saved_at >= SECONDS_BETWEEN_SAVES:
            self.save()

    def save(self) -> None:
        """Write `last.safetensors`, the last good weights, and `best.safetensors` if it has changed."""
        if not self.good_weights:
            return
        self._write(self.directory.last_checkpoint, self.good_weights, self.good_epoch)
        if self.experiment.data.validation is None:
            self._write(self.directory.best_checkpoint, self.good_weights, self.good_epoch)
        elif not self.best_is_saved and self.best_weights:
            self._write(self.directory.best_checkpoint, self.best_weights, self.best_epoch)
            self.best_is_saved = True
        self.saved_at = time.perf_counter()

    def _write(self, path: Any, weights: Weights, epoch: int) -> None:
        metadata = {
            "epoch": epoch,
            "seed": self.experiment.config.seed,
            "preparation": self.experiment.data.preparation.to_dict(),
            "version": __version__,
        }
        checkpoint.save(path, weights, metadata)

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
            "versions": {"mytorch": __version__, "numpy": np.__version__, "python": platform.python_version()},
        }

    def score_all(self) -> dict[str, dict[str, float]]:
        """The scores of the present weights on every split that there is."""
        return {name: score(self.experiment, split) for name, split in self.experiment.data.splits.items()}

    # --- when it goes wrong -----------------------------------------------------------------------------------------

    def _failed(self, what: str, where: str) -> RunFailed:
        return RunFailed(
            f"{self._now()}: {what}: {where}.\n"
            f"The training was stopped; {self.what_is_kept()}.\n"
            "A smaller optimizer.lr, train.clip_grad_norm or normalised inputs usually help."
        )

    def _now(self) -> str:
        epoch, in_epoch = divmod(self.steps - 1, len(self.batches))
        return f"epoch {epoch + 1}, step {in_epoch + 1} of {len(self.batches)}"

    def what_is_kept(self) -> str:
        """Where the last good weights are, as a part of a sentence."""
        if not self.good_epoch:
            return "no epoch was completed, so no weights were kept"
        return f"the weights after epoch {self.good_epoch} are in {self.directory.last_checkpoint}"

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
