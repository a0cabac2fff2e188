"""Special functions, and those of signs, exponents and logarithms, against the live PyTorch on grids full of edges.

PyTorch's own samples (test_operator_samples.py) have random inputs; here are infinities, NaNs, zeros of both signs,
poles and the borders between the ways of computing.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

import mytorch

pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch's own

INF, NAN = np.inf, np.nan
EDGES = [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 1e-20, -1e-20, 1e10]
GRID = np.concatenate([EDGES, np.linspace(-4.1, 4.3, 43), np.linspace(4.7, 40, 31)])
SMALL = np.concatenate([EDGES, np.linspace(-2.9, 3.1, 13)])

UNARY = [
    "angle", "deg2rad", "rad2deg", "digamma", "erfc", "erfinv", "frac", "i0", "lgamma", "logit", "nan_to_num",
    "sgn", "signbit", "sinc", "isposinf", "isneginf", "isreal", "special.entr", "special.erfcx",
    "special.expit", "special.i0e", "special.i1", "special.i1e", "special.log_ndtr", "special.ndtr",
    "special.ndtri", "special.gammaln", "special.psi",
]  # fmt: skip
BINARY = [
    "copysign", "float_power", "fmax", "fmin", "heaviside", "hypot", "ldexp", "logaddexp", "logaddexp2",
    "nextafter", "xlogy", "special.xlog1py", "igamma", "igammac",
]  # fmt: skip

ANY_ZERO = ("fmax", "fmin", "heaviside", "logaddexp2")  # which have no rule for the sign of a zero

# Where PyTorch's answer is another, with the reason.
DIFFERENT = {
    "polygamma1": lambda x: (x <= 0) & (x == np.floor(x)) | np.isinf(x),  # large numbers at the poles
    "polygamma2": lambda x: np.isinf(x),  # NaN at infinity
    "special.i1": lambda x: np.isinf(x),  # NaN at infinity
    "special.i1e": lambda x: np.isinf(x),
    "i0": lambda x: np.isinf(x),
    "special.i0e": lambda x: np.isinf(x),
}


def named(library, name):
    if name.startswith("polygamma"):
        return lambda x: library.polygamma(int(name[-1]), x)
    for part in name.split("."):
        library = getattr(library, part)
    return library


def compare(ours, theirs, what, skip=None, rtol=1e-9):
    ours, theirs = ours.detach().numpy(), theirs.detach().numpy(force=True)
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    keep = slice(None) if skip is None else ~skip
    np.testing.assert_allclose(ours[keep], theirs[keep], rtol=rtol, atol=1e-12, err_msg=what)


@pytest.mark.parametrize("name", [*UNARY, "polygamma1", "polygamma2"])
def test_unary_values_and_gradients(name):
    skip = DIFFERENT.get(name, lambda x: np.zeros(x.shape, bool))(GRID)
    x, y = mytorch.tensor(GRID, requires_grad=True), torch.tensor(GRID, requires_grad=True)
    ours, theirs = named(mytorch, name)(x), named(torch, name)(y)
    compare(ours, theirs, name, skip)
    assert ours.requires_grad == theirs.requires_grad
    if theirs.requires_grad:
        finite = np.isfinite(theirs.detach().numpy()) & ~skip
        ours.sum().backward()
        theirs.sum().backward()
        compare(x.grad, y.grad, f"gradient of {name}", ~finite, rtol=1e-7)


@pytest.mark.parametrize("name", BINARY)
def test_binary_values(name):
    values = SMALL[~np.isnan(SMALL)] if name.startswith("igamma") else SMALL  # PyTorch: igamma(NaN, inf) is 1
    ours = named(mytorch, name)(mytorch.tensor(values[:, None]), mytorch.tensor(values))
    theirs = named(torch, name)(torch.tensor(values[:, None]), torch.tensor(values))
    compare(ours, theirs, name)
    if name not in ANY_ZERO:
        known = ~np.isnan(theirs.numpy())
        np.testing.assert_array_equal(np.signbit(ours.numpy())[known], np.signbit(theirs.numpy())[known])


@pytest.mark.parametrize("name", ["gcd", "lcm", "bitwise_left_shift", "bitwise_right_shift"])
@pytest.mark.parametrize("dtype", ["int64", "int8", "uint8"])
def test_integers(name, dtype):
    low = 0 if dtype == "uint8" else -7
    shifts = name.startswith("bitwise")
    a, b = np.arange(low, 40).astype(dtype), np.array([0, 1, 2, 3, 6, 7, 8, 9, 70]).astype(dtype)[:, None]
    if dtype != "uint8" and shifts:
        b = np.concatenate([b, -b[1:3]])
    ours = named(mytorch, name)(mytorch.tensor(a), mytorch.tensor(b))
    theirs = named(torch, name)(torch.tensor(a), torch.tensor(b))
    compare(ours, theirs, name)


ODD = [np.array([True, False]), np.array([1, -2]), np.array([1, 2], np.uint8), np.array([0.5, -2], np.float16)]


@pytest.mark.parametrize("name", [*UNARY, "polygamma1", "polygamma2", "frexp", "conj", "real", "resolve_neg"])
@pytest.mark.parametrize("values", ODD, ids=lambda v: str(v.dtype))
def test_types_of_results_and_refusals(name, values):
    outcomes = []
    for library in (torch, mytorch):
        try:
            out = named(library, name)(library.tensor(values))
            outcomes.append(str((out[0] if isinstance(out, tuple) else out).dtype))
        except (RuntimeError, TypeError) as error:
            outcomes.append(type(error))
    if outcomes[0] is NotImplementedError and values.dtype == np.float16:
        pytest.skip("PyTorch has no kernel for float16")
    assert outcomes[0] == outcomes[1]


PAIRS = [(a, b) for a in ODD for b in ODD]


@pytest.mark.parametrize("name", [*BINARY, "gcd", "bitwise_left_shift"])
def test_types_of_results_of_pairs(name):
    for a, b in PAIRS:
        outcomes = []
        for library in (torch, mytorch):
            try:
                outcomes.append(str(named(library, name)(library.tensor(a), library.tensor(b)).dtype))
            except (RuntimeError, TypeError) as error:
                outcomes.append(type(error))
        assert outcomes[0] == outcomes[1], (a.dtype, b.dtype)


NUMBERS = "copysign(t,2.0) copysign(i,-1) float_power(t,2) float_power(2,t) float_power(i,i) xlogy(2,t) xlogy(t,2)"
NUMBERS += " special.xlog1py(2,t) special.xlog1py(h,2) special.zeta(2,t) special.zeta(t,2) bitwise_left_shift(2,i)"
NUMBERS += (
    " bitwise_right_shift(i,1) hypot(t,2) fmax(t,2.0) gcd(i,2) ldexp(t,2) copysign(2.0,t) xlogy(2,3) nextafter(t,1)"
)
NUMBERS += " xlogy(h,2) copysign(h,-2) float_power(h,0.5) igamma(t,2) logit(t,0.25) mvlgamma(t,2) nan_to_num(t,1.0)"


@pytest.mark.parametrize("call", NUMBERS.split())
def test_numbers_as_arguments(call):
    name, arguments = call[:-1].split("(")
    outcomes = []
    for library in (torch, mytorch):
        t, i = library.tensor([2.5, 0.5]), library.tensor([3, 0])
        given = eval(arguments, {"t": t, "i": i, "h": t.half()})
        try:
            outcomes.append(named(library, name)(*given))
        except (RuntimeError, TypeError) as error:
            outcomes.append(type(error))
    if isinstance(outcomes[0], type):
        assert outcomes[0] is outcomes[1]
    else:
        tolerance = 2e-3 if outcomes[0].dtype == torch.float16 else 1e-6
        compare(outcomes[1], outcomes[0], call, rtol=tolerance)


def test_names_of_special_functions_and_of_in_place_functions():
    assert set(mytorch.special.__all__) <= set(dir(torch.special))
    from mytorch import inplace_functions

    for name in inplace_functions.__all__:
        assert callable(getattr(torch, name))


def test_complex_parts():
    z = np.array([[1 + 2j, -3 + 0j], [0j, -1j]])
    for name in ("real", "imag", "angle", "abs", "conj", "conj_physical", "sgn", "view_as_real", "isreal"):
        ours, theirs = named(mytorch, name)(mytorch.tensor(z)), named(torch, name)(torch.tensor(z))
        np.testing.assert_allclose(ours.numpy(), theirs.resolve_conj().numpy(), rtol=1e-14, err_msg=name)
        if name != "conj":
            assert tuple(ours.stride()) == theirs.stride()


@pytest.mark.parametrize("p", [1, 2, 2.5, INF])
@pytest.mark.parametrize("dim", [0, -1])
def test_renorm(p, dim):
    values = np.random.default_rng(0).normal(size=(3, 2, 4))
    values[:, 0, :2] = 0
    results = []
    for library in (torch, mytorch):
        x = library.tensor(values, requires_grad=True)
        out = library.renorm(x, p, dim, 1.5)
        (out * out).sum().backward()
        results.append((out, x.grad))
    for theirs, ours in zip(*results, strict=True):
        compare(ours, theirs, "renorm")
