"""The names of the first MyTorch, so that its programs still run with `import mytorch as my`.

| first name | what it is |
|---|---|
| `my.Param(data)` | an `nn.Parameter` made from a number, a list or an array |
| `my.layers` | `mytorch.nn`, with a `Linear` that also takes lists |
| `my.optimizers` | `mytorch.optim`'s `Adam` and `SGD`, with `update()` as another name for `step()` |

They are names and nothing more: what computes lies in `mytorch.nn` and `mytorch.optim`, where new programs find it too.
"""

from __future__ import annotations

from typing import Any

from mytorch.backend.dtypes import get_default_dtype
from mytorch.creation.from_data import tensor
from mytorch.first_names import layers, optimizers
from mytorch.nn import Parameter

__all__ = ["Param", "layers", "optimizers"]


class Param(Parameter):
    """A parameter made from a number, a (nested) list or a NumPy array, which is copied.

    Args:
        data: the values. Whatever their type, they become floating point.
        dtype: the floating type; the default one (float32) if None, also for float64 arrays, so that they fit a
            layer's weights.
        requires_grad: whether gradients are computed for it. For data that is only read, False saves some work.

    >>> import mytorch as my
    >>> my.Param([1, 2]).data, my.Param(0) + 1
    (tensor([1., 2.]), tensor(1., grad_fn=<AddBackward0>))
    """

    __slots__ = ()

    def __init__(self, data: Any = 0.0, dtype: Any = None, requires_grad: bool = True) -> None:
        super().__init__(tensor(data, dtype=get_default_dtype() if dtype is None else dtype), requires_grad)
