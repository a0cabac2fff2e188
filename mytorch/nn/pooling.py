"""Pooling layers: `mytorch.ops.pooling` and `mytorch.ops.adaptive_pooling` as modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from mytorch.nn.module import Module
from mytorch.ops import adaptive_pooling as adaptive
from mytorch.ops import pooling, unpooling
from mytorch.ops.adaptive_pooling import OutputSize
from mytorch.tensor import Tensor

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "LPPool1d", "LPPool2d", "MaxPool1d", "MaxPool2d",
    "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d",
]  # fmt: skip

Numbers = int | Sequence[int]


class _MaxPool(Module):
    """The arguments and the text of the layers that take maxima."""

    dims: ClassVar[int]

    def __init__(
        self,
        kernel_size: Numbers,
        stride: Numbers | None = None,
        padding: Numbers = 0,
        dilation: Numbers = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        pool = (pooling.max_pool1d, pooling.max_pool2d, pooling.max_pool3d)[self.dims - 1]
        return pool(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The maximum of every window of sequences. See `MaxPool2d`.

    >>> import mytorch
    >>> MaxPool1d(2)(mytorch.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[3., 2.]])
    """

    dims = 1


class MaxPool2d(_MaxPool):
    """The maximum of every window of images; the step from window to window is the window's size if not given.

    `mytorch.nn.functional.max_pool2d` explains the arguments.

    >>> import mytorch
    >>> MaxPool2d(2)
    MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    >>> MaxPool2d(2)(mytorch.zeros(5, 16, 26, 26)).shape
    torch.Size([5, 16, 13, 13])
    """

    dims = 2


class MaxPool3d(_MaxPool):
    """The maximum of every window of volumes. See `MaxPool2d`.

    >>> import mytorch
    >>> MaxPool3d(2)(mytorch.zeros(1, 4, 4, 4)).shape
    torch.Size([1, 2, 2, 2])
    """

    dims = 3


class AvgPool1d(Module):
    """The average of every window of sequences. See `AvgPool2d`.

    >>> import mytorch
    >>> AvgPool1d(2)(mytorch.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[2., 1.]])
    """

    def __init__(
        self,
        kernel_size: Numbers,
        stride: Numbers = None,  # type: ignore[assignment]  # as in PyTorch: the kernel's size
        padding: Numbers = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size = pooling.as_numbers("AvgPool1d", "kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else pooling.as_numbers("AvgPool1d", "stride", stride, 1)
        self.padding = pooling.as_numbers("AvgPool1d", "padding", padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return pooling.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    """The arguments and the text of the layers that take averages of images and volumes."""

    dims: ClassVar[int]

    def __init__(
        self,
        kernel_size: Numbers,
        stride: Numbers | None = None,
        padding: Numbers = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        pool = (pooling.avg_pool2d, pooling.avg_pool3d)[self.dims - 2]
        return pool(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """The average of every window of images; the step from window to window is the window's size if not given.

    `mytorch.nn.functional.avg_pool2d` explains the arguments.

    >>> import mytorch
    >>> AvgPool2d(2)(mytorch.arange(16.0).reshape(1, 4, 4))
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """

    dims = 2


class AvgPool3d(_AvgPool):
    """The average of every window of volumes. See `AvgPool2d`.

    >>> import mytorch
    >>> AvgPool3d(2)(mytorch.arange(8.0).reshape(1, 2, 2, 2))
    tensor([[[[3.5000]]]])
    """

    dims = 3


class _AdaptiveAvgPool(Module):
    """The argument and the text of the layers that average to a given size."""

    dims: ClassVar[int]

    def __init__(self, output_size: OutputSize) -> None:
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        pool = (adaptive.adaptive_avg_pool1d, adaptive.adaptive_avg_pool2d, adaptive.adaptive_avg_pool3d)[self.dims - 1]
        return pool(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Averages of windows spread over each sequence. See `AdaptiveAvgPool2d`.

    >>> import mytorch
    >>> AdaptiveAvgPool1d(2)(mytorch.tensor([[1.0, 2.0, 6.0]]))
    tensor([[1.5000, 4.0000]])
    """

    dims = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Averages of windows spread over each image: the result has the given size, whatever the input's.

    Args:
        output_size: height and width; one number for both, None to keep a size.

    >>> import mytorch
    >>> AdaptiveAvgPool2d((1, None))(mytorch.zeros(5, 3, 7, 4)).shape
    torch.Size([5, 3, 1, 4])
    """

    dims = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Averages of windows spread over each volume. See `AdaptiveAvgPool2d`.

    >>> import mytorch
    >>> AdaptiveAvgPool3d(1)(mytorch.ones(1, 2, 3, 4))
    tensor([[[[1.]]]])
    """

    dims = 3


class _AdaptiveMaxPool(Module):
    """The arguments and the text of the layers that take maxima to a given size."""

    dims: ClassVar[int]

    def __init__(self, output_size: OutputSize, return_indices: bool = False) -> None:
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        pool = (adaptive.adaptive_max_pool1d, adaptive.adaptive_max_pool2d, adaptive.adaptive_max_pool3d)[self.dims - 1]
        return pool(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima of windows spread over each sequence. See `AdaptiveAvgPool2d`.

    >>> import mytorch
    >>> AdaptiveMaxPool1d(2)(mytorch.tensor([[1.0, 2.0, 6.0]]))
    tensor([[2., 6.]])
    """

    dims = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maxima of windows spread over each image. See `AdaptiveAvgPool2d`.

    >>> import mytorch
    >>> AdaptiveMaxPool2d(1)(mytorch.arange(6.0).reshape(1, 2, 3))
    tensor([[[5.]]])
    """

    dims = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maxima of windows spread over each volume. See `AdaptiveAvgPool2d`.

    >>> import mytorch
    >>> AdaptiveMaxPool3d(1)(mytorch.arange(8.0).reshape(1, 2, 2, 2))
    tensor([[[[7.]]]])
    """

    dims = 3


class _LPPool(Module):
    """The arguments and the text of the layers that take power sums."""

    dims: ClassVar[int]

    def __init__(
        self, norm_type: float, kernel_size: Numbers, stride: Numbers | None = None, ceil_mode: bool = False
    ) -> None:
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        pool = (pooling.lp_pool1d, pooling.lp_pool2d)[self.dims - 1]
        return pool(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """The p-norm of every window of sequences. See `LPPool2d`.

    >>> import mytorch
    >>> LPPool1d(2, 2)(mytorch.tensor([[3.0, 4.0]]))
    tensor([[5.]])
    """

    dims = 1


class LPPool2d(_LPPool):
    """The p-norm of every window of images: (sum of x^p)^(1/p).

    >>> import mytorch
    >>> LPPool2d(2, 2)(mytorch.ones(1, 2, 2))
    tensor([[[2.]]])
    """

    dims = 2


class _MaxUnpool(Module):
    """The arguments and the text of the layers that put maxima back."""

    dims: ClassVar[int]

    def __init__(self, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0) -> None:
        name = type(self).__name__
        self.kernel_size = pooling.as_numbers(name, "kernel_size", kernel_size, self.dims)
        self.stride = self.kernel_size if stride is None else pooling.as_numbers(name, "stride", stride, self.dims)
        self.padding = pooling.as_numbers(name, "padding", padding, self.dims)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        unpool = (unpooling.max_unpool1d, unpooling.max_unpool2d, unpooling.max_unpool3d)[self.dims - 1]
        return unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """The partial inverse of `MaxPool1d`. See `MaxUnpool2d`.

    >>> import mytorch
    >>> MaxUnpool1d(2)(mytorch.tensor([[3.0, 4.0]]), mytorch.tensor([[1, 2]]))
    tensor([[0., 3., 4., 0.]])
    """

    dims = 1


class MaxUnpool2d(_MaxUnpool):
    """The partial inverse of `MaxPool2d`: maxima go back to where its indices say, all else is 0.

    >>> import mytorch
    >>> pool, unpool = MaxPool2d(2, return_indices=True), MaxUnpool2d(2)
    >>> unpool(*pool(mytorch.arange(4.0).reshape(1, 2, 2)))
    tensor([[[0., 0.],
             [0., 3.]]])
    """

    dims = 2


class MaxUnpool3d(_MaxUnpool):
    """The partial inverse of `MaxPool3d`. See `MaxUnpool2d`.

    >>> import mytorch
    >>> MaxUnpool3d(2)(mytorch.ones(1, 1, 1, 1), mytorch.tensor([[[[7]]]])).flatten()
    tensor([0., 0., 0., 0., 0., 0., 0., 1.])
    """

    dims = 3
