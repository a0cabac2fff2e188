"""Attention and transformers against the live PyTorch: results, gradients, start values, states, dropping, errors."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
import torch

import mytorch

BOTH = (mytorch, torch)
L, S, N, E = 3, 4, 2, 6  # queries, keys, batch, width


def numbers(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def masks(t, kind, rows, keys, sets=None):
    """A mask of each kind; every query may see at least one key."""
    shape = (rows, keys) if sets is None else (sets, rows, keys)
    if kind == "bool":
        forbidden = np.random.default_rng(rows * 7 + keys).random(shape) < 0.4
        forbidden[..., 0] = False
        return t.from_numpy(forbidden)
    if kind == "float":
        return t.from_numpy(numbers(5, *shape))
    if kind == "causal":
        return t.nn.Transformer.generate_square_subsequent_mask(rows, dtype=t.float64)
    return None


def outcome(run):
    """What a call returns, or the kind and the words of its error."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return run()
    except Exception as error:
        return type(error).__name__, str(error)


def arrays(results):
    return [None if r is None else r.detach().numpy() for r in results]


def assert_same(ours, theirs, tolerance=1e-9):
    assert len(ours) == len(theirs)
    for position, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if b is None:
            assert a is None, position
        else:
            assert (a.shape, a.dtype) == (b.shape, b.dtype), position
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=str(position))


def with_gradients(t, module, inputs, call):
    """The results of `call(module, *tensors)`, and all gradients of a sum of their squares and more."""
    tensors = [t.from_numpy(x).requires_grad_() for x in inputs]
    results = call(module, *tensors)
    results = results if isinstance(results, tuple) else (results,)
    total = sum((r * r + r.sin()).sum() for r in results if r is not None)
    total.backward()
    return arrays([*results, *(x.grad for x in tensors), *(p.grad for p in module.parameters())])


# --- the function ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [None, "bool", "float", "is_causal"])
@pytest.mark.parametrize("scale", [None, 0.3, -2.0, 0.0])
@pytest.mark.parametrize("batch", [(), (N,), (N, 2), (1, 2, 3)])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 2e-5)])
def test_scaled_dot_product(mask, scale, batch, dtype, tolerance):
    def run(t):
        q, k, v = (
            t.from_numpy(numbers(i, *batch, *size).astype(dtype)).requires_grad_()
            for i, size in enumerate([(L, 5), (S, 5), (S, 2)])
        )
        given = masks(t, mask, L, S) if mask in ("bool", "float") else None
        given = None if given is None else ~given if mask == "bool" else given.to(q.dtype).requires_grad_()
        out = t.nn.functional.scaled_dot_product_attention(q, k, v, given, is_causal=mask == "is_causal", scale=scale)
        (out.sin().sum()).backward()
        return arrays([out, q.grad, k.grad, v.grad, given.grad if mask == "float" else None])

    assert_same(run(mytorch), run(torch), tolerance)


@pytest.mark.parametrize("size", [1.0, 30.0, 100.0])
def test_large_scores_and_queries_that_see_nothing(size):
    """The exponentials are shifted where they could overflow or vanish."""

    def run(t, kind):
        q, k, v = (t.from_numpy(numbers(i, 2, 3, 4).astype("float32") * size).requires_grad_() for i in range(3))
        allowed = np.array([[True, False, True], [False] * 3, [True] * 3])
        mask = t.from_numpy(allowed if kind == "bool" else np.where(allowed, 0, -np.inf).astype("float32"))
        out = t.nn.functional.scaled_dot_product_attention(q, k, v, mask)
        out.sum().backward()
        return arrays([out, q.grad, k.grad, v.grad])

    for kind in ("bool", "float"):
        ours, theirs = run(mytorch, kind), run(torch, kind)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * max(1, abs(b).max()))
        assert not ours[0][:, 1].any()


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_heads_share_keys(heads):
    def run(t):
        q, k, v = (t.from_numpy(numbers(i, 2, h, L, 5)).requires_grad_() for i, h in enumerate((4, heads, heads)))
        out = t.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)
        out.sin().sum().backward()
        return arrays([out, q.grad, k.grad, v.grad])

    assert_same(run(mytorch), run(torch))


def test_the_result_lies_in_memory_as_pytorchs_does():
    """Programs call `transpose(1, 2).view(...)` on it."""

    def strides(t):
        apart, together = t.ones(2, 3, 4, 5), t.ones(2, 4, 3, 5).transpose(1, 2)
        pairs = itertools.product((apart, together), repeat=2)
        return [t.nn.functional.scaled_dot_product_attention(q, k, k).stride() for q, k in pairs]

    assert strides(mytorch) == strides(torch)


@pytest.mark.parametrize("p", [0.3, 1.0])
def test_the_same_weights_are_dropped(p):
    def run(t):
        t.manual_seed(3)
        x = t.from_numpy(numbers(0, 2, 3, 5, 4).astype("float32")).requires_grad_()
        out = t.nn.functional.scaled_dot_product_attention(x, x, x, dropout_p=p)
        out.sin().sum().backward()
        return arrays([out, x.grad, t.rand(3)])

    assert_same(run(mytorch), run(torch), 1e-5)


def test_second_derivatives():
    def run(t):
        q, k, v = (t.from_numpy(numbers(i, 2, 3, 4)).requires_grad_() for i in range(3))
        with t.nn.attention.sdpa_kernel(t.nn.attention.SDPBackend.MATH) if t is torch else warnings.catch_warnings():
            out = t.nn.functional.scaled_dot_product_attention(q, k, v)
        first = t.autograd.grad(out.sin().sum(), (q, k, v), create_graph=True)
        return arrays([*first, *t.autograd.grad(sum(g.cos().sum() for g in first), (q, k, v))])

    assert_same(run(mytorch), run(torch))


# --- MultiheadAttention ---------------------------------------------------------------------------------------------

MODULES = {
    "plain": {},
    "batch_first": {"batch_first": True},
    "no_bias": {"bias": False},
    "widths": {"kdim": 5, "vdim": 7},
    "key_width": {"kdim": 5, "batch_first": True, "bias": False},
    "bias_kv": {"add_bias_kv": True},
    "zero_attn": {"add_zero_attn": True, "batch_first": True},
    "everything": {"kdim": 5, "vdim": 7, "add_bias_kv": True, "add_zero_attn": True, "batch_first": True},
    "dropout": {"dropout": 0.4},
    "dropout_batch_first": {"dropout": 0.4, "batch_first": True, "add_zero_attn": True},
}
CALLS = [
    {"need_weights": need, "average_attn_weights": average, "padding": padding, "mask": mask}
    for need, average in [(True, False), (False, True)]
    for padding in (None, "bool", "float")
    for mask in (None, "bool", "float", "3d bool", "3d float")
]
CALLS.append({"need_weights": True, "average_attn_weights": True, "padding": None, "mask": "bool"})


def attention(t, options, call, same, batched):
    t.manual_seed(1)
    module = t.nn.MultiheadAttention(E, 2, **options, dtype=t.float64)
    first = options.get("batch_first") and batched

    def given(seed, length, width):
        x = numbers(seed, N, length, width) if batched else numbers(seed, length, width)
        return x if first or not batched else np.ascontiguousarray(x.swapaxes(0, 1))

    keys = L if same else S
    inputs = [given(0, L, E)]
    if not same:
        inputs += [given(1, S, module.kdim), given(2, S, module.vdim)]
    kind = (call["mask"] or "").removeprefix("3d ")
    mask = masks(t, kind, L, keys, (N if batched else 1) * 2 if "3d" in (call["mask"] or "") else None)
    padding = masks(t, call["padding"], N, keys)
    padding = padding[0] if padding is not None and not batched else padding

    def run(module, *tensors):
        q, k, v = tensors if len(tensors) == 3 else tensors * 3
        return module(
            q, k, v, key_padding_mask=padding, attn_mask=mask, need_weights=call["need_weights"],
            average_attn_weights=call["average_attn_weights"],
        )  # fmt: skip

    t.manual_seed(2)
    return with_gradients(t, module, inputs, run)


@pytest.mark.filterwarnings("ignore:Support for mismatched")
@pytest.mark.parametrize("batched", [True, False], ids=["batched", "unbatched"])
@pytest.mark.parametrize("name", MODULES)
def test_multihead_attention_with_all_options(name, batched):
    options = MODULES[name]
    for number, call in enumerate(CALLS):
        same = number % 2 == 0 and options.keys().isdisjoint({"kdim", "vdim"})
        ours, theirs = (attention(t, options, call, same, batched) for t in BOTH)
        assert_same(ours, theirs)


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("padding", [None, "bool"])
def test_the_causal_hint(need_weights, padding):
    def run(t):
        t.manual_seed(0)
        module = t.nn.MultiheadAttention(E, 3, dtype=t.float64)
        mask = masks(t, "causal", L, L)
        given = masks(t, padding, N, L)

        def call(module, x):
            return module(
                x, x, x, attn_mask=mask, is_causal=True, need_weights=need_weights, key_padding_mask=given
            )  # fmt: skip

        return with_gradients(t, module, [numbers(0, L, N, E)], call)

    with warnings.catch_warnings(action="ignore"):
        assert_same(run(mytorch), run(torch))


def test_a_query_that_sees_nothing():
    def run(t, need_weights):
        t.manual_seed(0)
        module = t.nn.MultiheadAttention(E, 2, batch_first=True)
        x = t.from_numpy(numbers(0, N, L, E).astype("float32"))
        padding = t.tensor([[False] * L, [True] * L])
        return arrays(module(x, x, x, key_padding_mask=padding, need_weights=need_weights))

    for need_weights in (True, False):
        assert_same(run(mytorch, need_weights), run(torch, need_weights), 1e-5)


def test_static_keys_and_values():
    def run(t):
        x, static = t.from_numpy(numbers(0, L, N, E)), t.from_numpy(numbers(1, N * 2, S, 3))
        weights = [t.from_numpy(numbers(i, *shape)) for i, shape in enumerate([(18, 6), (18,), (6, 6), (6,)])]
        return arrays(
            t.nn.functional.multi_head_attention_forward(
                x, x, x, E, 2, weights[0], weights[1], None, None, False, 0.0, weights[2], weights[3],
                static_k=static, static_v=static * 2,
            )
        )  # fmt: skip

    assert_same(run(mytorch), run(torch))


# --- transformers ---------------------------------------------------------------------------------------------------

LAYERS = {
    "plain": {},
    "norm_first": {"norm_first": True},
    "batch_first": {"batch_first": True},
    "gelu": {"activation": "gelu", "batch_first": True, "norm_first": True},
    "no_bias": {"bias": False},
    "eps": {"layer_norm_eps": 0.1},
    "no_dropout": {"dropout": 0.0, "batch_first": True},
}
FUNCTIONS = {"function": lambda t: t.tanh, "module": lambda t: t.nn.SiLU()}


def activated(t, options):
    return {k: FUNCTIONS[v](t) if k == "activation" and v in FUNCTIONS else v for k, v in options.items()}


def compare_training(build, inputs, call, tolerance=1e-4):
    """Start values, results and gradients of the same seed, dropping included."""
    found = []
    for t in BOTH:
        t.manual_seed(4)
        with warnings.catch_warnings(action="ignore"):
            module = build(t)
        state = {name: value.numpy() for name, value in module.state_dict().items()}
        tensors = [t.from_numpy(x.astype("float32")).requires_grad_() for x in inputs]
        t.manual_seed(5)
        out = call(t, module, *tensors)
        (out * out + out.sin()).sum().backward()
        found.append(
            (repr(module), state, arrays([out, *(x.grad for x in tensors), *(p.grad for p in module.parameters())]))
        )
    ours, theirs = found
    assert ours[0] == theirs[0]
    assert list(ours[1]) == list(theirs[1])
    assert_same(list(ours[1].values()), list(theirs[1].values()), 1e-6)
    for a, b in zip(ours[2], theirs[2], strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1, abs(b).max()))


@pytest.mark.parametrize("name", [*LAYERS, *FUNCTIONS])
@pytest.mark.parametrize("layer", ["TransformerEncoderLayer", "TransformerDecoderLayer"])
def test_layers(layer, name):
    options = LAYERS.get(name, {"activation": name})

    def build(t):
        return getattr(t.nn, layer)(E, 2, 5, **activated(t, options))

    inputs = [numbers(0, S, S, E), numbers(1, S, S, E)] if "Decoder" in layer else [numbers(0, S, S, E)]
    compare_training(build, inputs, lambda t, module, *x: module(*x))
    flat = [x[0] for x in inputs]
    compare_training(build, flat, lambda t, module, *x: module(*x))
    kind = "tgt" if "Decoder" in layer else "src"

    def masked(t, module, *x):
        padding = masks(t, "bool", S, S)
        given = {f"{kind}_mask": masks(t, "bool", S, S), f"{kind}_key_padding_mask": padding}
        if len(x) == 2:
            given |= {"memory_mask": masks(t, "bool", S, S), "memory_key_padding_mask": padding}
        return module(*x, **given)

    compare_training(build, inputs, masked)


@pytest.mark.parametrize("mask", [None, "causal", "bool"])
@pytest.mark.parametrize("norm", [True, False])
def test_stacks(mask, norm):
    def build(t):
        layer = t.nn.TransformerEncoderLayer(E, 2, 5, batch_first=True)
        return t.nn.TransformerEncoder(layer, 2, t.nn.LayerNorm(E) if norm else None)

    def given(t):
        found = masks(t, mask, L, L)
        return found.float() if mask == "causal" else found

    compare_training(build, [numbers(0, N, L, E)], lambda t, module, x: module(x, given(t)))

    def build_decoder(t):
        layer = t.nn.TransformerDecoderLayer(E, 2, 5, batch_first=True)
        return t.nn.TransformerDecoder(layer, 2, t.nn.LayerNorm(E) if norm else None)

    inputs = [numbers(0, N, L, E), numbers(1, N, S, E)]
    compare_training(build_decoder, inputs, lambda t, module, x, y: module(x, y, given(t)))


@pytest.mark.parametrize(
    "options", [{}, {"batch_first": True, "norm_first": True, "activation": "gelu"}, {"bias": False}]
)
def test_a_whole_transformer(options):
    def build(t):
        return t.nn.Transformer(E, 2, 1, 2, 5, **options)

    swap = (lambda x: x) if options.get("batch_first") else (lambda x: np.ascontiguousarray(x.swapaxes(0, 1)))
    inputs = [swap(numbers(0, N, S, E)), swap(numbers(1, N, L, E))]

    def call(t, module, src, tgt):
        mask = module.generate_square_subsequent_mask(L)
        return module(src, tgt, tgt_mask=mask, src_key_padding_mask=masks(t, "bool", N, S))

    compare_training(build, inputs, call, 1e-3)


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("at_the_end", [True, False])
@pytest.mark.parametrize("options", [{"batch_first": True}, {"batch_first": True, "norm_first": True}])
def test_padded_places_in_evaluation(gradients, at_the_end, options):
    """PyTorch leaves them out where it can, and has zeros there."""

    def run(t):
        t.manual_seed(0)
        layer = t.nn.TransformerEncoderLayer(E, 2, 5, **options)
        with warnings.catch_warnings(action="ignore"):
            module = t.nn.TransformerEncoder(layer, 2).eval()
            padding = np.array([[False, False, True], [False, True, True] if at_the_end else [True, False, False]])
            with t.set_grad_enabled(gradients):
                x = t.from_numpy(numbers(0, N, L, E).astype("float32"))
                return arrays([module(x, src_key_padding_mask=t.from_numpy(padding))])

    assert_same(run(mytorch), run(torch), 1e-5)


# --- states and errors ----------------------------------------------------------------------------------------------

BUILDS = {
    "attention": lambda t: t.nn.MultiheadAttention(E, 2, kdim=5, add_bias_kv=True),
    "packed": lambda t: t.nn.MultiheadAttention(E, 2),
    "transformer": lambda t: t.nn.Transformer(E, 2, 2, 1, 5, batch_first=True),
}


@pytest.mark.parametrize("name", BUILDS)
def test_states_go_over_and_back(name):
    with warnings.catch_warnings(action="ignore"):
        ours, theirs = (BUILDS[name](t) for t in BOTH)
    theirs.load_state_dict({k: torch.from_numpy(v.numpy()) for k, v in ours.state_dict().items()}, strict=True)
    ours.load_state_dict({k: mytorch.from_numpy(v.numpy() + 1) for k, v in theirs.state_dict().items()}, strict=True)
    for (_, a), (_, b) in zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy() + 1)


def call(t, *shapes, build=None, **options):
    module = build(t) if build else t.nn.MultiheadAttention(E, 2)
    return module(*(t.ones(*shape) for shape in shapes), **options)


def sdpa(t, *shapes, **options):
    return t.nn.functional.scaled_dot_product_attention(*(t.ones(*shape) for shape in shapes), **options)


ERRORS = {
    "no width": lambda t: t.nn.MultiheadAttention(0, 2),
    "no heads": lambda t: t.nn.MultiheadAttention(4, 0),
    "heads": lambda t: t.nn.MultiheadAttention(5, 2),
    "activation": lambda t: t.nn.TransformerEncoderLayer(4, 2, activation="silu"),
    "dims": lambda t: call(t, (E,), (E,), (E,)),
    "key dims": lambda t: call(t, (L, N, E), (L, E), (L, N, E)),
    "unbatched key dims": lambda t: call(t, (L, E), (L, N, E), (L, N, E)),
    "width": lambda t: call(t, (L, N, 4), (L, N, 4), (L, N, 4)),
    "value length": lambda t: call(t, (L, N, E), (L, N, E), (S, N, E)),
    "separate lengths": lambda t: call(
        t, (L, N, E), (L, N, 5), (S, N, E), build=lambda t: t.nn.MultiheadAttention(E, 2, kdim=5)
    ),
    "key width": lambda t: call(
        t, (L, N, E), (L, N, 4), (L, N, E), build=lambda t: t.nn.MultiheadAttention(E, 2, kdim=5)
    ),
    "causal without mask": lambda t: call(t, (L, N, E), (L, N, E), (L, N, E), is_causal=True),
    "mask shape": lambda t: call(t, (L, N, E), (S, N, E), (S, N, E), attn_mask=t.zeros(L, L)),
    "3d mask shape": lambda t: call(t, (L, N, E), (S, N, E), (S, N, E), attn_mask=t.zeros(N, L, S)),
    "mask dims": lambda t: call(t, (L, N, E), (S, N, E), (S, N, E), attn_mask=t.zeros(S)),
    "unbatched mask": lambda t: call(t, (L, E), (S, E), (S, E), attn_mask=t.zeros(1, L, S)),
    "mask type": lambda t: call(t, (L, N, E), (S, N, E), (S, N, E), attn_mask=t.zeros(L, S, dtype=t.int64)),
    "padding dims": lambda t: call(t, (L, N, E), (S, N, E), (S, N, E), key_padding_mask=t.zeros(S)),
    "padding batch": lambda t: call(t, (L, N, E), (S, N, E), (S, N, E), key_padding_mask=t.zeros(3, S)),
    "padding length": lambda t: call(t, (L, N, E), (S, N, E), (S, N, E), key_padding_mask=t.zeros(N, 3)),
    "transformer batch": lambda t: call(t, (2, L, E), (3, L, E), build=BUILDS["transformer"]),
    "transformer width": lambda t: call(t, (2, L, 4), (2, L, E), build=BUILDS["transformer"]),
    "p": lambda t: sdpa(t, (2, 3), (2, 3), (2, 3), dropout_p=1.5),
    "key and value heads": lambda t: sdpa(t, (1, 2, 2, 3), (1, 3, 2, 3), (1, 3, 2, 3)),
    "few dims": lambda t: sdpa(t, (2,), (2, 3), (2, 3)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    ours, theirs = (outcome(lambda t=t: ERRORS[name](t)) for t in BOTH)
    assert isinstance(theirs[0], str), "PyTorch takes it"
    assert ours[0] == theirs[0]
    # Where two sizes do not broadcast, we say the shapes as well.
    assert ours[1] == theirs[1] or (name == "key and value heads" and ours[1].startswith(theirs[1]))


def test_masks_of_two_types_are_warned_of():
    x, padding = mytorch.ones(L, N, E), mytorch.zeros(N, L, dtype=mytorch.bool)
    with pytest.warns(UserWarning, match="mismatched key_padding_mask and attn_mask"):
        mytorch.nn.MultiheadAttention(E, 2)(x, x, x, key_padding_mask=padding, attn_mask=mytorch.zeros(L, L))
