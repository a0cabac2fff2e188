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
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mytorch.autograd.node import PrimitiveNode
from mytorch.backend import shortcuts

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
        plain_numbers: the vjps want to see an operand that is a Python number as such.
        math: what `formulas` shows where a kernel's source does not say it: expressions in Python's spelling by the
            name of what they are, `y` for the result, an input's name for its derivative (`g` is that of `y`, and
            `each` stands for all of a list of inputs), other names for what these use, in order.
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
        plain_numbers: bool = False,
        math: Mapping[str, str] | None = None,
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
        self.to_float = to_float
        self.plain_numbers = plain_numbers
        self.math = math or {}
        self.outputs = outputs
        self.differentiable = differentiable or (True,) * outputs
        self.keeps, self.keeps_out = _what_is_kept(self)
        grad_name = grad_name or "".join(part.capitalize() for part in name.split("_")) + "Backward0"
        self.node_type: type[PrimitiveNode] = type(grad_name, (PrimitiveNode,), {"__slots__": ()})
        if self.vjps and len(self.vjps) <= 2 and joint is None:
            self._prepare_fast_road()
        TABLE[name] = self
        self.numpy_name = numpy_name or (forward if isinstance(forward, str) else name)
        BY_NUMPY_NAME[self.numpy_name] = self

    def _prepare_fast_road(self) -> None:
        """What `apply1` and `apply2` look up: whether to keep the first input, the second, and the result."""
        if len(self.vjps) == 1:
            self.keeps_x, self.keeps_result = self.keeps[0][0], self.keeps_out[0]
            return
        self.keeps_by_need: dict[tuple[bool, bool], tuple[bool, bool, bool]] = {}
        for need_x, need_y in itertools.product((False, True), repeat=2):
            rows = [(*self.keeps[i], self.keeps_out[i]) for i, need in enumerate((need_x, need_y)) if need]
            keep_x, keep_y, keep_out = (any(column) for column in zip(*rows, strict=True)) if rows else (False,) * 3
            self.keeps_by_need[need_x, need_y] = keep_x, keep_y, keep_out

    def kernel_for(self, array: Any) -> Callable[..., Any]:
        """The forward, bound to the library that the raw array belongs to."""
        if type(array) is ndarray:
            return self.kernel
        xp = namespace_of(array)
        return getattr(xp, self.forward) if isinstance(self.forward, str) else functools.partial(self.forward, xp)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


@functools.cache
def _parameters(vjp: Vjp) -> Mapping[str, inspect.Parameter]:
    """A vjp's parameters by name, read once: several entries of the table may share a vjp."""
    return inspect.signature(vjp).parameters


def _what_is_kept(primitive: Primitive) -> tuple[tuple[tuple[bool, ...], ...], tuple[bool, ...]]:
    """Read from each vjp's parameter names which inputs it needs, and whether it needs the result."""
    keeps, keeps_out = [], []
    for function in [primitive.joint] if primitive.joint else primitive.vjps:
        names = [] if function is None else list(_parameters(function))
        keeps_out.append(bool(names) and not names[2].startswith("_"))
        if function is None:
            keeps.append((False,) * len(primitive.vjps))
        else:
            keeps.append(tuple(not n.startswith("_") for n in input_names(primitive, function)))
    return tuple(keeps), tuple(keeps_out)


def input_names(primitive: Primitive, vjp: Vjp) -> list[str]:
    """The parameters that stand for inputs. In a joint vjp, options come after a star."""
    parameters = _parameters(vjp)
    if primitive.joint is None:
        return list(parameters)[3 : 3 + len(primitive.vjps)]
    return [n for n, p in parameters.items() if p.kind is not inspect.Parameter.KEYWORD_ONLY][3:]


@functools.cache
def kept_for(primitive: Primitive, needs: tuple[bool, ...]) -> tuple[tuple[bool, ...], bool, tuple[bool, ...]]:
    """For inputs of which `needs` require gradients: which to keep, whether the result, and which as shapes."""
    if primitive.joint is not None:
        names = input_names(primitive, primitive.joint)
        variadic = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in _parameters(primitive.joint).values())
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
        for j, name in enumerate(input_names(primitive, vjp)):
            shapes[j] |= name.endswith("_shape")
    return keep, any(primitive.keeps_out[i] for i in active), tuple(shapes)
