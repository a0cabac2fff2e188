"""Losses without PyTorch: recorded values and derivatives, finite differences, and the cases at the edges."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

import mytorch as torch
from mytorch.nn import functional as F

_PATH = Path(__file__).parents[1] / "golden" / "record_nn.py"
_SPEC = importlib.util.spec_from_file_location("record_nn", _PATH)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)

CASES = {name: run for name, run in recorded.cases(torch).items() if name.rpartition(", ")[0] in recorded.LOSSES}


@pytest.fixture(scope="module")
def golden():
    with np.load(recorded.ARRAYS) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives_are_pytorchs(golden, name):
    found = CASES[name]()
    expected = {int(key.rpartition("/")[2]): value for key, value in golden.items() if key.rpartition("/")[0] == name}
    assert 0 in expected
    for position, value in expected.items():
        ours = found[position] if position < len(found) and found[position] is not None else np.zeros_like(value)
        assert (ours.shape, ours.dtype) == (value.shape, value.dtype)
        np.testing.assert_allclose(ours, value, rtol=1e-9, atol=1e-12, err_msg=f"{name}/{position}")


@pytest.mark.parametrize("reduction", recorded.REDUCTIONS)
@pytest.mark.parametrize("name", recorded.LOSSES)
@pytest.mark.filterwarnings("ignore:reduction")
def test_finite_differences(name, reduction):
    """For every floating point argument, targets too; only weights are given."""
    function, arrays = recorded.LOSSES[name]
    inputs = []
    for position, a in enumerate(arrays):
        tensor = torch.tensor(a.tolist(), dtype=torch.float64 if a.dtype.kind == "f" else torch.int64)
        choice = a.dtype.kind == "f" and set(np.unique(a)) <= {-1.0, 0.0, 1.0}
        weight = "weight" in name and position == len(arrays) - 1
        inputs.append(tensor.requires_grad_() if a.dtype.kind == "f" and not choice and not weight else tensor)
    if name == "poisson rate full":
        inputs[1].requires_grad_(False)  # Stirling's formula starts at 1 with a jump
    if name == "gaussian eps":
        inputs[2].requires_grad_(False)  # the gradient passes the limit unchanged, as in PyTorch

    def run(*xs):
        return function(F, *xs, reduction=reduction)

    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


POINTWISE = (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss)


@pytest.mark.parametrize("loss", POINTWISE)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64], ids=str)
def test_type_is_kept(loss, dtype):
    x, y = torch.ones(3, dtype=dtype, requires_grad=True), torch.zeros(3, dtype=dtype)
    out = loss(x, y)
    assert out.dtype == dtype
    out.backward()
    assert x.grad.dtype == dtype


@pytest.mark.parametrize("loss", POINTWISE)
def test_broadcasting_warns_and_is_undone(loss):
    x = torch.ones(3, 1, dtype=torch.float64, requires_grad=True)
    y = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    with pytest.warns(UserWarning, match="will likely lead to incorrect results due to broadcasting"):
        out = loss(x, y, reduction="none")
    assert out.shape == (3, 3)
    out.sum().backward()
    assert (x.grad.shape, y.grad.shape) == ((3, 1), (3,))
    assert x.grad.sum().item() == -y.grad.sum().item() != 0


@pytest.mark.parametrize("loss", POINTWISE)
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_sizes_that_do_not_fit(loss):
    with pytest.raises(
        RuntimeError, match=r"size of tensor a \(2\) must match the size of tensor b \(3\) at non-singleton dim"
    ):
        loss(torch.zeros(2), torch.zeros(3))
    with pytest.raises(ValueError, match="Weights and input must have the same size"):
        F.mse_loss(torch.zeros(2), torch.zeros(2), weight=torch.zeros(3))


@pytest.mark.parametrize("loss", POINTWISE)
def test_of_nothing(loss):
    x = torch.zeros(0, requires_grad=True)
    assert math.isnan(loss(x, torch.zeros(0)).item())
    assert loss(x, torch.zeros(0), reduction="sum").item() == 0
    loss(x, torch.zeros(0)).backward()
    assert x.grad.shape == (0,)


@pytest.mark.parametrize("loss", POINTWISE)
def test_mixed_types_take_the_common_one(loss):
    x = torch.ones(2, requires_grad=True)
    out = loss(x, torch.zeros(2, dtype=torch.float64))
    assert out.dtype == torch.float64
    out.backward()
    assert x.grad.dtype == torch.float32


def test_the_same_loss_can_be_differentiated_twice():
    x, y = torch.ones(3, requires_grad=True), torch.zeros(3)
    loss = F.mse_loss(x, y)
    loss.backward(retain_graph=True)
    loss.backward()
    np.testing.assert_allclose(x.grad.tolist(), [4 / 3] * 3, rtol=1e-6)


def test_loss_is_one_node():
    x = torch.ones(3, 2, requires_grad=True)
    for out, name in (
        (F.mse_loss(x, torch.zeros(3, 2)), "MseLossBackward0"),
        (F.smooth_l1_loss(x, torch.zeros(3, 2)), "SmoothL1LossBackward0"),
        (F.cross_entropy(x, torch.tensor([0, 1, 1])), "NllLossBackward0"),
        (F.binary_cross_entropy_with_logits(x, torch.zeros(3, 2), reduction="none"),
         "BinaryCrossEntropyWithLogitsBackward0"),
    ):  # fmt: skip
        assert out.grad_fn.name() == name
        assert out.grad_fn.next_functions[0][0].variable is x


def test_legacy_arguments():
    x, y = torch.tensor([1.0, 3.0]), torch.zeros(2)
    for legacy, reduction in (
        ({"size_average": True}, "mean"), ({"size_average": False}, "sum"), ({"reduce": False}, "none"),
        ({"reduce": True, "size_average": False}, "sum"),
    ):  # fmt: skip
        with pytest.warns(UserWarning, match=f"please use reduction='{reduction}' instead"):
            assert F.l1_loss(x, y, **legacy).tolist() == F.l1_loss(x, y, reduction=reduction).tolist()


# Cross entropy


def test_masked_scores():
    """A class that is ruled out by a score of -inf has probability 0 and no gradient."""
    x = torch.tensor([[0.0, -math.inf, 0.0]], requires_grad=True)
    out = F.cross_entropy(x, torch.tensor([0]))
    assert out.item() == pytest.approx(math.log(2))
    out.backward()
    assert x.grad.tolist() == [[-0.5, 0.0, 0.5]]


def test_large_scores():
    x = torch.tensor([[1e4, -1e4]], requires_grad=True)
    out = F.cross_entropy(x, torch.tensor([1]))
    assert out.item() == 2e4
    out.backward()
    assert x.grad.tolist() == [[1.0, -1.0]]


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_all_targets_ignored(loss):
    x = torch.zeros(2, 3, requires_grad=True)
    target = torch.tensor([-100, -100])
    assert math.isnan(loss(x, target).item())
    assert loss(x, target, reduction="sum").item() == 0
    assert loss(x, target, reduction="none").tolist() == [0, 0]
    loss(x, target).backward()
    assert x.grad.tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_no_rows(loss):
    x = torch.zeros(0, 3, requires_grad=True)
    target = torch.tensor([], dtype=torch.int64)
    assert math.isnan(loss(x, target).item())
    assert loss(x, target, reduction="none").shape == (0,)
    loss(x, target, reduction="sum").backward()
    assert x.grad.shape == (0, 3)
    assert loss(torch.zeros(0, 3, 4), torch.zeros(0, 4).long(), reduction="none").shape == (0, 4)


def test_cross_entropy_is_log_softmax_and_nll():
    x = torch.randn(5, 4, dtype=torch.float64)
    target = torch.tensor([0, 3, 2, 2, 1])
    weight = torch.tensor([0.1, 1.0, 2.0, 3.0], dtype=torch.float64)
    fused = F.cross_entropy(x, target, weight)
    assert fused.item() == pytest.approx(F.nll_loss(F.log_softmax(x, 1), target, weight).item(), rel=1e-14)


def test_one_hot_probabilities_equal_classes():
    x = torch.randn(5, 4, dtype=torch.float64)
    target = torch.tensor([0, 3, 2, 2, 1])
    rows = torch.tensor(np.eye(4)[target.numpy()].tolist(), dtype=torch.float64)
    for how in ({}, {"label_smoothing": 0.3}):
        by_class, by_row = F.cross_entropy(x, target, **how), F.cross_entropy(x, rows, **how)
        assert by_class.item() == pytest.approx(by_row.item(), rel=1e-14)


def test_targets_of_another_kind():
    with pytest.raises(RuntimeError, match="expected scalar type Long but found Float"):
        F.cross_entropy(torch.zeros(2, 3), torch.zeros(2))
    with pytest.raises(RuntimeError, match="ignore_index is not supported for floating point target"):
        F.cross_entropy(torch.zeros(2, 3), torch.zeros(2, 3), ignore_index=1)
    with pytest.raises(RuntimeError, match="input tensor should be 1D or 2D"):
        F.nll_loss(torch.zeros(()), torch.tensor(0))
    with pytest.raises(ValueError, match=r"Expected input batch_size \(2\) to match target batch_size \(3\)"):
        F.cross_entropy(torch.zeros(2, 3, 4), torch.zeros(3, 4).long())
    assert F.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 1], dtype=torch.int32)).item() == pytest.approx(
        math.log(3)
    )


# The others


def test_binary_cross_entropy_of_certainty():
    x = torch.tensor([0.0, 1.0, 1.0], requires_grad=True)
    out = F.binary_cross_entropy(x, torch.tensor([1.0, 0.0, 1.0]), reduction="none")
    assert out.tolist() == [100.0, 100.0, 0.0]
    out.sum().backward()
    assert all(math.isfinite(g) for g in x.grad.tolist())


def test_logits_far_out():
    x = torch.tensor([1e4, -1e4], requires_grad=True)
    out = F.binary_cross_entropy_with_logits(x, torch.tensor([0.0, 1.0]), reduction="none")
    assert out.tolist() == [1e4, 1e4]
    out.sum().backward()
    assert x.grad.tolist() == [1.0, -1.0]


def test_kl_batchmean():
    x, y = torch.randn(4, 3), torch.rand(4, 3)
    total = F.kl_div(x, y, reduction="sum")
    assert F.kl_div(x, y, reduction="batchmean").item() == pytest.approx(total.item() / 4)
    with pytest.warns(UserWarning, match="'batchmean' divides only by the batch size"):
        assert F.kl_div(x, y).item() == pytest.approx(total.item() / 12)


def test_kl_of_impossible_targets():
    assert F.kl_div(torch.tensor([-1.0]), torch.tensor([0.0]), reduction="sum").item() == 0


def test_gaussian_variance_as_number_and_of_other_shapes():
    x, y = torch.zeros(4, 3), torch.ones(4, 3)
    same = F.gaussian_nll_loss(x, y, torch.full((4, 3), 2.0)).item()
    for var in (2.0, torch.full((4,), 2.0), torch.full((4, 1), 2.0)):
        assert F.gaussian_nll_loss(x, y, var).item() == pytest.approx(same)
    with pytest.raises(ValueError, match="var has negative entry/entries"):
        F.gaussian_nll_loss(x, y, -1.0)


def test_a_margin_that_is_just_met_still_pulls():
    x = torch.zeros(1, requires_grad=True)
    F.margin_ranking_loss(x, torch.zeros(1), torch.ones(1)).backward()
    assert x.grad.tolist() == [-1.0]


def test_cosine_similarity_of_nothing_is_zero():
    x = torch.zeros(2, 3, requires_grad=True)
    out = F.cosine_similarity(x, torch.ones(2, 3))
    assert out.tolist() == [0.0, 0.0]


SHAPES = [
    (lambda: F.margin_ranking_loss(torch.zeros(2), torch.zeros(2), torch.zeros(2, 1)), "should have same dimension"),
    (
        lambda: F.cosine_embedding_loss(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2, 3)),
        "multi-target not supported",
    ),
    (
        lambda: F.cosine_embedding_loss(torch.zeros(3), torch.zeros(3), torch.zeros(3)),
        "1D target tensor expects 2D input",
    ),
    (lambda: F.multi_margin_loss(torch.zeros(2, 3), torch.tensor([0])), "inconsistent target size"),
    (lambda: F.multi_margin_loss(torch.zeros(1, 3), torch.tensor([3])), "target out of range"),
    (lambda: F.bilinear(torch.zeros(2, 3), torch.zeros(3, 3), torch.zeros(1, 3, 3)), "batch dimensions do not match"),
    (lambda: F.bilinear(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(1, 3, 4)), "do not match weight size"),
]


@pytest.mark.parametrize(("call", "message"), SHAPES)
def test_other_shapes_are_refused(call, message):
    with pytest.raises(RuntimeError, match=message):
        call()


def test_multi_margin_refusals():
    with pytest.raises(ValueError, match="only p == 1 and p == 2 supported"):
        F.multi_margin_loss(torch.zeros(1, 3), torch.tensor([0]), p=3)
    with pytest.raises(ValueError, match="weight must be one-dimensional"):
        F.multi_margin_loss(torch.zeros(1, 3), torch.tensor([0]), weight=torch.zeros(1, 3))


def test_a_loss_of_nothing_is_not_minus_zero():
    x = torch.tensor([[19.0, 0.0, 0.0]])
    assert math.copysign(1, F.cross_entropy(x, torch.tensor([0])).item()) == 1
