"""Attention and transformers as modules: what masks do, what copies share, and what is refused."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

import mytorch as torch
from mytorch import nn
from mytorch.nn import functional as F

N, L, S, E, HEADS = 2, 3, 4, 6, 2


def draw(*shape):
    return torch.from_numpy(np.random.default_rng(sum(shape)).standard_normal(shape))


def attention(**options):
    torch.manual_seed(0)
    return nn.MultiheadAttention(E, HEADS, dtype=torch.float64, **options)


def by_hand(module, query, key, value, added=0.0):
    """Head by head, with NumPy alone, for batches that come first."""
    weights = np.split(module.in_proj_weight.detach().numpy(), 3)
    biases = np.split(module.in_proj_bias.detach().numpy(), 3)
    q, k, v = (x.numpy() @ w.T + b for x, w, b in zip((query, key, value), weights, biases, strict=True))
    width, results, shares = E // HEADS, [], []
    for head in range(HEADS):
        part = slice(head * width, (head + 1) * width)
        scores = q[..., part] @ k[..., part].swapaxes(1, 2) / math.sqrt(width) + added
        share = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        shares.append(share)
        results.append(share @ v[..., part])
    out = (
        np.concatenate(results, -1) @ module.out_proj.weight.detach().numpy().T + module.out_proj.bias.detach().numpy()
    )
    return out, np.stack(shares, 1)


@pytest.mark.parametrize("need_weights", [True, False])
def test_attention_is_its_formula(need_weights):
    module = attention(batch_first=True)
    with torch.no_grad():
        module.in_proj_bias.copy_(draw(3 * E))
    query, key, value = draw(N, L, E), draw(N, S, E), draw(N, S, E) * 2
    mask = torch.tensor([[False, True, False, True]] * L)
    expected, shares = by_hand(module, query, key, value, np.where(mask.numpy(), -np.inf, 0))
    found, weights = module(query, key, value, attn_mask=mask, need_weights=need_weights, average_attn_weights=False)
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-10)
    if need_weights:
        np.testing.assert_allclose(weights.detach().numpy(), shares, rtol=1e-10, atol=1e-15)
    else:
        assert weights is None


def test_self_attention_is_attention_of_three_equal_inputs():
    """One product for queries, keys and values, or one for each."""
    module, x = attention(batch_first=True), draw(N, L, E)
    together = module(x, x, x, need_weights=False)[0]
    apart = module(x, x.clone(), x.clone(), need_weights=False)[0]
    np.testing.assert_allclose(together.detach().numpy(), apart.detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("options", [{}, {"add_bias_kv": True}, {"add_zero_attn": True}, {"kdim": E, "vdim": E}])
def test_masks_of_both_kinds_and_the_weights_agree(options, batch_first):
    module = attention(batch_first=batch_first, **options)
    x = draw(N, L, E) if batch_first else draw(L, N, E)
    mask = torch.tensor([[False, True, False], [False, False, True], [False, False, False]])
    padding = torch.tensor([[False, False, True], [False, False, False]])

    def as_numbers(mask):
        return torch.where(mask, -math.inf, 0.0).double()

    found = [
        module(x, x, x, key_padding_mask=p, attn_mask=m, need_weights=need)[0].detach().numpy()
        for need in (True, False)
        for m, p in ((mask, padding), (as_numbers(mask), as_numbers(padding)))
    ]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-10)


def test_the_causal_hint_is_the_causal_mask():
    module, x = attention(), draw(L, N, E)
    mask = nn.Transformer.generate_square_subsequent_mask(L, dtype=torch.float64)
    plain = module(x, x, x, attn_mask=mask, need_weights=False)[0]
    hinted = module(x, x, x, attn_mask=mask, need_weights=False, is_causal=True)[0]
    np.testing.assert_allclose(plain.detach().numpy(), hinted.detach().numpy(), rtol=1e-12)
    later = x.clone()
    later[2] += 1
    changed = module(later, later, later, attn_mask=mask, need_weights=False)[0]
    np.testing.assert_allclose(changed[:2].detach().numpy(), plain[:2].detach().numpy(), rtol=1e-12)


def test_start_values():
    module = nn.MultiheadAttention(64, 4)
    limit = math.sqrt(6 / (3 * 64 + 64))
    assert 0.9 * limit < module.in_proj_weight.abs().max().item() <= limit
    assert not module.in_proj_bias.any()
    assert not module.out_proj.bias.any()
    assert [name for name, _ in module.named_parameters()] == [
        "in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias",
    ]  # fmt: skip
    assert sorted(nn.MultiheadAttention(4, 2, kdim=3, add_bias_kv=True, bias=False).state_dict()) == [
        "bias_k", "bias_v", "k_proj_weight", "out_proj.weight", "q_proj_weight", "v_proj_weight",
    ]  # fmt: skip


def test_a_stack_holds_copies():
    layer = nn.TransformerEncoderLayer(E, HEADS, 5, batch_first=True)
    stack = nn.TransformerEncoder(layer, 2)
    first, second = stack.layers
    assert (first.linear1.weight == second.linear1.weight).all()
    with torch.no_grad():
        first.linear1.weight.add_(1)
    assert (second.linear1.weight == layer.linear1.weight).all()
    assert copy.deepcopy(stack).layers[0].linear1.weight is not first.linear1.weight


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_layer_is_its_blocks(norm_first):
    layer = nn.TransformerEncoderLayer(E, HEADS, 5, norm_first=norm_first, batch_first=True).double().eval()
    x = draw(N, L, E)

    def attend(x):
        return layer.self_attn(x, x, x)[0]

    def feed(x):
        return layer.linear2(F.relu(layer.linear1(x)))

    if norm_first:
        expected = x + attend(layer.norm1(x))
        expected = expected + feed(layer.norm2(expected))
    else:
        expected = layer.norm1(x + attend(x))
        expected = layer.norm2(expected + feed(expected))
    np.testing.assert_allclose(layer(x).detach().numpy(), expected.detach().numpy(), rtol=1e-10)


def test_nothing_is_dropped_in_evaluation():
    layer = nn.TransformerDecoderLayer(E, HEADS, 5, dropout=0.9).eval()
    x, memory = draw(L, N, E).float(), draw(S, N, E).float()
    assert (layer(x, memory) == layer(x, memory)).all()
    layer.train()
    assert (layer(x, memory) != layer(x, memory)).any()


def test_derivatives():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 3, dropout=0.0, batch_first=True, activation="gelu", dtype=torch.float64)
    x = draw(1, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(layer, (x,))
    assert torch.autograd.gradgradcheck(layer, (x,))


def test_custom_parts():
    class Fixed(nn.Module):
        def forward(self, source, **_masks):
            return source * 0

    model = nn.Transformer(E, HEADS, num_decoder_layers=1, dim_feedforward=5, custom_encoder=Fixed()).eval()
    target = draw(L, N, E).float()
    found = [model(draw(S, N, E).float() * factor, target) for factor in (1, 5)]
    assert (found[0] == found[1]).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.MultiheadAttention(6, 0), ValueError, "must be greater than 0"),
        (lambda: nn.MultiheadAttention(6, 4), AssertionError, "divisible by num_heads"),
        (lambda: nn.TransformerEncoderLayer(6, 2, activation="tanh"), RuntimeError, "should be relu/gelu, not tanh"),
        (
            lambda: attention()(*[draw(L, N, 4)] * 3),
            AssertionError,
            "was expecting embedding dimension of 6, but got 4",
        ),
        (
            lambda: attention()(*[draw(L, N, E)] * 3, attn_mask=torch.zeros(S, S)),
            RuntimeError,
            r"shape of the 2D attn_mask is torch.Size\(\[4, 4\]\), but should be \(3, 3\)",
        ),
        (
            lambda: attention()(*[draw(L, N, E)] * 3, attn_mask=torch.zeros(L, L), need_weights=False),
            RuntimeError,
            "Expected attn_mask dtype to be bool or to match query dtype",
        ),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
