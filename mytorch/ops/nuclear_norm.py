"""The singular value decomposition x = U S V' with its derivative, and the nuclear norm: the sum of these values.

Source of the derivative: J. Townsend, "Differentiating the Singular Value Decomposition", 2016. It needs singular
values that differ from each other, as the decomposition itself does to be unique.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mytorch.autograd.application import apply
from mytorch.autograd.primitive import Primitive
from mytorch.ops.dims import normalize_dims
from mytorch.ops.pieces import movedim


def _svd_forward(xp: Any, x: Any) -> Any:
    """U, S and V beneath each other in one array, (..., m + 1 + n, k) for matrices (m, n) and k = min(m, n)."""
    u, s, vt = xp.linalg.svd(x, full_matrices=False)
    return xp.concatenate([u, s[..., None, :], vt.swapaxes(-1, -2)], axis=-2)


def _parts(xp: Any, packed: Any, rows: int) -> tuple[Any, Any, Any]:
    axis, end = packed.ndim - 2, packed.shape[-2]
    return (
        xp.slice_axis(packed, axis, 0, rows),
        xp.slice_axis(packed, axis, rows, rows + 1),
        xp.slice_axis(packed, axis, rows + 1, end),
    )


def _turned(xp: Any, basis: Any, g: Any, gaps: Any) -> Any:
    """How much the vectors of a basis turn towards each other. Equal singular values whose vectors stay give 0."""
    core = xp.matmul(xp.swapaxes(basis, -1, -2), g)
    core = core - xp.swapaxes(core, -1, -2)
    return core / xp.where((gaps == 0) & (core == 0), 1, gaps)


def _svd_vjp(xp: Any, g: Any, out: Any, shape: tuple[int, ...]) -> Any:
    """The gradients of U, S and V put together to that of x."""
    m, n = shape[-2:]
    u, s, v = _parts(xp, out, m)
    gu, gs, gv = _parts(xp, g, m)
    column, vt = xp.swapaxes(s, -1, -2), xp.swapaxes(v, -1, -2)
    gaps = s * s - column * column
    core = xp.where(np.eye(s.shape[-1], dtype=bool), gs, 0)
    core = core + _turned(xp, u, gu, gaps) * s + column * _turned(xp, v, gv, gaps)
    total = xp.matmul(xp.matmul(u, core), vt)
    if m > n:  # U also turns out of the space that it spans
        total = total + xp.matmul((gu - xp.matmul(u, xp.matmul(xp.swapaxes(u, -1, -2), gu))) / s, vt)
    if m < n:
        outside = gv - xp.matmul(v, xp.matmul(vt, gv))
        total = total + xp.matmul(u / s, xp.swapaxes(outside, -1, -2))
    return total


_svd = Primitive(
    "svd",
    _svd_forward,
    [lambda xp, g, out, x_shape: _svd_vjp(xp, g, out, x_shape)],
    grad_name="LinalgSvdBackward0",
)


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
    matrices = movedim(x, dims, (-2, -1))
    out = apply(_svd, matrices)[..., matrices.array.shape[-2], :].sum(-1)
    for axis in sorted(dims) if keepdim else ():
        out = out.unsqueeze(axis)
    return out
