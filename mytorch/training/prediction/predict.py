"""`mytorch predict`: a trained model's answers for new data, in constant memory however much there is.

The data of the training is not needed: how inputs are prepared is part of the checkpoint. Rows go through the model in
batches of their order in the input, whatever parts they were read in.
"""

from __future__ import annotations

import csv
import glob
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from mytorch.creation.from_data import from_numpy
from mytorch.data.table import DataError
from mytorch.training.building.experiment import Experiment
from mytorch.training.console import can_draw
from mytorch.training.errors import Interrupted, RunFailed, UserError
from mytorch.training.loop.diagnosis import told_of_batch
from mytorch.training.loop.scoring import as_scored, evaluation_mode, rows_at_once
from mytorch.training.loop.trained import load_model
from mytorch.training.metrics.base import softmax
from mytorch.training.own_code import is_of_a_layer
from mytorch.training.prediction.inputs import find_inputs
from mytorch.training.prediction.output import Format, Lines, number_cells, opened_output
from mytorch.training.prediction.samples import Inputs, Notes, Samples, in_batches
from mytorch.training.runs.run import Run

__all__ = ["predict"]

# A target's numbers are written as float32, unless they are so far from 0 for their range that this would tell.
_FAR_FROM_ZERO = 100.0


def predict(
    selector: str,
    given: Sequence[str],
    *,
    runs_dir: Path,
    output: Path | None = None,
    which: str = "best",
    keep: str = "",
    delimiter: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    divide: float | None = None,
    batch_size: int | None = None,
    kind: Format = "csv",
    quiet: bool = False,
) -> None:
    """Write the predictions of a run's model for files, or standard input (`-`), to a file or standard output.

    Args:
        selector: the run, as `Run.find` takes it.
        given: the inputs: CSV, `.npy` or IDX files, PNG images, patterns, a directory of images, or ``-``.
        output: the file to write, None for standard output.
        which: the weights: `best`, `last` or a checkpoint file.
        keep: columns of the input to carry over, with commas between them.
        delimiter, decimal, encoding: how CSV files are written, if not as the training's data.
        divide: what numbers of arrays and pixels are divided by first.
        batch_size: how many rows go through the model at once; None: 4096, or fewer of images.
        kind: ``csv`` or ``jsonl``, a JSON document a line.
        quiet: print no notes and no progress.

    Raises:
        UserError: something is wrong with the arguments or the input; a file at `output` is then not written.
        RunFailed: the output cannot be written.
    """
    output = None if output == Path("-") else output
    trained = load_model(Run.find(runs_dir, selector), which)
    experiment = trained.experiment
    notes = Notes(lambda line: None if quiet else print(line, file=sys.stderr))
    _refuse_input_as_output(given, output)
    written = {"delimiter": delimiter, "decimal": decimal, "encoding": encoding}
    try:
        inputs = find_inputs(
            given,
            keep=_names(keep),
            written={name: value for name, value in written.items() if value is not None},
            divide=divide,
            config=experiment.config,
            preparation=experiment.data.preparation,
            stored_as=trained.metadata["inputs"],
            notes=notes,
        )
        with _stoppable(output), opened_output(output) as file:
            rows_of_batch = batch_size or rows_at_once(trained.metadata["inputs"]["shape"])
            rows, not_finite = _write(experiment, inputs, rows_of_batch, kind, file, shown=_Shown(output, quiet))
    except DataError as error:
        raise UserError(str(error)) from error
    notes.tell_all()
    if not_finite:
        notes.tell(f"warning: {not_finite} of {rows} predictions are not finite: their inputs are too large")
    if output is not None and not quiet:
        print(f"{rows} predictions of {trained.path} in {output}")


def _write(
    experiment: Experiment, inputs: Inputs, batch_size: int, kind: Format, file: Any, shown: _Shown
) -> tuple[int, int]:
    """Predict all samples and write them; returns how many there were, and how many predictions are not finite."""
    answers = _Answers(experiment, kind, inputs.names)
    head, rows = answers.lines.head, 0
    with evaluation_mode(experiment.model), shown:
        for samples in in_batches(inputs.parts(), batch_size):
            try:
                output = experiment.model(from_numpy(samples.inputs)).array
            except Exception as error:
                if not is_of_a_layer(error):
                    raise
                message = told_of_batch(error, samples.inputs)
                raise RunFailed(f"the model cannot take rows {rows} and on: {message}") from error
            file.write(head + answers.written(samples, output))
            head = b""  # with the first rows: where nothing can be read, nothing is written
            rows += len(output)
            shown.rows(rows)
    file.write(head)
    return rows, answers.not_finite


class _Answers:
    """What a model's output says, as lines: a number in the target's own units, or a class and all probabilities."""

    def __init__(self, experiment: Experiment, kind: Format, carried: Sequence[str]) -> None:
        self.experiment = experiment
        self.is_number = experiment.kind == "regression"
        self.not_finite = 0
        data = experiment.data
        if self.is_number:
            normalizer, outputs = data.target_normalizer, len(data.target_normalizer.shift)
            names = [data.target_name] if outputs == 1 else [f"{data.target_name}{i}" for i in range(outputs)]
            self.exact = bool((np.abs(normalizer.shift) > _FAR_FROM_ZERO * normalizer.scale).any())
        else:
            classes = data.class_names or ["0", "1"]  # a binary loss may have a column of these numbers
            names = ["class", *(f"probability:{name}" for name in classes)]
        names = [f"prediction:{name}" if name in carried else name for name in names]
        self.lines = Lines(kind, [*carried, *names])
        self.class_cells = [] if self.is_number else [self.lines.text(name) for name in classes]

    def written(self, samples: Samples, output: np.ndarray[Any, Any]) -> bytes:
        """The lines of a batch."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            scored = as_scored(self.experiment, output)
            values = scored.reshape(len(scored), -1) if self.is_number else softmax(scored.astype(np.float64))
        columns = [[self.lines.text(cell) for cell in column] for column in samples.cells]
        carried = len(columns)
        if not self.is_number:
            columns.append([self.class_cells[number] for number in scored.argmax(axis=1).tolist()])
        for column in values.T:
            columns.append(self.lines.numbers(number_cells(column, exact=self.is_number and self.exact), column))
        bad = ~np.isfinite(values).all(axis=1)
        if samples.skipped is not None:
            bad &= ~samples.skipped
            for row in np.flatnonzero(samples.skipped).tolist():
                for cells in columns[carried:]:
                    cells[row] = self.lines.nothing
        self.not_finite += int(bad.sum())
        return self.lines.of(columns)


def _names(listed: str) -> list[str]:
    """The columns of --keep; one whose name holds a comma is written in quotes, as in a CSV file."""
    names = [name.strip() for row in csv.reader([listed]) for name in row]
    twice = next((name for name in names if names.count(name) > 1), None)
    if "" in names or twice is not None:
        raise UserError(f"--keep: expected different names of columns such as id,street, got {listed!r}")
    return names


def _refuse_input_as_output(given: Sequence[str], output: Path | None) -> None:
    if output is None or not output.is_file():
        return
    for name in [*given, *(file for pattern in given for file in glob.glob(pattern))]:
        if os.path.exists(name) and os.path.samefile(name, output):
            raise UserError(f"-o: {output} is the input too; write to another file")


@contextmanager
def _stoppable(output: Path | None) -> Iterator[None]:
    """Ctrl-C and SIGTERM end it with a message, and no half-written file stays."""

    def stop(number: int, _frame: Any) -> NoReturn:
        raise Interrupted(f"stopped{'' if output is None else f'; {output} was not written'}", 128 + number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Shown:
    """How far it is, in a line on standard error, if that is a terminal and the results go elsewhere."""

    def __init__(self, output: Path | None, quiet: bool) -> None:
        elsewhere = output is not None or not sys.stdout.isatty()
        self.live = not quiet and elsewhere and can_draw(sys.stderr)

    def __enter__(self) -> _Shown:
        if self.live:
            from rich.console import Console
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            self.line = Progress(
                SpinnerColumn(),
                TextColumn("{task.completed:,} rows  {task.fields[speed]:,.0f} rows/s "),
                TimeElapsedColumn(),
                console=Console(file=sys.stderr),
                auto_refresh=False,
                redirect_stdout=False,
                transient=True,
            )
            self.task = self.line.add_task("", total=None, speed=0.0)
            self.started = self.drawn = time.perf_counter()
            self.line.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self.live:
            self.line.stop()

    def rows(self, count: int) -> None:
        """So many rows are done."""
        now = time.perf_counter()
        if self.live and now - self.drawn > 0.1:
            self.drawn = now
            self.line.update(self.task, completed=count, speed=count / (now - self.started))
            self.line.refresh()
