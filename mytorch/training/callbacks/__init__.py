"""Own code that looks on while a model is trained: the interface, and TensorBoard."""

from mytorch.training.callbacks.base import Callback, TrainingView

__all__ = ["Callback", "TrainingView"]
