"""Schedules: PyTorch's recorded rates, states, warnings and errors."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mytorch
from mytorch.optim import lr_scheduler

_PATH = Path(__file__).parents[1] / "golden" / "record_optim.py"
_SPEC = importlib.util.spec_from_file_location("record_optim", _PATH)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)

CASES = pytest.mark.parametrize(("name", "make", "steps"), recorded.SCHEDULES, ids=[c[0] for c in recorded.SCHEDULES])


def sgd(lr: Any = 1.0, groups: int = 1, **options: Any) -> Any:
    return mytorch.optim.SGD(
        [{"params": [mytorch.ones(1, requires_grad=True)]} for _ in range(groups)], lr=lr, **options
    )


def rates(optimizer: Any, scheduler: Any, steps: int) -> list[float]:
    seen = [scheduler.get_last_lr()[0]]
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        seen.append(scheduler.get_last_lr()[0])
    return seen


@CASES
def test_pytorchs_rates(name: str, make: Callable[..., Any], steps: int) -> None:
    with np.load(recorded.GOLDEN) as golden:
        np.testing.assert_allclose(
            recorded.schedule(mytorch, make, steps), golden[f"schedule/{name}"], rtol=1e-12, atol=1e-15
        )


@CASES
@pytest.mark.parametrize("kind", ["ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RMSprop"])
def test_every_optimizer_can_be_scheduled(name: str, make: Callable[..., Any], steps: int, kind: str) -> None:
    cycles_momentum = name.startswith(("cyclic", "onecycle")) and "no-momentum" not in name
    if cycles_momentum and kind in ("ASGD", "Adadelta", "Adagrad"):
        with pytest.raises(ValueError, match="optimizer must support momentum or beta1"):
            recorded.schedule(mytorch, make, steps, kind)
        return
    reference = recorded.schedule(mytorch, make, steps)
    found = recorded.schedule(mytorch, make, steps, kind)
    np.testing.assert_array_equal(found[:, :2], reference[:, :2])
    if kind in ("Adam", "AdamW", "Adamax", "NAdam", "RMSprop"):
        np.testing.assert_array_equal(found[:, 2:], reference[:, 2:])


@CASES
def test_state_dict_continues_exactly(name: str, make: Callable[..., Any], steps: int) -> None:
    def build() -> tuple[Any, Any]:
        parameters = [{"params": [mytorch.ones(1, requires_grad=True)]} for _ in range(2)]
        optimizer = mytorch.optim.SGD(parameters, lr=0.05, momentum=0.9)
        return optimizer, make(lr_scheduler, optimizer)

    optimizer, scheduler = build()
    whole = rates(optimizer, scheduler, steps)
    optimizer, scheduler = build()
    half = rates(optimizer, scheduler, steps // 2)
    twin, continued = build()
    state = scheduler.state_dict()
    keys = set(state)
    continued.load_state_dict(state)
    assert set(state) == keys
    twin.load_state_dict(optimizer.state_dict())
    assert half + rates(twin, continued, steps - steps // 2)[1:] == whole


@CASES
def test_a_tensor_as_rate_is_changed_in_place(name: str, make: Callable[..., Any], steps: int) -> None:
    plain = recorded.schedule(mytorch, make, steps)
    parameters = [{"params": [mytorch.ones(1, requires_grad=True)], "lr": mytorch.tensor(lr)} for lr in (0.05, 0.02)]
    optimizer = mytorch.optim.SGD(parameters, momentum=0.9)
    held = [group["lr"] for group in optimizer.param_groups]
    scheduler = make(lr_scheduler, optimizer)
    for row in plain:
        np.testing.assert_allclose([t.item() for t in held], row[:2], rtol=1e-4, atol=1e-7)
        optimizer.step()
        if row is not plain[-1]:
            scheduler.step()
    assert all(group["lr"] is t for group, t in zip(optimizer.param_groups, held, strict=True))


def test_the_plateau() -> None:
    optimizer = sgd(groups=2)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, cooldown=2, min_lr=[0.3, 0.1])
    seen = []
    for loss in [3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0]:
        scheduler.step(mytorch.tensor(loss))
        seen.append(tuple(scheduler.get_last_lr()))
    assert seen == [(1.0, 1.0)] * 3 + [(0.5, 0.5)] * 4 + [(0.3, 0.25)] * 4 + [(0.3, 0.25)]
    assert scheduler.best == 1.0


@pytest.mark.parametrize(
    ("mode", "threshold_mode", "better", "not_better"),
    [("min", "rel", 8.9, 9.1), ("min", "abs", 9.8, 9.95), ("max", "rel", 11.1, 10.9), ("max", "abs", 10.2, 10.05)],
)
def test_what_counts_as_better(mode: Any, threshold_mode: Any, better: float, not_better: float) -> None:
    for value, expected in ((better, 1.0), (not_better, 0.1)):
        optimizer = sgd()
        scheduler = lr_scheduler.ReduceLROnPlateau(
            optimizer, mode, patience=0, threshold=0.1, threshold_mode=threshold_mode
        )
        scheduler.step(10.0)
        scheduler.step(value)
        assert scheduler.get_last_lr() == [expected]


def test_the_plateau_continues() -> None:
    optimizer, twin = sgd(), sgd()
    one = lr_scheduler.ReduceLROnPlateau(optimizer, "max", patience=1)
    two = lr_scheduler.ReduceLROnPlateau(twin)
    one.step(1.0)
    one.step(1.0)
    two.load_state_dict(one.state_dict())
    one.step(0.5)
    two.step(0.5)
    assert one.get_last_lr() == two.get_last_lr() == [0.1]


def test_the_plateau_can_be_told_the_step() -> None:
    scheduler = lr_scheduler.ReduceLROnPlateau(sgd())
    with pytest.warns(UserWarning, match="The epoch parameter in"):
        scheduler.step(1.0, epoch=7)
    assert scheduler.last_epoch == 7


def test_the_plateau_and_new_groups() -> None:
    optimizer = sgd()
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    strict = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.0])
    optimizer.add_param_group({"params": [mytorch.ones(1, requires_grad=True)]})
    scheduler.step(1.0)
    scheduler.step(1.0)
    assert scheduler.get_last_lr() == [0.1, 0.1]
    strict.step(1.0)
    with pytest.raises(RuntimeError, match=r"The number of param groups in the `optimizer` \(2\) differs"):
        strict.step(1.0)


def test_restarts_at_fractions() -> None:
    optimizer = sgd()
    scheduler = lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=2)
    for epoch, expected in ((0.5, 0.8535533905932737), (2.0, 1.0), (4.0, 0.5), (6.0, 1.0), (1.0, 0.5)):
        scheduler.step(epoch)
        assert scheduler.get_last_lr() == [pytest.approx(expected, abs=1e-15)]
    single = lr_scheduler.CosineAnnealingWarmRestarts(sgd(), T_0=3)
    single.step(7)
    assert single.T_cur == 1
    with pytest.raises(ValueError, match="Expected non-negative epoch, but got -1"):
        single.step(-1)


@pytest.mark.parametrize("name", ["step", "multistep", "constant", "linear", "exponential", "polynomial", "cosine"])
def test_jumps_by_the_closed_form(name: str) -> None:
    make = {case[0]: case[1] for case in recorded.SCHEDULES}[name]
    optimizer = mytorch.optim.SGD([{"params": [mytorch.ones(1, requires_grad=True)]} for _ in range(2)], lr=0.05)
    walked, jumped = [], []
    scheduler = make(lr_scheduler, optimizer)
    walked = rates(optimizer, scheduler, 9)
    for epoch in range(10):
        with pytest.warns(UserWarning, match="The epoch parameter in"):
            scheduler.step(epoch)
        jumped += scheduler.get_last_lr()[:1]
    np.testing.assert_allclose(jumped, walked, rtol=1e-12)


def test_resuming_by_last_epoch() -> None:
    optimizer = sgd()
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, 10)
    expected = rates(optimizer, scheduler, 8)
    again = sgd(lr=expected[4])
    again.param_groups[0]["initial_lr"] = 1.0
    continued = lr_scheduler.CosineAnnealingLR(again, 10, last_epoch=4)
    again.param_groups[0]["lr"] = expected[5]
    np.testing.assert_allclose(rates(again, continued, 3), [expected[4], *expected[6:]], rtol=1e-12)
    with pytest.raises(KeyError, match=r"param 'initial_lr' is not specified in param_groups\[0\]"):
        lr_scheduler.StepLR(sgd(), 1, last_epoch=3)


def test_warnings_about_the_order_of_steps() -> None:
    optimizer = sgd()
    scheduler = lr_scheduler.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match=r"Detected call of `lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        scheduler.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()  # only the first call is looked at
    optimizer = sgd()
    optimizer.step()
    scheduler = lr_scheduler.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match="Detected call of"):
        scheduler.step()
    optimizer = sgd()
    scheduler = lr_scheduler.StepLR(optimizer, 1)
    optimizer.step = lambda: None
    optimizer.step()
    with pytest.warns(UserWarning, match=r"`optimizer.step\(\)` has been overridden"):
        scheduler.step()
    with pytest.warns(UserWarning, match=r"please use `get_last_lr\(\)`"):
        scheduler.get_lr()


class Half:
    """A function with something to remember."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, x: float) -> float:
        return self.factor


def test_states_of_functions() -> None:
    optimizer = sgd(groups=2)
    scheduler = lr_scheduler.LambdaLR(optimizer, [Half(0.5), lambda _: 1.0])
    assert scheduler.state_dict()["lr_lambdas"] == [{"factor": 0.5}, None]
    other = lr_scheduler.MultiplicativeLR(sgd(groups=2), [Half(0.25), lambda _: 1.0])
    other.load_state_dict(scheduler.state_dict())
    assert other.lr_lambdas[0](0) == 0.5
    cyclic = lr_scheduler.CyclicLR(sgd(momentum=0.5), 0.1, 1.0, scale_fn=Half(0.5))
    twin = lr_scheduler.CyclicLR(sgd(momentum=0.5), 0.1, 1.0, scale_fn=Half(0.125))
    twin.load_state_dict(cyclic.state_dict())
    assert twin.scale_fn(1) == 0.5


def test_the_base_class_has_no_rates() -> None:
    with pytest.raises(NotImplementedError):
        lr_scheduler.LRScheduler(sgd())


INVALID: tuple[tuple[Callable[[Any], Any], type[Exception], str], ...] = (
    (lambda o: lr_scheduler.StepLR(3, 1), TypeError, "int is not an Optimizer"),
    (lambda o: lr_scheduler.OneCycleLR(3, 1), TypeError, "int is not an Optimizer"),
    (lambda o: lr_scheduler.ReduceLROnPlateau(3), TypeError, "int is not an Optimizer"),
    (lambda o: lr_scheduler.LambdaLR(o, [abs, abs]), ValueError, "Expected 1 lr_lambdas, but got 2"),
    (lambda o: lr_scheduler.MultiplicativeLR(o, 3), TypeError, "lr_lambda should be a function, but got int"),
    (
        lambda o: lr_scheduler.ConstantLR(o, factor=1.5),
        ValueError,
        "Constant multiplicative factor expected to be between 0 and 1.",
    ),
    (
        lambda o: lr_scheduler.LinearLR(o, start_factor=0),
        ValueError,
        "Starting multiplicative factor expected to be greater than 0 and less or equal to 1.",
    ),
    (
        lambda o: lr_scheduler.LinearLR(o, end_factor=-1),
        ValueError,
        "Ending multiplicative factor expected to be between 0 and 1.",
    ),
    (
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 0),
        ValueError,
        "Expected positive integer T_0, but got 0",
    ),
    (
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 1, 0.5),
        ValueError,
        "Expected integer T_mult >= 1, but got 0.5",
    ),
    (
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 1, eta_min="0"),
        ValueError,
        "Expected float or int eta_min, but got 0 of type <class 'str'>",
    ),
    (
        lambda o: lr_scheduler.OneCycleLR(o, 1.0),
        ValueError,
        "You must define either total_steps OR (epochs AND steps_per_epoch)",
    ),
    (lambda o: lr_scheduler.OneCycleLR(o, 1.0, 0), ValueError, "Expected positive integer total_steps, but got 0"),
    (
        lambda o: lr_scheduler.OneCycleLR(o, 1.0, epochs=2.5, steps_per_epoch=1),
        ValueError,
        "Expected positive integer epochs, but got 2.5",
    ),
    (
        lambda o: lr_scheduler.OneCycleLR(o, 1.0, epochs=2, steps_per_epoch=-1),
        ValueError,
        "Expected positive integer steps_per_epoch, but got -1",
    ),
    (
        lambda o: lr_scheduler.OneCycleLR(o, 1.0, 5, pct_start=2.0),
        ValueError,
        "Expected float between 0 and 1 pct_start, but got 2.0",
    ),
    (
        lambda o: lr_scheduler.OneCycleLR(o, 1.0, 5, anneal_strategy="sin"),
        ValueError,
        "anneal_strategy must be one of 'cos' or 'linear', instead got sin",
    ),
    (
        lambda o: lr_scheduler.OneCycleLR(o, [1.0, 2.0], 5),
        ValueError,
        "max_lr must have the same length as optimizer.param_groups. max_lr has 2 values, param_groups has 1.",
    ),
    (lambda o: lr_scheduler.CyclicLR(o, 0.1, 1.0, mode="square"), ValueError, "mode is invalid and scale_fn is None"),
    (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1.0), ValueError, "Factor should be < 1.0."),
    (lambda o: lr_scheduler.ReduceLROnPlateau(o, "avg"), ValueError, "mode avg is unknown!"),
    (
        lambda o: lr_scheduler.ReduceLROnPlateau(o, threshold_mode="log"),
        ValueError,
        "threshold mode log is unknown!",
    ),
    (lambda o: lr_scheduler.ReduceLROnPlateau(o, min_lr=[0, 0]), ValueError, "expected 1 min_lrs, got 2"),
    (
        lambda o: lr_scheduler.SequentialLR(o, [], []),
        ValueError,
        "SequentialLR expects at least one scheduler, but got no scheduler.",
    ),
    (
        lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.StepLR(o, 1)], [1]),
        ValueError,
        "Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone "
        "points, but got number of schedulers 1 and the number of milestones to be equal to 1",
    ),
    (
        lambda o: lr_scheduler.ChainedScheduler([]),
        ValueError,
        "ChainedScheduler expects at least one scheduler to be chained, but got no scheduler.",
    ),
    (
        lambda o: lr_scheduler.ChainedScheduler([lr_scheduler.StepLR(o, 1), 3]),
        TypeError,
        "ChainedScheduler at index 1 should have `optimizer` as its attribute.",
    ),
    (
        lambda o: lr_scheduler.ChainedScheduler([lr_scheduler.ReduceLROnPlateau(o)]),
        ValueError,
        "ChainedScheduler does not support `ReduceLROnPlateau` scheduler as it requires additional kwargs to be "
        "specified when calling `step`, but got one at index 0 in the given schedulers sequence.",
    ),
)


@pytest.mark.parametrize(("make", "kind", "message"), INVALID, ids=[case[2][:60] for case in INVALID])
def test_invalid_arguments(make: Callable[[Any], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as error:
        make(sgd(momentum=0.5))
    assert str(error.value) == message


def test_schedules_of_different_optimizers_do_not_mix() -> None:
    one, two = sgd(), sgd()
    with pytest.raises(ValueError, match="SequentialLR expects all schedulers to belong to the same optimizer"):
        lr_scheduler.SequentialLR(one, [lr_scheduler.StepLR(one, 1), lr_scheduler.StepLR(two, 1)], [1])


def test_one_cycle_ends() -> None:
    optimizer = sgd(momentum=0.9)
    scheduler = lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=3)
    rates(optimizer, scheduler, 3)
    with pytest.raises(ValueError, match=r"Tried to step 4 times. The specified number of total steps is 3"):
        scheduler.step()
