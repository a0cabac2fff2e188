"""`torch.linalg`: linear algebra, handed on from `mytorch.ops`.

Where PyTorch has a function of the same name outside of `linalg` that takes other arguments or returns something else,
that one has the plain name in `mytorch.ops`, and this one is called `linalg_...` there.

>>> import mytorch
>>> mytorch.linalg.norm(mytorch.tensor([3.0, 4.0]))
tensor(5.)
"""

from __future__ import annotations

from mytorch.ops.decompositions import cholesky_ex
from mytorch.ops.decompositions import linalg_cholesky as cholesky
from mytorch.ops.decompositions import linalg_qr as qr
from mytorch.ops.determinants import linalg_det as det
from mytorch.ops.determinants import linalg_slogdet as slogdet
from mytorch.ops.least_squares import lstsq, matrix_rank, pinv
from mytorch.ops.linalg import matmul
from mytorch.ops.lu import linalg_lu as lu
from mytorch.ops.lu import linalg_lu_solve as lu_solve
from mytorch.ops.lu import lu_factor, lu_factor_ex
from mytorch.ops.matrices import LinAlgError
from mytorch.ops.matrix_functions import householder_product, matrix_exp, multi_dot, vecdot
from mytorch.ops.matrix_functions import linalg_cross as cross
from mytorch.ops.matrix_functions import linalg_diagonal as diagonal
from mytorch.ops.matrix_functions import linalg_vander as vander
from mytorch.ops.norms import cond, matrix_norm, norm, vector_norm
from mytorch.ops.products import matrix_power
from mytorch.ops.solving import inv, inv_ex, solve, solve_ex, tensorinv, tensorsolve
from mytorch.ops.spectral import eig, eigh, eigvals, eigvalsh, svdvals
from mytorch.ops.spectral import linalg_svd as svd
from mytorch.ops.triangular import solve_triangular

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh",
    "householder_product", "inv", "inv_ex", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve", "matmul",
    "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet", "solve",
    "solve_ex", "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve", "vander", "vecdot", "vector_norm",
]  # fmt: skip
