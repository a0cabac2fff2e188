"""The parameters of our functions and methods against PyTorch's own stubs: names, order, which are keywords, defaults.

A call that one of PyTorch's overloads allows has to be allowed here, with every parameter given by name and, where
PyTorch allows it, by position.
"""
# ruff: noqa: SIM905 - many names read best as text

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest
import torch

import mytorch

FOLDER = Path(torch.__file__).with_name("_C")

# Parameters for what mytorch does not have: other memory layouts, pinned memory, devices' streams, named dimensions.
ELSEWHERE = {"layout", "pin_memory", "out", "names"}

# Functions and methods that do not accept all overloads, and why.
DOCUMENTED = "the stub's names or order are not those of PyTorch's documentation, which are ours"
RENAMED = "a parameter has the name that the documentation gives it in another overload"
KNOWN = dict.fromkeys(
    """
    torch.tensor Tensor.new_tensor torch.detach_ torch.set_num_interop_threads torch.set_num_threads torch.tril_indices
    torch.triu_indices torch.tensor_split Tensor.tensor_split torch.dsplit torch.hsplit torch.vsplit Tensor.dsplit
    Tensor.hsplit Tensor.vsplit Tensor.contiguous Tensor.copy_ Tensor.cuda Tensor.is_contiguous Tensor.is_pinned
    Tensor.map_ Tensor.requires_grad_ Tensor.resize_ Tensor.sum_to_size torch.resize_as_ Tensor.to
    """.split(),
    DOCUMENTED,
)
KNOWN |= dict.fromkeys(
    """
    torch.split_copy torch.result_type torch.swapaxes Tensor.swapaxes Tensor.swapaxes_ torch.repeat_interleave
    """.split(),
    RENAMED,
)
KNOWN |= dict.fromkeys(
    ("torch.rsub", "torch.subtract", "Tensor.subtract"), "alpha by position is for numbers only in PyTorch"
)


def overloads(tree):
    """Name -> the function definitions of that name in a stub."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(node)
    return found


def stubs():
    functions = overloads(ast.parse((FOLDER / "_VariableFunctions.pyi").read_text(encoding="utf-8")))
    tree = ast.parse((FOLDER / "__init__.pyi").read_text(encoding="utf-8"))
    tensor = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "TensorBase")
    return functions, overloads(tensor)


FUNCTIONS, METHODS = stubs()
CASES = [(f"torch.{n}", getattr(mytorch, n), FUNCTIONS[n]) for n in sorted(FUNCTIONS) if hasattr(mytorch, n)]
CASES += [
    (f"Tensor.{n}", getattr(mytorch.Tensor, n), METHODS[n])
    for n in sorted(METHODS)
    if callable(getattr(mytorch.Tensor, n, None)) and not n.startswith("_")
]
FUNCTIONAL = [
    n
    for n, f in sorted(vars(torch.nn.functional).items())
    if inspect.isfunction(f) and not n.startswith("_") and hasattr(mytorch.nn.functional, n)
]


def parameters(definition):
    """The names of a stub's parameters: all that may be given by position, then those that are keywords only."""
    args = definition.args
    positional = [a.arg for a in (*args.posonlyargs, *args.args) if a.arg not in ELSEWHERE]
    if args.vararg is not None:
        positional.append(f"*{args.vararg.arg}")
    return positional, [a.arg for a in args.kwonlyargs if a.arg not in ELSEWHERE]


def outside(kind, definition):
    """Overloads that are out of scope: named dimensions, CUDA's `out_dtype`, forms that PyTorch keeps for old programs."""
    text = ast.unparse(definition.args)
    old = kind == "torch" and "self" in parameters(definition)[0]
    return old or "EllipsisType" in text or "out_dtype" in text


def complaint(ours, positional, keywords):
    """What is wrong with our signature for one overload, or None."""
    signature = inspect.signature(ours)
    first = next(iter(signature.parameters), None)  # `self` has another name in our functions
    try:
        signature.bind(*positional, **dict.fromkeys(keywords))
        if not any(n.startswith("*") for n in positional):
            signature.bind(**dict.fromkeys(first if n == "self" else n for n in (*positional, *keywords)))
    except TypeError as error:
        return str(error)
    return None


@pytest.mark.parametrize(("name", "ours", "definitions"), CASES, ids=[c[0] for c in CASES])
def test_functions_and_methods(name, ours, definitions):
    wrong = []
    for definition in definitions:
        if outside(name.partition(".")[0], definition):
            continue
        positional, keywords = parameters(definition)
        shown = f"{name}({', '.join([*positional, *(['*', *keywords] if keywords else [])])})"
        found = complaint(ours, positional, keywords)
        if found is not None:
            wrong.append(f"{shown}: {found}")
    if name in KNOWN:
        assert wrong, f"{name} accepts all overloads: take it out of KNOWN"
    else:
        assert not wrong, "\n".join([*wrong, f"ours: {inspect.signature(ours)}"])


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_functional(name):
    """These are Python functions in PyTorch, so they can be compared parameter by parameter."""
    ours, theirs = (
        [(p.name, p.default) for p in inspect.signature(getattr(lib.nn.functional, name)).parameters.values()]
        for lib in (mytorch, torch)
    )
    if theirs[0][0] == "args":  # chosen by `return_indices` among two functions
        pytest.skip("PyTorch's signature says nothing")
    assert [p for p in ours if p[0] != "out"] == [p for p in theirs if p[0] != "out"]
