"""PyTorch's promotion of element types, over all pairs of types, and the same kinds of errors where it refuses."""

from __future__ import annotations

import itertools
import operator

import numpy as np
import pytest
import torch

import mytorch

pytestmark = pytest.mark.filterwarnings("ignore")

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
VALUES = [1, 0, 3]
NUMBERS = (True, False, 2, -3, 0, 2.5, -0.5, 300, np.float32(1.5), np.float64(0.25), np.int64(3))
OPERATORS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv, "%": operator.mod,
    "**": operator.pow, "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge, "&": operator.and_, "|": operator.or_, "^": operator.xor,
}  # fmt: skip


def outcome(function, *args):
    """Type, shape and values of a result, or the kind of the error."""
    try:
        found = function(*args)
    except Exception as error:
        return error
    return found


def assert_same(ours, theirs, what):
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)), f"{what}: {ours!r} where PyTorch raises {theirs!r}"
        return
    assert not isinstance(ours, Exception), f"{what}: {ours!r} where PyTorch gives {theirs!r}"
    if not isinstance(theirs, torch.Tensor):
        assert ours == theirs, what
        return
    assert str(ours.dtype) == str(theirs.dtype), what
    assert tuple(ours.shape) == tuple(theirs.shape), what
    rough = str(theirs.dtype) == "torch.float16"
    a, b = ours.numpy(), theirs.numpy()
    np.testing.assert_allclose(a, b, rtol=2e-3 if rough else 2e-6, equal_nan=True, err_msg=what)


def pair(make):
    return [make(library) for library in (mytorch, torch)]


def typed(library, values, dtype):
    return library.tensor(values, dtype=getattr(library, dtype))


@pytest.mark.parametrize("symbol", OPERATORS)
def test_operators_on_all_pairs_of_types(symbol):
    op = OPERATORS[symbol]
    right = [1, 1, 2] if symbol in ("//", "%") else [1, 2, 0]
    if symbol in ("/", "**"):
        right = [1, 2, 1]
    for a, b in itertools.product(DTYPES, DTYPES):
        for first, second in ((VALUES, right), (VALUES, right[1]), (VALUES[2], right), (VALUES[0], right[1])):
            results = pair(lambda lib: outcome(op, typed(lib, first, a), typed(lib, second, b)))  # noqa: B023
            assert_same(*results, f"{a}{first} {symbol} {b}{second}")


@pytest.mark.parametrize("symbol", OPERATORS)
def test_operators_on_tensors_and_numbers(symbol):
    op = OPERATORS[symbol]
    for a, number, values in itertools.product(DTYPES, NUMBERS, (VALUES, 3)):
        if symbol in ("%", "//") and not number and a in ("float16", "float32", "float64"):
            continue  # below
        results = pair(lambda lib: outcome(op, typed(lib, values, a), number))  # noqa: B023
        assert_same(*results, f"{a}{values} {symbol} {number!r}")
        if not isinstance(number, np.generic):  # NumPy's scalars take such an operation themselves
            results = pair(lambda lib: outcome(op, number, typed(lib, values, a)))  # noqa: B023
            assert_same(*results, f"{number!r} {symbol} {a}{values}")


@pytest.mark.parametrize("name", ["where", "cat", "stack", "maximum", "minimum", "atan2", "fmod", "result_type"])
def test_functions_on_all_pairs_of_types(name):
    def call(lib, x, y):
        if name == "where":
            return lib.where(lib.tensor([True, False, True]), x, y)
        if name in ("cat", "stack"):
            return getattr(lib, name)([x, y])
        found = getattr(lib, name)(x, y)
        return str(found) if name == "result_type" else found

    for a, b in itertools.product(DTYPES, DTYPES):
        shapes = [(VALUES, [1, 1, 2])] if name in ("cat",) else [(VALUES, [1, 1, 2]), (3, 2)]
        if name not in ("cat", "stack"):
            shapes += [(VALUES, 2), (3, [1, 1, 2])]
        for first, second in shapes:
            results = pair(lambda lib: outcome(call, lib, typed(lib, first, a), typed(lib, second, b)))  # noqa: B023
            assert_same(*results, f"{name}({a}{first}, {b}{second})")


def test_types_alone():
    for a, b in itertools.product(DTYPES, DTYPES):
        assert str(mytorch.promote_types(getattr(mytorch, a), getattr(mytorch, b))) == str(
            torch.promote_types(getattr(torch, a), getattr(torch, b))
        )
        assert mytorch.can_cast(getattr(mytorch, a), getattr(mytorch, b)) == torch.can_cast(
            getattr(torch, a), getattr(torch, b)
        ), (a, b)
    for a, number in itertools.product(DTYPES, (True, 2, 2.5, 1j)):
        if a == "float16" and number == 1j:
            continue  # PyTorch has complex32
        for values in (VALUES, 3):
            assert str(mytorch.result_type(typed(mytorch, values, a), number)) == str(
                torch.result_type(typed(torch, values, a), number)
            )


UNARY = "exp log sqrt rsqrt sin tanh sigmoid erf reciprocal neg abs square relu sign floor ceil trunc round isnan isinf isfinite logical_not bitwise_not"
REDUCTIONS = "sum prod mean var std amax amin max min argmax argmin any all logsumexp norm cumsum cumprod sort argsort median unique nonzero"


@pytest.mark.parametrize("name", (UNARY + " " + REDUCTIONS).split())
def test_functions_of_one_tensor_on_all_types(name):
    arguments = (0,) if name in ("logsumexp", "cumsum", "cumprod") else ()
    for dtype in DTYPES:
        for values in ([1, 0, 3, 2], [[1, 0], [3, 2]]):
            results = pair(lambda lib: outcome(getattr(lib.Tensor, name), typed(lib, values, dtype), *arguments))  # noqa: B023
            if isinstance(results[1], tuple):
                for mine, other in zip(*results, strict=True):
                    assert_same(mine, other, f"{name}({dtype})")
            else:
                assert_same(*results, f"{name}({dtype})")


@pytest.mark.parametrize(
    "name", ["add_", "sub_", "mul_", "div_", "pow_", "floor_divide_", "remainder_", "copy_", "fill_", "clamp_", "eq_"]
)
def test_in_place_on_all_pairs_of_types(name):
    def call(lib, a, b, second):
        x = typed(lib, [1, 2, 3], a)
        getattr(x, name)(typed(lib, second, b))
        return x

    for a, b in itertools.product(DTYPES, DTYPES):
        for second in ([1, 1, 1], 1) if name != "fill_" else (1,):
            results = pair(lambda lib: outcome(call, lib, a, b, second))  # noqa: B023
            assert_same(*results, f"{a}.{name}({b}{second})")


def test_the_default_type_counts_in_promotion():
    def program(lib):
        lib.set_default_dtype(lib.float64)
        try:
            return [
                str(t.dtype)
                for t in (
                    lib.tensor(1.5),
                    lib.tensor([1, 2]) * 1.5,
                    lib.tensor([1, 2]) / 2,
                    lib.tensor([1, 2]).exp(),
                    lib.zeros(2),
                )
            ]
        finally:
            lib.set_default_dtype(lib.float32)

    assert program(mytorch) == program(torch)


def test_half_precision_adds_up_in_single():
    values = np.full((4097, 2), 0.1).astype(np.float16)
    for function in (
        lambda t: t.sum(),
        lambda t: t.sum(0),
        lambda t: t.mean(0),
        lambda t: t.cumsum(0)[-1],
        lambda t: t.var(0),
    ):
        a, b = function(mytorch.tensor(values)), function(torch.tensor(values))
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-3)
