"""Patches, unpooling and bags of rows against plain loops, and attention against its formula."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import mytorch as torch
from mytorch.nn import functional as F

R = np.random.default_rng(0)
WINDOWS = [
    {"kernel_size": 2},
    {"kernel_size": (3, 2), "stride": (1, 2)},
    {"kernel_size": 2, "dilation": 2, "padding": (1, 0)},
    {"kernel_size": (1, 3), "padding": 2, "stride": 3},
]


def columns(x, kernel_size, dilation=1, padding=0, stride=1):
    """One window after the other."""
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = (
        (v, v) if isinstance(v, int) else v for v in (kernel_size, dilation, padding, stride)
    )
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    tops = range(0, x.shape[2] - dh * (kh - 1), sh)
    lefts = range(0, x.shape[3] - dw * (kw - 1), sw)
    found = [
        x[:, :, top : top + dh * (kh - 1) + 1 : dh, left : left + dw * (kw - 1) + 1 : dw].reshape(len(x), -1)
        for top, left in itertools.product(tops, lefts)
    ]
    return np.stack(found, axis=2)


@pytest.mark.parametrize("options", WINDOWS)
def test_unfold_and_fold(options):
    x = R.standard_normal((2, 3, 6, 5))
    found = F.unfold(torch.from_numpy(x), **options)
    np.testing.assert_array_equal(found.numpy(), columns(x, **options))
    np.testing.assert_array_equal(F.unfold(torch.from_numpy(x[0]), **options).numpy(), columns(x, **options)[0])
    y = R.standard_normal(found.shape)
    back = F.fold(torch.from_numpy(y), (6, 5), **options)
    assert back.shape == x.shape
    np.testing.assert_allclose((found.numpy() * y).sum(), (x * back.numpy()).sum())  # each is the other's adjoint
    np.testing.assert_array_equal(F.fold(torch.from_numpy(y[1]), (6, 5), **options).numpy(), back[1].numpy())


def test_convolution_is_a_product_with_patches():
    x, w = torch.randn(2, 3, 6, 5), torch.randn(4, 3, 2, 3)
    by_patches = (w.reshape(4, -1) @ F.unfold(x, (2, 3))).reshape(2, 4, 5, 3)
    np.testing.assert_allclose(by_patches.numpy(), F.conv2d(x, w).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.unfold(torch.zeros(3, 3), 2), "Expected 3D or 4D"),
        (lambda: F.unfold(torch.zeros(1, 1, 2, 2), 3), "must be at least one"),
        (lambda: F.unfold(torch.zeros(1, 1, 2, 2), 0), "kernel should be greater than zero"),
        (lambda: F.unfold(torch.zeros(1, 1, 2, 2), 1, padding=-1), "padding should be non negative"),
        (lambda: F.unfold(torch.zeros(1, 1, 2, 2), (1, 1, 1)), "equals to 2, but got size 3"),
        (lambda: F.fold(torch.zeros(1, 3, 1), 2, 2), "divisible by the product of kernel_size"),
        (lambda: F.fold(torch.zeros(1, 4, 2), 2, 2), r"sliding blocks 1 \* 1 = 1, but got input.size\(2\)=2"),
        (lambda: F.fold(torch.zeros(4), 2, 2), "Expected 2D or 3D"),
    ],
)
def test_patches_refusals(call, message):
    with pytest.raises(RuntimeError, match=message):
        call()


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_unpooling_puts_maxima_back(dims):
    x = torch.from_numpy(R.standard_normal((2, 3, *(6, 4, 4)[:dims])))
    pool, unpool = getattr(F, f"max_pool{dims}d"), getattr(F, f"max_unpool{dims}d")
    y, places = pool(x, 2, return_indices=True)
    back = unpool(y, places, 2)
    kept = back.numpy() != 0
    np.testing.assert_array_equal(back.numpy()[kept], x.numpy()[kept])
    np.testing.assert_array_equal(pool(back, 2).numpy(), np.maximum(y.numpy(), 0))
    assert kept.sum() == y.numel()
    np.testing.assert_array_equal(unpool(y[0], places[0], 2).numpy(), back[0].numpy())
    for found in (getattr(F, f"max_pool{dims}d_with_indices")(x, 2), pool(x, 2, return_indices=True)):
        assert found[1].tolist() == places.tolist()


def test_unpooling_to_a_given_size():
    x = torch.arange(9.0).reshape(1, 3, 3)
    y, places = F.max_pool2d(x, 2, return_indices=True)
    assert F.max_unpool2d(y, places, 2, output_size=(3, 3)).tolist() == [[[0, 0, 0], [0, 4, 0], [0, 0, 0]]]
    assert F.max_unpool2d(y[None], places[None], 2, output_size=(1, 1, 3, 3)).shape == (1, 1, 3, 3)
    with pytest.raises(ValueError, match="dim 0 must be between 0 and 4"):
        F.max_unpool2d(y, places, 2, output_size=(4, 3))
    with pytest.raises(ValueError, match="should be a sequence containing 2 or 4 elements"):
        F.max_unpool2d(y, places, 2, output_size=(3,))
    with pytest.raises(RuntimeError, match="Found an invalid max index: 4"):
        F.max_unpool2d(y, places, 2)
    with pytest.raises(RuntimeError, match="should be type int64"):
        F.max_unpool2d(y, y, 2)
    with pytest.raises(RuntimeError, match="same as that of the input"):
        F.max_unpool2d(y, places[0], 2)


def test_adaptive_pooling_with_indices():
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    found, places = F.adaptive_max_pool2d_with_indices(x, 1)
    assert (found.item(), places.item()) == (11, 11)
    found, places = F.adaptive_max_pool1d_with_indices(x[0], 1)
    assert (found.tolist(), places.tolist()) == ([[[3], [7], [11]]], [[[3], [3], [3]]])
    found, places = F.adaptive_max_pool3d_with_indices(x, 1)
    assert (found.item(), places.item()) == (11, 11)


TABLE = R.standard_normal((6, 3))


def bags(numbers, starts, mode, weights=None, padding=None):
    """Bag after bag."""
    rows = []
    for start, stop in zip(starts, [*starts[1:], len(numbers)], strict=True):
        kept = [i for i in range(start, stop) if numbers[i] != padding]
        chosen = [TABLE[numbers[i]] * (1 if weights is None else weights[i]) for i in kept]
        rows.append(getattr(np, mode)(chosen, axis=0) if chosen else np.zeros(3))
    return np.stack(rows)


@pytest.mark.parametrize("padding", [None, 4, -1])
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags(mode, padding):
    numbers, starts = [1, 4, 2, 2, 5, 0, 4], [0, 2, 2, 5]
    place = None if padding is None else padding % 6
    table, vector = torch.from_numpy(TABLE), torch.tensor(numbers)
    expected = bags(numbers, starts, mode, padding=place)
    found = F.embedding_bag(vector, table, torch.tensor(starts), mode=mode, padding_idx=padding)
    np.testing.assert_allclose(found.numpy(), expected)
    with_last = torch.tensor([*starts, 7])
    found = F.embedding_bag(vector, table, with_last, mode=mode, padding_idx=padding, include_last_offset=True)
    np.testing.assert_allclose(found.numpy(), expected)
    square = torch.tensor([numbers[:3], numbers[3:6]])
    found = F.embedding_bag(square, table, mode=mode, padding_idx=padding)
    np.testing.assert_allclose(found.numpy(), bags(numbers[:6], [0, 3], mode, padding=place))


def test_bags_with_weights_and_gradients():
    numbers, starts, weights = [1, 4, 2, 2, 5], [0, 2], R.standard_normal(5)
    table = torch.from_numpy(TABLE.copy()).requires_grad_()
    factors = torch.from_numpy(weights).requires_grad_()
    out = F.embedding_bag(
        torch.tensor(numbers), table, torch.tensor(starts), mode="sum", per_sample_weights=factors, padding_idx=4
    )
    np.testing.assert_allclose(out.detach().numpy(), bags(numbers, starts, "sum", weights, 4))
    out[1].sum().backward()
    assert factors.grad[:2].tolist() == [0, 0]
    np.testing.assert_allclose(factors.grad[2:].numpy(), [TABLE[i].sum() for i in (2, 2, 5)])
    np.testing.assert_allclose(table.grad[2].numpy(), weights[2] + weights[3])
    assert not table.grad[4].numpy().any()


def test_bags_of_nothing():
    table = torch.from_numpy(TABLE)
    empty = torch.zeros(0, dtype=torch.int64)
    for mode in ("sum", "mean", "max"):
        found = F.embedding_bag(empty, table, torch.tensor([0, 0]), mode=mode)
        assert found.tolist() == [[0.0] * 3] * 2
        assert F.embedding_bag(empty, table, empty, mode=mode).shape == (0, 3)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([[0]], [0]), {}, ValueError, "if input is 2D, then offsets has to be None"),
        (([[[0]]], None), {}, ValueError, "input has to be 1D or 2D Tensor, but got Tensor of dimension 3"),
        (([0], None), {}, ValueError, "offsets has to be a 1D Tensor but got None"),
        (([0], [[0]]), {}, ValueError, "offsets has to be a 1D Tensor"),
        (([0], [1]), {}, RuntimeError, r"offsets\[0\] has to be 0"),
        (([0], [0, 2]), {}, RuntimeError, "can not be greater than input's length 1"),
        (([0], [0]), {"mode": "min"}, ValueError, "mode has to be one of sum, mean or max"),
        (([0], [0]), {"mode": "max", "scale_grad_by_freq": True}, ValueError, "scaling the gradient"),
        (([0], [0]), {"mode": "max", "sparse": True}, ValueError, "sparse weights"),
        (([0], [0]), {"padding_idx": 6}, RuntimeError, "-6 through 5, but got 6"),
        (([6], [0]), {}, IndexError, "index out of range in self"),
    ],
)
def test_bags_refusals(arguments, options, error, message):
    numbers, offsets = (None if a is None else torch.tensor(a) for a in arguments)
    with pytest.raises(error, match=message):
        F.embedding_bag(numbers, torch.from_numpy(TABLE), offsets, **options)
    ones = torch.ones(1, dtype=torch.float64)
    one, start = torch.tensor([0]), torch.tensor([0])
    with pytest.raises(NotImplementedError, match="only supported for mode='sum'"):
        F.embedding_bag(one, torch.from_numpy(TABLE), start, per_sample_weights=ones)
    with pytest.raises(ValueError, match="must have the same shape as the input"):
        F.embedding_bag(one, torch.from_numpy(TABLE), start, mode="sum", per_sample_weights=ones[None])


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("scale", [None, 0.3, -0.5])
@pytest.mark.parametrize("mask", [None, "causal", "bool", "float"])
def test_attention_is_its_formula(mask, scale):
    q, k, v = R.standard_normal((2, 4, 3)), R.standard_normal((2, 5, 3)), R.standard_normal((2, 5, 6))
    added, options = np.zeros((4, 5)), {}
    if mask == "causal":
        added, options = np.where(np.tri(4, 5) > 0, 0, -np.inf), {"is_causal": True}
    elif mask == "bool":
        allowed = R.random((4, 5)) < 0.7
        allowed[:, 0] = True
        added, options = np.where(allowed, 0, -np.inf), {"attn_mask": torch.tensor(allowed.tolist())}
    elif mask == "float":
        added = R.standard_normal((4, 5))
        options = {"attn_mask": torch.from_numpy(added)}
    found = F.scaled_dot_product_attention(*(torch.from_numpy(x) for x in (q, k, v)), scale=scale, **options)
    scores = q @ k.swapaxes(1, 2) * (1 / math.sqrt(3) if scale is None else scale) + added
    np.testing.assert_allclose(found.numpy(), softmax(scores) @ v, rtol=1e-10)


def test_attention_to_nothing_is_zero_and_has_no_gradient():
    q, k, v = (torch.ones(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(3))
    mask = torch.tensor([[False, False], [True, False]])
    out = F.scaled_dot_product_attention(q, k, v, mask)
    assert out.tolist() == [[0.0] * 3, [1.0] * 3]
    out.sum().backward()
    assert all(x.grad.isfinite().all() for x in (q, k, v))
    assert v.grad.tolist() == [[1.0] * 3, [0.0] * 3]


def test_attention_with_a_scale_of_numpys_stays_float32():
    q = torch.ones(2, 3, requires_grad=True)
    out = F.scaled_dot_product_attention(q, q, q, scale=1 / np.sqrt(3))
    out.sum().backward()
    assert out.dtype == q.grad.dtype == torch.float32


def test_attention_shares_keys_among_heads():
    q, k, v = (torch.from_numpy(R.standard_normal((1, heads, 3, 2))) for heads in (4, 2, 2))
    found = F.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    for head in range(4):
        alone = F.scaled_dot_product_attention(q[:, head], k[:, head // 2], v[:, head // 2])
        np.testing.assert_allclose(found[:, head].numpy(), alone.numpy())


def test_attention_drops_weights():
    torch.manual_seed(0)
    x = torch.ones(1, 50, 4)
    values = {round(v, 4) for v in F.scaled_dot_product_attention(x, x, x, dropout_p=0.5).flatten().tolist()}
    assert len(values) > 3
    assert F.scaled_dot_product_attention(x, x, x, dropout_p=1.0).sum() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda x: F.scaled_dot_product_attention(x, x, x, x.bool(), is_causal=True),
            "should not be set when is_causal",
        ),
        (lambda x: F.scaled_dot_product_attention(x, x, x.double()), "to have the same dtype"),
        (lambda x: F.scaled_dot_product_attention(x, x, x, x.double()), "Expected attn_mask dtype to be bool"),
        (lambda x: F.scaled_dot_product_attention(x[0], x, x), "at least 2 dimensional"),
    ],
)
def test_attention_refusals(call, message):
    with pytest.raises(RuntimeError, match=message):
        call(torch.ones(2, 2))


def test_bags_in_the_old_order_of_arguments():
    table, numbers = torch.from_numpy(TABLE), torch.tensor([[0, 1]])
    with pytest.warns(UserWarning, match="Argument order of nn.functional.embedding_bag was changed"):
        found = F.embedding_bag(table, numbers)
    assert found.tolist() == F.embedding_bag(numbers, table).tolist()
    with pytest.raises(ValueError, match="weight has to be a 2D Tensor"):
        F.embedding_bag(numbers, table[0])
    with pytest.raises(TypeError, match="argument must be Tensor, not list"):
        F.embedding_bag([[0]], table)
