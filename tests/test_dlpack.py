"""DLPack with NumPy: both ways, in the same memory, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import mytorch as torch

DTYPES = [
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "bool",
    "complex64",
    "complex128",
]


class Old:
    """A library that speaks only the first version of the protocol."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self):
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Elsewhere(Old):
    def __dlpack_device__(self):
        return (2, 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_there_and_back(dtype):
    x = torch.tensor([[0, 1, 1], [1, 0, 1]]).to(getattr(torch, dtype))[:, 1:]
    array = np.from_dlpack(x)
    assert (array.dtype, array.shape, array.strides) == (x.array.dtype, x.array.shape, x.array.strides)
    y = torch.from_dlpack(array)
    assert (y.dtype, y.shape, y.stride()) == (x.dtype, x.shape, x.stride())
    y[0, 0] = 0
    assert x.tolist() == y.tolist() == [[0, 1], [0, 1]]
    assert x.is_set_to(y) is False  # the memory of y begins where x does


@pytest.mark.parametrize("wrapped", [lambda a: a, Old, lambda a: a.__dlpack__()], ids=["new", "old", "capsule"])
def test_memory_is_shared_and_can_be_written(wrapped):
    array = np.zeros(3, np.float32)
    x = torch.from_dlpack(wrapped(array))
    x.add_(1)
    x[1:].as_strided((3,), (1,), 0).mul_(2)
    assert array.tolist() == [2.0, 2.0, 2.0]


def test_capsules_can_be_used_once():
    x = torch.ones(2)
    capsule = torch.utils.dlpack.to_dlpack(x)
    torch.utils.dlpack.from_dlpack(capsule).zero_()
    assert x.tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="can be consumed only once"):
        torch.from_dlpack(capsule)


def test_the_memory_outlives_the_tensor():
    array = np.from_dlpack(torch.arange(1000))
    x = torch.from_dlpack(np.arange(1000))
    assert array.sum() == x.sum().item() == 499500


def test_copies():
    array = np.zeros(2)
    torch.from_dlpack(array, copy=True).add_(1)
    assert array.tolist() == [0.0, 0.0]
    torch.from_dlpack(array, copy=False, device="cpu").add_(1)
    assert array.tolist() == [1.0, 1.0]


def test_memory_that_must_not_be_written_stays_so():
    array = np.zeros(2)
    array.flags.writeable = False
    x = torch.from_dlpack(array)
    with pytest.raises(ValueError, match="read-only"):
        x.add_(1)
    with pytest.raises(BufferError, match="readonly"):
        torch.utils.dlpack.to_dlpack(x)
    assert not np.from_dlpack(x).flags.writeable


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: np.from_dlpack(torch.ones(2, requires_grad=True)), BufferError, "Can't export tensors that require"),
        (lambda: torch.ones(2).__dlpack__(stream=1), AssertionError, "stream should be None on cpu"),
        (lambda: torch.from_dlpack(3), TypeError, "expected an array that has __dlpack__, got int"),
        (lambda: torch.from_dlpack(Elsewhere(np.ones(2))), RuntimeError, "on a device of DLPack's kind 2"),
        (lambda: torch.from_dlpack(np.ones(2), device="cuda"), RuntimeError, "computes on the CPU only"),
        (lambda: torch.from_dlpack(Old(np.ones(2)), copy=True), TypeError, "unexpected keyword argument"),
        (lambda: torch.from_dlpack(np.ones(2, np.longdouble)), BufferError, "DLPack"),
        (lambda: torch.utils.dlpack.to_dlpack(3), TypeError, "argument must be Tensor, not int"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_detached_tensor_is_exported():
    assert np.from_dlpack(torch.ones(2, requires_grad=True).detach()).tolist() == [1.0, 1.0]
    assert torch.ones(2).__dlpack_device__() == (1, 0)
