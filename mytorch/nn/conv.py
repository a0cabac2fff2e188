"""Convolution layers and their transposed counterparts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from mytorch.creation.filled import empty
from mytorch.nn import init
from mytorch.nn.module import Module
from mytorch.nn.parameter import Parameter
from mytorch.ops.conv import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
from mytorch.ops.padding import pad
from mytorch.tensor import Tensor

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

Numbers = int | Sequence[int]
PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def _each(value: Numbers, dims: int) -> tuple[int, ...]:
    """One number for all dimensions, or one for each."""
    return tuple(value) if isinstance(value, Sequence) else (value,) * dims


class _Convolution(Module):
    """What all the layers below share: the arguments, the parameters and their start, the text."""

    dims: ClassVar[int]
    transposed: ClassVar[bool] = False
    weight: Parameter
    bias: Parameter | None
    padding: Any

    def _build(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Numbers,
        stride: Numbers,
        padding: Numbers | str,
        dilation: Numbers,
        output_padding: Numbers,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ValueError("out_channels must be divisible by groups")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _each(kernel_size, self.dims)
        self.stride = _each(stride, self.dims)
        self.padding = padding if isinstance(padding, str) else _each(padding, self.dims)
        self.dilation = _each(dilation, self.dims)
        self.output_padding = _each(output_padding, self.dims)
        self.groups = groups
        self.padding_mode = padding_mode
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
            if padding == "same" and any(s != 1 for s in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {{'zeros', 'replicate', 'circular', 'reflect'}}, but got "
                f"padding_mode='{padding_mode}'"
            )
        channels = (in_channels, out_channels // groups) if self.transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(empty(*channels, *self.kernel_size, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial weights: uniform in +-1 / sqrt(number of inputs of an output)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init.fans(self.weight)
            if fan_in:
                init.uniform_(self.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * self.dims:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self.dims:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * self.dims:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _Conv(_Convolution):
    """The layers that slide a kernel."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Numbers,
        stride: Numbers = 1,
        padding: Numbers | str = 0,
        dilation: Numbers = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self._build(
            in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups, bias, padding_mode, device,
            dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        convolve = (conv1d, conv2d, conv3d)[self.dims - 1]
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = pad(input, border_of(self), PADDING_MODES[self.padding_mode]), 0
        return convolve(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


def border_of(conv: _Conv) -> list[int]:
    """The padding of a convolution as `pad` takes it: before and after, the last dimension first."""
    if conv.padding == "valid":
        return [0] * (2 * conv.dims)
    border = []
    for axis in reversed(range(conv.dims)):
        if conv.padding == "same":
            total = conv.dilation[axis] * (conv.kernel_size[axis] - 1)
            border += [total // 2, total - total // 2]
        else:
            border += [conv.padding[axis]] * 2
    return border


class Conv1d(_Conv):
    """Slides kernels over sequences: (batch, in_channels, length) to (batch, out_channels, length'). See `Conv2d`.

    >>> import mytorch
    >>> Conv1d(2, 4, 3)(mytorch.zeros(5, 2, 10)).shape
    torch.Size([5, 4, 8])
    """

    dims = 1


class Conv2d(_Conv):
    """Slides kernels over images: (batch, in_channels, height, width) to (batch, out_channels, height', width').

    Weight (out_channels, in_channels / groups, *kernel_size) and bias start uniform in +-1 / sqrt(n), with n the number
    of inputs of one output.

    Args:
        kernel_size, stride, dilation: one number, or one for each dimension.
        padding: rows added on all sides; "valid" for none, "same" for as many as keep the size.
        groups: split the channels in so many groups, each with its own kernels.
        bias: whether to add a number to each output channel.
        padding_mode: what is added: "zeros", "reflect", "replicate" or "circular".

    Raises:
        ValueError: channels that the groups do not divide, or an unknown padding.

    >>> import mytorch
    >>> Conv2d(1, 16, 3)
    Conv2d(1, 16, kernel_size=(3, 3), stride=(1, 1))
    >>> Conv2d(1, 16, 3)(mytorch.zeros(5, 1, 28, 28)).shape
    torch.Size([5, 16, 26, 26])
    """

    dims = 2


class Conv3d(_Conv):
    """Slides kernels over volumes: (batch, in_channels, depth, height, width). See `Conv2d`.

    >>> import mytorch
    >>> Conv3d(1, 2, 3, padding="same")(mytorch.zeros(1, 4, 4, 4)).shape
    torch.Size([2, 4, 4, 4])
    """

    dims = 3


class _ConvTranspose(_Convolution):
    """The layers that spread a kernel."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Numbers,
        stride: Numbers = 1,
        padding: Numbers = 0,
        output_padding: Numbers = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Numbers = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        self._build(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        convolve = (conv_transpose1d, conv_transpose2d, conv_transpose3d)[self.dims - 1]
        extra = self.output_padding if output_size is None else self._extra(input, list(output_size))
        return convolve(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)

    def _extra(self, input: Tensor, output_size: list[int]) -> tuple[int, ...]:
        """The output padding that gives the wanted size."""
        ndim = input.dim()
        if len(output_size) == ndim:
            output_size = output_size[ndim - self.dims :]
        if len(output_size) != self.dims:
            raise ValueError(
                f"ConvTranspose{self.dims}D: for {ndim}D input, output_size must have {self.dims} or {ndim} elements "
                f"(got {len(output_size)})"
            )
        space = input.array.shape[-self.dims :]
        axes = zip(space, self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
        least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in axes]
        most = [low + s - 1 for low, s in zip(least, self.stride, strict=True)]
        if any(not low <= size <= high for low, size, high in zip(least, output_size, most, strict=True)):
            raise ValueError(
                f"requested an output size of {tuple(output_size)}, but valid sizes range from {least} to {most} "
                f"(for an input of {input.size()[ndim - self.dims :]})"
            )
        return tuple([size - low for size, low in zip(output_size, least, strict=True)])


class ConvTranspose1d(_ConvTranspose):
    """The transposed convolution of sequences. See `ConvTranspose2d`.

    >>> import mytorch
    >>> ConvTranspose1d(2, 4, 3, stride=2)(mytorch.zeros(5, 2, 10)).shape
    torch.Size([5, 4, 21])
    """

    dims = 1


class ConvTranspose2d(_ConvTranspose):
    """Spreads every element over a window by a kernel: the adjoint of `Conv2d`, often used to enlarge images.

    Args:
        kernel_size, stride, padding, groups, bias, dilation: as for the `Conv2d` whose shapes it turns round.
        output_padding: added to one side of the result, to choose among the sizes that a strided `Conv2d` maps to one.

    Called with `output_size`, it finds the output padding itself.

    Raises:
        ValueError: channels that the groups do not divide, or an output size that cannot be.

    >>> import mytorch
    >>> layer = ConvTranspose2d(4, 2, 3, stride=2, padding=1)
    >>> layer(mytorch.zeros(1, 4, 5, 5)).shape, layer(mytorch.zeros(1, 4, 5, 5), output_size=(10, 10)).shape
    (torch.Size([1, 2, 9, 9]), torch.Size([1, 2, 10, 10]))
    """

    dims = 2


class ConvTranspose3d(_ConvTranspose):
    """The transposed convolution of volumes. See `ConvTranspose2d`.

    >>> import mytorch
    >>> ConvTranspose3d(1, 2, 2, stride=2)(mytorch.zeros(1, 1, 2, 2, 2)).shape
    torch.Size([1, 2, 4, 4, 4])
    """

    dims = 3
