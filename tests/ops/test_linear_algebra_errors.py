"""What the functions of linear algebra refuse, and in which words."""

from __future__ import annotations

import pytest

import mytorch as torch

L = torch.linalg
E, WIDE, WHOLE, HALF = torch.eye(2), torch.ones(2, 3), torch.eye(2, dtype=torch.int64), torch.eye(2).half()
SQUARE = [L.inv, L.det, L.slogdet, L.eigh, L.eigvals, L.cholesky, L.matrix_exp, torch.logdet, torch.cholesky_inverse]


@pytest.mark.parametrize("function", SQUARE)
def test_square_matrices_are_asked_for(function):
    with pytest.raises(RuntimeError, match="must be batches of square matrices, but they are 2 by 3 matrices"):
        function(WIDE)
    with pytest.raises(RuntimeError, match="must have at least 2 dimensions"):
        function(torch.ones(2))


@pytest.mark.parametrize("function", [*SQUARE, L.svd, L.qr, L.matrix_norm, L.vector_norm, L.lu, torch.geqrf])
def test_integers_are_refused(function):
    with pytest.raises(RuntimeError, match=r"Expected a floating point or complex tensor as input\. Got Long"):
        function(WHOLE)


@pytest.mark.parametrize("function", [L.inv, L.det, L.svd, L.qr, L.eigh, L.cholesky, L.lu_factor])
def test_float16_is_refused(function):
    with pytest.raises(RuntimeError, match=r"Low precision dtypes not supported\. Got Half"):
        function(HALF)


REFUSED = {
    "Expected UPLO argument to be 'L' or 'U', but got X": lambda: L.eigh(E, "X"),
    "qr received unrecognized mode 'x'": lambda: L.qr(E, "x"),
    "only supported on CUDA inputs": lambda: L.svd(E, driver="gesvd"),
    "A of type Float and B of type Double": lambda: L.solve(E, E.double()),
    r"equation AX = B \(2x2 and 3x1\)": lambda: L.solve(E, torch.ones(3)),
    r"equation XA = B \(2x2 and 2x3\)": lambda: L.solve(E, WIDE, left=False),
    r"size of tensor a \(3\) must match the size of tensor b \(2\) at non-singleton dimension 0": lambda: (
        L.solve_triangular(E.expand(3, 2, 2), E.expand(2, 2, 2), upper=True)
    ),
    "input tensor B must have at least 2 dimensions": lambda: L.solve_triangular(E, torch.ones(2), upper=True),
    "b should have at least 2 dimensions, but has 1": lambda: torch.cholesky_solve(torch.ones(2), E),
    "but got 0": lambda: L.tensorinv(E, 0),
    r"prod\(self.shape\[ind:\]\) == prod\(self.shape\[:ind\]\), but got 3 != 2": lambda: L.tensorinv(WIDE, 1),
    r"\[:other.ndim\]\), but got 3 != 2": lambda: L.tensorsolve(WIDE, torch.ones(2)),
    "should be one of": lambda: L.lstsq(E, E, driver="x"),
    r"input.size\(-2\) should match other.size\(-2\)": lambda: L.lstsq(E, torch.ones(3, 1)),
    r"input.size\(-2\) should match other.size\(-1\)": lambda: L.lstsq(E, torch.ones(3)),
    r"input.dim\(\) must be greater": lambda: L.lstsq(E, torch.ones(1, 2, 2)),
    "other must have at least 1 dimension": lambda: L.lstsq(E, torch.tensor(1.0)),
    "lstsq: input must have at least 2 dimensions": lambda: L.lstsq(torch.ones(2), torch.ones(2)),
    "got input's dtype Float and other's dtype Double": lambda: L.lstsq(E, E.double()),
    "doesn't handle types other than float and double": lambda: L.matrix_rank(WHOLE),
    "matrix_rank: The input tensor input must have": lambda: L.matrix_rank(torch.ones(2)),
    r"linalg.pinv\(Long\{\[2, 2\]\}\)": lambda: L.pinv(WHOLE),
    "LU without pivoting is not implemented on the CPU": lambda: L.lu(E, pivot=False),
    "Expected tensor with 2 or more dimensions": lambda: L.lu(torch.ones(2)),
    "Expected pivots to be a tensor of torch.int32": lambda: torch.lu_unpack(E, torch.tensor([1, 2])),
    "expected at least 2 tensors but got 1": lambda: L.multi_dot([E]),
    "tensor 1 must be 2D but got 3D": lambda: L.multi_dot([E, E.expand(2, 2, 2), E]),
    "the last tensor must be 1D or 2D but got 3D": lambda: L.multi_dot([E, E.expand(2, 2, 2)]),
    r"shapes \[2, 3\] and \[2, 2\] cannot be multiplied": lambda: L.multi_dot([WIDE, E]),
    "tensor 0 is Float and tensor 1 Double": lambda: L.multi_dot([E, E.double()]),
    "N must be greater than 1": lambda: L.vander(torch.tensor(1.0)),
    "dim must be a 2-tuple": lambda: L.matrix_norm(E, dim=0),
    r"dims must be different. Got \(0, -2\)": lambda: L.matrix_norm(E, dim=(0, -2)),
    "Order 3 not supported": lambda: L.matrix_norm(E, 3),
    "Order x not supported": lambda: L.norm(E, "x"),
    "the input must be 1D or 2D. Got 3D": lambda: L.norm(torch.ones(1, 1, 1), 2),
    "it must be of length 1 or 2": lambda: L.norm(torch.ones(1, 1, 1), dim=(0, 1, 2)),
    "dtype should be floating point or complex, but got Long": lambda: L.norm(E, dtype=torch.int64),
    "dtype should be real for real inputs": lambda: L.norm(E, dtype=torch.complex64),
    "convertible without narrowing": lambda: L.norm(E.double(), dtype=torch.float32),
    "got an invalid norm type: x": lambda: L.cond(E, "x"),
    "linalg.cond: The input tensor must have": lambda: L.cond(torch.ones(2)),
    r"linalg.cond\(ord=1\): A must be batches of square": lambda: L.cond(WIDE, 1),
    "greater than or equal to input.shape": lambda: L.householder_product(WIDE, torch.ones(2)),
    "greater than or equal to tau.shape": lambda: L.householder_product(E, torch.ones(3)),
    "batch dimensions of tau to be": lambda: L.householder_product(E, torch.ones(2, 2)),
    "does not match input dtype": lambda: L.householder_product(E, torch.ones(2).double()),
    "must be equal to input.shape": lambda: torch.ormqr(E, torch.ones(2), torch.ones(3, 1)),
    "other must have at least 2 dimensions": lambda: torch.ormqr(E, torch.ones(2), torch.ones(2)),
    "greater than or equal to tau": lambda: torch.ormqr(E, torch.ones(2), torch.ones(1, 1)),
    "less than or equal to input.shape": lambda: torch.ormqr(E[:, :1], torch.ones(2), E),
    "dimensions of tau and other to be": lambda: torch.ormqr(E, torch.ones(2), torch.ones(1, 2, 1)),
    "to have the same dtype": lambda: torch.ormqr(E, torch.ones(2), E.double()),
    "derivative for 'geqrf' is not implemented": lambda: torch.geqrf(E.clone().requires_grad_()),
    "depends on Q, which is not computed when mode='r'": lambda: L.qr(E.clone().requires_grad_(), "r").R.sum().backward(),
    "not differentiable when mode='complete' and nrows > ncols": lambda: (
        L.qr(WIDE.T.clone().requires_grad_(), "complete").R.sum().backward()
    ),
}  # fmt: skip


@pytest.mark.parametrize(("message", "call"), REFUSED.items(), ids=list(REFUSED))
def test_what_is_refused(message, call):
    with pytest.raises(RuntimeError, match=message):
        call()
