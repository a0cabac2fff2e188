"""Applying primitives: from tensors to a tensor, with a node that remembers what the derivatives will need.

`apply1` and `apply2` are the short roads for elementwise operations on small tensors, `apply` is the road for all
others. What `apply` does can be read off it; the short roads do the same for one and two inputs, without loops.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.grad_mode import mode
from mytorch.autograd.node import Node, Pick, PrimitiveNode, new_object, next_number
from mytorch.autograd.primitive import BY_NUMPY_NAME, TABLE, Primitive, input_names, kept_for
from mytorch.autograd.real import require_real
from mytorch.backend.dtypes import common_dtype, default_float
from mytorch.backend.scalars import as_operand

ndarray = np.ndarray

Tensor: Any = None  # the class of results; set by `register_tensor_class`


def register_tensor_class(cls: type) -> None:
    """Tell the engine which class the results of operations have (the tensor room lies above this one)."""
    global Tensor
    Tensor = cls


def wrap(array: Any) -> Any:
    """A new leaf tensor around a raw array (or a NumPy scalar, which NumPy returns for 0-d results)."""
    out = new_object(Tensor)
    out.array = array if type(array) is ndarray else as_raw(array)
    out.needs_grad = False
    out._grad = out.node = out.version = out.base = None
    return out


def as_raw(value: Any) -> Any:
    """NumPy turns 0-d results into scalars; make them arrays again, and leave other libraries' arrays alone."""
    return np.asarray(value) if isinstance(value, (np.generic, int, float, complex)) else value


# --- applying a primitive -------------------------------------------------------------------------------------------


def apply1(primitive: Primitive, x: Any) -> Any:
    """Apply an elementwise primitive of one tensor, without options: the short road for small tensors."""
    try:
        a = x.array
    except AttributeError:
        raise wrong_argument(primitive.name, x) from None
    needed = x.needs_grad and mode.enabled
    if primitive.to_float and not needed and a.dtype.kind in "biu":
        a = a.astype(default_float())
    result = primitive.kernel(a) if type(a) is ndarray else primitive.kernel_for(a)(a)
    out = new_object(Tensor)
    out.array = result if type(result) is ndarray else as_raw(result)
    out._grad = out.base = out.version = None
    if needed and primitive.differentiates:
        node = new_object(PrimitiveNode)
        node.primitive = primitive
        node.number = next_number()
        node.special = False
        node.edges = (x if x.node is None else x.node,)
        if primitive.keeps_x:
            node.arrays, node.tensors = (a,), (x,)
            if x.version is not None:
                node.versions = (x.version[0],)
        else:
            node.arrays, node.tensors = (None,), ()
        if primitive.keeps_result:
            node.out = out.array
            node.out_version = out.version = [0]
        else:
            node.out = None
        out.node = node
        out.needs_grad = True
        if mode.observe is not None:
            mode.observe(node)
    else:
        out.node = None
        out.needs_grad = False
    return out


def apply2(primitive: Primitive, x: Any, y: Any) -> Any:
    """Apply an elementwise primitive of two operands (tensors, NumPy arrays or numbers), with broadcasting."""
    y_type = type(y)
    try:
        a = x.array
        if y_type is float or y_type is int:
            if a.dtype.kind != "f":
                return _apply2_mixed(primitive, x, y)
            b = y if primitive.plain_numbers else as_operand(y, a)
            need_x, need_y, two_tensors = x.needs_grad, False, False
        else:
            b = y.array
            if a.dtype is not b.dtype or (primitive.to_float and a.dtype.kind in "biu"):
                return _apply2_mixed(primitive, x, y)
            need_x, need_y, two_tensors = x.needs_grad, y.needs_grad, True
    except AttributeError:
        return _apply2_mixed(primitive, x, y)
    try:
        result = primitive.kernel(a, b) if type(a) is ndarray else primitive.kernel_for(a)(a, b)
    except (TypeError, ValueError) as error:
        raise misfit(primitive.name, error, a, b) from None
    out = new_object(Tensor)
    out.array = result if type(result) is ndarray else as_raw(result)
    out._grad = out.base = out.version = None
    if (need_x or need_y) and mode.enabled and primitive.differentiates:
        node = new_object(PrimitiveNode)
        node.primitive = primitive
        node.number = next_number()
        node.special = False
        node.edges = (
            (x if x.node is None else x.node) if need_x else None,
            (y if y.node is None else y.node) if need_y else None,
        )
        keep_x, keep_y, keep_out = primitive.keeps_by_need[need_x, need_y]
        if keep_x or keep_y:
            node.arrays = (a if keep_x else None, b if keep_y else None)
            keep_y = keep_y and two_tensors
            node.tensors = tensors = (x if keep_x else None, y if keep_y else None)
            if (keep_x and x.version is not None) or (keep_y and y.version is not None):
                node.versions = tuple([0 if t is None or t.version is None else t.version[0] for t in tensors])
        else:
            node.arrays, node.tensors = (None, None), ()
        if two_tensors:
            shape = a.shape
            if shape != b.shape:
                node.shapes = (shape, b.shape)
                node.special = True
        if keep_out:
            node.out = out.array
            node.out_version = out.version = [0]
        else:
            node.out = None
        out.node = node
        out.needs_grad = True
        if mode.observe is not None:
            mode.observe(node)
    else:
        out.node = None
        out.needs_grad = False
    return out


def _apply2_mixed(primitive: Primitive, x: Any, y: Any) -> Any:
    """Operands of different kinds: both become tensors of the common type (a number becomes a 0-d tensor)."""
    x, y = operand(primitive.name, x), operand(primitive.name, y)
    if not isinstance(x, DifferentiableArray) and not isinstance(y, DifferentiableArray):
        raise wrong_argument(primitive.name, x)
    common = common_dtype(getattr(x, "array", x), getattr(y, "array", y))
    if primitive.to_float and common.kind in "biu":
        common = default_float()
    return apply2(primitive, convert(x, common), convert(y, common))


def operand(name: str, value: Any) -> Any:
    """A tensor or a Python number from whatever stands beside an operator; NumPy arrays become tensors."""
    if isinstance(value, (DifferentiableArray, bool, int, float, complex)):
        return value
    if isinstance(value, np.ndarray):
        return wrap(value)
    if isinstance(value, np.generic):
        return value.item()
    raise wrong_argument(name, value)


def convert(value: Any, dtype: np.dtype[Any]) -> Any:
    """A tensor of the wanted element type; the conversion of a tensor is a recorded operation."""
    if not isinstance(value, DifferentiableArray):
        return wrap(np.asarray(value).astype(dtype))
    if value.array.dtype is dtype:
        return value
    if value.array.dtype == dtype:  # equal but not the same object, e.g. after unpickling: make it the same
        value.array = value.array.view(dtype)
        return value
    if dtype.kind not in "fc":  # integers and booleans have no gradients
        return wrap(value.array.astype(dtype))
    if value.needs_grad and mode.enabled:
        require_real(dtype)
    return apply(TABLE["to_copy"], value, dtype=dtype, back=value.array.dtype)


def wrong_argument(name: str, value: Any) -> TypeError:
    """The error for an argument that is no tensor."""
    return TypeError(f"{name}(): argument must be Tensor, not {type(value).__name__}")


def misfit(name: str, error: Exception, *operands: Any) -> Exception:
    """The error, of PyTorch's kind and in its words, for raw operands that a NumPy function refused."""
    shapes = [np.shape(operand) for operand in operands]
    for a, b in itertools.combinations(shapes, 2):
        for back in range(1, min(len(a), len(b)) + 1):
            if a[-back] != b[-back] and 1 not in (a[-back], b[-back]):
                return RuntimeError(
                    f"The size of tensor a ({a[-back]}) must match the size of tensor b ({b[-back]}) at non-singleton "
                    f"dimension {max(len(a), len(b)) - back} (shapes {list(a)} and {list(b)})"
                )
    if isinstance(error, TypeError):
        types = ", ".join(str(getattr(operand, "dtype", type(operand).__name__)) for operand in operands)
        return NotImplementedError(f"{name}() is not implemented for {types}")
    return error


def apply(primitive: Primitive, *inputs: Any, **options: Any) -> Any:
    """Apply any primitive: tensors (or None, or numbers) as inputs, everything else as options.

    Returns a tensor, or a tuple of tensors if the primitive has several outputs.
    """
    raw, recording = [], False
    for x in inputs:
        if isinstance(x, DifferentiableArray):
            raw.append(x.array)
            recording = recording or x.needs_grad
        else:
            raw.append(x)
    for name, value in options.items():
        if isinstance(value, np.generic):  # an np.float64, such as 1 / np.sqrt(8), would turn float32 to float64
            options[name] = value.item()
    first = raw[0]
    kernel = primitive.kernel if type(first) is ndarray else primitive.kernel_for(first)
    result = kernel(*raw, **options)
    aux = None
    if primitive.aux:
        result, aux = result
    recording = recording and mode.enabled and primitive.differentiates
    if primitive.outputs > 1:
        return _wrap_outputs(primitive, inputs, raw, options, aux, result, recording)
    out = wrap(result)
    if primitive.view and _shares_memory(out.array, first):
        x = inputs[0]
        base = x if x.base is None else x.base
        out.base, out.version = base, x.counter()
        if base.node is not None or not base.needs_grad:  # else no write through a view can be recorded
            base.add_view(out)
    if recording:
        out.node = _record(primitive, inputs, raw, options, aux, out)
        out.needs_grad = True
    return out


def _shares_memory(result: Any, x: Any) -> bool:
    """Whether the result of a view shows the memory of its input, rather than a copy that had to be made."""
    owner = result.base
    if owner is None:
        return result is x
    return owner is x or owner is x.base or np.may_share_memory(result, x)


def _wrap_outputs(
    primitive: Primitive,
    inputs: Sequence[Any],
    raw: Sequence[Any],
    options: dict[str, Any],
    aux: Any,
    results: Sequence[Any],
    recording: bool,
) -> tuple[Any, ...]:
    """Several results: each that has a gradient gets a node of its own that hands it on to the operation's node."""
    outs = tuple(wrap(r) for r in results)
    if recording:
        node = _record(primitive, inputs, raw, options, aux, None)
        node.outputs = primitive.outputs
        for index, out in enumerate(outs):
            if primitive.differentiable[index]:
                pick = new_object(Pick)
                pick.number, pick.index, pick.edges = next_number(), index, (node,)
                pick.arrays, pick.tensors, pick.out = (), (), None
                out.node, out.needs_grad = pick, True
    return outs


def _record(
    primitive: Primitive, inputs: Sequence[Any], raw: Sequence[Any], options: dict[str, Any], aux: Any, out: Any
) -> Node:
    """A node for an operation with any number of inputs, with what its derivatives need of them."""
    node = new_object(PrimitiveNode)
    node.primitive = primitive
    node.number = next_number()
    node.special = True
    if len(inputs) == 1:
        x, a = inputs[0], raw[0]
        node.edges, node.shapes = (x if x.node is None else x.node,), (a.shape,)
        (keep,), keep_out, (as_shape,) = kept_for(primitive, (True,))
        if keep and not as_shape:
            node.arrays, node.tensors = (a,), (x,)
            if x.version is not None:
                node.versions = (x.version[0],)
        else:
            node.arrays, node.tensors = (a.shape if as_shape else None,), ()
    else:
        keep_out = _keep_inputs(node, inputs, raw)
    if aux is not None:
        node.aux = aux
        node.tensors = node.tensors or (None,) * len(inputs)  # there is something to free
    node.out = None
    if keep_out and out is not None:
        node.out = out.array
        node.out_version = out.counter()
        node.out_expected = node.out_version[0]
    if options:
        node.options = options
    if mode.observe is not None:
        mode.observe(node)
    return node


def _keep_inputs(node: Any, inputs: Sequence[Any], raw: Sequence[Any]) -> bool:
    """Give a node its edges and what its derivatives need of several inputs; says whether they need the result."""
    edges, are_tensors = [], []
    for x in inputs:
        is_tensor = isinstance(x, DifferentiableArray)
        are_tensors.append(is_tensor)
        edges.append((x if x.node is None else x.node) if is_tensor and x.needs_grad else None)
    keep, keep_out, as_shape = kept_for(node.primitive, tuple([edge is not None for edge in edges]))
    arrays, tensors, shapes, versions, keeps_some = [], [], [], [], False
    for i, a in enumerate(raw):
        shape, array, tensor, version = None, a, None, 0
        if are_tensors[i]:
            shape = a.shape
            if as_shape[i]:
                array = shape
            elif keep[i]:
                keeps_some, tensor = True, inputs[i]
                version = 0 if tensor.version is None else tensor.version[0]
            else:
                array = None
        arrays.append(array)
        tensors.append(tensor)
        shapes.append(shape)
        versions.append(version)
    node.edges, node.arrays, node.shapes = tuple(edges), tuple(arrays), tuple(shapes)
    # A node that keeps nothing has nothing to free, and can be walked again.
    node.tensors = tuple(tensors) if keeps_some else ()
    if any(versions):
        node.versions = tuple(versions)
    return keep_out


def record_alone(primitive: Primitive, inputs: Sequence[Any], out: Any, **options: Any) -> Node | None:
    """The node of an operation on tensors whose result is in `out` already; None if no input needs a gradient."""
    if not any(x.needs_grad for x in inputs):
        return None
    return _record(primitive, inputs, [x.array for x in inputs], options, None, out)


class TensorNamespace:
    """The namespace of array functions that work on tensors and are recorded: for differentiating a derivative.

    Every primitive is found here under its own name and under the name of the NumPy function that it computes.
    """

    def __getattr__(self, name: str) -> Any:
        primitive = BY_NUMPY_NAME.get(name) or TABLE.get(name)
        if primitive is None:
            raise AttributeError(f"no primitive is called {name!r} or computes NumPy's function of that name")
        function = _on_tensors(primitive)
        setattr(self, name, function)
        return function


TENSORS = TensorNamespace()


def _on_tensors(primitive: Primitive) -> Callable[..., Any]:
    """The primitive as a function of tensors whose options may be given by position, as NumPy's can."""
    if isinstance(primitive.forward, str):
        if len(primitive.vjps) == 2:
            return functools.partial(apply2, primitive)
        return functools.partial(apply, primitive)
    parameters = list(inspect.signature(primitive.forward).parameters.values())[1:]
    if parameters[0].kind is inspect.Parameter.VAR_POSITIONAL:  # as many inputs as are given, then options by name
        return functools.partial(apply, primitive)
    inputs = len(input_names(primitive, primitive.joint)) if primitive.joint else len(primitive.vjps) or 1
    option_names = [p.name for p in parameters][inputs:]

    def call(*args: Any, **options: Any) -> Any:
        options.update(zip(option_names, args[inputs:], strict=False))
        return apply(primitive, *args[:inputs], **options)

    return call
