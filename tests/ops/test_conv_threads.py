"""Convolutions share their work over threads; how many there are does not change a bit of the results."""

from __future__ import annotations

import numpy as np
import pytest

import mytorch as torch
from mytorch.backend import threads
from mytorch.nn import functional as F

LAYERS = {
    "conv2d": lambda x, w: F.conv2d(x, w(12, 8, 3, 3), w(12), padding=1),
    "conv2d without border": lambda x, w: F.conv2d(x, w(24, 8, 5, 5)),
    "strided": lambda x, w: F.conv2d(x, w(12, 8, 3, 3), stride=2, padding=1),
    "dilated": lambda x, w: F.conv2d(x, w(12, 8, 3, 3), padding=2, dilation=2),
    "grouped": lambda x, w: F.conv2d(x.repeat(1, 2, 1, 1), w(12, 8, 3, 3), groups=2),
    "depthwise": lambda x, w: F.conv2d(x, w(8, 1, 3, 3), w(8), padding=1, groups=8),
    "depthwise, strided": lambda x, w: F.conv2d(x, w(16, 1, 3, 3), stride=2, groups=8),
    "transposed": lambda x, w: F.conv_transpose2d(x, w(8, 4, 3, 3), w(4), stride=2),
}


@pytest.fixture
def set_count():
    before = threads.get_count()
    yield threads.set_count
    threads.set_count(before)


@pytest.mark.parametrize("layer", LAYERS)
def test_results_have_the_same_bits_on_any_number_of_threads(layer, set_count):
    images = np.random.default_rng(0).standard_normal((40, 48, 48, 8)).astype(np.float32)
    found = []
    for count in (1, 2, 3):
        set_count(count)
        random, weights = np.random.default_rng(1), []

        def weight(*shape, random=random, weights=weights):
            weights.append(torch.from_numpy(random.standard_normal(shape).astype(np.float32)).requires_grad_())
            return weights[-1]

        x = torch.from_numpy(images.transpose(0, 3, 1, 2)).requires_grad_()
        out = LAYERS[layer](x, weight)
        out.backward(out.detach().cos())
        found.append([out.detach().numpy(), *[v.grad.numpy() for v in (x, *weights)]])
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            assert one.tobytes() == two.tobytes()


def test_the_work_is_shared(set_count, monkeypatch):
    """Every operation above has pieces to share; the comparison would prove nothing otherwise."""
    set_count(1)
    pieces = []
    run = threads.run
    monkeypatch.setattr(threads, "run", lambda work, given: (pieces.append(len(given)), run(work, given))[1])
    x = torch.ones(40, 8, 48, 48).contiguous(memory_format=torch.channels_last)
    for layer in LAYERS.values():
        pieces.clear()
        layer(x, torch.ones)
        assert max(pieces) > 1
