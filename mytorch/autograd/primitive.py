"""The table of operations, and how one is applied.

A primitive is a name, a forward on raw arrays, and for every differentiable input a *vjp*: a function
`(xp, g, out, *inputs, **options)` that turns the gradient `g` of the result into that input's gradient.
`xp` is a namespace of array functions in NumPy's spelling: NumPy itself in an ordinary backward pass, and one that
works on tensors when the backward pass is itself to be differentiated. So one formula serves every order.

A vjp says by its parameters' names what it needs. Only that is kept alive and checked for changes:

- a name that starts with an underscore is not used, and the vjp gets None there;
- a name that ends in `_shape` gets the input's shape instead of the input;
- `out` or `_out` says in the same way whether the result is needed.

>>> from mytorch.autograd.primitive import TABLE
>>> TABLE["mul"].forward, TABLE["mul"].keeps   # x is kept for y's gradient and the other way round
('multiply', ((False, True), (True, False)))

Broadcasting is undone by the engine, never by a vjp.
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
from mytorch.backend import shortcuts
from mytorch.backend.dtypes import common_dtype, default_float

ndarray = np.ndarray
Vjp = Callable[..., Any]

TABLE: dict[str, Primitive] = {}
BY_NUMPY_NAME: dict[str, Primitive] = {}

# NumPy's floating point warnings would make every log(0) a warning, where PyTorch gives -inf in silence. Switching
# them off around each operation costs more than the operation (1.2 us on small arrays), so it is done once.
np.seterr(all="ignore")


class ArrayNamespace:
    """NumPy (or a module that looks like it) and, under the same dot, the forwards of our own primitives."""

    def __init__(self, module: Any, shortcuts: dict[str, Any] | None = None) -> None:
        self.module = module
        self.__dict__.update(shortcuts or {})

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.module, name, None)
        if found is None:
            forward = TABLE[name].forward if name in TABLE else name
            if isinstance(forward, str):
                raise AttributeError(f"neither {self.module.__name__} nor the table of primitives has {name!r}")
            found = functools.partial(forward, self)
        setattr(self, name, found)  # so that the next look-up is an ordinary attribute
        return found


NUMPY = ArrayNamespace(np, shortcuts.ALL)
_namespaces: dict[type, ArrayNamespace] = {np.ndarray: NUMPY}


def namespace_of(array: Any) -> ArrayNamespace:
    """The namespace whose functions work on this raw array: NumPy's, or that of the library the array is from."""
    kind = type(array)
    found = _namespaces.get(kind)
    if found is None:
        module = inspect.getmodule(kind)
        root = (module.__name__ if module else "").partition(".")[0]
        if root != "cupy":
            raise TypeError(f"no array namespace is known for {kind.__module__}.{kind.__name__}")
        import cupy

        found = _namespaces[kind] = ArrayNamespace(cupy)
    return found


class Primitive:
    """An entry of the table. See the module's text for what a vjp is handed.

    Args:
        name: PyTorch's name of the operation, in lower case.
        forward: the name of a NumPy function, or a function `(xp, *raw inputs, **options)`.
        vjps: one per input; None for an input without a gradient.
        joint: instead of `vjps`, one function that returns all inputs' gradients at once; it gets `needs`, a tuple
            of booleans.
        grad_name: the name of the node's class; from `name` if not given.
        view: the result shows the memory of the first input.
        aux: the forward returns a pair `(result, aux)`, and the vjps get `aux` as a keyword: what was computed on
            the way. It is None when the backward pass is differentiated; the vjp then computes it from its inputs.
        outputs: how many results the forward returns; more than one are returned as a tuple, and `g` is a tuple
            in which a result that had no gradient is None.
        differentiable: which of several results have gradients (all by default).
        to_float: integers are first converted to the default floating type.
        numpy_name: the NumPy function with the same arguments, if it has another name than the primitive.
    """

    def __init__(
        self,
        name: str,
        forward: str | Callable[..., Any],
        vjps: Sequence[Vjp | None] = (),
        *,
        joint: Vjp | None = None,
        grad_name: str | None = None,
        view: bool = False,
        aux: bool = False,
        outputs: int = 1,
        differentiable: tuple[bool, ...] | None = None,
        to_float: bool = False,
        numpy_name: str | None = None,
    ) -> None:
        if name in TABLE:
            raise ValueError(f"the table has an entry {name!r} already")
        self.name = name
        self.forward = forward
        self.kernel = getattr(NUMPY, forward) if isinstance(forward, str) else functools.partial(forward, NUMPY)
        self.vjps = tuple(vjps)
        self.joint = joint
        self.view = view
        self.aux = aux
        self.differentiates = joint is not None or any(v is not None for v in self.vjps)
        self.simple = joint is None and not aux  # the engine may call the vjps without further preparation
        self.to_float = to_float
        self.outputs = outputs
        self.differentiable = differentiable or (True,) * outputs
        self.keeps, self.keeps_out = _what_is_kept(self)
        self.nothing: tuple[Any, ...] = (None,) * len(self.vjps)
        grad_name = grad_name or "".join(part.capitalize() for part in name.split("_")) + "Backward0"
        self.node_type: type[PrimitiveNode] = type(
            grad_name, (PrimitiveNode,), {"__slots__": (), "primitive": self, "outputs": outputs}
        )
        if self.vjps and len(self.vjps) <= 2 and joint is None:
            self._prepare_fast_road()
        TABLE[name] = self
        self.numpy_name = numpy_name or (forward if isinstance(forward, str) else name)
        BY_NUMPY_NAME[self.numpy_name] = self

    def _prepare_fast_road(self) -> None:
        """For one or two inputs: which of them to keep, looked up by which of them require a gradient."""
        n = len(self.vjps)
        self.keep_by_need: dict[Any, tuple[bool, ...]] = {}
        self.keep_out_by_need: dict[Any, bool] = {}
        for bits in range(2**n):
            need = tuple(bool(bits >> i & 1) for i in range(n))
            key = need if n == 2 else need[0]
            self.keep_by_need[key] = tuple(any(need[j] and self.keeps[j][i] for j in range(n)) for i in range(n))
            self.keep_out_by_need[key] = any(need[j] and self.keeps_out[j] for j in range(n))

    def kernel_for(self, array: Any) -> Callable[..., Any]:
        """The forward, bound to the library that the raw array belongs to."""
        if type(array) is ndarray:
            return self.kernel
        xp = namespace_of(array)
        return getattr(xp, self.forward) if isinstance(self.forward, str) else functools.partial(self.forward, xp)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


def _what_is_kept(primitive: Primitive) -> tuple[tuple[tuple[bool, ...], ...], tuple[bool, ...]]:
    """Read from each vjp's parameter names which inputs it needs, and whether it needs the result."""
    keeps, keeps_out = [], []
    for function in [primitive.joint] if primitive.joint else primitive.vjps:
        names = [] if function is None else list(inspect.signature(function).parameters)
        keeps_out.append(bool(names) and not names[2].startswith("_"))
        if function is None:
            keeps.append((False,) * len(primitive.vjps))
        else:
            keeps.append(tuple(not n.startswith("_") for n in _input_names(primitive, function)))
    return tuple(keeps), tuple(keeps_out)


def _input_names(primitive: Primitive, vjp: Vjp) -> list[str]:
    """The parameters that stand for inputs. In a joint vjp, options come after a star."""
    parameters = inspect.signature(vjp).parameters
    if primitive.joint is None:
        return list(parameters)[3 : 3 + len(primitive.vjps)]
    return [n for n, p in parameters.items() if p.kind is not inspect.Parameter.KEYWORD_ONLY][3:]


Tensor: Any = None  # the class of results; set by `register_tensor_class`


def register_tensor_class(cls: type) -> None:
    """Tell the engine which class the results of operations have (the tensor room lies above this one)."""
    global Tensor
    Tensor = cls


def wrap(array: Any) -> Any:
    """A new leaf tensor around a raw array (or a NumPy scalar, which NumPy returns for 0-d results)."""
    out = new_object(Tensor)
    out.array = array if type(array) is ndarray else as_raw(array)
    out.requires_grad = False
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
    needed = x.requires_grad and mode.enabled
    if primitive.to_float and not needed and a.dtype.kind in "biu":
        a = a.astype(default_float())
    result = primitive.kernel(a) if type(a) is ndarray else primitive.kernel_for(a)(a)
    out = new_object(Tensor)
    out.array = result if type(result) is ndarray else as_raw(result)
    out._grad = out.base = out.version = None
    if needed and primitive.differentiates:
        node = new_object(primitive.node_type)
        node.number = next_number()
        node.special = False
        node.edges = (x if x.node is None else x.node,)
        if primitive.keep_by_need[True][0]:
            node.arrays, node.tensors = (a,), (x,)
            if x.version is not None:
                node.versions = (x.version[0],)
        else:
            node.arrays, node.tensors = primitive.nothing, ()
        if primitive.keep_out_by_need[True]:
            node.out = out.array
            node.out_version = (out.counter(), 0)
        else:
            node.out = None
        out.node = node
        out.requires_grad = True
        if mode.observe is not None:
            mode.observe(node)
    else:
        out.node = None
        out.requires_grad = False
    return out


def apply2(primitive: Primitive, x: Any, y: Any) -> Any:
    """Apply an elementwise primitive of two operands (tensors, NumPy arrays or numbers), with broadcasting."""
    y_type = type(y)
    try:
        a = x.array
        if y_type is float or y_type is int:
            if a.dtype.kind != "f":
                return _apply2_mixed(primitive, x, y)
            b, need_x, need_y = y, x.requires_grad, False
        else:
            b = y.array
            if a.dtype is not b.dtype or (primitive.to_float and a.dtype.kind in "biu"):
                return _apply2_mixed(primitive, x, y)
            need_x, need_y = x.requires_grad, y.requires_grad
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
        node = new_object(primitive.node_type)
        node.number = next_number()
        node.special = False
        node.edges = (
            (x if x.node is None else x.node) if need_x else None,
            (y if y.node is None else y.node) if need_y else None,
        )
        keep_x, keep_y = primitive.keep_by_need[need_x, need_y]
        if keep_x or keep_y:
            node.arrays = (a if keep_x else None, b if keep_y else None)
            keep_y = keep_y and b is not y
            node.tensors = tensors = (x if keep_x else None, y if keep_y else None)
            if (keep_x and x.version is not None) or (keep_y and y.version is not None):
                node.versions = tuple([0 if t is None or t.version is None else t.version[0] for t in tensors])
        else:
            node.arrays, node.tensors = primitive.nothing, ()
        if need_y or b is not y:
            shape = a.shape
            if shape != b.shape:
                node.shapes = (shape, b.shape)
                node.special = True
        if primitive.keep_out_by_need[need_x, need_y]:
            node.out = out.array
            node.out_version = (out.counter(), 0)
        else:
            node.out = None
        out.node = node
        out.requires_grad = True
        if mode.observe is not None:
            mode.observe(node)
    else:
        out.node = None
        out.requires_grad = False
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
            recording = recording or x.requires_grad
        else:
            raw.append(x)
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
    if primitive.view and (out.array.base is not None or out.array is first):
        base = inputs[0] if inputs[0].base is None else inputs[0].base
        if np.may_share_memory(out.array, base.array):
            out.base, out.version = base, inputs[0].counter()
            if base.node is not None or not base.requires_grad:  # else no write through a view can be recorded
                base.add_view(out)
    if recording:
        out.node = _record(primitive, inputs, raw, options, aux, out)
        out.requires_grad = True
    return out


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
        for index, out in enumerate(outs):
            if primitive.differentiable[index]:
                pick = new_object(Pick)
                pick.number, pick.index, pick.edges = next_number(), index, (node,)
                pick.arrays, pick.tensors, pick.out = (), (), None
                out.node, out.requires_grad = pick, True
    return outs


def _record(
    primitive: Primitive, inputs: Sequence[Any], raw: Sequence[Any], options: dict[str, Any], aux: Any, out: Any
) -> Node:
    """A node for an operation with any number of inputs, with what its derivatives need of them."""
    node = new_object(primitive.node_type)
    node.number = next_number()
    node.special = True
    edges = []
    for x in inputs:
        needed = isinstance(x, DifferentiableArray) and x.requires_grad
        edges.append((x if x.node is None else x.node) if needed else None)
    keep, keep_out, shapes = _kept_for(primitive, tuple([edge is not None for edge in edges]))
    arrays, tensors, sizes, versions, keeps_some = [], [], [], [], False
    for x, a, kept, as_shape in zip(inputs, raw, keep, shapes, strict=True):
        is_tensor = isinstance(x, DifferentiableArray)
        kept = kept and not as_shape
        keeps_some = keeps_some or (kept and is_tensor)
        sizes.append(a.shape if is_tensor else None)
        arrays.append(sizes[-1] if as_shape else a if kept or not is_tensor else None)
        tensors.append(x if kept and is_tensor else None)
        versions.append(x.version[0] if kept and is_tensor and x.version is not None else 0)
    node.edges, node.arrays, node.shapes = tuple(edges), tuple(arrays), tuple(sizes)
    # A node that keeps nothing has nothing to free, and can be walked again.
    node.tensors = tuple(tensors) if keeps_some or aux is not None else ()
    if any(versions):
        node.versions = tuple(versions)
    node.out = None
    if keep_out and out is not None:
        node.out = out.array
        node.out_version = (out.counter(), out.counter()[0])
    if options:
        node.options = options
    if aux is not None:
        node.aux = aux
    if mode.observe is not None:
        mode.observe(node)
    return node


def record_alone(primitive: Primitive, inputs: Sequence[Any], out: Any, **options: Any) -> Node | None:
    """The node of an operation on tensors whose result is in `out` already; None if no input needs a gradient."""
    if not any(x.requires_grad for x in inputs):
        return None
    return _record(primitive, inputs, [x.array for x in inputs], options, None, out)


@functools.cache
def _kept_for(primitive: Primitive, needs: tuple[bool, ...]) -> tuple[tuple[bool, ...], bool, tuple[bool, ...]]:
    """For inputs of which `needs` require gradients: which to keep, whether the result, and which as shapes."""
    if primitive.joint is not None:
        names = _input_names(primitive, primitive.joint)
        variadic = any(
            p.kind is inspect.Parameter.VAR_POSITIONAL for p in inspect.signature(primitive.joint).parameters.values()
        )
        if variadic:
            names = names[:-1] + names[-1:] * (len(needs) - len(names) + 1)
        keep = tuple(not n.startswith("_") for n in names)
        return keep, primitive.keeps_out[0], tuple(n.endswith("_shape") for n in names)
    active = [i for i, need in enumerate(needs) if need and primitive.vjps[i] is not None]
    keep = tuple(any(primitive.keeps[i][j] for i in active) for j in range(len(needs)))
    shapes = [False] * len(needs)
    for i in active:
        vjp = primitive.vjps[i]
        assert vjp is not None
        for j, name in enumerate(_input_names(primitive, vjp)):
            shapes[j] |= name.endswith("_shape")
    return keep, any(primitive.keeps_out[i] for i in active), tuple(shapes)


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
    inputs = len(_input_names(primitive, primitive.joint)) if primitive.joint else len(primitive.vjps) or 1
    option_names = [p.name for p in parameters][inputs:]

    def call(*args: Any, **options: Any) -> Any:
        options.update(zip(option_names, args[inputs:], strict=False))
        return apply(primitive, *args[:inputs], **options)

    return call
