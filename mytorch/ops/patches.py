"""Images as columns of patches (`unfold`, im2col) and back (`fold`, col2im): each is the other's adjoint."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import apply, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import Primitive
from mytorch.ops import shape
from mytorch.ops.windows import Geometry, Sizes, taps

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["fold", "unfold"]

Numbers = int | Sequence[int]


def _sizes(space: Sizes, kernel: Sizes, geometry: Geometry) -> Sizes:
    """How many windows there are along each axis."""
    return tuple(
        [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in zip(space, kernel, *geometry, strict=True)]
    )


def _meetings(space: Sizes, kernel: Sizes, geometry: Geometry) -> Iterator[tuple[Any, Any]]:
    """For every kernel position: where its numbers lie in (batch, channels, *kernel, *windows), and in the images."""
    everything = slice(None)
    for position, windows, places in taps(space, _sizes(space, kernel, geometry), kernel, geometry):
        yield (everything, everything, *position, *windows[1:]), (everything, everything, *places[1:])


def _im2col_forward(xp: Any, x: Any, kernel: Sizes, geometry: Geometry) -> Any:
    space = x.shape[2:]
    sizes = _sizes(space, kernel, geometry)
    out = xp.zeros((*x.shape[:2], *kernel, *sizes), dtype=x.dtype)
    for there, here in _meetings(space, kernel, geometry):
        out[there] = x[here]
    return out.reshape(x.shape[0], x.shape[1] * math.prod(kernel), math.prod(sizes))


def _col2im_forward(xp: Any, x: Any, space: Sizes, kernel: Sizes, geometry: Geometry) -> Any:
    channels = x.shape[1] // math.prod(kernel)
    columns = x.reshape(x.shape[0], channels, *kernel, *_sizes(space, kernel, geometry))
    out = xp.zeros((x.shape[0], channels, *space), dtype=x.dtype)
    for there, here in _meetings(space, kernel, geometry):
        out[here] += columns[there]
    return out


_im2col = Primitive(
    "im2col",
    _im2col_forward,
    [lambda xp, g, _out, x_shape, kernel, geometry: xp.col2im(g, tuple(x_shape[2:]), kernel, geometry)],
    grad_name="Im2ColBackward0",
)
_col2im = Primitive(
    "col2im",
    _col2im_forward,
    [lambda xp, g, _out, _x, space, kernel, geometry: xp.im2col(g, kernel, geometry)],
    grad_name="Col2ImBackward0",
)


def _pair(name: str, value: Any, least: int) -> Sizes:
    pair = (value, value) if isinstance(value, int) else tuple([int(v) for v in value])
    pair = pair * 2 if len(pair) == 1 else pair
    if len(pair) != 2:
        raise RuntimeError(f"It is expected {name} equals to 2, but got size {len(pair)}")
    if min(pair) < least:
        words = "greater than zero" if least else "non negative"
        raise RuntimeError(f"{name} should be {words}, but got {name}_height: {pair[0]} {name}_width: {pair[1]}")
    return pair


def _window(
    name: str, input: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[Sizes, Geometry]:
    if not isinstance(input, DifferentiableArray):
        raise wrong_argument(name, input)
    kernel, spread = _pair("kernel", kernel_size, 1), _pair("dilation", dilation, 1)
    return kernel, Geometry(_pair("stride", stride, 1), _pair("padding", padding, 0), spread)


def unfold(
    input: Tensor, kernel_size: Numbers, dilation: Numbers = 1, padding: Numbers = 0, stride: Numbers = 1
) -> Tensor:
    """The windows that slide over images, each as a column: (N, C, H, W) to (N, C * kernel height * width, windows).

    Args:
        input: images, with or without a batch dimension.
        kernel_size, dilation, padding, stride: as of a convolution; one number, or one for height and one for width.

    Raises:
        RuntimeError: no images, or no window fits.

    >>> import mytorch
    >>> mytorch.nn.functional.unfold(mytorch.arange(6.0).reshape(1, 2, 3), 2)
    tensor([[0., 1.],
            [1., 2.],
            [3., 4.],
            [4., 5.]])
    """
    kernel, geometry = _window("unfold", input, kernel_size, dilation, padding, stride)
    sizes = input.array.shape
    if len(sizes) not in (3, 4) or 0 in sizes[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: {list(sizes)}"
        )
    found = _sizes(sizes[-2:], kernel, geometry)
    if min(found) < 1:
        raise RuntimeError(
            f"Given input with spatial size {sizes[-2:]}, kernel_size={kernel}, dilation={geometry.dilation}, "
            f"padding={geometry.padding}, stride={geometry.stride}, calculated shape of the array of sliding blocks as "
            f"{found}, but its components must be at least one."
        )
    if len(sizes) == 3:
        return shape.squeeze(apply(_im2col, shape.unsqueeze(input, 0), kernel=kernel, geometry=geometry), 0)
    return apply(_im2col, input, kernel=kernel, geometry=geometry)


def fold(
    input: Tensor,
    output_size: Numbers,
    kernel_size: Numbers,
    dilation: Numbers = 1,
    padding: Numbers = 0,
    stride: Numbers = 1,
) -> Tensor:
    """Images from columns of windows, as `unfold` makes them; where windows overlap, their numbers are added.

    Args:
        input: (N, C * kernel height * width, windows), with or without a batch dimension.
        output_size: the images' height and width.
        kernel_size, dilation, padding, stride: as of a convolution; one number, or one for height and one for width.

    Raises:
        RuntimeError: the columns' length or number does not fit.

    >>> import mytorch
    >>> mytorch.nn.functional.fold(mytorch.ones(4, 2), (2, 3), 2)
    tensor([[[1., 2., 1.],
             [1., 2., 1.]]])
    """
    kernel, geometry = _window("fold", input, kernel_size, dilation, padding, stride)
    space, sizes = _pair("output_size", output_size, 1), input.array.shape
    if len(sizes) not in (2, 3) or 0 in sizes[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {list(sizes)}"
        )
    if sizes[-2] % math.prod(kernel):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={sizes[-2]} and kernel_size={kernel}."
        )
    found = _sizes(space, kernel, geometry)
    if min(found) < 1 or sizes[-1] != math.prod(found):
        raise RuntimeError(
            f"Given output_size={space}, kernel_size={kernel}, dilation={geometry.dilation}, "
            f"padding={geometry.padding}, stride={geometry.stride}, expected size of input's dimension 2 to match the "
            f"calculated number of sliding blocks {found[0]} * {found[1]} = {math.prod(found)}, but got "
            f"input.size(2)={sizes[-1]}."
        )
    columns = input if len(sizes) == 3 else shape.unsqueeze(input, 0)
    out = apply(_col2im, columns, space=space, kernel=kernel, geometry=geometry)
    return out if len(sizes) == 3 else shape.squeeze(out, 0)
