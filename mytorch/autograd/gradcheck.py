"""Finite differences against autograd: is a derivative right?"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.engine import grad

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """A derivative that finite differences do not confirm."""


def _tensors(values: Any) -> list[Any]:
    values = values if isinstance(values, (tuple, list)) else (values,)
    return [v for v in values if isinstance(v, DifferentiableArray)]


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the gradients of `func` with central finite differences, element by element.

    Args:
        func: takes the inputs, returns a tensor or several.
        inputs: a tensor or a tuple; those that require grad are checked. They should be float64: in float32 the
            differences drown in rounding.
        eps: the step of the differences.
        atol, rtol: |analytical - numerical| may be at most atol + rtol * |numerical|.
        raise_exception: raise instead of returning False.
        nondet_tol: how far the gradients of two backward passes may lie apart.
        check_grad_dtypes: the gradients must be of the inputs' types.
        check_backward_ad: False checks nothing but that the function can be called.
        fast_mode, masked, check_undefined_grad, check_batched_grad: accepted without effect. Every element is checked;
            there are no sparse tensors; a gradient that is missing counts as zero; batches are computed row by row.
        check_forward_ad, check_batched_forward_grad: must be False, since there is no forward mode.

    Raises:
        GradcheckError: a derivative is wrong; names the output, the input, the element and both values.
        ValueError: no input requires grad.
        NotImplementedError: forward mode is to be checked.

    >>> import mytorch
    >>> x = mytorch.tensor([0.5, 2.0], dtype=mytorch.float64, requires_grad=True)
    >>> mytorch.autograd.gradcheck(lambda x: (x * x).sum(), x)
    True
    """
    if check_forward_ad or check_batched_forward_grad:
        raise NotImplementedError("gradcheck: forward mode automatic differentiation is not offered")
    inputs = (inputs,) if isinstance(inputs, DifferentiableArray) else tuple(inputs)
    checked = [(i, x) for i, x in enumerate(inputs) if isinstance(x, DifferentiableArray) and x.requires_grad]
    if not checked:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    for i, x in checked:
        if x.array.dtype != np.float64:
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check "
                "will likely fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=2,
            )
    every = _tensors(func(*inputs))
    outputs = [(n, o) for n, o in enumerate(every) if o.requires_grad] if check_backward_ad else []
    try:
        for n, output in outputs:
            leaves = [x for _, x in checked]
            analytical = _jacobian(output, leaves, check_grad_dtypes)
            again = _jacobian(output, leaves, check_grad_dtypes)
            for (i, x), found, repeated in zip(checked, analytical, again, strict=True):
                if not (np.abs(found - repeated) <= nondet_tol).all():
                    raise GradcheckError(
                        "Backward is not reentrant, i.e., running backward with same input and grad_output multiple "
                        f"times gives different values (output {n}, input {i}). The tolerance for nondeterminism was "
                        f"{nondet_tol}."
                    )
                expected = _differences(functools.partial(_value_of, func, inputs, n), x.array, eps)
                wrong = ~(np.abs(found - expected) <= atol + rtol * np.abs(expected))
                if wrong.any():
                    raise GradcheckError(_describe(n, i, wrong, found, expected, output, x))
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _jacobian(output: Any, inputs: Sequence[Any], check_types: bool) -> list[Any]:
    """The derivatives of every element of `output` by every element of each input: (output size, input size)."""
    rows: list[list[Any]] = [[] for _ in inputs]
    for k in range(output.array.size):
        direction = np.zeros(output.array.shape, output.array.dtype)
        direction.flat[k] = 1.0
        gradients = grad(output, inputs, wrap(direction), retain_graph=True, allow_unused=True)
        for row, x, g in zip(rows, inputs, gradients, strict=True):
            if check_types and g is not None and g.array.dtype != x.array.dtype:
                raise GradcheckError(f"Gradient has dtype mismatch: it is {g.dtype}, its input is {x.dtype}")
            row.append(np.zeros(x.array.size) if g is None else g.array.ravel())
    return [np.array(r).reshape(output.array.size, x.array.size) for r, x in zip(rows, inputs, strict=True)]


def _value_of(func: Callable[..., Any], inputs: Sequence[Any], output: int) -> Any:
    return _tensors(func(*inputs))[output].array


def _differences(value: Callable[[], Any], x: Any, eps: float) -> Any:
    """Central differences of every output element by every element of `x`, which is changed in place and put back."""
    columns = []
    for index in np.ndindex(x.shape):
        held = x[index]
        x[index] = held + eps
        above = value().copy()
        x[index] = held - eps
        below = value().copy()
        x[index] = held
        columns.append((above.astype(np.float64) - below).ravel() / (2 * eps))
    return np.stack(columns, axis=1) if columns else np.zeros((value().size, 0))


def _describe(n: int, i: int, wrong: Any, found: Any, expected: Any, output: Any, x: Any) -> str:
    row, column = (int(v) for v in np.argwhere(wrong)[0])
    at = tuple(int(v) for v in np.unravel_index(column, x.array.shape)) if x.array.ndim else ()
    of = tuple(int(v) for v in np.unravel_index(row, output.array.shape)) if output.array.ndim else ()
    return (
        f"Jacobian mismatch for output {n} with respect to input {i}: the derivative of output element {of} by input "
        f"element {at} is {found[row, column]:.8g} by autograd and {expected[row, column]:.8g} by finite differences "
        f"({int(wrong.sum())} of {wrong.size} entries differ)"
    )


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """`gradcheck` of the gradients of `func`: is the second derivative right?

    Args:
        grad_outputs: the gradients that flow into the outputs; random ones if not given.
        gen_non_contig_grad_outputs: let the random ones lie in memory with gaps.
        check_rev_over_rev: False checks nothing but that the gradients can be computed.
        check_fwd_over_rev: must be False, since there is no forward mode.
        eps, atol, rtol, ...: as for `gradcheck`.

    >>> import mytorch
    >>> x = mytorch.tensor([0.5, 2.0], dtype=mytorch.float64, requires_grad=True)
    >>> mytorch.autograd.gradgradcheck(lambda x: x ** 3, x)
    True
    """
    inputs = (inputs,) if isinstance(inputs, DifferentiableArray) else tuple(inputs)
    chosen = [i for i, x in enumerate(inputs) if isinstance(x, DifferentiableArray) and x.requires_grad]
    if grad_outputs is None:
        outputs = [o for o in _tensors(func(*inputs)) if o.requires_grad]
        directions = [_random_like(o.array, gen_non_contig_grad_outputs) for o in outputs]
    else:
        directions = _tensors(grad_outputs)

    def first_derivatives(*values: Any) -> tuple[Any, ...]:
        at, flowing = values[: len(inputs)], values[len(inputs) :]
        made = [o for o in _tensors(func(*at)) if o.requires_grad]
        return tuple(
            g
            for g in grad(made, [at[i] for i in chosen], list(flowing), create_graph=True, allow_unused=True)
            if g is not None
        )

    return gradcheck(
        first_derivatives,
        (*inputs, *directions),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_grad_dtypes=check_grad_dtypes,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
    )


def _random_like(array: Any, with_gaps: bool) -> Any:
    """A random tensor of an array's shape and type that requires grad."""
    random = np.random.default_rng(0)
    values = random.standard_normal(array.shape).astype(array.dtype)
    if with_gaps and values.ndim:
        values = np.repeat(values, 2, axis=-1)[..., ::2]
    direction = wrap(values)
    direction.requires_grad = True
    return direction
