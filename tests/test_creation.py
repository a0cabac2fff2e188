"""Making tensors, without PyTorch: choice of types, ranges, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mytorch as torch


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, "int64"), (1.5, "float32"), (True, "bool"), (1j, "complex64"), ([], "float32"), ([1, 2.5], "float32"), ([True, 2], "int64"), (np.float64(1), "float64"),
        (np.ones(2), "float64"), (np.ones(2, np.int16), "int16"), ([np.float32(1)], "float32"), (range(3), "int64"), ((1, 2), "int64"), ([[1], [2]], "int64"),
    ],
)  # fmt: skip
def test_types_are_chosen_as_by_pytorch(data, dtype):
    assert torch.tensor(data).dtype is getattr(torch, dtype)


def test_the_default_type_can_be_changed():
    torch.set_default_dtype(torch.float64)
    assert torch.get_default_dtype() is torch.float64
    for x in (
        torch.tensor(1.5),
        torch.zeros(2),
        torch.arange(0.5),
        torch.linspace(0, 1, 2),
        torch.eye(2),
        torch.rand(2),
        torch.full((1,), 0.5),
    ):
        assert x.dtype is torch.float64
    assert torch.tensor(1j).dtype is torch.complex128
    with pytest.raises(TypeError, match="only floating-point types"):
        torch.set_default_dtype(torch.int64)


def test_tensors_and_arrays_inside_sequences():
    assert torch.tensor([torch.tensor(1), torch.tensor(2.5)]).tolist() == [1.0, 2.5]
    assert torch.tensor([torch.ones(1), 2]).shape == (2,)
    assert torch.tensor([np.ones(2), [0, 1]]).dtype is torch.float64
    assert torch.tensor([np.int8(1), torch.tensor(2, dtype=torch.int16)]).dtype is torch.int16
    assert torch.tensor([range(2), (3, 4)]).tolist() == [[0, 1], [3, 4]]
    assert torch.tensor(bytearray(b"a")).tolist() == [97]
    assert torch.tensor([2**64 - 1], dtype=torch.uint64).tolist() == [2**64 - 1]


def test_doubtful_conversions_are_warned_of():
    with pytest.warns(UserWarning, match="To copy construct from a tensor"):
        assert torch.tensor(torch.ones(2)).tolist() == [1, 1]
    fixed = np.broadcast_to(np.ones(1), (2,))
    with pytest.warns(UserWarning, match="The given NumPy array is not writable"):
        assert torch.from_numpy(fixed).tolist() == [1, 1]
    with pytest.warns(UserWarning, match="The given buffer is not writable"):
        assert torch.asarray(b"ab", dtype=torch.uint8).tolist() == [97, 98]
    with pytest.warns(UserWarning, match="pass the indexing argument"):
        assert torch.meshgrid(torch.ones(1))[0].tolist() == [1]
    with pytest.warns(UserWarning, match="use torch.arange"):
        assert torch.range(0, 1, 0.5).tolist() == [0, 0.5, 1]
    with pytest.warns(UserWarning, match="please use torch.set_default_dtype"):
        torch.set_default_tensor_type(torch.DoubleTensor)
    assert torch.get_default_dtype() is torch.float64
    with pytest.warns(UserWarning, match="not one of 'highest'"):
        torch.set_float32_matmul_precision("low")


def test_asarray_shares_copies_and_detaches():
    a, x = np.ones(2), torch.ones(2, requires_grad=True)
    assert np.shares_memory(torch.asarray(a).numpy(), a)
    assert not np.shares_memory(torch.asarray(a, copy=True).numpy(), a)
    with pytest.warns(UserWarning, match="unspecified requires_grad"):
        assert torch.asarray(x) is x
    assert torch.asarray(x, requires_grad=True) is x
    assert not torch.asarray(x, requires_grad=False).requires_grad
    assert torch.asarray([1.0], requires_grad=True).is_leaf
    assert torch.asarray(np.float32(2)).dtype is torch.float32
    assert torch.as_tensor([1], dtype=torch.float64).dtype is torch.float64
    assert torch.frombuffer(bytearray(4), dtype=torch.int16, count=1, offset=2).tolist() == [0]


def test_memory_order():
    x = torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last)
    assert torch.rand_like(x).stride() == torch.zeros_like(x).stride() == x.stride()
    assert torch.ones_like(x, memory_format=torch.contiguous_format).is_contiguous()
    assert torch.zeros_like(torch.zeros(3, 1).expand(3, 4)).stride() == (4, 1)
    assert torch.full_like(torch.zeros(4, 6)[:, ::2].t(), 7).stride() == (1, 3)
    assert torch.empty_strided((2, 3), (0, 0)).stride() == (0, 0)
    assert x.new_empty_strided((2,), (3,)).dtype is torch.float32
    assert x.new_full((1,), 2.5, dtype=torch.int64).tolist() == [2]
    assert torch.tensor([1]).new_tensor([1.5]).tolist() == [1]


def test_grids_of_vectors():
    a, b = torch.arange(2), torch.arange(3)
    for indexing in ("ij", "xy"):
        grids = torch.meshgrid(a, b, torch.tensor(5), indexing=indexing)
        for ours, theirs in zip(grids, np.meshgrid(a, b, 5, indexing=indexing), strict=True):
            np.testing.assert_array_equal(ours.numpy(), theirs)
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    torch.cartesian_prod(x, x).sum().backward()
    assert x.grad.tolist() == [4, 4]
    assert torch.cartesian_prod(x) is x
    assert torch.combinations(a, r=0).shape == (0,)
    assert torch.combinations(torch.arange(3), with_replacement=True).shape == (6, 2)
    assert torch.vander(b, increasing=True).tolist() == [[1, 0, 0], [1, 1, 1], [1, 2, 4]]
    assert torch.vander(b, N=0).shape == (3, 0)
    assert torch.tril_indices(3, 4, 1).tolist() == np.stack(np.tril_indices(3, 1, 4)).tolist()


@pytest.mark.parametrize("name", ["hann", "hamming", "bartlett", "blackman"])
def test_windows_are_numpys(name):
    numpy = getattr(np, name + "ing" * (name == "hann"))
    window = getattr(torch, f"{name}_window")
    for n in (1, 2, 3, 4, 33):
        np.testing.assert_allclose(window(n, False, dtype=torch.float64).numpy(), numpy(n), atol=1e-15)
        if n > 1:
            np.testing.assert_allclose(window(n, dtype=torch.float64).numpy(), numpy(n + 1)[:-1], atol=1e-15)
    assert window(0).shape == (0,)
    np.testing.assert_allclose(torch.kaiser_window(9, False, 5.0).numpy(), np.kaiser(9, 5.0), rtol=1e-6)


def test_typed_tensors():
    assert torch.HalfTensor().shape == (0,)
    assert torch.IntTensor(torch.Size([2, 3])).dtype is torch.int32
    assert torch.ShortTensor(size=(2,)).shape == (2,)
    assert torch.CharTensor(np.ones(2)).dtype is torch.int8
    x = torch.ones(2)
    assert torch.FloatTensor(x).data_ptr() == x.data_ptr()
    assert isinstance(x, torch.FloatTensor)
    assert not isinstance(x, torch.LongTensor)
    assert repr(torch.BoolTensor) == "<class 'torch.BoolTensor'>"
    assert torch.typename(x.long()) == "torch.LongTensor"
    assert torch.typename(torch.nn.Linear(1, 1)).endswith(".Linear")
    assert torch.typename(3) == "int"


def test_threads():
    before = torch.get_num_threads()
    try:
        for count in (3, 1):
            torch.set_num_threads(count)
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(before)


def test_settings():
    torch.set_num_interop_threads(4)
    assert torch.get_num_interop_threads() == 1
    for level, word in enumerate(("default", "warn", "error")):
        torch.set_deterministic_debug_mode(word)
        assert torch.get_deterministic_debug_mode() == level
        assert torch.are_deterministic_algorithms_enabled() == (level > 0)
        assert torch.is_deterministic_algorithms_warn_only_enabled() == (level == 1)
    torch.use_deterministic_algorithms(False)
    assert str(torch.get_default_device()) == "cpu"
    assert not torch.set_flush_denormal(True)
    assert torch.set_flush_denormal(False)


def test_questions():
    x = torch.ones(2, 3)
    assert torch.is_floating_point(x)
    assert not torch.is_complex(x)
    assert torch.is_signed(x)
    assert torch.numel(x) == 6
    assert torch.is_same_size(x, x + 1)
    assert not torch.is_conj(x)
    assert not torch.is_neg(x)
    assert not torch.is_inference(x)


def test_a_forked_stream():
    torch.manual_seed(0)
    with torch.random.fork_rng():
        first = torch.randn(3)
    assert torch.randn(3).equal(first)
    with torch.random.fork_rng(enabled=False):
        torch.rand(1)
    assert not torch.randn(3).equal(first)


def test_drawn_tensors_have_gradients_of_zero():
    p, mean = torch.full((3,), 0.5, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    (torch.bernoulli(p) + torch.normal(mean, p) + torch.normal(0.0, p) + torch.poisson(p)).sum().backward()
    assert p.grad.tolist() == [0, 0, 0]
    assert mean.grad.shape == (2, 3)
    with torch.no_grad():
        assert not torch.bernoulli(p).requires_grad
    assert torch.binomial(torch.tensor([4.0]), torch.tensor([1.0])).tolist() == [4]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: torch.tensor("a"), TypeError, "invalid data type 'str': expected numbers or nested sequences of numbers, got 'a'"),
        (lambda: torch.tensor([1, None]), RuntimeError, "Could not infer dtype of NoneType: expected numbers"),
        (lambda: torch.tensor([[1, 2], [3]]), ValueError, r"expected sequence of length 2 at dim 1 \(got 1\)"),
        (lambda: torch.tensor([[1, 2], 3]), TypeError, "not a sequence: expected one of length 2 at dim 1, got 3"),
        (lambda: torch.tensor([1, [2]]), TypeError, "'list' object cannot be interpreted as a number"),
        (lambda: torch.tensor([torch.ones(2)]), ValueError, "only one element tensors"),
        (lambda: torch.tensor([1], pin_memory=True), RuntimeError, "pin_memory=True requires"),
        (lambda: torch.tensor([1], requires_grad=True), RuntimeError, "nly Tensors of floating point and complex dtype"),
        (lambda: torch.tensor(2**64), ValueError, "Overflow when unpacking long long"),
        (lambda: torch.tensor([2**63, -1]), ValueError, "Overflow when unpacking long long"),
        (lambda: torch.tensor(1j, dtype=torch.float32), TypeError, "must be real number, not complex"),
        (lambda: torch.tensor([300], dtype=torch.uint8), RuntimeError, "cannot be converted to type uint8 without overflow"),
        (lambda: torch.tensor([float("nan")], dtype=torch.int64), RuntimeError, "without overflow"),
        (lambda: torch.tensor(1, dtype="float32"), TypeError, "dtype must be a torch.dtype"),
        (lambda: torch.tensor(np.array(["a"])), TypeError, "can't convert np.ndarray of type numpy.str_"),
        (lambda: torch.from_numpy([1]), TypeError, r"expected np.ndarray \(got list\)"),
        (lambda: torch.from_numpy(np.array([1], np.longdouble)), TypeError, "The only supported types are: float16"),
        (lambda: torch.from_numpy(np.array([1], ">f4")), ValueError, "byte order different"),
        (lambda: torch.from_numpy(np.arange(3)[::-1]), ValueError, "negative strides"),
        (lambda: torch.from_numpy(np.zeros(2, "i1,f4")["f1"]), ValueError, "strides not a multiple of the element byte size"),
        (lambda: torch.asarray([1], copy=False), ValueError, "can't alias arbitrary sequence"),
        (lambda: torch.asarray(np.ones(1), dtype=torch.float32, copy=False), ValueError, "dtype 'Double' into dtype 'Float'"),
        (lambda: torch.frombuffer([1], dtype=torch.int8), ValueError, "buffer protocol"),
        (lambda: torch.frombuffer(bytearray(), dtype=torch.int8), ValueError, "must not be 0"),
        (lambda: torch.frombuffer(bytearray(2), dtype=torch.int8, offset=2), ValueError, "minus 1"),
        (lambda: torch.frombuffer(bytearray(3), dtype=torch.int16), ValueError, "must be a multiple of element size"),
        (lambda: torch.frombuffer(bytearray(3), dtype=torch.int16, count=2), ValueError, "must not be greater than actual"),
        (lambda: torch.zeros(-1), RuntimeError, "negative dimension -1"),
        (lambda: torch.zeros(1.5), TypeError, "sizes as integers"),
        (lambda: torch.zeros(2, dtyp=torch.int64), TypeError, "unexpected keyword argument 'dtyp'"),
        (lambda: torch.zeros(2, size=(2,)), TypeError, "multiple values for argument 'size'"),
        (lambda: torch.zeros(), TypeError, "missing 1 required positional arguments: 'size'"),
        (lambda: torch.zeros(2, layout="dense"), RuntimeError, "no layout but torch.strided here, got dense"),
        (lambda: torch.empty(2, memory_format=torch.preserve_format), RuntimeError, "unsupported memory format"),
        (lambda: torch.empty(2, memory_format=torch.channels_last), RuntimeError, "required rank 4"),
        (lambda: torch.full(2, 1), TypeError, "must be tuple of ints, not int"),
        (lambda: torch.full((2,), 300, dtype=torch.uint8), RuntimeError, "type uint8 without overflow"),
        (lambda: torch.empty_strided((2, 3), (1,)), RuntimeError, r"sizes \(2\) must match dimensionality of strides \(1\)"),
        (lambda: torch.empty_strided((2,), (-1,)), RuntimeError, "must not be negative"),
        (lambda: torch.empty_permuted((2, 3), (0,)), RuntimeError, "does not match the length of the physical_layout"),
        (lambda: torch.empty_permuted((2, 3), (0, 0)), RuntimeError, "Duplicate dim not allowed"),
        (lambda: torch.empty_permuted((2, 3), (0, 2)), RuntimeError, "Dimension out of range"),
        (lambda: torch.arange(), TypeError, "expected an end, a start and an end"),
        (lambda: torch.arange(3, step=2), TypeError, "expected an end, a start and an end"),
        (lambda: torch.arange(1j), RuntimeError, "cannot be converted to type double"),
        (lambda: torch.arange(0, float("inf")), RuntimeError, "unsupported range: 0 -> inf"),
        (lambda: torch.arange(1e20), RuntimeError, "invalid size"),
        (lambda: torch.arange(0, 3, 0.5, dtype=torch.int64), ValueError, "step must be nonzero"),
        (lambda: torch.arange(3, dtype=torch.bool), NotImplementedError, "not implemented for 'Bool'"),
        (lambda: torch.range(3), TypeError, "missing 1 required"),
        (lambda: torch.linspace(torch.ones(1), 2, 3), RuntimeError, "0-dimensional start and end"),
        (lambda: torch.linspace(0, 1, 2.5), TypeError, "argument 'steps' must be int, not float"),
        (lambda: torch.linspace(0, 1, 3, dtype=torch.bool), NotImplementedError, "not implemented for 'Bool'"),
        (lambda: torch.logspace(0, 1, 3, base=1j), TypeError, "must be float, not complex"),
        (lambda: torch.tril_indices(-1, 2), RuntimeError, "row must be non-negative, got -1"),
        (lambda: torch.triu_indices(1, 2, dtype=torch.float32), NotImplementedError, "not implemented for 'Float'"),
        (lambda: torch.meshgrid(), RuntimeError, "non-empty TensorList"),
        (lambda: torch.meshgrid(torch.ones(1, 1), indexing="ij"), RuntimeError, "Expected 0D or 1D tensor"),
        (lambda: torch.meshgrid(torch.ones(1), torch.arange(1), indexing="ij"), RuntimeError, "the same dtype"),
        (lambda: torch.meshgrid(torch.ones(1), indexing="yx"), RuntimeError, "but received: yx"),
        (lambda: torch.cartesian_prod(torch.ones(1, 1)), RuntimeError, "Expect a 1D vector"),
        (lambda: torch.combinations(torch.ones(2), r=-1), RuntimeError, "non-negative number"),
        (lambda: torch.vander(torch.ones(1, 1)), RuntimeError, "one-dimensional"),
        (lambda: torch.vander(torch.ones(1), N=-1), RuntimeError, "N must be non-negative"),
        (lambda: torch.hann_window(-1), RuntimeError, "requires non-negative window_length, got window_length=-1"),
        (lambda: torch.kaiser_window(3, dtype=torch.int64), RuntimeError, "expects floating point dtypes, got: torch.int64"),
        (lambda: torch.complex(torch.ones(2), torch.ones(3)), RuntimeError, "must match the size of tensor b"),
        (lambda: torch.complex(torch.ones(2), torch.ones(2).double()), RuntimeError, "Float but got scalar type Double"),
        (lambda: torch.polar(torch.ones(2).long(), torch.ones(2)), RuntimeError, "Half, Float or Double tensors but got Long"),
        (lambda: torch.polar(torch.ones(2).half(), torch.ones(2).half()), NotImplementedError, "Half"),
        (lambda: torch.complex(torch.ones(2, requires_grad=True), torch.ones(2)), RuntimeError, "derivatives of complex"),
        (lambda: torch.arange(0, 3, 0), RuntimeError, "step must be nonzero"),
        (lambda: torch.arange(3, 0), RuntimeError, "inconsistent with step sign"),
        (lambda: torch.linspace(0, 1, -1), RuntimeError, "non-negative"),
        (lambda: torch.eye(-1), RuntimeError, "greater or equal to 0"),
        (lambda: torch.ones_like(3), TypeError, "must be Tensor, not int"),
        (lambda: torch.scalar_tensor("a"), TypeError, "must be Number"),
        (lambda: torch.full((2,), "a"), TypeError, "argument 'fill_value' must be Number, not str"),
        (lambda: torch.ones(1, device="tpu"), RuntimeError, "device type at start of device string: tpu"),
        (lambda: torch.randint(5, 3, (2,)), RuntimeError, "to be less than"),
        (lambda: torch.randint(3), TypeError, "must be tuple of ints"),
        (lambda: torch.randint((2,)), TypeError, "takes an upper bound"),
        (lambda: torch.normal(torch.ones(2), 1.0, (2,)), TypeError, "a size and a tensor"),
        (lambda: torch.rand(2, generator=3), TypeError, "must be Generator, not int"),
        (lambda: torch.ones(2).random_(1, 2, 3), TypeError, "takes no bounds"),
        (lambda: torch.ones(2).random_(2.5), TypeError, "expects integers as bounds, got float"),
        (lambda: torch.ones(2).uniform_(frm=1), TypeError, "unexpected keyword argument 'frm'"),
        (lambda: torch.ones(2).bernoulli_(torch.ones(3)), RuntimeError, "must match the size"),
        (lambda: torch.multinomial(torch.ones(2), 1.5), TypeError, "'num_samples' .* must be int, not float"),
        (lambda: torch.poisson(torch.arange(2)), NotImplementedError, "not implemented for 'Long'"),
        (lambda: torch.binomial(torch.arange(2), torch.ones(2)), ValueError, "only supports floating-point dtypes for count"),
        (lambda: torch.binomial(torch.ones(2), torch.ones(2).double()), RuntimeError, "Found dtype torch.float64 but expected"),
        (lambda: torch.binomial(torch.ones(2).half(), torch.ones(2).half()), NotImplementedError, "Half"),
        (lambda: torch.FloatTensor(2.5), TypeError, r"must be a sequence \(got float\)"),
        (lambda: torch.FloatTensor("a"), TypeError, "invalid data type 'str'"),
        (lambda: torch.LongTensor(torch.ones(2)), TypeError, "expected a tensor of torch.int64, got one of torch.float32"),
        (lambda: torch.set_default_tensor_type(torch.float32), TypeError, "invalid type object"),
        (lambda: torch.set_default_device("cuda"), RuntimeError, "no tensor can be put on 'cuda'"),
        (lambda: torch.set_num_threads(0), RuntimeError, "positive integer"),
        (lambda: torch.set_num_threads(1.5), RuntimeError, "expects an int, but got float"),
        (lambda: torch.set_num_interop_threads(0), RuntimeError, "positive integer"),
        (lambda: torch.use_deterministic_algorithms(1), TypeError, "must be bool, not int"),
        (lambda: torch.set_deterministic_debug_mode(7), RuntimeError, "expected 0, 1, or 2"),
        (lambda: torch.set_deterministic_debug_mode(1.5), TypeError, "must be str or int"),
        (lambda: torch.is_nonzero(torch.ones(2)), RuntimeError, "more than one value"),
        (lambda: torch.numel(3), TypeError, "must be Tensor, not int"),
        (lambda: torch.Generator().set_state(3), TypeError, "expected a torch.ByteTensor, but got int"),
        (lambda: torch.set_rng_state(torch.ones(3)), TypeError, "must be a torch.ByteTensor"),
        (lambda: torch.random.fork_rng([0]).__enter__(), RuntimeError, "there is no GPU"),
        (lambda: torch.normal(0.0, 1.0), TypeError, "size is needed"),
    ],
)  # fmt: skip
def test_mistakes_are_explained(call, error, message):
    with pytest.raises(error, match=message):
        call()


@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-5, 5))
def test_arange_of_integers_is_pythons_range(start, end, step):
    if step and (end - start) * step >= 0:
        assert torch.arange(start, end, step).tolist() == list(range(start, end, step))


@given(st.floats(-10, 10), st.floats(-10, 10), st.integers(0, 50))
def test_linspace_has_its_ends_and_equal_steps(start, end, steps):
    x = torch.linspace(start, end, steps, dtype=torch.float64)
    assert x.shape == (steps,)
    if steps > 1:
        assert (x[0].item(), x[-1].item()) == (start, end)
        np.testing.assert_allclose(np.diff(x.numpy()), (end - start) / (steps - 1), atol=1e-12)


def test_shapes_are_given_in_any_way():
    for x in (
        torch.zeros(2, 3),
        torch.zeros((2, 3)),
        torch.zeros([2, 3]),
        torch.zeros(torch.Size([2, 3])),
        torch.zeros(size=(2, 3)),
        torch.ones(np.int64(2), 3),
    ):
        assert x.shape == (2, 3)
    assert torch.zeros(()).shape == torch.tensor(0.0).shape == ()


def test_like():
    x = torch.tensor([[1, 2]])
    for make, value in ((torch.zeros_like, 0), (torch.ones_like, 1)):
        assert make(x).tolist() == [[value, value]]
        assert make(x, dtype=torch.float64, requires_grad=True).requires_grad
    assert torch.full_like(x, 3.7).tolist() == [[3, 3]]
    assert torch.empty_like(x).dtype is torch.int64
    for make in (torch.rand_like, torch.randn_like):
        assert make(torch.zeros(2, dtype=torch.float64)).dtype is torch.float64
    assert torch.randint_like(torch.zeros(3), 5, 6).tolist() == [5.0, 5.0, 5.0]


def test_random_tensors_repeat_with_the_seed():
    draws = []
    for _ in range(2):
        torch.manual_seed(5)
        draws.append(
            [
                torch.rand(3),
                torch.randn(20),
                torch.randint(10, (4,)),
                torch.randperm(5),
                torch.bernoulli(torch.full((5,), 0.5)),
                torch.multinomial(torch.ones(4), 2),
                torch.normal(torch.zeros(2), 1.0),
            ]
        )
    for a, b in zip(*draws, strict=True):
        assert a.equal(b)
    assert torch.initial_seed() == 5
    state = torch.get_rng_state()
    a = torch.rand(3)
    torch.set_rng_state(state)
    assert a.equal(torch.rand(3))
    assert torch.randint(low=2, high=3, size=(2,)).tolist() == [2, 2]


def test_requires_grad_from_the_start():
    for x in (
        torch.tensor([1.0], requires_grad=True),
        torch.zeros(1, requires_grad=True),
        torch.rand(1, requires_grad=True),
        torch.full((1,), 1.0, requires_grad=True),
        torch.eye(1, requires_grad=True),
    ):
        assert x.requires_grad
        assert x.is_leaf
