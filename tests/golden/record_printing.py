"""Records how PyTorch prints a table of tensors, for tests without it: `python tests/golden/record_printing.py`.

In an expression `T` stands for either library. `OPTIONS` are settings of `set_printoptions` under which a part of the
table is printed again.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).with_name("printing.json")

NAN, INF = float("nan"), float("inf")
_VALUES = [
    "1", "1.0", "-1.5", "True", "0.0", "1e-5", "1e10", "123456789.0", "NAN", "INF", "-INF", "3 + 4j", "[]", "[[]]", "[[], []]", "[1]", "[1, 2, 3]",
    "[-1, 10, 100]", "[True, False]", "[1.0, 2.0]", "[1.0, -2.0]", "[1.5, 2.0]", "[0.1, 0.25, 1 / 3]", "[1000.0, 0.001]", "[1e4, 1e-4]", "[1e8]",
    "[1e8, 1.0]", "[1.5e8, 1.0]", "[1e9, 1.5]", "[1e-4]", "[9e-5]", "[0.0001, 0.5]", "[1e5, 0.5]", "[1001.0, 1.0]", "[1001.5, 1.0]", "[0.0, 1e-3]", "[0.0, 0.0]",
    "[-0.0, 0.0]", "[NAN, 1.0]", "[NAN, 1.5]", "[INF, -INF, NAN]", "[INF, 1.0]", "[-INF, 1e-9, 2.5]", "[1e30, 1e-30]", "[1.0, 1e3]", "[1.0, 1e4]", "[16777216.0]",
    "[123456.0, 7.0]", "[123456.7, 7.0]", "[0.5, -0.25]", "[[1, 2], [3, 4]]", "[[1.5, -2.0], [3.0, 400.0]]", "[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]",
    "[[[[1.0]]]]", "[[True], [False]]", "[3 + 4j, -1.5j]", "[1j, 1 + 0j]", "[[1 + 2.5j, -3 - 4e-5j]]", "[complex(NAN, 1), complex(1, INF)]", "[1e5 + 1e-5j, 1 + 1j]",
    "list(range(30))", "[float(i) for i in range(40)]", "[i / 7 for i in range(40)]", "[[i * j for i in range(12)] for j in range(3)]", "[[i / 9] * 20 for i in range(3)]",
    "[1e-8, 1.0, 1e8]", "[2**40, -3]", "[99999.0, 0.9999]", "[0.99999, 0.5]", "[0.00005, 0.00004]", "[9999.5]", "[999999.99999]",
]  # fmt: skip
_TENSORS = [f"T.tensor({v})" for v in _VALUES]
_TENSORS += [f"T.tensor({v}, dtype=T.{t})" for v in ("1", "[1, 0, 3]", "[]", "[[1, 2], [3, 4]]") for t in (
    "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool", "complex64", "complex128")]  # fmt: skip
_TENSORS += [
    f"T.tensor({v}, dtype=T.{t})"
    for v in ("[0.1, 1 / 3, 1000.5]", "[1e-7, 1.0]", "[65504.0, 0.1]")
    for t in ("float16", "float64")
]
_TENSORS += [
    "T.arange(1001)", "T.arange(1000)", "T.arange(1001.0)", "T.arange(1001.0) / 7", "T.arange(2000).reshape(20, 100)", "T.arange(2000.0).reshape(2, 10, 100)",
    "T.arange(10000).reshape(10, 10, 10, 10)", "T.zeros(1001, dtype=T.bool)", "T.zeros(2000, 2)", "T.zeros(2, 2000)", "T.ones(7, 200)", "T.ones(6, 200)", "T.ones(5, 201) * 1e-6",
    "T.arange(1200.0).reshape(4, 5, 60) * 1e3", "T.zeros(1100, dtype=T.complex64)", "T.zeros(0)", "T.zeros(0, 3)", "T.zeros(2, 0, 3)", "T.zeros(0, dtype=T.int64)", "T.zeros(3, 0, dtype=T.bool)",
    "T.zeros(2, 3, 4)", "T.ones(1, 1, 1, 2)", "T.eye(4)", "T.ones(3, 40)", "T.ones(2, 26)", "T.ones(2, 25) * 0.5", "T.arange(100).reshape(4, 25)", "T.full((60,), -1.25)",
    "T.ones(2, requires_grad=True)", "T.tensor(1.0, requires_grad=True)", "T.zeros(0, requires_grad=True)", "T.zeros(2, 0, requires_grad=True, dtype=T.float64)", "T.ones(2, 13, requires_grad=True)",
    "T.ones(11, requires_grad=True)", "T.ones(12, requires_grad=True)", "T.ones(2, 9, dtype=T.float64, requires_grad=True)", "T.ones(8, dtype=T.float64, requires_grad=True)", "T.ones(20, 100, requires_grad=True)",
    "T.ones(2, requires_grad=True) * 2", "(T.ones(3, requires_grad=True) + 1).sum()", "T.ones(3, requires_grad=True).mean()", "T.ones(2, 3, requires_grad=True).mean(1)", "T.ones(2, 3, requires_grad=True)[0]",
    "T.ones(2, 3, requires_grad=True)[:, 1:]", "T.ones(2, 3, requires_grad=True)[[0]]", "T.ones(3, requires_grad=True) ** 2", "1 - T.ones(3, requires_grad=True)", "T.ones(2, 3, requires_grad=True) @ T.ones(3, 2)",
    "T.ones(2, 3, requires_grad=True).t()", "T.ones(2, 3, requires_grad=True).view(6)", "T.ones(3, requires_grad=True).exp()", "T.ones(3, requires_grad=True).double()", "T.ones(10, requires_grad=True) / 3",
    "T.ones(3, requires_grad=True).max()", "T.ones(3, requires_grad=True).max(0)", "T.tensor([3, 1]).sort()", "T.tensor([3.5, 1.0]).topk(1)", "T.tensor([[3, 1]]).min(1)", "T.ones(3, requires_grad=True).clamp(0, 1)",
    "T.ones(3, requires_grad=True).detach()", "T.nn.Parameter(T.ones(2, 3))", "T.nn.Parameter(T.zeros(0))", "T.nn.Parameter(T.ones(2), requires_grad=False)", "T.ones(1, requires_grad=True).sum().backward()",
    "T.ones(2).expand(3, 2)", "T.arange(6).reshape(2, 3).t()", "[T.ones(2), T.zeros(1)]", "{'a': T.tensor(1)}", "T.Size([2, 3])", "T.float32", "T.device('cuda:1')", "T.ones(2).shape", "T.ones(2).dtype",
    "T.tensor([1e-40, 1.0])", "T.tensor([1e-320, 1.0], dtype=T.float64)", "T.tensor([1.0, 2.0]) == 1", "T.tensor(3.14159265358979, dtype=T.float64)", "T.tensor([0.12345678912345], dtype=T.float64)",
]  # fmt: skip
_SOME = [
    "T.tensor(1 / 3)", "T.tensor([1 / 3, 2000.5])", "T.tensor([1.0, 2.0])", "T.tensor([1, 2])", "T.arange(50.0) / 7", "T.arange(50)", "T.arange(2000.0)", "T.ones(30, 40)", "T.tensor([1e-9, 1.0])",
    "T.tensor([NAN, 1.5])", "T.ones(6, requires_grad=True)", "T.tensor([1.5 + 2j])", "T.zeros(12, 3)", "T.tensor([1e9, 1.0])", "T.tensor([INF, 1e-9])", "T.ones(4, 4, dtype=T.float64)",
]  # fmt: skip
OPTIONS: list[dict[str, Any]] = [
    {}, {"precision": 2}, {"precision": 8}, {"precision": 0}, {"threshold": 5}, {"threshold": 5, "edgeitems": 1}, {"linewidth": 40}, {"linewidth": 120}, {"sci_mode": True},
    {"sci_mode": False}, {"profile": "short"}, {"profile": "full"}, {"profile": "short", "precision": 6}, {"sci_mode": True, "precision": 1}, {"linewidth": 5},
]  # fmt: skip
EXPRESSIONS = list(dict.fromkeys(_TENSORS))


def printed(library: Any) -> dict[str, str]:
    """By "options | expression", what `repr` gives."""
    found = {}
    for options in OPTIONS:
        library.set_printoptions(profile="default")
        library.set_printoptions(**options)
        for expression in _SOME if options else EXPRESSIONS:
            found[f"{json.dumps(options)} | {expression}"] = shown(library, expression)
    library.set_printoptions(profile="default")
    return found


def shown(library: Any, expression: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return repr(eval(expression, {"T": library, "NAN": NAN, "INF": INF, "np": np}))


def main() -> None:
    import torch

    GOLDEN.write_text(json.dumps(printed(torch), indent=0))
    print(f"{GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
