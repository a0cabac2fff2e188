"""Averages of the weights along a training: stochastic weight averaging (SWA) and exponential moving averages (EMA).

The average generalises better than the weights of the last step, which the noise of small batches moves about. Names,
arguments and numbers are those of `torch.optim.swa_utils`. Sources: Izmailov et al. 2018, arXiv:1803.05407 (SWA);
Polyak and Juditsky 1992 (averages of iterates).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any, Literal

from mytorch.autograd import no_grad
from mytorch.creation.from_data import tensor
from mytorch.nn.module import Module
from mytorch.nn.normalization import _BatchNorm
from mytorch.ops.compound import lerp
from mytorch.optim.lr_scheduler.base import LRScheduler, Rate, for_each_group
from mytorch.optim.optimizer import Optimizer
from mytorch.tensor import Tensor

__all__ = [
    "AveragedModel",
    "SWALR",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

AvgFn = Callable[[Tensor, Tensor, Any], Tensor]
MultiAvgFn = Callable[[list[Tensor], list[Tensor], Any], None]


def get_ema_avg_fn(decay: float = 0.999) -> AvgFn:
    """`decay` times the average plus `1 - decay` times the new value, for one tensor.

    Raises:
        ValueError: `decay` is not between 0 and 1.

    >>> get_ema_avg_fn(0.75)(tensor([1.0]), tensor([3.0]), 1)
    tensor([1.5000])
    """
    _check_decay(decay)

    def average(averaged: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return decay * averaged + (1 - decay) * current

    return average


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAvgFn:
    """The same as `get_ema_avg_fn` for lists of tensors, of which those of the first are changed.

    >>> averaged = [tensor([1.0])]
    >>> get_ema_multi_avg_fn(0.75)(averaged, [tensor([3.0])], 1); averaged
    [tensor([1.5000])]
    """
    _check_decay(decay)

    def average(averaged: list[Tensor], current: list[Tensor], num_averaged: Any) -> None:
        with no_grad():
            for mean, value in zip(averaged, current, strict=True):
                if mean.is_floating_point() or mean.is_complex():
                    mean.copy_(lerp(mean, value, 1 - decay))
                else:
                    mean.copy_(mean * decay + value * (1 - decay))

    return average


def get_swa_avg_fn() -> AvgFn:
    """The mean of all values so far, for one tensor.

    >>> get_swa_avg_fn()(tensor([1.0]), tensor([4.0]), 2)
    tensor([2.])
    """

    def average(averaged: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return averaged + (current - averaged) / (num_averaged + 1)

    return average


def get_swa_multi_avg_fn() -> MultiAvgFn:
    """The same as `get_swa_avg_fn` for lists of tensors, of which those of the first are changed.

    >>> averaged = [tensor([1.0])]
    >>> get_swa_multi_avg_fn()(averaged, [tensor([4.0])], 2); averaged
    [tensor([2.])]
    """

    def average(averaged: list[Tensor], current: list[Tensor], num_averaged: Any) -> None:
        share = 1 / (int(num_averaged) + 1)
        with no_grad():
            for mean, value in zip(averaged, current, strict=True):
                if mean.is_floating_point() or mean.is_complex():
                    mean.copy_(lerp(mean, value, share))
                else:
                    mean.copy_(mean + (value - mean) * share)

    return average


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


class AveragedModel(Module):
    """A copy of a model whose parameters are an average of those that the model had at each `update_parameters`.

    Args:
        model: the model that is trained; it is copied.
        device: as in PyTorch; there is only the CPU.
        avg_fn: `f(averaged, current, number so far)` gives the new average of one tensor.
        multi_avg_fn: the same for all parameters together, in place. None for both: the mean of all.
        use_buffers: average the buffers too; else they are those of the model at the last update.

    Raises:
        AssertionError: both functions are given.

    >>> import mytorch
    >>> model = mytorch.nn.Linear(1, 1, bias=False)
    >>> averaged = AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = model.weight.data.fill_(value)
    ...     averaged.update_parameters(model)
    >>> averaged(mytorch.ones(1, 1)).item(), averaged.n_averaged
    (3.0, tensor(3))
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: AvgFn | None = None,
        multi_avg_fn: MultiAvgFn | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model gives."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the present parameters of the model into the average; the first time they are copied."""
        averaged, current = self._averaged_tensors(self.module), self._averaged_tensors(model)
        if int(self.n_averaged) == 0:
            _copy(averaged, current)
        elif self.avg_fn is not None:
            for mean, value in zip(averaged, current, strict=True):
                mean.copy_(self.avg_fn(mean, value, self.n_averaged))
        else:
            average = self.multi_avg_fn or get_swa_multi_avg_fn()
            for kind in dict.fromkeys(mean.dtype for mean in averaged):
                same = [index for index, mean in enumerate(averaged) if mean.dtype == kind]
                average([averaged[i] for i in same], [current[i] for i in same], self.n_averaged)
        if not self.use_buffers:
            _copy(list(self.module.buffers()), list(model.buffers()))
        self.n_averaged += 1

    def _averaged_tensors(self, model: Module) -> list[Tensor]:
        buffers = model.buffers() if self.use_buffers else ()
        return [t.detach() for t in chain(model.parameters(), buffers)]


def _copy(to: list[Tensor], source: list[Tensor]) -> None:
    for mine, other in zip(to, source, strict=True):
        mine.detach().copy_(other.detach())


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's batch norms anew, as the mean over all batches of the loader.

    Averaged weights need it: the statistics of the trained model are those of other activations. A model without batch
    norm is left alone, and the loader is not read.

    Args:
        loader: batches; of a list or tuple the first item goes into the model.
        model: its parameters do not change; layers such as dropout are active meanwhile.
        device: as in PyTorch; there is only the CPU.

    >>> import mytorch
    >>> model = mytorch.nn.BatchNorm1d(1)
    >>> update_bn([mytorch.tensor([[1.0], [3.0]]), mytorch.tensor([[5.0], [7.0]])], model)
    >>> model.running_mean, model.momentum
    (tensor([4.]), 0.1)
    """
    momenta = {module: module.momentum for module in model.modules() if isinstance(module, _BatchNorm)}
    if not momenta:
        return
    for module in momenta:
        module.reset_running_stats()
        module.momentum = None
    was_training = model.training
    model.train()
    with no_grad():
        for batch in loader:
            inputs = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(inputs if device is None else inputs.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the rate that an optimizer has to a constant one, at which weights are averaged.

    Args:
        optimizer: the optimizer whose rates are set.
        swa_lr: the constant rate, or a list with one for each group.
        anneal_epochs: how many steps it takes to get there.
        anneal_strategy: "cos" for half a cosine, "linear" for a straight line.
        last_epoch: the step that a resumed training had reached, -1 for a new one.

    Raises:
        ValueError: an option is out of range.

    >>> import mytorch
    >>> optimizer = mytorch.optim.SGD([mytorch.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> rates = []
    >>> for _ in range(3): rates += schedule.get_last_lr(); optimizer.step(); schedule.step()
    >>> rates
    [1.0, 0.75, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = for_each_group("swa_lr", optimizer, swa_lr)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        self._warn_if_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        return [_annealed(group["lr"], group["swa_lr"], before, now) for group in self.optimizer.param_groups]

    def _share(self, step: int) -> float:
        """How much of the way to the constant rate is done after so many steps."""
        done = min(1.0, max(0.0, step / max(1, self.anneal_epochs)))
        return done if self.anneal_strategy == "linear" else (1 - math.cos(math.pi * done)) / 2


def _annealed(rate: Rate, end: float, before: float, now: float) -> Rate:
    """The rate when `now` of the way is done, from that when `before` was."""
    start = end if before == 1 else (rate - before * end) / (1 - before)
    return end * now + start * (1 - now)
