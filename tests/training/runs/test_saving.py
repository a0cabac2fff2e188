"""When a checkpoint is due, and which files count as one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mytorch.training.config.sections import Checkpoint
from mytorch.training.runs import saving
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import SavingPlan, newest_whole, states, write_state


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    class Clock:
        now = 100.0

        @classmethod
        def perf_counter(cls) -> float:
            return cls.now

    monkeypatch.setattr(saving, "time", Clock)
    return Clock


def test_without_orders_the_first_comes_early_and_the_others_cost_a_fiftieth(clock) -> None:
    plan = SavingPlan(Checkpoint())
    assert not plan.after_step(3)
    assert plan.after_epoch(1, 6)
    began, clock.now = clock.now, clock.now + 0.01
    plan.saved(began)
    assert not plan.after_epoch(2, 12)
    clock.now += saving.SECONDS_BETWEEN
    assert plan.after_step(13)
    began, clock.now = clock.now, clock.now + 3.0  # a large model on a slow disk
    plan.saved(began)
    clock.now += 149.0
    assert not plan.after_step(14)
    assert not plan.after_epoch(3, 18)
    clock.now += 1.0
    assert plan.after_step(15)


def test_a_resumed_training_does_not_begin_with_one() -> None:
    assert not SavingPlan(Checkpoint(), is_first=False).after_epoch(1, 6)


def test_orders_count_alone(clock) -> None:
    plan = SavingPlan(Checkpoint(every_steps=10))
    clock.now += 1e6
    assert [step for step in range(1, 31) if plan.after_step(step)] == [10, 20, 30]
    assert not plan.after_epoch(1, 6)
    plan = SavingPlan(Checkpoint(every_epochs=2, every_minutes=1.5))
    assert [epoch for epoch in range(1, 5) if plan.after_epoch(epoch, epoch)] == [2, 4]
    clock.now += 89.0
    assert not plan.after_step(1)
    clock.now += 1.0
    assert plan.after_step(1)
    plan.saved(clock.now - 30)
    clock.now += 90.0
    assert plan.after_step(1)  # what it costs makes no difference: these are the user's orders


def test_the_newest_are_kept(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "a")
    for name in ("state-x.safetensors", "state-00000001.safetensors.damaged", ".state-00000009.safetensors.1.tmp"):
        (run.checkpoints / name).touch()
    assert states(run) == []
    for step in (9, 10, 99999999, 123456789):  # the number decides, not the text
        write_state(run, step, {"a": np.zeros(1)}, {"step": step}, keep=3)
    assert [int(path.stem.split("-")[1]) for path in states(run)] == [123456789, 99999999, 10]
    assert newest_whole(run).metadata == {"step": 123456789}
    assert len(list(run.checkpoints.iterdir())) == 6


def test_a_directory_that_is_gone_has_none(tmp_path: Path) -> None:
    assert states(Run(tmp_path / "none")) == []
