"""Which plots a run has, and which of them the config's `plots` asks for.

By default those two are drawn at the end of a training that say most, because each takes about a tenth of a second;
`mytorch plot` draws all that there are.
"""

from __future__ import annotations

from collections.abc import Sequence

from mytorch.training.config.config import Config
from mytorch.training.config.sections import PlotName
from mytorch.training.errors import Problem

OF_NUMBERS: tuple[PlotName, ...] = ("loss", "metrics", "predictions", "residuals", "layers")
OF_CLASSES: tuple[PlotName, ...] = ("loss", "metrics", "confusion", "roc", "calibration", "layers")


def plots_of(config: Config, *, of_classes: bool) -> Sequence[PlotName]:
    """The plots that are drawn at the end of a training, of a target that holds classes or numbers."""
    if config.plots is None:
        return ("loss", "confusion" if of_classes else "predictions")
    if config.plots == "all":
        return OF_CLASSES if of_classes else OF_NUMBERS
    return config.plots


def problems_of_plots(config: Config, *, of_classes: bool) -> list[Problem]:
    """The plots that the config asks for and that there are none of for such a target."""
    there, what = (OF_CLASSES, "classes") if of_classes else (OF_NUMBERS, "numbers")
    return [
        config.problem(("plots", index), f"{name!r} is no plot of a target that holds {what}; use {', '.join(there)}")
        for index, name in enumerate(plots_of(config, of_classes=of_classes))
        if name not in there
    ]
