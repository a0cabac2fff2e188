"""How large the weights of each layer and their gradients are, as a row of a table that `plots.plot_layers` draws.

It costs a dot product for each parameter and its gradient, so it is meant for once an epoch, not for every step.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mytorch import nn


def layer_norms(model: nn.Module) -> dict[str, float | None]:
    """The 2-norm of each trainable parameter (``weight:NAME``) and of its gradient (``gradient:NAME``, None without).

    The names are the same for every call, so that they are the columns of a table, as `run.MetricsLog` writes it.

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


def _norm(array: np.ndarray[Any, Any]) -> float:
    values = array.ravel(order="K")
    return math.sqrt(float(np.dot(values, values)))
