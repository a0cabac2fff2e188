"""What a person sees while a training runs: a live bar on a terminal, a few plain lines elsewhere.

It all goes to standard error, so that standard output holds results alone (``--json`` can be piped). rich is
imported only where a live line is drawn, and that line is drawn at most ten times a second however short the
epochs are.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TextIO

from mytorch.training.console import can_draw

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

Mode = Literal["auto", "live", "plain", "quiet"]
_REFRESH_SECONDS = 0.1
_PLAIN_LINES = 18  # evenly spread; the first and the last epoch come on top
_SHORT = {"train_loss": "train", "validation_loss": "val", "learning_rate": "lr"}


class Progress:
    """Shows a training of ``total_epochs`` epochs; a context manager, which leaves the terminal in order.

    ``mode``: ``"auto"`` (live on a terminal, plain elsewhere), ``"live"``, ``"plain"`` (at most 20 lines) or
    ``"quiet"`` (nothing). ``stream`` is standard error unless given.

    >>> with Progress(total_epochs=2, mode="plain", stream=sys.stdout) as progress:
    ...     progress.epoch(2, {"train_loss": 0.25, "learning_rate": 1e-3})
    epoch 2/2  train 0.25       lr 0.001
    """

    def __init__(self, total_epochs: int, mode: Mode = "auto", stream: TextIO | None = None) -> None:
        self.total_epochs = total_epochs
        self.stream = sys.stderr if stream is None else stream
        self.mode = mode if mode != "auto" else "live" if can_draw(self.stream) else "plain"
        self._every = -(-total_epochs // _PLAIN_LINES)
        self._seen = 0  # epochs of this process; a resumed run begins at a later epoch
        self._live: RichProgress | None = None
        self._latest: tuple[int, Mapping[str, float | None]] | None = None

    def __enter__(self) -> Progress:
        self._started = self._drawn = time.perf_counter()
        if self.mode == "live":
            self._live = _live_line(self.stream)
            self._task = self._live.add_task("", total=self.total_epochs, values="", left="")
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            if self._latest is not None:
                self._live.update(self._task, completed=self._latest[0], values="  ".join(_values(self._latest[1])))
            self._live.stop()  # draws the last state once more and shows the cursor again
            self._live = None

    def epoch(self, epoch: int, fields: Mapping[str, float | None]) -> None:
        """Show that ``epoch`` (counted from 1) is done, with ``fields`` as they are named in metrics.csv.

        A field that is ``None`` is left out.
        """
        self._seen += 1
        self._latest = epoch, fields
        if self._live is not None:
            now = time.perf_counter()
            due = now - self._drawn >= _REFRESH_SECONDS
            if due or epoch == self.total_epochs or self._seen == 1:
                left = _duration((now - self._started) / self._seen * (self.total_epochs - epoch))
                self._live.update(self._task, completed=epoch, values="  ".join(_values(fields)), left=left)
                self._live.refresh()
                self._drawn = time.perf_counter()
        elif self.mode == "plain" and (self._seen == 1 or epoch % self._every == 0 or epoch == self.total_epochs):
            width = len(str(self.total_epochs))
            values = "  ".join(f"{value:<{len(value.split()[0]) + 10}}" for value in _values(fields))
            print(f"epoch {epoch:{width}}/{self.total_epochs}  {values}".rstrip(), file=self.stream, flush=True)


def _live_line(stream: TextIO) -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn("epoch {task.completed}/{task.total}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[values]}"),
        TextColumn("{task.fields[left]} left"),
        console=Console(file=stream),
        auto_refresh=False,  # no thread: `Progress.epoch` draws
        redirect_stdout=sys.stdout.isatty(),  # a piped result must not end up on standard error
        expand=True,
    )


def _values(fields: Mapping[str, float | None]) -> list[str]:
    return [f"{_SHORT.get(name, name)} {value:.4g}" for name, value in fields.items() if value is not None]


def _duration(seconds: float) -> str:
    """``9s``, ``1:05`` or ``2:03:04``.

    >>> _duration(65)
    '1:05'
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d}" if minutes else f"{rest}s"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
