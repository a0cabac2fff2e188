"""The nuclear norm: the sum of a matrix's singular values. (The other norms are in `reduction` and `norms`.)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mytorch.ops.dims import normalize_dims
from mytorch.ops.pieces import movedim
from mytorch.ops.spectral import svdvals


def nuclear_norm(x: Any, dim: int | Sequence[int] | None, keepdim: bool) -> Any:
    """The sum of the singular values of the matrices that lie in two dimensions (of a matrix: both).

    Raises:
        RuntimeError: there are not two dimensions.

    >>> import mytorch
    >>> mytorch.norm(mytorch.tensor([[3.0, 0.0], [0.0, -4.0]]), "nuc")
    tensor(7.)
    """
    dims = normalize_dims(tuple(range(x.array.ndim)) if dim is None else dim, x.array.ndim) or ()
    if len(dims) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim} for {x.array.ndim} dimensions")
    return with_dims(svdvals(movedim(x, dims, (-2, -1))).sum(-1), dims, keepdim)


def with_dims(x: Any, dims: Sequence[int], keepdim: bool) -> Any:
    """A reduced tensor, with `keepdim` given back the reduced dimensions in size 1."""
    for axis in sorted(dims) if keepdim else ():
        x = x.unsqueeze(axis)
    return x
