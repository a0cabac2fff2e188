"""Tensors of PyTorch and of mytorch in the same memory, by DLPack."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import mytorch

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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("source", "target"), [(mytorch, torch), (torch, mytorch)], ids=["out", "in"])
def test_both_ways(source, target, dtype):
    x = source.tensor([[0, 1, 1], [1, 0, 1]]).to(getattr(source, dtype)).t()[1:]
    y = target.from_dlpack(x)
    assert (str(y.dtype), tuple(y.shape), y.stride()) == (str(x.dtype), tuple(x.shape), x.stride())
    assert y.data_ptr() == x.data_ptr()
    y[0, 0] = 0
    assert x.tolist() == y.tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize(("source", "target"), [(mytorch, torch), (torch, mytorch)], ids=["out", "in"])
def test_capsules(source, target):
    x = source.zeros(2)
    target.utils.dlpack.from_dlpack(source.utils.dlpack.to_dlpack(x)).add_(1)
    assert x.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("T", [mytorch, torch], ids=["mytorch", "torch"])
def test_what_both_refuse(T):
    with pytest.raises(BufferError, match=r"Can't export tensors that require gradient, use tensor.detach"):
        np.from_dlpack(T.ones(2, requires_grad=True))
    with pytest.raises(AssertionError, match="stream should be None on cpu"):
        T.ones(2).__dlpack__(stream=1)
    capsule = T.utils.dlpack.to_dlpack(T.ones(2))
    T.from_dlpack(capsule)
    with pytest.raises(RuntimeError, match="can be consumed only once"):
        T.from_dlpack(capsule)
    assert T.ones(2).__dlpack_device__() == (1, 0)
