"""Convolution, pooling, borders and embeddings against the live PyTorch: the recorded cases in every type and layout
with second gradients, and random options."""

from __future__ import annotations

import importlib.util
import itertools
import random
from pathlib import Path

import numpy as np
import pytest
import torch

import mytorch

_SPEC = importlib.util.spec_from_file_location(
    "record_images", Path(__file__).parents[1] / "golden" / "record_images.py"
)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)

BOTH = (mytorch, torch)
# PyTorch's second derivatives leave out the factors of the one, and fail for the other.
FIRST_ONLY = ("embedding frequency", "embedding none")


def channels_last(x):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if x.ndim > 2 else x


def spread(x):
    return np.repeat(x, 2, axis=-1)[..., ::2]


def derivatives(t, function, arrays, order):
    """The result, its gradients, and the gradients of a sum of those with other weights: second derivatives."""
    tensors = [t.from_numpy(a).requires_grad_() for a in arrays]
    out = function(t, *tensors)
    seed = t.from_numpy(recorded.directions(out.detach().numpy()).astype(arrays[0].dtype)).requires_grad_()
    first = t.autograd.grad(out, tensors, seed, create_graph=True)
    if order == 1:
        return [v.detach().numpy() for v in (out, *first)], []
    weights = [np.sin(1 + np.arange(a.size)).reshape(a.shape).astype(a.dtype) for a in arrays]
    weighed = [(g * t.from_numpy(w)).sum() for g, w in zip(first, weights, strict=True)]
    second = t.autograd.grad(sum(weighed), [*tensors, seed], allow_unused=True)
    return [v.detach().numpy() for v in (out, *first)], [None if v is None else v.numpy() for v in second]


def compare(function, arrays, name, rtol):
    order = 1 if name in FIRST_ONLY else 2
    (first, second), (first_expected, second_expected) = [derivatives(t, function, arrays, order) for t in BOTH]
    for ours, theirs in zip(first, first_expected, strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype), name
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol, err_msg=name)
    for ours, theirs in zip(second, second_expected, strict=True):  # None and zeros mean the same
        if ours is not None or theirs is not None:
            ours, theirs = 0 if ours is None else ours, 0 if theirs is None else theirs
            np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol, err_msg=name)


@pytest.mark.parametrize("layout", [np.ascontiguousarray, channels_last, spread], ids=["plain", "last", "spread"])
@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 2e-4), ("float64", 1e-9)])
@pytest.mark.parametrize("name", recorded.CASES)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_recorded_cases(name, dtype, rtol, layout):
    function, arrays = recorded.CASES[name]
    compare(function, [layout(a.astype(dtype)) for a in arrays], name, rtol)


@pytest.mark.parametrize("name", recorded.ERRORS)
def test_errors(name):
    assert recorded.error_of(mytorch, name) == recorded.error_of(torch, name)


@pytest.mark.parametrize("name", recorded.LAYERS)
def test_layers(name):
    ours, theirs = (recorded.run_layer(t, name) for t in BOTH)
    assert recorded.text_of(mytorch, name) == recorded.text_of(torch, name)
    assert list(ours) == list(theirs)
    for key in ours:
        np.testing.assert_allclose(ours[key], theirs[key], rtol=2e-5, atol=2e-6)


def _same_or_both_fail(function, arrays, name):
    """Run on both; when PyTorch refuses, so must we."""
    try:
        function(torch, *[torch.from_numpy(a) for a in arrays])
    except RuntimeError as error:
        if "smaller than kernel size" in str(error):  # PyTorch's 3-d average ignores padding here; ours does not
            return
        with pytest.raises(RuntimeError):
            function(mytorch, *[mytorch.from_numpy(a) for a in arrays])
        return
    compare(function, arrays, name, 1e-9)


@pytest.mark.parametrize("seed", range(60))
def test_random_convolutions(seed):
    choose, values = random.Random(seed), np.random.default_rng(seed)
    dims, groups = choose.choice([1, 2, 2, 3]), choose.choice([1, 1, 2, 3])
    each, outputs = choose.choice([1, 2, 5]), groups * choose.choice([1, 2, 5])
    space = [choose.randint(4, 10) for _ in range(dims)]
    kernel = [choose.randint(1, 4) for _ in range(dims)]
    options = {
        "stride": [choose.choice([1, 1, 2, 3]) for _ in range(dims)],
        "padding": [choose.randint(0, 3) for _ in range(dims)],
        "dilation": [choose.choice([1, 1, 2, 3]) for _ in range(dims)],
        "groups": groups,
    }
    x = values.standard_normal((choose.choice([1, 2]), groups * each, *space))
    b = values.standard_normal(outputs)
    w = values.standard_normal((outputs, each, *kernel))
    _same_or_both_fail(
        lambda t, x, w, b: getattr(t.nn.functional, f"conv{dims}d")(x, w, b, **options),
        [x, w, b],
        f"{x.shape} {w.shape} {options}",
    )
    turned = values.standard_normal((groups * each, outputs // groups, *kernel))
    steps = zip(options["stride"], options["dilation"], strict=True)
    more = {**options, "output_padding": [choose.randint(0, max(s, d) - 1) for s, d in steps]}
    _same_or_both_fail(
        lambda t, x, w, b: getattr(t.nn.functional, f"conv_transpose{dims}d")(x, w, b, **more),
        [x, turned, b],
        f"{x.shape} {turned.shape} {more}",
    )


@pytest.mark.parametrize("seed", range(60))
def test_random_pooling(seed):
    choose, values = random.Random(seed), np.random.default_rng(seed)
    dims = choose.choice([1, 2, 2, 3])
    shape = [2, 3, *[choose.randint(3, 9) for _ in range(dims)]][choose.randint(0, 1) :]
    kernel = tuple(choose.randint(1, 4) for _ in range(dims))
    padding = choose.choice([0, 0, 1])
    options = {"stride": choose.choice([None, 1, 2, 3]), "padding": padding, "ceil_mode": choose.random() < 0.4}
    dilation = 1 if padding else choose.choice([1, 2])
    x = values.integers(-3, 3, shape).astype(float) if choose.random() < 0.5 else values.standard_normal(shape)
    if choose.random() < 0.3:
        x.flat[values.integers(0, x.size, 3)] = np.nan

    def max_pool(t, x):
        pool = getattr(t.nn.functional, f"max_pool{dims}d")
        out, places = pool(x, kernel, dilation=dilation, return_indices=True, **options)
        found.append(places.numpy())
        return out

    found = []
    _same_or_both_fail(max_pool, [x], f"{shape} {kernel} {options} {dilation}")
    for one, other in itertools.pairwise(found):
        np.testing.assert_array_equal(one, other)
    x = values.standard_normal(shape)
    more = {"count_include_pad": choose.random() < 0.5}
    _same_or_both_fail(
        lambda t, x: getattr(t.nn.functional, f"avg_pool{dims}d")(x, kernel, **options, **more),
        [x],
        f"{shape} {kernel} {options} {more}",
    )


def test_training_a_network_gives_the_same_losses():
    values = np.random.default_rng(0)
    images, targets = values.standard_normal((32, 1, 16, 16)).astype(np.float32), values.integers(0, 3, 32)
    curves = []
    for t in BOTH:
        t.manual_seed(3)
        nn = t.nn
        net = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 12, 3, stride=2, groups=2),
            nn.Tanh(), nn.ConvTranspose2d(12, 4, 3, stride=2), nn.ReLU(), nn.AvgPool2d(2, 1),
            nn.AdaptiveMaxPool2d((2, 3)), nn.Flatten(), nn.Linear(24, 3),
        )  # fmt: skip
        losses = []
        for _ in range(30):
            net.zero_grad()
            loss = nn.CrossEntropyLoss()(net(t.from_numpy(images)), t.from_numpy(targets))
            loss.backward()
            with t.no_grad():
                for p in net.parameters():
                    p -= 0.2 * p.grad
            losses.append(loss.item())
        curves.append(losses)
    np.testing.assert_allclose(*curves, rtol=1e-3)
    assert curves[0][-1] < curves[0][0]
