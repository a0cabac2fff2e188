"""Which units count as dead or saturated, over all rows, whatever shape the outputs have."""

from __future__ import annotations

import numpy as np
import pytest

import mytorch
from mytorch import nn
from mytorch.training.diagnostics.units import ActivityWatch, UnitActivity, flat_parts, unit_kind


def watched(model: nn.Module, *batches: list) -> list[UnitActivity]:
    watch = ActivityWatch(model)
    with watch.watching(), mytorch.no_grad():
        for batch in batches:
            model(mytorch.tensor(batch, dtype=mytorch.float32))
    model(mytorch.ones(1, *np.shape(batches[0])[1:]))  # which nobody watches any more
    return watch.result()


def test_a_unit_is_dead_if_no_row_of_any_batch_wakes_it() -> None:
    (found,) = watched(nn.Sequential(nn.ReLU()), [[-1, -1, 2], [-2, -3, -1]], [[-1, 0.5, -1]])
    assert found == UnitActivity("0", "ReLU", units=3, dead=1, saturated=None, rows=3)


def test_channels_of_images_and_sequences_are_units() -> None:
    image = np.full((2, 3, 4, 4), -1.0)
    image[1, 2, 3, 3] = 1.0
    assert watched(nn.Sequential(nn.ReLU6()), image.tolist())[0].dead == 2
    sequence = np.full((2, 5, 3), -1.0)
    sequence[0, 4, 1] = 1.0
    (found,) = watched(nn.Sequential(nn.ReLU()), sequence.tolist())
    assert (found.units, found.dead) == (3, 2), "of (row, place, feature)"
    conv = nn.Sequential(nn.Conv1d(5, 2, 1), nn.BatchNorm1d(2), nn.Dropout(0.0), nn.ReLU())
    assert watched(conv, sequence.tolist())[0].units == 2, "of (row, channel, place)"


@pytest.mark.parametrize(
    ("layer", "values", "share"),
    [
        (nn.Sigmoid(), [-5.0, 5.0, 0.0, 4.0], 0.5),
        (nn.Tanh(), [-2.5, 2.5, 2.0, 0.0], 0.5),
        (nn.Softsign(), [-5.0, 3.0, 0.0, 1.0], 0.25),
        (nn.Hardtanh(-2.0, 1.0), [-2.5, -2.0, 1.0, 0.9], 0.75),
        (nn.Hardsigmoid(), [-3.0, 3.5, 0.0, 2.9], 0.5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_outputs_in_the_flat_part(layer: nn.Module, values: list[float], share: float) -> None:
    (found,) = watched(nn.Sequential(layer), [values])
    assert (found.saturated, found.dead, found.units) == (share, None, 4)


def test_flat_means_a_slope_below_four_percent_of_the_greatest() -> None:
    for function, points in ((nn.Sigmoid(), (4.6, -4.6)), (nn.Tanh(), (2.3, -2.3)), (nn.Softsign(), (4.01, -4.01))):
        for point in points:
            slopes = []
            for at in (point, 0.0):
                x = mytorch.tensor(at, requires_grad=True)
                y = function(x)
                y.backward()
                slopes.append(x.grad.item())
                limits = flat_parts(function)
                assert limits is not None
                assert (limits[0] <= y.item() <= limits[1]) == (at == 0.0)
            assert slopes[0] < 0.04 * slopes[1]


@pytest.mark.parametrize("layer", [nn.LeakyReLU(), nn.GELU(), nn.ELU(), nn.SiLU(), nn.Linear(1, 1), nn.Softmax(dim=1)])
def test_other_layers_have_no_such_units(layer: nn.Module) -> None:
    assert unit_kind(layer) is None


def test_a_layer_that_is_called_twice_and_one_that_is_not() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            self.act, self.unused = nn.ReLU(), nn.ReLU()

        def forward(self, x):
            return self.act(self.act(x) - 1)

    (found,) = watched(Twice(), [[0.5, -1.0]])
    assert (found.layer, found.dead, found.units) == ("act", 1, 2)
