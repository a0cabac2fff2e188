"""Derivatives of functions as values: Jacobian, Hessian, and their products with vectors.

Each calls the function on fresh copies of the inputs' places in the graph, so that nothing else is touched. A product
of the Jacobian with a vector from the right is had by two backward passes: the first is linear in the gradient that
flows in, so the derivative of its result by that gradient is the Jacobian transposed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mytorch.autograd import engine
from mytorch.autograd.application import apply, wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.grad_mode import enable_grad, mode, set_grad_enabled
from mytorch.autograd.primitive import TABLE

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

_RESULT = "outputs of the user-provided function"
_STRATEGY = 'Expected strategy to be either "forward-mode" or "reverse-mode".'

# What strict mode says of a derivative that is zero because nothing depends on input {i}.
_UNUSED = {
    "vjp": "The output of the user-provided function is independent of input {i}. This is not allowed in strict mode.",
    "jvp": "The gradient with respect to the input is independent of entry {i} in the grad_outputs when using the "
    "double backward trick to compute forward mode gradients. This is not allowed in strict mode.",
    "vhp": "The jacobian of the user-provided function is independent of input {i}. "
    "This is not allowed in strict mode.",
    "hvp": "The hessian of the user-provided function is independent of entry {i} in the grad_jacobian. This is not "
    "allowed in strict mode as it prevents from using the double backward trick to replace forward mode AD.",
}

# And of a tensor that does not depend on the inputs.
_CONSTANT = {
    "outputs": "Output {i} of the user-provided function does not require gradients. The outputs must be computed in a "
    "differentiable manner from the input when running in strict mode.",
    "gradient": "The gradient with respect to input {i} is independent of the inputs of the user-provided function. "
    "This is not allowed in strict mode.",
    "jacobian": "While computing the hessian, found that the jacobian of the user-provided function with respect to "
    "input {i} is independent of the input. This is not allowed in strict mode. You should ensure that your function "
    "is twice differentiable and that the jacobian depends on the inputs (this would be violated by a linear function "
    "for example).",
}


def _as_tuple(value: Any, what: str, function: str) -> tuple[bool, tuple[Any, ...]]:
    """Whether the value is a tuple, and the value as one, checked to hold tensors only."""
    is_tuple = isinstance(value, tuple)
    values = value if is_tuple else (value,)
    for i, element in enumerate(values):
        if not isinstance(element, DifferentiableArray):
            which = f"value at index {i}" if is_tuple else f"given {what}"
            raise TypeError(
                f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but the {which} has "
                f"type {type(element)}."
            )
    return is_tuple, values


def _fresh(tensors: Sequence[Any], create_graph: bool, requires_grad: bool) -> tuple[Any, ...]:
    """New tensors with the same memory, so that the function's own use of the originals does not count."""
    return tuple(
        t.view_as(t) if create_graph and t.requires_grad else t.detach().requires_grad_(requires_grad) for t in tensors
    )


def _finished(tensors: Sequence[Any], was_tuple: bool, create_graph: bool) -> Any:
    """What the user gets: without history unless asked for, and a tuple if that was given."""
    done = tuple(tensors) if create_graph else tuple(t.detach() for t in tensors)
    return done if was_tuple else done[0]


def _check_vector(v: Sequence[Any], other: Sequence[Any], is_tuple: bool) -> None:
    if len(v) != len(other):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(other)} but got {len(v)}."
            if is_tuple
            else "The given v should contain a single Tensor."
        )
    for i, (given, expected) in enumerate(zip(v, other, strict=True)):
        if given.shape != expected.shape:
            where = f"Entry {i} in " if is_tuple else ""
            raise RuntimeError(f"{where}v has invalid size: should be {expected.shape} but got {given.shape}.")


def _vector_for_inputs(v: Any, inputs: tuple[Any, ...], is_tuple: bool, create_graph: bool, name: str) -> Any:
    """The vector of a product from the right, or None, which stands for 1."""
    if v is not None:
        v = _fresh(_as_tuple(v, "v", name)[1], create_graph, False)
        _check_vector(v, inputs, is_tuple)
    elif len(inputs) != 1 or inputs[0].array.size != 1:
        raise RuntimeError(
            "The vector v can only be None if the input to the user-provided function is a single Tensor with a single "
            "element."
        )
    return v


def _require_dependence(tensors: Sequence[Any], what: str, strict: bool) -> None:
    """In strict mode, refuse what does not depend on the inputs."""
    if strict:
        for i, tensor in enumerate(tensors):
            if tensor is None:
                raise RuntimeError(_UNUSED["vjp"].format(i=i))
            if not tensor.requires_grad:
                raise RuntimeError(_CONSTANT[what].format(i=i))


def _gradients(
    outputs: Sequence[Any],
    inputs: Sequence[Any],
    grad_outputs: Sequence[Any] | None = None,
    create_graph: bool = False,
    retain_graph: bool | None = None,
) -> tuple[Any, ...]:
    """`grad` for outputs of which some may be None or constant; None for an input that has no part in them."""
    flowing = grad_outputs or (None,) * len(outputs)
    pairs = [(o, g) for o, g in zip(outputs, flowing, strict=True) if o is not None and o.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    roots, given = zip(*pairs, strict=True)
    return engine.grad(roots, inputs, given, retain_graph, create_graph, allow_unused=True)


def _zeros_like(tensor: Any, requires_grad: bool = False) -> Any:
    zeros = wrap(np.zeros_like(tensor.array))
    zeros.requires_grad = requires_grad
    return zeros


def _with_zeros(
    gradients: Sequence[Any], like: Sequence[Any], strict: bool, create_graph: bool, name: str
) -> list[Any]:
    """Zeros in place of missing gradients; in strict mode an error."""
    if strict:
        for i, g in enumerate(gradients):
            if g is None:
                raise RuntimeError(_UNUSED[name].format(i=i))
            if create_graph and not g.requires_grad:
                what = "hessian" if name in ("vhp", "hvp") else "jacobian"
                raise RuntimeError(
                    f"The {what} of the user-provided function is independent of input {i}. This is not allowed in "
                    "strict mode when create_graph=True."
                )
    return [_zeros_like(t) if g is None else g for g, t in zip(gradients, like, strict=True)]


def _check_scalar(outputs: Sequence[Any], is_tuple: bool, name: str) -> None:
    if is_tuple:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if outputs[0].array.size != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's value and the product of a vector with its Jacobian, v J.

    Args:
        func: takes tensors, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors: the point.
        v: of the outputs' shapes; may be left out for a result of one element.
        create_graph: make both results differentiable.
        strict: an input that has no influence is an error; otherwise its part is zeros.

    Raises:
        RuntimeError: v does not fit, or as `strict` says.
        TypeError: something is not a tensor.

    >>> import mytorch
    >>> vjp(lambda x: x ** 2, mytorch.tensor([1.0, 2.0]), mytorch.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        is_tuple, inputs = _as_tuple(inputs, "inputs", "vjp")
        inputs = _fresh(inputs, create_graph, True)
        outputs_tuple, outputs = _as_tuple(func(*inputs), _RESULT, "vjp")
        _require_dependence(outputs, "outputs", strict)
        if v is not None:
            v = _fresh(_as_tuple(v, "v", "vjp")[1], create_graph, False)
            _check_vector(v, outputs, outputs_tuple)
        elif len(outputs) != 1 or outputs[0].array.size != 1:
            raise RuntimeError(
                "The vector v can only be None if the user-provided function returns a single Tensor with a single "
                "element."
            )
    with set_grad_enabled(create_graph or mode.enabled):
        found = _with_zeros(_gradients(outputs, inputs, v, create_graph), inputs, strict, create_graph, "vjp")
    return _finished(outputs, outputs_tuple, create_graph), _finished(found, is_tuple, create_graph)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's value and the product of its Jacobian with a vector, J v. Arguments as for `vjp`.

    Args:
        v: of the inputs' shapes; may be left out for an input of one element.

    >>> import mytorch
    >>> jvp(lambda x: x.sum() * x, mytorch.tensor([1.0, 2.0]), mytorch.tensor([1.0, 0.0]))
    (tensor([3., 6.]), tensor([4., 2.]))
    """
    with enable_grad():
        is_tuple, inputs = _as_tuple(inputs, "inputs", "jvp")
        inputs = _fresh(inputs, create_graph, True)
        v = _vector_for_inputs(v, inputs, is_tuple, create_graph, "jvp")
        outputs_tuple, outputs = _as_tuple(func(*inputs), _RESULT, "jvp")
        _require_dependence(outputs, "outputs", strict)
        flowing = tuple(_zeros_like(o, requires_grad=True) for o in outputs)
        backwards = _gradients(outputs, inputs, flowing, create_graph=True)
        _require_dependence(backwards, "gradient", strict)
    with set_grad_enabled(create_graph or mode.enabled):
        found = _with_zeros(_gradients(backwards, flowing, v, create_graph), outputs, strict, create_graph, "jvp")
    return _finished(outputs, outputs_tuple, create_graph), _finished(found, outputs_tuple, create_graph)


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """All first derivatives: for each output and input, a tensor of shape (*output shape, *input shape).

    A single tensor if both are single, a tuple if one of them is a tuple, and `result[output][input]` if both are.

    Args:
        func, inputs, create_graph, strict: as for `vjp`.
        vectorize: accepted; the rows are computed one by one in any case, with the same result.
        strategy: "reverse-mode", or "forward-mode" as far as PyTorch allows it (with `vectorize`, without
            `create_graph` and `strict`); the numbers are the same.

    >>> import mytorch
    >>> jacobian(lambda x: x ** 2, mytorch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    _check_strategy(strategy, create_graph, strict, vectorize)
    with enable_grad():
        is_tuple, inputs = _as_tuple(inputs, "inputs", "jacobian")
        inputs = _fresh(inputs, create_graph, True)
        outputs_tuple, outputs = _as_tuple(func(*inputs), _RESULT, "jacobian")
        _require_dependence(outputs, "outputs", strict)
        if vectorize and strict:
            raise RuntimeError(
                "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. "
                "Please either set `strict=False` or `vectorize=False`."
            )
        blocks = [_rows(i, output, inputs, create_graph, strict) for i, output in enumerate(outputs)]
    per_output = [_finished(row, is_tuple, create_graph) for row in blocks]
    return tuple(per_output) if outputs_tuple else per_output[0]


def _check_strategy(strategy: str, create_graph: bool, strict: bool, vectorize: bool) -> None:
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            f'{_STRATEGY} Hint: If your function has more outputs than inputs, "forward-mode" tends to be more '
            'performant. Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        refused = (("create_graph", create_graph, NotImplementedError), ("strict", strict, RuntimeError))
        for name, value, error in refused:
            if value:
                raise error(
                    f'torch.autograd.functional.jacobian: `{name}=True` and `strategy="forward-mode"` are not '
                    f'supported together (yet). Please either set `{name}=False` or `strategy="reverse-mode"`.'
                )
        if not vectorize:
            raise NotImplementedError(
                "Computing Jacobian using forward-AD or forward-over-reverse Hessian is only implemented for "
                "`vectorize=True`."
            )


def _rows(number: int, output: Any, inputs: Sequence[Any], create_graph: bool, strict: bool) -> list[Any]:
    """The Jacobian of one output by every input, a backward pass for each of its elements."""
    columns: list[list[Any]] = [[] for _ in inputs]
    flat = output.reshape(-1)
    for k in range(output.array.size):
        gradients = _gradients((flat[k],), inputs, None, create_graph, retain_graph=True)
        for i, (column, g, x) in enumerate(zip(columns, gradients, inputs, strict=True)):
            if g is None and strict:
                raise RuntimeError(
                    f"Output {number} of the user-provided function is independent of input {i}. This is not allowed "
                    "in strict mode."
                )
            if g is not None and strict and create_graph and not g.requires_grad:
                raise RuntimeError(
                    f"The jacobian of the user-provided function is independent of input {number}. This is not allowed "
                    "in strict mode when create_graph=True."
                )
            column.append(_zeros_like(x) if g is None else g)
    shape = output.array.shape
    return [
        apply(TABLE["stack"], *column, axis=0).reshape(shape + x.array.shape)
        if column
        else wrap(np.zeros(shape + x.array.shape, x.array.dtype))
        for column, x in zip(columns, inputs, strict=True)
    ]


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """All second derivatives of a function with one number as its result: the Jacobian of the Jacobian.

    For a tuple of inputs, `result[i][j]` has the shape (*shape of input i, *shape of input j).
    Arguments as for `jacobian`.

    >>> import mytorch
    >>> hessian(lambda x: (x ** 3).sum(), mytorch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    is_tuple, inputs = _as_tuple(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(_STRATEGY)

    def scalar(*values: Any) -> Any:
        outputs_tuple, outputs = _as_tuple(func(*values), _RESULT, "hessian")
        _require_dependence(outputs, "outputs", strict)
        _check_scalar(outputs, outputs_tuple, "hessian")
        return outputs[0].reshape(())

    def first(*values: Any) -> Any:
        found = jacobian(scalar, values, create_graph=True)
        _require_dependence(found, "jacobian", strict)
        return found

    found = jacobian(first, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return found if is_tuple else found[0][0]


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's value and the product of a vector with its Hessian, v H. Arguments as for `jvp`.

    >>> import mytorch
    >>> vhp(lambda x: (x ** 3).sum(), mytorch.tensor([1.0, 2.0]), mytorch.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return _hessian_product("vhp", func, inputs, v, create_graph, strict)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's value and the product of its Hessian with a vector, H v. Arguments as for `jvp`.

    Where second derivatives are continuous this is what the faster `vhp` gives.

    >>> import mytorch
    >>> hvp(lambda x: x[0] * x[1], mytorch.tensor([1.0, 2.0]), mytorch.tensor([1.0, 0.0]))
    (tensor(2.), tensor([0., 1.]))
    """
    return _hessian_product("hvp", func, inputs, v, create_graph, strict)


def _hessian_product(
    name: str, func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool, strict: bool
) -> tuple[Any, Any]:
    with enable_grad():
        is_tuple, inputs = _as_tuple(inputs, "inputs", name)
        inputs = _fresh(inputs, create_graph, True)
        v = _vector_for_inputs(v, inputs, is_tuple, create_graph, name)
        outputs_tuple, outputs = _as_tuple(func(*inputs), _RESULT, name)
        _require_dependence(outputs, "outputs", strict)
        _check_scalar(outputs, outputs_tuple, name)
        first = _gradients(outputs, inputs, create_graph=True)
        _require_dependence(first, "jacobian", strict)
        sources: tuple[Any, ...] = inputs
        if name == "hvp":  # differentiate v H by v
            sources = tuple(_zeros_like(x, requires_grad=True) for x in inputs)
            first = _gradients(first, inputs, sources, create_graph=True)
    with set_grad_enabled(create_graph or mode.enabled):
        found = _with_zeros(_gradients(first, sources, v, create_graph), inputs, strict, create_graph, name)
    return _finished(outputs, outputs_tuple, create_graph), _finished(found, is_tuple, create_graph)
