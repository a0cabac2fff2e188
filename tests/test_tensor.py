"""The array object: what it is, how it gets in and out, copies, and its side of autograd."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import weakref

import numpy as np
import pytest

import mytorch as torch


def test_what_it_is():
    x = torch.zeros(2, 3)
    assert (x.ndim, x.dim(), x.numel(), x.nelement(), x.element_size(), x.nbytes, x.itemsize) == (2, 2, 6, 6, 4, 24, 4)
    assert x.shape == x.size() == (2, 3)
    assert (x.size(0), x.size(-1)) == (2, 3)
    assert (x.device, x.is_cuda, x.dtype) == (torch.device("cpu"), False, torch.float32)
    assert x.is_floating_point()
    assert not torch.tensor(1).is_floating_point()
    assert torch.tensor(1j).is_complex()
    assert x.type() == "torch.FloatTensor"
    assert torch.tensor(1).type() == "torch.LongTensor"
    assert isinstance(x.data_ptr(), int)
    assert torch.is_tensor(x)


def test_size_is_a_tuple_that_prints_as_pytorchs():
    size = torch.zeros(2, 3).shape
    assert repr(size) == "torch.Size([2, 3])"
    assert size.numel() == 6
    assert size == (2, 3)
    assert repr(size[1:]) == "torch.Size([3])"
    more = (4,)
    assert repr(size + more) == "torch.Size([2, 3, 4])"
    assert size[0] == 2
    a, b = size
    assert (a, b) == (2, 3)


def test_numbers_come_out():
    assert torch.tensor([[2.5]]).item() == 2.5
    assert type(torch.tensor([3]).item()) is int
    assert (float(torch.tensor(2.5)), int(torch.tensor(2.9)), complex(torch.tensor(1.0))) == (2.5, 2, 1 + 0j)
    assert [10, 20, 30][torch.tensor(1)] == 20
    assert list(range(torch.tensor(3))) == [0, 1, 2]
    assert torch.tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert "%.1f" % torch.tensor(2.0) == "2.0"  # noqa: UP031
    with pytest.raises(RuntimeError, match="a Tensor with 2 elements cannot be converted to Scalar"):
        torch.ones(2).item()
    for convert in (float, int, complex):
        with pytest.raises(ValueError, match="only one element tensors can be converted to Python scalars"):
            convert(torch.ones(2))
    with pytest.raises(TypeError, match="converted to an index"):
        [1][torch.tensor(0.0)]


def test_truth():
    assert torch.tensor([3.0])
    assert not torch.tensor(0)
    for x, what in ((torch.ones(2), "more than one value"), (torch.ones(0), "no values")):
        with pytest.raises(RuntimeError, match=f"Boolean value of Tensor with {what} is ambiguous"):
            bool(x)


def test_length_iteration_membership_hash():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    assert [row.tolist() for row in x] == [[1.0, 2.0], [3.0, 4.0]]
    assert 3 in x
    assert torch.tensor(5.0) not in x
    assert len({x, x, torch.ones(1)}) == 2
    for call in (len, iter):
        with pytest.raises(TypeError, match="0-d tensor"):
            call(torch.tensor(1))
    with pytest.raises(RuntimeError, match="only supports Tensor or scalar"):
        "a" in x  # noqa: B015
    w = x.clone().requires_grad_()
    sum(row.sum() * (i + 1) for i, row in enumerate(w)).backward()
    assert w.grad.tolist() == [[1.0, 1.0], [2.0, 2.0]]


def test_to_numpy_and_back_shares_memory():
    a = np.zeros((2, 2), np.float32)
    x = torch.from_numpy(a)
    a[0, 0] = 5
    assert x[0, 0].item() == 5
    x[1, 1] = 7
    assert a[1, 1] == 7
    assert x.numpy() is a or np.shares_memory(x.numpy(), a)
    assert np.asarray(x).dtype == np.float32
    assert np.array(x, dtype=np.float64).dtype == np.float64
    assert not np.shares_memory(np.array(x, copy=True), a)
    w = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"Use tensor.detach\(\).numpy\(\) instead"):
        w.numpy()
    assert w.numpy(force=True).tolist() == [1.0, 1.0]
    assert w.detach().numpy().tolist() == [1.0, 1.0]


def test_conversions():
    x = torch.tensor([1.7, -0.5])
    assert x.long().tolist() == [1, 0]
    assert x.to(torch.float64).dtype is torch.float64
    assert x.to(float).dtype is torch.float64
    assert x.to("cpu") is x
    assert x.to(torch.device("cpu"), torch.float16).dtype is torch.float16
    assert x.to(torch.tensor(1)).dtype is torch.int64
    assert x.type(torch.int32).dtype is torch.int32
    assert x.type_as(torch.tensor(True)).tolist() == [True, True]
    assert x.cpu() is x
    for name, dtype in (
        ("half", "float16"),
        ("double", "float64"),
        ("int", "int32"),
        ("short", "int16"),
        ("byte", "uint8"),
        ("bool", "bool"),
    ):
        assert getattr(torch.ones(1), name)().dtype is getattr(torch, dtype)
    for call in (x.cuda, lambda: x.to("cuda:0"), lambda: torch.ones(1, device="cuda")):
        with pytest.raises(RuntimeError, match="computes on the CPU only"):
            call()
    with pytest.raises(TypeError, match="invalid argument"):
        x.to(object())


def test_integers_have_no_gradients():
    w = torch.ones(2, requires_grad=True)
    assert not w.long().requires_grad
    assert not (w > 0).requires_grad
    assert not w.argmax().requires_grad
    x = torch.tensor([1])
    for ask in (
        x.requires_grad_,
        lambda: setattr(x, "requires_grad", True),
        lambda: torch.ones(1, dtype=torch.int64, requires_grad=True),
        lambda: torch.nn.Parameter(x),
    ):
        with pytest.raises(RuntimeError, match="nly Tensors of floating point and complex dtype can require gradients"):
            ask()
    assert not x.requires_grad


def test_a_result_cannot_be_told_that_it_needs_no_gradient():
    y = torch.ones(2, requires_grad=True) * 2
    for ask in (lambda: y.requires_grad_(False), lambda: setattr(y, "requires_grad", False)):
        with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf variables"):
            ask()
    y.requires_grad = True
    with pytest.raises(RuntimeError, match="requires_grad must be a bool"):
        y.requires_grad = 1
    assert y.requires_grad


def test_derivatives_of_complex_tensors_are_refused():
    z = torch.tensor([1 + 2j])
    x = torch.ones(1, requires_grad=True)
    for ask in (z.requires_grad_, lambda: x * z, lambda: x * 1j, lambda: x.to(torch.complex64)):
        with pytest.raises(RuntimeError, match="derivatives of complex tensors are not offered"):
            ask()
    with torch.no_grad():
        assert (x * z).item() == 1 + 2j


def test_copies():
    w = torch.ones(2, requires_grad=True)
    w.note = "mine"
    (w * 2).sum().backward()
    deep, shallow = copy.deepcopy(w), copy.copy(w)
    assert (deep.requires_grad, deep.is_leaf, deep.note) == (True, True, "mine")
    assert not np.shares_memory(deep.detach().numpy(), w.detach().numpy())
    assert deep.grad.tolist() == [2.0, 2.0]
    assert deep.grad is not w.grad
    assert np.shares_memory(shallow.detach().numpy(), w.detach().numpy())
    assert shallow.requires_grad
    pair = copy.deepcopy([w, w])
    assert pair[0] is pair[1]
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(w * 2)


def test_pickling_is_refused():
    with pytest.raises(TypeError, match="safetensors"):
        pickle.dumps(torch.ones(1))


def test_grad_is_checked():
    w = torch.ones(2, requires_grad=True)
    w.grad = torch.zeros(2)
    for value, error, message in (
        (1, TypeError, "expected to be a Tensor or None"),
        (torch.zeros(3), RuntimeError, "different size"),
        (torch.zeros(2, dtype=torch.float64), RuntimeError, "different type"),
    ):
        with pytest.raises(error, match=message):
            w.grad = value
    w.grad = None
    assert w.grad is None


def test_data_and_detach():
    w = torch.ones(2, requires_grad=True)
    w.data.mul_(3)
    assert w.tolist() == [3.0, 3.0]
    assert not w.data.requires_grad
    w.data = torch.zeros(4)
    assert w.shape == (4,)
    y = (w * 2).detach()
    assert (y.requires_grad, y.is_leaf) == (False, True)


def test_requires_grad_of_results_cannot_be_taken_back():
    y = torch.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="leaf variables"):
        y.requires_grad_(False)
    assert y.requires_grad_() is y


def test_new_tensors_of_the_same_type():
    x = torch.ones(2, dtype=torch.float64)
    assert x.new_zeros(2, 3).shape == (2, 3)
    assert x.new_ones((3,)).dtype is torch.float64
    assert x.new_full((2,), 7).tolist() == [7.0, 7.0]
    assert x.new_tensor([1]).dtype is torch.float64
    assert x.new_empty(0).shape == (0,)
    assert x.new_zeros(2, requires_grad=True).requires_grad


def test_the_class_itself():
    assert torch.Tensor([1, 2]).dtype is torch.float32
    assert torch.Tensor(2, 3).shape == (2, 3)
    assert torch.Tensor().shape == (0,)
    assert torch.Tensor(torch.ones(2)).tolist() == [1.0, 1.0]


def test_a_tensor_is_freed_at_once():
    gc.disable()
    try:
        x = torch.ones(2)
        alive = weakref.ref(x)
        del x
        assert alive() is None
    finally:
        gc.enable()


def test_methods_and_functions_are_the_same():
    for name in ("exp", "add", "sum", "reshape", "matmul", "where", "gather"):
        assert callable(getattr(torch, name))
        assert callable(getattr(torch.Tensor, name))
    assert torch.Tensor.exp is inspect.unwrap(torch.exp)
    assert torch.Tensor.exp.__doc__.startswith("e^x")


def test_one_kind_of_memory():
    x = torch.ones(2)
    assert (x.is_cpu, x.is_sparse, x.is_quantized, x.is_meta, x.is_mkldnn) == (True, False, False, False, False)
    assert x.layout is torch.strided
    assert repr(x.layout) == "torch.strided"
    assert (x.get_device(), x.is_pinned(), x.is_shared(), x.is_inference()) == (-1, False, False, False)
    assert (x.is_conj(), x.is_neg()) == (False, False)
    assert x.pin_memory() is x
    assert x.is_same_size(torch.zeros(2))
    assert not x.is_same_size(torch.zeros(2, 1))
    assert [torch.ones(1).to(t).is_signed() for t in (torch.int8, torch.uint8, torch.bool)] == [True, False, False]
    assert torch.tensor(2).is_nonzero()
    with pytest.raises(RuntimeError, match="ambiguous"):
        x.is_nonzero()
    with pytest.raises(RuntimeError, match="share_memory_"):
        x.share_memory_()
    for format in (torch.channels_last, torch.preserve_format, torch.strided):
        assert copy.deepcopy(format) is format


def test_storage():
    x = torch.arange(4, dtype=torch.int16)
    y = x[1:]
    memory, bytes_ = y.storage(), y.untyped_storage()
    assert (memory.tolist(), len(memory), memory.size(), memory.nbytes()) == ([0, 1, 2, 3], 4, 4, 8)
    assert (memory.dtype, memory.element_size(), memory[1], memory[1:3]) == (torch.int16, 2, 1, [1, 2])
    assert (len(bytes_), bytes_.nbytes(), bytes_.element_size()) == (8, 8, 1)
    assert memory.untyped().tolist() == bytes_.tolist() == [0, 0, 1, 0, 2, 0, 3, 0]
    assert memory.data_ptr() == bytes_.data_ptr() == x.data_ptr() == y.data_ptr() - 2
    assert (memory.is_shared(), memory.is_pinned(), memory.is_cuda, memory.device.type) == (False, False, False, "cpu")
    memory[2] = 20
    assert (x[2].item(), list(memory)) == (20, [0, 1, 20, 3])
    assert repr(bytes_).endswith(" 0\n[torch.storage.UntypedStorage(device=cpu) of size 8]")
    assert torch.zeros(0, 3).untyped_storage().nbytes() == 0
    assert x[4:].untyped_storage().nbytes() == 8
    assert torch.zeros(0).data_ptr() == 0


def test_showing_the_same_memory():
    x = torch.arange(6.0).view(2, 3)
    assert x.is_set_to(x.view(2, 3))
    assert not x.is_set_to(x.view(3, 2))
    assert not x.is_set_to(x.clone())
    y = torch.zeros(1)
    assert y.set_(x) is y
    assert y.is_set_to(x)
    y.mul_(2)
    assert x.tolist() == [[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]]


def test_memory_formats():
    x = torch.arange(24.0).view(1, 2, 3, 4).requires_grad_()
    y = x.to(memory_format=torch.channels_last)
    assert y.stride() == (24, 1, 8, 2)
    assert (y.is_contiguous(), y.is_contiguous(memory_format=torch.channels_last)) == (False, True)
    assert y.to(memory_format=torch.channels_last) is y
    assert y.contiguous(memory_format=torch.channels_last) is y
    assert y.contiguous().stride() == x.stride()
    assert y.tolist() == x.tolist()
    (y * y).sum().backward()
    assert x.grad.tolist() == (2 * x).tolist()
    for call in (torch.Tensor.contiguous, torch.Tensor.clone, torch.Tensor.to, torch.Tensor.double):
        with pytest.raises(RuntimeError, match="required rank 4 tensor to use channels_last format"):
            call(torch.ones(2, 3), memory_format=torch.channels_last)
    with pytest.raises(RuntimeError, match="preserve memory format is unsupported"):
        torch.ones(2).contiguous(memory_format=torch.preserve_format)


def test_turned():
    x = torch.ones(2, 3, 4)
    with pytest.warns(UserWarning, match=r"use of `x.T` on tensors of dimension other than 2"):
        assert x.T.shape == (4, 3, 2)
    for name in ("T", "mT", "H", "mH"):
        assert getattr(x[0], name).shape == (4, 3)
        with pytest.warns(UserWarning, match=f"Tensor.{name} is deprecated on 0-D tensors"):
            assert getattr(torch.tensor(1.0), name).shape == ()
    assert torch.ones(3).T.shape == (3,)
    for name in ("mT", "mH"):
        assert getattr(x, name).shape == (2, 4, 3)
        with pytest.raises(RuntimeError, match=f"tensor.{name} is only supported on matrices or batches of matrices"):
            getattr(torch.ones(3), name)
    with pytest.raises(RuntimeError, match=r"tensor.adjoint\(\) is only supported on matrices"):
        torch.ones(3).adjoint()
    for y in (x, torch.ones(3)):
        with pytest.raises(RuntimeError, match=rf"tensor.H is only supported on matrices .* Got {y.ndim}-D tensor"):
            _ = y.H
    assert torch.tensor([[1 + 2j, 3]]).mH.tolist() == [[1 - 2j], [3 - 0j]]


def test_arguments_of_to():
    x = torch.ones(2)
    assert x.to("cpu", torch.float64, True, False).dtype is torch.float64
    assert x.to(None, torch.int8).dtype is torch.int8
    assert x.to(torch.float32, False, True) is not x
    assert x.to(copy=True) is not x
    assert x.to(torch.zeros(1, dtype=torch.int8), True).dtype is torch.int8
    assert x.to(None) is x.to(dtype=None) is x
    for wrong in ((1.5,), (torch.float32, torch.float64), (torch.float32, True, True, True), ("cpu", 3.0)):
        with pytest.raises(TypeError, match="to\\(\\) received an invalid argument"):
            x.to(*wrong)
    with pytest.raises(TypeError, match="must be Tensor, not int"):
        x.type_as(3)


def test_names_of_types():
    assert torch.ones(1).type("torch.IntTensor").type() == "torch.IntTensor"
    assert torch.ones(1).type(torch.LongTensor).dtype is torch.int64
    assert torch.ones(1).cdouble().type() == "torch.ComplexDoubleTensor"
    with pytest.raises(ValueError, match=r"invalid type: 'torch.Foo'"):
        torch.ones(1).type("torch.Foo")


def test_python_protocols():
    x = torch.arange(3)
    assert reversed(x).tolist() == [2, 1, 0]
    assert reversed(torch.tensor(1)).item() == 1
    with pytest.raises(TypeError, match="does not support deleting items"):
        del x[0]
    assert x.apply_(lambda v: v * 2).tolist() == [0, 2, 4]
    assert x.map_(torch.tensor(1), lambda a, b: a + b).tolist() == [1, 3, 5]
    with pytest.raises(IndexError, match="Dimension out of range"):
        x.stride(1)


def test_dimensions_have_a_limit():
    x = torch.ones([1] * 64)
    for call in (
        lambda: x.unsqueeze(0),
        lambda: x.reshape([1] * 65),
        lambda: x.view([1] * 65),
        lambda: x[0].expand([1] * 65),
    ):
        with pytest.raises(RuntimeError, match="only tensors with up to 64 dims are supported"):
            call()
