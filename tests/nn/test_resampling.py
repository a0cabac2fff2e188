"""Layers that resize, rearrange, unpool, compare and look up: that they are their functions with their arguments."""

from __future__ import annotations

import numpy as np
import pytest

import mytorch as torch
from mytorch import nn
from mytorch.nn import functional as F

R = np.random.default_rng(0)
IMAGES = torch.from_numpy(R.standard_normal((2, 4, 6, 6)))
ROWS = [torch.from_numpy(R.standard_normal((3, 5))) for _ in range(2)]
SAME = {
    "Upsample(4)": (lambda x: F.interpolate(x, 4), IMAGES),
    "Upsample(scale_factor=1.7, mode='bicubic', align_corners=True)": (
        lambda x: F.interpolate(x, None, 1.7, "bicubic", True), IMAGES,
    ),
    "Upsample(scale_factor=0.7, recompute_scale_factor=True)": (
        lambda x: F.interpolate(x, scale_factor=0.7, recompute_scale_factor=True), IMAGES,
    ),
    "UpsamplingNearest2d((2, 9))": (lambda x: F.interpolate(x, (2, 9)), IMAGES),
    "UpsamplingBilinear2d(scale_factor=2)": (
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True), IMAGES,
    ),
    "Unfold((2, 3), 2, 1, (1, 2))": (lambda x: F.unfold(x, (2, 3), 2, 1, (1, 2)), IMAGES),
    "Fold((3, 4), 2, 1, 1, 2)": (lambda x: F.fold(x, (3, 4), 2, 1, 1, 2), IMAGES.reshape(2, 24, 6)),
    "PixelShuffle(2)": (lambda x: F.pixel_shuffle(x, 2), IMAGES),
    "PixelUnshuffle(3)": (lambda x: F.pixel_unshuffle(x, 3), IMAGES),
    "ChannelShuffle(2)": (lambda x: F.channel_shuffle(x, 2), IMAGES),
    "CosineSimilarity(0, 2.0)": (lambda x, y: F.cosine_similarity(x, y, 0, 2.0), *ROWS),
    "PairwiseDistance(1, 0.5, True)": (lambda x, y: F.pairwise_distance(x, y, 1, 0.5, True), *ROWS),
}  # fmt: skip


@pytest.mark.parametrize("layer", SAME)
def test_module_is_the_function(layer):
    function, *inputs = SAME[layer]
    found = eval(f"nn.{layer}", {"nn": nn})(*inputs)
    assert found.tolist() == function(*inputs).tolist()


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_pooling_and_back(dims):
    x = torch.from_numpy(R.standard_normal((2, 3, *(7, 5, 4)[:dims])))
    pool = getattr(nn, f"MaxPool{dims}d")(3, 2, 1, return_indices=True)
    unpool = getattr(nn, f"MaxUnpool{dims}d")(3, 2, 1)
    y, places = pool(x)
    back = unpool(y, places, output_size=x.shape)
    kept = back.numpy() != 0
    assert back.shape == x.shape
    np.testing.assert_array_equal(back.numpy()[kept], x.numpy()[kept])
    assert set(y.flatten().tolist()) == set(back.numpy()[kept].tolist())


def test_a_bag_layer_holds_a_table():
    torch.manual_seed(3)
    layer = nn.EmbeddingBag(6, 2, mode="max", padding_idx=-2)
    torch.manual_seed(3)
    assert nn.Embedding(6, 2, padding_idx=4).weight.tolist() == layer.weight.tolist()
    numbers, starts = torch.tensor([1, 4, 2]), torch.tensor([0, 2])
    found = layer(numbers, starts)
    assert found.tolist() == [layer.weight[1].tolist(), layer.weight[2].tolist()]
    with pytest.raises(AssertionError, match="padding_idx must be within num_embeddings"):
        nn.EmbeddingBag(2, 2, padding_idx=2)
    with pytest.raises(AssertionError, match="Shape of weight does not match"):
        nn.EmbeddingBag(2, 3, _weight=torch.eye(2))
    with pytest.raises(AssertionError, match="expected to be 2-dimensional"):
        nn.EmbeddingBag.from_pretrained(torch.ones(2))
    given = nn.EmbeddingBag.from_pretrained(torch.eye(2), mode="sum")
    assert not given.weight.requires_grad
    weights = torch.tensor([[2.0, 3.0]])
    assert given(torch.tensor([[0, 1]]), per_sample_weights=weights).tolist() == weights.tolist()


def test_random_slopes_are_drawn_in_training_only():
    layer, x = nn.RReLU(0.1, 0.3), torch.full((100,), -1.0)
    torch.manual_seed(0)
    slopes = -layer(x)
    assert 0.1 <= slopes.min() < 0.12
    assert 0.28 < slopes.max() < 0.3
    torch.manual_seed(0)
    assert F.rrelu_(x.clone(), 0.1, 0.3, True).tolist() == (-slopes).tolist()
    assert layer.eval()(x).tolist() == F.leaky_relu(x, 0.2).tolist()
    with pytest.raises(RuntimeError, match="Lower bound should be less than or equal to the upper bound"):
        F.rrelu(x, 0.3, 0.1)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_gumbel_softmax(dim):
    logits = torch.randn(4, 5, requires_grad=True)
    torch.manual_seed(1)
    soft = F.gumbel_softmax(logits, tau=0.5, dim=dim)
    torch.manual_seed(1)
    hard = F.gumbel_softmax(logits, tau=0.5, hard=True, dim=dim)
    np.testing.assert_allclose(soft.sum(dim).tolist(), 1, rtol=1e-5)
    assert hard.argmax(dim).tolist() == soft.argmax(dim).tolist()
    assert set(hard.detach().round(decimals=5).flatten().tolist()) == {0.0, 1.0}
    weights = torch.randn(4, 5)
    (g,) = torch.autograd.grad((soft * weights).sum(), logits)
    (h,) = torch.autograd.grad((hard * weights).sum(), logits)
    assert g.tolist() == h.tolist()
    with pytest.warns(UserWarning, match="`eps` parameter is deprecated"):
        F.gumbel_softmax(logits, eps=1e-3)
