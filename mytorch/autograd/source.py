"""What a function of the table computes, as one expression: its source is read, and its helpers are put in its place.

The expressions are Python's own syntax trees. Only what a formula can be made of is understood: assignments, decisions
by what is known, calls of helpers and of `xp`; everything else is an `UnreadableError`.

>>> import ast
>>> from mytorch.autograd.primitive import TABLE
>>> values = [XP, ast.Name("g"), ast.Name("y"), ast.Name("x1"), ast.Name("x2")]
>>> ast.unparse(read(TABLE["div"].vjps[1], values, {}))
'-(g * y / x2)'
"""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import linecache
import math
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mytorch.autograd.primitive import TABLE
from mytorch.autograd.simplification import number, simplified

# Primitives that exist for the sake of others' derivatives: a reader must see what they compute, their `math["y"]`.
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


XP = ast.Name("xp")  # what stands for the namespace of array functions; it is known by its identity
_opened: list[types.FunctionType] = []  # those that are being read, since one that calls itself has no end


def read(function: Callable[..., Any], positional: Sequence[ast.expr], keywords: Mapping[str, ast.expr]) -> ast.expr:
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
    defaults = _parameters(function)
    for i, parameter in enumerate([*parameters, *arguments.kwonlyargs]):
        name = parameter.arg
        if i < len(positional) and i < len(parameters):
            local[name] = positional[i]
        elif name in keywords:
            local[name] = keywords[name]
        elif defaults[name].default is not inspect.Parameter.empty and not callable(defaults[name].default):
            local[name] = literal(defaults[name].default, name)
        else:
            local[name] = ast.Name(name)
    for name in [name for name in local if name.endswith("_shape")]:
        local[name] = call("shape", [local[name]])
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


@functools.cache
def _parameters(function: types.FunctionType) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters


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
            return literal(self.outside[node.id], node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name) and node.value.id not in self.local:
            found = getattr(self.outside.get(node.value.id), node.attr, None)
            return literal(found, node.attr) if isinstance(found, float) else node
        if node.attr in ("shape", "ndim"):
            return call(node.attr, [self.visit(node.value)])
        if node.attr == "T":
            return call("t", [self.visit(node.value)])
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
            if isinstance(owner, ast.Name) and self.local.get(owner.id) is XP:
                return self.of_namespace(function.attr, self.each(node.args), self.named(node))
            if isinstance(owner, ast.Name) and isinstance(self.outside.get(owner.id), types.ModuleType):
                if self.outside[owner.id].__name__.endswith("_kernels"):
                    if function.attr in ("handles", "in_rows"):  # whether there is a kernel for this very case
                        return ast.Constant(False)
                    raise UnreadableError
                return simplified(call(function.attr, self.each(node.args), self.named(node)))
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
            return call(function.id, [a for a in arguments if a is not XP], self.named(node))
        if isinstance(helper, types.FunctionType):
            return read(helper, arguments, {k.arg: k.value for k in self.named(node) if k.arg})
        if function.id in ("tuple", "min", "max", "range", "len", "abs"):
            return call(function.id, arguments, self.named(node))
        raise UnreadableError

    def of_namespace(self, name: str, arguments: list[ast.expr], keywords: list[ast.keyword]) -> ast.expr:
        """A call of NumPy's function or of a primitive."""
        if name not in _OPENED:
            return simplified(call(name, arguments, keywords))
        names = ["x"] if len(arguments) == 1 else [f"x{i + 1}" for i in range(len(arguments))]
        return filled(TABLE[name].math["y"], dict(zip(names, arguments, strict=True)))

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


# --- expressions ------------------------------------------------------------------------------------------------------


def filled(text: str, values: Mapping[str, ast.expr]) -> ast.expr:
    """The expression that a text is, with values in the place of names."""
    found: ast.expr = _Filled(values).visit(parsed(text))
    return simplified(found)


class _Filled(ast.NodeTransformer):
    """Puts values in the place of names."""

    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)


def parsed(text: str) -> ast.expr:
    """The syntax tree of an expression; a new one each time, so that nothing is shared."""
    return ast.parse(text, mode="eval").body


def call(name: str, arguments: Sequence[ast.expr], keywords: Sequence[ast.keyword] = ()) -> ast.Call:
    return ast.Call(ast.Name(name), list(arguments), list(keywords))


def literal(value: Any, name: str) -> ast.expr:
    """An option's value or a constant of a module; what has no short spelling keeps its name."""
    if isinstance(value, float) and value in _CONSTANTS:
        return parsed(_CONSTANTS[value])
    if value is None or isinstance(value, (bool, int, float, str)):
        return ast.Constant(value)
    if isinstance(value, tuple) and all(type(v) is int for v in value):
        return ast.Tuple([ast.Constant(v) for v in value], ast.Load())
    return ast.Name(name)
