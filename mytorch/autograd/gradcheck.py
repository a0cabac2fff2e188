"""Finite differences against autograd: is a derivative right?"""

from __future__ import annotations

import functools
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
) -> bool:
    """Compare the gradients of `func` with central finite differences, element by element.

    Args:
        func: takes the inputs, returns a tensor or several.
        inputs: a tensor or a tuple; those that require grad are checked. They should be float64: in float32 the
            differences drown in rounding.
        eps: the step of the differences.
        atol, rtol: |analytical - numerical| may be at most atol + rtol * |numerical|.
        raise_exception: raise instead of returning False.

    Raises:
        GradcheckError: a derivative is wrong; names the output, the input, the element and both values.
        ValueError: no input requires grad.

    >>> import mytorch
    >>> x = mytorch.tensor([0.5, 2.0], dtype=mytorch.float64, requires_grad=True)
    >>> mytorch.autograd.gradcheck(lambda x: (x * x).sum(), x)
    True
    """
    inputs = (inputs,) if isinstance(inputs, DifferentiableArray) else tuple(inputs)
    checked = [(i, x) for i, x in enumerate(inputs) if isinstance(x, DifferentiableArray) and x.requires_grad]
    if not checked:
        raise ValueError("gradcheck expects at least one input that requires grad, but none of the inputs does")
    for i, x in checked:
        if x.array.dtype != np.float64:
            raise ValueError(f"gradcheck needs float64 inputs that require grad; input {i} is {x.array.dtype}")
    outputs = [o for o in _tensors(func(*inputs)) if o.requires_grad]
    differentiable = [n for n, o in enumerate(_tensors(func(*inputs))) if o.requires_grad]
    for position, (n, output) in enumerate(zip(differentiable, outputs, strict=True)):
        if output.array.dtype.kind != "f":
            raise ValueError(f"gradcheck: output {n} is {output.array.dtype}, not a real floating type")
        analytical = _jacobian(output, [x for _, x in checked])
        for (i, x), found in zip(checked, analytical, strict=True):
            expected = _differences(functools.partial(_value_of, func, inputs, n), x.array, eps)
            wrong = ~(np.abs(found - expected) <= atol + rtol * np.abs(expected))
            if wrong.any():
                if not raise_exception:
                    return False
                raise GradcheckError(_describe(position, i, wrong, found, expected, output, x))
    return True


def _jacobian(output: Any, inputs: Sequence[Any]) -> list[Any]:
    """The derivatives of every element of `output` by every element of each input: (output size, input size)."""
    rows: list[list[Any]] = [[] for _ in inputs]
    for k in range(output.array.size):
        direction = np.zeros(output.array.shape)
        direction.flat[k] = 1.0
        gradients = grad(output, inputs, wrap(direction), retain_graph=True, allow_unused=True)
        for row, x, g in zip(rows, inputs, gradients, strict=True):
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
        columns.append((above - below).ravel() / (2 * eps))
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
    raise_exception: bool = True,
) -> bool:
    """`gradcheck` of the gradients of `func`: is the second derivative right?

    Args:
        grad_outputs: the gradients that flow into the outputs; random ones if not given.

    >>> import mytorch
    >>> x = mytorch.tensor([0.5, 2.0], dtype=mytorch.float64, requires_grad=True)
    >>> mytorch.autograd.gradgradcheck(lambda x: x ** 3, x)
    True
    """
    inputs = (inputs,) if isinstance(inputs, DifferentiableArray) else tuple(inputs)
    chosen = [i for i, x in enumerate(inputs) if isinstance(x, DifferentiableArray) and x.requires_grad]
    outputs = [o for o in _tensors(func(*inputs)) if o.requires_grad]
    if grad_outputs is None:
        random = np.random.default_rng(0)
        directions = [wrap(random.standard_normal(o.array.shape)) for o in outputs]
        for direction in directions:
            direction.requires_grad = True
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
        first_derivatives, (*inputs, *directions), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception
    )
