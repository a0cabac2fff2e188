"""What a run was trained on and with what, and how it came out: rows of text for the tables of the page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mytorch.training.config.yaml_source import to_text
from mytorch.training.console import show_seconds
from mytorch.training.report.gathering import RunFacts, Shapes
from mytorch.training.stopping import DEFAULT as MONITOR

Fact = tuple[str, str]  # what it is, and what is said of it
LISTED = 60  # names of columns or classes that are listed

# What normalization layers keep beside their parameters.
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class LayerLine:
    """A layer in the table of the model; `depth` is 0 for a layer that stands in no other one."""

    name: str
    type: str
    arguments: str
    shapes: str
    parameters: int
    depth: int


def show(value: float | None) -> str:
    """A number for people.

    >>> show(0.123456), show(12345.6), show(None), show(float("nan"))
    ('0.1235', '12345.6', '-', 'nan')
    """
    if value is None:
        return "-"
    return f"{value:.4g}" if abs(value) < 1e4 or not math.isfinite(value) else f"{value:.6g}"


def counted(number: int, one: str, several: str | None = None) -> str:
    """A number and what is counted.

    >>> counted(1, "row"), counted(1200, "row"), counted(2, "class", "classes")
    ('1 row', '1,200 rows', '2 classes')
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def component(value: Any) -> tuple[str, str]:
    """The type of a component of a config, and its arguments as YAML.

    >>> component("ReLU"), component({"type": "Linear", "out_features": 3, "bias": True})
    (('ReLU', ''), ('Linear', 'out_features: 3, bias: true'))
    """
    if not isinstance(value, Mapping):
        return str(value), ""
    return str(value.get("type", "")), _arguments(value, leave_out=("type",))


def _arguments(value: Mapping[str, Any], leave_out: tuple[str, ...] = ()) -> str:
    return ", ".join(f"{key}: {to_text(item)}" for key, item in value.items() if key not in leave_out)


def _called(value: Any) -> str:
    """A component on one line: `AdamW (lr: 0.01)`."""
    kind, arguments = component(value)
    return f"{kind} ({arguments})" if arguments else kind


# --- the head -----------------------------------------------------------------------------------------------------


def figures(facts: RunFacts) -> tuple[str, list[Fact]]:
    """The scores that stand for the run, the loss last, and whose they are: the split and the epoch."""
    if facts.summary is not None:
        split, scores = list(facts.summary["best"].items())[-1]
        column, epoch = best_by(facts), facts.summary["best_epoch"]
        told = f"last epoch, {epoch}" if column is None else f"best epoch {epoch} (by {column.replace('_', ' ')})"
        return f"{split}, {told}", _shown_scores(scores)
    if not facts.rows:
        return "", []
    row = facts.rows[-1]
    split = "validation" if row.get("validation_loss") is not None else "train"
    named = {column.removeprefix(f"{split}_"): value for column, value in row.items() if column.startswith(f"{split}_")}
    return f"{split}, epoch {int(row['epoch'] or 0)}", _shown_scores(named)


def best_by(facts: RunFacts) -> str | None:
    """The column of metrics.csv that told the best epoch; None where the scored weights are simply the last ones."""
    train, dataset = facts.config.get("train"), facts.config.get("dataset")
    stopping = train.get("early_stopping") if isinstance(train, Mapping) else None
    if isinstance(stopping, Mapping):
        return str(stopping.get("monitor", MONITOR))
    return MONITOR if isinstance(dataset, Mapping) and dataset.get("validation") is not None else None


def best_epoch(facts: RunFacts) -> int | None:
    """The epoch of the best weights; None where the last ones are scored, or nothing is yet."""
    return None if facts.summary is None or best_by(facts) is None else int(facts.summary["best_epoch"])


def _shown_scores(scores: Mapping[str, float | None]) -> list[Fact]:
    return [(name, show(scores[name])) for name in sorted(scores, key=lambda name: name == "loss")]


def course(facts: RunFacts) -> list[Fact]:
    """How far the training came, and how long it took."""
    train = facts.config.get("train")
    planned = train.get("epochs") if isinstance(train, Mapping) else None
    epochs = int(facts.rows[-1]["epoch"] or 0) if facts.rows else 0
    told = [("epochs", f"{epochs} of {planned}" if planned not in (None, epochs) else str(epochs))]
    if facts.summary is None:
        seconds = facts.rows[-1].get("seconds") if facts.rows else None
        return told if seconds is None else [*told, ("time", show_seconds(seconds))]
    summary = facts.summary
    if summary.get("stopped_early"):
        told = [("epochs", f"{epochs} of {planned}, stopped early")]
    told += [("steps", f"{summary['steps']:,}"), ("time", show_seconds(summary["seconds"]))]
    if "parameters" in summary:
        frozen = summary.get("frozen_parameters")
        told.append(("parameters", f"{summary['parameters']:,}" + (f", {frozen:,} of them frozen" if frozen else "")))
    return told


# --- what was trained on what ---------------------------------------------------------------------------------------


def data(facts: RunFacts) -> list[Fact]:
    """The data set: where it comes from, its rows by split, inputs and target."""
    written = facts.config.get("dataset", {})
    kind, _ = component(written)
    told: list[Fact] = [("data set", kind)]
    if isinstance(written, Mapping):
        told.append(("settings", _arguments(written, leave_out=("type",)) or "none"))
    if facts.predictions is not None:
        parts = facts.predictions.parts.items()
        told.append(("rows", ", ".join(f"{name} {len(set(part.rows.tolist())):,}" for name, part in parts)))
    preparation = facts.trained_on.get("preparation") or {}
    told += _inputs(facts.trained_on.get("inputs"), preparation)
    if "target_name" in preparation:
        told.append(("target", str(preparation["target_name"])))
    names = preparation.get("class_names") or facts.class_names
    if names:
        told.append(("classes", f"{len(names):,}: {_listed(names)}"))
    return told


def _inputs(inputs: Any, preparation: Mapping[str, Any]) -> Iterator[Fact]:
    if not inputs:
        return
    shape = inputs["shape"]
    names = [str(feature["name"]) for feature in preparation.get("features", ())]
    size = f"{shape[0]:,} numbers a row" if len(shape) == 1 else f"{' x '.join(map(str, shape))} a row"
    yield "inputs", f"{size}, from {counted(len(names), 'column')}: {_listed(names)}" if names else size


def _listed(names: list[Any]) -> str:
    more = len(names) - LISTED
    return ", ".join(map(str, names[:LISTED])) + (f" and {more:,} more" if more > 0 else "")


def training(facts: RunFacts) -> list[Fact]:
    """The loss, the optimizer, the schedule and what else decides how a model is trained."""
    config = facts.config
    losses = config.get("loss")
    told: list[Fact] = [("loss", " + ".join(map(_called, losses)) if isinstance(losses, list) else _called(losses))]
    told.append(("optimizer", _called(config.get("optimizer"))))
    told.append(("schedule", _called(config["scheduler"]) if config.get("scheduler") else "none: the rate stays"))
    train = config.get("train")
    if isinstance(train, Mapping):
        told.append(("training", _arguments(train)))
    if config.get("metrics"):
        told.append(("metrics", ", ".join(map(_called, config["metrics"]))))
    if config.get("finetune"):
        told.append(("begun from", to_text(config["finetune"])))
    return told


def layers(facts: RunFacts) -> list[LayerLine]:
    """The layers of the model as the config names them, those inside of others too, with their parameters."""
    model = facts.config.get("model")
    if isinstance(model, list):
        return list(_lines(model, "", 0, facts.weights))
    kind, arguments = component(model)
    return [LayerLine("", kind, arguments, *_own(facts.weights, ""), depth=0)]


def _lines(listed: list[Any], above: str, depth: int, weights: Shapes) -> Iterator[LayerLine]:
    for index, layer in enumerate(listed):
        name = f"{above}{index}"
        inside = _inside(layer)
        kind, _ = component(layer)
        arguments = _arguments(layer, ("type", *_HOLD_LAYERS)) if isinstance(layer, Mapping) else ""
        yield LayerLine(name, kind, arguments, *_own(weights, f"{name}."), depth=depth)
        for key, branch in inside.items():
            yield from _lines(branch, f"{name}.{key}" if kind != "Sequential" else f"{name}.", depth + 1, weights)


_HOLD_LAYERS = ("layers", "shortcut", "branches")


def _inside(layer: Any) -> dict[str, list[Any]]:
    """The lists of layers that a layer holds, by how the names of their modules go on."""
    if not isinstance(layer, Mapping):
        return {}
    found: dict[str, list[Any]] = {}
    for key in ("layers", "shortcut"):
        if isinstance(layer.get(key), list):
            found[f"{key}."] = layer[key]
    branches = layer.get("branches")
    if isinstance(branches, list):
        branches = dict(enumerate(branches))
    if isinstance(branches, Mapping):
        found |= {f"branches.{name}.": branch for name, branch in branches.items() if isinstance(branch, list)}
    return found


def _own(weights: Shapes, prefix: str) -> tuple[str, int]:
    """The shapes of the parameters below a name, in words, and how many numbers they are."""
    mine = {
        name.removeprefix(prefix): shape
        for name, shape in weights.items()
        if name.startswith(prefix) and not name.endswith(_BUFFERS)
    }
    # Weights stand before biases, as in the layers; a checkpoint has them in the order of their names.
    direct = sorted((name for name in mine if "." not in name), key=lambda name: "bias" in name)
    shapes = ", ".join(f"{name} {' x '.join(map(str, mine[name])) or '1'}" for name in direct)
    return shapes, sum(math.prod(shape) for shape in mine.values())


# --- what is measured of layers -------------------------------------------------------------------------------------

# By the columns of gradients.csv.
_MEANINGS = {
    "gradient_norm": "the length (2-norm) of the gradient of the layer's weights, before clipping; near 0, the layer "
    "does not learn",
    "weight_norm": "the length of the layer's weights, before the step",
    "update_ratio": "how far the step moved the weights, divided by their length; often about 0.001 where a "
    "training goes well, and 1 where a step replaces what was learned",
    "activation_mean": "the mean of what the layer puts out for the rows of the step",
    "activation_std": "the standard deviation of that",
    "dead": "the share of a ReLU layer's units that are 0 for all rows of the step: no gradient comes through them",
    "saturated": "the share of a sigmoid's or tanh's outputs that lie where it is flat: hardly any gradient comes "
    "through them",
}


def meanings(measures: Iterable[str]) -> list[Fact]:
    """What each figure of gradients.csv tells, for those who meet it for the first time."""
    return [(name.replace("_", " "), _MEANINGS[name]) for name in measures]


# --- how it came out ------------------------------------------------------------------------------------------------


def scores(facts: RunFacts) -> tuple[list[str], list[list[str]]]:
    """The best scores as a table: the splits, and for each score its name and a number for each split."""
    if facts.summary is None:
        return [], []
    best = facts.summary["best"]
    names = list(dict.fromkeys(name for of in best.values() for name in of))
    return list(best), [[name, *(show(of.get(name)) for of in best.values())] for name in names]


def findings(facts: RunFacts) -> tuple[str, list[dict[str, str]]]:
    """What was found at the end of the training, each in words, and the sentence that stands where there is none."""
    found = None if facts.summary is None else facts.summary.get("findings")
    if found is None:
        if facts.state != "finished":
            return "Findings are made at the end of a training, which this one has not reached.", []
        return "This run has no findings: an older version trained it.", []
    listed = [
        {
            "message": str(finding.get("message", "")),
            "advice": str(finding.get("advice") or ""),
            "number": f"{_shown(finding.get('value'))}, compared with {_shown(finding.get('limit'))}",
            "kind": str(finding.get("kind", "")).replace("_", " "),
        }
        for finding in found
    ]
    if facts.config.get("diagnostics") in (False, "off"):
        return "None, but the diagnostics were off: gradients and layers were not looked at.", listed
    return "None: nothing that was measured in this training calls for a change.", listed


def _shown(value: Any) -> str:
    return show(value) if isinstance(value, (int, float)) else str(value)


def gates(facts: RunFacts) -> list[Fact]:
    """Each gate of the training: `passed` or `failed`, and what it is with the figure that it was judged by."""
    listed = (facts.summary or {}).get("gates", [])
    outcomes = ("passed" if gate.get("passed") else "failed" for gate in listed)
    return [
        (outcome, f"{gate.get('gate')}: {gate.get('value')}") for outcome, gate in zip(outcomes, listed, strict=True)
    ]


def evaluation(facts: RunFacts) -> str:
    """What `mytorch eval` said last, in a sentence; empty if it was not asked."""
    said = facts.evaluation or {}
    if not isinstance(said.get("scores"), Mapping):
        return ""
    listed = ", ".join(f"{name} {_shown(value)}" for name, value in said["scores"].items())
    return f"mytorch eval, {said.get('split')} rows, weights of epoch {said.get('epoch')}: {listed}"


def environment(facts: RunFacts) -> list[Fact]:
    """What tells this run apart from the same training elsewhere."""
    told: list[Fact] = [("seed", to_text(facts.config.get("seed", 0)))]
    if facts.started is not None:
        told.append(("begun", f"{facts.started}, local time"))
    told.append(("directory", str(facts.run)))
    summary = facts.summary or {}
    if "seconds" in summary:
        told.append(("seconds", f"{summary['seconds']:g}"))
    versions = summary.get("versions")
    if isinstance(versions, Mapping):
        told += [(str(name), str(version)) for name, version in versions.items()]
    elif "version" in facts.trained_on:
        told.append(("mytorch", str(facts.trained_on["version"])))
    return told
