"""Convolution and transposed convolution in one, two and three dimensions.

A convolution is linear in the images `x` and in the kernel `w`; paired with a gradient `g` of its output it is one sum,

    sum over n, o, k of  g[n, o] * w[k] * x[n, o * stride - padding + k * dilation],

that is linear in each of the three. The derivative by one of them is a function of the other two, and the table has
those three functions: `convolution(x, w)`, `convolution_back(g, w)`, which is also the transposed convolution, and
`convolution_kernel(x, g)`. The derivatives of each are the other two, so gradients of any order need nothing more.

Images are (batch, channels, *space) for the user and channels-last in memory: what comes so is used as it is,
and results are made so. `mytorch.ops.conv_kernels` has the algorithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import apply, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import of
from mytorch.ops import shape
from mytorch.ops.conv_kernels import correlate, correlate_back, correlate_kernel, sum_of_rows
from mytorch.ops.windows import Geometry, Sizes, channels_first, channels_last

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]

Numbers = int | Sequence[int]

# --- the table: x images, w kernel, g gradient of the output, b bias; `sizes` is the result's shape in space ---------


def _forward(xp: Any, x: Any, w: Any, b: Any, sizes: Sizes, geometry: Geometry, groups: int) -> Any:
    return channels_first(correlate(xp, channels_last(x), w, b, sizes, geometry, groups))


def _joint(
    xp: Any, g: Any, _out: Any, x: Any, w: Any, _b: Any, *, needs: Any, sizes: Sizes, geometry: Geometry, groups: int
) -> tuple[Any, Any, Any]:
    return (
        xp.convolution_back(g, w, None, tuple(x.shape[2:]), geometry, groups) if needs[0] else None,
        xp.convolution_kernel(x, g, tuple(w.shape[2:]), geometry, groups) if needs[1] else None,
        xp.sum_channels(g) if needs[2] else None,
    )


def _back_forward(xp: Any, g: Any, w: Any, b: Any, sizes: Sizes, geometry: Geometry, groups: int) -> Any:
    return channels_first(correlate_back(xp, channels_last(g), w, b, sizes, geometry, groups))


def _back_joint(
    xp: Any, x: Any, _out: Any, g: Any, w: Any, _b: Any, *, needs: Any, sizes: Sizes, geometry: Geometry, groups: int
) -> tuple[Any, Any, Any]:
    return (
        xp.convolution(x, w, None, tuple(g.shape[2:]), geometry, groups) if needs[0] else None,
        xp.convolution_kernel(x, g, tuple(w.shape[2:]), geometry, groups) if needs[1] else None,
        xp.sum_channels(x) if needs[2] else None,
    )


def _kernel_forward(xp: Any, x: Any, g: Any, sizes: Sizes, geometry: Geometry, groups: int) -> Any:
    return correlate_kernel(xp, channels_last(x), channels_last(g), sizes, geometry, groups)


def _kernel_joint(
    xp: Any, w: Any, _out: Any, x: Any, g: Any, *, needs: Any, sizes: Sizes, geometry: Geometry, groups: int
) -> tuple[Any, Any]:
    return (
        xp.convolution_back(g, w, None, tuple(x.shape[2:]), geometry, groups) if needs[0] else None,
        xp.convolution(x, w, None, tuple(g.shape[2:]), geometry, groups) if needs[1] else None,
    )


_convolution = Primitive(
    "convolution",
    _forward,
    [None] * 3,
    joint=_joint,
    math={
        "y": "total('c, k', x[n, c, s * o + k] * w[m, c, k]) + b[m]",
        "x": "total('m, o, k with s·o + k = i', g[n, m, o] * w[m, c, k])",
        "w": "total('n, o', g[n, m, o] * x[n, c, s * o + k])",
        "b": "total('n, o', g[n, m, o])",
    },
)
_convolution_back = Primitive(
    "convolution_back",
    _back_forward,
    [None] * 3,
    joint=_back_joint,
    grad_name="ConvolutionBackward0",
    math={
        "y": "total('m, o, k with s·o + k = i', x[n, m, o] * w[m, c, k]) + b[c]",
        "x": "total('c, k', g[n, c, s * o + k] * w[m, c, k])",
        "w": "total('n, o', x[n, m, o] * g[n, c, s * o + k])",
        "b": "total('n, i', g[n, c, i])",
    },
)
_convolution_kernel = Primitive(
    "convolution_kernel",
    _kernel_forward,
    [None] * 2,
    joint=_kernel_joint,
    math={
        "y": "total('n, o', x2[n, m, o] * x1[n, c, s * o + k])",
        "x1": "total('m, o, k with s·o + k = i', x2[n, m, o] * g[m, c, k])",
        "x2": "total('c, k', x1[n, c, s * o + k] * g[m, c, k])",
    },
)
_sum_channels = Primitive(
    "sum_channels",
    lambda xp, x: sum_of_rows(xp, channels_last(x)),
    [lambda xp, g, _out, x_shape: xp.expand(xp.reshape(g, (1, -1, *[1] * (len(x_shape) - 2))), x_shape)],
)

# --- arguments ------------------------------------------------------------------------------------------------------


def as_sizes(name: str, value: Any, dims: int) -> Sizes:
    """An argument given as one number for all dimensions, or as one for each.

    Raises:
        RuntimeError: the number of numbers does not fit.

    >>> as_sizes("stride", 2, 3)
    (2, 2, 2)
    """
    given = (value,) if isinstance(value, int) else tuple(int(v) for v in value)
    if len(given) == 1:
        return given * dims
    if len(given) != dims:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {dims} values to match the convolution "
            f"dimensions, but got {name}={list(given)}"
        )
    return given


def _geometry(stride: Numbers, padding: Numbers, dilation: Numbers, groups: int, dims: int) -> Geometry:
    found = Geometry(
        as_sizes("stride", stride, dims), as_sizes("padding", padding, dims), as_sizes("dilation", dilation, dims)
    )
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if min(found.padding) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(found.stride) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if min(found.dilation) <= 0:
        raise RuntimeError(f"dilation should be greater than zero, but got {list(found.dilation)}")
    return found


def _check(name: str, input: Any, weight: Any, bias: Any, groups: int, dims: int, transposed: bool) -> None:
    for value in (input, weight) if bias is None else (input, weight, bias):
        if not isinstance(value, DifferentiableArray):
            raise wrong_argument(name, value)
    x, w = input.array, weight.array
    if w.ndim != dims + 2:
        raise RuntimeError(
            f"expected weight of {name} to be {dims + 2}-dimensional, but got weight of size {list(w.shape)}"
        )
    if 0 in w.shape[2:]:
        raise RuntimeError(f"kernel size should be greater than zero, but got weight of size {list(w.shape)}")
    if x.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got input of size: "
            f"{list(x.shape)}"
        )
    given = "transposed=1" if transposed else f"groups={groups}"
    if w.shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size [{list(w.shape)}] instead"
        )
    channels, wanted = x.shape[-dims - 1], w.shape[0] if transposed else w.shape[1] * groups
    if channels != wanted:
        raise RuntimeError(
            f"Given {given}, weight of size {list(w.shape)}, expected input{list(x.shape)} to have {wanted} channels, "
            f"but got {channels} channels instead"
        )
    outputs = w.shape[1] * groups if transposed else w.shape[0]
    if bias is not None and bias.array.shape != (outputs,):
        raise RuntimeError(
            f"Given {'transposed=1, ' if transposed else ''}weight of size {list(w.shape)}, expected bias to be "
            f"1-dimensional with {outputs} elements, but got bias of size {list(bias.array.shape)} instead"
        )
    for what, other in (("weight", weight), ("bias", bias)):
        if other is not None and other.array.dtype != x.dtype:
            raise RuntimeError(
                f"Input type ({of(x.dtype).name}) and {what} type ({of(other.array.dtype).name}) should be the same"
            )


def _by(sizes: Sequence[int]) -> str:
    return " x ".join(str(n) for n in sizes)


def _batched(primitive: Primitive, dims: int, input: Any, *inputs: Any, **options: Any) -> Any:
    """Apply to a batch, or to one image as a batch of one."""
    if input.array.ndim == dims + 2:
        return apply(primitive, input, *inputs, **options)
    return shape.squeeze(apply(primitive, shape.unsqueeze(input, 0), *inputs, **options), 0)


def _convolve(
    dims: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Numbers,
    padding: Numbers | str,
    dilation: Numbers,
    groups: int,
) -> Any:
    _check(f"conv{dims}d", input, weight, bias, groups if groups > 0 else 1, dims, transposed=False)
    space, kernel = input.array.shape[-dims:], weight.array.shape[2:]
    if isinstance(padding, str) and padding not in ("same", "valid"):
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    geometry = _geometry(stride, 0 if isinstance(padding, str) else padding, dilation, groups, dims)
    reach = [d * (k - 1) + 1 for d, k in zip(geometry.dilation, kernel, strict=True)]
    if padding == "same":
        if max(geometry.stride) > 1:
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        # An odd sum of padding puts the larger part behind; behind, zeros are read for as long as there is output.
        geometry = geometry._replace(padding=tuple([(r - 1) // 2 for r in reach]))
        sizes = space
    else:
        padded = [n + 2 * p for n, p in zip(space, geometry.padding, strict=True)]
        if any(n < r for n, r in zip(padded, reach, strict=True)):
            raise RuntimeError(
                f"Calculated padded input size per channel: ({_by(padded)}). Kernel size: ({_by(reach)}). Kernel size "
                "can't be greater than actual input size"
            )
        sizes = tuple([(n - r) // s + 1 for n, r, s in zip(padded, reach, geometry.stride, strict=True)])
    return _batched(_convolution, dims, input, weight, bias, sizes=sizes, geometry=geometry, groups=groups)


def _convolve_transposed(
    dims: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Numbers,
    padding: Numbers,
    output_padding: Numbers,
    groups: int,
    dilation: Numbers,
) -> Any:
    _check(f"conv_transpose{dims}d", input, weight, bias, groups if groups > 0 else 1, dims, transposed=True)
    geometry = _geometry(stride, padding, dilation, groups, dims)
    extra = as_sizes("output_padding", output_padding, dims)
    if min(extra) < 0:
        raise RuntimeError("negative output_padding is not supported")
    if any(e >= s and e >= d for e, s, d in zip(extra, geometry.stride, geometry.dilation, strict=True)):
        raise RuntimeError(
            f"output padding must be smaller than either stride or dilation, but got output_padding: {extra} stride: "
            f"{geometry.stride} dilation: {geometry.dilation}"
        )
    space, kernel = input.array.shape[-dims:], weight.array.shape[2:]
    sizes = tuple(
        [
            (n - 1) * s - 2 * p + d * (k - 1) + e + 1
            for n, k, e, s, p, d in zip(space, kernel, extra, *geometry, strict=True)
        ]
    )
    if min(sizes) < 1:
        raise RuntimeError(
            f"Given input size per channel: ({_by(space)}). Calculated output size per channel: ({_by(sizes)}). Output "
            "size is too small"
        )
    return _batched(_convolution_back, dims, input, weight, bias, sizes=sizes, geometry=geometry, groups=groups)


# --- what users call ------------------------------------------------------------------------------------------------


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers | str = 0,
    dilation: Numbers = 1,
    groups: int = 1,
) -> Tensor:
    """Slide a kernel over sequences; see `conv2d`.

    Args:
        input: (batch, channels, length) or (channels, length).
        weight: (outputs, channels / groups, kernel length).

    >>> import mytorch
    >>> mytorch.nn.functional.conv1d(mytorch.tensor([[1.0, 2.0, 4.0, 8.0]]), mytorch.tensor([[[-1.0, 1.0]]]))
    tensor([[1., 2., 4.]])
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers | str = 0,
    dilation: Numbers = 1,
    groups: int = 1,
) -> Tensor:
    """Slide a kernel over images (without flipping it) and sum what it covers, times the kernel.

    Args:
        input: (batch, channels, height, width), or one image (channels, height, width).
        weight: (outputs, channels / groups, kernel height, kernel width).
        bias: (outputs,), added to every place.
        stride: the step from place to place; one number, or one for each dimension.
        padding: rows of zeros around the image; "valid" for none, "same" for as many as keep the size.
        dilation: the distance between the image's elements that neighbouring kernel elements meet.
        groups: split the channels in so many groups, each with its own kernels.

    Raises:
        RuntimeError: shapes, element types or numbers that do not fit, or a kernel larger than the padded image.

    >>> import mytorch
    >>> image = mytorch.arange(9.0).reshape(1, 1, 3, 3)
    >>> mytorch.nn.functional.conv2d(image, mytorch.ones(1, 1, 2, 2))
    tensor([[[[ 8., 12.],
              [20., 24.]]]])
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers | str = 0,
    dilation: Numbers = 1,
    groups: int = 1,
) -> Tensor:
    """Slide a kernel over volumes; see `conv2d`.

    Args:
        input: (batch, channels, depth, height, width) or (channels, depth, height, width).
        weight: (outputs, channels / groups, *kernel).

    >>> import mytorch
    >>> mytorch.nn.functional.conv3d(mytorch.ones(1, 1, 4, 4, 4), mytorch.ones(5, 1, 3, 3, 3)).shape
    torch.Size([1, 5, 2, 2, 2])
    """
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers = 0,
    output_padding: Numbers = 0,
    groups: int = 1,
    dilation: Numbers = 1,
) -> Tensor:
    """The transposed convolution of sequences; see `conv_transpose2d`.

    >>> import mytorch
    >>> mytorch.nn.functional.conv_transpose1d(mytorch.tensor([[1.0, 2.0]]), mytorch.ones(1, 1, 2), stride=2)
    tensor([[1., 1., 2., 2.]])
    """
    return _convolve_transposed(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers = 0,
    output_padding: Numbers = 0,
    groups: int = 1,
    dilation: Numbers = 1,
) -> Tensor:
    """Add, for every element of the input, the kernel times that element to the output: the adjoint of `conv2d`.

    Args:
        input: (batch, channels, height, width) or (channels, height, width).
        weight: (channels, outputs / groups, kernel height, kernel width).
        bias: (outputs,).
        stride: the step in the output from one input element to the next.
        padding: rows that are cut off around the output.
        output_padding: rows that are added to the output's end, to choose among the sizes that a strided convolution
            takes to one; less than the stride or the dilation.
        groups, dilation: as in `conv2d`.

    Raises:
        RuntimeError: as in `conv2d`; or an output without elements.

    >>> import mytorch
    >>> one = mytorch.ones(1, 1, 1, 1)
    >>> mytorch.nn.functional.conv_transpose2d(one, mytorch.arange(4.0).reshape(1, 1, 2, 2))
    tensor([[[[0., 1.],
              [2., 3.]]]])
    """
    return _convolve_transposed(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers = 0,
    output_padding: Numbers = 0,
    groups: int = 1,
    dilation: Numbers = 1,
) -> Tensor:
    """The transposed convolution of volumes; see `conv_transpose2d`.

    >>> import mytorch
    >>> mytorch.nn.functional.conv_transpose3d(mytorch.ones(1, 1, 2, 2, 2), mytorch.ones(1, 4, 3, 3, 3)).shape
    torch.Size([1, 4, 4, 4, 4])
    """
    return _convolve_transposed(3, input, weight, bias, stride, padding, output_padding, groups, dilation)
