"""`out=` beside PyTorch: which functions have it, and what is written, converted, resized or refused."""

from __future__ import annotations

import ast
import inspect
import warnings
from pathlib import Path

import pytest
import torch

import mytorch

LIBRARIES = (mytorch, torch)


def with_out_in_pytorch():
    stub = Path(torch.__file__).with_name("_C") / "_VariableFunctions.pyi"
    functions = [n for n in ast.parse(stub.read_text(encoding="utf-8")).body if isinstance(n, ast.FunctionDef)]
    return {f.name for f in functions if any(a.arg == "out" for a in f.args.kwonlyargs)} | {"norm", "tensordot", "lu"}


def test_the_same_functions_have_it():
    ours = {
        name
        for name, function in vars(mytorch).items()
        if inspect.isfunction(function) and not name.startswith("_") and "out" in inspect.signature(function).parameters
    }
    theirs = {name for name in with_out_in_pytorch() if inspect.isfunction(getattr(mytorch, name, None))}
    assert theirs - ours == set(), "these lack it"
    assert {n for n in ours if hasattr(torch, n)} - theirs == set(), "these have it without need"


# Programs with a library `t`, a float matrix `x`, and `o(dtype, *shape)` for a tensor to write to. What is compared: the
# values, types and shapes of all results, warnings, and the type of an error.
PROGRAMS = """
t.add(x, 1, out=o("float64", 2, 2))
t.add(x, 1, out=o("int64", 2, 2))
t.add(x, 1, out=o("float32", 3))
t.add(x.double(), 1, out=o("float32", 2, 2))
t.add(x, 1, out=o("float32", 1).expand(2, 2))
t.add(x, 1, out=o("float32", 1).expand(3, 3))
t.add(x, x, out=o("float32", 2, 4)[:, ::2])
t.add(x, 1, out=(o("float32", 2, 2),))
t.add(x.requires_grad_(), 1, out=o("float32", 2, 2))
t.add(x, 1, out=o("float32", 2, 2).requires_grad_())
t.eq(x.requires_grad_(), 1, out=o("float32", 2, 2))
t.gt(x, 2, out=o("uint8", 2, 2))
t.bitwise_and(x.long(), 1, out=o("float32", 2, 2))
t.logical_not(x, out=o("int64", 2, 2))
t.max(x, 1, out=(o("float32", 0), o("int64", 0)))
t.max(x, 1, out=(o("float32", 3), o("int64", 2)))
t.max(x, 1, out=(o("float32", 2), o("float32", 2)))
t.max(x, 1, out=(o("float32", 2),))
t.max(x, 1, out=o("float32", 2))
t.max(x, x + 1, out=o("float64", 2, 2))
t.max(x, out=o("float64"))
t.sort(x, 0, True, out=(o("float32", 0), o("int64", 0)))
t.topk(x, 1, out=(o("float32", 0), o("int64", 0)))
t.median(x, 0, out=(o("float32", 0), o("int64", 0)))
t.sum(x, 1, out=o("int64", 2))
t.sum(x, 1, dtype=t.float32, out=o("float64", 2))
t.prod(x, 1, out=o("float64", 2))
t.cumsum(x, 1, out=o("int64", 2, 2))
t.mean(x, 1, out=o("int64", 2))
t.mean(x, 1, out=o("float64", 2))
t.std(x, 1, out=o("float32", 5))
t.all(x, 1, out=o("float32", 2))
t.argmax(x.requires_grad_(), out=o("int64", 0))
t.argmax(x, out=o("float32", 0))
t.arange(4, out=o("float32", 4))
t.arange(4, dtype=t.int64, out=o("float32", 4))
t.arange(4, out=o("float32", 4).requires_grad_())
t.zeros(2, out=o("int64", 3))
t.ones(2, 3, out=o("float64", 0))
t.full((2,), 1.5, out=o("int64", 2))
t.eye(2, out=o("int64", 0))
t.linspace(0, 4, 3, out=o("float64", 3))
t.zeros(2, out=o("float32", 2), requires_grad=True)
t.rand(20, out=o("float32", 20))
t.randn(20, out=o("float64", 0))
t.randperm(9, out=o("float32", 0))
t.randint(0, 9, (5,), out=o("float32", 0))
t.normal(x, x, out=o("float32", 0))
t.bernoulli(x / 5, out=o("float32", 0))
t.multinomial(x, 1, out=o("int64", 0))
t.stack([x, x], out=o("float64", 0))
t.cat([x, x], out=o("float32", 0))
t.where(x > 2, x, -x, out=o("float32", 0))
t.where(x > 2, x, -x, out=o("float64", 0))
t.norm(x, out=o("float32", 0))
t.norm(x, out=o("float64", 0))
t.mm(x, x, out=o("float32", 2, 2))
t.mm(x, x, out=o("float64", 2, 2))
t.matmul(x, x[0], out=o("float32", 0))
t.tensordot(x, x, out=o("float32", 0))
t.gather(x, 0, x.long() * 0, out=o("float64", 0))
t.index_select(x, 0, x[0].long() * 0, out=o("float32", 3))
t.masked_select(x, x > 2, out=o("float32", 0))
t.nonzero(x, out=o("int64", 0))
t.tril(x, out=o("float32", 0))
t.softmax(x, 0, out=o("float64", 2, 2))
t.logsumexp(x, 0, out=o("float64", 2))
t.clamp(x, 1, 2, out=o("float32", 0))
t.floor(x, out=o("float64", 2, 2))
t.pow(2, x, out=o("float32", 0))
t.nn.functional.softplus(x, out=o("float32", 0))
t.nn.functional.gelu(x, out=o("float32", 2, 2))
""".strip().splitlines()


def outcome(library, program):
    def o(dtype, *shape):
        return library.zeros(shape, dtype=getattr(library, dtype))

    library.manual_seed(5)
    x = library.tensor([[1.5, 2.5], [3.0, 4.0]])
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            result = eval(program, {"t": library, "x": x, "o": o})
        except Exception as error:
            return type(error)
    results = result if isinstance(result, tuple) else (result,)
    seen = [(str(r.dtype), tuple(r.shape), r.requires_grad, r.detach().double().flatten().tolist()) for r in results]
    return [str(w.message)[:30] for w in warned], seen


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs(program):
    ours, theirs = (outcome(library, program) for library in LIBRARIES)
    if isinstance(theirs, type) or isinstance(ours, type):
        assert ours is theirs
        return
    assert ours[0] == theirs[0], "warnings"
    for mine, other in zip(ours[1], theirs[1], strict=True):
        assert mine[:3] == other[:3]
        assert mine[3] == pytest.approx(other[3], rel=1e-6, abs=1e-6)
