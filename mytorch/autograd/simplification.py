"""Expressions in the form in which one writes them by hand: x·x is x², a factor 1 and a known condition vanish.

The expressions are Python's own syntax trees (`ast`), so that they can be evaluated as well as written. What is done
here changes no value, except that a number is taken not to be NaN (`x == x` is true).

>>> import ast
>>> ast.unparse(simplified(ast.parse("g * (1 * (x * x)) / (2 * (3 / y))", mode="eval").body))
'g * x ** 2 * y / 6'
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

_ARITHMETIC: dict[str, Callable[[], ast.operator]] = {
    "add": ast.Add,
    "subtract": ast.Sub,
    "multiply": ast.Mult,
    "divide": ast.Div,
    "power": ast.Pow,
    "matmul": ast.MatMult,
    "mv": ast.MatMult,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_CONDITIONS = frozenset({"logical_and", "logical_or", "isnan", "isfinite"})


def number(node: ast.expr) -> float | int | None:
    """The number that an expression is, None if it is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = number(node.operand)
        return None if inner is None else -inner
    return None


def simplified(node: ast.expr) -> ast.expr:
    """The same expression, shorter. A new tree; what is handed in stays as it is."""
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            return _operation(simplified(left), op, simplified(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _product([simplified(operand)], [], -1)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            value = simplified(operand)
            return ast.Constant(not value.value) if isinstance(value, ast.Constant) else ast.UnaryOp(ast.Not(), value)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _comparison(simplified(left), op, simplified(right))
        case ast.BoolOp(op=op, values=values):
            return _choice(op, [simplified(value) for value in values])
        case ast.IfExp(test=test, body=body, orelse=orelse):
            test = simplified(test)
            if isinstance(test, ast.Constant):
                return simplified(body if test.value else orelse)
            return ast.IfExp(test, simplified(body), simplified(orelse))
        case ast.Tuple(elts=elts):
            return ast.Tuple([simplified(e) for e in elts], ast.Load())
        case ast.Subscript(value=value, slice=place):
            value, place = simplified(value), simplified(place)
            if isinstance(value, ast.Constant):  # an input that is absent
                return value
            at = number(place)
            if isinstance(value, ast.Tuple) and isinstance(at, int):
                return value.elts[at]
            return ast.Subscript(value, place, ast.Load())
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            keywords = [ast.keyword(k.arg, simplified(k.value)) for k in keywords]
            return _called(name, [simplified(a) for a in args], keywords)
    return node


def _called(name: str, args: list[ast.expr], keywords: list[ast.keyword]) -> ast.expr:
    match name, args:
        case "where", [ast.Constant(value=test), yes, no]:
            return yes if test else no
        case ("t", [ast.Constant(value=None)]):
            return args[0]
        case ("zeros_like", [_]):
            return ast.Constant(0)
        case ("ones_like", [_]):
            return ast.Constant(1)
        case ("negative", [x]):
            return _product([x], [], -1)
        case ("square", [x]):
            return _operation(x, ast.Pow(), ast.Constant(2))
        case ("log1p", [x]):
            return ast.Call(ast.Name("log"), [_operation(ast.Constant(1), ast.Add(), x)], [])
        case ("expm1", [x]):
            return ast.BinOp(ast.Call(ast.Name("exp"), [x], []), ast.Sub(), ast.Constant(1))
        case ("exp2", [x]):
            return ast.BinOp(ast.Constant(2), ast.Pow(), x)
        case ("absolute", [x]):
            name = "abs"
        case (_, [x, y]) if name in _ARITHMETIC:
            return _operation(x, _ARITHMETIC[name](), y)
        case ("prod", [ast.Call(func=ast.Name(id="shape"))]):
            return ast.Call(ast.Name("count"), [args[0], ast.Constant(None)], [])
    return ast.Call(ast.Name(name), args, keywords)


def _comparison(left: ast.expr, op: ast.cmpop, right: ast.expr) -> ast.expr:
    if isinstance(op, (ast.Is, ast.IsNot)):
        missing = isinstance(left, ast.Constant) and left.value is None
        return ast.Constant(missing == isinstance(op, ast.Is))
    if type(op) in (ast.Eq, ast.NotEq) and ast.dump(left) == ast.dump(right):
        return ast.Constant(isinstance(op, ast.Eq))
    a, b = _known(left), _known(right)
    if a is not None and b is not None and type(op) in _COMPARE and isinstance(a, str) == isinstance(b, str):
        return ast.Constant(_COMPARE[type(op)](a, b))
    return ast.Compare(left, [op], [right])


def _known(node: ast.expr) -> Any:
    return node.value if isinstance(node, ast.Constant) else number(node)


def _choice(op: ast.boolop, values: Sequence[ast.expr]) -> ast.expr:
    """`and` or `or` of what is known about the options."""
    neutral = isinstance(op, ast.And)
    if any(isinstance(v, ast.Constant) and bool(v.value) is not neutral for v in values):
        return ast.Constant(not neutral)
    left = [v for v in values if not isinstance(v, ast.Constant)]
    return ast.Constant(neutral) if not left else left[0] if len(left) == 1 else ast.BoolOp(op, left)


def _is_condition(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _CONDITIONS
    return isinstance(node, ast.Compare) or (isinstance(node, ast.Constant) and isinstance(node.value, bool))


def _operation(left: ast.expr, op: ast.operator, right: ast.expr) -> ast.expr:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, ast.Constant) and one.value is None:  # an input that is absent adds and scales nothing
            return other
    if _is_condition(left) and _is_condition(right):
        return _both(left, right, "logical_and" if isinstance(op, (ast.Mult, ast.BitAnd)) else "logical_or")
    match op:
        case ast.Mult():
            return _product([left, right], [])
        case ast.Div():
            return _product([left], [right])
        case ast.Add() | ast.Sub():
            return _sum(left, right, isinstance(op, ast.Sub))
        case ast.Pow():
            exponent = number(right)
            if exponent == 1:
                return left
            base = number(left)
            if isinstance(base, int) and isinstance(exponent, int) and 0 <= exponent < 9:
                return ast.Constant(base**exponent)
    return ast.BinOp(left, op, right)


def _both(left: ast.expr, right: ast.expr, name: str) -> ast.expr:
    absorbing = name == "logical_or"
    for one, other in ((left, right), (right, left)):
        if isinstance(one, ast.Constant):
            return ast.Constant(absorbing) if bool(one.value) is absorbing else other
    return ast.Call(ast.Name(name), [left, right], [])


def _sum(left: ast.expr, right: ast.expr, minus: bool) -> ast.expr:
    a, b = number(left), number(right)
    if isinstance(a, int) and isinstance(b, int):
        return ast.Constant(a - b if minus else a + b)
    if b == 0:
        return left
    if a == 0:
        return _product([right], [], -1) if minus else right
    if isinstance(right, ast.UnaryOp) and isinstance(right.op, ast.USub):
        right, minus = right.operand, not minus
    if not minus and ast.dump(left) == ast.dump(right):
        return _product([ast.Constant(2), left], [])
    return ast.BinOp(left, ast.Sub() if minus else ast.Add(), right)


def _product(above: list[ast.expr], below: list[ast.expr], sign: int = 1) -> ast.expr:
    """A fraction with one numerator and one denominator, numbers first, equal factors as a power."""
    numbers: tuple[list[float], list[float]] = ([sign], [])
    powers: tuple[dict[str, list[Any]], dict[str, list[Any]]] = ({}, {})

    def collect(node: ast.expr, side: int, exponent: float = 1) -> None:
        value = number(node)
        match node:
            case _ if value is not None and exponent == 1:
                numbers[side].append(value)
            case ast.BinOp(left=left, op=ast.Mult(), right=right) if exponent == 1:
                collect(left, side)
                collect(right, side)
            case ast.BinOp(left=left, op=ast.Div(), right=right) if exponent == 1:
                collect(left, side)
                collect(right, 1 - side)
            case ast.UnaryOp(op=ast.USub(), operand=operand) if exponent == 1:
                numbers[side].append(-1)
                collect(operand, side)
            case ast.BinOp(left=base, op=ast.Pow(), right=right) if exponent == 1 and isinstance(number(right), int):
                collect(base, side, number(right) or 0)
            case _:
                entry = powers[side].setdefault(ast.dump(node), [node, 0])
                entry[1] += exponent

    for node in above:
        collect(node, 0)
    for node in below:
        collect(node, 1)
    if 0 in numbers[0]:
        return ast.Constant(0)
    top, bottom = _joined(numbers[0]), _joined(numbers[1])
    negative = math.prod(math.copysign(1, v) for v in (*top, *bottom)) < 0
    top, bottom = [abs(v) for v in top], [abs(v) for v in bottom]
    if len(top) == len(bottom) == 1 and isinstance(top[0], int) and isinstance(bottom[0], int):
        shared = math.gcd(top[0], bottom[0])
        top, bottom = [top[0] // shared], [bottom[0] // shared]
    result = _chain(top, powers[0])
    if any(v != 1 for v in bottom) or powers[1]:
        result = ast.BinOp(result, ast.Div(), _chain(bottom, powers[1]))
    if not negative:
        return result
    value = number(result)
    return ast.UnaryOp(ast.USub(), result) if value is None else ast.Constant(-value)


def _joined(numbers: Sequence[float]) -> list[float]:
    """Whole numbers as one, and others with them if that makes a whole number: 0.5·2 is 1, but 3·0.0447 stays."""
    total = math.prod(numbers)
    if total == int(total) if math.isfinite(total) else False:
        return [int(total)]
    whole = math.prod(int(v) for v in numbers if v == int(v)) if all(math.isfinite(v) for v in numbers) else 1
    rest = [v for v in numbers if not math.isfinite(v) or v != int(v)]
    if abs(whole) == 1 and rest:
        return [rest[0] * whole, *rest[1:]]
    return [whole, *rest]


def _chain(numbers: Sequence[float], powers: dict[str, list[Any]]) -> ast.expr:
    factors: list[ast.expr] = [ast.Constant(v) for v in numbers if v != 1]
    for base, exponent in powers.values():
        factors.append(base if exponent == 1 else ast.BinOp(base, ast.Pow(), ast.Constant(exponent)))
    if not factors:
        return ast.Constant(1)
    result = factors[0]
    for factor in factors[1:]:
        result = ast.BinOp(result, ast.Mult(), factor)
    return result
