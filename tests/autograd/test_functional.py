"""Jacobians, Hessians and their products: values against formulas, structure, and that nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest

import mytorch as torch
from mytorch.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp

A = np.array([[1.0, 2.0, -1.0], [0.5, -3.0, 4.0]])
X = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)


def linear(x):
    return torch.tensor(A).mv(x)


def cubic(x):
    return (x**3).sum() + x[0] * x[1]


CUBIC_HESSIAN = np.diag(6 * X.numpy()) + np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]])


@pytest.mark.parametrize("options", [{}, {"vectorize": True}, {"vectorize": True, "strategy": "forward-mode"}])
def test_jacobian_of_a_matrix_is_the_matrix(options):
    np.testing.assert_allclose(jacobian(linear, X, **options).numpy(), A)


def test_jacobian_of_shapes_with_several_dimensions():
    x = torch.ones(2, 3)
    found = jacobian(lambda x: x.sum(1), x)
    assert found.shape == (2, 2, 3)
    np.testing.assert_array_equal(found.numpy(), np.eye(2)[:, :, None] * np.ones(3))
    assert jacobian(lambda x: x.sum(), x).shape == (2, 3)
    assert jacobian(lambda x: x * 2, torch.ones(0, 3)).shape == (0, 3, 0, 3)


def test_tuples_nest_as_outputs_then_inputs():
    def f(a, b):
        return a * b.sum(), a.sum()

    a, b = torch.ones(2), torch.ones(3)
    found = jacobian(f, (a, b))
    assert [[tuple(block.shape) for block in row] for row in found] == [[(2, 2), (2, 3)], [(2,), (3,)]]
    assert found[1][1].tolist() == [0.0, 0.0, 0.0]
    assert isinstance(jacobian(f, (a, b))[0], tuple)
    single = jacobian(lambda a: (a * 2,), a)
    assert isinstance(single, tuple)
    assert single[0].shape == (2, 2)


@pytest.mark.parametrize("options", [{}, {"vectorize": True}])
def test_hessian(options):
    np.testing.assert_allclose(hessian(cubic, X, **options).numpy(), CUBIC_HESSIAN)
    blocks = hessian(lambda a, b: (a * b).sum() + (a**2).sum(), (X, X), **options)
    np.testing.assert_allclose(blocks[0][0].numpy(), 2 * np.eye(3))
    np.testing.assert_allclose(blocks[0][1].numpy(), np.eye(3))
    np.testing.assert_allclose(blocks[1][1].numpy(), np.zeros((3, 3)))


def test_products_agree_with_the_matrices():
    rows, columns = torch.tensor([2.0, -1.0], dtype=torch.float64), torch.tensor([1.0, 0.5, -2.0], dtype=torch.float64)
    value, found = vjp(linear, X, rows)
    np.testing.assert_allclose(value.numpy(), A @ X.numpy())
    np.testing.assert_allclose(found.numpy(), rows.numpy() @ A)
    value, found = jvp(linear, X, columns)
    np.testing.assert_allclose(value.numpy(), A @ X.numpy())
    np.testing.assert_allclose(found.numpy(), A @ columns.numpy())
    for product in (vhp, hvp):
        value, found = product(cubic, X, columns)
        np.testing.assert_allclose(value.item(), cubic(X).item())
        np.testing.assert_allclose(found.numpy(), CUBIC_HESSIAN @ columns.numpy())


def test_a_vector_of_one_may_be_left_out():
    x = torch.tensor(3.0)
    assert vjp(lambda x: x**2, x)[1].item() == 6.0
    assert jvp(lambda x: x**2, x)[1].item() == 6.0
    assert vhp(lambda x: x**2, x)[1].item() == 2.0
    assert hvp(lambda x: x**2, x)[1].item() == 2.0


@pytest.mark.parametrize("function", [jacobian, hessian, vjp, jvp, vhp, hvp])
def test_results_have_history_only_on_request_and_inputs_stay_as_they_are(function):
    x = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)

    def cube(x):
        return (x**3).sum()

    for create_graph in (False, True):
        found = function(cube, x, create_graph=create_graph)
        last = found[-1] if isinstance(found, tuple) else found
        assert last.requires_grad == create_graph
    assert x.grad is None
    expected = 12.0 if function in (jacobian, vjp, jvp) else 6.0
    assert torch.autograd.grad(last.sum(), x)[0].item() == expected


def test_the_functions_work_under_no_grad():
    with torch.no_grad():
        np.testing.assert_allclose(jacobian(linear, X).numpy(), A)
        np.testing.assert_allclose(jvp(linear, X, X)[1].numpy(), A @ X.numpy())


@pytest.mark.parametrize("function", [jacobian, vjp])
def test_strict_refuses_what_does_not_depend(function):
    x = torch.tensor([2.0])
    assert function(lambda a, b: a.sum(), (x, x))[-1] is not None
    with pytest.raises(RuntimeError, match=r"independent of input 1\. This is not allowed in strict mode"):
        function(lambda a, b: a.sum(), (x, x), strict=True)
    with pytest.raises(RuntimeError, match="Output 0 of the user-provided function does not require gradients"):
        function(lambda a: torch.ones(1), x, strict=True)


def test_wrong_arguments():
    with pytest.raises(TypeError, match="The inputs given to jacobian must be either a Tensor or a tuple of Tensors"):
        jacobian(linear, [X])
    with pytest.raises(TypeError, match="the value at index 1 has type <class 'int'>"):
        vjp(linear, (X, 3))
    with pytest.raises(RuntimeError, match=r"v has invalid size: should be torch.Size\(\[3\]\)"):
        jvp(linear, X, torch.ones(2))
    with pytest.raises(RuntimeError, match="v is a tuple of invalid length: should be 2 but got 1"):
        jvp(lambda a, b: a, (X, X), X)
    with pytest.raises(RuntimeError, match="can only be None if"):
        vjp(linear, X)
    with pytest.raises(RuntimeError, match="should contain a single element"):
        hessian(linear, X)
    with pytest.raises(AssertionError, match="strategy"):
        jacobian(linear, X, strategy="sideways")
    with pytest.raises(NotImplementedError, match="vectorize=True"):
        jacobian(linear, X, strategy="forward-mode")
