"""Regular tensors: ranges, equally spaced numbers, index pairs of triangles, and grids and combinations of vectors."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import numpy as np

from mytorch.autograd.array import DifferentiableArray
from mytorch.backend import dtypes
from mytorch.creation.filled import finish, float_type, integer, number
from mytorch.ops import indexing
from mytorch.ops import shape as shapes
from mytorch.ops.arguments import check_tensors
from mytorch.tensor import Tensor

__all__ = [
    "arange", "cartesian_prod", "combinations", "linspace", "logspace", "meshgrid", "range", "tril_indices",
    "triu_indices", "vander",
]  # fmt: skip

_range = range  # Python's; below, the name is PyTorch's

# --- ranges ---------------------------------------------------------------------------------------------------------


def _bounds(name: str, args: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
    """Start, end and step as numbers, from `(end)`, `(start, end)` or `(start, end, step)`, also by keyword."""
    order = ("end",) if len(args) == 1 and named["end"] is None else ("start", "end", "step")
    named = {key: value for key, value in named.items() if value is not None}
    given = dict(zip(order, args, strict=False)) | named
    too_many = len(args) + len(named) != len(given)
    if too_many or "end" not in given or ("step" in given and "start" not in given):
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got {args} {named or ''}, but expected an end, a "
            "start and an end, or a start, an end and a step"
        )
    numbers = [number(name, key, given.get(key, default)) for key, default in (("start", 0), ("end", 0), ("step", 1))]
    if any(isinstance(n, complex) for n in numbers):
        raise RuntimeError("value cannot be converted to type double without overflow")
    return numbers


def _check_range(start: Any, end: Any, step: Any) -> None:
    if not step > 0 and not step < 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")


def _steps(start: Any, step: Any, count: int, dtype: np.dtype[Any]) -> Any:
    """`start + step * i`, in whole numbers for an integer type."""
    if count > np.iinfo(np.int64).max // 8:
        raise RuntimeError(f"invalid size, possible overflow? {count} elements")
    exact = np.dtype(np.int64) if dtype.kind in "iu" else np.dtype(np.float64)
    return (dtypes.fitted(start, exact) + dtypes.fitted(step, exact) * np.arange(count, dtype=exact)).astype(dtype)


def _range_type(name: str, dtype: Any) -> np.dtype[Any]:
    numpy = dtypes.to_numpy(dtype)
    if numpy.kind in "bc":
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{dtypes.type_name(numpy)}'")
    return numpy


def arange(
    *args: Any,
    start: Any = None,
    end: Any = None,
    step: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """Numbers from start (0) up to, not including, end, in steps (1): `arange(end)`, `arange(start, end, step)`.

    Integers give int64; a float among the arguments gives the default floating type.

    Raises:
        RuntimeError: the step is 0 or leads away from the end, or a bound is not finite.

    >>> arange(3), arange(1, 2, 0.5)
    (tensor([0, 1, 2]), tensor([1.0000, 1.5000]))
    """
    numbers = _bounds("arange", args, {"start": start, "end": end, "step": step})
    if dtype is None:
        numpy = np.dtype(np.int64) if all(isinstance(n, int) for n in numbers) else dtypes.default_float()
    else:
        numpy = _range_type("arange", dtype)
    _check_range(*numbers)
    if numpy == np.int64:
        whole = [int(dtypes.fitted(n, numpy)) for n in numbers]
        if not whole[2]:
            raise ValueError("step must be nonzero")
        values = np.arange(*whole)
    else:
        first, last, width = numbers
        values = _steps(first, width, math.ceil((last - first) / width), numpy)
    return finish(values, device, requires_grad, layout, pin_memory)


def range(
    *args: Any,
    start: Any = None,
    end: Any = None,
    step: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """Numbers from start up to, and including, end. PyTorch has declared it outdated: use `arange`.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     range(1, 3)
    tensor([1., 2., 3.])
    """
    if len(args) == 1 and end is None:
        raise TypeError("range() missing 1 required positional arguments: 'end'")
    bounds = _bounds("range", args, {"start": start, "end": end, "step": step})
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
        stacklevel=2,
    )
    _check_range(*bounds)
    numpy = dtypes.default_float() if dtype is None else _range_type("range", dtype)
    count = math.floor((bounds[1] - bounds[0]) / bounds[2]) + 1
    return finish(_steps(bounds[0], bounds[2], count, numpy), device, requires_grad, layout, pin_memory)


# --- equally spaced numbers -----------------------------------------------------------------------------------------


def _ends(name: str, start: Any, end: Any, dtype: Any) -> tuple[Any, Any, np.dtype[Any]]:
    """Two numbers, each perhaps a 0-d tensor, and the type of what lies between them."""
    for value in (start, end):
        if isinstance(value, DifferentiableArray) and value.array.ndim:
            raise RuntimeError(
                f"{name} only supports 0-dimensional start and end tensors, but got one with {value.array.ndim} "
                "dimension(s)."
            )
    first, last = number(name, "start", start), number(name, "end", end)
    numpy = float_type(dtype)
    if dtype is None and (isinstance(first, complex) or isinstance(last, complex)):
        numpy = dtypes.default_complex()
    if numpy.kind == "b":
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")
    return first, last, numpy


def _spaced(first: Any, last: Any, steps: int, numpy: np.dtype[Any]) -> Any:
    """Equally spaced numbers, counted from the nearer end, with a step that has been rounded to the type."""
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    if steps < 2:
        return np.full(steps, dtypes.fitted(first, numpy)[()])
    exact = np.dtype(np.complex128 if numpy.kind == "c" else np.float64)
    low, high = dtypes.fitted(first, numpy).astype(exact), dtypes.fitted(last, numpy).astype(exact)
    step = (high - low) / (steps - 1)
    if numpy.kind == "f":
        step = step.astype(numpy).astype(exact)
    places = np.arange(steps)
    return np.where(places < steps // 2, low + step * places, high - step * (steps - 1 - places))


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """`steps` numbers from start to end, both included.

    Raises:
        RuntimeError: steps is negative, an end is a tensor with dimensions, or it does not fit into the type.

    >>> linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    first, last, numpy = _ends("linspace", start, end, dtype)
    values = _spaced(first, last, integer("linspace", "steps", steps), numpy).astype(numpy)
    return finish(values, device, requires_grad, layout, pin_memory)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """`steps` powers of a base, whose exponents are equally spaced from start to end, both included.

    Raises:
        RuntimeError: steps is negative, or an end is a tensor with dimensions.

    >>> logspace(0, 2, 3), logspace(0, 2, 3, base=2)
    (tensor([  1.,  10., 100.]), tensor([1., 2., 4.]))
    """
    if isinstance(base, complex):
        raise TypeError("logspace(): argument 'base' must be float, not complex")
    first, last, numpy = _ends("logspace", start, end, dtype)
    exponents = _spaced(first, last, integer("logspace", "steps", steps), numpy)
    values = np.power(np.float64(base), exponents).astype(numpy)
    return finish(values, device, requires_grad, layout, pin_memory)


# --- indices --------------------------------------------------------------------------------------------------------


def _triangle(name: str, find: Any, row: int, col: int, offset: int, dtype: Any) -> Any:
    sizes = [integer(name, key, value) for key, value in (("row", row), ("col", col), ("offset", offset))]
    for key, size in zip(("row", "col"), sizes, strict=False):
        if size < 0:
            raise RuntimeError(f"{key} must be non-negative, got {size}")
    numpy = np.dtype(np.int64) if dtype is None else dtypes.to_numpy(dtype)
    if numpy.kind not in "iu":
        raise NotImplementedError(f"\"{name}\" not implemented for '{dtypes.type_name(numpy)}'")
    rows, columns, offset = sizes
    return np.stack(find(rows, offset, columns)).astype(numpy)


def tril_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool | None = False,
) -> Tensor:
    """The rows and the columns of what a lower triangle holds, (2, n), row by row.

    Raises:
        RuntimeError: a size is negative.

    >>> tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    found = _triangle("tril_indices", np.tril_indices, row, col, offset, dtype)
    return finish(found, device, False, layout, pin_memory)


def triu_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool | None = False,
) -> Tensor:
    """The rows and the columns of what an upper triangle holds, (2, n), row by row.

    Raises:
        RuntimeError: a size is negative.

    >>> triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    found = _triangle("triu_indices", np.triu_indices, row, col, offset, dtype)
    return finish(found, device, False, layout, pin_memory)


# --- of vectors -----------------------------------------------------------------------------------------------------


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """For vectors, the coordinates of the points of the grid that they span: views, one for each vector.

    Args:
        tensors: vectors or 0-d tensors of one type, one by one or in a list.
        indexing: "ij": the first vector runs along the first dimension; "xy": along the second, as in plots.
            PyTorch wants it said, and warns if it is not; then it is "ij".

    Raises:
        RuntimeError: there are no tensors, one has more dimensions, their types differ, or `indexing` is another.

    >>> xs, ys = meshgrid(arange(2), arange(3), indexing="ij")
    >>> xs, ys
    (tensor([[0, 0, 0],
            [1, 1, 1]]), tensor([[0, 1, 2],
            [0, 1, 2]]))
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    check_tensors("meshgrid", *tensors)
    if any(t.array.ndim > 1 for t in tensors):
        odd = next(t for t in tensors if t.array.ndim > 1)
        raise RuntimeError(
            f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got shape {list(odd.shape)}"
        )
    if len({t.array.dtype for t in tensors}) > 1:
        raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    if indexing is None:
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.", stacklevel=2
        )
    elif indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    swap = indexing == "xy" and len(tensors) >= 2
    if swap:
        tensors = (tensors[1], tensors[0], *tensors[2:])
    sizes = [t.array.size for t in tensors]
    grids = []
    for axis, t in enumerate(tensors):
        along = shapes.reshape(t, [-1 if d == axis else 1 for d in _range(len(sizes))])
        grids.append(shapes.expand(along, sizes))
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All ways to take one element of each vector, one in a row; of a single vector, the vector.

    Raises:
        RuntimeError: there are no tensors, one is no vector, or their types differ.

    >>> cartesian_prod(arange(2), arange(5, 7))
    tensor([[0, 5],
            [0, 6],
            [1, 5],
            [1, 6]])
    """
    check_tensors("cartesian_prod", *tensors)
    for t in tensors:
        _check_vector(t)
    if len(tensors) == 1:
        return tensors[0]
    return shapes.stack([shapes.flatten(g) for g in meshgrid(*tensors, indexing="ij")], 1)


def _check_vector(t: Tensor) -> None:
    if t.array.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(t.shape)}")


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All ways to choose r elements of a vector, one in a row, as `itertools.combinations` has them.

    Raises:
        RuntimeError: the input is no vector, or r is negative.

    >>> combinations(arange(3))
    tensor([[0, 1],
            [0, 2],
            [1, 2]])
    """
    check_tensors("combinations", input)
    _check_vector(input)
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return finish(np.empty(0, input.array.dtype))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(choose(_range(input.array.size), r)), np.int64).reshape(-1, r)
    return indexing.getitem(input, finish(places))


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:  # noqa: N803 - PyTorch's name
    """A Vandermonde matrix: the powers of a vector's elements, N of them (as many as there are elements), in columns.

    Raises:
        RuntimeError: x is no vector, or N is negative.

    >>> vander(arange(1, 4))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    check_tensors("vander", x)
    if x.array.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    count = x.array.size if N is None else N
    if count < 0:
        raise RuntimeError("N must be non-negative.")
    if x.array.dtype.kind in "biu":
        x = x.to(dtypes.int64)
    powers = [x**k if k else x.new_ones(x.array.size) for k in _range(count)]
    if not powers:
        return x.new_empty(x.array.size, 0)
    return shapes.stack(powers if increasing else powers[::-1], 1)
