"""Functions at top level are those of `nn.functional` with other arguments."""

from __future__ import annotations

import numpy as np
import pytest

import mytorch as torch
from mytorch.nn import functional as F

R = np.random.default_rng(0)
X, Y = (torch.from_numpy(a) for a in (R.standard_normal((4, 3, 6)), R.random((4, 3, 6))))
ROWS = [torch.from_numpy(R.standard_normal((4, 3))) for _ in range(3)]
SIGNS = torch.tensor([1.0, -1.0, -1.0, 1.0]).double()
W, B, M, V = (torch.from_numpy(R.random(3) + 0.5) for _ in range(4))

SAME = {
    "batch_norm": (lambda: torch.batch_norm(X, W, B, M, V, False, 0.1, 0.2, True), lambda: F.batch_norm(X, M, V, W, B, False, 0.1, 0.2)),
    "instance_norm": (lambda: torch.instance_norm(X, W, B, M, V, False, 0.1, 0.2, True), lambda: F.instance_norm(X, M, V, W, B, False, 0.1, 0.2)),
    "layer_norm": (lambda: torch.layer_norm(X, (6,), Y[0, 0], None, 0.2, False), lambda: F.layer_norm(X, (6,), Y[0, 0], None, 0.2)),
    "group_norm": (lambda: torch.group_norm(X, 3, W, B, 0.2, False), lambda: F.group_norm(X, 3, W, B, 0.2)),
    "dropout": (lambda: torch.dropout(X, 0.3, True), lambda: F.dropout(X, 0.3, True)),
    "dropout_": (lambda: torch.dropout_(X.clone(), 0.3, True), lambda: F.dropout(X, 0.3, True)),
    "feature_dropout": (lambda: torch.feature_dropout(X, 0.3, True), lambda: F.dropout1d(X, 0.3, True)),
    "feature_dropout_": (lambda: torch.feature_dropout_(X.clone(), 0.3, True), lambda: F.dropout1d(X, 0.3, True)),
    "alpha_dropout": (lambda: torch.alpha_dropout(X, 0.3, True), lambda: F.alpha_dropout(X, 0.3, True)),
    "alpha_dropout_": (lambda: torch.alpha_dropout_(X.clone(), 0.3, True), lambda: F.alpha_dropout(X, 0.3, True)),
    "feature_alpha_dropout": (lambda: torch.feature_alpha_dropout(X, 0.3, True), lambda: F.feature_alpha_dropout(X, 0.3, True)),
    "feature_alpha_dropout_": (lambda: torch.feature_alpha_dropout_(X.clone(), 0.3, True), lambda: F.feature_alpha_dropout(X, 0.3, True)),
    "rrelu": (lambda: torch.rrelu(X, 0.2, 0.4, True), lambda: F.rrelu(X, 0.2, 0.4, True)),
    "rrelu_": (lambda: torch.rrelu_(X.clone(), 0.2, 0.4, True, torch.default_generator), lambda: F.rrelu(X, 0.2, 0.4, True)),
    "selu_": (lambda: torch.selu_(X.clone()), lambda: F.selu(X)),
    "celu_": (lambda: torch.celu_(X.clone(), 0.3), lambda: F.celu(X, 0.3)),
    "elu_": (lambda: F.elu_(X.clone(), 0.3), lambda: F.elu(X, 0.3)),
    "hardtanh_": (lambda: F.hardtanh_(X.clone(), -0.1, 0.3), lambda: F.hardtanh(X, -0.1, 0.3)),
    "leaky_relu_": (lambda: F.leaky_relu_(X.clone(), 0.3), lambda: F.leaky_relu(X, 0.3)),
    "relu_": (lambda: torch.relu_(X.clone()), lambda: F.relu(X)),
    "threshold_": (lambda: torch.threshold_(X.clone(), 0.1, 3.0), lambda: F.threshold(X, 0.1, 3.0)),
    "max_pool1d": (lambda: torch.max_pool1d(X, 2, 1, 1, 1, True), lambda: F.max_pool1d(X, 2, 1, 1, 1, True)),
    "max_pool2d": (lambda: torch.max_pool2d(X, 2, padding=1), lambda: F.max_pool2d(X, 2, padding=1)),
    "max_pool3d": (lambda: torch.max_pool3d(X[None], 2), lambda: F.max_pool3d(X[None], 2)),
    "embedding": (
        lambda: torch.embedding(ROWS[0], torch.tensor([3, 0]), 3), lambda: F.embedding(torch.tensor([3, 0]), ROWS[0], 3)
    ),
    "poisson_nll_loss": (
        lambda: torch.poisson_nll_loss(Y, Y, False, True, 0.1, 2),
        lambda: F.poisson_nll_loss(Y, Y, False, True, eps=0.1, reduction="sum"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_same_as_in_functional(name):
    found = []
    for call in SAME[name]:
        torch.manual_seed(0)
        found.append(call().tolist())
    assert found[0] == found[1]


LOSSES = {
    "binary_cross_entropy_with_logits": ((X, Y), {"weight": Y[0], "pos_weight": Y[1]}),
    "kl_div": ((X, Y), {"log_target": True}),
    "cosine_embedding_loss": ((*ROWS[:2], SIGNS), {"margin": 0.2}),
    "hinge_embedding_loss": ((X[:, 0, 0], SIGNS), {"margin": 0.2}),
    "margin_ranking_loss": ((X[:, 0, 0], X[:, 0, 1], SIGNS), {"margin": 0.2}),
    "triplet_margin_loss": (tuple(ROWS), {"margin": 0.2, "p": 3.0, "eps": 0.1, "swap": True}),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.filterwarnings("ignore:reduction")  # kl_div's word about "mean"
def test_reductions_have_numbers(name):
    arguments, options = LOSSES[name]
    for number, word in enumerate(("none", "mean", "sum")):
        found = getattr(torch, name)(*arguments, **options, reduction=number)
        assert found.tolist() == getattr(F, name)(*arguments, **options, reduction=word).tolist()
    assert getattr(torch, name)(*arguments).tolist() == getattr(F, name)(*arguments).tolist()
    with pytest.raises(TypeError, match="must be int, not str"):
        getattr(torch, name)(*arguments, reduction="mean")
    with pytest.raises(RuntimeError, match=r"0 \(none\), 1 \(mean\) or 2 \(sum\), but got 3"):
        getattr(torch, name)(*arguments, reduction=3)


@pytest.mark.parametrize("name", ["dropout", "dropout_", "alpha_dropout", "feature_dropout", "feature_alpha_dropout_"])
def test_dropout_refusals(name):
    with pytest.raises(RuntimeError, match=r"has to be between 0 and 1, but got -0\.5"):
        getattr(torch, name)(torch.ones(2, 2), -0.5, True)


@pytest.mark.parametrize(
    ("scores", "target", "message"),
    [
        (torch.zeros(1, 2, 3), torch.zeros(1, 2, 3), "Expected non-empty vector or matrix"),
        (torch.zeros(2, 0), torch.zeros(2, 0), "Expected non-empty vector or matrix"),
        (torch.zeros(2, 3), torch.zeros(3, dtype=torch.int64), "inconsistent target size"),
        (torch.zeros(2), torch.zeros(2), "expected scalar type Long"),
        (torch.zeros(2), torch.tensor([2, 0]), "out of range"),
    ],
)
def test_multilabel_refusals(scores, target, message):
    with pytest.raises(RuntimeError, match=message):
        F.multilabel_margin_loss(scores, target)


def test_multilabel_margin_loss_by_hand():
    scores, target = (
        R.standard_normal((4, 5)),
        np.array([[0, 2, -1, 1, 1], [-1, 0, 0, 0, 0], [4, 4, 3, -1, 0], [0, 1, 2, 3, 4]]),
    )
    expected = []
    for row, classes in zip(scores, target.tolist(), strict=True):
        right = classes[: (*classes, -1).index(-1)]
        expected.append(sum(max(0, 1 - row[y] + row[i]) for y in right for i in range(5) if i not in right) / 5)
    found = F.multilabel_margin_loss(torch.from_numpy(scores), torch.tensor(target.tolist()), reduction="none")
    np.testing.assert_allclose(found.numpy(), expected)
    one = F.multilabel_margin_loss(torch.from_numpy(scores[0]), torch.tensor(target[0].tolist()))
    np.testing.assert_allclose(one.item(), expected[0])
