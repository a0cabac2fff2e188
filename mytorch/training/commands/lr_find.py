"""`mytorch lr-find`: a learning-rate range test of a config, its picture, and the line of the config to paste."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from mytorch.training.building.experiment import Experiment, build
from mytorch.training.commands.step_bar import step_bar
from mytorch.training.config.components import Component, Parameter, parameters_of
from mytorch.training.config.config import load_config
from mytorch.training.config.yaml_source import to_text
from mytorch.training.console import check_output, print_json
from mytorch.training.errors import Interrupted, RunFailed, UserError
from mytorch.training.inspection.lr_range import (
    FEWEST_STEPS,
    NoSuggestionError,
    RangeTest,
    Suggestion,
    geometric_rates,
    range_test,
    suggest_rate,
)
from mytorch.training.loop.signals import StopRequest


def find_rate(
    config_path: Path,
    overrides: list[str],
    *,
    runs_dir: Path,
    first: float = 1e-7,
    last: float = 10.0,
    steps: int = 100,
    output: Path | None = None,
    json: bool = False,
) -> None:
    """Test rates from `first` to `last` in a throw-away run; draw the losses; print what is suggested, and the line.

    Raises:
        UserError: an option or the config is wrong, or the optimizer is one whose rate cannot be tested.
        RunFailed: no rate can be suggested; everything else is printed all the same.
        Interrupted: it was stopped with a signal.
    """
    if not 0 < first < last < math.inf:
        raise UserError(
            f"--from and --to: expected two rates above 0, the smaller one first, got {first:g} and {last:g}"
        )
    if steps < FEWEST_STEPS:
        raise UserError(f"--steps: expected {FEWEST_STEPS} or more, got {steps}: fewer tell nothing")
    if output is not None:
        if output.suffix.lower() != ".png":
            raise UserError(f"-o: expected the name of a PNG file, such as rates.png, got {str(output)!r}")
        check_output(output)
    experiment = build(load_config(config_path, overrides), runs_dir=runs_dir)
    config = experiment.config
    seen = _test(experiment, geometric_rates(first, last, steps), shown=not json)
    suggestion, reason = None, None
    try:
        suggestion = suggest_rate(seen)
    except NoSuggestionError as error:
        reason = str(error)
    path = runs_dir / f"lr-find-{config.name}.png" if output is None else output
    drawn, failure = None, None
    try:
        drawn = _draw(config.name, seen, suggestion, path)
    except OSError as error:  # the suggestion is told all the same
        failure = RunFailed(f"cannot write {path}: {error.strerror or error}; -o FILE.png chooses another")
    lines = [] if suggestion is None else _lines(config.optimizer, config.scheduler, suggestion.rate)
    if json:
        print_json(_to_data(experiment, seen, suggestion, reason, lines, drawn))
    else:
        _print(experiment, seen, suggestion, lines, drawn)
    if reason is not None:
        raise RunFailed(f"no learning rate can be suggested for {config.name}: {reason}")
    if failure is not None:
        raise failure


def _test(experiment: Experiment, rates: list[float], *, shown: bool) -> RangeTest:
    with StopRequest(tell="") as stop:
        try:
            with step_bar(f"testing rates for {experiment.config.name}", shown=shown) as tell:

                def look(step: int) -> bool:
                    tell(step, len(rates))
                    return stop.signal is not None

                seen = range_test(experiment, rates, look)
        except KeyboardInterrupt:
            seen = RangeTest(ended="stopped")
    if seen.ended == "stopped":
        raise Interrupted("stopped; nothing was written", stop.exit_code)
    return seen


def _draw(name: str, seen: RangeTest, suggestion: Suggestion | None, path: Path) -> Path | None:
    """The picture; None if no step was possible."""
    from mytorch.training.plots.lr_range import plot_lr_range

    if not seen.rates:
        return None
    rate = None if suggestion is None else suggestion.rate
    path.parent.mkdir(parents=True, exist_ok=True)
    plot_lr_range(seen.rates, seen.losses, seen.smoothed, rate, path, f"{name}: learning-rate range test")
    return path


def _lines(optimizer: Component, scheduler: Component | None, rate: float) -> list[tuple[str, str]]:
    """The optimizer, and a scheduler that has the largest rate as `max_lr`, as the config has them but for the rate.

    Each as a line of a config, and as a change on the command line.
    """
    lines = [(f"optimizer: {_written(optimizer, lr=rate)}", f"optimizer.lr={rate}")]
    if scheduler is not None and "max_lr" in scheduler.arguments:
        lines.append((f"scheduler: {_written(scheduler, max_lr=rate)}", f"scheduler.max_lr={rate}"))
    return lines


def _written(component: Component, **changes: float) -> str:
    """In the braces of YAML, without the arguments that are what they are by default.

    >>> from mytorch.optim import AdamW
    >>> _written(Component("optimizer", "AdamW", AdamW, {"lr": 0.01, "eps": 1e-8, "weight_decay": 0.03}), lr=0.0032)
    '{type: AdamW, lr: 0.0032, weight_decay: 0.03}'
    """
    parameters = parameters_of(component.target)
    arguments = {key: value for key, value in component.arguments.items() if not _is_default(value, parameters[key])}
    data = {"type": component.type, **arguments, **changes}
    # One by one: YAML's writer sorts the keys of a mapping.
    return "{" + ", ".join(to_text({key: value})[1:-1] for key, value in data.items()) + "}"


def _is_default(value: Any, parameter: Parameter) -> bool:
    default = parameter.default
    return bool(value == (list(default) if isinstance(default, tuple) else default))


def _print(
    experiment: Experiment,
    seen: RangeTest,
    suggestion: Suggestion | None,
    lines: list[tuple[str, str]],
    drawn: Path | None,
) -> None:
    config = experiment.config
    ends = {"diverged": ", where the loss had diverged", "not finite": ", behind which the loss was not finite"}
    if seen.rates:
        print(
            f"{config.name}: {len(seen.rates)} steps of {config.optimizer.type} at rates from {seen.rates[0]:.1e} "
            f"to {seen.rates[-1]:.1e}{ends.get(str(seen.ended), '')}"
        )
    if suggestion is not None:
        print(f"the loss falls most steeply at   {suggestion.rate:g}   <- suggested")
        print(f"a tenth of where it is lowest    {suggestion.tenth:g}")
        if suggestion.lowest >= seen.rates[-1] * 0.95:
            print("the loss was still falling at the last rate: --to goes on to larger ones")
        print("\nfor the config:")
        for line, _ in lines:
            print(f"  {line}")
        print(f"or on the command line:\n  {' '.join(change for _, change in lines)}")
    if drawn is not None:
        print(f"\nplot: {drawn}")


def _to_data(
    experiment: Experiment,
    seen: RangeTest,
    suggestion: Suggestion | None,
    reason: str | None,
    lines: list[tuple[str, str]],
    drawn: Path | None,
) -> dict[str, Any]:
    config = experiment.config
    return {
        "name": config.name,
        "config": config.source_path,
        "optimizer": config.optimizer.type,
        "suggestion": None if suggestion is None else suggestion.rate,
        "reason": reason,
        "lowest": None if suggestion is None else suggestion.lowest,
        "tenth_of_lowest": None if suggestion is None else suggestion.tenth,
        "lines": [line for line, _ in lines],
        "overrides": [change for _, change in lines],
        "ended": seen.ended,
        "steps": [
            {"rate": rate, "loss": loss, "smoothed": smoothed}
            for rate, loss, smoothed in zip(seen.rates, seen.losses, seen.smoothed, strict=True)
        ],
        "plot": drawn,
    }
