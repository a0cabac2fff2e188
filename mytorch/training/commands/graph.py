"""`mytorch graph`: the autograd graph of one step as a picture or as text."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mytorch.backend import atomic
from mytorch.training.console import check_output, print_folded, print_json
from mytorch.training.errors import RunFailed, UserError, suggest
from mytorch.training.inspection.graph import Edge, Graph, graph_of, part_of
from mytorch.training.inspection.graph_drawing import to_svg, write_png
from mytorch.training.inspection.graph_text import to_dot, to_mermaid
from mytorch.training.inspection.recorded_step import RecordedStep, record_step
from mytorch.training.inspection.target import Target, open_target

MOST_TOLD = 8  # edges


def _written(to_text: Callable[[Graph], str]) -> Callable[[Graph, Path], None]:
    return lambda graph, path: atomic.write_text(path, to_text(graph))


FORMS: dict[str, Callable[[Graph, Path], None]] = {
    ".svg": _written(to_svg),
    ".png": write_png,
    ".mmd": _written(to_mermaid),
    ".dot": _written(to_dot),
}


def graph(
    name: str,
    overrides: list[str],
    *,
    runs_dir: Path,
    output: Path | None = None,
    full: bool = False,
    layer: str | None = None,
    step: int | None = None,
    split: str | None = None,
    rows: int | None = None,
    checkpoint: str | None = None,
    json: bool = False,
) -> None:
    """Send one batch of a config or a run forward and back, and write the graph of it.

    Raises:
        UserError: there is no such target or layer, or the file's name has none of the four endings.
        RunFailed: the model cannot take the batch, or the file cannot be written.
    """
    if output is not None:
        if output.suffix.lower() not in FORMS:
            endings = ", ".join(FORMS)
            raise UserError(f"-o: expected a file that ends in {endings}, such as graph.svg, got {str(output)!r}")
        check_output(output)
    target = open_target(name, overrides, runs_dir=runs_dir, step=step, split=split, rows=rows, which=checkpoint)
    recorded = record_step(dataclasses.replace(target, batches=target.batches[:1]))
    loss_name = type(target.loss).__name__
    drawn = graph_of(recorded, full=full, title=target.config.name, about=_about(target), loss_name=loss_name)
    if layer is not None:
        drawn = _part(drawn, layer, recorded)
    path = runs_dir / f"graph-{target.config.name}.svg" if output is None else output
    try:
        if output is None:
            runs_dir.mkdir(parents=True, exist_ok=True)
        FORMS[path.suffix.lower()](drawn, path)
    except OSError as error:
        raise RunFailed(f"cannot write {os.fspath(path)}: {error.strerror or error}; -o FILE chooses another") from None
    if json:
        print_json(_to_data(drawn, path, recorded))
    else:
        _print(drawn, path, recorded)


def _about(target: Target) -> str:
    """What the graph is of, in words."""
    remarks = target.remarks()
    if len(target.batches) > 1:
        remarks.append(f"the first of the {len(target.batches)} batches of the step")
    return "; ".join([target.about, *remarks])


def _part(drawn: Graph, layer: str, recorded: RecordedStep) -> Graph:
    if layer not in recorded.layers or not layer:
        names = [name for name in recorded.layers if name]
        raise UserError(f"--layer: there is no layer {layer!r}{suggest(layer, names)}")
    part = part_of(drawn, layer)
    if part is None:
        raise UserError(f"--layer: {layer} computes nothing in this step")
    return part


# --- what is printed ------------------------------------------------------------------------------------------------


def _print(drawn: Graph, path: Path, recorded: RecordedStep) -> None:
    losses = ", ".join(f"{loss:.6g}" for loss in recorded.losses)
    print_folded(drawn.about)
    norms = [edge.norm for edge in drawn.edges if edge.state == "flows" and edge.norm is not None]
    flows = "no gradient that is finite and not zero"
    if norms:
        flows = f"gradients of norm {min(norms):.3g} to {max(norms):.3g}"
    print(f"loss {losses}; {len(list(drawn.nodes()))} nodes, {len(drawn.edges)} edges; {flows}")
    names = {node.id: node.details[0] for node in drawn.nodes()}
    _print_edges("the gradient is cut off (detached)", drawn, "detached", names)
    _print_edges("the gradient is zero", drawn, "zero", names)
    _print_edges("the gradient is not finite", drawn, "not finite", names)
    _print_edges("no gradient arrives", drawn, "unreached", names)
    print(f"graph: {path}")


def _print_edges(title: str, drawn: Graph, state: str, names: dict[str, str]) -> None:
    found: list[Edge] = [edge for edge in drawn.edges if edge.state == state]
    if found:
        print(f"{title}:")
    shown = found if len(found) <= MOST_TOLD else found[: MOST_TOLD - 1]
    for edge in shown:
        print_folded(f"{names[edge.source]} -> {names[edge.target]}", first="  ", indent="    ")
    if len(shown) < len(found):
        print(f"  and {len(found) - len(shown)} more")


def _to_data(drawn: Graph, path: Path, recorded: RecordedStep) -> dict[str, Any]:
    return {
        "graph": str(path),
        "about": drawn.about,
        "losses": recorded.losses,
        "nodes": [dataclasses.asdict(node) for node in drawn.nodes()],
        "groups": [
            {"id": one.id, "layer": one.layer, "title": one.title, "members": [inner.id for inner in one.members]}
            for one in drawn.groups()
        ],
        "edges": [dataclasses.asdict(edge) for edge in drawn.edges],
    }
