"""Keeping gradients from becoming too large. Everything here changes `.grad` in place."""

from __future__ import annotations

import math
import types
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.autograd.primitive import namespace_of
from mytorch.tensor import Tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]

Tensors = Tensor | Iterable[Tensor]


def _listed(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _gradients(parameters: Sequence[Tensor]) -> list[Tensor]:
    return [p._grad for p in parameters if p._grad is not None]


def _norm(xp: Any, x: Any, p: float) -> Any:
    if p == 2:
        flat = x.reshape(-1)
        return xp.sqrt(xp.dot(flat, flat))
    size = xp.abs(x)
    if math.isinf(p):
        return size.max() if p > 0 else size.min()
    return (size != 0).sum() if p == 0 else (size**p).sum() ** (1 / p)


def get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The p-norm of all tensors together, as if they were one vector.

    Args:
        norm_type: p; inf for the largest absolute value.
        error_if_nonfinite: a norm that is infinite or NaN is an error.
        foreach: as in PyTorch's signature; makes no difference here.

    Raises:
        RuntimeError: the norm is not finite and `error_if_nonfinite`.

    >>> import mytorch
    >>> get_total_norm([mytorch.tensor([3.0]), mytorch.tensor([4.0])])
    tensor(5.)
    """
    arrays = [t.array for t in _listed(tensors)]
    p = float(norm_type)
    if not arrays:
        return wrap(np.zeros((), np.float32))
    xp = namespace_of(arrays[0])
    norms = [_norm(xp, a, p) for a in arrays]
    total = xp.asarray(_norm(xp, xp.asarray(norms), p))
    if error_if_nonfinite and not xp.isfinite(total):
        raise RuntimeError(
            f"The total norm of order {p} for gradients from `parameters` is non-finite, so it cannot be clipped. To "
            "disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return wrap(total)


def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients by max_norm / total_norm if that is below 1.

    >>> import mytorch
    >>> w = mytorch.zeros(1, requires_grad=True); w.grad = mytorch.tensor([8.0])
    >>> clip_grads_with_norm_(w, 2.0, mytorch.tensor(8.0)); w.grad
    tensor([2.0000])
    """
    factor = float(max_norm) / (total_norm.array + 1e-6)
    factor = np.minimum(factor, 1.0) if isinstance(total_norm.array, np.ndarray) else factor.clip(max=1.0)
    for g in _gradients(_listed(parameters)):
        g.array *= factor.astype(g.array.dtype)
        g.changed()


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients so that their norm together is at most `max_norm`; returns the norm before.

    Args:
        parameters: a tensor or several; those without a gradient do not count.
        norm_type, error_if_nonfinite, foreach: as in `get_total_norm`.

    Raises:
        RuntimeError: the norm is not finite and `error_if_nonfinite`.

    >>> import mytorch
    >>> w = mytorch.zeros(2, requires_grad=True)
    >>> (w * mytorch.tensor([3.0, 4.0])).sum().backward()
    >>> clip_grad_norm_(w, max_norm=1.0), w.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    listed = _listed(parameters)
    if not listed and isinstance(parameters, types.GeneratorType):
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    total = get_total_norm(_gradients(listed), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(listed, max_norm, total)
    return total


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Cut every element of the gradients off at +-clip_value.

    >>> import mytorch
    >>> w = mytorch.zeros(2, requires_grad=True); w.grad = mytorch.tensor([-3.0, 0.5])
    >>> clip_grad_value_(w, 1.0); w.grad
    tensor([-1.0000,  0.5000])
    """
    limit = float(clip_value)
    for g in _gradients(_listed(parameters)):
        g.array.clip(-limit, limit, out=g.array)
        g.changed()
