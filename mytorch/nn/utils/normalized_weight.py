"""The older forms of weight and spectral normalization: a hook before `forward` that computes the weight anew.

The weight is no parameter then, but an attribute that the hook sets. `mytorch.nn.utils.parametrizations` has the forms
to use. Both kinds compute the same; names in the state differ.
"""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

from mytorch.autograd.grad_mode import no_grad
from mytorch.autograd.node import Handle
from mytorch.nn.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from mytorch.nn.functional import normalize
from mytorch.nn.module import Module
from mytorch.nn.parameter import Parameter
from mytorch.nn.utils.parametrizations import norm_except_dim
from mytorch.ops.linalg import dot, mv
from mytorch.tensor import Tensor

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]

M = TypeVar("M", bound=Module)


class _Recomputed:
    """A hook before `forward` that gives the module its weight; one for each name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.handle: Handle | None = None

    def compute(self, module: Any) -> Tensor:
        raise NotImplementedError

    def __call__(self, module: Any, args: Any) -> None:
        setattr(module, self.name, self.compute(module))

    def attach(self, module: Module) -> None:
        for hook, _ in module._forward_pre_hooks.values():
            if isinstance(hook, type(self)) and hook.name == self.name:
                what = "weight_norm" if isinstance(self, _WeightNorm) else "spectral_norm"
                raise RuntimeError(f"Cannot register two {what} hooks on the same parameter {self.name}")
        self.prepare(module)
        self.handle = module.register_forward_pre_hook(self)

    def prepare(self, module: Any) -> None:
        raise NotImplementedError

    def detach(self, module: Any) -> None:
        raise NotImplementedError


def _remove(kind: type[_Recomputed], what: str, module: M, name: str) -> M:
    for hook, _ in list(module._forward_pre_hooks.values()):
        if isinstance(hook, kind) and hook.name == name and hook.handle is not None:
            hook.detach(module)
            hook.handle.remove()
            return module
    raise ValueError(f"{what} of '{name}' not found in {module}")


class _WeightNorm(_Recomputed):
    def __init__(self, name: str, dim: int | None) -> None:
        super().__init__(name)
        self.dim = -1 if dim is None else dim

    def compute(self, module: Any) -> Tensor:
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        return v * (g / norm_except_dim(v, self.dim))

    def prepare(self, module: Any) -> None:
        weight = getattr(module, self.name)
        delattr(module, self.name)
        module.register_parameter(self.name + "_g", Parameter(norm_except_dim(weight.detach(), self.dim)))
        module.register_parameter(self.name + "_v", Parameter(weight.detach()))
        setattr(module, self.name, self.compute(module))

    def detach(self, module: Any) -> None:
        weight = self.compute(module)
        for name in (self.name, self.name + "_g", self.name + "_v"):
            delattr(module, name)
        setattr(module, self.name, Parameter(weight.detach()))


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Learn a weight's length and direction apart, as the parameters `weight_g` and `weight_v`.

    Deprecated, as in PyTorch: use `mytorch.nn.utils.parametrizations.weight_norm`.
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    _WeightNorm(name, dim).attach(module)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Make the weight an ordinary parameter again, of the value that it has."""
    return _remove(_WeightNorm, "weight_norm", module, name)


class _SpectralNorm(_Recomputed):
    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__(name)
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.n_power_iterations, self.dim, self.eps = n_power_iterations, dim, eps

    def compute(self, module: Any) -> Tensor:
        weight = getattr(module, self.name + "_orig")
        held_u, held_v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        matrix = weight.movedim(self.dim, 0).flatten(1)
        if module.training:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    held_v.copy_(normalize(mv(matrix.t(), held_u), dim=0, eps=self.eps))
                    held_u.copy_(normalize(mv(matrix, held_v), dim=0, eps=self.eps))
        u, v = held_u.clone(), held_v.clone()  # the next call changes them, and this one's backward pass needs them
        return weight / dot(u, mv(matrix, v))

    def prepare(self, module: Any) -> None:
        weight = getattr(module, self.name)
        matrix = weight.detach().movedim(self.dim, 0).flatten(1)
        vectors = [normalize(matrix.new_empty(n).normal_(0, 1), dim=0, eps=self.eps) for n in matrix.shape]
        delattr(module, self.name)
        module.register_parameter(self.name + "_orig", weight)
        setattr(module, self.name, weight.detach())
        for letter, vector in zip("uv", vectors, strict=True):
            module.register_buffer(f"{self.name}_{letter}", vector)

    def detach(self, module: Any) -> None:
        training, module.training = module.training, False
        weight = self.compute(module).detach()
        module.training = training
        for suffix in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight))


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """Divide a weight by its largest singular value before each call; what is learned is `weight_orig`.

    Arguments as for `mytorch.nn.utils.parametrizations.spectral_norm`, which is the form to use.
    """
    if dim is None:
        dim = int(isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)))
    _SpectralNorm(name, n_power_iterations, dim, eps).attach(module)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Make the weight an ordinary parameter again, of the value that it has."""
    return _remove(_SpectralNorm, "spectral_norm", module, name)
