"""How large weights and gradients are. norms.csv has those of each layer, a row an epoch, which `plot_layers` draws.

That costs a dot product for each parameter and its gradient, so it is done once an epoch, not for every step: the
gradients are those of the epoch's last step.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.training.runs.files import MetricsLog


def layer_norms(model: nn.Module) -> dict[str, float | None]:
    """The 2-norm of each trainable parameter (``weight:NAME``) and of its gradient (``gradient:NAME``, None without).

    The names are the same for every call, so that they are the columns of a table, as `MetricsLog` writes it.

    >>> import mytorch
    >>> model = nn.Linear(2, 1, bias=False)
    >>> _ = model.weight.data.copy_(mytorch.tensor([[3.0, 4.0]]))
    >>> model(mytorch.tensor([[0.0, 2.0]])).sum().backward()
    >>> layer_norms(model)
    {'weight:weight': 5.0, 'gradient:weight': 2.0}
    """
    parameters = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    norms: dict[str, float | None] = {f"weight:{name}": _norm(p.array) for name, p in parameters}
    return norms | {f"gradient:{name}": None if p.grad is None else _norm(p.grad.array) for name, p in parameters}


def norms_row(epoch: int, model: nn.Module) -> dict[str, float | None]:
    """A row of norms.csv: six digits of each norm."""
    norms = layer_norms(model).items()
    return {"epoch": epoch} | {name: None if norm is None else float(f"{norm:.6g}") for name, norm in norms}


def open_norms(path: Path, model: nn.Module, so_far: str = "") -> MetricsLog:
    """The file to add rows to, which holds `so_far` then; nothing, if that is of a model with other layers."""
    columns = list(norms_row(0, model))
    if so_far and next(csv.reader([so_far.partition("\n")[0]])) != columns:
        so_far = ""
    if not so_far:
        path.unlink(missing_ok=True)  # that of a training without a checkpoint that knows of it
    return MetricsLog(path, columns, so_far)


def gradient_norm(parameters: Iterable[Any]) -> float:
    """The 2-norm of all gradients taken together; parameters without a gradient count as 0.

    >>> import mytorch
    >>> w = nn.Parameter(mytorch.tensor([3.0, 4.0]))
    >>> (w * w).sum().backward()
    >>> gradient_norm([w])
    10.0
    """
    return math.sqrt(sum(_square(p.grad.array) for p in parameters if p.grad is not None))


def _norm(array: np.ndarray[Any, Any]) -> float:
    return math.sqrt(_square(array))


def _square(array: np.ndarray[Any, Any]) -> float:
    values = array.ravel(order="K")
    return float(np.dot(values, values))
