"""The `Tensor` class: the array object that users hold, how it is stored, converted, changed and printed."""

from mytorch.tensor.tensor import Size, Tensor

__all__ = ["Size", "Tensor"]
