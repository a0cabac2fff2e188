"""Normalization layers, from batch norm to RMS norm."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

from mytorch.creation.filled import empty, ones, zeros
from mytorch.creation.from_data import tensor
from mytorch.nn import init
from mytorch.nn.module import Module
from mytorch.nn.parameter import Parameter
from mytorch.ops import normalization as functions
from mytorch.ops.shape import squeeze, unsqueeze
from mytorch.tensor import Tensor

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d",
    "LayerNorm", "LocalResponseNorm", "RMSNorm",
]  # fmt: skip


class _Affine(Module):
    """Base class: a weight that starts as 1 and a bias that starts as 0, or None in their places."""

    weight: Parameter | None
    bias: Parameter | None

    def _add_parameters(self, shape: Any, weight: bool, bias: bool, device: Any, dtype: Any) -> None:
        for name, wanted in (("weight", weight), ("bias", bias)):
            self.register_parameter(name, Parameter(empty(shape, device=device, dtype=dtype)) if wanted else None)

    def reset_parameters(self) -> None:
        """Back to the start."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


# --- over the batch, or each channel --------------------------------------------------------------------------------


class _ByChannel(_Affine):
    """What batch and instance norm share: the arguments, the running statistics, the text."""

    _version = 2  # version 1 did not count batches
    dims: ClassVar[tuple[int, ...]]  # the numbers of dimensions that an input may have
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._add_parameters(num_features, affine, affine and bias, device, dtype)
        track = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, device=device, dtype=dtype) if track else None)
        self.register_buffer("running_var", ones(num_features, device=device, dtype=dtype) if track else None)
        self.register_buffer("num_batches_tracked", tensor(0, device=device) if track else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Mean 0, variance 1, no batch seen."""
        if self.running_mean is not None:
            self.running_mean.zero_()
        if self.running_var is not None:
            self.running_var.fill_(1)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Back to the start, the running statistics too."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_dims(self, input: Tensor) -> None:
        if input.ndim not in self.dims:
            wanted = " or ".join(f"{n}D" for n in self.dims)
            raise ValueError(f"expected {wanted} input (got {input.ndim}D input)")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: dict[str, Any], *rest: Any) -> None:
        if (local_metadata.get("version") or 1) < 2 and self.num_batches_tracked is not None:
            state_dict.setdefault(f"{prefix}num_batches_tracked", self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class _BatchNorm(_ByChannel):
    def forward(self, input: Tensor) -> Tensor:
        self._check_dims(input)
        mean, variance, momentum = self.running_mean, self.running_var, self.momentum
        training = self.training or (mean is None and variance is None)
        if self.training and not self.track_running_stats:
            mean = variance = None
        if self.training and mean is not None and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if momentum is None:
                momentum = 1 / self.num_batches_tracked.item()
        return functions.batch_norm(input, mean, variance, self.weight, self.bias, training, momentum or 0.0, self.eps)


class BatchNorm1d(_BatchNorm):
    """Each feature of (batch, features), or channel of (batch, channels, length), with mean 0 and variance 1.

    In training mean and variance are those of the batch, and running statistics follow them; in evaluation these take
    their place. Then each feature is multiplied by a weight, which starts as 1, and a bias is added, which starts as 0.

    Args:
        num_features: the number of features or channels.
        eps: added to the variance.
        momentum: the share of a batch in the new running statistics; None for the mean of all batches seen.
        affine: whether to have weight and bias.
        track_running_stats: False to use the batch's own statistics in evaluation, too.
        bias: whether to have a bias beside the weight.

    Raises:
        ValueError: an input of other dimensions, or a single value for each feature in training.

    >>> import mytorch
    >>> layer = BatchNorm1d(1)
    >>> layer(mytorch.tensor([[1.0], [3.0]]))
    tensor([[-1.0000],
            [ 1.0000]], grad_fn=<NativeBatchNormBackward0>)
    >>> layer.running_mean, layer.running_var
    (tensor([0.2000]), tensor([1.1000]))
    """

    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Each channel of (batch, channels, height, width) with mean 0 and variance 1; see `BatchNorm1d`.

    >>> import mytorch
    >>> sorted(BatchNorm2d(3).state_dict())
    ['bias', 'num_batches_tracked', 'running_mean', 'running_var', 'weight']
    """

    dims = (4,)


class BatchNorm3d(_BatchNorm):
    """Each channel of (batch, channels, depth, height, width) with mean 0 and variance 1; see `BatchNorm1d`."""

    dims = (5,)


class _InstanceNorm(_ByChannel):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check_dims(input)
        unbatched = input.ndim == self.dims[0]
        channels = 0 if unbatched else 1
        if input.shape[channels] != self.num_features:
            self._other_channels(channels, input.shape[channels])
        out = functions.instance_norm(
            unsqueeze(input, 0) if unbatched else input,
            self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, self.momentum or 0.0, self.eps,
        )  # fmt: skip
        return squeeze(out, 0) if unbatched else out

    def _other_channels(self, dim: int, size: int) -> None:
        """An error if there are parameters for the channels, else a warning."""
        if self.affine:
            raise ValueError(
                f"expected input's size at dim={dim} to match num_features ({self.num_features}), but got: {size}."
            )
        warnings.warn(
            f"input's size at dim={dim} does not match num_features. You can silence this warning by not passing in "
            "num_features, which is not used because affine=False",
            stacklevel=4,
        )


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each sample of (batch, channels, length) or (channels, length) with mean 0 and variance 1.

    Args:
        num_features: the number of channels.
        eps: added to the variance.
        momentum: the share of a batch in the new running statistics.
        affine: whether to have a weight and a bias for each channel.
        track_running_stats: whether running statistics follow those of the batches and replace them in evaluation.
        bias: with `affine`, whether to have a bias beside the weight.

    Raises:
        ValueError: an input of other dimensions, or a single place for each channel.

    >>> import mytorch
    >>> InstanceNorm1d(2)(mytorch.tensor([[1.0, 3.0], [10.0, 30.0]]))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """

    dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each image (batch, channels, height, width) normalized; see `InstanceNorm1d`."""

    dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Each channel of each volume (batch, channels, depth, height, width) normalized; see `InstanceNorm1d`."""

    dims = (4, 5)


# --- over each sample -----------------------------------------------------------------------------------------------


class GroupNorm(_Affine):
    """Each group of channels of each sample of (batch, channels, *space) with mean 0 and variance 1.

    Then each channel is multiplied by a weight, which starts as 1, and a bias, which starts as 0, is added.

    Args:
        num_groups: the number of groups; it divides `num_channels`.
        eps: added to the variance.
        affine: whether to have weight and bias.
        bias: whether to have a bias beside the weight.

    Raises:
        ValueError: the channels cannot be divided.

    >>> import mytorch
    >>> GroupNorm(2, 4, affine=False)(mytorch.tensor([[1.0, 3.0, 10.0, 30.0]]))
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._add_parameters(num_channels, affine, affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return functions.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


# --- over the last dimensions ---------------------------------------------------------------------------------------


def _as_shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    return tuple(normalized_shape) if isinstance(normalized_shape, Sequence) else (int(normalized_shape),)


class LayerNorm(_Affine):
    """Mean 0 and variance 1 over the last dimensions, which have the shape `normalized_shape`.

    Then each element of them is multiplied by a weight, which starts as 1, and a bias, which starts as 0, is added.

    Args:
        normalized_shape: the sizes of these dimensions, or one number for the last.
        eps: added to the variance.
        elementwise_affine: whether to have weight and bias.
        bias: whether to have a bias beside the weight.

    >>> import mytorch
    >>> LayerNorm(2, elementwise_affine=False)(mytorch.tensor([[1.0, 3.0], [10.0, 30.0]]))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        affine = elementwise_affine
        self._add_parameters(self.normalized_shape, affine, affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return functions.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """The input divided by the root of its mean square over the last dimensions, times a weight that starts as 1.

    Args:
        normalized_shape: the sizes of these dimensions, or one number for the last.
        eps: added to the mean square; None for the smallest step from 1 of the element type.
        elementwise_affine: whether to have the weight.

    >>> import mytorch
    >>> RMSNorm(2, elementwise_affine=False)(mytorch.tensor([1.0, 7.0]))
    tensor([0.2000, 1.4000])
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = Parameter(empty(self.normalized_shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Back to the start."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return functions.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LocalResponseNorm(Module):
    """x / (k + alpha * m)^beta, where m is the mean square over `size` neighbouring channels.

    >>> import mytorch
    >>> LocalResponseNorm(3, alpha=3.0, beta=1.0)(mytorch.ones(1, 3, 1)).flatten()
    tensor([0.3333, 0.2500, 0.3333])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return functions.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
