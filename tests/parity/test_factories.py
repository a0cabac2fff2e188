"""Factories, settings and questions as the live PyTorch has them: results, warnings, and what is refused with which error."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch

import mytorch

# Each call is evaluated with `T` as either library: tensors must have the same type, shape, strides and values, other
# results must be equal, errors must be of the same class, and there must be as many warnings.
CALLS = """
T.arange(); T.arange(0, 3, 0); T.arange(3, 0); T.arange(0, inf); T.arange(0, nan); T.arange(0, 3, nan); T.arange("a"); T.arange(1, 2, 3, 4); T.arange(True); T.arange(start=1); T.arange(end=3)
T.arange(1, end=3); T.arange(3, step=2); T.arange(0, 3, step=2); T.arange(3, dtype=T.bool); T.arange(3, dtype=T.complex64); T.arange(1j); T.arange(T.tensor([1, 2])); T.arange(T.tensor(2.5))
T.arange(np.float64(2.5)); T.arange(0, 1e20); T.arange(300, dtype=T.uint8); T.arange(0.0, 3, 1, dtype=T.int64); T.arange(2**63); T.arange(-0.9, 2.1, 2, dtype=T.int64); T.arange(-0.9, 2.1, 2, dtype=T.uint8)
T.arange(0, 7, 0.5, dtype=T.int64); T.arange(5, 0, -0.7); T.arange(3, layout=T.strided, pin_memory=False, requires_grad=False); T.arange(3, requires_grad=True); T.arange(3.0, requires_grad=True)
T.linspace(0, 1); T.linspace(0, 1, -1); T.linspace(0, 1, 2.5); T.linspace(0, 1, steps=T.tensor(3)); T.linspace(1j, 2, 3); T.linspace(T.tensor(1j), 2, 3); T.linspace(T.tensor(1), T.tensor(2.0), 3, dtype=T.float64)
T.linspace(T.ones(1), 2, 3); T.linspace(0, 1, 3, dtype=T.bool); T.linspace(0, 1, 3, dtype=T.complex64); T.linspace("a", 1, 3); T.linspace(-300, 1, 3, dtype=T.uint8); T.linspace(4.3, -3, 50, dtype=T.int64)
T.linspace(4.3, -3, 50, dtype=T.int32); T.linspace(0, 50, 17, dtype=T.uint8); T.linspace(0.1, 0.7, 23); T.linspace(1e-3, 7.7, 77, dtype=T.float16); T.linspace(-3, 5, 100, dtype=T.float64)
T.logspace(0, 2, 3); T.logspace(0, 2, 3, 2); T.logspace(0, 2, 3, base=-2); T.logspace(0, 2, 3, base=2, dtype=T.int64); T.logspace(T.tensor(0), 2, 3); T.logspace(T.ones(1), 2, 3); T.logspace(0, 2, -3)
T.logspace(0, 2, 3, base=1j); T.logspace(0, 2, 0); T.logspace(0, 2, 1); T.logspace(-1, 1, 20, dtype=T.float64); T.logspace(-1, 1.7, 33); T.logspace(0, 3, 7, dtype=T.int32)
T.range(0, 3); T.range(3); T.range(0, 1, 0.3); T.range(0, 3, dtype=T.int64); T.range(0, 3, 0); T.range(3, 0)
T.eye(-1); T.eye(2, -1); T.eye(2.5); T.eye(2, dtype=T.bool); T.eye(2, dtype=T.complex64); T.eye(3, m=2)
T.full((2,), "a"); T.full((2,), 1j); T.full((2,), True); T.full((2,), T.tensor([1, 2])); T.full((2,), T.tensor(3)); T.full((2,), T.tensor(2.5, dtype=T.float64)); T.full((2,), np.float64(2.5))
T.full((2,), 300, dtype=T.uint8); T.full((2,), -1, dtype=T.uint8); T.full((2,), inf, dtype=T.int64); T.full((2,), 1j, dtype=T.float32); T.full((2,), 1e39); T.full((2,), inf); T.full((2,), 1e39, dtype=T.float32)
T.full((2,), 1e5, dtype=T.float16); T.full(2, 1); T.full(size=(2,), fill_value=1); T.full((2,), 2**63); T.full_like(T.ones(2), 1j); T.full_like(T.ones(2, dtype=T.int64), 2.7); T.full_like(T.ones(2, dtype=T.uint8), 300)
T.full_like(T.ones(2, dtype=T.uint8), -9); T.full_like(T.ones(2, dtype=T.uint8), -300); T.full_like(T.ones(2, dtype=T.bool), 5); T.full_like(T.ones(2), T.tensor(3)); T.full_like(T.ones(2), T.tensor([3]))
T.full_like(T.ones(3, 2).T, 4); T.scalar_tensor(-5, dtype=T.uint8); T.scalar_tensor(T.tensor(3)); T.scalar_tensor("a"); T.scalar_tensor(1j); T.scalar_tensor(True, dtype=T.bool)
T.zeros(2, names_=None); T.zeros(2, layout=T.strided, pin_memory=False); T.zeros(2, pin_memory=True); T.zeros(2, memory_format=T.contiguous_format); T.empty(2, memory_format=T.channels_last)
T.empty(2, 3, 4, 5, memory_format=T.channels_last).stride(); T.empty(2, 3, 4, 5, memory_format=T.preserve_format); T.zeros(-1); T.zeros(2, -3); T.zeros(1.5); T.zeros("a"); T.zeros(); T.zeros(T.tensor(2), 3)
T.zeros([T.tensor(2), 3]); T.zeros(np.int64(3)); T.zeros((2,), 3); T.zeros(2, dtype="float32"); T.zeros(2, dtype=float); T.zeros(2, device="foo"); T.zeros(2, device=0); T.zeros(2, dtype=T.int64, requires_grad=True)
T.zeros_like(3); T.zeros(3, dtype=T.uint32); T.ones(2, dtype=T.uint64); T.zeros(2, size=(2,))
T.zeros_like(T.ones(2, 3, 4, 5), memory_format=T.channels_last); T.zeros_like(T.ones(2, 3, 4, 5).to(memory_format=T.channels_last)); T.ones_like(T.ones(3, 4).t()); T.zeros_like(T.ones(3, 4)[:, ::2])
T.zeros_like(T.ones(2, 3, 4, 5).to(memory_format=T.channels_last), memory_format=T.contiguous_format); T.zeros_like(T.ones(3, 4)[:, ::2].t()); T.zeros_like(T.ones(3, 1).expand(3, 4)); T.zeros_like(T.ones(1, 3).expand(4, 3))
T.zeros_like(T.ones(2, 3, 4)[:, :, ::2].permute(2, 0, 1)); T.zeros_like(T.ones(2, 3, 4).permute(2, 0, 1)[::2]); T.zeros_like(T.ones(2, 1, 4).permute(2, 0, 1)); T.zeros_like(T.ones(4).expand(2, 4))
T.zeros_like(T.ones(0, 5, 0)); T.zeros_like(T.ones(4, 3).t(), dtype=T.int16); T.zeros_like(T.ones(2), dtype=T.int64, requires_grad=True); T.ones_like(T.ones(2), requires_grad=True)
T.empty_strided((2, 3), (1, 2)).stride(); T.empty_strided((2, 3), (1,)); T.empty_strided((2, 3), (-1, 2)); T.empty_strided((2, 3), (0, 0)).stride(); T.empty_strided((-2, 3), (0, 0))
T.empty_strided(size=(2, 3), stride=(1, 2), dtype=T.int64).dtype; T.empty_permuted((2, 3, 4), (0, 2, 1)).stride(); T.empty_permuted((2, 3, 4), (0, 2)); T.empty_permuted((2, 3, 4), (0, 2, 2))
T.empty_permuted((2, 3, 4), (0, 2, 3)); T.empty_permuted((2, 3, 4), (0, 2, -2)); T.empty_permuted(size=(2, 3, 4), physical_layout=(0, 2, 1)).stride(); T.empty_strided((0, 3), (5, 1)).stride()
T.ones(2).new_empty_strided((2, 3), (1, 2), dtype=T.int64).stride(); T.ones(2).new_zeros(2, 3, layout=T.strided, pin_memory=False); T.ones(2).new_zeros(size=(2, 3)); T.ones(2).new_full((2,), 3.5, dtype=T.int64)
T.ones(2).new_full(size=(2,), fill_value=3.5); T.ones(2, dtype=T.int64).new_full((2,), 3.5); T.ones(2).new_full((2,), T.tensor(3)); T.ones(2).new_full((2,), 1j); T.ones(2).new_tensor([1, 2])
T.ones(2).new_tensor(T.ones(2)); T.ones(2, dtype=T.int64).new_tensor([1.5]); T.ones(2).new_empty((2, 0)); T.ones(2).new_empty(-1); T.ones(2, dtype=T.int64).new_zeros(2, requires_grad=True)
T.ones(2).new_zeros(2, memory_format=T.contiguous_format); T.ones(2).new_ones((), dtype=T.bool); T.ones(2).new_ones(2, requires_grad=True)
T.tensor(); T.tensor("a"); T.tensor([1, None]); T.tensor(None); T.tensor({}); T.tensor([[1, 2], [3]]); T.tensor([[1, 2], 3]); T.tensor([1, [2]]); T.tensor([[1], [[2]]]); T.tensor([[[1, 2], [3]], [[1, 2], [3, 4]]])
T.tensor(2**64); T.tensor(2**63); T.tensor([2**63]); T.tensor(-(2**63) - 1); T.tensor([2**63, -1]); T.tensor([300], dtype=T.uint8); T.tensor([-1], dtype=T.uint8); T.tensor([-300], dtype=T.uint8); T.tensor([200], dtype=T.int8)
T.tensor(300, dtype=T.uint8); T.tensor(nan, dtype=T.int64); T.tensor(1e10, dtype=T.int32); T.tensor(1e20, dtype=T.int64); T.tensor(1e39, dtype=T.float32); T.tensor(1e39); T.tensor(1e6, dtype=T.float16); T.tensor(1j, dtype=T.float32)
T.tensor([1, 2.5, True, 1j]); T.tensor([[], []]); T.tensor([np.float32(1), 2]); T.tensor([np.float64(1), 2.5]); T.tensor([np.int8(1), 2]); T.tensor([np.int8(1), np.float16(2)]); T.tensor([np.ones(2), [1, 2]])
T.tensor([T.ones(2), T.ones(2)]); T.tensor([T.ones(2), [1, 2]]); T.tensor([T.tensor(1), T.tensor(2.5)]); T.tensor([T.tensor(1.0, dtype=T.float64), 1]); T.tensor([T.tensor(1, dtype=T.int8), 1])
T.tensor([T.tensor(1, dtype=T.int8), T.tensor(1, dtype=T.int8)]); T.tensor([T.tensor([1]), T.tensor([2])]); T.tensor([True, 2]); T.tensor([np.bool_(True), False]); T.tensor(np.float16(1)); T.tensor(np.datetime64("2020"))
T.tensor(np.array(["a"])); T.tensor(np.array([None])); T.tensor(np.array([1], dtype=np.uint16)); T.tensor(np.array([1], dtype=np.longdouble)); T.tensor(np.array([1], dtype=">f4")); T.tensor(np.arange(4)[::-1])
T.tensor(T.ones(2)); T.tensor([1, 2], requires_grad=True); T.tensor(1.0, dtype=T.int64, requires_grad=True); T.tensor([1.7], dtype=T.bool); T.tensor(range(3)); T.tensor(x for x in [1]); T.tensor({1, 2})
T.tensor("abc", dtype=T.uint8); T.tensor(b"abc"); T.tensor(bytearray(b"abc")); T.tensor([b"a"]); T.tensor(T.Size([1, 2])); T.tensor(T.float32); T.tensor(data=[1]); T.tensor([1], dtype=float); T.tensor([1], dtype="float32")
T.tensor([1], pin_memory=True); T.tensor(1, 2); T.tensor(2**64, dtype=T.float32); T.tensor(2**64 - 1, dtype=T.uint64); T.tensor([[1, 2.0], [3, 4]]); T.tensor(((1, 2), [True, 4])); T.tensor([[1.5], [2]], dtype=T.int16)
T.tensor([np.array([1, 2], dtype=np.int32), np.array([3, 4], dtype=np.int32)], dtype=T.float64); T.tensor(np.ones((2, 3)).T); T.tensor(np.ones((4, 6))[:, ::2])
T.as_tensor(T.ones(2), dtype=T.int32); T.as_tensor([1, 2], device="cpu"); T.as_tensor(np.float64(3)); T.as_tensor(np.array([1], dtype=">f4")); T.as_tensor(np.arange(4)[::-1]); T.as_tensor(np.ones((2, 3)).T)
T.asarray(T.ones(2)); T.asarray([1, 2.0]); T.asarray(np.ones(2)); T.asarray(np.ones(2), dtype=T.float32, copy=False); T.asarray(T.ones(2), dtype=T.float64, copy=False); T.asarray([1], copy=False)
T.asarray(1.5, requires_grad=True); T.asarray(1, requires_grad=True); T.asarray(bytearray(b"abcd"), dtype=T.uint8); T.asarray(bytearray(b"abcd")); T.asarray(bytearray(b"abcde"), dtype=T.int32); T.asarray(np.float32(2))
T.asarray(T.ones(2, requires_grad=True) * 2, requires_grad=True); T.asarray(T.ones(2, requires_grad=True), copy=True); T.asarray(T.ones(2, requires_grad=True)).requires_grad; T.asarray(None); T.asarray("a")
T.asarray(T.ones(2, requires_grad=True), requires_grad=False); T.asarray(T.ones(2), dtype=T.int8, copy=True); T.asarray(range(3), dtype=T.float64)
T.from_numpy([1]); T.from_numpy(np.array([1], dtype=np.uint16)); T.from_numpy(np.array(["a"])); T.from_numpy(np.array([1], dtype=np.longdouble)); T.from_numpy(np.array([1], dtype=">f4")); T.from_numpy(np.arange(4)[::-1])
T.from_numpy(np.zeros(2, dtype=[("a", int)])); T.from_numpy(np.zeros(3, dtype=[("a", "i1"), ("b", "f4")])["b"]); T.from_numpy(np.ones((4, 6))[:, ::2])
T.from_numpy(np.broadcast_to(np.ones(1), (2,))); T.asarray(b"abcd", dtype=T.uint8)
T.frombuffer(bytearray(b"abcd"), dtype=T.uint8); T.frombuffer(bytearray(b"abcd"), dtype=T.int32, count=1); T.frombuffer(bytearray(b"abcd"), dtype=T.int32, count=2); T.frombuffer(bytearray(b"abcd"), dtype=T.uint8, offset=2)
T.frombuffer(bytearray(b"abcd"), dtype=T.uint8, offset=5); T.frombuffer(bytearray(b"abcd"), dtype=T.uint8, offset=4); T.frombuffer(bytearray(b"abcd"), dtype=T.uint8, offset=-1); T.frombuffer(bytearray(b"abcd"), dtype=T.uint8, count=0)
T.frombuffer(bytearray(b"abcd"), dtype=T.uint8, count=-2); T.frombuffer(bytearray(b"abcde"), dtype=T.int32); T.frombuffer(bytearray(b""), dtype=T.int32); T.frombuffer([1], dtype=T.int32); T.frombuffer(bytearray(b"abcd"))
T.frombuffer(bytearray(b"abcd"), dtype=T.float32, requires_grad=True); T.frombuffer(bytearray(b"abcdefgh"), dtype=T.int16, count=2, offset=2)
T.tril_indices(3, 3); T.tril_indices(3, 4, 1, dtype=T.int32); T.tril_indices(-1, 3); T.tril_indices(3, -1); T.tril_indices(3, 3, dtype=T.float32); T.tril_indices(row=2, col=2, offset=-1); T.triu_indices(3, 3, -1)
T.triu_indices(3, 3, 5); T.triu_indices(-1, 3); T.tril_indices(3); T.tril_indices(3, 2.5); T.triu_indices(0, 3); T.tril_indices(4, 2, -2); T.triu_indices(2, 5, 2)
T.meshgrid(T.tensor([1, 2]), T.tensor([3, 4, 5])); T.meshgrid([T.tensor([1, 2]), T.tensor([3, 4, 5])], indexing="xy"); T.meshgrid(T.tensor([1, 2]), T.tensor(3), indexing="ij"); T.meshgrid(); T.meshgrid([])
T.meshgrid(T.ones(2, 2), indexing="ij"); T.meshgrid(T.ones(2), indexing="zz"); T.meshgrid(T.ones(2), T.ones(2, dtype=T.int64), indexing="ij"); T.meshgrid(1, 2); T.meshgrid(T.ones(1), indexing="xy")
T.meshgrid(T.arange(2), T.arange(3), T.arange(4), indexing="xy"); T.meshgrid(T.arange(2), T.arange(3), T.arange(4), indexing="ij"); T.meshgrid(T.arange(0), T.arange(3), indexing="xy")
T.cartesian_prod(T.tensor([1, 2]), T.tensor([3, 4])); T.cartesian_prod(T.tensor([1, 2])); T.cartesian_prod(); T.cartesian_prod([]); T.cartesian_prod(T.ones(2, 2), T.ones(2)); T.cartesian_prod(T.tensor([1, 2]), T.ones(2))
T.cartesian_prod(T.tensor(1), T.ones(2, dtype=T.int64)); T.combinations(T.tensor([1, 2, 3])); T.combinations(T.tensor([1, 2, 3]), r=3); T.combinations(T.tensor([1, 2, 3]), r=0); T.combinations(T.tensor([1, 2, 3]), r=1)
T.combinations(T.tensor([1, 2, 3]), r=-1); T.combinations(T.tensor([1, 2, 3]), r=4); T.combinations(T.tensor([1, 2, 3]), with_replacement=True); T.combinations(T.ones(2, 2)); T.combinations(T.ones(0))
T.vander(T.tensor([1, 2, 3])); T.vander(T.tensor([1, 2, 3.0]), 2, increasing=True); T.vander(T.tensor([1, 2, 3]), N=0); T.vander(T.tensor([1, 2, 3]), N=-1); T.vander(T.ones(2, 2)); T.vander(T.tensor([True, False]))
T.vander(T.tensor([1, 2], dtype=T.int8)); T.complex(T.ones(2), T.ones(2)); T.complex(T.ones(2), T.ones(2, dtype=T.float64)); T.complex(T.ones(2, dtype=T.int64), T.ones(2, dtype=T.int64)); T.complex(1.0, 2.0)
T.complex(T.ones(2), 2.0); T.complex(T.ones(2, 1), T.ones(3)); T.complex(T.ones(2), T.ones(3)); T.polar(T.ones(2), T.ones(2)); T.polar(T.ones(2), T.ones(2, dtype=T.float64)); T.polar(T.ones(2, dtype=T.int64), T.ones(2, dtype=T.int64))
T.polar(T.ones(2, dtype=T.float16), T.ones(2, dtype=T.float16)); T.polar(T.ones(2, 1, dtype=T.float64), T.arange(3.0, dtype=T.float64))
T.hann_window(5); T.hann_window(5, False); T.hann_window(5, periodic=True, dtype=T.float64); T.hann_window(1); T.hann_window(0); T.hann_window(-1); T.hann_window(5, dtype=T.int64); T.hann_window(5.5)
T.hann_window(5, dtype=T.float16); T.hann_window(window_length=3, requires_grad=True); T.hamming_window(5); T.hamming_window(5, False, 0.6, 0.4); T.hamming_window(1); T.hamming_window(4, True, 0.6); T.hamming_window(333)
T.bartlett_window(5); T.bartlett_window(4); T.bartlett_window(5, False); T.bartlett_window(1); T.blackman_window(5); T.blackman_window(5, False); T.blackman_window(100, dtype=T.float64); T.bartlett_window(101, False)
T.kaiser_window(5); T.kaiser_window(5, False, 6.0); T.kaiser_window(1); T.kaiser_window(5, dtype=T.int64); T.kaiser_window(100, True, 14.0, dtype=T.float64); T.kaiser_window(-1); T.kaiser_window(0)
T.FloatTensor(2, 3).shape; T.FloatTensor([1, 2]); T.FloatTensor(); T.FloatTensor(T.ones(2)); T.FloatTensor(T.ones(2, dtype=T.int64)); T.LongTensor([1.5]); T.LongTensor(T.ones(2)); T.LongTensor(3).shape; T.LongTensor((1, 2))
T.LongTensor(T.Size([2, 3])).shape; T.FloatTensor(np.ones(2)); T.FloatTensor(2.5); T.FloatTensor("a"); T.BoolTensor([1, 0]); T.ByteTensor([300]); T.ByteTensor([True]); T.CharTensor([[1], [2]]); T.HalfTensor([1.5]); T.DoubleTensor([1])
T.ShortTensor([1]); T.IntTensor([1, 2]); isinstance(T.ones(2), T.FloatTensor); isinstance(T.ones(2), T.LongTensor); isinstance(T.nn.Parameter(T.ones(2)), T.FloatTensor); isinstance(1, T.FloatTensor)
issubclass(T.FloatTensor, T.Tensor); repr(T.FloatTensor); T.FloatTensor.__name__; T.FloatTensor(2, device="cpu").shape; T.FloatTensor(size=(2,)).shape; T.FloatTensor(2, requires_grad=True)
T.set_default_device("cpu"); T.get_default_device(); T.set_default_device(None); T.set_default_tensor_type("torch.FloatTensor"); T.set_default_tensor_type(T.FloatTensor); T.set_default_tensor_type(T.LongTensor)
T.set_default_tensor_type(T.float32); T.set_default_dtype(T.int64); T.set_default_dtype("float32"); T.is_floating_point(T.ones(1)); T.is_floating_point(1); T.is_complex(T.ones(1)); T.is_nonzero(T.ones(1)); T.is_nonzero(T.ones(2))
T.is_nonzero(T.ones(0)); T.is_nonzero(T.tensor(0j)); T.is_signed(T.ones(1, dtype=T.uint8)); T.is_signed(T.ones(1, dtype=T.bool)); T.is_same_size(T.ones(1), T.ones(1)); T.is_same_size(T.ones(1), T.ones(1, 1)); T.is_conj(T.ones(1))
T.is_neg(T.ones(1)); T.is_inference(T.ones(1)); T.numel(T.ones(2, 3)); T.numel(3); T.is_tensor(T.ones(1)); T.is_tensor(np.ones(1)); T.set_num_threads(0); T.set_num_threads(1.5)
T.are_deterministic_algorithms_enabled(); T.is_deterministic_algorithms_warn_only_enabled(); T.get_deterministic_debug_mode(); T.set_deterministic_debug_mode(7); T.set_deterministic_debug_mode(0); T.use_deterministic_algorithms(1)
T.get_float32_matmul_precision(); T.set_float32_matmul_precision("foo"); T.typename(T.ones(1)); T.typename(T.ones(1, dtype=T.int64)); T.typename(3); T.typename([]); T.typename(np.ones(1)); T.typename(T.nn.Parameter(T.ones(1)))
T.finfo(T.int8); T.iinfo(T.float32); repr(T.finfo()); T.finfo("float32"); repr(T.finfo(T.complex64)); repr(T.finfo(T.complex128)); T.iinfo(T.bool); T.iinfo(); repr(T.iinfo(T.int64)); repr(T.iinfo(T.uint16)); repr(T.finfo(float))
repr(T.iinfo(int)); T.iinfo(T.uint8).bits; repr(T.finfo(T.float64)); T.finfo(T.float16).tiny; T.finfo(T.float32) == T.finfo(T.float32); T.finfo(T.float32) == T.finfo(T.float64); T.int64.to_complex(); T.bool.to_complex()
T.int64.to_real(); T.float32.to_real(); T.complex64.to_real(); T.complex64.to_complex(); T.float64.to_complex(); T.uint16.is_signed; T.float32.is_signed; T.complex64.is_signed; T.can_cast(T.int8, T.bool); T.can_cast(T.uint8, T.int8)
T.can_cast(T.float64, T.complex64); T.can_cast(from_=T.int64, to=T.float16); T.can_cast(1, T.bool); T.promote_types(T.int8, 1); T.promote_types(type1=T.int8, type2=T.uint8); T.result_type(1, 2.5); T.result_type(T.ones(1), "a")
T.result_type(tensor=T.ones(1), other=1j); T.result_type(T.tensor(1), T.tensor(1.5, dtype=T.float16)); T.promote_types(T.uint16, T.int32); T.promote_types(T.uint16, T.float32); T.promote_types(T.uint16, T.bool)
T.promote_types(T.uint64, T.uint8); T.promote_types(T.uint16, T.complex64); T.can_cast(T.uint16, T.int8); T.result_type(T.tensor([1], dtype=T.uint16), 1); T.tensor([1, 2], dtype=T.uint16).float(); T.tensor([1, 2], dtype=T.uint16) * 1.5
T.result_type(T.ones(2, dtype=T.float64), T.tensor(1j)); T.result_type(T.ones(2), T.tensor(1j, dtype=T.complex128)); T.result_type(T.ones(2, dtype=T.complex64), T.tensor(1.0, dtype=T.float64))
T.result_type(T.tensor(1.0, dtype=T.float64), T.tensor(1j, dtype=T.complex64)); T.result_type(T.ones(2, dtype=T.int8), T.tensor(1, dtype=T.int64)); T.result_type(T.ones(2, dtype=T.uint8), T.tensor(1, dtype=T.int8))
T.result_type(T.ones(2, dtype=T.bool), T.tensor(1, dtype=T.uint8)); T.result_type(T.tensor(True), 1); T.result_type(T.tensor(1, dtype=T.uint8), 1); T.result_type(T.tensor(1, dtype=T.uint8), 1.5); T.result_type(True, 1)
T.result_type(1.5, 1j); T.result_type(np.float64(1), T.ones(1))
"""
CALLS = [call.strip() for line in CALLS.strip().splitlines() for call in line.split(";")]


def outcome(library, call):
    """What a call gives, or the error, and how many warnings there were."""
    names = {"T": library, "np": np, "inf": math.inf, "nan": math.nan}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            found = eval(call, names)
        except Exception as error:
            found = error
    return found, [w.category for w in seen if "extremely slow" not in str(w.message)]  # it is not, here


@pytest.fixture(autouse=True)
def _every_warning():
    """PyTorch gives most of its warnings once in a process, unless it is told otherwise."""
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(False)
    torch.set_default_dtype(torch.float32)


def assert_same(ours, theirs):
    if isinstance(theirs, Exception):
        assert isinstance(ours, Exception), f"{ours!r} where PyTorch raises {theirs!r}"
        assert type(ours) is type(theirs), f"{ours!r} where PyTorch raises {theirs!r}"
        return
    if isinstance(ours, Exception):
        raise AssertionError(f"refused what PyTorch gives as {theirs!r}") from ours
    if isinstance(theirs, torch.Tensor):
        assert str(ours.dtype) == str(theirs.dtype)
        assert tuple(ours.shape) == tuple(theirs.shape)
        assert ours.stride() == theirs.stride()
        assert ours.requires_grad == theirs.requires_grad
        assert ours.is_leaf == theirs.is_leaf
        rough = {torch.float16: 1e-3, torch.float32: 1e-6, torch.complex64: 1e-6}.get(theirs.dtype, 1e-14)
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=rough, atol=rough)
    elif isinstance(theirs, tuple) and not isinstance(theirs, torch.Size):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            assert_same(mine, other)
    else:
        assert str(ours) == str(theirs)


@pytest.mark.parametrize("call", CALLS)
def test_same_outcome(call):
    (ours, our_warnings), (theirs, their_warnings) = outcome(mytorch, call), outcome(torch, call)
    assert_same(ours, theirs)
    if not isinstance(theirs, Exception):
        assert our_warnings == their_warnings
