"""Dropout: multiplication with random masks from PyTorch's streams, so that the same seed drops the same elements."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import wrap
from mytorch.backend import random as streams
from mytorch.backend.generator import default_generator
from mytorch.ops import arithmetic
from mytorch.ops.activation import SELU_ALPHA, SELU_SCALE

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]


def _check(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _channels(x: Any) -> tuple[int, ...]:
    """A shape with one element for each channel of each example, which broadcasts against `x`."""
    if x.array.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return (*x.array.shape[:2], *(1,) * (x.array.ndim - 2))


def _times(x: Any, mask: Any, in_place: bool) -> Any:
    return x.mul_(wrap(mask)) if in_place else arithmetic.mul(x, wrap(mask))


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each element to 0 with probability p and scale the others by 1 / (1 - p); outside of training, nothing.

    Source: N. Srivastava and others, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.

    Raises:
        ValueError: p is not between 0 and 1.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> dropout(mytorch.ones(4)), dropout(mytorch.ones(4), training=False)
    (tensor([0., 0., 2., 0.]), tensor([1., 1., 1., 1.]))
    """
    _check(p)
    x = input.array
    if not training or p == 0 or not x.size:
        return input
    return _times(input, streams.dropout_mask(default_generator, x.shape, x.dtype, p), inplace)


def _feature_dropout(input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    x = input.array
    if not training or p == 0 or not x.size:
        return input
    return _times(input, streams.dropout_mask(default_generator, _channels(input), x.dtype, p), inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels of (N, C, L) or (C, L).

    >>> import mytorch
    >>> dropout1d(mytorch.ones(2, 3, 4), 1.0).sum()
    tensor(0.)
    """
    _check(p)
    if input.array.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.array.ndim}D input. Note that dropout1d "
            "exists to provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an "
            "optional batch dimension (i.e. 2D or 3D inputs)."
        )
    if input.array.ndim == 3:
        return _feature_dropout(input, p, training, inplace)
    out = _feature_dropout(input.unsqueeze(0), p, training, inplace).squeeze(0)
    return input if inplace and not input.requires_grad else out


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels of (N, C, H, W).

    A 3-D input is taken as (N, C, L), with a warning: PyTorch means to change this.

    >>> import mytorch
    >>> dropout2d(mytorch.ones(2, 3, 4, 4), 1.0).sum()
    tensor(0.)
    """
    _check(p)
    ndim = input.array.ndim
    if ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired "
            "- input is interpreted as shape (N, C, L), where C is the channel dim. Use dropout1d for this.",
            stacklevel=2,
        )
    elif ndim != 4:
        _warn_of_shape("dropout2d", ndim, "2 spatial dimensions", "3D or 4D")
    return _feature_dropout(input, p, training, inplace)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels of (N, C, D, H, W) or (C, D, H, W).

    >>> import mytorch
    >>> dropout3d(mytorch.ones(2, 3, 4, 4, 4), 1.0).sum()
    tensor(0.)
    """
    _check(p)
    ndim = input.array.ndim
    if ndim not in (4, 5):
        _warn_of_shape("dropout3d", ndim, "3 spatial dimensions", "4D or 5D")
    if ndim != 4:
        return _feature_dropout(input, p, training, inplace)
    out = _feature_dropout(input.unsqueeze(0), p, training, inplace).squeeze(0)
    return input if inplace and not input.requires_grad else out


def _warn_of_shape(name: str, ndim: int, dimensions: str, expected: str) -> None:
    warnings.warn(
        f"{name}: Received a {ndim}-D input to {name}, which is deprecated and will result in an error in a future "
        f"release. To retain the behavior and silence this warning, please use dropout instead. Note that {name} "
        f"exists to provide channel-wise dropout on inputs with {dimensions}, a channel dimension, and an optional "
        f"batch dimension (i.e. {expected} inputs).",
        stacklevel=3,
    )


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout for `selu` networks: keeps mean 0 and variance 1 (Klambauer and others, 2017).

    >>> import mytorch
    >>> alpha_dropout(mytorch.ones(3), 1.0, training=True)
    tensor([0., 0., 0.])
    """
    return _alpha_dropout(input, p, training, inplace, input.array.shape)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels.

    >>> import mytorch
    >>> feature_alpha_dropout(mytorch.ones(1, 2, 3), 1.0, training=True).sum()
    tensor(0.)
    """
    return _alpha_dropout(input, p, training, inplace, _channels(input) if training and p > 0 else ())


def _alpha_dropout(input: Tensor, p: float, training: bool, in_place: bool, shape: tuple[int, ...]) -> Tensor:
    """Dropped elements take SELU's lower limit; scale and shift bring mean and variance back."""
    _check(p)
    x = input.array
    if not training or p == 0 or not x.size:
        return input
    if p == 1:
        return _times(input, streams.dropout_mask(default_generator, (), x.dtype, 1.0), in_place)
    limit = SELU_ALPHA * SELU_SCALE
    scale = 1 / math.sqrt((limit * limit * p + 1) * (1 - p))
    kept = streams.bernoulli(default_generator, shape, x.dtype, 1 - p)
    shift = (kept - 1) * (limit * scale) + limit * scale * p
    scaled = _times(input, kept * scale, in_place)
    return scaled.add_(wrap(shift)) if in_place else arithmetic.add(scaled, wrap(shift))
