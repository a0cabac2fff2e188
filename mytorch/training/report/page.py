"""From what is known of a run, or of several, to one HTML file that needs nothing beside it.

The page's own style and script are the only ones that a browser will run: a Content-Security-Policy names them by their
hashes and allows nothing to be loaded. All text from data and configs is escaped by the template engine; numbers for
the charts go as JSON into a script element that is no script.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mytorch.backend import atomic
from mytorch.training.loop.image_samples import ImageSamples
from mytorch.training.loop.prediction_table import Predictions
from mytorch.training.report import charts, describing
from mytorch.training.report.gathering import RunFacts, gather
from mytorch.training.report.pictures import samples_of
from mytorch.training.runs.outcome import State
from mytorch.training.runs.run import Run
from mytorch.version import __version__

if TYPE_CHECKING:
    import jinja2

SCRIPTS = ("drawing.js", "curves.js", "layers.js", "report.js")  # one script on the page, each part uses those before


def write_report(
    run: Run,
    path: Path | None = None,
    *,
    state: State | None = None,
    predictions: Predictions | None = None,
    samples: ImageSamples | None = None,
) -> Path:
    """Write the page of a run, into its directory unless `path` says otherwise; returns where it is.

    The other arguments are those of `gathering.gather`.

    Raises:
        UserError: the run has no config that can be read.
        OSError: the file cannot be written.
    """
    path = run.report if path is None else path
    atomic.write_text(path, render_run(gather(run, state=state, predictions=predictions, samples=samples)))
    return path


def render_run(facts: RunFacts) -> str:
    """The page of one run."""
    best_epoch = describing.best_epoch(facts)
    curves = {f"curve-{i}": chart for i, chart in enumerate(charts.curves(facts.rows, best_epoch))}
    drawn: dict[str, Any] = dict(curves)
    points, note, confusion = None, "", None
    if facts.predictions is not None and facts.class_names is None:
        target = str((facts.trained_on.get("preparation") or {}).get("target_name", "target"))
        points, note = charts.scatter(facts.predictions, target)
        drawn["points"] = points
    elif facts.predictions is not None:
        confusion = charts.confusion(facts.predictions)
        if confusion["chart"] is not None:
            drawn["heat"] = confusion["chart"]
    flow = charts.flow(facts.gradients)
    if flow is not None:
        drawn["flow"] = flow
    layers = describing.layers(facts)
    headline, tiles = describing.figures(facts)
    no_findings, findings = describing.findings(facts)
    splits, scores = describing.scores(facts)
    return _render(
        "run.html.j2",
        title=f"{facts.name}: {facts.state}",
        data={"charts": drawn},
        facts=facts,
        headline=headline,
        tiles=tiles,
        course=describing.course(facts),
        data_facts=describing.data(facts),
        layers=layers,
        parameters=sum(line.parameters for line in layers if line.depth == 0),
        training_facts=describing.training(facts),
        splits=splits,
        scores=scores,
        scored="last" if best_epoch is None else "best",
        gates=describing.gates(facts),
        evaluation=describing.evaluation(facts),
        findings=findings,
        no_findings=no_findings,
        curves=curves,
        points=points,
        points_note=note,
        confusion=confusion,
        samples=samples_of(facts.samples, facts.predictions),
        samples_split=facts.samples.split if facts.samples is not None else "",
        flow=flow,
        meanings=[] if flow is None else describing.meanings(flow["measures"]),
        environment=describing.environment(facts),
    )


def write_comparison(
    runs: Mapping[str, Run], path: Path, keys: Sequence[Sequence[str]], scores: Sequence[Sequence[str]]
) -> None:
    """Write one page of several runs; the arguments are those of `render_comparison`. Raises as `write_report`."""
    atomic.write_text(path, render_comparison({name: gather(run) for name, run in runs.items()}, keys, scores))


def render_comparison(
    runs: Mapping[str, RunFacts], keys: Sequence[Sequence[str]], scores: Sequence[Sequence[str]]
) -> str:
    """The page of several runs by their names.

    `keys` are the config keys in which they differ and `scores` how they came out: rows of a name and then a text for
    each run.
    """
    curves = {
        f"curve-{i}": chart
        for i, chart in enumerate(charts.overlaid({name: facts.rows for name, facts in runs.items()}))
    }
    return _render(
        "comparison.html.j2",
        title=f"{len(runs)} runs compared",
        data={"charts": curves},
        names=list(runs),
        runs=runs,
        keys=keys,
        scores=scores,
        curves=curves,
        findings={name: describing.findings(facts) for name, facts in runs.items()},
    )


def _render(template: str, **values: Any) -> str:
    style, script = _own("report.css"), "\n".join(map(_own, SCRIPTS))
    policy = (
        f"default-src 'none'; style-src {_hash_of(style)}; script-src {_hash_of(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    fixed = {"policy": policy, "style": style, "script": script, "version": __version__}
    return _environment().get_template(template).render(**fixed, **values)


def _own(name: str) -> str:
    return (resources.files("mytorch.training.report") / name).read_text(encoding="utf-8")


def _hash_of(text: str) -> str:
    """An inline style or script as a Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2  # takes 20 ms, which only who writes a page need wait for

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_own),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return environment
