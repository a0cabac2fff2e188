"""`mytorch.nn.modules`: the classes of `mytorch.nn` under the longer names by which PyTorch programs import them too.

`mytorch.nn.modules.conv` is `mytorch.nn.conv`, and so on: nothing is defined here. Modules that are divided otherwise
in PyTorch stand for the file in which their classes are here.

>>> from mytorch.nn.modules import Linear
>>> from mytorch.nn.modules.batchnorm import BatchNorm1d
>>> import mytorch
>>> Linear is mytorch.nn.Linear, BatchNorm1d is mytorch.nn.BatchNorm1d
(True, True)
"""

from __future__ import annotations

import sys
from typing import Any

import mytorch.nn as _nn
from mytorch.nn import (
    activation,
    container,
    conv,
    dropout,
    flatten,
    linear,
    loss,
    module,
    normalization,
    padding,
    pooling,
    recurrent,
    transformer,
)
from mytorch.nn import embedding as sparse

_NAMES = {
    "activation": activation,
    "batchnorm": normalization,
    "container": container,
    "conv": conv,
    "dropout": dropout,
    "flatten": flatten,
    "instancenorm": normalization,
    "linear": linear,
    "loss": loss,
    "module": module,
    "normalization": normalization,
    "padding": padding,
    "pooling": pooling,
    "rnn": recurrent,
    "sparse": sparse,
    "transformer": transformer,
}
for _name, _module in _NAMES.items():
    sys.modules[f"{__name__}.{_name}"] = _module
    globals()[_name] = _module


def __getattr__(name: str) -> Any:
    value = getattr(_nn, name, None)
    if isinstance(value, type):
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
