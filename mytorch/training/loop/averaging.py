"""Averages of the weights in a training: an exponential one over the steps (EMA), or the mean over epochs (SWA).

The training goes on with its own weights. Whatever is scored or saved as weights is the average, as soon as there is
one; a checkpoint has both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.creation.from_data import from_numpy
from mytorch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn
from mytorch.training.building.experiment import Experiment
from mytorch.training.random_streams import keeping_streams


class Averaging:
    """The average of a training's weights, if the config asks for one; else it does nothing."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment, self.model = experiment, experiment.model
        self.ema, self.swa = experiment.config.train.ema, experiment.config.train.swa
        self.averaged: AveragedModel | None = None
        if self.ema is not None:
            self.averaged = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(self.ema.decay))
        elif self.swa is not None:
            self.averaged = AveragedModel(self.model)

    @property
    def scored(self) -> nn.Module:
        """The model with the weights that count: the averaged ones, the training's own until there are any."""
        if self.averaged is None or int(self.averaged.n_averaged) == 0:
            return self.model
        return self.averaged.module

    def after_step(self) -> None:
        """Take the weights after a step into an exponential average."""
        if self.averaged is not None and self.ema is not None:
            self.averaged.update_parameters(self.model)

    def after_epoch(self, epoch: int) -> None:
        """Take the weights after an epoch, counted from 1, into the mean.

        The running statistics of batch norms are computed anew, by a pass over the training rows. What layers draw in
        it is not missed: the random streams are where they were.
        """
        if self.averaged is None or self.swa is None or epoch < self.swa.start_epoch:
            return
        self.averaged.update_parameters(self.model)
        with keeping_streams():
            update_bn(self._batches(), self.averaged.module)

    def _batches(self) -> Iterator[Any]:
        """The inputs of the training rows: shuffled if the training's are, but each time in the same order.

        In the order of a file, rows next to each other are often alike: their batches would vary too little.
        """
        inputs, size = self.experiment.data.train.inputs, self.experiment.batch_size
        order = np.arange(len(inputs))
        if self.experiment.config.dataset.shuffle:
            np.random.default_rng(self.experiment.config.seed).shuffle(order)
        for start in range(0, len(inputs), size):
            yield from_numpy(inputs[order[start : start + size]])

    def state_dict(self) -> dict[str, Any] | None:
        """The arrays of the average by name, for a checkpoint."""
        if self.averaged is None:
            return None
        return {name: tensor.array for name, tensor in self.averaged.state_dict().items()}

    def load_state_dict(self, state: dict[str, Any] | None) -> None:
        """Take over what `state_dict` returned; call it when the model is as it was then."""
        if self.averaged is None or state is None:
            return
        self.averaged.load_state_dict({name: from_numpy(array) for name, array in state.items()})
        for name, buffer in self.model.named_buffers():  # those that no state_dict has are the model's
            if f"module.{name}" not in state:
                self.averaged.module.get_buffer(name).copy_(buffer)
