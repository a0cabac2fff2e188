"""Derivatives are of real numbers only: what refuses to record an operation on complex ones.

The formulas of the table leave out the conjugates that complex derivatives need, so they would give wrong numbers.
"""

from __future__ import annotations

from typing import Any


def require_real(dtype: Any) -> None:
    """Refuse a NumPy element type in which gradients would be complex.

    Raises:
        RuntimeError: the type is complex.
    """
    if dtype.kind == "c":
        raise RuntimeError(
            f"derivatives of complex tensors are not offered ({dtype}): compute with real and imaginary parts as real "
            "tensors, or without gradients, on detach()ed tensors or under no_grad()"
        )
