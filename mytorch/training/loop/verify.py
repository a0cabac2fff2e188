"""`mytorch resume --verify`: the proof that a run's checkpoints lead to the same bits.

The steps between two checkpoints are trained once more, from the first of them, by the very code that trains; what
comes out is compared with the second. Or some steps are trained twice from one checkpoint, and compared after each.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from mytorch.training.building.experiment import build
from mytorch.training.errors import RunFailed, UserError
from mytorch.training.loop.loop import Training
from mytorch.training.loop.replay import train_on
from mytorch.training.loop.resume import changes_of_data, config_of
from mytorch.training.loop.state import capture, metrics_text, restore
from mytorch.training.runs import checkpoint
from mytorch.training.runs.files import rows_of
from mytorch.training.runs.packing import Arrays, pack, unpack
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import Loaded, states
from mytorch.training.stopping import patience_of

# What the parts of a checkpoint are called for people; they are compared in this order.
PARTS = {
    "model": "weights",
    "unsaved_buffers": "buffers",
    "averaged": "averaged weights",
    "optimizer": "optimizer",
    "scheduler": "scheduler",
    "random": "random streams",
    "pass": "order of the samples",
    "sums": "sums of the epoch",
    "candidate": "state of the weights",
    "good": "last good weights",
    "best": "best weights",
    "metrics": "metrics",
    "gradients": "gradients of the layers",
}
Digests = dict[str, str]


def replay(run: Run, steps: int | None = None) -> dict[str, Any]:
    """Train the steps between the two newest checkpoints again, or `steps` steps twice, and compare.

    Returns the number of steps, the checkpoint that they began `from`, what they were compared `with`, and the parts
    that were compared. The run's own files are only read.

    Raises:
        RunFailed: something differs; says what, and after which step.
        UserError: there is no checkpoint to begin from, or the data has changed.
    """
    whole = [Loaded(path, *checkpoint.load(path)) for path in states(run)]
    if steps is None and len(whole) > 1 and whole[0].metadata["config"] == whole[1].metadata["config"]:
        return _against_the_next(run, whole[1], whole[0])
    return _twice(run, whole, steps or 10)


def _against_the_next(run: Run, start: Loaded, end: Loaded) -> dict[str, Any]:
    last = end.metadata["step"]
    seen = _train(run, start, last - start.metadata["step"])
    _compare(run, last, seen[last], digests(end.arrays, end.metadata["state"]))
    return _result(last - start.metadata["step"], start, end.path.name)


def _twice(run: Run, whole: list[Loaded], steps: int) -> dict[str, Any]:
    start = _best_start(run, whole, steps)
    first, second = _train(run, start, steps), _train(run, start, steps)
    for step, seen in first.items():
        _compare(run, step, second[step], seen)
    return _result(max(first) - start.metadata["step"], start, "a second replay, after each step")


def _best_start(run: Run, whole: list[Loaded], steps: int) -> Loaded:
    """The newest checkpoint from which so many steps are left, else that from which the most are."""
    left: list[int] = []
    last: float = math.inf  # step of the training; the newest checkpoint knows whether it was stopped early
    for loaded in whole:
        experiment = build(config_of(loaded, run), runs_dir=None)
        patience = patience_of(experiment, rows_of(metrics_text(loaded)))
        epochs = loaded.metadata["epoch"] if patience and patience.is_over else experiment.config.train.epochs
        last = min(last, epochs * experiment.steps_per_epoch())
        left.append(last - loaded.metadata["step"])
    if not left or max(left) == 0:
        raise UserError(f"{run} has no checkpoint after which there are steps to replay")
    enough = [loaded for loaded, count in zip(whole, left, strict=True) if count >= steps]
    return enough[0] if enough else whole[left.index(max(left))]


def _result(steps: int, start: Loaded, other: str) -> dict[str, Any]:
    return {"steps": steps, "from": start.path.name, "with": other, "compared": list(PARTS.values())}


def _compare(run: Run, step: int, seen: Digests, expected: Digests) -> None:
    there = [part for part in PARTS if part in seen and part in expected]  # an older checkpoint may lack one
    different = [PARTS[part] for part in there if seen[part] != expected[part]]
    if different:
        raise RunFailed(
            f"{run}: after step {step} these are not the same to the bit: {', '.join(different)}.\n"
            "Does a layer or a data set of your own draw from a stream that has no seed, or was it changed since?"
        )


def _train(run: Run, start: Loaded, steps: int) -> dict[int, Digests]:
    """The digests after each of so many steps, fewer if the training ends before."""
    experiment = build(config_of(start, run), runs_dir=None)
    changes = changes_of_data(start, experiment)
    if changes:
        raise UserError(f"{run} was trained on other data:\n" + "\n".join(f"  {line}" for line in changes))
    with Run.throwaway(run.name) as copy:
        training = Training(experiment, copy)
        restore(training, start)
        last = training.steps + steps
        seen: dict[int, Digests] = {}

        def look(training: Training) -> bool:
            arrays, metadata = capture(training)
            seen[training.steps] = digests(arrays, metadata["state"])
            return training.steps >= last

        train_on(training, look)
    return seen


def digests(arrays: Arrays, document: Any) -> Digests:
    """A hash of each part of a checkpoint; of the metrics without the seconds that they took."""
    tree = unpack(arrays, document)
    rows = [line.split(",") for line in tree["metrics"].tobytes().decode().splitlines()]
    tree["metrics"] = [[cell for cell, name in zip(row, rows[0], strict=True) if name != "seconds"] for row in rows]
    return {part: _digest(tree[part]) for part in PARTS if part in tree}


def _digest(tree: Any) -> str:
    arrays, document = pack({"": tree})
    digest = hashlib.sha256(json.dumps(document).encode())
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
