"""Square brackets against the live PyTorch: every mix of what can stand in them, picking and assigning."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mytorch

pytestmark = pytest.mark.filterwarnings("ignore")

SIZES = (2, 3, 4)
KINDS = (
    "int", "slice", "slice", "none", "ellipsis", "list", "nested", "range", "tensor", "number0d", "numpy", "bool",
    "mask", "mask2", "numpy_mask",
)  # fmt: skip


class AsIs(NamedTuple):
    """An array that stands in the square brackets itself."""

    value: np.ndarray


@st.composite
def indices(draw):
    """A shape, and an index for it: now and then out of range, too long, or with masks that do not fit."""
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    parts, d = [], 0
    for _ in range(draw(st.integers(0, len(shape) + 1))):
        size = shape[d] if d < len(shape) else draw(st.integers(0, 3))
        edge = max(size, 1)
        kind = draw(st.sampled_from(KINDS))
        if kind == "int":
            parts.append(draw(st.integers(-edge, edge - 1) | st.integers(-6, 6)))
        elif kind == "slice":
            bound = st.none() | st.integers(-5, 5)
            parts.append(slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, 3]))))
        elif kind == "none":
            parts.append(None)
        elif kind == "ellipsis":
            if Ellipsis in [p for p in parts if not isinstance(p, np.ndarray)]:
                continue
            parts.append(Ellipsis)
            d = len(shape)
            continue
        elif kind == "list":
            parts.append(draw(st.lists(st.integers(-edge, edge - 1), max_size=3)))
        elif kind == "tensor":
            sides = draw(st.sampled_from([(1,), (3,), (2, 1), (2, 3), (0,)]))
            parts.append(
                np.array(
                    draw(
                        st.lists(
                            st.integers(-edge, edge - 1), min_size=int(np.prod(sides)), max_size=int(np.prod(sides))
                        )
                    ),
                    np.int64,
                ).reshape(sides)
            )
        elif kind == "nested":
            parts.append(
                draw(st.lists(st.lists(st.integers(-edge, edge - 1), min_size=2, max_size=2), min_size=1, max_size=2))
            )
        elif kind == "range":
            parts.append(range(draw(st.integers(0, edge))))
        elif kind == "numpy":
            parts.append(AsIs(np.array(draw(st.lists(st.integers(-edge, edge - 1), max_size=3)), np.int64)))
        elif kind == "numpy_mask":
            parts.append(AsIs(np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)), bool)))
        elif kind == "number0d":
            parts.append(np.array(draw(st.integers(-edge, edge - 1)), np.int64))
        elif kind == "bool":
            parts.append(draw(st.booleans()))
            continue
        else:
            sides = shape[d : d + (2 if kind == "mask2" else 1)] or (2,)
            bits = draw(st.lists(st.booleans(), min_size=int(np.prod(sides)), max_size=int(np.prod(sides))))
            parts.append(np.array(bits, bool).reshape(sides))
            d += len(sides) - 1
        d += kind != "none"
    return shape, tuple(parts)


def in_library(library, index):
    """The index with the library's tensors for arrays, but for those that are meant as they are."""
    parts = (library.tensor(p) if isinstance(p, np.ndarray) else p for p in index)
    return tuple(p.value if isinstance(p, AsIs) else p for p in parts)


def attempt(function):
    try:
        return function()
    except Exception as error:
        return error


def assert_same(ours, theirs):
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)), f"{ours!r} where PyTorch raises {theirs!r}"
        return
    if isinstance(ours, IndexError) and not theirs[0].size:
        return  # an index that is out of range where nothing is picked: PyTorch does not look at it
    assert not isinstance(ours, Exception), f"{ours!r} where PyTorch gives {theirs!r}"
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


def pick(library, shape, index):
    """What is picked, and the gradients of first and second order of a loss of it, in numbers that are exact."""
    x = library.arange(float(np.prod(shape))).reshape(shape).requires_grad_()
    found = x[in_library(library, index)]
    loss = (found * found * library.arange(1.0, found.numel() + 1).reshape(found.shape)).sum()
    (first,) = library.autograd.grad(loss, x, create_graph=True)
    (second,) = library.autograd.grad((first * x.detach()).sum(), x)
    return [found.detach().numpy(), first.detach().numpy(), second.numpy()]


@settings(max_examples=600, deadline=None, derandomize=True)
@given(indices())
def test_picking(case):
    shape, index = case
    assert_same(*[attempt(lambda: pick(library, shape, index)) for library in (mytorch, torch)])  # noqa: B023


def is_view(library, shape, index):
    x = library.zeros(shape)
    x[in_library(library, index)].fill_(1)
    return [x.numpy()]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(indices())
def test_basic_indices_give_views(case):
    shape, index = case
    assert_same(*[attempt(lambda: is_view(library, shape, index)) for library in (mytorch, torch)])  # noqa: B023


def assign(library, shape, index, number, with_gradient):
    x = library.arange(float(np.prod(shape))).reshape(shape)
    base = x.requires_grad_() if with_gradient else x
    x = base * 2 if with_gradient else base
    place = x[in_library(library, index)]
    if number:
        value = 7.0
    else:
        value = library.arange(place.numel() + 0.5)[: place.numel()].reshape(place.shape)
        value = value.clone().requires_grad_() if with_gradient else value
    x[in_library(library, index)] = value
    if not with_gradient:
        return [x.numpy()]
    (x * library.arange(1.0, x.numel() + 1).reshape(x.shape)).sum().backward()
    return [x.detach().numpy(), base.grad.numpy(), *([] if number or value.grad is None else [value.grad.numpy()])]


def repeats(shape, index):
    """Whether an element is picked twice: which value it then gets is nobody's promise."""
    try:
        places = torch.arange(int(np.prod(shape))).reshape(shape)[in_library(torch, index)].flatten().tolist()
    except Exception:
        return False
    return len(set(places)) < len(places)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(indices(), st.booleans(), st.booleans())
def test_assigning(case, number, with_gradient):
    shape, index = case
    if not number and repeats(shape, index):
        return
    results = [attempt(functools.partial(assign, lib, shape, index, number, with_gradient)) for lib in (mytorch, torch)]
    assert_same(*results)


TYPES = ("float32", "float64", "float16", "int64", "int32", "uint8", "bool")
# PyTorch is not of one mind about these: infinity in float16 but refused in float32; a negative integer wraps around in
# uint8 but a negative fraction is refused; an imaginary number is refused but for bool.
ODD = {("float16", 1e60), ("float16", 2**62), ("uint8", -2.7), ("bool", 1j)}
NUMBERS = (2, -1, 300, 2.7, -2.7, 1e60, float("inf"), float("nan"), True, 1j, 1 + 0j, 2**62)


def convert(library, target, index, value):
    x = library.zeros(3, dtype=getattr(library, target))
    x[in_library(library, index)] = value(library)
    return [x.numpy()]


@pytest.mark.parametrize(
    "index", [(0,), (slice(0, 2),), ([0, 2],), (np.array([True, False, True]),), (Ellipsis,)], ids=str
)
@pytest.mark.parametrize("target", TYPES)
def test_assigning_numbers_and_tensors_of_other_types(target, index):
    values = [lambda library, n=n: n for n in NUMBERS if (target, n) not in ODD]
    for shape in ((), (1,)):
        values += [
            lambda library, name=name, shape=shape: library.full(shape, 5.6, dtype=library.float64).to(
                getattr(library, name)
            )
            for name in TYPES
        ]
    for value in values:
        if target == "float16" and value(mytorch) in (1e60, 2**62):
            continue  # infinity in PyTorch, which refuses it for other types
        assert_same(*[attempt(functools.partial(convert, lib, target, index, value)) for lib in (mytorch, torch)])


BAD = (
    1.0, "a", (0, 0, 0, 0), 5, -3, [5], slice(None, None, -1), slice(None, None, 0), (slice(None), 7), (Ellipsis, 9),
    ([0, 1], [0, 1, 2]), np.array([0.5]), np.array([True]), np.array([[True] * 4] * 2), np.array([1], np.int8),
)  # fmt: skip


@pytest.mark.parametrize("index", BAD, ids=str)
def test_refused(index):
    results = []
    for library in (mytorch, torch):
        given = (
            in_library(library, index)
            if isinstance(index, tuple)
            else library.tensor(index)
            if isinstance(index, np.ndarray)
            else index
        )
        results.append(attempt(lambda: [library.zeros(SIZES)[given].numpy()]))  # noqa: B023
    assert isinstance(results[1], Exception)
    if isinstance(index, str):
        assert isinstance(results[0], IndexError)  # PyTorch tells of its own innards here
    else:
        assert_same(*results)


def test_what_can_be_an_index():
    for make in (
        lambda lib: np.int64(1), lambda lib: np.array([0, 1]), lambda lib: range(2), lambda lib: lib.tensor([0, 1], dtype=lib.uint8),
        lambda lib: lib.tensor([1, 0], dtype=lib.int32), lambda lib: [True, False], lambda lib: (0, lib.tensor(1), -1),
        lambda lib: slice(lib.tensor(1), None), lambda lib: [np.int64(0), np.int64(1)], lambda lib: ((0, 1),), lambda lib: [[0, 1], [1, 0]],
        lambda lib: [0, slice(None)], lambda lib: [lib.tensor(0), lib.tensor(1)], lambda lib: [], lambda lib: True, lambda lib: lib.tensor(False),
    ):  # fmt: skip
        a, b = (lib.arange(24).reshape(SIZES)[make(lib)].numpy() for lib in (mytorch, torch))
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("value", [[1.0, 2.0], [[1.0]], [[[1.0], [2.0]]], 3.0])
def test_values_that_broadcast(value):
    results = []
    for library in (mytorch, torch):
        x = library.zeros(2, 3)
        results.append(attempt(lambda: [x.__setitem__((slice(None), [0, 1]), library.tensor(value)), x.numpy()][1:]))  # noqa: B023
    assert_same(*results)


def test_errors_of_assignment():
    for value in (np.ones(5), "a", [1, 2], None):
        results = []
        for library in (mytorch, torch):
            given = library.tensor(value) if isinstance(value, np.ndarray) else value
            results.append(attempt(lambda: library.zeros(2, 3).__setitem__(0, given)))  # noqa: B023
        assert isinstance(results[0], type(results[1])), results
    for library in (mytorch, torch):
        leaf = library.zeros(3, requires_grad=True)
        with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
            leaf[0] = 1.0
        with library.no_grad():
            leaf[0] = 1.0
        assert leaf.tolist() == [1.0, 0.0, 0.0]
