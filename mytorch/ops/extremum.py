"""Reductions that pick an element: the largest, the smallest, and where it is. The table, then what users call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mytorch.autograd.application import apply, apply1, apply2, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import TABLE, Primitive
from mytorch.ops import arithmetic  # noqa: F401 - `maximum` and `minimum` must be in the table
from mytorch.ops.axes import Dims, reduce_over, refuse_empty, restore
from mytorch.ops.dims import normalize_dim
from mytorch.ops.variant import variant

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_amax = Primitive(
    "amax",
    lambda xp, x, axis, keepdims: xp.max(x, axis=axis, keepdims=keepdims),
    [lambda xp, g, out, x, axis, keepdims: _extremum_vjp(xp, g, out, x, axis, keepdims)],
    math={
        "x": "where(x == y, g / sum(x == y, axis=axis, keepdims=True), 0)",
    },
)
_amin = Primitive(
    "amin",
    lambda xp, x, axis, keepdims: xp.min(x, axis=axis, keepdims=keepdims),
    [lambda xp, g, out, x, axis, keepdims: _extremum_vjp(xp, g, out, x, axis, keepdims)],
    math={
        "x": "where(x == y, g / sum(x == y, axis=axis, keepdims=True), 0)",
    },
)
_argmax = Primitive("argmax", lambda xp, x, axis, keepdims: xp.argmax(x, axis=axis, keepdims=keepdims))
_argmin = Primitive("argmin", lambda xp, x, axis, keepdims: xp.argmin(x, axis=axis, keepdims=keepdims))

# Of all elements: NaN shares its gradient among the NaNs.
_max = Primitive(
    "max",
    lambda xp, x: xp.max(x),
    [lambda xp, g, out, x: _share_evenly(xp, g, out, x)],
    grad_name="MaxBackward1",
    math={
        "x": "where(x == y, g / sum(x == y), 0)",
    },
)
_min = Primitive(
    "min",
    lambda xp, x: xp.min(x),
    [lambda xp, g, out, x: _share_evenly(xp, g, out, x)],
    grad_name="MinBackward1",
    math={
        "x": "where(x == y, g / sum(x == y), 0)",
    },
)
# Over one dimension, for given indices: the gradient goes to the element that was chosen, and to no equal one.
_max_dim = Primitive(
    "max_dim",
    lambda xp, x, index, axis, keepdims: _drop(xp, xp.gather(x, index, axis), axis, keepdims),
    [
        lambda xp, g, _out, x_shape, index, axis, keepdims: xp.scatter_back(
            g if keepdims else xp.expand_dims(g, axis), index, axis, x_shape
        ),
        None,
    ],
    grad_name="MaxBackward0",
)
_min_dim = variant(_max_dim, "min_dim", "MinBackward0")


def _drop(xp: Any, x: Any, axis: int, keepdims: bool) -> Any:
    return x if keepdims else xp.squeeze(x, axis)


def _share_evenly(xp: Any, g: Any, out: Any, x: Any) -> Any:
    chosen = xp.where((x == out) + ((x != x) * (out != out)), xp.ones_like(x), 0)
    return chosen * (g / xp.sum(chosen, axis=None, keepdims=False))


def _extremum_vjp(xp: Any, g: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Elements that equal the extremum share its gradient evenly."""
    chosen = xp.where(x == restore(xp, out, x.shape, axis, keepdims), xp.ones_like(x), 0)
    return chosen / xp.sum(chosen, axis=axis, keepdims=True) * restore(xp, g, x.shape, axis, keepdims)


def amax(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The largest element over `dim`; equal ones share the gradient evenly.

    >>> import mytorch
    >>> mytorch.amax(mytorch.tensor([[1.0, 5.0], [3.0, 2.0]]), dim=0)
    tensor([3., 5.])
    """
    refuse_empty("amax", input, dim)
    return reduce_over(_amax, input, dim, keepdim)


def amin(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The smallest element over `dim`; equal ones share the gradient evenly.

    >>> import mytorch
    >>> mytorch.amin(mytorch.tensor([[1.0, 5.0], [3.0, 2.0]]), dim=0)
    tensor([1., 2.])
    """
    refuse_empty("amin", input, dim)
    return reduce_over(_amin, input, dim, keepdim)


class Found(NamedTuple):
    """What `max`, `min`, `sort` and the like return for one dimension: values and where they were."""

    values: Any
    indices: Any

    def __repr__(self) -> str:
        return f"torch.return_types.{type(self).__name__.lower()}(\nvalues={self.values!r},\nindices={self.indices!r})"


class Max(Found):
    """The result of `max` over one dimension."""


class Min(Found):
    """The result of `min` over one dimension."""


def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None) -> Any:
    """The largest element; over one dimension, a pair `(values, indices)`; with a tensor, `maximum` of both.

    NaN counts as largest. Over one dimension the gradient goes to the element at the returned index.

    >>> import mytorch
    >>> x = mytorch.tensor([[1.0, 5.0], [3.0, 2.0]])
    >>> mytorch.max(x), mytorch.max(x, 1).indices
    (tensor(5.), tensor([1, 0]))
    """
    return _extremum(Max, _maximum_of, input, dim if other is None else other, keepdim)


def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None) -> Any:
    """The smallest element; over one dimension, a pair `(values, indices)`; with a tensor, `minimum` of both.

    >>> import mytorch
    >>> x = mytorch.tensor([[1.0, 5.0], [3.0, 2.0]])
    >>> mytorch.min(x), mytorch.min(x, 1).indices
    (tensor(1.), tensor([0, 1]))
    """
    return _extremum(Min, _minimum_of, input, dim if other is None else other, keepdim)


# The entries for: all elements, where along a dimension, the values there, of two tensors.
_maximum_of = (_max, _argmax, _max_dim, TABLE["maximum"])
_minimum_of = (_min, _argmin, _min_dim, TABLE["minimum"])


def _extremum(result: type[Found], entries: tuple[Primitive, ...], x: Any, dim: Any, keepdim: bool) -> Any:
    of_all, finder, at_index, of_two = entries
    name = of_all.name
    if not isinstance(x, DifferentiableArray):
        raise wrong_argument(name, x)
    if dim is None:
        refuse_empty(name, x, None)
        return apply1(of_all, x)
    if hasattr(dim, "array"):
        return apply2(of_two, x, dim)
    axis = normalize_dim(dim, x.array.ndim)
    refuse_empty(name, x, dim)
    if not x.array.ndim:
        keepdim = True
    indices = apply(finder, x, axis=axis if x.array.ndim else None, keepdims=True)
    values = apply(at_index, x, indices, axis=axis, keepdims=keepdim)
    return result(values, indices if keepdim else indices.squeeze(axis))


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the (first) largest element: of the flattened tensor, or along one dimension.

    >>> import mytorch
    >>> mytorch.argmax(mytorch.tensor([[1.0, 5.0], [3.0, 2.0]]), dim=1)
    tensor([1, 0])
    """
    return _find("argmax", _argmax, input, dim, keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the (first) smallest element: of the flattened tensor, or along one dimension.

    >>> import mytorch
    >>> mytorch.argmin(mytorch.tensor([[1.0, 5.0], [3.0, 2.0]]))
    tensor(0)
    """
    return _find("argmin", _argmin, input, dim, keepdim)


def _find(name: str, finder: Primitive, x: Any, dim: int | None, keepdim: bool) -> Any:
    if x.array.dtype.kind == "b":
        raise RuntimeError(f"{name}(): does not support bool input")
    if dim is None and not x.array.size:
        raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
    refuse_empty(name, x, dim)
    axis = None if dim is None else normalize_dim(dim, x.array.ndim)
    if not x.array.ndim:
        axis = None
    return apply(finder, x, axis=axis, keepdims=keepdim)
