"""Which plots a run has, and which of them the config's `plots` asks for.

By default those few are drawn at the end of a training that say most, because each takes about a tenth of a second;
`mytorch plot` draws all that there are.
"""

from __future__ import annotations

from collections.abc import Sequence

from mytorch.training.config.config import Config
from mytorch.training.config.sections import PlotName
from mytorch.training.errors import Problem

OF_NUMBERS: tuple[PlotName, ...] = ("loss", "metrics", "predictions", "residuals", "gradient-flow", "layers")
OF_CLASSES: tuple[PlotName, ...] = ("loss", "metrics", "confusion", "roc", "calibration", "gradient-flow", "layers")
OF_LAYERS: tuple[PlotName, ...] = ("gradient-flow", "layers")
OF_IMAGES: tuple[PlotName, ...] = ("samples", "filters")


def all_plots(*, of_classes: bool, of_images: bool) -> tuple[PlotName, ...]:
    """The plots that there are of a target that holds classes or numbers, and of inputs that are images or not."""
    return (OF_CLASSES if of_classes else OF_NUMBERS) + (OF_IMAGES if of_images else ())


def plots_of(config: Config, *, of_classes: bool, of_images: bool) -> Sequence[PlotName]:
    """The plots that are drawn at the end of a training."""
    if config.plots is None:
        flow: tuple[PlotName, ...] = ("gradient-flow",) if config.diagnostics.is_on else ()
        if not of_classes:
            return ("loss", "predictions", *flow)
        return ("loss", "confusion", "samples", *flow) if of_images else ("loss", "confusion", *flow)
    if config.plots == "all":
        return all_plots(of_classes=of_classes, of_images=of_images)
    return config.plots


def problems_of_plots(config: Config, *, of_classes: bool, of_images: bool) -> list[Problem]:
    """The plots that the config asks for and that there are none of for such data."""
    there = all_plots(of_classes=of_classes, of_images=of_images)
    of_target = "no plot of a target that holds " + ("classes" if of_classes else "numbers")
    problems = []
    for index, name in enumerate(plots_of(config, of_classes=of_classes, of_images=of_images)):
        if name not in there:
            why = "a plot of images, which the inputs are not" if name in OF_IMAGES else of_target
            problems.append(config.problem(("plots", index), f"{name!r} is {why}; use {', '.join(there)}"))
    return problems
