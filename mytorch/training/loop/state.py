"""All of a training's state, taken out of it for a checkpoint and put back: what decides on every later bit.

That is: weights and buffers, the best and the last good weights, optimizer and scheduler, the random streams, the
place in the epoch with the order of the samples to come, the sums of the epoch so far, and the rows of metrics.csv
and gradients.csv.
"""

from __future__ import annotations

import hashlib
import platform
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.creation.from_data import from_numpy
from mytorch.data.prepare import PreparedData, Split
from mytorch.optim.lr_scheduler import ReduceLROnPlateau
from mytorch.training.errors import UserError
from mytorch.training.random_streams import get_streams, set_streams
from mytorch.training.runs.files import rows_of
from mytorch.training.runs.packing import Arrays, pack, unpack
from mytorch.training.runs.saving import Loaded
from mytorch.training.stopping import patience_of
from mytorch.version import __version__

if TYPE_CHECKING:
    from mytorch.training.loop.loop import Training

FORMAT = 1
HASHED_AT_MOST = 1 << 26  # bytes of a table; of a larger one, rows evenly spread: it may not fit into the memory


def capture(training: Training) -> tuple[Arrays, dict[str, Any]]:
    """The arrays and the metadata of a checkpoint. The arrays are the training's own: write them before it goes on."""
    logs = {"metrics": training.log, "gradients": training.diagnostics.log}
    texts = {name: np.frombuffer(log.text.encode(), np.uint8) for name, log in logs.items() if log is not None}
    tree = state_of(training) | texts
    arrays, document = pack(tree)
    metadata = {
        "format": FORMAT,
        "epoch": training.epoch,
        "step": training.steps,
        "taken": 0 if training.batches_left is None else training.batches_left.count,  # batches of the epoch begun
        "seconds": training.seconds(),
        "config": training.experiment.config.to_yaml(),
        "data": training.data_fingerprint,
        "versions": versions(),
        "state": document,
    }
    return arrays, metadata


def state_of(training: Training) -> dict[str, Any]:
    """All of a training's state but for the text of its logs; the arrays are its own."""
    return {
        "model": {name: tensor.array for name, tensor in training.model.state_dict().items()},
        "unsaved_buffers": _unsaved_buffers(training),
        "candidate": bool(training.candidate),  # at the end of an epoch: the weights as they are
        "good": [training.good_epoch, training.good_weights],
        "best": [training.best_epoch, training.best_value, training.best_weights],
        "averaged": training.averaging.state_dict(),
        "optimizer": training.optimizer.state_dict(),
        "scheduler": None if training.scheduler is None else training.scheduler.state_dict(),
        "random": get_streams(),
        "sums": training.sums.as_tuple(),
        "pass": None if training.batches_left is None else _pack_pass(training),
    }


def restore(training: Training, loaded: Loaded, *, new_schedule: bool = False) -> list[str]:
    """Put a checkpoint into a training that was just built from its config, or from a changed one.

    `new_schedule`: the optimizer's options and the schedule are those of the training's config, the schedule as far
    on as the checkpoint is, rather than those of the checkpoint.

    Returns what could not be taken over, as sentences.

    Raises:
        UserError: the checkpoint is of another kind, or does not fit the model.
    """
    metadata = loaded.metadata
    if metadata.get("format") != FORMAT:
        raise UserError(
            f"{loaded.path}: a checkpoint of format {metadata.get('format')!r}; this version of mytorch reads {FORMAT}"
        )
    tree = unpack(loaded.arrays, metadata["state"])
    try:
        training.model.load_state_dict({name: from_numpy(array) for name, array in tree["model"].items()})
    except RuntimeError as error:
        raise UserError(f"{loaded.path} does not fit the model of {training.directory.config}: {error}") from None
    for name, buffer in training.model.named_buffers():
        if name in tree["unsaved_buffers"]:
            buffer.array[...] = tree["unsaved_buffers"][name]
    training.epoch, training.steps = metadata["epoch"], metadata["step"]
    training.state_path, training.saved_steps = loaded.path, training.steps
    training.seconds_before = metadata["seconds"]
    training.good_epoch, training.good_weights = tree["good"]
    training.best_epoch, training.best_value, training.best_weights = tree["best"]
    training.averaging.load_state_dict(tree.get("averaged"))
    training.candidate = training.copy_weights() if tree["candidate"] else {}
    training.sums = type(training.sums)(*tree["sums"])
    training.log_text = metrics_text(loaded)
    if "gradients" in tree:  # an older checkpoint has none, nor has one of a training without diagnostics
        training.diagnostics.text = tree["gradients"].tobytes().decode()
    training.patience = patience_of(training.experiment, rows_of(training.log_text))
    left, lost = tree["pass"], []
    if left is not None:
        same_batches = all(left.get(key, value) == value for key, value in _batches(training).items())
        if metadata["data"] == training.data_fingerprint and same_batches:
            training.batches_left = training.batches.resume(_unpack_pass(left))
        else:
            lost.append("the data or its batches are others: the epoch that was begun starts again")
    lost += _restore_optimizer(training, tree, new_schedule)
    set_streams(tree["random"])
    return lost


def metrics_text(loaded: Loaded) -> str:
    """metrics.csv as it was at a checkpoint."""
    document = dict(loaded.metadata["state"]["dict"])["metrics"]
    text: str = unpack(loaded.arrays, document).tobytes().decode()
    return text


def _unsaved_buffers(training: Training) -> Arrays:
    saved = training.model.state_dict()
    return {name: buffer.array for name, buffer in training.model.named_buffers() if name not in saved}


# --- optimizer and schedule -----------------------------------------------------------------------------------------


def _restore_optimizer(training: Training, tree: dict[str, Any], new_schedule: bool) -> list[str]:
    optimizer, scheduler, saved = training.optimizer, training.scheduler, tree["optimizer"]
    if not new_schedule:
        optimizer.load_state_dict(saved)
        if scheduler is not None:
            scheduler.load_state_dict(tree["scheduler"])
        return []
    calls = training.epoch
    if training.schedule.per_step:
        calls = training.epoch * training.steps_per_epoch + training.steps_begun()
    optimizer._opt_called = True  # as it was in the steps that the schedule now makes up for
    if scheduler is not None and not isinstance(scheduler, ReduceLROnPlateau):
        for _ in range(calls):
            scheduler.step()
    fresh = optimizer.state_dict()["param_groups"]
    names = {name for group in saved["param_groups"] for name in group}
    if names == {name for group in fresh for name in group}:
        optimizer.load_state_dict({"state": saved["state"], "param_groups": fresh})
        return []
    return ["the optimizer is of another kind: it starts without what the other had gathered"]


# --- the place in the epoch -----------------------------------------------------------------------------------------


def _pack_pass(training: Training) -> dict[str, Any]:
    """The lists of indices as one array: JSON would make them ten times as large."""
    state = training.batches_left.state_dict()
    order = np.array([index for batch in state.pop("ahead") for index in batch], np.int64)
    return state | {"order": order} | _batches(training)


def _unpack_pass(state: dict[str, Any]) -> dict[str, Any]:
    order, size = state["order"].tolist(), state["batch_size"]
    ahead = [order[start : start + size] for start in range(0, len(order), size)]
    own = ("order", "batch_size", "accumulate")
    return {key: value for key, value in state.items() if key not in own} | {"ahead": ahead}


def _batches(training: Training) -> dict[str, int]:
    """What the steps of an epoch are made of."""
    return {"batch_size": training.experiment.batch_size, "accumulate": training.accumulate}


# --- what it was trained on -----------------------------------------------------------------------------------------


def fingerprint(data: PreparedData) -> dict[str, str]:
    """For each split a text that is another one for other rows."""
    return {name: _of_split(split) for name, split in data.splits.items()}


def _of_split(split: Split) -> str:
    digest = hashlib.sha256()
    for array in (split.inputs, split.targets, split.weights):
        if array is not None:
            row = array[:1]
            stride = max(1, -(-len(split) * row.nbytes // HASHED_AT_MOST))
            digest.update(f"{row.dtype} {row.shape}".encode())
            digest.update(np.ascontiguousarray(array[::stride]).data)
    return f"{len(split)} rows, {digest.hexdigest()[:16]}"


def versions() -> dict[str, str]:
    """What takes part in every number."""
    return {"mytorch": __version__, "numpy": np.__version__, "python": platform.python_version()}
