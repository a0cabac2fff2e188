"""PyTorch's own samples of its operators (`op_db`, with which it tests itself), run on mytorch and compared.

For every operator that mytorch has: values, shapes and types in six element types, gradients and second gradients in
float64, as a function, a method and in place, with `out=`, and what must be refused. An operator that appears in mytorch
is picked up by itself; what it does not have is listed in `ABSENT`, and the list has to be kept.
"""
# ruff: noqa: SIM905 - many names read best as text

from __future__ import annotations

import functools
import itertools
import os
import types
import warnings

import numpy as np
import pytest
import torch

import mytorch

pytest.importorskip("expecttest", reason="PyTorch's operator samples need it: pip install '.[parity]'")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db
from torch.utils._pytree import tree_flatten, tree_map

pytestmark = pytest.mark.filterwarnings("ignore")  # of both libraries, about what the samples do on purpose

ALL_SAMPLES = bool(os.environ.get("ALL_SAMPLES"))  # set it to run every sample (some minutes)
DTYPES = ("float64", "float32", "float16", "int64", "uint8", "bool")
TOLERANCE = {"float32": 2e-4, "float16": 1e-2, "complex64": 2e-4}  # and 1e-7 for all others

# Operators that mytorch does not have: PyTorch's names, without those of variants.
ABSENT = set(
    """
    bfloat16 chalf fft.fft fft.fft2 fft.fftn fft.fftshift fft.hfft fft.hfft2 fft.hfftn fft.ifft fft.ifft2 fft.ifftn
    fft.ifftshift fft.ihfft fft.ihfft2 fft.ihfftn fft.irfft fft.irfft2 fft.irfftn fft.rfft fft.rfft2 fft.rfftn fill
    grid_sampler_2d grid_sampler_3d hash_tensor istft linalg.ldl_factor linalg.ldl_factor_ex linalg.ldl_solve
    masked.amax masked.amin masked.argmax masked.argmin masked.cumprod masked.cumsum masked.log_softmax
    masked.logaddexp masked.logsumexp masked.mean masked.median masked.norm masked.normalize masked.prod
    masked.softmax masked.softmin masked.std masked.sum masked.var max_pool2d_with_indices_backward native_batch_norm
    native_dropout_backward native_group_norm native_layer_norm nn.functional.ctc_loss
    nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d nn.functional.grid_sample
    nn.functional.linear_cross_entropy signal.windows.bartlett
    signal.windows.blackman signal.windows.cosine signal.windows.exponential signal.windows.gaussian
    signal.windows.general_cosine signal.windows.general_hamming signal.windows.hamming signal.windows.hann
    signal.windows.kaiser signal.windows.nuttall slice special.airy_ai special.bessel_j0 special.bessel_j1
    special.bessel_y0 special.bessel_y1 special.chebyshev_polynomial_t special.chebyshev_polynomial_u
    special.chebyshev_polynomial_v special.chebyshev_polynomial_w special.hermite_polynomial_h
    special.hermite_polynomial_he special.laguerre_polynomial_l special.legendre_polynomial_p
    special.modified_bessel_i0 special.modified_bessel_i1 special.modified_bessel_k0 special.modified_bessel_k1
    special.scaled_modified_bessel_k0 special.scaled_modified_bessel_k1 special.shifted_chebyshev_polynomial_t
    special.shifted_chebyshev_polynomial_u special.shifted_chebyshev_polynomial_v
    special.shifted_chebyshev_polynomial_w special.spherical_bessel_j0 stft to_sparse
    """.split()
)

# Differences that are meant, as they are named in the test's id, each with its reason.
NO_COMPLEX = "there are no derivatives through complex numbers"
KNOWN = {f"{name}-float64": NO_COMPLEX for name in ("view_as_complex", "complex", "polar", "cdouble", "cfloat")}
KNOWN["narrow_copy-errors"] = "PyTorch fails in an assertion of its own"
KNOWN["as_strided_scatter-float64"] = "PyTorch's gradient of the first argument is where the second was written"
KNOWN |= dict.fromkeys(
    ("cholesky_inverse-float64", "cholesky_solve-float64"),
    "PyTorch's gradient of the triangle that is not looked at is not 0",
)
KNOWN["matrix_exp-float16"] = "PyTorch computes it in float16, where sums on the way overflow"
KNOWN |= {f"linalg.{name}-float64": "complex results have no gradients" for name in ("eig", "eigvals")}
KNOWN |= dict.fromkeys(
    ("linalg.norm-float64", "linalg.norm.subgradients_at_zero-float64"),
    "PyTorch's second derivative of the norm 0 is NaN, not the derivative of its first",
)

# The signs of their vectors are arbitrary. PyTorch's samples say what of the result is not.
ANY_SIGN = ("linalg.eig", "linalg.eigh", "linalg.svd", "pca_lowrank", "svd", "svd_lowrank")

# Of equal elements, PyTorch returns the index of any.
ANY_OF_EQUAL = {"argsort": 0, "sort": 0, "mode": 0, "topk": 1, "kthvalue": 1}  # and which argument is the dimension

# PyTorch has these in place only, and names them here without the underscore.
RANDOM_METHODS = ("cauchy", "exponential", "geometric", "log_normal", "uniform")

UNINITIALIZED = ("empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided")


# --- from PyTorch's operators to ours --------------------------------------------------------------------------------


def name_of(op):
    return op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")


def found(name):
    """Our function of that (dotted) name: of the library, or of its tensors."""
    place = mytorch
    for part in name.split("."):
        place = getattr(place, part, None)
    if callable(place) and not isinstance(place, mytorch.dtype):
        return place
    return getattr(mytorch.Tensor, f"{name}_" if name in RANDOM_METHODS else name, None)


def with_seed(function, *args, **kwargs):
    """What PyTorch's samples of random functions are run under."""
    mytorch.manual_seed(42)
    return function(*args, **kwargs)


def translated(function, name):
    """Our counterpart of a function: of the same name, or, of a function written in the samples, the same code."""
    if isinstance(function, types.FunctionType) and function.__module__.startswith("torch.testing."):
        names = function.__globals__ | {"torch": mytorch, "wrapper_set_seed": with_seed}
        return types.FunctionType(
            function.__code__, names, function.__name__, function.__defaults__, function.__closure__
        )
    return found(name)


def counterpart(method):
    """Our method of the same name."""
    return translated(method, None) if method.__name__ == "<lambda>" else getattr(mytorch.Tensor, method.__name__)


def here(op):
    return not op.name.startswith(("_", "jiterator", "ops.", "sparse", "torch.")) and found(op.name) is not None


OPERATORS = {name_of(op): op for op in op_db if here(op)}
# A class of PyTorch cannot be an argument of our functions; tests/parity/test_losses.py has this loss.
del OPERATORS["nn.functional.triplet_margin_with_distance_loss"]


# --- from PyTorch's values to ours -----------------------------------------------------------------------------------


def strided_copy(tensor):
    """A copy with the same strides."""
    tensor = tensor.detach()
    if not tensor.numel():
        return tensor.clone()
    span = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.as_strided((span,), (1,)).clone().as_strided(tensor.shape, tensor.stride())


def copied(value):
    return strided_copy(value).requires_grad_(value.requires_grad) if isinstance(value, torch.Tensor) else value


class NotOursError(Exception):
    """A sample uses a type, a device or a layout that mytorch does not have, or more dimensions than NumPy does."""


def converted(value):
    if isinstance(value, torch.Tensor):
        known = hasattr(mytorch, str(value.dtype)[6:]) and value.device.type == "cpu" and value.layout == torch.strided
        if not known or value.ndim > 64:
            raise NotOursError(str(value.dtype))
        return mytorch.from_numpy(strided_copy(value).numpy()).requires_grad_(value.requires_grad)
    if isinstance(value, (torch.dtype, torch.memory_format, torch.layout)):
        name = str(value).removeprefix("torch.")
        if not hasattr(mytorch, name):
            raise NotOursError(name)
        return getattr(mytorch, name)
    if isinstance(value, torch.device):
        return mytorch.device(str(value))
    return value


def arguments(sample, convert):
    return tree_map(convert, (sample.input, sample.args, sample.kwargs))


def leaves(value):
    return tree_flatten(value, is_leaf=lambda v: isinstance(v, (torch.Size, mytorch.Size)))[0]


def tensors(values, kind, wanted=lambda t: True):
    return [value for value in leaves(values) if isinstance(value, kind) and wanted(value)]


# --- comparing -------------------------------------------------------------------------------------------------------


def assert_equal(theirs, ours, what, factor=1):
    """Same kind, type, shape and values. In float16, where PyTorch sums in it, errors are as large as the summands."""
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, mytorch.Tensor), f"{what} is {type(ours).__name__}, not a tensor"
        assert str(ours.dtype) == str(theirs.dtype), f"{what} has type {ours.dtype}, not {theirs.dtype}"
        assert tuple(ours.shape) == tuple(theirs.shape), f"{what} has shape {ours.shape}, not {theirs.shape}"
        a, b = theirs.detach().resolve_conj().resolve_neg().numpy(force=True), ours.detach().numpy()
        tolerance = factor * TOLERANCE.get(str(a.dtype), 1e-7)
        largest = np.nanmax(np.abs(a[np.isfinite(a)]), initial=0.0) if a.dtype == np.float16 else 0.0
    elif isinstance(theirs, (bool, int, float, complex)):
        assert type(ours) is type(theirs), what
        a, b, tolerance, largest = theirs, ours, 1e-7, 0.0
    else:
        assert tuple(ours) == tuple(theirs), what
        return
    assert np.allclose(a, b, tolerance, tolerance * (1 + largest), equal_nan=True), f"{what} differs:\n{a}\nours:\n{b}"


def gradients(library, results, inputs, cotangents, create_graph):
    return library.autograd.grad(results, inputs, cotangents, allow_unused=True, create_graph=create_graph)


def gradients_of_pytorch(*args):
    """None where it has no derivative."""
    try:
        return gradients(torch, *args)
    except RuntimeError as error:
        if "not implemented" in str(error):
            return None
        raise


def assert_equal_gradients(theirs, ours, what, factor=1):
    """None and zeros are the same gradient."""
    for index, (a, b) in enumerate(zip(theirs, ours, strict=True)):
        if a is None or b is None:
            known = a if b is None else b
            assert known is None or not known.detach().numpy(force=True).any(), f"{what} {index}: only one has it"
        else:
            assert_equal(a, b, f"{what} {index}", factor)


def compare_gradients(op, theirs, ours, given, our_given):
    """First and second gradients, from the same random cotangents."""
    inputs = tensors(given, torch.Tensor, lambda t: t.requires_grad)
    our_inputs = tensors(our_given, mytorch.Tensor, lambda t: t.requires_grad)
    pairs = [(a, b) for a, b in zip(leaves(theirs), leaves(ours), strict=True) if isinstance(a, torch.Tensor)]
    for a, b in pairs:
        assert a.requires_grad == b.requires_grad, f"requires_grad is {b.requires_grad}, not {a.requires_grad}"
    pairs = [(a, b) for a, b in pairs if a.requires_grad]
    if not inputs or not pairs:
        return
    random = torch.Generator().manual_seed(1)
    twice = op.supports_gradgrad

    def cotangents(of, requires_grad):
        made = [torch.randn(a.shape, generator=random, dtype=a.dtype).requires_grad_(requires_grad) for a in of]
        return made, [converted(c) for c in made]

    seeds, our_seeds = cotangents([a for a, _ in pairs], twice)
    first = gradients_of_pytorch([a for a, _ in pairs], inputs, seeds, twice)
    if first is None:
        return
    our_first = gradients(mytorch, [b for _, b in pairs], our_inputs, our_seeds, twice)
    assert_equal_gradients(first, our_first, "gradient")
    pairs = [(a, b) for a, b in zip(first, our_first, strict=True) if a is not None and b is not None]
    pairs = [(a, b) for a, b in pairs if a.requires_grad]
    if not twice or not pairs:
        return
    assert all(b.requires_grad for _, b in pairs), "a gradient is not differentiable"
    seconds, our_seconds = cotangents([a for a, _ in pairs], False)
    second = gradients_of_pytorch([a for a, _ in pairs], [*inputs, *seeds], seconds, False)
    if second is None:
        return
    our_second = gradients(mytorch, [b for _, b in pairs], [*our_inputs, *our_seeds], our_seconds, False)
    assert_equal_gradients(second, our_second, "second gradient", 10)


def variants(op):
    """What to call, in PyTorch and here: the function, the method, the method that writes in place."""
    yield "function", op.op, translated(op.op, op.name)
    if op.method_variant is not None:
        yield "method", op.method_variant, counterpart(op.method_variant)
    if op.inplace_variant is not None and not op.name.startswith("nn."):
        yield "in place", on_a_clone(op.inplace_variant), on_a_clone(counterpart(op.inplace_variant))


def on_a_clone(function):
    """A leaf that requires a gradient may not be written to."""
    return lambda x, *args, **kwargs: function(x.clone() if x.requires_grad else x, *args, **kwargs)


def outcome(function, sample, convert):
    """The arguments, and the result or the error that a function gives for them."""
    given = arguments(sample, convert)
    torch.default_generator.manual_seed(7)  # `torch.manual_seed` takes 0.5 ms
    mytorch.manual_seed(7)
    try:
        return given, function(given[0], *given[1], **given[2]), None
    except Exception as error:
        return given, None, error


def picked(name, indices, given):
    """The values that `sort` and its kin, given these arguments, say are at these places."""
    x, args, options = given
    position = ANY_OF_EQUAL[name]
    dim = args[position] if len(args) > position else options.get("dim", -1)
    return torch.take_along_dim(x.detach(), indices if indices.ndim == x.ndim else indices.unsqueeze(dim), dim)


def compare(op, sample, dtype, theirs, ours):
    given, expected, refused = outcome(theirs, sample, copied)
    if refused is not None:  # some samples are not meant for all types and variants
        return
    if tensors(expected, torch.Tensor, lambda t: not hasattr(mytorch, str(t.dtype)[6:])):
        raise NotOursError
    our_given, result, error = outcome(ours, sample, converted)
    if error is not None:
        raise error
    if op.name in ANY_SIGN:
        expected, result = (sample.output_process_fn_grad(value) for value in (expected, result))
    pairs = list(zip(leaves(expected), leaves(result), strict=True))
    if op.name in UNINITIALIZED:
        assert [a.shape for a, _ in pairs] == [tuple(b.shape) for _, b in pairs]
        return
    for index, (a, b) in enumerate(pairs):
        if op.name in ANY_OF_EQUAL and a.dtype == torch.int64 and given[0].ndim and index == len(pairs) - 1:
            a, b = picked(op.name, a, given), picked(op.name, torch.from_numpy(b.numpy()), given)
            assert torch.equal(a, b), "indices of other values"
        else:
            assert_equal(a, b, f"result {index}")
    if dtype == "float64" and op.supports_autograd:
        compare_gradients(op, expected, result, given, our_given)


# --- the tests -------------------------------------------------------------------------------------------------------


def cases(names_and_values):
    """Parameters of a test; those in `KNOWN` are expected to fail."""
    return [
        pytest.param(*values, id=name, marks=[pytest.mark.xfail(reason=KNOWN[name])] if name in KNOWN else [])
        for values, name in names_and_values
    ]


def described(sample):
    def short(value):
        return f"{tuple(value.shape)}" if isinstance(value, torch.Tensor) else value

    return str(tree_map(short, (sample.input, sample.args, sample.kwargs)))


@functools.cache
def samples_of(name, dtype):
    """An even choice of the first few hundred: some operators have thousands, and these differ little."""
    op, most = OPERATORS[name], 32 if dtype == "float64" else 10
    torch.default_generator.manual_seed(0)
    needs = op.supports_autograd and dtype == "float64"
    made = op.sample_inputs_func(op, "cpu", getattr(torch, dtype), needs)  # `sample_inputs` is this, 10 ms slower
    if ALL_SAMPLES:
        return list(made)
    first = list(itertools.islice(made, 200))
    return first[:: max(-(-len(first) // most), 1)]


def of_all_types():
    for name, op in OPERATORS.items():
        for dtype in DTYPES:
            if getattr(torch, dtype) in op.supported_dtypes("cpu"):
                yield (name, dtype), f"{name}-{dtype}"


@pytest.mark.parametrize(("name", "dtype"), cases(of_all_types()))
def test_values_and_gradients(name, dtype):
    op, complaints = OPERATORS[name], []
    for variant, theirs, ours in variants(op):
        for sample in samples_of(name, dtype):
            if variant == "in place" and sample.broadcasts_input:
                continue
            try:
                compare(op, sample, dtype, theirs, ours)
            except NotOursError:
                continue
            except Exception as error:
                complaints.append(f"{variant} {described(sample)}\n{type(error).__name__}: {error}")
    assert not complaints, f"{len(complaints)} samples differ:\n" + "\n".join(complaints[:3])


def first_type(op):
    return next((d for d in DTYPES if getattr(torch, d) in op.supported_dtypes("cpu")), None)


WITH_OUT = {n: op for n, op in OPERATORS.items() if op.supports_out and op.name not in UNINITIALIZED}


@pytest.mark.parametrize("name", cases(((name,), f"{name}-out") for name in WITH_OUT))
def test_out(name):
    """Into memory of the right shape (every other element of an array), and into an empty tensor."""
    op, dtype, checked = OPERATORS[name], first_type(OPERATORS[name]), 0
    ours = translated(op.op, op.name)
    for sample in samples_of(name, dtype)[:5]:
        if not takes_out(op, sample):
            continue
        with mytorch.no_grad():
            _, expected, refused = outcome(ours, sample, converted)
            assert refused is None
            results = tensors(expected, mytorch.Tensor)
            for outs in (
                [mytorch.zeros((*r.shape, 2), dtype=r.dtype)[..., 0] for r in results],
                [mytorch.empty(0, dtype=r.dtype) for r in results],
            ):
                into = functools.partial(ours, out=outs[0] if len(outs) == 1 else tuple(outs))
                _, back, error = outcome(into, sample, converted)
                if error is not None:
                    raise error
                assert all(a is b for a, b in zip(tensors(back, mytorch.Tensor), outs, strict=True))
                for out, result in zip(outs, results, strict=True):
                    assert_same_array(out, result, described(sample))
        checked += 1
    if not checked:
        pytest.skip("PyTorch does not take out= in the first samples")


def takes_out(op, sample):
    """Whether PyTorch does, for this sample."""
    with torch.no_grad():
        _, expected, refused = outcome(op.op, sample, copied)
        if refused is None:
            outs = [torch.empty_like(r) for r in tensors(expected, torch.Tensor)]
            into = functools.partial(op.op, out=outs[0] if len(outs) == 1 else tuple(outs))
            _, _, refused = outcome(into, sample, copied)
    return refused is None


def assert_same_array(out, result, what):
    assert out.dtype == result.dtype
    np.testing.assert_array_equal(out.numpy(), result.detach().numpy(), err_msg=what)


@pytest.mark.parametrize(
    "name", cases(((n,), f"{n}-errors") for n, op in OPERATORS.items() if op.error_inputs_func is not None)
)
def test_what_is_refused(name):
    op, ours, complaints = OPERATORS[name], translated(OPERATORS[name].op, OPERATORS[name].name), []
    for wrong in op.error_inputs_func(op, "cpu"):
        sample = wrong.sample_input
        _, _, expected = outcome(op.op, sample, copied)
        try:
            _, _, error = outcome(ours, sample, converted)
        except NotOursError:
            continue
        if expected is not None and not isinstance(error, type(expected)):
            got = f"{type(error).__name__}: {error}" if error else "no error"
            complaints.append(f"{described(sample)}\n{type(expected).__name__}: {expected}\nours: {got}")
    assert not complaints, "\n".join(complaints)


def test_no_operator_is_left_out_in_silence():
    scope = {op.name for op in op_db if not op.name.startswith(("_", "jiterator", "ops.", "sparse", "torch."))}
    absent = {name for name in scope if found(name) is None}
    assert not absent - ABSENT, "operators that were there are gone"
    assert not ABSENT - absent, "these have come: take them out of ABSENT"
