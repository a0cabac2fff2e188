"""Table entries that compute the same as another one and differ in their node's name alone.

PyTorch numbers the overloads of an operation and prints the number: `x.sum()` has `grad_fn=<SumBackward0>` and
`x.sum(0)` has `grad_fn=<SumBackward1>`.
"""

from __future__ import annotations

from collections.abc import Mapping

from mytorch.autograd.primitive import Primitive


def variant(of: Primitive, name: str, grad_name: str, math: Mapping[str, str] | None = None) -> Primitive:
    """A new table entry `name` with the forward and the derivatives of another one.

    `math` is what its formulas say otherwise, for inputs of another shape.

    >>> from mytorch.autograd.primitive import TABLE
    >>> TABLE["sum"].node_type.__name__, TABLE["sum_dim"].node_type.__name__
    ('SumBackward0', 'SumBackward1')
    """
    return Primitive(
        name,
        of.forward,
        of.vjps,
        joint=of.joint,
        grad_name=grad_name,
        view=of.view,
        to_float=of.to_float,
        numpy_name=name,
        math={**of.math, **(math or {})},
    )
