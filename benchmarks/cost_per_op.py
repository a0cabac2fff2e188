"""What one operation costs on tiny tensors, where nothing but the engine's overhead is measured, beside PyTorch.

    python benchmarks/cost_per_op.py [--runs N] [--json]

Chains of 300 operations on 4x4 float32 tensors, forward and backward, on one thread. Both libraries build the same
chain in turn, A B A B ..., in one process; their gradients are compared before anything is timed. Printed are the
medians in microseconds per operation, and the median of the pairwise ratios (PyTorch's time / ours: above 1 we are
faster).
The last row is the floor: the same chain forward and backward as a hand-written NumPy loop. Needs the `bench` extra.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import mytorch  # noqa: I001 - it sets up BLAS before NumPy is loaded
import numpy as np
import torch

LENGTH = 300


def mixed(x: Any, w: Any) -> Any:
    """Products, sums, numbers as operands and both classic activations in turn."""
    y = x
    for _ in range(LENGTH // 6):
        y = y * w
        y = y.tanh()
        y = y + x
        y = y * 0.9
        y = y.sigmoid()
        y = y - w
    return y.sum()


def repeated(step: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The chain that repeats one operation."""

    def chain(x: Any, w: Any) -> Any:
        y = x
        for _ in range(LENGTH):
            y = step(y, w)
        return y.sum()

    return chain


CHAINS = {
    "mixed": mixed,
    "y + w": repeated(lambda y, w: y + w),
    "y * w": repeated(lambda y, w: y * w),
    "y * 0.999": repeated(lambda y, w: y * 0.999),
    "y.tanh()": repeated(lambda y, w: y.tanh()),
    "y.sigmoid()": repeated(lambda y, w: y.sigmoid()),
    "y.relu()": repeated(lambda y, w: y.relu()),
}


def mixed_by_hand(x: Any, w: Any) -> tuple[Any, Any]:
    """The mixed chain and its two gradients in plain NumPy."""
    tape, y = [], x
    nine_tenths, one = np.float32(0.9), np.float32(1)
    for _ in range(LENGTH // 6):
        before = y
        t = np.tanh(y * w)
        s = one / (one + np.exp(-((t + x) * nine_tenths)))
        tape.append((before, t, s))
        y = s - w
    g = np.ones_like(y)
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for before, t, s in reversed(tape):
        dw -= g
        g = g * (one - s) * s * nine_tenths
        dx += g
        g = g * (one - t * t)
        dw += g * before
        g = g * w
    return dx + g, dw


def inputs(library: Any) -> tuple[Any, Any]:
    """The chain's start and the weight, which both require gradients."""
    values = np.random.default_rng(0)
    arrays = values.uniform(0.5, 1.5, (4, 4)), values.uniform(0.9, 1.1, (4, 4))
    x, w = (library.tensor(a.astype(np.float32), requires_grad=True) for a in arrays)
    return x, w


def seconds(work: Callable[[], Any]) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def compare(chain: Callable[[Any, Any], Any], runs: int) -> dict[str, float]:
    """Medians of both libraries in us per operation, and the median ratio, over runs in turn."""
    data = {library: inputs(library) for library in (mytorch, torch)}
    for x, w in data.values():
        chain(x, w).backward()
    for ours, theirs in zip(data[mytorch], data[torch], strict=True):
        if theirs.grad is not None:
            np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-4, atol=1e-6)

    pairs = []
    for _ in range(runs + 3):
        pairs.append([seconds(lambda x=x, w=w: chain(x, w).backward()) for x, w in data.values()])
    counted = pairs[3:]
    return {
        "ours_us": statistics.median(a for a, _ in counted) / LENGTH * 1e6,
        "pytorch_us": statistics.median(b for _, b in counted) / LENGTH * 1e6,
        "ratio": statistics.median(b / a for a, b in counted),
    }


def main() -> None:
    """Run and print the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=101, help="counted runs of each chain (101)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    torch.set_num_threads(1)
    gc.disable()
    table = {name: compare(chain, options.runs) for name, chain in CHAINS.items()}
    x, w = (t.detach().numpy() for t in inputs(mytorch))
    by_hand = statistics.median(seconds(lambda: mixed_by_hand(x, w)) for _ in range(options.runs)) / LENGTH * 1e6
    if options.json:
        print(json.dumps({**table, "mixed, by hand": {"numpy_us": by_hand}}, indent=2))
        return
    print(f"{'chain of ' + str(LENGTH) + ' on 4x4':20} {'ours us/op':>11} {'PyTorch us/op':>14} {'ratio':>6}")
    for name, row in table.items():
        print(f"{name:20} {row['ours_us']:11.2f} {row['pytorch_us']:14.2f} {row['ratio']:6.2f}")
    print(f"{'mixed, by hand':20} {by_hand:11.2f}")


if __name__ == "__main__":
    main()
