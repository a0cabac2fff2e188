"""L-BFGS: recorded iterates of PyTorch, the line search on its own, and the state."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import mytorch
from mytorch.optim.line_search import Point, cubic_minimum, strong_wolfe

# PyTorch 2.13: the loss before each of six steps on the `valley` below, for each set of options.
RECORDED: tuple[tuple[dict[str, Any], list[float]], ...] = (
    (
        {"lr": 0.002, "max_iter": 5},
        [
            38.199999999999996,
            37.57282762483199,
            37.21568042600844,
            36.85806468112739,
            36.500610428488386,
            36.14384537636144,
        ],
    ),
    (
        {"lr": 0.01, "max_iter": 10, "history_size": 3},
        [
            38.199999999999996,
            33.69601234631963,
            30.929427852329724,
            28.47844602393959,
            26.189856926868863,
            23.819586169359905,
        ],
    ),
    (
        {"line_search_fn": "strong_wolfe"},
        [
            38.199999999999996,
            1.3956442856304003,
            2.366931858642587e-06,
            1.3359525162472743e-11,
            1.3359525162472743e-11,
            1.3359525162472743e-11,
        ],
    ),
    (
        {"line_search_fn": "strong_wolfe", "max_iter": 2, "lr": 0.3},
        [
            38.199999999999996,
            18.80151482484981,
            18.478596296436205,
            18.21962979441681,
            18.064367400774593,
            17.953836223041876,
        ],
    ),
    (
        {"line_search_fn": "strong_wolfe", "max_iter": 7, "history_size": 2, "max_eval": 6},
        [
            38.199999999999996,
            17.440032816215208,
            2.4394268521735762,
            1.4519741885355801,
            0.788637731861112,
            0.29934084433922614,
        ],
    ),
)


def valley(params: list[Any]) -> Any:
    """Rosenbrock's function of two parameters, and a bowl in a third."""
    x, y, z = params
    return 100 * (y - x * x) ** 2 + (1 - x) ** 2 + ((z - 2) ** 2).sum()


def start(dtype: Any = None) -> list[Any]:
    values = (-1.2, 1.0, [[0.0, 1.0], [2.0, 5.0]])
    return [mytorch.tensor(v, dtype=dtype or mytorch.float64, requires_grad=True) for v in values]


def losses(optimizer: Any, params: list[Any], steps: int) -> list[float]:
    def closure() -> Any:
        optimizer.zero_grad()
        loss = valley(params)
        loss.backward()
        return loss

    return [optimizer.step(closure).item() for _ in range(steps)]


@pytest.mark.parametrize(("options", "expected"), RECORDED, ids=[str(o) for o, _ in RECORDED])
def test_goes_pytorchs_way(options: dict[str, Any], expected: list[float]) -> None:
    params = start()
    np.testing.assert_allclose(losses(mytorch.optim.LBFGS(params, **options), params, 6), expected, rtol=1e-6)


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_state_dict_continues_exactly(search: str | None) -> None:
    params = start()
    optimizer = mytorch.optim.LBFGS(params, lr=0.1, max_iter=3, history_size=4, line_search_fn=search)
    losses(optimizer, params, 3)
    twins = copy.deepcopy(params)
    twin = mytorch.optim.LBFGS(twins)
    twin.load_state_dict(optimizer.state_dict())
    assert losses(optimizer, params, 4) == losses(twin, twins, 4)
    assert set(optimizer.state[params[0]]) == {
        *("func_evals", "n_iter", "d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss"),
    }


def test_counts_and_limits() -> None:
    params = start()
    optimizer = mytorch.optim.LBFGS(params, max_iter=4, max_eval=3)
    assert optimizer.param_groups[0]["max_eval"] == 3
    assert mytorch.optim.LBFGS(params, max_iter=8).param_groups[0]["max_eval"] == 10
    losses(optimizer, params, 1)
    assert optimizer.state[params[0]]["func_evals"] == 3


def test_stops_at_the_minimum() -> None:
    w = mytorch.tensor([0.0, 0.0], requires_grad=True)
    optimizer = mytorch.optim.LBFGS([w])
    calls = []

    def closure() -> Any:
        calls.append(1)
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert len(calls) == 1


def test_what_it_refuses() -> None:
    w = [mytorch.ones(1, requires_grad=True) for _ in range(2)]
    with pytest.raises(ValueError, match="LBFGS doesn't support per-parameter options"):
        mytorch.optim.LBFGS([{"params": w[:1]}, {"params": w[1:]}])
    optimizer = mytorch.optim.LBFGS(w, line_search_fn="golden")
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        optimizer.step(lambda: w[0].sum())


def test_parameters_without_gradient_stay() -> None:
    a, b = (mytorch.tensor([3.0], requires_grad=True) for _ in range(2))
    optimizer = mytorch.optim.LBFGS([a, b], line_search_fn="strong_wolfe")

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (a**2).sum()
        loss.backward()
        return loss

    for _ in range(5):
        optimizer.step(closure)
    assert abs(a.item()) < 1e-3
    assert b.item() == 3.0


@pytest.mark.parametrize("first", [1e-3, 0.3, 1.0, 50.0])
def test_line_search_meets_its_conditions(first: float) -> None:
    def probe(t: float) -> tuple[float, np.ndarray]:
        return float(np.cosh(t - 2) + 0.1 * np.sin(3 * t)), np.array([np.sinh(t - 2) + 0.3 * np.cos(3 * t)])

    loss, grad = probe(0.0)
    slope = grad[0]
    new, there, t, calls = strong_wolfe(probe, first, np.array([1.0]), loss, grad, slope, max_probes=25)
    assert new <= loss + 1e-4 * t * slope
    assert abs(there[0]) <= -0.9 * slope
    assert (new, there[0]) == (probe(t)[0], probe(t)[1][0])
    assert 1 <= calls <= 26


def test_line_search_on_wavy_functions() -> None:
    generator = np.random.default_rng(0)
    met = 0
    for _ in range(300):
        a, b, c, wave = generator.uniform((0.2, 0.2, 0.2, 0.0), (3.0, 3.0, 3.0, 0.6))
        first, most = float(10 ** generator.uniform(-3, 2)), int(generator.integers(1, 25))

        def probe(t: float, a: float = a, b: float = b, c: float = c, w: float = wave) -> tuple[float, np.ndarray]:
            slope = 1.5 * a * np.sign(t - b) * abs(t - b) ** 0.5 + 3 * c * w * np.cos(3 * c * t)
            return float(a * abs(t - b) ** 1.5 + w * np.sin(3 * c * t)), np.array([slope])

        loss, grad = probe(0.0)
        if grad[0] >= 0:
            continue
        new, there, t, calls = strong_wolfe(probe, first, np.array([1.0]), loss, grad, grad[0], max_probes=most)
        assert (new, there[0]) == (probe(t)[0], probe(t)[1][0])
        assert new <= loss
        assert calls <= most + 1
        met += t > 0 and new <= loss + 1e-4 * t * grad[0] and abs(there[0]) <= -0.9 * grad[0]
    assert met > 200


def test_cubic_minimum_is_exact_for_cubics() -> None:
    def point(t: float) -> Point:
        return Point(t, t**3 - 3 * t, np.zeros(1), 3 * t**2 - 3)  # minimum at 1

    for a, b in ((0.0, 3.0), (3.0, 0.0), (0.5, 1.5)):
        assert cubic_minimum(point(a), point(b)) == pytest.approx(1.0)
    assert cubic_minimum(point(0.0), point(3.0), (1.5, 2.0)) == 1.5
    falling = Point(0.0, 0.0, np.zeros(1), -1.0), Point(1.0, -2.0, np.zeros(1), -1.0)
    assert cubic_minimum(*falling) == 1.0
