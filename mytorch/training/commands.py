"""What each command of the command line does: from its arguments to files and printed results.

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
from mytorch.training.build import Experiment, build
from mytorch.training.callbacks import open_callbacks, require_packages, told_of_the_end
from mytorch.training.config import load_config
from mytorch.training.console import print_json, print_scores
from mytorch.training.drawing import draw_plots
from mytorch.training.errors import Interrupted, RunFailed, Stopped, UserError
from mytorch.training.finetune import told_parameters
from mytorch.training.gates import SPLITS, Figures, Report, gates_of_eval, gates_of_training, with_options
from mytorch.training.lock import RunLock
from mytorch.training.loop import Training
from mytorch.training.outcome import recording_failure
from mytorch.training.plot_choice import plots_of
from mytorch.training.progress import Progress
from mytorch.training.resume import reopen, where
from mytorch.training.run import Run, read_metrics, write_summary, writing
from mytorch.training.scoring import score
from mytorch.training.signals import StopRequest
from mytorch.training.smoke import run_smoke
from mytorch.training.trained import load_trained


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
) -> None:
    """Train a config; write the run directory; print the scores and where everything is; check the gates.

    With `seeds` or `folds` several times; see `mytorch.training.several`.
    """
    if smoke and (expect or junit or seeds is not None or folds is not None):
        raise UserError(
            "--smoke trains a few batches only; --expect, --junit, --seeds and --folds need a whole training"
        )
    named = [*overrides, f"name={name}"] if name is not None else overrides
    if seeds is not None or folds is not None:
        from mytorch.training.several import train_several

        of_gates: dict[str, Any] = {"expect": expect, "junit": junit}
        train_several(
            config_path, named, seeds=seeds, folds=folds, runs_dir=runs_dir, quiet=quiet, json=json, **of_gates
        )
        return
    experiment = build(load_config(config_path, named), runs_dir=runs_dir)
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
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Go on with a run from its newest whole checkpoint, or prove that it could; see `mytorch.training.resume`.

    Of a series of runs (`mytorch.training.several`), which the latest run may be one of, all that is left is trained.
    """
    from mytorch.training.several import resume_several, series_of

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


def _verify(run: Run, overrides: list[str], steps: int | None, *, quiet: bool, json: bool) -> None:
    """Replay steps from a checkpoint of the run and compare every bit; see `mytorch.training.verify`."""
    from mytorch.training.verify import replay

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
            raise Interrupted(f"stopped after {training.place()}\n{training.what_is_kept()}", stop.exit_code) from None
        except KeyboardInterrupt:
            raise Interrupted(f"stopped at once\n{training.what_is_kept()}", stop.exit_code) from None
        except RunFailed as failure:
            report.failed(failure)
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
            plots_of(config, of_classes=of_classes),
            title=config.name,
            target_name=experiment.data.target_name,
            best_epoch=summary["best_epoch"],
        )
    if json:
        print_json({"run": run.path, **summary})
    elif not quiet:
        if training.patience is not None and training.stopped_early:
            epochs = f"epoch {training.epoch} of {experiment.config.train.epochs}"
            print(f"stopped early after {epochs}: {training.patience.sentence}")
        print_scores(summary["best"], f"epoch {summary['best_epoch']}")
        print(f"{summary['steps']} steps in {summary['seconds']:.2f} s, {told_parameters(experiment.model)}")
        print(f"metrics: {run.metrics}\nsummary: {run.summary}")
        print(f"plots:   {', '.join(map(str, sorted(run.plots.iterdir())))}")
        report.print()
    training.callbacks.call("on_train_end", summary)
    training.callbacks.raise_failure(f"the training is complete: {run}")
    report.raise_if_failed()


def _smoke(experiment: Experiment, *, quiet: bool, json: bool) -> None:
    """Train a few steps in a run that is thrown away, and check that they went well."""
    with Run.throwaway(experiment.config.name) as run:
        seen = run_smoke(Training(experiment, run))
    if json:
        print_json({"name": experiment.config.name, "state": "passed", **seen})
    elif not quiet:
        repeated = seen["repeated_batch"]
        print(
            f"smoke test of {experiment.config.name} passed: {len(seen['losses'])} batches, all finite; "
            f"loss on one batch {repeated['before']:.4g} -> {repeated['after']:.4g} in {repeated['steps']} steps"
        )


def evaluate(
    selector: str | None,
    *,
    runs_dir: Path,
    which: str = "best",
    split: str = "test",
    json: bool = False,
    expect: Sequence[str] = (),
    junit: Path | None = None,
) -> None:
    """Score a checkpoint of a run on one split; write eval.json; print the scores; check the gates of `expect`."""
    run = Run.find(runs_dir, selector)
    if split not in SPLITS:
        raise UserError(f"--split: expected one of {', '.join(SPLITS)}, got {split!r}")
    trained = load_trained(run, which)
    experiment, path = trained.experiment, trained.path
    rows = experiment.data.splits.get(split)
    if rows is None:
        there = ", ".join(experiment.data.splits)
        raise UserError(f"{run.config}: the config sets no {split} rows aside (dataset.{split}); there is: {there}")
    report = Report(run.name, gates_of_eval(experiment, split, expect), junit)
    scores = score(experiment, rows)
    result: dict[str, Any] = {
        "run": run.path,
        "checkpoint": path,
        "epoch": trained.epoch,
        "split": split,
        "rows": len(rows),
        "scores": scores,
    }
    if report.gates:
        report.judge(Figures.of_scores({split: scores}))
        result["gates"] = report.to_list()
    with contextlib.suppress(PermissionError):  # someone else's run can be scored too
        write_summary(run.eval, result)
    if json:
        print_json(result)
    else:
        print(f"{run}, {path.name} (epoch {trained.epoch}), {len(rows)} {split} rows")
        print_scores({split: scores}, "")
        report.print()
    report.raise_if_failed()


def init(directory: Path) -> None:
    """Write the starter configs and their data into a directory, so that they can be trained and changed there."""
    files = starter_files()
    there = [directory / relative for relative in files if (directory / relative).exists()]
    if there:
        listed = "\n".join(f"  {path}" for path in there)
        raise UserError(
            f"init does not write over files that are there:\n{listed}\nmove them away or choose another directory"
        )
    try:
        for relative, source in files.items():
            (directory / relative).parent.mkdir(parents=True, exist_ok=True)
            atomic.write_bytes(directory / relative, source.read_bytes())
    except OSError as error:
        raise UserError(f"cannot write to {directory}: {error.strerror or error}") from None
    print(f"wrote {len(files)} files to {directory}:")
    for relative in files:
        print(f"  {relative}")
    print(f"next:\n  cd {directory}\n  mytorch train configs/boston.yaml")


def starter_files() -> dict[str, Path]:
    """The files that `init` writes, by their path in the new directory: from the package, or from its checkout."""
    package = Path(__file__).resolve().parents[1]
    root = package / "starter" if (package / "starter").is_dir() else package.parent
    configs = [*sorted((root / "configs").rglob("*.yaml")), root / "configs" / "config.schema.json"]
    data = [root / "datasets" / "boston.csv", root / "datasets" / "README.md"]
    return {path.relative_to(root).as_posix(): path for path in [*configs, *data]}
