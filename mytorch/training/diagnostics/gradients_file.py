"""gradients.csv: a row for each layer and logging step, with what `measuring` has seen of it; written and read here."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

from mytorch.training.errors import UserError
from mytorch.training.runs.files import MetricsLog, csv_text, read_text


@dataclass(frozen=True)
class GradientRow:
    """What was seen of a layer in a step; None where it does not apply to the layer.

    `layer` is the module's dotted name, `(model)` of a model that is one layer, and `type` its class.
    `step` counts from 1 over the whole training, `epoch` is the one that it belongs to. `gradient_norm` is the 2-norm
    of the gradients of the layer's own parameters, before clipping; 0 if none has reached it. `weight_norm` is that of
    the parameters before the step, `update_ratio` that of their change in the step, divided by `weight_norm`.
    `activation_mean` and `activation_std` are of the layer's output on the step's batch. `dead` and `saturated` are
    shares; see `units`.
    """

    epoch: int
    step: int
    layer: str
    type: str
    gradient_norm: float | None = None
    weight_norm: float | None = None
    update_ratio: float | None = None
    activation_mean: float | None = None
    activation_std: float | None = None
    dead: float | None = None
    saturated: float | None = None


COLUMNS = tuple(field.name for field in fields(GradientRow))
FIGURES = COLUMNS[4:]
_CELLS = attrgetter(*COLUMNS)


class GradientsLog(MetricsLog):
    """Writes gradients.csv as `MetricsLog` writes metrics.csv, with all rows of a step at once.

    >>> from mytorch.training.runs.run import Run
    >>> with Run.throwaway("example") as run:
    ...     with GradientsLog(run.gradients) as log:
    ...         log.append_step([GradientRow(1, 6, "0", "Linear", gradient_norm=0.25)])
    ...     read_gradients(run.gradients)[0].gradient_norm
    0.25
    """

    def __init__(self, path: str | os.PathLike[str], so_far: str = "") -> None:
        if not so_far:
            Path(path).unlink(missing_ok=True)  # that of a training without a checkpoint that knows of it
        super().__init__(path, COLUMNS, so_far)

    def append_step(self, rows: Sequence[GradientRow]) -> None:
        """Add the rows of a step."""
        self.add_text(csv_text(map(_CELLS, rows)))


def read_gradients(path: str | os.PathLike[str]) -> list[GradientRow]:
    """The rows of a gradients.csv, in the order of the steps and, within a step, of the layers.

    A last line without its line end, which a killed run may leave, is no row. Raises `UserError`, naming file and
    line, for a file that is missing or holds anything else.
    """
    path = Path(path)
    return gradient_rows(read_text(path, "gradients"), path)


def gradient_rows(text: str, path: Path = Path("gradients.csv")) -> list[GradientRow]:
    """The rows in the text of a gradients.csv, as `read_gradients` gives them; `path` is for messages."""
    reader = csv.reader(text[: text.rfind("\n") + 1].splitlines(keepends=True))
    if next(reader, None) != list(COLUMNS):
        raise UserError(f"{path}: expected a gradients.csv with the columns {','.join(COLUMNS)}")
    rows = []
    for cells in reader:
        if len(cells) != len(COLUMNS):
            raise UserError(f"{path}:{reader.line_num}: expected {len(COLUMNS)} cells, got {len(cells)}")
        epoch, step, layer, kind, *figures = cells
        try:
            numbers = [float(cell) if cell else None for cell in figures]
            rows.append(GradientRow(int(epoch), int(step), layer, kind, *numbers))
        except ValueError as error:
            raise UserError(f"{path}:{reader.line_num}: expected numbers: {error}") from None
    return rows


def last_step(rows: Iterable[GradientRow]) -> list[GradientRow]:
    """The rows of the last step that there are any of."""
    rows = list(rows)
    return [row for row in rows if row.step == rows[-1].step]
