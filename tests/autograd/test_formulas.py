"""Formulas: what is printed is what the table's functions compute."""

# ruff: noqa: RUF001 (mathematics is written with Greek letters and a minus sign)
from __future__ import annotations

import ast
import functools
import inspect
import itertools
import math
import re
from types import CodeType
from typing import ClassVar

import numpy as np
import pytest

from mytorch.autograd.formulas import Equations, Formula, default_names, equations, formulas, to_ascii
from mytorch.autograd.primitive import NUMPY, TABLE, Primitive, input_names
from mytorch.ops.axes import count, nonzero, restore
from mytorch.ops.windows import Geometry

# Derivatives that raise when they are asked for: what zeta, igamma and igammac do not have.
REFUSED = {("zeta", 0), ("igamma", 0), ("igammac", 0)}
DIFFERENTIABLE = sorted(name for name, primitive in TABLE.items() if primitive.differentiates)

# Entries of the table that work element by element, with the values of their options.
OPTIONS = {
    "leaky_relu": {"slope": 0.1},
    "hardtanh": {"low": -0.5, "high": 0.7},
    "threshold": {"threshold": 0.2, "value": 3.0},
    "softshrink": {"lambd": 0.5},
    "hardshrink": {"lambd": 0.5},
    "elu": {"alpha": 1.3, "scale": 1.1, "rate": 0.9},
    "softplus": {"beta": 2.0, "threshold": 3.0},
    "clamp_number": {"low": -0.5, "high": 0.7},
    "clamp_min_number": {"low": 0.3, "high": None},
    "clamp_max_number": {"low": None, "high": 0.3},
    "clamp": {},
    "addcmul": {"value": 0.7},
    "addcdiv": {"value": 0.7},
    "lerp_number": {"weight": 0.3},
    "addmv": {"beta": 0.7, "alpha": 1.5},
    "logit": {"low": None, "high": None},
    "round_decimals": {"decimals": 1},
    "polygamma": {"n": 1},
    "times_power_of_2": {"exponent": 2},
}
ELEMENTWISE = [
    "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "sqrt", "rsqrt", "reciprocal", "sin", "cos", "tan",
    "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "sigmoid", "tanh_backward",
    "sigmoid_backward", "threshold_backward", "neg", "abs", "square", "relu", "sign", "add", "sub", "rsub", "mul",
    "div", "div_floor", "div_trunc", "pow", "pow_number", "number_pow", "maximum", "minimum", "atan2", "remainder",
    "fmod", "where", "prelu", "hardsigmoid", "hardswish", "log_sigmoid", "silu", "mish", "gelu", "gelu_tanh", "lerp",
    "bessel_i0", "i1", "i0e", "i1e", "erfc", "erfcx", "erfinv", "ndtri", "log_ndtr", "copysign", "fmax", "fmin",
    "frac", "lgamma", "digamma", "zeta", "igamma", "igammac", "xlogy", "xlog1py", "entr", "logaddexp", "logaddexp2",
    "hypot", "sinc", "floor", "ceil", "trunc", "round", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "above_zero", "rrelu_with_noise", *OPTIONS,
]  # fmt: skip


POINTS = 16  # at which an elementwise formula is evaluated, evenly over a range that has both sides of its conditions


def kernel_gradients(primitive: Primitive, inputs, options, g) -> tuple[object, list[object]]:
    """The result and the gradients as the engine would have them."""
    result = primitive.kernel(*inputs, **options)
    settings = dict(options)
    if primitive.aux:
        result, settings["aux"] = result
    if primitive.joint:
        needs = tuple(x is not None for x in inputs)
        return result, list(primitive.joint(NUMPY, g, result, *inputs, needs=needs, **settings))
    gradients: list[object] = []
    for place, vjp in enumerate(primitive.vjps):
        if vjp is None or (primitive.name, place) in REFUSED:
            gradients.append(None)
            continue
        wanted = input_names(primitive, vjp)
        values = [np.shape(x) if n.endswith("_shape") else x for n, x in zip(wanted, inputs, strict=True)]
        gradients.append(vjp(NUMPY, g, result, *values, **settings))
    return result, gradients


@functools.cache
def formula(name: str) -> Formula:
    return formulas(TABLE[name])


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_every_differentiable_input_has_a_formula_of_one_line(name: str) -> None:
    primitive, found = TABLE[name], formula(name)
    assert found.forward
    for place, line in enumerate(found.derivatives):
        is_differentiable = primitive.joint or primitive.vjps[place]
        assert (line is not None) == bool(is_differentiable and (name, place) not in REFUSED)
    for line in found.lines():
        assert len(line) <= 100, line
        for leftover in (
            "xp.",
            "np.",
            "lambda",
            "None",
            "True",
            "axis",
            "keepdims",
            "_shape",
            "ndim",
            "arange",
            " ** ",
        ):
            assert leftover not in line, line


def read_back(text: str) -> str:
    """The printed right-hand side as Python again: it says `a where c, else b`, Python says `a if c else b`."""
    text = text.replace(" where ", " if ").replace(", else ", " else ")
    text = re.sub(r"√\(", "sqrt(", re.sub(r"√(\w+)", r"sqrt(\1)", text))
    text = re.sub(r"ψ⁽(.*?)⁾\(x\)", r"polygamma(x, \1)", text)
    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", text)
    text = re.sub(r"⌊(.*?)⌋", r"floor(\1)", re.sub(r"⌈(.*?)⌉", r"ceil(\1)", text))
    text = re.sub(r"(\w+) is NaN", r"isnan(\1)", text)
    text = re.sub(
        "([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda m: "**" + m[1].translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")), text
    )
    for sign, python in {
        "·": "*", "−": "-", "≤": "<=", "≥": ">=", "≠": "!=", " = ": " == ", "^": "**", "π": "pi", "∞": "inf",
        "ln σ(": "log_sigmoid(", "σ(": "sigmoid(", "ln(": "log(", "log₂(": "log2(", "log₁₀(": "log10(", "ψ(": "digamma(",
    }.items():  # fmt: skip
        text = text.replace(sign, python)
    return text


def compiled(text: str) -> CodeType:
    return compile(read_back(text), "<formula>", "eval")


class Vocabulary(dict):
    """Names of a formula: those given, else functions of the primitives and of NumPy."""

    FUNCTIONS: ClassVar[dict[str, object]] = {
        "max": max, "min": min, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh,
        "acosh": np.arccosh, "atanh": np.arctanh, "atan2": np.arctan2, "mod": np.remainder, "round": np.rint,
        "pi": math.pi, "inf": math.inf, "i0": lambda x: NUMPY.bessel_i0(np.asarray(x)),
        "clip": np.clip,
    }  # fmt: skip

    def __missing__(self, name: str) -> object:
        if name in self.FUNCTIONS:
            return self.FUNCTIONS[name]
        function = getattr(NUMPY, name)
        if name in TABLE and not isinstance(TABLE[name].forward, str):
            return lambda *args, **options: first(function(*[as_array(a) for a in args], **options))
        return function


def as_array(value: object) -> object:
    return np.asarray(value) if isinstance(value, float) else value


def first(result: object) -> object:
    return result[0] if isinstance(result, tuple) else result


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_printed_formula_computes_what_autograd_computes(name: str) -> None:
    primitive, options, random = TABLE[name], OPTIONS.get(name, {}), np.random.default_rng(3)
    names = [str(n) for n in default_names(primitive)]
    domain = {
        "acosh": (1.1, 3.0),
        "hardsigmoid": (-4.0, 4.0),
        "hardswish": (-4.0, 4.0),
        "binary_cross_entropy_with_logits": (0.1, 0.9),
    }
    positive = {
        "log", "log1p", "log2", "log10", "sqrt", "rsqrt", "asin", "acos", "atanh", "pow", "pow_number", "number_pow",
        "erfinv", "ndtri", "lgamma", "digamma", "polygamma", "zeta", "igamma", "igammac", "xlogy", "xlog1py", "entr",
        "logit", "binary_cross_entropy",
    }  # fmt: skip
    low, high = domain.get(name, (0.1, 0.9) if name in positive else (-2.0, 2.0))
    rows = [random.permutation(np.linspace(low, high, POINTS)) for _ in names]
    if name == "zeta":
        rows[0] += 2
    if name == "clamp":  # so that there are numbers between the limits
        rows[1:] = -np.abs(rows[1]) / 2, np.abs(rows[2]) / 2
    if names[0] == "condition":
        rows[0] = rows[0] > 0
    g = random.normal(size=POINTS)
    y, gradients = kernel_gradients(primitive, rows, options, g)
    found = formulas(primitive, names, options)
    where = [(left, compiled(right)) for left, right in (line.split(" = ", 1) for line in found.where)]

    def values(text: str) -> list[float]:
        code, computed = compiled(text), []
        for at in range(POINTS):
            given = {n: float(row[at]) for n, row in zip(names, rows, strict=True)}
            local = Vocabulary(given, g=float(g[at]), y=float(y[at]))
            for left, right in where:
                local[left] = eval(right, {}, local)
            computed.append(float(eval(code, {}, local)))
        return computed

    assert found.forward is not None
    compared = 0
    if primitive.name not in ("copysign", "fmod", "remainder"):
        text = found.forward.split(" = ", 1)[1]
        np.testing.assert_allclose(values(text), y, rtol=1e-6, atol=1e-7, err_msg=found.forward)
        compared += 1
    for line, expected in zip(found.derivatives, gradients, strict=True):
        if line is not None:
            text = line.split(" = ", 1)[1]
            np.testing.assert_allclose(values(text), expected, rtol=1e-6, atol=1e-7, err_msg=line)
            compared += 1
    assert compared


# --- written mathematics of kernels, evaluated on small arrays ------------------------------------------------------

T = np.random.default_rng(5)


def normal(*shape: int) -> np.ndarray:
    return T.normal(size=shape)


def transposed(x):
    return None if x is None else x.swapaxes(-1, -2) if x.ndim > 1 else x


def reduction(function, axes):
    def reduced(x, axis=None, keepdims=True):
        where = axes.get(axis, axis) if isinstance(axis, str) else axis
        return function(np.asarray(x), axis=where, keepdims=keepdims)

    return reduced


def evaluated(node: ast.expr, local: dict[str, object]) -> object:
    """The value of an equation on arrays."""
    text = ast.unparse(ast.fix_missing_locations(node))
    return eval(text, {}, local)


def off_diagonal(x):
    return np.where(np.eye(x.shape[-1], dtype=bool), 0, x)


def differences(x):
    gaps = x[..., None, :] - x[..., None]
    return np.where(gaps == 0, 1, gaps)


def onehot(target):
    return np.eye(4)[target]


def total(over: str, x: np.ndarray) -> object:
    return {"rows": np.sum, "the leading dims": lambda x: x.sum(0)}.get(over, lambda x: x)(x)


def words(axes: dict[str, object]) -> dict[str, object]:
    """What the functions of written mathematics mean."""
    return {
        "t": transposed, "transposed": transposed, "sum": reduction(np.sum, axes), "mean": reduction(np.mean, axes),
        "count": count, "restore": lambda g, shape, axis, keepdims: restore(NUMPY, g, shape, axis, keepdims),
        "nonzero": lambda x: nonzero(NUMPY, x), "shape": np.shape, "prod": reduction(np.prod, axes), "inverse": np.linalg.inv,
        "softmax": lambda x, axis=-1: NUMPY.softmax(x, (axis,)), "diag": lambda x: x[..., None] * np.eye(x.shape[-1]),
        "off_diagonal": off_diagonal, "outer_difference": differences,
        "column": lambda x: x[..., None], "onehot": onehot, "identity": lambda x: np.eye(*x.shape),
        "unit_lower": lambda x: np.tril(x, -1) + np.eye(len(x)), "blocks": lambda a, b, _c, d: np.block([[a, b], [0 * a, d]]),
        "upper_right": lambda x: x[: len(x) // 2, len(x) // 2 :], "max": reduction(np.max, axes),
        "sigmoid": NUMPY.sigmoid, "beside": lambda *parts: np.concatenate(parts, -1),
        "chunk": lambda x, k: np.split(x, 3, -1)[k - 1],
        "total": total, "pick": lambda x, target: x[np.arange(len(target)), target], "every": lambda x: x, "last": lambda x: x,
    }  # fmt: skip


def lower(n: int) -> np.ndarray:
    return np.tril(normal(n, n)) + 3 * np.eye(n)


symmetric = normal(3, 3)
NORMALIZED = {"the normalized dims": -1, "the other dims": 0}
CHANNELS = {"all but channels": (0, 2)}
TARGET = np.array([0, 3, 1])
index = np.array([[0, 1, 1], [2, 2, 0]])
KERNELS = [
    ("softmax", [normal(3, 4)], {"axis": (1,)}, {}),
    ("log_softmax", [normal(3, 4)], {"axis": (1,)}, {}),
    ("logsumexp", [normal(3, 4)], {"axis": (1,), "keepdims": True}, {}),
    ("var", [normal(3, 4)], {"axis": (1,), "keepdims": True, "correction": 1}, {}),
    ("std", [normal(3, 4)], {"axis": (0, 1), "keepdims": True, "correction": 1}, {}),
    ("sum_dim", [normal(3, 4)], {"axis": (1,), "keepdims": True}, {}),
    ("mean_dim", [normal(3, 4)], {"axis": (0,), "keepdims": True}, {}),
    ("prod", [normal(3, 4)], {"axis": None, "keepdims": False}, {}),
    ("prod_dim", [normal(3, 4)], {"axis": (1,), "keepdims": True}, {}),
    ("amax", [normal(3, 4)], {"axis": (1,), "keepdims": True}, {}),
    ("amin", [normal(3, 4)], {"axis": (1,), "keepdims": True}, {}),
    ("linalg_vector_norm", [normal(3, 4)], {"p": 3, "axis": (1,), "keepdims": True}, {}),
    ("linalg_vector_norm", [normal(3, 4)], {"p": 2, "axis": (0,), "keepdims": True}, {}),
    ("max", [normal(3, 4)], {}, {}),
    ("min", [normal(3, 4)], {}, {}),
    ("cumprod", [normal(3, 4)], {"axis": 1}, {}),
    ("cumsum", [normal(3, 4)], {"axis": 1}, {}),
    ("logcumsumexp", [normal(3, 4)], {"axis": 1}, {}),
    ("mm", [normal(3, 4), normal(4, 2)], {}, {}),
    ("matmul", [normal(5, 3, 4), normal(5, 4, 2)], {}, {}),
    ("outer", [normal(3), normal(4)], {}, {}),
    ("addmm", [normal(3, 2), normal(3, 4), normal(4, 2)], {"beta": 0.5, "alpha": 2.0}, {}),
    ("linear", [normal(3, 4), normal(2, 4), normal(2)], {}, {}),
    ("linear_no_bias", [normal(3, 4), normal(2, 4), None], {}, {}),
    ("linear_batched", [normal(5, 3, 4), normal(2, 4), normal(2)], {}, {"all but the last dim": (0, 1)}),
    ("linalg_cholesky", [symmetric @ symmetric.T + np.eye(3)], {"whole": False}, {}),
    ("linalg_qr", [normal(4, 3)], {"mode": "reduced"}, {}),
    ("linalg_eigh", [symmetric + symmetric.T], {"triangle": "L"}, {}),
    ("linalg_svd", [normal(3, 3)], {"full_matrices": False}, {}),
    ("linalg_svd", [normal(4, 3)], {"full_matrices": False}, {}),
    ("linalg_svd", [normal(3, 4)], {"full_matrices": False}, {}),
    ("linalg_det", [normal(3, 3)], {}, {}),
    ("linalg_slogdet", [normal(3, 3)], {}, {}),
    ("linalg_solve", [lower(3), normal(3, 2)], {}, {}),
    ("linalg_solve_triangular", [lower(3), normal(3, 2)], {"upper": False}, {}),
    ("linalg_matrix_exp", [normal(3, 3)], {}, {}),
    ("linalg_pinv", [normal(4, 3)], {"atol": None, "rtol": None, "hermitian": False}, {}),
    ("inverse", [lower(3)], {}, {}),
    ("trace", [normal(3, 4)], {}, {}),
    ("mse_loss", [normal(3, 4), normal(3, 4)], {"reduction": "mean", "size": 1.0}, {}),
    ("l1_loss", [normal(3, 4), normal(3, 4)], {"reduction": "sum", "size": 1.0}, {}),
    ("smooth_l1_loss", [normal(3, 4), normal(3, 4)], {"reduction": "mean", "size": 0.7}, {}),
    ("huber_loss", [normal(3, 4), normal(3, 4)], {"reduction": "none", "size": 0.7}, {}),
    ("layer_norm", [normal(3, 4), normal(4), normal(4)], {"dims": 1, "eps": 0.1, "center": True}, NORMALIZED),
    ("layer_norm", [normal(3, 4), None, None], {"dims": 1, "eps": 0.1, "center": True}, NORMALIZED),
    ("rms_norm", [normal(3, 4), normal(4), None], {"dims": 1, "eps": 0.1, "center": False}, NORMALIZED),
    ("batch_norm", [normal(3, 2, 4), normal(2), normal(2)], {"eps": 0.1, "running": None}, CHANNELS),
    (
        "batch_norm_fixed",
        [normal(3, 2, 4), normal(2), normal(2)],
        {"m": normal(2), "r": normal(2) ** 2},
        CHANNELS,
    ),
    (
        "group_norm",
        [normal(3, 2, 4), normal(2), normal(2)],
        {"groups": 1, "eps": 0.1, "running": None},
        {"each group": (1, 2), **CHANNELS},
    ),
    (
        "attention",
        [normal(1, 2, 5, 3), normal(1, 2, 4, 3), normal(1, 2, 4, 3), normal(1, 2, 5, 4)],
        {"allowed": None, "scale": 0.5, "keep": None, "by_query": False},
        {},
    ),
    (
        "self_attention",
        [normal(1, 5, 9), normal(1, 1, 5, 5)],
        {"allowed": None, "scale": 0.5, "keep": None, "heads": 1, "batch_first": True},
        {},
    ),
    (
        "instance_norm",
        [normal(3, 2, 4), normal(2), normal(2)],
        {"groups": 2, "eps": 0.1, "running": None},
        {"each group": 2, **CHANNELS},
    ),
    ("sum", [normal(3, 4)], {"axis": None, "keepdims": False}, {}),
    ("mean", [normal(3, 4)], {"axis": None, "keepdims": False}, {}),
    ("sum_rows", [normal(3, 4)], {}, {}),
    ("nll_loss", [normal(3, 4)], {"target": TARGET, "weights": normal(3), "norm": 2.5}, {}),
    ("cross_entropy", [normal(3, 4)], {"target": TARGET, "weights": normal(3), "norm": 2.5}, {}),
    ("largest_difference", [normal(4)], {}, {}),
    ("scatter_largest", [normal(3, 3), index, normal(2, 3)], {"axis": 0}, {}),
    ("scatter_smallest", [normal(3, 3), index, normal(2, 3) - 1], {"axis": 0}, {}),
    ("scatter_product", [normal(3, 3), index, normal(2, 3)], {"axis": 0}, {}),
    ("linalg_lu_factor", [normal(3, 3)], {}, {}),
]


@pytest.mark.parametrize(
    ("name", "inputs", "options", "axes"), KERNELS, ids=[f"{k[0]}-{i}" for i, k in enumerate(KERNELS)]
)
def test_the_mathematics_of_a_kernel_computes_what_the_kernel_computes(name, inputs, options, axes) -> None:
    primitive = TABLE[name]
    result = primitive.kernel(*inputs, **options)
    result = first(result) if primitive.aux else result
    several = primitive.outputs > 1
    g = tuple(normal(*r.shape) for r in result) if several else np.asarray(normal(*np.shape(result)))
    if name == "linalg_lu_factor":
        g = (g[0], None)
    _, gradients = kernel_gradients(primitive, inputs, options, g)
    names = [None if x is None else n for x, n in zip(inputs, default_names(primitive), strict=True)]
    found = equations(primitive, names, {k: v for k, v in options.items() if not isinstance(v, np.ndarray)})
    local = Vocabulary(words(axes))
    local.update(zip(names, inputs, strict=True))
    local.update({k: v for k, v in options.items() if isinstance(v, np.ndarray)})
    if name in ("batch_norm", "batch_norm_fixed", "group_norm", "instance_norm"):  # one number for each channel
        local.update({k: v[:, None] for k, v in local.items() if isinstance(v, np.ndarray) and v.ndim == 1})
    if name in ("nll_loss", "cross_entropy"):
        local["weights"] = options["weights"][:, None] if name == "cross_entropy" else options["weights"]
    if name in ("scatter_largest", "scatter_smallest"):
        local["ties"] = ties
    if name == "linalg_lu_factor":
        local["permutation"] = permutation
    if several:
        local.update({f"y{i + 1}": r for i, r in enumerate(result)})
        local.update({f"g{i + 1}": r for i, r in enumerate(g)})
    local.update(y=result, g=g)
    for left, node in found.where.items():
        local[left] = evaluated(node, local)
    for node, expected in zip(found.derivatives, gradients, strict=True):
        if node is not None and expected is not None:
            value = np.asarray(evaluated(node, local))
            value = value.reshape(expected.shape) if value.size == expected.size else value + np.zeros(expected.shape)
            np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-9)
    if name == "cross_entropy":
        local["weights"] = options["weights"]
    if found.forward is not None and primitive.math.get("y") and not several:
        value = evaluated(found.forward, local)
        np.testing.assert_allclose(np.reshape(value, np.shape(result)), result, rtol=1e-6, atol=1e-9)


def ties(x, source, y):
    return NUMPY.scatter_add((x == y) * 1.0, index, (source == NUMPY.gather(y, index, 0)) * 1.0, 0)


def permutation(pivots):
    rows = list(range(len(pivots)))
    for i, other in enumerate(pivots - 1):
        rows[i], rows[other] = rows[other], rows[i]
    return np.eye(len(rows))[:, rows]


@pytest.mark.parametrize(
    ("name", "projected", "own_options"),
    [
        ("rnn_layer", None, {"relu": True}),
        ("rnn_layer", None, {"relu": False}),
        ("gru_layer", None, {}),
        ("lstm_layer", None, {}),
        ("lstm_layer", 2, {}),
    ],
)
def test_the_mathematics_of_a_recurrent_layer_holds_step_by_step(name, projected, own_options) -> None:
    primitive = TABLE[name]
    gates = {"rnn_layer": 1, "gru_layer": 3, "lstm_layer": 4}[name]
    n, features, units = 2, 3, 4
    out = projected or units
    inputs = [normal(3 * n, features), normal(n, out), *[normal(n, units)] * (gates == 4)]
    inputs += [normal(gates * units, k) for k in (features, out)] + [normal(gates * units) for _ in range(2)]
    if gates == 4:
        inputs.append(normal(projected, units) if projected else None)
    options = {"sizes": (n, n, n), "reverse": False, **own_options}
    result = first(primitive.kernel(*inputs, **options))
    g = tuple(normal(*r.shape) for r in result)
    _, gradients = kernel_gradients(primitive, inputs, options, tuple(one.copy() for one in g))
    names = [None if x is None else str(k) for x, k in zip(inputs, default_names(primitive), strict=True)]
    found = equations(primitive, names, options)
    known = {**words({}), **dict(zip(names, inputs, strict=True)), "chunk": lambda a, k: np.split(a, gates, -1)[k - 1]}
    start = list(found.where).index("g_t")  # from there on it is about the way back
    h, c = inputs[1], inputs[2]
    steps = []
    for x in np.split(inputs[0], 3):
        step = Vocabulary(known, x_t=x, h_before=h, c_before=c)
        for left, node in list(found.where.items())[:start]:
            step[left] = evaluated(node, step)
        h, c = step["h_t"], step.get("c_t")
        steps.append(step)
    np.testing.assert_allclose(np.concatenate([step["h_t"] for step in steps]), result[0], rtol=1e-6)
    after = {"da": np.zeros((n, gates * units)), "de": np.zeros((n, gates * units)), "dh": 0, "z": 0}
    if gates == 4:
        after.update(dc=g[2], f=1)  # what arrives at the last state takes the place of a next step
    arriving = np.split(g[0], 3)
    arriving[-1] = arriving[-1] + g[1]
    for step, g_t in zip(reversed(steps), reversed(arriving), strict=True):
        step.update({f"{left}_after": value for left, value in after.items()}, g_t=g_t)
        for left, node in list(found.where.items())[start + 1 :]:
            step[left] = evaluated(node, step)
        after = {left: step[left] for left in after if left in step}
    steps[0].update({f"{left}_first": value for left, value in after.items()})
    for label, node, expected in zip(names, found.derivatives, gradients, strict=True):
        if node is None:
            continue
        if label in ("h", "c"):
            value = evaluated(node, steps[0])
        else:
            values = [evaluated(node, step) for step in steps]
            value = np.concatenate(values) if label == "x" else sum(values)
        if str(label).startswith("b_"):
            value = value.sum(0)
        np.testing.assert_allclose(value, expected, rtol=1e-6, err_msg=str(label))


CONVOLUTIONS = {  # of each entry: shapes of its inputs, length of its result, and the letters of the result's and inputs' places
    "convolution": ([(2, 2, 7), (3, 2, 3), (3,)], 3, "nmo", ("nci", "mck", "m")),
    "convolution_back": ([(2, 3, 3), (3, 2, 3), (2,)], 7, "nci", ("nmo", "mck", "c")),
    "convolution_kernel": ([(2, 2, 7), (2, 3, 3)], 3, "mck", ("nci", "nmo")),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_the_mathematics_of_convolution_is_the_sum_that_it_says(name: str) -> None:
    shapes, length, result_letters, input_letters = CONVOLUTIONS[name]
    inputs, stride = [normal(*shape) for shape in shapes], 2
    options = {"sizes": (length,), "geometry": Geometry((stride,), (0,), (1,)), "groups": 1}
    result = first(TABLE[name].kernel(*inputs, **options))
    g = normal(*result.shape)
    _, gradients = kernel_gradients(TABLE[name], inputs, options, g)
    found = equations(TABLE[name])
    given = {str(label): x for label, x in zip(found.names, inputs, strict=True)} | {"g": g, "s": stride}
    sizes = {"n": 2, "c": 2, "m": 3, "o": 3, "k": 3, "i": 7}

    def value(node: ast.expr, at: dict[str, int]) -> float:
        """At one place: a sum over all letters that it names, of those terms that it asks for."""
        if isinstance(node, ast.BinOp):
            return value(node.left, at) + value(node.right, at)
        if not isinstance(node, ast.Call):
            return evaluated(node, {**given, **at})
        over, term = node.args[0].value, compile(ast.unparse(node.args[1]), "<term>", "eval")
        letters = re.findall(r"\b[a-z]\b", over.split(" with ")[0])
        places = [
            {**at, **dict(zip(letters, p, strict=True))} for p in itertools.product(*(range(sizes[c]) for c in letters))
        ]
        if " with " in over:
            places = [p for p in places if stride * p["o"] + p["k"] == p["i"]]
        return sum(eval(term, {}, {**given, **p}) for p in places)

    def table(node: ast.expr | None, letters: str) -> np.ndarray:
        assert node is not None
        shape = [sizes[letter] for letter in letters]
        cells = itertools.product(*map(range, shape))
        return np.array([value(node, dict(zip(letters, cell, strict=True))) for cell in cells]).reshape(shape)

    np.testing.assert_allclose(table(found.forward, result_letters), result, rtol=1e-9)
    for node, letters, expected in zip(found.derivatives, input_letters, gradients, strict=True):
        np.testing.assert_allclose(table(node, letters), expected, rtol=1e-9, atol=1e-12)


def test_the_mathematics_of_mvlgamma_is_the_sum_that_it_says() -> None:
    x, g, p = np.random.default_rng(0).uniform(1.5, 4, 5), normal(5), 3
    y, (expected,) = kernel_gradients(TABLE["mvlgamma"], [x], {"p": p}, g)
    found = equations(TABLE["mvlgamma"], ["x"], {"p": p})
    for node, value in ((found.forward, y), (found.derivatives[0], expected)):
        assert node is not None
        [sum_] = [n for n in ast.walk(node) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "total"]
        terms = sum(evaluated(sum_.args[1], Vocabulary(x=x, k=k)) for k in range(p))
        local = Vocabulary(x=x, g=g, total=lambda _over, _term, terms=terms: terms, k=0)
        np.testing.assert_allclose(evaluated(node, local), value, rtol=1e-6)


# --- names, options, ASCII ------------------------------------------------------------------------------------------


def test_names_and_options_are_put_in_their_places() -> None:
    assert formulas(TABLE["linear"], ["x", "가중치", None]).lines() == [
        "y = x 가중치ᵀ", "∂L/∂x = g 가중치", "∂L/∂가중치 = gᵀ x",
    ]  # fmt: skip
    without_bias = formulas(TABLE["convolution"], ["x", "w", None])
    assert without_bias.forward == "y = Σ(x[n, c, s·o + k]·w[m, c, k] over c, k)"
    assert without_bias.derivatives[2] is None
    assert formulas(TABLE["pow_number"], ["x", "2"]).lines() == ["y = x²", "∂L/∂x = 2·g·x"]
    assert formulas(TABLE["sum_dim"], ["x"], {"axis": (0, 2), "keepdims": False}).forward == "y = sum(x over dims 0, 2)"
    lines = formulas(TABLE["mse_loss"], ["ŷ", "t"], {"reduction": "sum", "size": 1.0}).lines()
    assert lines[-2:] == ["∂L/∂ŷ = 2·g·d / n", "∂L/∂t = −2·g·d / n"]
    assert "n = 1" in lines


def test_definitions_are_told_apart_by_who_needs_them() -> None:
    found = formulas(TABLE["mse_loss"], ["x", "t"], {"reduction": "mean"})
    assert found.forward_where == ["d = x − t", "n = count(x)", "v = d²"]
    assert found.backward_where == ["d = x − t", "n = count(x)"]


def test_a_wrong_number_of_names_is_refused() -> None:
    with pytest.raises(ValueError, match="mul has 2 inputs, but got 1 names"):
        formulas(TABLE["mul"], ["x"])


def test_ascii_has_no_sign_left() -> None:
    text = "\n".join(to_ascii(str(formula(name))) for name in DIFFERENTIABLE)
    assert [sign for sign in text if not sign.isascii()] == []
    assert "dL/dx = g*(1 - y^2)" in text


def test_what_has_no_derivative_has_a_forward_alone() -> None:
    assert formulas(TABLE["gt"], ["a", "b"]).lines() == ["y = greater(a, b)"]


def test_of_several_lambdas_in_a_line_the_right_one_is_read() -> None:
    found: Equations = equations(TABLE["mul"])
    assert [ast.unparse(d) for d in found.derivatives if d is not None] == ["g * x2", "g * x1"]
    assert inspect.getsource(TABLE["mul"].vjps[0]) == inspect.getsource(TABLE["mul"].vjps[1])  # one line holds both
