"""Real and imaginary parts, conjugates and angles: values, shared memory, and what is refused."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest

import mytorch

Z = [[3 + 4j, -1 + 0j, 0j], [1j, -2j, 2 - 2j]]


@pytest.fixture(params=[mytorch.complex64, mytorch.complex128])
def z(request):
    return mytorch.tensor(Z, dtype=request.param)


def test_values(z):
    real = z.dtype.to_real()
    flat = [v for row in Z for v in row]
    for function, expected in {
        mytorch.real: [v.real for v in flat],
        mytorch.imag: [v.imag for v in flat],
        mytorch.angle: [cmath.phase(v) for v in flat],
        mytorch.abs: [abs(v) for v in flat],
    }.items():
        found = function(z)
        assert found.dtype is real
        np.testing.assert_allclose(found.numpy().ravel(), expected, rtol=1e-6)
    for function in (mytorch.conj, mytorch.conj_physical):
        assert function(z).numpy().ravel().tolist() == [v.conjugate() for v in flat]
    signs = [v / abs(v) if v else 0 for v in flat]
    np.testing.assert_allclose(mytorch.sgn(z).numpy().ravel(), signs, rtol=1e-6)
    assert mytorch.isreal(z).tolist() == [[False, True, True], [False, False, False]]


def test_parts_share_memory(z):
    z.real.zero_()
    z.imag[0] = 7.0
    assert z.tolist() == [[7j, 7j, 7j], [1j, -2j, -2j]]
    z.real = mytorch.ones(3)
    z.imag = 2.0
    assert z.tolist() == [[1 + 2j] * 3] * 2


@pytest.mark.parametrize("turn", [False, True])
def test_view_as_real_and_back(z, turn):
    z = z.t() if turn else z
    parts = mytorch.view_as_real(z)
    assert tuple(parts.shape) == (*z.shape, 2)
    assert (parts[..., 0] == z.real).all()
    assert (parts[..., 1] == z.imag).all()
    back = mytorch.view_as_complex(parts)
    assert (back == z).all()
    back[0, 0] = 9j
    assert z[0, 0].item() == 9j
    assert mytorch.view_as_complex(mytorch.tensor([1.0, 2.0])).item() == 1 + 2j
    assert mytorch.view_as_real(mytorch.tensor(1j)).tolist() == [0.0, 1.0]


def test_real_tensors():
    x = mytorch.tensor([-1.5, 0.0, -0.0, math.nan], requires_grad=True)
    for function in (mytorch.real, mytorch.conj, mytorch.conj_physical, mytorch.resolve_conj, mytorch.resolve_neg):
        assert function(x) is x
    assert x.real is x
    angle = mytorch.angle(x)
    np.testing.assert_array_equal(angle.detach().numpy(), np.float32([math.pi, 0, 0, math.nan]))
    assert mytorch.autograd.grad(angle.sum(), x)[0].tolist() == [0, 0, 0, 0]
    assert mytorch.angle(mytorch.tensor([True, False])).dtype is mytorch.float32
    assert mytorch.tensor([2.0]).conj_physical_().tolist() == [2.0]


def test_refused():
    with pytest.raises(RuntimeError, match="imag is not implemented"):
        mytorch.imag(mytorch.ones(2))
    with pytest.raises(RuntimeError, match="only supported for complex"):
        mytorch.view_as_real(mytorch.ones(2))
    for wrong, message in (
        (mytorch.ones(2, dtype=mytorch.int64), "only supported for float and double"),
        (mytorch.tensor(1.0), "one or more dimensions"),
        (mytorch.ones(2, 3), "last dimension of size 2"),
        (mytorch.ones(2, 2).t(), "with stride 1"),
        (mytorch.ones(2, 3)[:, :2], "divisible by 2"),
        (mytorch.ones(2, requires_grad=True), "must not require grad"),
    ):
        with pytest.raises(RuntimeError, match=message):
            mytorch.view_as_complex(wrong)
