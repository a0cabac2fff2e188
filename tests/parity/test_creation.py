"""Making tensors as the live PyTorch does: values, shapes, types, memory layout."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import mytorch

pytestmark = pytest.mark.filterwarnings("ignore")

CALLS = """
T.tensor(1); T.tensor(1.5); T.tensor(True); T.tensor(1j); T.tensor([]); T.tensor([[]]); T.tensor([[], []]); T.tensor([1, 2.5]); T.tensor([True, 2]); T.tensor([True, False])
T.tensor((1, (2))); T.tensor([(1, 2), [3, 4]]); T.tensor(range(3)); T.tensor([1, 2], dtype=T.float64); T.tensor([1.7, -1.7], dtype=T.int64); T.tensor([1.5, 0], dtype=T.bool)
T.tensor(np.ones(2)); T.tensor(np.float32(1)); T.tensor([np.float64(1.0), 2]); T.tensor([np.int32(1), np.int32(2)]); T.tensor(np.arange(3, dtype=np.int16)); T.tensor([np.ones(2), np.zeros(2)])
T.tensor(T.ones(2)); T.tensor([T.tensor(1), T.tensor(2)]); T.tensor([T.tensor(1.5), 2]); T.tensor([-1], dtype=T.uint8); T.tensor(2**62); T.tensor(-(2**63)); T.tensor([255], dtype=T.uint8)
T.tensor([1.0], requires_grad=True); T.as_tensor([1, 2]); T.as_tensor(np.arange(3)); T.as_tensor(3.5, dtype=T.float64); T.as_tensor(T.ones(2), dtype=T.int32); T.scalar_tensor(3); T.scalar_tensor(True)
T.zeros(2); T.zeros(2, 3); T.zeros((2, 3)); T.zeros([2]); T.zeros(()); T.zeros(0); T.zeros(2, dtype=T.int64); T.ones(2, dtype=T.bool); T.ones(T.Size([2, 1])); T.zeros(size=(2, 3))
T.full((2,), 7); T.full((2,), 0.5); T.full((2,), True); T.full((), 3); T.full((2,), 3, dtype=T.float64); T.full((2,), T.tensor(2.5)); T.full([2, 0], 1.0)
T.zeros_like(x); T.ones_like(x, dtype=T.int32); T.full_like(x, 3); T.full_like(i, 2.7); T.empty_like(x).shape; T.zeros_like(i.t()); T.ones_like(b)
T.arange(3); T.arange(3.0); T.arange(1, 4); T.arange(1, 4, 2); T.arange(0, 1, 0.1); T.arange(5, 0, -2); T.arange(0); T.arange(2, 2); T.arange(3, dtype=T.float64); T.arange(0.5, 3); T.arange(1, 2.5, 0.5)
T.arange(start=1, end=5); T.arange(5, dtype=T.int32); T.arange(0, 2, 0.3, dtype=T.float64); T.arange(-3, 3); T.arange(T.tensor(3)); T.arange(10.5); T.arange(2**40, 2**40 + 3); T.arange(1, 1.05, 0.01)
T.linspace(0, 1, 5); T.linspace(0, 1, 1); T.linspace(0, 1, 0); T.linspace(1, -1, 7); T.linspace(0, 10, 11, dtype=T.float64); T.linspace(0, 9, 4, dtype=T.int64); T.linspace(start=0, end=3, steps=4)
T.linspace(0.1, 0.7, 23); T.linspace(-3, 5, 100); T.eye(3); T.eye(2, 3); T.eye(3, 2, dtype=T.int64); T.eye(0)
T.from_numpy(np.arange(4).reshape(2, 2).T); x.new_zeros(2, 3); x.new_ones((2,)); i.new_full((2,), 7); x.new_tensor([1, 2]); i.new_tensor([1.5]); x.new_zeros(2, dtype=T.bool); T.Tensor([1, 2]); T.Tensor(2, 3).shape
T.Tensor().shape; x.clone(); x.to(T.float64); x.to("cpu"); x.to("cpu", T.int32); x.to(i); x.to(x); x.type(T.float16); x.half(); x.double(); x.int(); x.long(); x.short(); x.byte(); x.bool(); x.float(); i.type(T.float32)
"""
CALLS = [call.strip() for line in CALLS.strip().splitlines() for call in line.split(";")]


def made(library, call):
    names = {
        "T": library, "np": np, "x": library.tensor([[1.5, -2.0, 0.0]]), "i": library.tensor([[1, 2], [3, 4]]),
        "b": library.tensor([True, False]),
    }  # fmt: skip
    return eval(call, names)


@pytest.mark.parametrize("call", CALLS)
def test_same_tensor(call):
    ours, theirs = made(mytorch, call), made(torch, call)
    if not isinstance(theirs, torch.Tensor):
        assert tuple(ours) == tuple(theirs)
        return
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert ours.stride() == theirs.stride() or not theirs.numel() or "expand" in call
    assert ours.requires_grad == theirs.requires_grad
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), rtol=2e-7, atol=1e-7 if "linspace" in call else 0
    )


def test_memory_is_shared_or_copied_as_there():
    for lib in (mytorch, torch):
        a = np.zeros(2, np.float32)
        assert np.shares_memory(lib.from_numpy(a).numpy(), a)
        assert np.shares_memory(lib.as_tensor(a).numpy(), a)
        assert not np.shares_memory(lib.tensor(a).numpy(), a)
        t = lib.ones(2)
        assert lib.as_tensor(t) is t
        assert t.to(lib.float32) is t
        assert t.to(lib.float32, copy=True) is not t
        assert t.contiguous() is t
        assert np.shares_memory(t.detach().numpy(), t.numpy())
        assert np.shares_memory(t.view(2, 1).numpy(), t.numpy())
        assert not np.shares_memory(t.clone().numpy(), t.numpy())


def test_limits_of_types():
    for name in ("float16", "float32", "float64"):
        ours, theirs = mytorch.finfo(getattr(mytorch, name)), torch.finfo(getattr(torch, name))
        for field in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype"):
            assert getattr(ours, field) == getattr(theirs, field), (name, field)
    for name in ("uint8", "int8", "int16", "int32", "int64"):
        ours, theirs = mytorch.iinfo(getattr(mytorch, name)), torch.iinfo(getattr(torch, name))
        assert (ours.bits, ours.max, ours.min, ours.dtype) == (theirs.bits, theirs.max, theirs.min, theirs.dtype)
