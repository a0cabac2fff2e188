"""The derivatives of the table of operations in mathematical notation, for people who follow a backward pass on paper.

A vjp is a small Python function. Here its source is read, the helpers that it calls are put in its place, and what
remains is written with the signs of mathematics:

>>> import mytorch
>>> from mytorch.autograd.primitive import TABLE
>>> print(formulas(TABLE["tanh"]))
y = tanh(x)
∂L/∂x = g·(1 − y²)
>>> print(formulas(TABLE["mm"], ["x", "W"]))
y = x W
∂L/∂x = g Wᵀ
∂L/∂W = xᵀ g

So a formula cannot say anything else than the code. Where the code is a kernel that was written for speed, the entry
of the table carries the mathematics as text (`Primitive(..., math=...)`), in Python's spelling; a test evaluates it
and compares it with what the kernel computes.
"""

# ruff: noqa: RUF002 (mathematics is written with Greek letters and a minus sign)
from __future__ import annotations

import ast
import copy
import dataclasses
import functools
import inspect
import linecache
import math
import re
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mytorch.autograd.notation import UnprintableError, to_ascii, written
from mytorch.autograd.primitive import TABLE, Primitive, input_names
from mytorch.autograd.simplification import number, simplified

__all__ = ["Equations", "Formula", "default_names", "equations", "formulas", "to_ascii"]

# Primitives that exist for the sake of others' derivatives: a reader must see what they compute.
_OPENED = frozenset({"tanh_backward", "sigmoid_backward", "threshold_backward", "rsqrt", "xlogy", "xlog1py"})

# Helpers of the operations that are shown by name (see `notation`), not by what they are made of.
_KEPT = frozenset({"restore", "transposed", "count", "nonzero"})

_CONSTANTS = {
    math.pi: "pi",
    math.log(2): "log(2)",
    math.log(10): "log(10)",
    math.log(math.pi): "log(pi)",
    math.sqrt(math.pi): "sqrt(pi)",
    2 / math.sqrt(math.pi): "2 / sqrt(pi)",
    math.sqrt(2): "sqrt(2)",
    math.sqrt(0.5): "1 / sqrt(2)",
    math.sqrt(2 * math.pi): "sqrt(2 * pi)",
    math.sqrt(2 / math.pi): "sqrt(2 / pi)",
    math.inf: "inf",
    -math.inf: "-inf",
}


class UnreadableError(Exception):
    """A function whose source is no formula: it has loops, writes into buffers, or decides by unknown things."""


@dataclasses.dataclass
class Equations:
    """What a primitive computes, as expressions of Python's grammar: they can be printed, and evaluated by a test.

    Attributes:
        names: the inputs' names; None for an input that is not there.
        where: what a name in the others stands for, in the order in which it must be computed.
        forward: the result `y`.
        derivatives: one for each input, None where there is none. `g` is the gradient of the result.
    """

    names: list[str | None]
    where: dict[str, ast.expr]
    forward: ast.expr | None
    derivatives: list[ast.expr | None]


@dataclasses.dataclass
class Formula:
    """A primitive's equations as text, each in a line.

    Attributes:
        forward: `y = ...`.
        derivatives: `∂L/∂x = ...` for each input, None where there is none.
        where: the names that these use, in the order in which they are computed.
        forward_where: those of `where` that the forward needs.
        backward_where: those of `where` that the derivatives need.
    """

    forward: str | None
    derivatives: list[str | None]
    where: list[str]
    forward_where: list[str]
    backward_where: list[str]

    def lines(self) -> list[str]:
        """All there is to show: the forward, then the names it needs, then the derivatives."""
        forward = [] if self.forward is None else [self.forward]
        return [*forward, *self.where, *[line for line in self.derivatives if line is not None]]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def formulas(
    primitive: Primitive, names: Sequence[str | None] | None = None, options: Mapping[str, Any] | None = None
) -> Formula:
    """The forward and the derivatives of an entry of the table in mathematical notation.

    `g` stands for ∂L/∂y, the gradient that arrives; `y` for the result (`y1`, `y2` and `g1`, `g2` of several).

    Args:
        primitive: an entry of `mytorch.autograd.primitive.TABLE`.
        names: the inputs' names, None for one that is absent (a layer without a bias). A name that is a number is
            taken as that number. The names are those of the table by default; two inputs are `x1` and `x2`.
        options: the values of the operation's options, to be shown instead of their names.

    >>> from mytorch.autograd.primitive import TABLE
    >>> print(formulas(TABLE["leaky_relu"], ["z"], {"slope": 0.01}))
    y = z where z > 0, else 0.01·z
    ∂L/∂z = g where z > 0, else 0.01·g
    >>> print(formulas(TABLE["linear"], ["x", "W", None]))
    y = x Wᵀ
    ∂L/∂x = g W
    ∂L/∂W = gᵀ x
    """
    found = equations(primitive, names, options)

    def line(left: str, right: ast.expr | None) -> str | None:
        if right is None:
            return None
        try:
            return f"{left} = {written(right)}"
        except UnprintableError:
            return None

    derivatives = [
        None if name is None else line(f"∂L/∂{name}", value)
        for name, value in zip(found.names, found.derivatives, strict=True)
    ]
    result = "y" if primitive.outputs == 1 else ", ".join(f"y{i + 1}" for i in range(primitive.outputs))

    def where(used: Sequence[ast.expr | None]) -> list[str]:
        lines = [line(written(ast.Name(name)), value) for name, value in _needed(found.where, used).items()]
        return [text for text in lines if text is not None]

    both = [found.forward, *found.derivatives]
    return Formula(line(result, found.forward), derivatives, where(both), where(both[:1]), where(both[1:]))


def equations(
    primitive: Primitive, names: Sequence[str | None] | None = None, options: Mapping[str, Any] | None = None
) -> Equations:
    """The same as `formulas`, before it is written."""
    own: list[str | None] = [*_own_names(primitive)] or [*(names or [])]
    if names is None:
        names = default_names(primitive)
    if _variadic(primitive):
        own = [own[0]] * len(names)
    if len(own) != len(names):
        raise ValueError(f"{primitive.name} has {len(own)} inputs, but got {len(names)} names")
    values = [_name(name) for name in names]
    # Whether a reduced dimension is kept as one of size 1 is no mathematics, and everything is shown as if it were.
    settings = {name: _literal(value, name) for name, value in {**(options or {}), "keepdims": True}.items()}
    derivatives, where = [], _Written(primitive, own, values, settings)
    for place in range(len(names)):
        derivatives.append(None if names[place] is None else where.derivative(place))
    forward = where.forward()
    return Equations(list(names), where.used([forward, *derivatives]), forward, derivatives)


def default_names(primitive: Primitive) -> list[str | None]:
    """The inputs' names where the caller gives none: those of the table, but `x1` and `x2` for `x` and `y`.

    >>> from mytorch.autograd.primitive import TABLE
    >>> default_names(TABLE["add"]), default_names(TABLE["addmm"])
    (['x1', 'x2'], ['x', 'a', 'b'])
    """
    own = _own_names(primitive)
    if _variadic(primitive):
        return ["x1", "x2"]
    # `y` and `g` are the result and its gradient here, so inputs that the table calls so get other names.
    if not {"g", "y", "out"} & set(own):
        return list(own)
    plain = [name for name in own if name in ("g", "h", "x", "y", "out")]
    if len(plain) == 1:
        return ["x" if name in plain else name for name in own]
    return [f"x{plain.index(name) + 1}" if name in plain else name for name in own]


@dataclasses.dataclass
class _Written:
    """Finds each equation of one primitive: the entry's own mathematics if it has some, else what its source says."""

    primitive: Primitive
    own: Sequence[str | None]
    values: list[ast.expr]
    options: dict[str, ast.expr]

    def given(self, key: str) -> ast.expr | None:
        """The expression that the entry's `math` holds under this key."""
        text = self.primitive.math.get(key)
        if text is None:
            return None
        defaults = default_names(self.primitive)
        values = {name: value for name, value in zip(defaults, self.values, strict=False) if name is not None}
        if _variadic(self.primitive):
            values["xs"] = ast.Tuple(self.values, ast.Load())
        return simplified(_Filled({**values, **self.options}).visit(_parsed(text)))

    def forward(self) -> ast.expr | None:
        given = self.given("y")
        if given is not None:
            return given
        function = self.primitive.forward
        if isinstance(function, str):
            return simplified(_call(function, self.values))
        try:
            if _variadic(self.primitive):
                raise UnreadableError
            value = _read(function, [_XP, *self.values], self.options)
            return _printable(_part(value, 0) if self.primitive.aux else value)
        except (UnreadableError, UnprintableError):
            return _call(self.primitive.name, [v for v in self.values if not _is_none(v)])

    def derivative(self, place: int) -> ast.expr | None:
        primitive = self.primitive
        if not primitive.differentiates:
            return None
        if _variadic(primitive):
            return simplified(_Filled({"x": self.values[place]}).visit(_parsed(primitive.math["each"])))
        given = self.given(str(default_names(primitive)[place]))
        if given is not None:
            return given
        vjp = primitive.joint or primitive.vjps[place]
        if vjp is None:
            return None
        settings = dict(self.options)
        if primitive.joint:
            settings["needs"] = ast.Tuple([ast.Constant(True)] * len(self.values), ast.Load())
        if primitive.aux:
            settings["aux"] = ast.Constant(None)
        result = [ast.Name(f"y{i + 1}") for i in range(primitive.outputs)]
        g = [ast.Name(f"g{i + 1}") for i in range(primitive.outputs)]
        several = primitive.outputs > 1
        arguments = [
            _XP,
            ast.Tuple(list(g), ast.Load()) if several else ast.Name("g"),
            ast.Tuple(list(result), ast.Load()) if several else ast.Name("y"),
            *self.values,
        ]
        try:
            value = _read(vjp, arguments, settings)
            if primitive.joint:
                value = simplified(_part(value, place))
            return _printable(value)
        except (UnreadableError, UnprintableError):
            return None

    def used(self, found: Sequence[ast.expr | None]) -> dict[str, ast.expr]:
        """The definitions of `math` that what was found needs, and those that these need."""
        keys = [k for k in self.primitive.math if k not in ("y", "each", *default_names(self.primitive))]
        definitions = {key: self.given(key) for key in keys}
        return _needed({key: value for key, value in definitions.items() if value is not None}, found)


# --- reading a function ----------------------------------------------------------------------------------------------

_XP = ast.Name("xp")
_opened: list[types.FunctionType] = []  # those that are being read, since one that calls itself has no end


def _read(function: Callable[..., Any], positional: Sequence[ast.expr], keywords: Mapping[str, ast.expr]) -> ast.expr:
    """What a function returns, as one expression of its arguments; the helpers that it calls are opened."""
    function = inspect.unwrap(function)
    if not isinstance(function, types.FunctionType) or function in _opened:
        raise UnreadableError
    _opened.append(function)
    try:
        return _body_of(function, positional, keywords)
    finally:
        _opened.pop()


def _body_of(
    function: types.FunctionType, positional: Sequence[ast.expr], keywords: Mapping[str, ast.expr]
) -> ast.expr:
    node = _node_of(function)
    arguments = node.args
    local: dict[str, ast.expr] = {}
    parameters = [*arguments.posonlyargs, *arguments.args]
    defaults = inspect.signature(function).parameters
    for i, parameter in enumerate([*parameters, *arguments.kwonlyargs]):
        name = parameter.arg
        if i < len(positional) and i < len(parameters):
            local[name] = positional[i]
        elif name in keywords:
            local[name] = keywords[name]
        elif defaults[name].default is not inspect.Parameter.empty and not callable(defaults[name].default):
            local[name] = _literal(defaults[name].default, name)
        else:
            local[name] = ast.Name(name)
    for name in [name for name in local if name.endswith("_shape")]:
        local[name] = _call("shape", [local[name]])
    closure = {
        n: c.cell_contents for n, c in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    }
    reader = _Reader(local, {**function.__globals__, **closure})
    if isinstance(node, ast.Lambda):
        return simplified(reader.visit(copy.deepcopy(node.body)))
    found = reader.body(node.body)
    if found is None:
        raise UnreadableError
    return simplified(found)


class _Reader(ast.NodeTransformer):
    """Replaces what stands in a function's source by what it means: locals, constants, calls of helpers."""

    def __init__(self, local: dict[str, ast.expr], outside: dict[str, Any]) -> None:
        self.local = local
        self.outside = outside

    def body(self, statements: Sequence[ast.stmt]) -> ast.expr | None:
        """The value that these statements return, None if they come to their end without one."""
        for i, statement in enumerate(statements):
            match statement:
                case ast.Expr(value=ast.Constant()):
                    pass
                case ast.Assign(targets=[target]):
                    self.assign(target, self.value(statement.value))
                case ast.Return(value=ast.expr() as value):
                    return self.value(value)
                case ast.If():
                    rest = [*statement.orelse, *statements[i + 1 :]]
                    test = self.value(statement.test)
                    if isinstance(test, ast.Constant):
                        return self.body([*(statement.body if test.value else statement.orelse), *statements[i + 1 :]])
                    if isinstance(statement.body[0], ast.Raise):
                        return self.body(rest)
                    chosen = _Reader(dict(self.local), self.outside)
                    first = chosen.body([*statement.body, *statements[i + 1 :]])
                    second = self.body(rest)
                    if first is None or second is None:
                        raise UnreadableError
                    return ast.IfExp(test, first, second)
                case _:
                    raise UnreadableError
        return None

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.local[target.id] = value
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for part, one in zip(target.elts, value.elts, strict=True):
                self.assign(part, one)
        else:
            raise UnreadableError

    def value(self, node: ast.expr) -> ast.expr:
        found: ast.expr = self.visit(copy.deepcopy(node))
        return simplified(found)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.local:
            return self.local[node.id]
        if node.id in self.outside and isinstance(self.outside[node.id], (int, float)):
            return _literal(self.outside[node.id], node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name) and node.value.id not in self.local:
            found = getattr(self.outside.get(node.value.id), node.attr, None)
            return _literal(found, node.attr) if isinstance(found, float) else node
        if node.attr in ("shape", "ndim"):
            return _call(node.attr, [self.visit(node.value)])
        if node.attr == "T":
            return _call("t", [self.visit(node.value)])
        raise UnreadableError

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        if isinstance(node.op, ast.Not) and isinstance(node.operand, ast.Attribute) and node.operand.attr == "ndim":
            return ast.Constant(False)  # a single number needs no formula of its own
        return ast.UnaryOp(node.op, self.visit(node.operand))

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        test = self.value(node.test)
        if isinstance(test, ast.Constant):
            found: ast.expr = self.visit(node.body if test.value else node.orelse)
            return found
        return ast.IfExp(test, self.visit(node.body), self.visit(node.orelse))

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        raise UnreadableError

    def visit_Call(self, node: ast.Call) -> ast.expr:
        function = node.func
        if isinstance(function, ast.Attribute):
            owner = function.value
            if isinstance(owner, ast.Name) and self.local.get(owner.id) is _XP:
                return self.of_namespace(function.attr, self.each(node.args), self.named(node))
            if isinstance(owner, ast.Name) and isinstance(self.outside.get(owner.id), types.ModuleType):
                if self.outside[owner.id].__name__.endswith("_kernels"):
                    if function.attr in ("handles", "in_rows"):  # whether there is a kernel for this very case
                        return ast.Constant(False)
                    raise UnreadableError
                return simplified(_call(function.attr, self.each(node.args), self.named(node)))
            if function.attr == "copy":
                found: ast.expr = self.visit(owner)
                return found
            raise UnreadableError
        if not isinstance(function, ast.Name):
            raise UnreadableError
        arguments = self.each(node.args)
        if function.id == "isinstance":
            return ast.Constant(number(arguments[0]) is not None)
        helper = self.outside.get(function.id)
        if function.id in _KEPT:
            return _call(function.id, [a for a in arguments if a is not _XP], self.named(node))
        if isinstance(helper, types.FunctionType):
            return _read(helper, arguments, {k.arg: k.value for k in self.named(node) if k.arg})
        if function.id in ("tuple", "min", "max", "range", "len", "abs"):
            return _call(function.id, arguments, self.named(node))
        raise UnreadableError

    def of_namespace(self, name: str, arguments: list[ast.expr], keywords: list[ast.keyword]) -> ast.expr:
        """A call of NumPy's function or of a primitive."""
        if name not in _OPENED:
            return simplified(_call(name, arguments, keywords))
        primitive = TABLE[name]
        own = _own_names(primitive)
        found = _Written(primitive, own, arguments[: len(own)], {}).forward()
        assert found is not None
        return found

    def each(self, nodes: Sequence[ast.expr]) -> list[ast.expr]:
        return [self.visit(node) for node in nodes]

    def named(self, node: ast.Call) -> list[ast.keyword]:
        return [ast.keyword(k.arg, self.visit(k.value)) for k in node.keywords]


@functools.cache
def _functions_in(filename: str) -> list[ast.Lambda | ast.FunctionDef]:
    tree = ast.parse("".join(linecache.getlines(filename)))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Lambda | ast.FunctionDef)]


def _node_of(function: types.FunctionType) -> ast.Lambda | ast.FunctionDef:
    """The place in the source where a function is written. Of several lambdas in a line, the code says which."""
    code = function.__code__
    places = [(line, column) for line, _, column, _ in code.co_positions() if line and column]
    first, last = min(places, default=(0, 0)), max(places, default=(0, 0))
    best: ast.Lambda | ast.FunctionDef | None = None
    for node in _functions_in(code.co_filename):
        if isinstance(node, ast.FunctionDef):
            starts = [node.lineno, *[decorator.lineno for decorator in node.decorator_list]]
            fits = node.name == function.__name__ and code.co_firstlineno in starts
        else:
            body = node.body
            start, end = (body.lineno, body.col_offset), (body.end_lineno or 0, body.end_col_offset or 0)
            fits = function.__name__ == "<lambda>" and start <= first and last <= end
        if fits and (best is None or (node.lineno, node.col_offset) > (best.lineno, best.col_offset)):
            best = node  # the innermost
    if best is None:
        raise UnreadableError
    return best


# --- small pieces ----------------------------------------------------------------------------------------------------


class _Filled(ast.NodeTransformer):
    """Puts values in the place of names."""

    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _call(name: str, arguments: Sequence[ast.expr], keywords: Sequence[ast.keyword] = ()) -> ast.Call:
    return ast.Call(ast.Name(name), list(arguments), list(keywords))


def _printable(value: ast.expr) -> ast.expr:
    written(value)
    return value


def _needed(definitions: Mapping[str, ast.expr], found: Sequence[ast.expr | None]) -> dict[str, ast.expr]:
    """Those of the definitions that the expressions name, and those that these name, in their order."""
    needed: set[str] = set()
    waiting = [value for value in found if value is not None]
    while waiting:
        for node in ast.walk(waiting.pop()):
            if isinstance(node, ast.Name) and node.id in definitions and node.id not in needed:
                needed.add(node.id)
                waiting.append(definitions[node.id])
    return {key: value for key, value in definitions.items() if key in needed}


def _part(value: ast.expr, place: int) -> ast.expr:
    """One of the results of a function that returns several."""
    if isinstance(value, ast.IfExp):
        return ast.IfExp(value.test, _part(value.body, place), _part(value.orelse, place))
    if not isinstance(value, ast.Tuple):
        raise UnreadableError
    return value.elts[place]


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _name(name: str | None) -> ast.expr:
    """What stands for an input: its name as it was given, a number, or nothing."""
    if name is None:
        return ast.Constant(None)
    if re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", name):
        return ast.Constant(float(name) if re.search("[.e]", name) else int(name))
    found = ast.Name(name)
    found.verbatim = True  # type: ignore[attr-defined]
    return found


def _literal(value: Any, name: str) -> ast.expr:
    """An option's value or a constant of a module; what has no short spelling keeps its name."""
    if isinstance(value, float) and value in _CONSTANTS:
        return _parsed(_CONSTANTS[value])
    if value is None or isinstance(value, (bool, int, float, str)):
        return ast.Constant(value)
    if isinstance(value, tuple) and all(type(v) is int for v in value):
        return ast.Tuple([ast.Constant(v) for v in value], ast.Load())
    return ast.Name(name)


def _variadic(primitive: Primitive) -> bool:
    joint = primitive.joint
    kinds = [] if joint is None else [p.kind for p in inspect.signature(joint).parameters.values()]
    return inspect.Parameter.VAR_POSITIONAL in kinds


def _own_names(primitive: Primitive) -> list[str]:
    """The inputs' names in the table: of its vjps' parameters, without what these say about keeping."""
    vjp = primitive.joint or next((v for v in primitive.vjps if v is not None), None)
    names = [] if vjp is None else input_names(primitive, vjp)
    return [name.strip("_").removesuffix("_shape") for name in names]
