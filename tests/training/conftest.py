"""Small stand-ins, with PyTorch's signatures, for the classes that a config can name."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from mytorch import nn
from mytorch.data.sources import SOURCES
from mytorch.training.config.components import Registry
from mytorch.training.metrics import METRICS


class Module:
    pass


class Linear(Module):
    def __init__(self, in_features: int, out_features: int, bias: bool = True, dtype: SimpleNamespace | None = None):
        if out_features < 1:
            raise ValueError(f"out_features must be positive, got {out_features}")
        self.shape = (out_features, in_features)
        self.bias = bias


class Conv2d(Module):
    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int], stride: int = 1
    ) -> None:
        self.kernel_size = kernel_size


class Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p


class ReLU(Module):
    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace


class Tanh(Module):
    pass


class Hardtanh(Module):
    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        self.bounds = (min_val, max_val)


class Untyped(Module):
    def __init__(self, anything, *, size=3, table=None):  # type: ignore[no-untyped-def]
        self.anything = anything


class MSELoss(Module):
    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in ("none", "mean", "sum"):
            raise ValueError(f"{reduction} is not a valid value for reduction")


class SmoothL1Loss(Module):
    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        self.beta = beta


class CrossEntropyLoss(Module):
    def __init__(self, ignore_index: int = -100, label_smoothing: float = 0.0) -> None:
        self.ignore_index = ignore_index


class SGD:
    def __init__(self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.0, nesterov: bool = False) -> None:
        if nesterov and momentum <= 0:
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        self.params = list(params)


class Adam:
    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
    ) -> None:
        if lr < 0:
            raise ValueError(f"Invalid learning rate: {lr}")
        self.betas = betas


class AdamW(Adam):
    def __init__(self, params: Iterable[Any], lr: float = 1e-3, weight_decay: float = 1e-2) -> None:
        super().__init__(params, lr, weight_decay=weight_decay)


class StepLR:
    def __init__(self, optimizer: Any, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = step_size


class CosineAnnealingLR:
    def __init__(self, optimizer: Any, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max = T_max


class OneCycleLR:
    def __init__(
        self,
        optimizer: Any,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
    ) -> None:
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        if not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        self.total_steps = total_steps


def _by_name(*classes: type) -> dict[str, Any]:
    return {one.__name__: one for one in classes}


@pytest.fixture(scope="session")
def registries() -> dict[str, Registry]:
    return {
        "layer": Registry(_by_name(nn.Sequential, Linear, Conv2d, Dropout, ReLU, Tanh, Hardtanh, Untyped)),
        "loss": Registry(_by_name(MSELoss, SmoothL1Loss, CrossEntropyLoss)),
        "optimizer": Registry(_by_name(SGD, Adam, AdamW), {"params": lambda: [0.0]}),
        "scheduler": Registry(_by_name(StepLR, CosineAnnealingLR, OneCycleLR), {"optimizer": object}),
        "dataset": Registry(SOURCES),
        "metric": Registry(METRICS),
    }
