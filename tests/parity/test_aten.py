"""The names that PyTorch has both at top level and in `nn.functional`: the same arguments give the same numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import mytorch

pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch's own

R = np.random.default_rng(0)
X, Y = R.standard_normal((4, 3, 5)).astype(np.float32), R.random((4, 3, 5)).astype(np.float32)
CHANNEL = [R.random(3).astype(np.float32) + 0.5 for _ in range(4)]
ROWS = [R.standard_normal((4, 3)).astype(np.float32) for _ in range(3)]
SIGNS = np.array([1.0, -1.0, -1.0, 1.0], np.float32)

CALLS = {
    "batch_norm": lambda t, a: t.batch_norm(a(X), *map(a, CHANNEL), True, 0.3, 1e-3, True),
    "batch_norm in evaluation": lambda t, a: t.batch_norm(
        a(X), weight=a(CHANNEL[0]), bias=None, running_mean=a(CHANNEL[1]), running_var=a(CHANNEL[2]), training=False,
        momentum=0.3, eps=1e-3, cudnn_enabled=False,
    ),
    "instance_norm": lambda t, a: t.instance_norm(a(X), *map(a, CHANNEL), True, 0.3, 1e-3, False),
    "layer_norm": lambda t, a: t.layer_norm(a(X), (5,), a(X[0, 0]), None, 1e-3, False),
    "group_norm": lambda t, a: t.group_norm(a(X), 3, a(CHANNEL[0]), a(CHANNEL[1]), 1e-3, cudnn_enabled=False),
    "rms_norm": lambda t, a: t.rms_norm(a(X), (5,), a(X[0, 0]), 1e-3),
    "dropout": lambda t, a: t.dropout(a(X), 0.3, train=True),
    "dropout_": lambda t, a: t.dropout_(a(X), 0.3, True),
    "feature_dropout": lambda t, a: t.feature_dropout(a(X), 0.3, True),
    "feature_dropout_": lambda t, a: t.feature_dropout_(a(X), 0.3, True),
    "alpha_dropout": lambda t, a: t.alpha_dropout(a(X), 0.3, True),
    "alpha_dropout_": lambda t, a: t.alpha_dropout_(a(X), 0.3, True),
    "feature_alpha_dropout": lambda t, a: t.feature_alpha_dropout(a(X), 0.3, True),
    "feature_alpha_dropout_": lambda t, a: t.feature_alpha_dropout_(a(X), 0.3, True),
    "rrelu": lambda t, a: t.rrelu(a(X), 0.1, 0.4, True),
    "rrelu generator": lambda t, a: t.rrelu(a(X), 0.1, 0.4, True, t.Generator().manual_seed(5)),
    "rrelu_": lambda t, a: t.rrelu_(a(X), training=True),
    "selu_": lambda t, a: t.selu_(a(X)),
    "celu_": lambda t, a: t.celu_(a(X), 0.7),
    "relu_": lambda t, a: t.relu_(a(X)),
    "threshold_": lambda t, a: t.threshold_(a(X), 0.2, 7.0),
    "elu_": lambda t, a: t.nn.functional.elu_(a(X), 0.7),
    "hardtanh_": lambda t, a: t.nn.functional.hardtanh_(a(X), -0.1, 0.7),
    "leaky_relu_": lambda t, a: t.nn.functional.leaky_relu_(a(X), 0.3),
    "max_pool1d": lambda t, a: t.max_pool1d(a(X), 2, 1, 1, 1, True),
    "max_pool2d": lambda t, a: t.max_pool2d(a(X), (2, 3)),
    "max_pool3d": lambda t, a: t.max_pool3d(a(X)[None], 2, padding=1),
    "max_pool1d_with_indices": lambda t, a: t.max_pool1d_with_indices(a(X), 2),
    "adaptive_max_pool1d": lambda t, a: t.adaptive_max_pool1d(a(X), 2),
    "embedding": lambda t, a: t.embedding(a(ROWS[0]), t.tensor([[3, 0], [1, 3]]), 3, True),
    "kl_div": lambda t, a: [t.kl_div(a(X), a(Y), r, log_target=log) for r in range(3) for log in (False, True)],
    "binary_cross_entropy_with_logits": lambda t, a: [
        t.binary_cross_entropy_with_logits(a(X), a(Y), a(Y[0]), a(Y[1]) + 1, r) for r in range(3)
    ],
    "cosine_embedding_loss": lambda t, a: [
        t.cosine_embedding_loss(a(ROWS[0]), a(ROWS[1]), a(SIGNS), 0.2, r) for r in range(3)
    ],
    "hinge_embedding_loss": lambda t, a: [t.hinge_embedding_loss(a(X[:, 0, 0]), a(SIGNS), 0.2, r) for r in range(3)],
    "margin_ranking_loss": lambda t, a: [
        t.margin_ranking_loss(a(X[:, 0, 0]), a(X[:, 0, 1]), a(SIGNS), 0.2, reduction=r) for r in range(3)
    ],
    "triplet_margin_loss": lambda t, a: [
        t.triplet_margin_loss(*map(a, ROWS), 0.7, 3.0, 1e-4, swap, r) for r in range(3) for swap in (False, True)
    ],
    "poisson_nll_loss": lambda t, a: [
        t.poisson_nll_loss(a(Y), a(Y) * 4, log, full, 1e-4, r)
        for log, full, r in itertools.product((False, True), (False, True), range(3))
    ],
    "gumbel_softmax": lambda t, a: [
        t.nn.functional.gumbel_softmax(a(X), 0.7, hard, dim=d) for hard in (False, True) for d in (0, -1)
    ],
}  # fmt: skip


def leaves(value):
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, (list, tuple)) else [value]


@pytest.mark.parametrize("name", CALLS)
def test_same_numbers(name):
    results = []
    for library in (mytorch, torch):
        library.manual_seed(3)
        results.append(leaves(CALLS[name](library, lambda array, lib=library: lib.from_numpy(array.copy()))))
    for ours, theirs in zip(*results, strict=True):
        assert (str(ours.dtype), tuple(ours.shape)) == (str(theirs.dtype), tuple(theirs.shape))
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"])
def test_same_refusals_of_dropout(name):
    for library in (mytorch, torch):
        with pytest.raises(RuntimeError, match=r"dropout probability has to be between 0 and 1, but got 1.5"):
            getattr(library, name)(library.ones(2, 2), 1.5, True)
        with pytest.raises(TypeError):
            getattr(library, name)(library.ones(2, 2))


@pytest.mark.parametrize("reduction", ["mean", 1.5])
def test_a_reduction_is_a_number_here(reduction):
    for library in (mytorch, torch):
        with pytest.raises(TypeError, match="must be int"):
            library.kl_div(library.ones(2), library.ones(2), reduction)


MODES = (("bilinear", False), ("bilinear", True), ("bicubic", False), ("bicubic", True), ("lanczos", False))
SIZES = ({"size": (3, 3)}, {"size": (5, 9)}, {"size": (17, 4)}, {"scale_factor": (0.37, 1.7)})


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize(("mode", "align"), MODES)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_antialiasing(size, mode, align, dtype):
    """PyTorch's operator samples do not cover it."""
    image = (np.random.default_rng(0).random((2, 3, 12, 10)) * 255).astype(dtype)
    ours, theirs = (
        library.nn.functional.interpolate(
            library.from_numpy(image), mode=mode, align_corners=align, antialias=True, **size
        ).numpy()
        for library in (mytorch, torch)
    )
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol={"float32": 1e-5, "float64": 1e-11, "uint8": 0}[dtype], atol=1e-5)
