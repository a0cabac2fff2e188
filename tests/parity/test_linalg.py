"""`torch.linalg` beside PyTorch: names of arguments and results, names in the graph, singular matrices, gradients.

PyTorch's own samples of these functions run in test_operator_samples.py.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

import mytorch

pytestmark = pytest.mark.filterwarnings("ignore")

R = np.random.default_rng(11)
A = R.standard_normal((3, 3)) + 3 * np.eye(3)
GIVEN = {
    "A": A,
    "S": A @ A.T,
    "B": R.standard_normal((3, 2)),
    "v": R.standard_normal(3),
    "T": R.standard_normal((4, 3)),
    "W": R.standard_normal((2, 3)),
    "batch": R.standard_normal((2, 3, 3)),
    "singular": np.array([[1.0, 2.0], [2.0, 4.0]]),
    "zeros": np.zeros((2, 2)),
}


def run(library, expression, requires_grad=True):
    """The inputs that have gradients, and what the expression gives."""
    values = {k: library.from_numpy(v.copy()).requires_grad_(requires_grad) for k, v in GIVEN.items()}
    result = eval(expression, {"t": library, "L": library.linalg, "inf": float("inf")}, values)
    return values, result


def flat(result):
    return list(result) if isinstance(result, tuple) else [result]


def test_every_member_is_there():
    missing = {n for n in dir(torch.linalg) if not n.startswith("_")} - set(dir(mytorch.linalg))
    assert missing == {"common_notes", "ldl_factor", "ldl_factor_ex", "ldl_solve"}


BY_NAME = """
L.cholesky(input=S, upper=True)
L.cholesky_ex(input=S, check_errors=True)
L.cond(input=A, p="nuc")
L.cross(input=A, other=A, dim=0)
L.det(A=A)
t.det(input=A)
L.diagonal(A=A, offset=1)
L.eigh(input=S, UPLO="U").eigenvalues
L.eigvalsh(input=S, UPLO="L")
L.householder_product(input=A, tau=v)
L.inv(A=A)
L.inv_ex(A=A, check_errors=True)
L.lstsq(input=T, b=T, rcond=None, driver="gelsd")
L.lu(A=T, pivot=True)
L.lu_factor(A=A)
L.lu_solve(LU=L.lu_factor(A).LU, pivots=L.lu_factor(A).pivots, B=B, left=True, adjoint=True)
L.matrix_exp(input=A)
L.matrix_norm(input=A, ord=2, dim=(0, 1), keepdim=True)
L.matrix_power(input=A, n=-2)
L.matrix_rank(input=A, atol=0.1, rtol=0.1)
L.multi_dot(tensors=[A, B])
L.norm(input=A, ord=inf, dim=(0, 1), keepdim=False)
L.pinv(input=T, rtol=1e-3)
L.pinv(T, 1e-3)
L.pinv(S, 1e-3, True)
L.qr(A=T, mode="reduced").R
L.slogdet(A=A)
L.solve(A=A, B=B, left=True)
L.solve_ex(A=A, B=B, check_errors=True)
L.solve_triangular(input=A, B=B, upper=True, unitriangular=True)
L.svdvals(A=T)
L.svd(A=T, full_matrices=False).S
L.tensorinv(input=A, ind=1)
L.tensorsolve(input=A, other=v)
L.vander(x=v, N=4)
L.vecdot(x=A, y=A, dim=0)
L.vector_norm(x=A, ord=3, dim=None, keepdim=True)
t.cholesky_solve(input=B, input2=S.tril())
t.lu_solve(B, *t.lu(A))
t.lu_unpack(*t.lu(T)).L
A.lu_solve(*t.lu(A))
B.triangular_solve(A, upper=False).solution
S.cholesky(upper=True)
t.svd(T).S
t.norm(A, "nuc")
"""


@pytest.mark.parametrize("expression", BY_NAME.strip().splitlines())
def test_values_gradients_and_names(expression):
    """With the gradient of the sum of all squares, which no sign of a vector changes."""
    (mine, ours), (other, theirs) = (run(library, expression) for library in (mytorch, torch))
    assert len(flat(ours)) == len(flat(theirs))
    assert repr(type(ours)).count("namedtuple") == 0
    if hasattr(theirs, "_fields") or type(theirs).__module__ == "torch.return_types":
        names = re.findall(r"^(?:torch\.return_types\.)?(\w+)[=(]", repr(theirs), re.MULTILINE)
        assert re.findall(r"^(?:torch\.return_types\.)?(\w+)[=(]", repr(ours), re.MULTILINE) == names
    for a, b in zip(flat(ours), flat(theirs), strict=True):
        assert str(a.dtype) == str(b.dtype)
        assert a.requires_grad == b.requires_grad
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-9)
    if not any(b.requires_grad for b in flat(theirs)):
        return
    gradients = []
    for library, given, results in ((mytorch, mine, flat(ours)), (torch, other, flat(theirs))):
        loss = sum((x * x).sum() for x in results if x.requires_grad)
        gradients.append(library.autograd.grad(loss, list(given.values()), allow_unused=True))
    for name, a, b in zip(GIVEN, *gradients, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-8, atol=1e-8, err_msg=name)


GRAPH = """
L.inv(A)
L.det(A)
L.slogdet(A)[1]
L.eigh(S)[0]
L.eigvalsh(S)
L.svd(A)[1]
L.svdvals(A)
L.qr(A)[0]
L.cholesky(S)
L.pinv(A)
L.matrix_exp(A)
L.solve(A, B)
L.solve_triangular(A, B, upper=True)
L.vector_norm(A)
L.norm(A)
L.lu_factor(A)[0]
t.inverse(A)
A.det()
"""


@pytest.mark.parametrize("expression", GRAPH.strip().splitlines())
def test_names_in_the_graph(expression):
    names = [run(library, expression)[1].grad_fn.name() for library in (mytorch, torch)]
    assert names[0] == names[1]


REFUSED = """
L.inv(zeros)
L.inv(t.stack([t.eye(2, dtype=t.float64), singular]))
L.inv_ex(singular, check_errors=True)
L.solve(zeros, zeros)
L.solve(t.stack([t.eye(2, dtype=t.float64), zeros]), zeros)
L.cholesky(-S)
L.cholesky_ex(-S, check_errors=True)
t.cholesky(-t.stack([S, S]))
t.cholesky_inverse(zeros)
L.lu_factor(zeros)
L.svd(t.full((2, 2), float("nan")))
L.matrix_power(zeros, -1)
L.inv(W)
L.inv(v)
L.eigvals(W.detach())
L.eigvalsh(A, "X")
L.qr(A, "x")
L.qr(A, mode="r").R.sum().backward()
L.qr(T, mode="complete").R.sum().backward()
L.solve(A, v[:2])
L.solve(A, B.float())
L.matrix_norm(A, 3)
L.matrix_norm(A, dim=(0, 0))
L.norm(batch, 1)
L.cond(T, 1)
L.cond(A, "x")
L.multi_dot([A])
L.multi_dot([A, W])
L.multi_dot([A, batch, A])
L.tensorinv(A, 0)
L.lstsq(T, T, driver="x")
L.lstsq(T, v)
L.lu(A, pivot=False)
L.vander(v, N=1)
L.vector_norm(A, dtype=t.int64)
L.vector_norm(A, dtype=t.float32)
L.vector_norm(A[:0], inf)
t.pca_lowrank(A, q=4)
"""


@pytest.mark.parametrize("expression", REFUSED.strip().splitlines())
def test_what_is_refused_and_in_which_words(expression):
    errors = []
    for library in (mytorch, torch):
        with pytest.raises((RuntimeError, ValueError)) as caught:
            run(library, expression)
        errors.append(caught.value)
    ours, theirs = errors
    assert isinstance(ours, mytorch.linalg.LinAlgError) == isinstance(theirs, torch.linalg.LinAlgError)
    assert str(ours) == str(theirs).strip()


def test_integers_and_float16():
    for name in ("inv", "det", "slogdet", "cholesky", "svd", "qr", "svdvals"):
        for dtype in ("int64", "float16"):
            words = []
            for library in (mytorch, torch):
                with pytest.raises(RuntimeError) as caught:
                    getattr(library.linalg, name)(library.ones(2, 2, dtype=getattr(library, dtype)))
                words.append(str(caught.value))
            if dtype == "int64":
                assert words[0].startswith(words[1])


def test_singular_matrices_without_complaint():
    for expression in ("L.inv_ex(singular).info", "L.solve_ex(zeros, zeros).info", "L.lu_factor_ex(zeros).info"):
        assert [run(library, expression, False)[1].item() for library in (mytorch, torch)] in ([2, 2], [1, 1])
    for expression in ("L.cond(singular, 1)", "L.det(singular)", "L.slogdet(zeros)[1]", "t.logdet(zeros)"):
        ours, theirs = (run(library, expression, False)[1].item() for library in (mytorch, torch))
        assert ours == theirs


def test_eigenvalues_of_general_matrices():
    ours, theirs = (np.sort_complex(run(library, "L.eigvals(batch)", False)[1].numpy()) for library in (mytorch, torch))
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)
