"""Floor 1: the engine. Recording operations, walking back through them, and checking the result.

>>> import mytorch
>>> x = mytorch.tensor(2.0, requires_grad=True)
>>> mytorch.autograd.grad(x ** 3, x)
(tensor(12.),)
"""

from mytorch.autograd.engine import backward, grad
from mytorch.autograd.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from mytorch.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = [
    "GradcheckError",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_grad_enabled",
]
