"""A border around the last dimensions: of one value, mirrored, repeated, or from the other end.

Border of one value is its own adjoint with the numbers negated: the gradient of padding cuts off, that of cutting
pads with zeros. The other modes copy elements by their number along each dimension; the adjoint adds the border's
gradients to where the elements came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import Primitive

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["pad"]

Pair = tuple[int, int]


def _constant_forward(xp: Any, x: Any, widths: tuple[Pair, ...], value: float) -> Any:
    """`widths` holds for each dimension what is added before and after; negative numbers cut off."""
    shape = tuple([n + before + after for n, (before, after) in zip(x.shape, widths, strict=True)])
    out = xp.full_like(x, value, shape=shape)
    kept = [slice(max(before, 0), n - max(after, 0)) for n, (before, after) in zip(shape, widths, strict=True)]
    read = [slice(max(-before, 0), n - max(-after, 0)) for n, (before, after) in zip(x.shape, widths, strict=True)]
    out[tuple(kept)] = x[tuple(read)]
    return out


_pad_constant = Primitive(
    "pad_constant",
    _constant_forward,
    [
        lambda xp, g, _out, _x, widths, value: xp.pad_constant(
            g, tuple([(-before, -after) for before, after in widths]), 0.0
        )
    ],
    grad_name="ConstantPadNdBackward0",
)


def _sources(mode: str, size: int, before: int, after: int) -> list[int]:
    """For each place along one dimension of the result, the place that it is copied from."""
    places = range(-before, size + after)
    if mode == "replicate":
        return [min(max(i, 0), size - 1) for i in places]
    if mode == "circular":  # what is cut off at one end is gone before the border at the other is made
        first, rest = max(-before, 0), size + min(before, 0) + min(after, 0)
        return [first + (i - first) % rest for i in places]
    return [abs(i) if i < size else 2 * (size - 1) - i for i in places]


def _at(axis: int, index: Any) -> tuple[Any, ...]:
    return (slice(None),) * axis + (index,)


def _copied_forward(xp: Any, x: Any, widths: tuple[Pair, ...], mode: str) -> Any:
    for axis, (before, after) in enumerate(widths):
        if before or after:
            x = x[_at(axis, xp.asarray(_sources(mode, x.shape[axis], before, after), dtype=np.int64))]
    return x


def _folded_forward(xp: Any, g: Any, widths: tuple[Pair, ...], mode: str) -> Any:
    for axis, (before, after) in enumerate(widths):
        if not before and not after:
            continue
        size = g.shape[axis] - before - after
        sources = _sources(mode, size, before, after)
        start, stop = max(before, 0), len(sources) - max(after, 0)
        out = xp.zeros((*g.shape[:axis], size, *g.shape[axis + 1 :]), dtype=g.dtype)
        out[_at(axis, slice(start - before, stop - before))] = g[_at(axis, slice(start, stop))]
        for place in [*range(start), *range(stop, len(sources))]:
            out[_at(axis, sources[place])] += g[_at(axis, place)]
        g = out
    return g


_pad_copied = Primitive(
    "pad_copied",
    _copied_forward,
    [lambda xp, g, _out, _x, widths, mode: xp.pad_folded(g, widths, mode)],
    grad_name="ReflectionPad2DBackward0",
)
_pad_folded = Primitive(
    "pad_folded", _folded_forward, [lambda xp, h, _out, _g, widths, mode: xp.pad_copied(h, widths, mode)]
)


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Add a border, or cut one off where a number is negative.

    Args:
        pad: numbers of elements, two for each dimension from the last one on: before and after.
        mode: "constant" for a border of `value`; "reflect" mirrors at the outermost elements, "replicate" repeats
            them, and "circular" goes on at the other end. These three take inputs with one or two dimensions (batch,
            channels) in front of the padded ones.
        value: for "constant"; 0 if not given.

    Raises:
        RuntimeError: an odd number of numbers, more than dimensions, or a border that the input is too small for.
        NotImplementedError: a mode that does not exist or not for this input.

    >>> import mytorch
    >>> mytorch.nn.functional.pad(mytorch.tensor([[1, 2, 3]]), (2, 1), mode="reflect")
    tensor([[3, 2, 1, 2, 3, 2]])
    """
    if not isinstance(input, DifferentiableArray):
        raise wrong_argument("pad", input)
    numbers, shape = [int(n) for n in pad], input.array.shape
    if len(numbers) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(numbers) > 2 * len(shape):
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(numbers)} and input of dimension {len(shape)}"
        )
    last = [(numbers[i], numbers[i + 1]) for i in range(0, len(numbers), 2)]
    widths = ((0, 0),) * (len(shape) - len(last)) + tuple(reversed(last))
    for axis, (n, (before, after)) in enumerate(zip(shape, widths, strict=True)):
        if n + before + after < 0 or n + min(before, 0) + min(after, 0) < 0:
            raise RuntimeError(
                f"The input size {n}, plus negative padding {before} and {after}, resulted in a negative output size, "
                f"which is invalid. Check dimension {axis} of your input."
            )
    if mode == "constant":
        return apply(_pad_constant, input, widths=widths, value=0.0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if len(shape) - len(last) not in (1, 2) or not 1 <= len(last) <= 3:
        raise NotImplementedError(
            f"Padding size {len(numbers)} is not supported for {len(shape)}D input tensor.\n"
            "Supported combinations for non-constant padding:\n"
            "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
            "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    for axis, (n, widest) in enumerate(zip(shape, map(max, widths), strict=True)):
        if mode == "reflect" and widest >= n and widest > 0:
            raise RuntimeError(
                f"Argument #{2 + 2 * (len(shape) - axis)}: Padding size should be less than the corresponding input "
                f"dimension, but got: padding {widths[axis]} at dimension {axis} of input {list(shape)}"
            )
        if mode == "circular" and widest > n:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if mode == "replicate" and widest > 0 and not n:
            raise RuntimeError(f"Expected elements to repeat in dimension {axis} of the input, but got {list(shape)}")
    return apply(_pad_copied, input, widths=widths, mode=mode)
