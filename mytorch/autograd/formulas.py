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
import dataclasses
import functools
import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mytorch.autograd.notation import UnprintableError, to_ascii, written
from mytorch.autograd.primitive import Primitive, input_names
from mytorch.autograd.simplification import simplified
from mytorch.autograd.source import XP, UnreadableError, call, filled, literal, read

__all__ = ["Equations", "Formula", "default_names", "equations", "formulas", "to_ascii"]


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
    settings = {name: literal(value, name) for name, value in {**(options or {}), "keepdims": True}.items()}
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
        return filled(text, {**values, **self.options})

    def forward(self) -> ast.expr | None:
        given = self.given("y")
        if given is not None:
            return given
        function = self.primitive.forward
        if isinstance(function, str):
            return simplified(call(function, self.values))
        try:
            if _variadic(self.primitive):
                raise UnreadableError
            value = read(function, [XP, *self.values], self.options)
            return _printable(_part(value, 0) if self.primitive.aux else value)
        except (UnreadableError, UnprintableError):
            return call(self.primitive.name, [v for v in self.values if not _is_none(v)])

    def derivative(self, place: int) -> ast.expr | None:
        primitive = self.primitive
        if not primitive.differentiates:
            return None
        if _variadic(primitive):
            return filled(primitive.math["each"], {"x": self.values[place]})
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
            XP,
            ast.Tuple(list(g), ast.Load()) if several else ast.Name("g"),
            ast.Tuple(list(result), ast.Load()) if several else ast.Name("y"),
            *self.values,
        ]
        try:
            value = read(vjp, arguments, settings)
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


# --- small pieces ----------------------------------------------------------------------------------------------------


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


@functools.cache
def _variadic(primitive: Primitive) -> bool:
    """Whether it takes any number of inputs."""
    joint = primitive.joint
    kinds = [] if joint is None else [p.kind for p in inspect.signature(joint).parameters.values()]
    return inspect.Parameter.VAR_POSITIONAL in kinds


def _own_names(primitive: Primitive) -> list[str]:
    """The inputs' names in the table: of its vjps' parameters, without what these say about keeping."""
    vjp = primitive.joint or next((v for v in primitive.vjps if v is not None), None)
    names = [] if vjp is None else input_names(primitive, vjp)
    return [name.strip("_").removesuffix("_shape") for name in names]
