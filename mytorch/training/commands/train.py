"""`mytorch train` and `mytorch resume`: a training from its config, or from its newest checkpoint, to its results.

The functions raise `UserError` for a user's mistake and `RunFailed` for a run that failed; `cli.py` turns these into
exit codes.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mytorch.backend import atomic
from mytorch.training.building.experiment import Experiment, build
from mytorch.training.building.finetune import told_parameters
from mytorch.training.callbacks.base import open_callbacks, require_packages, told_of_the_end
from mytorch.training.commands.drawing import draw_of_layers, draw_plots
from mytorch.training.config.config import load_config
from mytorch.training.config.plot_choice import plots_of
from mytorch.training.console import print_finding, print_json, print_scores
from mytorch.training.errors import Interrupted, RunFailed, Stopped, UserError
from mytorch.training.loop.gates import Figures, Report, gates_of_training, with_options
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.loop.resume import reopen, where
from mytorch.training.loop.signals import StopRequest
from mytorch.training.loop.smoke import run_smoke
from mytorch.training.runs.files import read_metrics, write_summary, writing
from mytorch.training.runs.lock import RunLock
from mytorch.training.runs.outcome import State, recording_failure
from mytorch.training.runs.run import Run


def train(
    config_path: Path,
    overrides: list[str],
    *,
    runs_dir: Path,
    name: str | None = None,
    smoke: bool = False,
    quiet: bool = False,
    json: bool = False,
    expect: Sequence[str] = (),
    junit: Path | None = None,
    seeds: str | None = None,
    folds: int | None = None,
    threads: int | None = None,
) -> None:
    """Train a config; write the run directory; print the scores and where everything is; check the gates.

    With `seeds` or `folds` several times; see `mytorch.training.commands.several`.
    """
    if smoke and (expect or junit or seeds is not None or folds is not None):
        raise UserError(
            "--smoke trains a few batches only; --expect, --junit, --seeds and --folds need a whole training"
        )
    named = [*overrides, *_as_overrides({"name": name, "train.threads": threads})]
    if seeds is not None or folds is not None:
        from mytorch.training.commands.several import train_several

        of_gates: dict[str, Any] = {"expect": expect, "junit": junit}
        train_several(
            config_path, named, seeds=seeds, folds=folds, runs_dir=runs_dir, quiet=quiet, json=json, **of_gates
        )
        return
    experiment = build(load_config(config_path, named), runs_dir=runs_dir, stand_in=smoke)
    gates = gates_of_training(experiment, expect)
    if smoke:
        _smoke(experiment, quiet=quiet, json=json)
        return
    require_packages(experiment.config)
    report = Report(experiment.config.name, gates, junit)
    experiment.config = with_options(experiment.config, expect)
    run = Run.create(runs_dir, experiment.config.name)
    with RunLock(run.lock):
        with writing(run, "nothing was trained"):
            atomic.write_text(run.config, experiment.config.to_yaml())
        if not (quiet or json):
            print(f"training {experiment.config.name} in {run}", flush=True)
            for line in () if experiment.start is None else experiment.start.lines():
                print(line, flush=True)
        train_run(Training(experiment, run), report, quiet=quiet, json=json)


def resume(
    selector: str | None,
    overrides: list[str],
    *,
    runs_dir: Path,
    force: bool = False,
    verify: bool = False,
    steps: int | None = None,
    threads: int | None = None,
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Go on with a run from its newest whole checkpoint, or prove that it could; see `mytorch.training.loop.resume`.

    Of a series of runs (`commands.several`), which the latest run may be one of, all that is left is trained.
    """
    from mytorch.training.commands.several import resume_several, series_of

    overrides = [*overrides, *_as_overrides({"train.threads": threads})]
    series = None if verify else series_of(selector, runs_dir)
    if series is not None:
        if overrides or force:
            raise UserError(f"{series.path} is a series of runs, which is gone on with as it is; name one run of it")
        resume_several(series, runs_dir=runs_dir, quiet=quiet, json=json)
        return
    run = Run.find(runs_dir, selector)
    if steps is not None and not verify:
        raise UserError("--steps says how many steps --verify replays; write: mytorch resume --verify --steps N")
    if verify:
        _verify(run, overrides, steps, quiet=quiet, json=json)
        return
    with RunLock(run.lock):
        training, notes = reopen(run, overrides, force=force)
        report = Report(run.name, gates_of_training(training.experiment))
        for note in notes:
            print(note, file=sys.stderr)
        if not (quiet or json):
            print(f"going on with {run} at {where(training)}", flush=True)
        train_run(training, report, quiet=quiet, json=json)


def _as_overrides(options: dict[str, Any]) -> list[str]:
    """Options of the command line that were given, in the words that change a config."""
    return [f"{key}={value}" for key, value in options.items() if value is not None]


def _verify(run: Run, overrides: list[str], steps: int | None, *, quiet: bool, json: bool) -> None:
    """Replay steps from a checkpoint of the run and compare every bit; see `mytorch.training.loop.verify`."""
    from mytorch.training.loop.verify import replay

    if overrides:
        raise UserError(f"--verify replays what was trained; it takes no changes: {' '.join(overrides)}")
    result = replay(run, steps)
    if json:
        print_json({"run": run.path, **result})
    elif not quiet:
        print(f"{run}: {result['steps']} steps from {result['from']}, compared with {result['with']}")
        print(f"the same to the bit: {', '.join(result['compared'])}")


def train_run(training: Training, report: Report, *, quiet: bool, json: bool) -> None:
    """Train to the end, judge the gates, draw the plots, print the results; `RunFailed` if a gate did not pass."""
    experiment, run = training.experiment, training.directory
    progress = Progress(experiment.config.train.epochs, "quiet" if quiet or json else "auto")
    with StopRequest() as stop:
        try:
            training.callbacks = open_callbacks(training)
            with recording_failure(run), told_of_the_end(training.callbacks):
                summary = training.run(progress, stop)
        except Stopped:
            _show_unfinished(training, "interrupted")
            raise Interrupted(f"stopped after {training.place()}\n{training.what_is_kept()}", stop.exit_code) from None
        except KeyboardInterrupt:
            raise Interrupted(f"stopped at once\n{training.what_is_kept()}", stop.exit_code) from None
        except RunFailed as failure:
            report.failed(failure)
            _show_unfinished(training, "failed")
            raise
    if report.gates:
        values = {**Figures.of_scores(summary["best"]).values, "seconds": summary["seconds"]}
        report.judge(Figures(values, read_metrics(run.metrics)), summary["seconds"])
        summary["gates"] = report.to_list()
        with writing(run, "the training is complete, but its summary.json lacks the gates"):
            write_summary(run.summary, summary)
    with writing(run, "the training is complete, its plots are not"):
        config, of_classes = experiment.config, experiment.kind != "regression"
        draw_plots(
            run,
            training.predictions,
            training.samples,
            plots_of(config, of_classes=of_classes, of_images=training.samples is not None),
            title=config.name,
            target_name=experiment.data.target_name,
            best_epoch=summary["best_epoch"],
        )
    with writing(run, "the training is complete, its report is not"):
        from mytorch.training.report.page import write_report

        page = write_report(run, state="finished", predictions=training.predictions, samples=training.samples)
    if json:
        print_json({"run": run.path, **summary})
    elif not quiet:
        if training.patience is not None and training.stopped_early:
            epochs = f"epoch {training.epoch} of {experiment.config.train.epochs}"
            print(f"stopped early after {epochs}: {training.patience.sentence}")
        print_scores(summary["best"], f"epoch {summary['best_epoch']}")
        print(f"{summary['steps']} steps in {summary['seconds']:.2f} s, {told_parameters(experiment.model)}")
        for finding in summary["findings"]:
            print_finding(finding)
        print(f"metrics: {run.metrics}\nsummary: {run.summary}")
        if drawn := sorted(run.plots.iterdir()):
            print(f"plots:   {', '.join(map(str, drawn))}")
        print(f"report:  {page}")
        report.print()
    training.callbacks.call("on_train_end", summary)
    training.callbacks.raise_failure(f"the training is complete: {run}")
    report.raise_if_failed()


def _show_unfinished(training: Training, state: State) -> None:
    """Draw and report what there is of a training that did not reach its end, of which more important things are said.

    Of the plots that is the flow of the gradients: where they went before it failed.
    """
    from mytorch.training.report.page import write_report

    run, experiment = training.directory, training.experiment
    names = plots_of(experiment.config, of_classes=experiment.kind != "regression", of_images=False)
    with contextlib.suppress(OSError, UserError):
        if "gradient-flow" in names:
            draw_of_layers("gradient-flow", run, experiment.config.name)
        write_report(run, state=state)


def _smoke(experiment: Experiment, *, quiet: bool, json: bool) -> None:
    """Train a few steps in a run that is thrown away, and check that they went well."""
    missing = experiment.missing_files
    with Run.throwaway(experiment.config.name) as run:
        seen = run_smoke(Training(experiment, run))
    if json:
        print_json({"name": experiment.config.name, "state": "passed", "stand_in_for": missing, **seen})
    elif not quiet:
        repeated = seen["repeated_batch"]
        if missing:
            print(f"nothing is downloaded for a smoke test: made-up images stood in for {', '.join(missing)}")
        print(
            f"smoke test of {experiment.config.name} passed: {len(seen['losses'])} batches, all finite; "
            f"loss on one batch {repeated['before']:.4g} -> {repeated['after']:.4g} in {repeated['steps']} steps"
        )
