"""Training a run's steps once more, in a throw-away run, with a look at everything after each step.

`Lane` lets several trainings take turns, a step each. They share the process and its random streams, so each has its
own streams put in place whenever it is its turn; it runs in a thread of its own, but never while another one does.
"""

from __future__ import annotations

import contextlib
import contextvars
import random
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mytorch.autograd import is_grad_enabled
from mytorch.autograd.array import DifferentiableArray
from mytorch.training.building.experiment import Experiment, build
from mytorch.training.config.config import Config, load_config
from mytorch.training.config.sections import Checkpoint
from mytorch.training.errors import RunFailed, Stopped
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.loop.resume import config_of
from mytorch.training.loop.signals import StopRequest
from mytorch.training.loop.state import restore, state_of
from mytorch.training.random_streams import keeping_streams
from mytorch.training.runs.packing import Arrays, pack
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import Loaded

NEVER = Checkpoint(every_epochs=2**31)  # when a replay writes checkpoints
# What of a training's state tells two trainings apart, in the order in which a step changes it.
STATE_PARTS = ("model", "unsaved_buffers", "optimizer", "scheduler", "averaged", "random", "pass")
UNSEEDED = ("random.numpy", "random.python")


class AfterEachStep(StopRequest):
    """Calls `look(training)` after each step, and stops the training when that returns True."""

    def __init__(self, training: Training, look: Callable[[Training], bool]) -> None:
        self.training, self.look = training, look
        self.seen = training.steps

    @property
    def signal(self) -> int | None:  # type: ignore[override]
        """Asked for after every step, and between steps too."""
        if self.training.steps == self.seen:
            return None
        self.seen = self.training.steps
        return signal.SIGINT if self.look(self.training) else None


def train_on(training: Training, look: Callable[[Training], bool]) -> None:
    """Train without a word, until the end or until `look(training)`, which is called after each step, returns True."""
    with contextlib.suppress(Stopped):
        training.run(Progress(training.experiment.config.train.epochs, "quiet"), AfterEachStep(training, look))


def state_arrays(arrays: Arrays) -> Arrays:
    """The arrays of a checkpoint that tell two trainings apart, in the order of `STATE_PARTS`.

    The streams of NumPy and Python are not among them: a training does not seed them, so they are never the same, and
    nothing of ours draws from them. Where a layer of the user's does, its output tells.
    """
    own = [name for name in arrays if name.split(".")[0] in STATE_PARTS and not name.startswith(UNSEEDED)]
    return {name: arrays[name] for name in sorted(own, key=lambda name: STATE_PARTS.index(name.split(".")[0]))}


@dataclass
class Record:
    """What there was to see in a step, in the order in which it came about: copies by name, and the state after it."""

    step: int
    seen: Arrays = field(default_factory=dict)
    state: Arrays = field(default_factory=dict)  # the training's own arrays: they change when it goes on
    loss: float | None = None

    def add(self, name: str, value: Any) -> None:
        """Take a copy; what comes several times in a step is numbered."""
        if not isinstance(value, DifferentiableArray):
            return
        key, number = name, 1
        while key in self.seen:
            number += 1
            key = f"{name}, time {number}"
        self.seen[key] = np.array(value.array)


class Lane:
    """The training of a run, from a checkpoint or, with `start` None, from its beginning, a step at a time.

    The first `advance` gives the state at the start. It returns None when the training has ended. Of a training that
    fails, the last record is of the step that failed, without a state after it.
    """

    def __init__(self, run: Run, start: Loaded | None, runs_dir: Path) -> None:
        self.run, self.start, self.runs_dir = run, start, runs_dir
        self.types: dict[str, str] = {}  # of the layers, by name
        self.parameters: list[str] = []  # the names of the optimizer's, in its order
        self.steps_per_epoch = 0
        self.experiment: Experiment | None = None
        self.failure: RunFailed | None = None  # the training has failed, as the run's own may have
        self._error: BaseException | None = None
        self._record: Record | None = Record(0)
        self._turn, self._given_back = threading.Semaphore(0), threading.Semaphore(0)
        self._is_closing = False
        context = contextvars.copy_context()  # NumPy's settings for floating-point errors are in it
        self._thread = threading.Thread(target=context.run, args=(self._work,), daemon=True)

    def advance(self) -> Record | None:
        """Train one step; None if there is none left.

        Raises:
            UserError: the run's config or data cannot be used any more.
        """
        if self._thread.ident is None:
            self._thread.start()
        elif not self._thread.is_alive():
            return None
        with keeping_streams():
            self._turn.release()
            self._given_back.acquire()
        if self._error is not None:
            raise self._error
        return self._record

    def close(self) -> None:
        """End the training, if it has begun."""
        if self._thread.is_alive():
            self._is_closing = True
            self._turn.release()
            self._thread.join()

    # --- in the thread ----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        self._turn.acquire()
        try:
            if not self._is_closing:
                self._train()
        except BaseException as error:  # it is raised where it was asked for
            self._error = error
        self._given_back.release()

    def _train(self) -> None:
        if self.start is None:  # as in a process of its own
            np.random.seed()
            random.seed()
        self.experiment = build(self._config(), runs_dir=self.runs_dir if self.start is None else None)
        with Run.throwaway(self.run.name) as copy:
            training = Training(self.experiment, copy)
            self.steps_per_epoch = training.steps_per_epoch
            if self.start is not None:
                restore(training, self.start)
            self._watch(training)
            if self._look(training):
                return
            try:
                train_on(training, self._look)
            except RunFailed as failure:
                if isinstance(failure.__cause__, OSError):  # it is the replay that failed, not the training
                    raise
                self.failure = failure
            if self.failure is None:
                self._record = None

    def _config(self) -> Config:
        config = load_config(self.run.config) if self.start is None else config_of(self.start, self.run)
        return config.model_copy(update={"checkpoint": NEVER})

    def _look(self, training: Training) -> bool:
        """Give what was seen to the other thread, and wait for the next turn. True: there will be none."""
        assert self._record is not None
        self._record.step = training.steps
        state = state_of(training)
        self._record.state = state_arrays(pack({part: state[part] for part in STATE_PARTS})[0])
        with keeping_streams():
            self._given_back.release()
            self._turn.acquire()
        self._record = Record(training.steps + 1)
        return self._is_closing

    def _watch(self, training: Training) -> None:
        """Register hooks that record what comes about in a step, as long as gradients are asked for."""
        model = training.model
        model.register_forward_pre_hook(lambda _m, inputs: self._see("inputs of the batch", *inputs[:1]))
        for name, module in model.named_modules():
            self.types[name] = type(module).__name__
            place = f"output of layer {name}" if name else "output of the model"
            module.register_forward_hook(lambda _m, _i, output, place=place: self._see_results(place, output))
        training.loss.register_forward_pre_hook(lambda _m, inputs: self._see("targets of the batch", *inputs[1:]))
        training.loss.register_forward_hook(lambda _m, _i, loss: self._see_loss(loss))
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        for parameter in training.parameters:
            name = names[id(parameter)]
            parameter.register_post_accumulate_grad_hook(
                lambda p, name=name: self._add(f"gradient of {name}", p.grad)  # type: ignore[misc]
            )
        self.parameters = [names[id(p)] for group in training.optimizer.param_groups for p in group["params"]]

        def before_the_optimizer(*_: Any) -> None:
            for parameter in training.parameters:
                self._add(f"gradient of {names[id(parameter)]} as the optimizer gets it", parameter.grad)

        training.optimizer.register_step_pre_hook(before_the_optimizer)

    def _see(self, name: str, *values: Any) -> None:
        if is_grad_enabled():  # else something is being scored
            for value in values:
                self._add(name, value)

    def _see_results(self, name: str, output: Any) -> None:
        results = output if isinstance(output, (tuple, list)) else [output]
        self._see(name, *results)

    def _see_loss(self, loss: Any) -> None:
        self._see("loss", loss)
        if is_grad_enabled() and self._record is not None and self._record.loss is None:
            self._record.loss = float(loss.item())

    def _add(self, name: str, value: Any) -> None:
        if self._record is not None:
            self._record.add(name, value)
