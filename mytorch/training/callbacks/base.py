"""Own code that looks on while a model is trained: trackers such as TensorBoard and MLflow, under `log` in a config.

A tracker is a class that derives from `Callback` and has those of its five methods that it needs. See docs/tracking.md.
It looks on only: the random streams are put back after each call, so that a training gives the same bits with it as
without it. An error in it ends the training at the next place where that loses nothing, with the state saved.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mytorch import nn
from mytorch.data.prepare import PreparedData
from mytorch.training.config.yaml_source import parse
from mytorch.training.errors import RunFailed, Stopped, UserError
from mytorch.training.own_code import told
from mytorch.training.random_streams import keeping_streams

if TYPE_CHECKING:
    from mytorch.training.config.config import Config
    from mytorch.training.loop.loop import Training


class TrainingView:
    """What a callback sees of a training; it is to be looked at, not changed.

    `directory`: that of the run, in which the callback may keep files of its own. `resumed`: whether this process goes
    on with a training that an earlier one began; steps and epochs are then counted on from there.
    """

    def __init__(self, training: Training) -> None:
        self._training = training
        self.name: str = training.experiment.config.name
        self.directory: Path = training.directory.path
        self.resumed: bool = training.state_path is not None
        self.epochs: int = training.experiment.config.train.epochs  # that the training will have
        self.steps_per_epoch: int = training.steps_per_epoch
        self.data: PreparedData = training.experiment.data

    @property
    def model(self) -> nn.Module:
        """The model as it is now; after a step its parameters still have their gradients."""
        return self._training.model

    @property
    def epoch(self) -> int:
        """How many epochs are complete."""
        return self._training.epoch

    @property
    def step(self) -> int:
        """How many steps have been taken, in all epochs."""
        return self._training.steps

    @property
    def learning_rate(self) -> float:
        """That of the next step, of the first group of parameters."""
        return self._training.schedule.rate(self.step + 1, self.epoch + 1)

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        """The config in full, as plain data: what the run's config.yaml holds."""
        data: dict[str, Any] = parse(self._training.experiment.config.to_yaml()).data
        return data


class Callback:
    """The base of all trackers: five methods that do nothing.

    A config makes one with the constructor's own arguments, as it makes a layer: `log: [{type: MyTracker, every: 5}]`.
    The constructor is also called to check the config; files are opened in `on_train_begin`.

    >>> class Losses(Callback):
    ...     def on_step_end(self, training, loss, gradient_norm):
    ...         print(training.step, loss)

    `NEEDS` may name packages, each with the command that installs it; they are looked for before a training begins.
    """

    NEEDS: ClassVar[Mapping[str, str]] = {}

    def on_train_begin(self, training: TrainingView) -> None:
        """Before the first step of this process; `training.resumed` tells whether it is the first of all."""

    def on_step_end(self, training: TrainingView, loss: float, gradient_norm: float) -> None:
        """After each step, with the batch's loss and the norm of all gradients together, before clipping."""

    def on_epoch_end(self, training: TrainingView, row: Mapping[str, float | None]) -> None:
        """After each epoch, with the row that metrics.csv has got: `epoch`, `train_loss`, `validation_loss`, ..."""

    def on_checkpoint(self, training: TrainingView, path: Path) -> None:
        """When all of the training's state has been saved in `path`. A killed training goes on from the last such."""

    def on_train_end(self, training: TrainingView, result: Mapping[str, Any]) -> None:
        """At the end of this process, when all files are written.

        `result["state"]` is `finished`, and `result` what summary.json holds, or `interrupted`, or `failed` with the
        `message`.
        """


class Callbacks:
    """The callbacks of a training, by their places in the config; False if there are none.

    One that raises an error is not called again. `failure` then says what it was, and the training ends when it can.
    """

    def __init__(self, callbacks: Mapping[str, Callback] | None = None, view: TrainingView | None = None) -> None:
        self.callbacks = dict(callbacks or {})
        self.view = view
        self.failure: str | None = None

    def __bool__(self) -> bool:
        return bool(self.callbacks) or self.failure is not None

    def call(self, method: str, *arguments: Any) -> None:
        """Call a method of each that has it."""
        having = [
            (place, callback)
            for place, callback in self.callbacks.items()
            if getattr(type(callback), method) is not getattr(Callback, method)
        ]
        if not having:
            return
        with keeping_streams():
            for place, callback in having:
                try:
                    getattr(callback, method)(self.view, *arguments)
                except UserError:
                    raise
                except Exception as error:  # whatever the user's code raises
                    del self.callbacks[place]
                    self.failure = self.failure or f"{place}: {method} failed: {told(error)}"

    def raise_failure(self, and_now: str) -> None:
        """RunFailed, if one has failed, with what became of the training."""
        if self.failure is not None:
            raise RunFailed(f"{self.failure}\n{and_now}")


def require_packages(config: Config) -> None:
    """Look whether the packages are there that the config's callbacks need, before anything is written.

    Raises:
        UserError: one is not.
    """
    for component in config.log:
        for package, command in getattr(component.target, "NEEDS", {}).items():
            if importlib.util.find_spec(package) is None:
                raise UserError(f"log: {component.type} needs the package {package}: {command}")


def open_callbacks(training: Training) -> Callbacks:
    """Those that the config names under `log`."""
    config = training.experiment.config
    if not config.log:
        return Callbacks()
    require_packages(config)
    callbacks = {
        f"log.{index} ({component.type})": config.build(("log", index), component)
        for index, component in enumerate(config.log)
    }
    return Callbacks(callbacks, TrainingView(training))


@contextlib.contextmanager
def told_of_the_end(callbacks: Callbacks) -> Iterator[None]:
    """Tells the callbacks when the training in the `with` block fails or is stopped; if it is not, they learn later."""
    try:
        yield
    except Stopped:
        _tell(callbacks, {"state": "interrupted"})
        raise
    except Exception as error:
        _tell(callbacks, {"state": "failed", "message": str(error)})
        raise


def _tell(callbacks: Callbacks, result: Mapping[str, Any]) -> None:
    before, callbacks.failure = callbacks.failure, None
    callbacks.call("on_train_end", result)
    if callbacks.failure is not None:  # the training's own end is what is to be heard of
        print(f"warning: {callbacks.failure}", file=sys.stderr)
    callbacks.failure = before
