"""The keyword `out=`: a function's result written into a tensor that is there already.

The functions of `mytorch.ops` know nothing of it. `with_out` gives it to one, `add_out` to all those of a module that
have it in PyTorch; their names stand here, by the rule that the type of `out` has to follow. Methods do not have it.
"""
# ruff: noqa: SIM905 - many names read best as text

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.grad_mode import mode, no_grad
from mytorch.backend.dtypes import CATEGORY, of, to_numpy, type_name
from mytorch.ops.inplace import check_writable, write

# The result is converted to the type of `out`, which must be of the same category (bool < integer < float) or higher.
CONVERTED = frozenset(
    """
    abs absolute acos acosh add addcdiv addcmul addr angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin
    asinh atan atan2 atanh bernoulli bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor cat
    clamp clamp_max clamp_min clip column_stack concat concatenate copysign cos cosh deg2rad digamma div divide dstack
    eq erf erfc erfinv exp exp2 expm1 floor_divide fmax fmin fmod gcd ge greater greater_equal gt hstack
    hypot i0 igamma igammac kron lcm ldexp le lerp less less_equal lgamma log log10 log1p log2 logaddexp logaddexp2
    logical_and logical_not logical_or logical_xor logit logsumexp lt max maximum mean min minimum mul multiply mvlgamma
    ne nextafter normalize not_equal outer polygamma pow rad2deg reciprocal remainder row_stack rsqrt sigmoid sin sinc
    sinh sqrt square stack std sub subtract tan tanh true_divide var vstack xlogy
    """.split()
)

# The result has its type without `out`, and `out` must have just that.
EQUAL = frozenset(
    """
    addbmm addmm addmv alias_copy all amax amin aminmax any argmax argmin argsort as_strided_copy avg_pool2d avg_pool3d
    baddbmm bitwise_not bmm bucketize ceil cholesky cholesky_inverse cholesky_solve complex conj_physical cross cummax
    cummin detach_copy diag diagonal_copy diff dot expand_copy fix float_power floor frac frexp gather gelu geqrf ger
    hardshrink heaviside histc histogram index_add index_copy index_reduce index_select inner inverse isin isneginf
    isposinf kthvalue linear ormqr
    log_softmax logcumsumexp logsigmoid lu lu_solve lu_unpack masked_select matmul matrix_power median mm mode msort
    multinomial mv nan_to_num nanmean nanmedian nanquantile narrow_copy neg negative nonzero nonzero_static norm
    permute_copy polar qr quantile renorm round scatter scatter_add scatter_reduce searchsorted select_copy sgn sign
    signbit slice_copy slice_scatter slogdet softmax softplus softshrink sort split_copy split_with_sizes_copy
    squeeze_copy svd t_copy take take_along_dim tensordot threshold topk transpose_copy triangular_solve tril triu trunc
    unbind_copy unfold_copy unsqueeze_copy vdot view_as_complex_copy view_as_real_copy view_copy where
    """.split()
)

# What is computed has the type of `out`.
DECIDED = frozenset("cumprod cumsum nansum prod sum".split())
FACTORIES = frozenset(
    "arange empty eye full linspace logspace normal ones rand randint randn randperm range zeros".split()
)

# Functions for which PyTorch does not ask whether something requires grad: they have no derivative, or are made of
# others.
UNGUARDED = frozenset(
    """
    all any argmax argmin bucketize diag diff eq floor_divide ge greater greater_equal gt heaviside histc histogram
    inner isin isneginf isposinf le less less_equal log_softmax logical_and logical_not logical_or logical_xor lt
    multinomial nanquantile ne nonzero norm not_equal quantile searchsorted signbit softmax tensordot
    """.split()
)


def add_out(namespace: dict[str, Any], names: Iterable[str] = CONVERTED | EQUAL | DECIDED | FACTORIES) -> None:
    """Give `out=` to the functions of these names that a module's namespace has."""
    for name in names:
        if name in namespace:
            namespace[name] = with_out(namespace[name])


@functools.cache
def with_out(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function with the keyword `out`: a tensor, or a tuple of them for a function with several results.

    `out` is written in place, keeps its strides, and is what is returned. It is resized if it has another shape.

    Raises:
        TypeError: `out` is no tensor, or not as many tensors as there are results.
        RuntimeError: its type does not fit the result (see the groups of names above), an argument requires grad,
            or elements of `out` share memory.

    >>> import mytorch
    >>> x, out = mytorch.tensor([1.0, 2.0]), mytorch.zeros(2)
    >>> mytorch.add(x, 10, out=out) is out, out
    (True, tensor([11., 12.]))
    >>> mytorch.max(x, 0, out=(mytorch.zeros(()), mytorch.tensor(0))).indices
    tensor(1)
    """
    name = function.__name__

    @functools.wraps(function)
    def call(*args: Any, out: Any = None, **named: Any) -> Any:
        if out is None:
            return function(*args, **named)
        _refuse_gradients(name, args, named, out)
        if name in DECIDED or name in FACTORIES:
            named["dtype"] = _decided_type(name, out, named.get("dtype"))
        with no_grad():
            result = function(*args, **named)
        if isinstance(result, tuple):
            return _write_all(name, out, result)
        if not isinstance(out, DifferentiableArray):
            raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
        _write(name, out, result, name in CONVERTED)
        return out

    signature = inspect.signature(function)
    last = [p for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD]
    first = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    added = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="Tensor | None")
    call.__signature__ = signature.replace(parameters=[*first, added, *last])  # type: ignore[attr-defined]
    return call


def _refuse_gradients(name: str, args: tuple[Any, ...], named: dict[str, Any], out: Any) -> None:
    if name in UNGUARDED or not mode.enabled:
        return
    given = [*args, *named.values(), out]
    given += [item for value in given if isinstance(value, (tuple, list)) for item in value]
    if any(isinstance(value, DifferentiableArray) and value.requires_grad for value in given):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )


def _decided_type(name: str, out: Any, dtype: Any) -> Any:
    if not isinstance(out, DifferentiableArray):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if dtype is not None and to_numpy(dtype) != out.array.dtype:
        wanted = type_name(to_numpy(dtype))
        raise RuntimeError(f"dtype {wanted} does not match dtype of out parameter ({type_name(out.array.dtype)})")
    return of(out.array.dtype)


def _write_all(name: str, outs: Any, results: tuple[Any, ...]) -> Any:
    """Several results; they come back in a tuple with the same names."""
    if not isinstance(outs, (tuple, list)):
        raise TypeError(f"{name}(): argument 'out' must be tuple of Tensors, not {type(outs).__name__}")
    if len(outs) != len(results):
        raise TypeError(f"{name}(): argument 'out': expected tuple of {len(results)} elements but got {len(outs)}")
    for out, result in zip(outs, results, strict=True):
        if not isinstance(out, DifferentiableArray):
            raise TypeError(f"{name}(): argument 'out' must be tuple of Tensors, not of {type(out).__name__}")
        _write(name, out, result, converted=False)
    return type(results)(*outs) if hasattr(results, "_fields") else tuple(outs)


def _write(name: str, out: Any, result: Any, converted: bool) -> None:
    here, new = out.array, result.array
    if converted and CATEGORY[new.dtype.kind] > CATEGORY[here.dtype.kind]:
        raise RuntimeError(
            f"result type {type_name(new.dtype)} can't be cast to the desired output type {type_name(here.dtype)}"
        )
    if not converted and new.dtype != here.dtype:
        raise RuntimeError(
            f"{name}(): Expected out tensor to have dtype {of(new.dtype)}, but got {of(here.dtype)} instead"
        )
    check_writable(out)
    if here.shape != new.shape:
        if here.size and name not in FACTORIES:
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(here.shape)}, which does "
                f"not match the required output shape {list(new.shape)}. This behavior is deprecated: give it the "
                "shape of the result, or none at all with out.resize_(0).",
                stacklevel=4,
            )
        out.array, out.base = np.empty_like(new, dtype=here.dtype), None
    write(out, new)
    if name in FACTORIES and result.requires_grad:  # asked for by name
        out.requires_grad_()
