"""`mytorch export`: a run's model as a file for other programs."""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mytorch.backend import atomic
from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.console import check_choice, check_output, print_json
from mytorch.training.errors import RunFailed, UserError
from mytorch.training.loop.trained import Trained, load_model
from mytorch.training.runs.run import Run

FILES = {"safetensors": "model.safetensors", "onnx": "model.onnx", "pytorch": "train_pytorch.py"}
LISTED = 12  # names in a line


def export(
    selector: str | None,
    *,
    to: str,
    runs_dir: Path,
    output: Path | None = None,
    checkpoint: str | None = None,
    raw: bool = False,
    json: bool = False,
) -> None:
    """Write a run's model in one step, by default into its directory, and print where it is.

    Raises:
        UserError: there is no such run, or its model cannot be written in this form.
        RunFailed: the file cannot be written.
    """
    check_choice("--to", to, FILES)
    if raw and to != "onnx":
        raise UserError("--raw leaves the units out of an ONNX model; the other forms have none in the model")
    if checkpoint is not None and to == "pytorch":
        raise UserError("--checkpoint: a PyTorch script trains from the beginning; weights go with --to safetensors")
    run = Run.find(runs_dir, selector)
    path = run.path / FILES[to] if output is None else output
    _check_output(run, path)
    data, facts, lines = FORMS[to](run, path, checkpoint or "best", raw)
    try:
        atomic.write_bytes(path, data)
    except OSError as error:
        raise RunFailed(f"cannot write {path}: {error.strerror or error}; -o FILE chooses another place") from None
    if json:
        print_json({"run": run.path, "to": to, "file": path, "bytes": len(data), **facts})
        return
    print(f"wrote {path} ({len(data):,} bytes)")
    for line in lines:
        print(line)


def _check_output(run: Run, path: Path) -> None:
    check_output(path)
    if path.resolve().parent == run.checkpoints.resolve():
        raise UserError(f"-o: {run.checkpoints} is where the run keeps its checkpoints; give another place")


# --- the forms: the file's contents, what --json tells of it, what a person is told ---------------------------------

Form = Callable[[Run, Path, str, bool], tuple[bytes, dict[str, Any], list[str]]]


def _safetensors(run: Run, _path: Path, checkpoint: str, _raw: bool) -> tuple[bytes, dict[str, Any], list[str]]:
    from mytorch.interop.safetensors_export import to_safetensors

    trained = load_model(run, checkpoint)
    names = list(trained.experiment.model.state_dict())
    facts, line = _weights(trained)
    tensors = f"tensors: {_listed(names)}"
    return to_safetensors(trained.experiment), {**facts, "tensors": names}, [line, tensors]


def _onnx(run: Run, _path: Path, checkpoint: str, raw: bool) -> tuple[bytes, dict[str, Any], list[str]]:
    if importlib.util.find_spec("onnx") is None:
        raise UserError("--to onnx needs another package; install it with: pip install 'mytorch[onnx]'")
    from mytorch.interop.onnx_model import OPSET, model_of, to_bytes, values_of

    trained = load_model(run, checkpoint)
    preparation = trained.experiment.data.preparation
    model = model_of(trained.experiment, raw=raw)
    facts, line = _weights(trained)
    values = values_of(model)
    of_input = _listed(preparation.feature_names) or "rows of the data"
    of_output = _listed(preparation.class_names or [preparation.target_name])
    if values["output"]["name"] == "probability" and preparation.class_names:
        of_output = f"of {preparation.class_names[1]}"
    units = "as the network takes them" if raw else "in own units"
    lines = [
        f"input:   {_shown(values['input'])}: {of_input}; {units}",
        f"output:  {_shown(values['output'])}: {of_output}",
    ]
    return to_bytes(model), {**facts, "opset": OPSET, **values}, [line, *lines]


def _pytorch(run: Run, path: Path, _checkpoint: str, _raw: bool) -> tuple[bytes, dict[str, Any], list[str]]:
    from mytorch.interop.pytorch_script import export_script

    script = export_script(build(load_config(run.existing_config), runs_dir=None), path)
    return script.encode(), {}, [f"next: python {shlex.quote(str(path))}"]


def _weights(trained: Trained) -> tuple[dict[str, Any], str]:
    epoch = "" if trained.epoch is None else f" (epoch {trained.epoch})"
    return {"checkpoint": trained.path, "epoch": trained.epoch}, f"weights: {trained.path}{epoch}"


def _shown(value: dict[str, Any]) -> str:
    return f"{value['name']} ({value['type']}, {' x '.join(map(str, value['shape']))})"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= LISTED else f"{', '.join(names[: LISTED - 1])}, ... {names[-1]}"


FORMS: dict[str, Form] = {"safetensors": _safetensors, "onnx": _onnx, "pytorch": _pytorch}
