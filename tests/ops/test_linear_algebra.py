"""Linear algebra: values against NumPy or the definition, gradients that are special, and singular matrices."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import mytorch as torch
from mytorch.linalg import LinAlgError

R = np.random.default_rng(3)
L = torch.linalg


def normal(*shape):
    return torch.from_numpy(R.standard_normal(shape))


def positive(*shape):
    x = normal(*shape)
    return x @ x.mT + torch.eye(shape[-1], dtype=torch.float64)


def close(a, b, tolerance=1e-10):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


BATCHES = [(), (2,), (2, 1), (0,)]


# --- decompositions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 3), (0, 3, 2), (3, 0), (0, 0)])
def test_decompositions_multiply_to_the_matrix(shape):
    A = normal(*shape)
    *_, m, n = shape
    k = min(m, n)
    for full in (False, True):
        U, S, Vh = L.svd(A, full_matrices=full)
        close((U[..., :k] * S.unsqueeze(-2)) @ Vh[..., :k, :], A)
        close(U.mT @ U, np.broadcast_to(np.eye(U.shape[-1]), (*shape[:-2], U.shape[-1], U.shape[-1])))
        assert (S[..., :-1] >= S[..., 1:]).all()
        assert S.shape == (*shape[:-2], k)
    close(L.svdvals(A), S)
    for mode, width in (("reduced", k), ("complete", m)):
        Q, R = L.qr(A, mode)
        assert Q.shape == (*shape[:-2], m, width)
        close(Q @ R, A)
        close(R, R.triu())
    close(L.qr(A, "r").R, L.qr(A).R)
    assert L.qr(A, "r").Q.shape == (0,)
    P, lower, upper = L.lu(A)
    close(P @ lower @ upper, A)
    close(lower.triu(), np.broadcast_to(np.eye(m, k), lower.shape))
    close(upper, upper.triu())
    assert lower.abs().sum() <= m * k * math.prod(shape[:-2]), "the pivot is the largest of its column"


@pytest.mark.parametrize("batch", BATCHES)
def test_symmetric_decompositions(batch):
    A = positive(*batch, 3, 3)
    values, vectors = L.eigh(A)
    close((vectors * values.unsqueeze(-2)) @ vectors.mT, A)
    close(L.eigvalsh(A), values)
    lower = L.cholesky(A)
    close(lower @ lower.mT, A)
    close(L.cholesky(A, upper=True), lower.mT)
    close(torch.cholesky_inverse(lower), L.inv(A), 1e-8)
    B = normal(*batch, 3, 2)
    close(torch.cholesky_solve(B, lower), L.solve(A, B), 1e-8)
    close(torch.cholesky_solve(B, lower.mT, upper=True), L.solve(A, B), 1e-8)


def test_half_of_a_symmetric_matrix_is_looked_at():
    A = torch.tensor([[2.0, 9.0], [1.0, 3.0]])
    symmetric = {"L": [[2.0, 1.0], [1.0, 3.0]], "U": [[2.0, 9.0], [9.0, 3.0]]}
    for half, matrix in symmetric.items():
        close(L.eigvalsh(A, half), np.linalg.eigvalsh(np.array(matrix, np.float32)), 1e-6)
    close(L.cholesky(A) @ L.cholesky(A).T, symmetric["L"], 1e-6)
    assert L.pinv(A, hermitian=True).T.allclose(L.pinv(A, hermitian=True))


def test_eigenvalues_are_complex():
    A = normal(2, 3, 3)
    values, vectors = L.eig(A)
    assert values.dtype == torch.complex128
    close(A.numpy() @ vectors.numpy(), vectors.numpy() * values.numpy()[..., None, :])
    assert L.eigvals(torch.eye(2)).dtype == torch.complex64
    with pytest.raises(RuntimeError, match="no gradients through complex numbers"):
        L.eigvals(torch.eye(2, requires_grad=True))
    with pytest.raises(RuntimeError, match="should not contain infs or NaNs"):
        L.eig(torch.full((2, 2), math.nan))


NAMED = {
    "linalg_svd": (L.svd, "U S Vh"),
    "svd": (torch.svd, "U S V"),
    "linalg_qr": (L.qr, "Q R"),
    "linalg_eigh": (L.eigh, "eigenvalues eigenvectors"),
    "linalg_lu": (L.lu, "P L U"),
    "linalg_slogdet": (L.slogdet, "sign logabsdet"),
    "slogdet": (torch.slogdet, "sign logabsdet"),
    "linalg_inv_ex": (L.inv_ex, "inverse info"),
    "linalg_cholesky_ex": (L.cholesky_ex, "L info"),
    "linalg_lu_factor_ex": (L.lu_factor_ex, "LU pivots info"),
}


@pytest.mark.parametrize("name", NAMED)
def test_results_have_names_and_print_them(name):
    function, fields = NAMED[name]
    result = function(torch.eye(2))
    assert list(result._fields) == fields.split()
    assert repr(result).startswith(f"torch.return_types.{name}(\n{result._fields[0]}=tensor(")


def test_writing_to_a_result_does_not_change_its_gradient():
    A = positive(3, 3).requires_grad_()
    weights = normal(3, 3)
    for take in (lambda A: L.eigh(A).eigenvectors, lambda A: L.svd(A).U, lambda A: L.qr(A).Q):
        (expected,) = torch.autograd.grad((take(A) * weights).sum(), A)
        out = take(A)
        loss = (out * weights).sum()
        out.detach().zero_()
        (found,) = torch.autograd.grad(loss, A)
        close(found, expected)


def test_equal_values_have_gradients_that_do_not_need_vectors():
    A = torch.eye(3, dtype=torch.float64, requires_grad=True)
    for function in (L.eigvalsh, L.svdvals):
        (g,) = torch.autograd.grad(function(A).sum(), A)
        close(g, np.eye(3))


# --- equations ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("left", "upper", "unit"), list(itertools.product((True, False), repeat=3)))
def test_triangular_equations(left, upper, unit):
    A = normal(2, 3, 3) + 3 * torch.eye(3, dtype=torch.float64)
    B = normal(3, 3)
    X = L.solve_triangular(A, B, upper=upper, left=left, unitriangular=unit)
    triangle = A.triu() if upper else A.tril()
    if unit:
        triangle = triangle - torch.diag_embed(triangle.diagonal(dim1=-2, dim2=-1)) + torch.eye(3)
    close(triangle @ X if left else X @ triangle, B.expand(2, 3, 3))


@pytest.mark.parametrize("upper", [True, False])
def test_a_triangle_with_a_zero_gives_infinities(upper):
    A = torch.tensor([[2.0, 1.0], [1.0, 0.0]] if upper else [[0.0, 1.0], [1.0, 2.0]])
    X = L.solve_triangular(A, torch.ones(2, 1), upper=upper)
    assert X.flatten().tolist() == ([-math.inf, math.inf] if upper else [math.inf, -math.inf])
    batch = torch.stack([A, torch.eye(2)])
    X = L.solve_triangular(batch, torch.ones(2, 1), upper=upper)
    assert X[1].flatten().tolist() == [1.0, 1.0]


def test_triangular_solve_is_the_other_way_round():
    A, B = normal(3, 3) + 3 * torch.eye(3, dtype=torch.float64), normal(2, 3, 1)
    X, copy = torch.triangular_solve(B, A, transpose=True)
    close(A.triu().T @ X, B)
    assert copy.shape == (2, 3, 3)
    assert not np.shares_memory(copy.numpy(), A.numpy())


@pytest.mark.parametrize("batch", BATCHES)
def test_solve(batch):
    A = positive(*batch, 3, 3)
    vectors, matrices = normal(*batch, 3), normal(*batch, 3, 2)
    close((A @ L.solve(A, vectors).unsqueeze(-1)).squeeze(-1), vectors)
    close(A @ L.solve(A, matrices), matrices)
    close(L.solve(A, matrices.mT, left=False) @ A, matrices.mT)
    close(A @ L.inv(A), np.broadcast_to(np.eye(3), A.shape))
    factors = L.lu_factor(A)
    close(L.lu_solve(*factors, matrices), L.solve(A, matrices))
    close(torch.lu_solve(matrices, *factors), L.solve(A, matrices))
    close(L.lu_solve(*factors, matrices, adjoint=True), L.solve(A.mT, matrices))
    close(L.lu_solve(*factors, matrices.mT, left=False), L.solve(A, matrices.mT, left=False))


def test_tensor_equations():
    A, B = normal(2, 3, 6), normal(2, 3)
    close(torch.tensordot(A, L.tensorsolve(A, B), 1), B)
    moved = A.permute(0, 2, 1)
    close(L.tensorsolve(moved, B, dims=(1,)), L.tensorsolve(A, B))
    close(torch.tensordot(L.tensorinv(A), B, 2), L.tensorsolve(A, B))


def test_singular_matrices():
    singular = torch.stack([torch.eye(2), torch.tensor([[1.0, 2.0], [2.0, 4.0]])])
    where = r"\(Batch element 1\): "
    with pytest.raises(LinAlgError, match=rf"linalg.inv: {where}The diagonal element 2 is zero"):
        L.inv(singular)
    with pytest.raises(LinAlgError, match=rf"linalg.solve: {where}The solver failed because the input matrix is sing"):
        L.solve(singular, torch.ones(2, 2))
    with pytest.raises(LinAlgError, match=r"^linalg.inv: The diagonal element 1"):
        torch.zeros(2, 2).inverse()
    with pytest.raises(RuntimeError, match=rf"lu_factor: {where}U\[2,2\] is zero"):
        L.lu_factor(singular)
    with pytest.raises(LinAlgError, match="cholesky_inverse: The diagonal element 1 is zero"):
        torch.cholesky_inverse(torch.zeros(2, 2))
    result, info = L.inv_ex(singular)
    assert info.tolist() == [0, 2]
    assert info.dtype == torch.int32
    assert result[0].tolist() == [[1, 0], [0, 1]]
    assert result[1].isnan().all()
    result, info = L.solve_ex(singular, torch.ones(2, 2))
    assert info.tolist() == [0, 2]
    assert result[0].tolist() == [1, 1]
    assert L.lu_factor_ex(singular).info.tolist() == [0, 2]
    assert L.inv(torch.full((1, 1), math.nan)).isnan().all()
    assert issubclass(LinAlgError, RuntimeError)


def test_matrices_that_are_not_positive_definite():
    A = torch.stack([torch.eye(3), torch.diag(torch.tensor([1.0, -1.0, 1.0]))])
    with pytest.raises(LinAlgError, match=r"^linalg.cholesky: \(Batch element 1\): .*leading minor of order 2 is not"):
        L.cholesky(A)
    with pytest.raises(LinAlgError, match=r"^cholesky: The factorization could not .* order 1 "):
        torch.cholesky(torch.full((2, 2), math.nan))
    lower, info = L.cholesky_ex(A)
    assert info.tolist() == [0, 2]
    assert lower[0].tolist() == np.eye(3).tolist()
    assert lower[1].isnan().all()


def test_nan_has_no_singular_values():
    with pytest.raises(LinAlgError, match=r"linalg.svd: \(Batch element 1\): .* non-finite values"):
        L.svdvals(torch.tensor([[[1.0]], [[math.nan]]]))


# --- least squares --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", [None, "gels", "gelsy", "gelsd", "gelss"])
@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (3, 3), (2, 4, 2)])
def test_least_squares(driver, shape):
    A, B = normal(*shape), normal(*shape[:-1], 2)
    solution, residuals, rank, values = L.lstsq(A, B, driver=driver)
    close(solution, np.linalg.pinv(A.numpy()) @ B.numpy())
    m, n = shape[-2:]
    if m > n and driver not in (None, "gelsy"):
        close(residuals, ((A @ solution - B) ** 2).sum(-2))
    else:
        assert residuals.shape == (0,)
    if driver == "gels":
        assert rank.shape == (0,)
    else:
        assert (rank == min(m, n)).all()
    assert values.shape == ((*shape[:-2], min(m, n)) if driver in ("gelsd", "gelss") else (0,))
    close(L.lstsq(A, B[..., 0]).solution if len(shape) > 2 else L.lstsq(A, B[:, 0]).solution, solution[..., 0])


def test_rank_and_pseudoinverse_of_lower_rank():
    A = normal(2, 4, 2) @ normal(2, 2, 3)
    assert L.matrix_rank(A).tolist() == [2, 2]
    assert L.matrix_rank(A @ A.mT, hermitian=True).tolist() == [2, 2]
    assert L.matrix_rank(torch.diag(torch.tensor([1.0, 0.1])), tol=0.5) == 1
    assert L.matrix_rank(torch.diag(torch.tensor([10.0, 1.0])), rtol=0.2) == 1
    assert L.matrix_rank(torch.stack([torch.eye(2)] * 2), atol=torch.tensor([0.5, 2.0])).tolist() == [2, 0]
    close(L.pinv(A), np.linalg.pinv(A.numpy()))
    close(A @ L.pinv(A) @ A, A)
    assert L.pinv(torch.diag(torch.tensor([1.0, 0.1])), rtol=0.5).tolist() == [[1, 0], [0, 0]]
    assert L.pinv(torch.diag(torch.tensor([1.0, 0.1])), 0.5).tolist() == [[1, 0], [0, 0]]
    symmetric = A @ A.mT - 2 * torch.eye(4)
    close(L.pinv(symmetric, hermitian=True), L.inv(symmetric), 1e-8)
    assert L.pinv(torch.zeros(0, 3)).shape == (3, 0)
    close(torch.pinverse(A[0], rcond=1e-10), np.linalg.pinv(A[0].numpy()))


# --- determinants ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", BATCHES)
def test_determinants(batch):
    A = normal(*batch, 3, 3)
    close(L.det(A), np.linalg.det(A.numpy()))
    sign, logarithm = L.slogdet(A)
    close(sign * logarithm.exp(), L.det(A))
    close(torch.logdet(A @ A.mT), 2 * logarithm)
    assert L.det(torch.zeros(0, 0)) == 1
    assert L.slogdet(torch.zeros(2, 2))[:2] == (0, -math.inf)
    assert torch.logdet(-torch.eye(1)).isnan()


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_the_gradient_of_a_singular_determinant_is_its_cofactors(rank):
    values = [1.0, 2.0, 0.0] if rank == 2 else [3.0, 0.0, 0.0] if rank == 1 else [0.0] * 3
    A = torch.diag(torch.tensor(values, dtype=torch.float64)).requires_grad_()
    (g,) = torch.autograd.grad(L.det(A), A)
    close(g, np.diag([0, 0, 2.0 if rank == 2 else 0]))


# --- norms ----------------------------------------------------------------------------------------------------------

ORDERS = ["fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("keepdim", [False, True])
def test_matrix_norms(order, keepdim):
    A = normal(2, 3, 4)
    expected = [np.linalg.norm(x, order) for x in A.numpy()]
    shape = (2, 1, 1) if keepdim else (2,)
    close(L.matrix_norm(A, order, keepdim=keepdim), np.reshape(expected, shape))
    expected = [np.linalg.norm(x, order) for x in A.numpy().transpose(1, 2, 0)]
    shape = (1, 3, 1) if keepdim else (3,)
    close(L.norm(A, order, dim=(2, 0), keepdim=keepdim), np.reshape(expected, shape))
    assert L.matrix_norm(A.float(), order, dtype=torch.float64).dtype == torch.float64


@pytest.mark.parametrize("order", [0, 0.5, 1, 2, 3, -1, math.inf, -math.inf])
def test_vector_norms(order):
    x = normal(3, 4)
    close(L.vector_norm(x, order, dim=1), [np.linalg.norm(row, order) for row in x.numpy()])
    close(L.vector_norm(x, order), np.linalg.norm(x.numpy().ravel(), order))
    close(L.norm(x[0], order), np.linalg.norm(x.numpy()[0], order))


@pytest.mark.parametrize("order", [None, *ORDERS])
def test_condition_numbers(order):
    A = normal(2, 3, 3)
    close(L.cond(A, order), [np.linalg.cond(x, order) for x in A.numpy()], 1e-8)
    if order not in (2, -2, None):
        assert L.cond(torch.ones(2, 2), order) == math.inf
    assert L.cond(torch.zeros(3, 0, 0), order).tolist() == [0, 0, 0]


def test_norms_of_nothing():
    assert L.matrix_norm(torch.zeros(0, 2), 1).item() == 0
    assert L.matrix_norm(torch.zeros(2, 0), "nuc").item() == 0
    assert L.matrix_norm(torch.zeros(2, 0), 2).item() == 0
    with pytest.raises(RuntimeError, match="inf norm on an empty tensor"):
        L.vector_norm(torch.zeros(0), math.inf)
    with pytest.raises(RuntimeError, match="on the dimension 1 because this dimension is empty"):
        L.vector_norm(torch.zeros(2, 0), -1, dim=1)


# --- functions and products -----------------------------------------------------------------------------------------


def test_matrix_exponential():
    values = torch.tensor([0.0, 1.0, -2.0, 30.0], dtype=torch.float64)
    V = normal(4, 4)
    A = V @ torch.diag(values) @ L.inv(V)
    close(L.matrix_exp(A) / math.exp(30), V @ torch.diag((values - 30).exp()) @ L.inv(V), 1e-9)
    batch = torch.stack([torch.zeros(2, 2), torch.tensor([[0.0, 1.0], [0.0, 0.0]]), 100 * torch.eye(2)]).double()
    close(torch.matrix_exp(batch)[:2], [[[1, 0], [0, 1]], [[1, 1], [0, 1]]])
    close(torch.matrix_exp(batch)[2] / math.exp(100), np.eye(2))
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64) * (math.pi / 3)
    close(L.matrix_exp(turn), [[0.5, -math.sqrt(0.75)], [math.sqrt(0.75), 0.5]], 1e-14)
    assert torch.matrix_exp(torch.zeros(3, 0, 0)).shape == (3, 0, 0)


def test_reflections():
    A = normal(2, 4, 3)
    packed, tau = torch.geqrf(A)
    Q, upper = L.qr(A, "complete")
    close(L.householder_product(packed, tau), Q[..., :3])
    close(packed.triu(), upper)
    other = normal(2, 4, 2)
    close(torch.ormqr(packed, tau, other), Q @ other)
    close(torch.ormqr(packed, tau, other, transpose=True), Q.mT @ other)
    close(torch.ormqr(packed, tau, other.mT, left=False), other.mT @ Q)
    close(torch.ormqr(packed, tau, other.mT, left=False, transpose=True), other.mT @ Q.mT)


def test_chains_of_products():
    matrices = [normal(*s) for s in itertools.pairwise((2, 5, 1, 4))]
    close(L.multi_dot(matrices), np.linalg.multi_dot([m.numpy() for m in matrices]))
    first, last = normal(2), normal(4)
    assert L.multi_dot([first, *matrices]).shape == (4,)
    assert L.multi_dot([*matrices, last]).shape == (2,)
    close(L.multi_dot([first, *matrices, last]), first.numpy() @ L.multi_dot(matrices).numpy() @ last.numpy())


def test_vectors():
    x, y = normal(2, 3), normal(3)
    close(L.vecdot(x, y), x.numpy() @ y.numpy())
    close(L.vecdot(x, x, dim=0), (x * x).sum(0))
    close(L.cross(x, y.unsqueeze(0)), np.cross(x, y))
    close(L.vander(y), np.vander(y, increasing=True))
    assert L.vander(torch.tensor([[1, 2], [3, 4]]), N=3)[1].tolist() == [[1, 3, 9], [1, 4, 16]]
    assert L.diagonal(torch.arange(8).reshape(2, 2, 2)).tolist() == [[0, 3], [4, 7]]


def test_low_rank():
    torch.manual_seed(0)
    A = normal(2, 9, 2) @ normal(2, 2, 6)
    for matrix in (A, A.mT):
        U, S, V = torch.svd_lowrank(matrix, q=2)
        close((U * S.unsqueeze(-2)) @ V.mT, matrix)
        close(S, L.svdvals(matrix)[..., :2])
    close(torch.svd_lowrank(A + 5, q=2, M=torch.full((9, 6), 5.0, dtype=torch.float64))[1], L.svdvals(A)[..., :2])
    _, S, _ = torch.pca_lowrank(A, q=2)
    close(S, L.svdvals(A - A.mean(-2, keepdim=True))[..., :2])
    with pytest.raises(ValueError, match=r"q\(=7\) must be non-negative integer and not greater than min\(m, n\)=6"):
        torch.pca_lowrank(A, q=7)
    with pytest.raises(ValueError, match="niter"):
        torch.pca_lowrank(A, niter=-1)


def test_svd_without_vectors():
    U, S, V = torch.svd(torch.ones(2, 3), compute_uv=False)
    assert not U.any()
    assert not V.any()
    assert (U.shape, V.shape) == ((2, 2), (3, 3))
    close(S, L.svdvals(torch.ones(2, 3)))


METHODS = "inverse det logdet slogdet cholesky qr svd pinverse matrix_exp lu geqrf"


def test_methods_are_the_functions():
    A = positive(3, 3)
    for name in METHODS.split():
        mine, other = getattr(A, name)(), getattr(torch, name)(A)
        for a, b in zip(mine, other, strict=True) if isinstance(mine, tuple) else [(mine, other)]:
            close(a, b)
