"""Expressions written with the signs of mathematics, in Unicode, and the same in ASCII for old terminals.

What has no sign is said in words: a slice's gradient is `g at its place in x, 0 elsewhere`.

>>> import ast
>>> text = written(ast.parse("where(x > 0, g, g * alpha * exp(x))", mode="eval").body)
>>> text
'g where x > 0, else g·α·exp(x)'
>>> to_ascii(text)
'g where x > 0, else g*alpha*exp(x)'
"""

# ruff: noqa: RUF001, RUF002 (mathematics is written with Greek letters and a minus sign)
from __future__ import annotations

import ast
import re
import string
from typing import Any

# How strongly an expression holds together; a weaker one inside a stronger one gets parentheses.
_WORDS, _CHOICE, _OR, _AND, _COMPARE, _ADD, _MULTIPLY, _MATRICES, _POWER, _ATOM = range(10)

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_NAMES = {
    "pi": "π", "inf": "∞", "nan": "NaN", "alpha": "α", "beta": "β", "lambd": "λ", "eps": "ε", "delta": "δ",
    "xhat": "x̂", "mu": "μ", "axis": "dim", "axis1": "dim1", "axis2": "dim2",
    "h_t": "hₜ", "c_t": "cₜ", "x_t": "xₜ", "g_t": "gₜ", "h_before": "hₜ₋₁", "c_before": "cₜ₋₁", "f_after": "fₜ₊₁",
    "z_after": "zₜ₊₁", "dh": "∂hₜ", "dc": "∂cₜ", "da": "∂aₜ", "de": "∂eₜ", "dm": "∂mₜ", "dn": "∂nₜ", "dr": "∂rₜ",
    "dz": "∂zₜ", "dh_after": "∂hₜ₊₁", "dc_after": "∂cₜ₊₁", "da_after": "∂aₜ₊₁", "de_after": "∂eₜ₊₁",
    "dp": "∂p", "ds": "∂s",
    "da_first": "∂a₁", "de_first": "∂e₁", "dh_first": "∂h₁", "dc_first": "∂c₁", "f_first": "f₁", "z_first": "z₁",
}  # fmt: skip
_FUNCTIONS = {
    "log": "ln", "log2": "log₂", "log10": "log₁₀", "sigmoid": "σ", "maximum": "max", "minimum": "min",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
    "arctan2": "atan2", "rint": "round", "hardtanh": "clip", "digamma": "ψ", "bessel_i0": "i0",
    "remainder": "mod", "logical_not": "not", "conjugate": "conj",
}  # fmt: skip
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "=", ast.NotEq: "≠", ast.Lt: "<", ast.LtE: "≤", ast.Gt: ">", ast.GtE: "≥",
}  # fmt: skip
_AROUND = {"abs": "||", "floor": "⌊⌋", "ceil": "⌈⌉"}

# Operations that move numbers and compute none. {x} and {shape} speak of the array whose shape the call mentions.
_PHRASES = {
    "expand": "{0} repeated over {shape}",
    "sum_to": "{0} summed to {shape}",
    "reshape": "{0} in {shape}",
    "view": "{0} in {shape}",
    "permute": "{0} with its dims in the old order",
    "transpose": "{0} with its dims in another order",
    "flip": "flip({0})",
    "squeeze": "{0} without the dim of size 1",
    "expand_dims": "{0} with a dim of size 1",
    "lay_out": "{0}",
    "to_copy": "{0} in its former type",
    "pad_axis": "{0} at its place{x}, 0 elsewhere",
    "put_back": "{0} at its places{x}, 0 elsewhere",
    "put_part": "{0} at its places in the whole, 0 elsewhere",
    "clear_part": "{0}, but 0 where it was overwritten",
    "part": "the part of {0} at these places",
    "slice_axis": "the part of {0} at these places",
    "getitem": "{0} at index",
    "scatter_back": "{0} added up at index{x}, 0 elsewhere",
    "index_back": "{0} added up at index{x}, 0 elsewhere",
    "embedding_back": "{0} added up at the rows index{x}, 0 elsewhere",
    "embedding_scaled": "the rows index of {0}",
    "put_picked": "{0} at column target of each row{x}, 0 elsewhere",
    "pick": "{0} at column target of each row",
    "masked_back": "{0} where mask{x}, 0 elsewhere",
    "masked_select": "{0} where mask",
    "set_diagonal": "{0} on the diagonal, 0 elsewhere",
    "diagonal": "the diagonal of {0}",
    "gather": "{0} at index",
    "index_select": "{0} at index",
    "index_put": "{0}, but {1} at index",
    "scatter_number": "{0}, but {2} at index",
    "roll": "roll({0}) back",
    "swapaxes": "{0} with dim1 and dim2 exchanged",
    "concatenate": "{0} one after the other",
    "part_of": "the part of {0} that came from {1}",
    "pad_constant": "the part of {0} that is not padding",
    "pad_folded": "{0}, padding added to where it was copied from",
    "pad_copied": "{0} padded again",
    "cumsum": "cumsum({0})",
    "sum_channels": "sum({0} over all dims but the channels)",
    "max_pool_back": "{0} at the place of each window's maximum in {1}, 0 elsewhere",
    "max_pool_pick": "{0} at the place of each window's maximum",
    "avg_pool": "mean of each window of {0}",
    "avg_pool_back": "{0} / size of the window, added up over the windows",
    "adaptive_avg_pool": "mean of each window of {0}",
    "adaptive_avg_pool_back": "{0} / size of the window, added up over the windows",
    "resample": "weighted sums of neighbours in {0}",
    "resample_back": "{0} times the same weights, added up at the neighbours",
    "im2col": "the windows of {0} as columns",
    "col2im": "the columns of {0} added up at their places",
    "softplus": "softplus({0})",
    "polygamma": "ψ⁽{1}⁾({0})",
    "times_power_of_2": "{0}·2^{1}",
    "select": "{0} at index",
    "unbind": "one part of {0}",
    "split": "one part of {0}",
    "split_with_sizes": "one part of {0}",
    "unfold": "the windows of {0}",
    "tile": "{0} repeated",
    "getitem_select": "{0} at index",
    "getitem_slice": "{0} at index",
    "getitem_unsqueeze": "{0} at index",
    "getitem_alias": "{0} at index",
    "copy_slices": "{0}, but {1} at index",
    "index_copy": "{0}, but {1} at index",
    "put_flat": "{0}, but {1} at index",
    "masked_scatter": "{0}, but {1} at index",
    "index_put_accumulate": "{0}, and {1} added at index",
    "index_add": "{0}, and {2} added at index",
    "scatter_add": "{0}, and {2} added at index",
    "scatter": "{0}, but {2} at index",
    "replace_part": "{0}, but {1} at these places",
    "as_strided_scatter": "{0}, but {1} at these places",
    "select_scatter": "{0}, but {1} at these places",
    "slice_scatter": "{0}, but {1} at these places",
    "diagonal_scatter": "{0}, but {1} at these places",
    "scatter_product": "{0} times those of {2} that index puts there",
    "scatter_largest": "max of {0} and those of {2} that index puts there",
    "scatter_smallest": "min of {0} and those of {2} that index puts there",
    "sort": "{0} at index",
    "topk": "{0} at index",
    "cummax": "{0} at index",
    "cummin": "{0} at index",
    "contract_others": "the sum of products of {0} and the inputs beside {1}",
    "max_pool": "max of each window of {0}",
    "max_pool3d": "max of each window of {0}",
    "avg_pool3d": "mean of each window of {0}",
    "adaptive_avg_pool3d": "mean of each window of {0}",
    "onehot": "onehot({0})",
    "ties": "how many in {0} and {1} equal {2}",
    "log_sigmoid": "ln σ({0})",
    "identity": "identity",
}
# Those of them that need no parentheses.
_BARE = frozenset({"flip", "cumsum", "softplus", "polygamma", "lay_out", "sum_channels", "onehot", "identity"})

_ASCII = {
    "·": "*", "−": "-", "∂": "d", "ᵀ": "^T", "σ": "sigmoid", "π": "pi", "∞": "inf", "α": "alpha",
    "β": "beta", "λ": "lambda", "ε": "eps", "δ": "delta", "μ": "mu", "x̂": "x_hat", "ψ": "digamma", "≤": "<=",
    "≥": ">=", "≠": "!=", "⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")", "⁽": "^(", "⁾": ")", "⋆": "(*)",
    "₁₀": "10", "₁": "1", "₂": "2", "ₜ₋1": "_t-1", "ₜ₋₁": "_t-1", "ₜ₊1": "_t+1", "ₜ": "_t", "ⱼ": "_j", "ᵢ": "_i",
    "₊₁": "+1", "₋₁": "-1",
    "Σ": "sum", "…": "..",
}  # fmt: skip


class UnprintableError(Exception):
    """An expression that has no mathematical notation."""


def written(node: ast.expr, level: int = _WORDS) -> str:
    """An expression in Unicode's mathematical notation, in parentheses if it is weaker than `level`.

    Raises:
        UnprintableError: it holds something that only a program says.
    """
    text, own = _with_level(node)
    return f"({text})" if own < level else text


def to_ascii(text: str) -> str:
    """The same text without the signs that a terminal may lack; other characters, such as names, stay.

    >>> to_ascii("∂L/∂x = −g / (2·√x) + √(x² + 1)")
    'dL/dx = -g / (2*sqrt(x)) + sqrt(x^2 + 1)'
    """
    text = re.sub(r"√(\w+)", r"sqrt(\1)", text).replace("√(", "sqrt(")
    for sign, plain in _ASCII.items():
        text = text.replace(sign, plain)
    low = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    return re.sub("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda match: "^" + match[0].translate(low), text)


def _with_level(node: ast.expr) -> tuple[str, int]:
    match node:
        case ast.Name(id=name):
            return name if getattr(node, "verbatim", False) else _NAMES.get(name, name), _ATOM
        case ast.Constant():
            return _constant(node.value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"−{written(operand, _MULTIPLY)}", _ADD
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return f"not {written(operand, _ATOM)}", _AND
        case ast.BinOp(left=left, op=op, right=right):
            return _operation(left, op, right)
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Constant(value=str(text))]):
            return f"{written(left)} is {text}", _COMPARE
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
            return f"{written(left, _ADD)} {_COMPARISONS[type(op)]} {written(right, _ADD)}", _COMPARE
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return f"{written(body, _OR)} if {written(test, _OR)}, else {written(orelse, _CHOICE)}", _CHOICE
        case ast.Subscript(value=value, slice=ast.Tuple(elts=places)):
            return f"{written(value, _ATOM)}[{', '.join(written(p) for p in places)}]", _ATOM
        case ast.Subscript(value=value, slice=ast.Name(id=place)):
            return f"{written(value, _ATOM)}[{place}]", _ATOM
        case ast.Tuple(elts=elts):
            return ", ".join(written(one) for one in elts), _ATOM
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            return _called(name, args, {k.arg or "": k.value for k in keywords})
    raise UnprintableError(ast.dump(node))


def _constant(value: Any) -> tuple[str, int]:
    if isinstance(value, bool) or value is None:
        raise UnprintableError(str(value))
    if isinstance(value, str):
        return value, _ATOM
    if value == int(value) if abs(value) < 1e15 else False:
        value = int(value)
    text = f"{abs(value):.6g}" if isinstance(value, float) else str(abs(value))
    return (f"−{text}", _ADD) if value < 0 else (text, _ATOM)


def _operation(left: ast.expr, op: ast.operator, right: ast.expr) -> tuple[str, int]:
    match op:
        case ast.Add():
            return f"{written(left, _ADD)} + {written(right, _ADD + 1)}", _ADD
        case ast.Sub():
            return f"{written(left, _ADD)} − {written(right, _ADD + 1)}", _ADD
        case ast.Mult():
            quotient = isinstance(left, ast.BinOp) and isinstance(left.op, ast.Div)
            first = f"({written(left)})" if quotient else _factor(left)
            return f"{first}·{_factor(right)}", _MULTIPLY
        case ast.Div():
            return f"{_factor(left)} / {written(right, _POWER)}", _MULTIPLY
        case ast.MatMult():
            return f"{written(left, _MATRICES)} {written(right, _MATRICES)}", _MATRICES
        case ast.Pow():
            base = written(left, _ATOM)
            if isinstance(right, ast.Constant) and isinstance(right.value, int) and not isinstance(right.value, bool):
                return f"{base}{str(right.value).translate(_SUPERSCRIPT)}", _POWER
            return f"{base}^{written(right, _ATOM)}", _POWER
    raise UnprintableError(ast.dump(op))


def _factor(node: ast.expr) -> str:
    """A factor in a product with a dot: a product of matrices next to a dot would be misread."""
    matrices = isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)
    inner = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)
    return f"({written(node)})" if matrices else written(node, _MULTIPLY if inner else _POWER)


def _called(name: str, args: list[ast.expr], keywords: dict[str, ast.expr]) -> tuple[str, int]:
    match name, args:
        case "where", [test, yes, no]:
            return f"{written(yes, _OR)} where {written(test, _OR)}, else {written(no, _CHOICE)}", _CHOICE
        case "logical_and", [left, right]:
            return f"{written(left, _AND)} and {written(right, _AND)}", _AND
        case "logical_or", [left, right]:
            return f"{written(left, _OR)} or {written(right, _OR)}", _OR
        case ("isnan", [x]):
            return f"{written(x, _ADD)} is NaN", _COMPARE
        case ("isfinite", [x]):
            return f"1 where {written(x, _ADD)} is finite, else 0", _CHOICE
        case ("restore" | "nonzero", [x, *_]):
            return _with_level(x)
        case ("t" | "transposed", [x]):
            return f"{written(x, _ATOM)}ᵀ", _POWER
        case ("inverse", [x]):
            return f"{written(x, _ATOM)}⁻¹", _POWER
        case "outer", [x, y]:
            return f"{written(x, _MATRICES)} {written(y, _ATOM)}ᵀ", _MATRICES
        case ("sqrt", [x]):
            return f"√{written(x, _ATOM)}", _POWER
        case ("abs" | "floor" | "ceil", [x]):
            return f"{_AROUND[name][0]}{written(x)}{_AROUND[name][1]}", _ATOM
        case "total", [ast.Constant(value=str(places)), x]:
            return f"Σ({written(x)} over {places})", _ATOM
        case ("chunk", [x, ast.Constant(value=int(k))]):
            return f"part {k} of {written(x, _ATOM)}", _WORDS
        case ("beside", parts):
            return f"[{', '.join(written(part, _OR) for part in parts)}]", _ATOM
        case ("outer_difference", [x]):
            return f"{written(x, _POWER)}ⱼ − {written(x, _POWER)}ᵢ", _ADD
        case ("shape", [x]):
            return f"the shape of {written(x)}", _WORDS
        case "swapaxes", [x, a, b] if {_literal(a), _literal(b)} == {-1, -2}:
            return f"{written(x, _ATOM)}ᵀ", _POWER
        case ("sum" | "mean" | "prod" | "max" | "min" | "count" | "var" | "std" | "logsumexp", [x, *rest]):
            of = x.args[0] if isinstance(x, ast.Call) and isinstance(x.func, ast.Name) and x.func.id == "shape" else x
            axis = keywords.get("axis", rest[0] if rest else None)
            if name in ("max", "min") and rest and "axis" not in keywords:
                return f"{name}({', '.join(written(a, _OR) for a in args)})", _ATOM
            if name == "sum" and isinstance(x, ast.Compare):
                name = "count"
            return f"{name}({written(of)}{_over(axis)})", _ATOM
    if name in _PHRASES:
        return _phrase(name, args)
    level = _OR if len(args) > 1 else _WORDS
    return f"{_FUNCTIONS.get(name, name)}({', '.join(written(a, level) for a in args)})", _ATOM


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _over(axis: ast.expr | None) -> str:
    """ " over dim 1": the dimensions of a reduction, nothing if it runs over all."""
    if axis is None or (isinstance(axis, ast.Constant) and axis.value is None):
        return ""
    if isinstance(axis, ast.Constant) and isinstance(axis.value, str):
        return f" over {axis.value}"
    if _literal(axis) == -1:
        return " over the last dim"
    if isinstance(axis, ast.Tuple) and len(axis.elts) == 1:
        axis = axis.elts[0]
    kind = "dims " if isinstance(axis, ast.Tuple) else "" if isinstance(axis, ast.Name) else "dim "
    return f" over {kind}{written(axis)}"


def _phrase(name: str, args: list[ast.expr]) -> tuple[str, int]:
    template = _PHRASES[name]
    own = _ATOM if name in _BARE else _WORDS
    wanted = [field for _, field, _, _ in string.Formatter().parse(template) if field and field.isdigit()]
    if len(args) <= max([int(field) for field in wanted], default=-1):
        raise UnprintableError(name)
    values = [written(a, _WORDS if own == _ATOM else _OR) if str(i) in wanted else "" for i, a in enumerate(args)]
    inside = [n for a in args for n in ast.walk(a) if isinstance(n, ast.Call)]
    shapes = [n.args[0] for n in inside if isinstance(n.func, ast.Name) and n.func.id == "shape"]
    x = f" in {written(shapes[0])}" if shapes else ""
    return template.format(*values, x=x, shape=f"the shape of {x[4:]}" if x else "another shape"), own
