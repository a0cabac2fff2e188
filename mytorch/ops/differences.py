"""Differences of neighbours, and what is made of them: derivatives by finite differences, integrals by trapezoids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mytorch.autograd.array import DifferentiableArray
from mytorch.ops import arithmetic, comparison, cumulative, pieces, reduction, shape
from mytorch.ops.arguments import check_tensors
from mytorch.ops.dims import normalize_dim, normalize_dims

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["cumulative_trapezoid", "diff", "gradient", "trapezoid", "trapz"]


def _neighbours(x: Any, axis: int, function: Callable[[Any, Any], Any]) -> Any:
    """A function, such as the sum or the difference, of each element and the one before it."""
    size = x.array.shape[axis]
    return function(pieces.narrow(x, axis, 1, size - 1), pieces.narrow(x, axis, 0, size - 1)) if size else x


def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """The n-th differences along `dim`: of each element and the one before it, n times. Booleans: whether they differ.

    Args:
        prepend, append: what to put before and behind `input` along `dim` first.

    Raises:
        RuntimeError: a 0-d tensor, n is negative, or the shapes do not fit.

    >>> import mytorch
    >>> diff(mytorch.tensor([1, 3, 2])), diff(mytorch.tensor([1, 3, 2]), n=2)
    (tensor([ 2, -1]), tensor([-3]))
    """
    check_tensors("diff", input)
    if not input.array.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    axis = normalize_dim(dim, input.array.ndim)
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    for extra in (prepend, append):
        _check_extension(input.array, axis, extra)
    parts = [x for x in (prepend, input, append) if x is not None]
    x: Any = shape.cat(parts, axis) if len(parts) > 1 and n else input
    minus = comparison.logical_xor if x.array.dtype.kind == "b" else arithmetic.sub
    for _ in range(min(n, x.array.shape[axis])):
        x = _neighbours(x, axis, minus)
    return x.clone() if x is input else x


def _check_extension(x: Any, axis: int, extra: Any) -> None:
    if extra is None:
        return
    check_tensors("diff", extra)
    if extra.array.ndim != x.ndim:
        raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    for d, (a, b) in enumerate(zip(x.shape, extra.array.shape, strict=True)):
        if d != axis and a != b:
            raise RuntimeError(
                "diff expects the shape of tensor to prepend or append to match that of input except along the "
                f"differencing dimension; input.size({d}) = {a}, but got tensor.size({d}) = {b}"
            )


# --- integrals ------------------------------------------------------------------------------------------------------


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral of `y` along `dim` by the trapezoidal rule.

    Args:
        x: the places of the samples: a vector, or a tensor that broadcasts to `y`.
        dx: their distance, where `x` is not given; 1 unless given.

    Raises:
        RuntimeError: a vector `x` of another size than `y` along `dim`, or bool.

    >>> import mytorch
    >>> y = mytorch.tensor([1.0, 2.0, 4.0])
    >>> trapezoid(y), trapezoid(y, mytorch.tensor([0.0, 1.0, 3.0]))
    (tensor(4.5000), tensor(7.5000))
    """
    areas, axis = _doubled_areas("trapezoid", y, x, dx, dim)
    return reduction.sum(areas, axis) / 2


def trapz(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """Another name for `trapezoid`.

    >>> import mytorch
    >>> trapz(mytorch.tensor([1.0, 2.0, 4.0]), dx=2)
    tensor(9.)
    """
    return trapezoid(y, x, dx=dx, dim=dim)


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral of `y` from its first sample up to each of the others, as `trapezoid` computes it.

    >>> import mytorch
    >>> cumulative_trapezoid(mytorch.tensor([1.0, 2.0, 4.0]))
    tensor([1.5000, 4.5000])
    """
    areas, axis = _doubled_areas("cumulative_trapezoid", y, x, dx, dim)
    return cumulative.cumsum(areas, axis) / 2


def _doubled_areas(name: str, y: Any, x: Any, dx: Any, dim: int) -> tuple[Any, int]:
    """Twice the area between each two neighbours, and the dimension counted from the front."""
    check_tensors(name, y)
    if x is not None:
        check_tensors(name, x)
        if dx is not None:
            raise TypeError(f"{name}() takes either x or dx, not both")
    for argument, value in (("y", y), ("x", x), ("dx", dx)):
        if isinstance(value, bool) or (isinstance(value, DifferentiableArray) and value.array.dtype.kind == "b"):
            raise RuntimeError(f"{name}: received a bool input for `{argument}`, but bool is not supported")
    rank = y.array.ndim
    if not rank:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    axis = normalize_dim(dim, rank)
    width = 1 if dx is None else dx
    if x is not None:
        if x.array.ndim == 1:
            if x.array.shape[0] != y.array.shape[axis]:
                raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
            x = x.reshape(-1, *(1,) * (rank - axis - 1))
        elif x.array.ndim < rank:
            x = x.reshape(*(1,) * (rank - x.array.ndim), *x.array.shape)
        width = _neighbours(x, x.array.ndim - rank + axis, arithmetic.sub)
    return _neighbours(y, axis, arithmetic.add) * width, axis


# --- derivatives ----------------------------------------------------------------------------------------------------


def gradient(input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """The derivative along each dimension, from second-order differences inside and `edge_order` ones at the ends.

    Args:
        spacing: the distance of the samples: a number, one for each dimension, or for each a vector of their places.
        dim: the dimension, or several; all if None.
        edge_order: 1 or 2.

    Raises:
        RuntimeError: a dimension has no more than `edge_order` elements, or the spacing has another length.

    >>> import mytorch
    >>> gradient(mytorch.tensor([0.0, 1.0, 4.0]), edge_order=2)
    (tensor([0., 2., 4.]),)
    """
    check_tensors("gradient", input)
    x = input.array
    if x.dtype.kind == "b":
        raise RuntimeError("torch.gradient does not support bool input: it cannot be subtracted.")
    if x.dtype == "uint8":
        raise RuntimeError("torch.gradient does not support uint8 input.")
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if dim is None:
        dims: Sequence[int] = range(x.ndim)
    else:
        dims = () if isinstance(dim, (tuple, list)) and not dim else normalize_dims(dim, x.ndim) or ()
    if any(x.shape[d] < edge_order + 1 for d in dims):
        raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    places = _spacing_for_each(spacing, len(dims))
    return tuple(_derivative(input, d, place, edge_order) for d, place in zip(dims, places, strict=True))


def _spacing_for_each(spacing: Any, count: int) -> Sequence[Any]:
    if spacing is None or isinstance(spacing, (int, float, complex)):
        return [1 if spacing is None else spacing] * count
    if not isinstance(spacing, (tuple, list)):
        raise TypeError(f"gradient(): 'spacing' must be a number or a sequence, not {type(spacing).__name__}")
    if len(spacing) != count:
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list with an element for each "
            f"dimension, of which there are {count}, but got a list of length {len(spacing)}"
        )
    for place in spacing:
        if isinstance(place, DifferentiableArray) and place.array.ndim != 1:
            raise RuntimeError(
                "torch.gradient expected each element of spacing to have one dimension, but got an element with "
                f"{place.array.ndim} dimensions!"
            )
    return spacing


def _derivative(x: Any, axis: int, places: Any, edge_order: int) -> Any:
    """By Taylor's formula: each element's derivative is a sum of neighbours, with weights from their distances."""
    size = x.array.shape[axis]
    uneven = isinstance(places, DifferentiableArray)
    steps = _neighbours(places, 0, arithmetic.sub).reshape(-1, *(1,) * (x.array.ndim - axis - 1)) if uneven else places

    def step(start: int, count: int) -> Any:
        return pieces.narrow(steps, 0, start, count) if uneven else steps

    def weighted(start: int, count: int, *weights: Any) -> Any:
        """For `count` elements from `start` on, the sum of each and the next ones with these weights."""
        summands = [(i, w) for i, w in enumerate(weights) if not isinstance(w, float) or w]
        return sum(pieces.narrow(x, axis, start + i, count) * w for i, w in summands)

    a, b = step(0, size - 2), step(1, size - 2)
    inner = weighted(0, size - 2, -b / (a * (a + b)), (b - a) / (a * b), a / (b * (a + b)))
    if edge_order == 1:
        a, b = step(0, 1), step(size - 2, 1)
        low, high = weighted(0, 1, -1 / a, 1 / a), weighted(size - 2, 1, -1 / b, 1 / b)
    else:
        a, b = step(0, 1), step(1, 1)
        low = weighted(0, 1, -(2 * a + b) / (a * (a + b)), (a + b) / (a * b), -a / (b * (a + b)))
        a, b = step(size - 3, 1), step(size - 2, 1)
        high = weighted(size - 3, 1, b / (a * (a + b)), -(a + b) / (a * b), (2 * b + a) / (b * (a + b)))
    return shape.cat([low, inner, high], axis)
