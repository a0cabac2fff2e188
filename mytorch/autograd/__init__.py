"""Floor 1: the engine. Recording operations, walking back through them, and checking the result.

>>> import mytorch
>>> x = mytorch.tensor(2.0, requires_grad=True)
>>> mytorch.autograd.grad(x ** 3, x)
(tensor(12.),)
"""

from mytorch.autograd import functional, graph
from mytorch.autograd.anomaly import (
    detect_anomaly,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_detect_anomaly,
)
from mytorch.autograd.engine import backward, grad
from mytorch.autograd.function import Function
from mytorch.autograd.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from mytorch.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from mytorch.autograd.variable import Variable

__all__ = [
    "Function",
    "GradcheckError",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
]
