"""`mytorch bisect`: the first step, and the first tensor in it, at which two trainings stop being the same to the bit.

What the runs have stored narrows it down: the newest checkpoint that is the same in both is where the search begins
(the beginning of the training, if there is none), and the first that differs is where it ends. In between both are
trained again, each under its own config and code, a step at a time, and compared after each.
"""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mytorch.training.commands.comparison import differing_keys
from mytorch.training.commands.difference import Difference, differences_of
from mytorch.training.config.comparing import MISSING
from mytorch.training.config.yaml_source import to_text
from mytorch.training.console import can_draw, print_folded, print_json, print_table
from mytorch.training.errors import RunFailed, UserError
from mytorch.training.loop.replay import Lane, Record, state_arrays
from mytorch.training.loop.resume import changes_of_data, is_harmless
from mytorch.training.loop.state import versions
from mytorch.training.runs import checkpoint
from mytorch.training.runs.packing import Arrays
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import Loaded, states, step_of

NAMES_SHOWN = 8
NO_KEY_EXPLAINS = (
    "no config key explains this: does a layer or data set of your own draw from a stream that has no seed, "
    "or are its file or its data not the same?"
)
NOT_REPRODUCED = (
    "a checkpoint that no replay gives was trained with other versions, on another machine, with own code that has "
    "changed since or has no seed, under a config that was changed on the way, or it was changed by hand"
)


@dataclass
class Side:
    """One of the two runs and the checkpoints that it has."""

    run: Run
    stored: dict[int, Path]
    damaged: list[str] = field(default_factory=list)

    def load(self, step: int) -> Loaded | None:
        """The checkpoint of a step; None if it cannot be read."""
        try:
            return Loaded(self.stored[step], *checkpoint.load(self.stored[step]))
        except UserError as error:
            self.damaged.append(str(error))
            del self.stored[step]
            return None


@dataclass
class Unlike:
    """A checkpoint of a run that is not what its replay gave."""

    run: Run
    step: int
    differences: list[Difference]  # the checkpoint first, then the replay


@dataclass
class Result:
    """What was found.

    - `begin`: the step of the newest checkpoint that is the same in both; 0 is the beginning of the training.
    - `end`: the last step that was compared, or to be compared.
    - `step`, `first`: where the replays differ for the first time; `before` is the tensor before it, `losses` and
      `places` are those of this step.
    - `stored_step`, `stored`: if the replays agree, the first checkpoint that does not, and all that differs in it.
    - `unlike`: of each run the first checkpoint that is not what the replay gave.
    """

    begin: int
    end: int
    replayed: bool = False
    step: int | None = None
    first: Difference | None = None
    before: str | None = None
    losses: list[float | None] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    stored_step: int | None = None
    stored: list[Difference] = field(default_factory=list)
    unlike: list[Unlike] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_different(self) -> bool:
        """Whether anything is."""
        return self.first is not None or bool(self.stored) or bool(self.unlike)


def bisect(selectors: list[str], *, runs_dir: Path, json: bool = False) -> None:
    """Find where two runs diverge and print it.

    Raises:
        RunFailed: they do.
        UserError: they cannot be compared.
    """
    if len(selectors) != 2:
        raise UserError(f"bisect takes two runs, got {len(selectors)}; mytorch runs lists them")
    runs = [Run.find(runs_dir, selector) for selector in selectors]
    if runs[0].path.resolve() == runs[1].path.resolve():
        raise UserError(f"both are the same run, {runs[0]}; mytorch runs lists all")
    keys = differing_keys(runs)
    result = search(runs, runs_dir=runs_dir)
    if result.first is None and result.is_different:
        result.notes.append(NOT_REPRODUCED)
    elif result.is_different and not any(_matters(key) for key in keys):
        result.notes.append(NO_KEY_EXPLAINS)
    if json:
        print_json(_to_data(runs, keys, result))
    else:
        _print(runs, keys, result)
    if result.is_different:
        raise RunFailed(f"the runs differ: {_where(result)}")


def _matters(key: str) -> bool:
    """Whether a config key can change a number of the training."""
    return key not in ("name", "imports") and not key.startswith(("imports.", "metrics")) and not is_harmless(key)


# --- the search -----------------------------------------------------------------------------------------------------


def search(runs: list[Run], *, runs_dir: Path) -> Result:
    """Compare what two runs have stored, and train again what lies between."""
    sides = [Side(run, {step_of(path): path for path in states(run)}) for run in runs]
    starts, differing = _newest_same(sides)
    ends = [max(side.stored) for side in sides if side.stored]
    if not ends:
        raise UserError(f"neither {runs[0]} nor {runs[1]} has a checkpoint that can be read: nothing to compare")
    result = Result(0 if starts is None else starts[0].metadata["step"], differing or min(ends))
    result.notes += _versions([side.load(max(side.stored)) if side.stored else None for side in sides], runs)
    if result.begin < result.end:
        lanes = [Lane(run, None if starts is None else starts[i], runs_dir) for i, run in enumerate(runs)]
        with closing(lanes[0]), closing(lanes[1]):
            _replay(sides, lanes, result)
        if result.first is None and differing is not None:
            left, right = (_named(_of_step(side, differing), lanes) for side in sides)
            result.stored_step, result.stored = differing, differences_of(left, right)
    result.notes += [message for side in sides for message in side.damaged]
    return result


def _of_step(side: Side, step: int) -> Arrays:
    loaded = side.load(step)
    return {} if loaded is None else state_arrays(loaded.arrays)


def _newest_same(sides: list[Side]) -> tuple[list[Loaded] | None, int | None]:
    """The newest checkpoints that are the same on both sides, and the first step after it where they are not."""
    differing = None
    for step in sorted(sides[0].stored.keys() & sides[1].stored.keys(), reverse=True):
        pair = [loaded for side in sides if (loaded := side.load(step)) is not None]
        if len(pair) < 2:
            continue
        if not differences_of(*(state_arrays(loaded.arrays) for loaded in pair)):
            return pair, differing
        differing = step
    return None, differing


def _replay(sides: list[Side], lanes: list[Lane], result: Result) -> None:
    """Train both in turns, and put what is found into the result."""
    last, result.replayed = result.end, True
    while True:
        a, b = (lane.advance() for lane in lanes)
        if a is None or b is None:
            ended = [str(lane.run) for lane, record in zip(lanes, (a, b), strict=True) if record is None]
            result.notes.append(f"trained again, {' and '.join(ended)} ended after step {result.end}")
            break
        result.end = a.step
        _show_progress(a.step, last)
        if a.step == result.begin:
            result.notes += _data_notes(sides, lanes)
        _compare_with_stored(sides, [a, b], lanes, result)
        left, right = (_named(record.seen | record.state, lanes) for record in (a, b))
        different = differences_of(left, right)
        if different:
            names = list(left)
            at = names.index(different[0].name) if different[0].name in left else len(names)
            # The arrays of a state are the training's own: what is kept of them must be a copy.
            result.step, result.first = a.step, different[0].copy()
            result.before = names[at - 1] if at else None
            result.losses, result.places = [a.loss, b.loss], [_place(lane, a.step) for lane in lanes]
        if different or a.step >= last:
            break
    _show_progress(None, last)
    result.notes += [f"trained again, {lane.run} failed: {lane.failure}" for lane in lanes if lane.failure]


def _compare_with_stored(sides: list[Side], records: list[Record], lanes: list[Lane], result: Result) -> None:
    """Whether the replays have come to what the runs have stored."""
    for side, record in zip(sides, records, strict=True):
        is_new = record.step != result.begin and all(unlike.run != side.run for unlike in result.unlike)
        stored = _of_step(side, record.step) if is_new and record.step in side.stored else {}
        if stored:
            found = differences_of(_named(stored, lanes), _named(record.state, lanes))
            if found:
                result.unlike.append(Unlike(side.run, record.step, [difference.copy() for difference in found]))


def _show_progress(step: int | None, last: int) -> None:
    """On a terminal, how far the replay is; None wipes it away."""
    if can_draw(sys.stderr):
        text = "" if step is None else f"replaying: step {step} of {last}"
        print(f"\r{text:<40}", end="" if text else "\r", file=sys.stderr, flush=True)


# --- names and notes ------------------------------------------------------------------------------------------------


def _named(arrays: Arrays, lanes: list[Lane]) -> Arrays:
    return {_called(name, lanes): array for name, array in arrays.items()}


def _called(name: str, lanes: list[Lane]) -> str:
    """What a tensor of a step or of a checkpoint is called for people."""
    part, _, rest = name.partition(".")
    if name.startswith("output of layer "):
        layer = name.removeprefix("output of layer ").partition(",")[0]
        types = dict.fromkeys(lane.types.get(layer, "none") for lane in lanes)
        return f"{name} ({' | '.join(types)})"
    if part == "model":
        return f"{rest} in the model"
    if part == "unsaved_buffers":
        return f"buffer {rest}"
    if part == "optimizer" and rest.startswith("state."):
        number, _, key = rest.removeprefix("state.").partition(".")
        names = dict(enumerate(lanes[0].parameters))
        return f"{key} of {names.get(int(number), number) if number.isdigit() else number} in the optimizer"
    return {"random.mytorch": "random stream", "pass.order": "order of the samples to come"}.get(name, name)


def _place(lane: Lane, step: int) -> str:
    if step == 0:
        return "before the first step"
    epoch, in_epoch = divmod(step - 1, lane.steps_per_epoch)
    return f"epoch {epoch + 1}, step {in_epoch + 1} of {lane.steps_per_epoch}"


def _versions(newest: list[Loaded | None], runs: list[Run]) -> list[str]:
    """Which versions the runs were trained with, if they are not all those of now."""
    now = versions()
    used = [now if loaded is None else loaded.metadata["versions"] for loaded in newest]
    return [
        f"{run} was trained with {', '.join(f'{name} {of.get(name)}' for name in now if of.get(name) != now[name])}, "
        f"now it is {', '.join(f'{name} {now[name]}' for name in now if of.get(name) != now[name])}"
        for run, of in zip(runs, used, strict=True)
        if of != now
    ]


def _data_notes(sides: list[Side], lanes: list[Lane]) -> list[str]:
    """Data that is no longer what a run was trained on."""
    notes = []
    for side, lane in zip(sides, lanes, strict=True):
        loaded = side.load(max(side.stored)) if side.stored else None
        if loaded is not None and lane.experiment is not None:
            lines = changes_of_data(loaded, lane.experiment)
            notes += [f"{side.run} was trained on other data: {line}" for line in lines]
    return notes


def _where(result: Result) -> str:
    if result.first is not None:
        return f"step {result.step}, {result.first.name}"
    if result.stored:
        return f"in what they stored after step {result.stored_step}, not in their replays"
    return f"{result.unlike[0].run} stored another state after step {result.unlike[0].step} than its replay gives"


# --- what is printed ------------------------------------------------------------------------------------------------


def _print(runs: list[Run], keys: dict[str, list[Any]], result: Result) -> None:
    names = [run.label for run in runs] if runs[0].label != runs[1].label else [str(run) for run in runs]
    print(f"{names[0]} | {names[1]}")
    if keys:
        rows = [[key, *("-" if value is MISSING else to_text(value) for value in row)] for key, row in keys.items()]
        print_table(["config", *names], rows, right=(1, 2))
    else:
        print("the configs are the same")
    print()
    begin = "the beginning" if result.begin == 0 else f"step {result.begin}, whose checkpoints are the same,"
    if result.replayed:
        print(f"trained both again from {begin} to step {result.end}")
    if result.first is not None:
        here = result.places[0] if len(set(result.places)) == 1 else " | ".join(result.places)
        print(f"the first difference is in step {result.step} ({here}):")
        print("\n".join(f"  {line}" for line in result.first.lines()))
        if result.before is not None:
            print(f"still the same just before it: {result.before}")
        if result.losses[0] is not None and result.losses[1] is not None:
            print(f"loss of the step: {result.losses[0]!r} | {result.losses[1]!r}")
    elif result.is_different:
        print("both replays are the same, but not what the runs have stored")
        if result.stored:
            since = f"after step {result.begin}, whose checkpoints do not" if result.begin else "that both have"
            print(f"the checkpoints of step {result.stored_step} differ, the first {since}:")
            print("\n".join(f"  {line}" for line in result.stored[0].lines()))
            others = [difference.name for difference in result.stored[1:]]
            if others:
                more = f" and {len(others) - NAMES_SHOWN} more" if len(others) > NAMES_SHOWN else ""
                print(f"  also {', '.join(others[:NAMES_SHOWN])}{more}")
        for unlike in result.unlike:
            print(f"{unlike.run} stored another state after step {unlike.step} than its replay gives:")
            print("\n".join(f"  {line}" for line in unlike.differences[0].lines()))
    elif result.replayed:
        print("the same to the bit after every step")
    else:
        print(f"the same to the bit: the checkpoints of step {result.end}, the newest that both can have")
    for note in result.notes:
        print_folded(note, first="note: ", indent="  ")


def _to_data(runs: list[Run], keys: dict[str, list[Any]], result: Result) -> dict[str, Any]:
    return {
        "runs": [run.path for run in runs],
        "state": "different" if result.is_different else "equal",
        "config": {key: [None if value is MISSING else value for value in row] for key, row in keys.items()},
        "begin": result.begin,
        "end": result.end,
        "replayed": result.replayed,
        "first": None
        if result.first is None
        else {
            "step": result.step,
            "places": result.places,
            **result.first.to_data(),
            "same_before": result.before,
            "losses": result.losses,
        },
        "stored": None
        if not result.stored
        else {"step": result.stored_step, "differences": [difference.to_data() for difference in result.stored]},
        "unlike_replay": [
            {
                "run": unlike.run.path,
                "step": unlike.step,
                "differences": [difference.to_data() for difference in unlike.differences],
            }
            for unlike in result.unlike
        ],
        "notes": result.notes,
    }
