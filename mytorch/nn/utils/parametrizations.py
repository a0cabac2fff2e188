"""Parametrizations that are ready for use: a weight by direction and length, and one of largest singular value 1.

Sources: Salimans and Kingma, "Weight normalization" (2016); Miyato et al., "Spectral normalization for generative
adversarial networks" (2018).
"""

from __future__ import annotations

from typing import Any

from mytorch.autograd.grad_mode import no_grad
from mytorch.nn.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from mytorch.nn.functional import normalize
from mytorch.nn.module import Module
from mytorch.nn.utils.parametrize import register_parametrization
from mytorch.ops.linalg import dot, mv
from mytorch.tensor import Tensor

__all__ = ["spectral_norm", "weight_norm"]


def norm_except_dim(v: Tensor, dim: int) -> Tensor:
    """The 2-norms of a tensor's slices along one dimension, in a shape that broadcasts; of the whole if it is -1."""
    if dim == -1:
        return v.norm(2)
    others = [d for d in range(v.array.ndim) if d != dim % v.array.ndim]
    return (v * v).sum(others, keepdim=True).sqrt() if others else v.abs()


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except_dim(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn a weight's length and direction apart: w = g v / |v|.

    Args:
        dim: the dimension whose slices have a length of their own; None for one length of the whole.

    >>> from mytorch import nn
    >>> layer = weight_norm(nn.Linear(2, 3))
    >>> [(name, tuple(p.shape)) for name, p in layer.named_parameters()][1:]
    [('parametrizations.weight.original0', (3, 1)), ('parametrizations.weight.original1', (3, 2))]
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(state: Any, prefix: str, *_: Any) -> None:  # the names of the older form
        if f"{prefix}{name}_g" in state and f"{prefix}{name}_v" in state:
            state[f"{prefix}parametrizations.{name}.original0"] = state.pop(f"{prefix}{name}_g")
            state[f"{prefix}parametrizations.{name}.original1"] = state.pop(f"{prefix}{name}_v")

    module._register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    """Divides a weight by its largest singular value, which a step of power iteration a call keeps track of."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        ndim = weight.array.ndim
        if not -ndim <= dim < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim, self.eps = dim % ndim, eps
        if ndim > 1:  # a vector has one singular value: its norm
            self.n_power_iterations = n_power_iterations
            matrix = self._matrix(weight.detach())
            h, w = matrix.shape
            u, v = (matrix.new_empty(size).normal_(0, 1) for size in (h, w))
            self.register_buffer("_u", normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", normalize(v, dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _matrix(self, weight: Tensor) -> Tensor:
        """The weight with one row for each slice along `dim`."""
        return weight.movedim(self.dim, 0).flatten(1)

    def _iterate(self, matrix: Tensor, steps: int) -> None:
        with no_grad():
            for _ in range(steps):
                self._u.copy_(normalize(mv(matrix, self._v), dim=0, eps=self.eps))
                self._v.copy_(normalize(mv(matrix.t(), self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.array.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        # Copies: the next call changes the vectors, while this one's backward pass still needs them.
        u, v = self._u.clone(), self._v.clone()
        return weight / dot(u, mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value  # which need not have norm 1: it is brought to it


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its largest singular value.

    Args:
        n_power_iterations: steps in which the singular value is followed, for each reading in training mode.
        eps: against division by zero.
        dim: that of the outputs; 0 if None, 1 for transposed convolutions.

    >>> import mytorch
    >>> from mytorch import nn
    >>> layer = spectral_norm(nn.Linear(4, 1)).eval()
    >>> round(layer.weight.norm().item(), 4)
    1.0
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if dim is None:
        dim = int(isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)))
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
