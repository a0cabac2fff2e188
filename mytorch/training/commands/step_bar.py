"""A line on the terminal that counts the steps of work that is neither epochs nor files: a test, a replay, a grid."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mytorch.training.console import can_draw

REFRESHES = 10  # a second


@contextmanager
def step_bar(title: str, *, shown: bool = True) -> Iterator[Callable[[int, int], None]]:
    """Gives a function to call with the number of steps that are done, and of all.

    The line stands on standard error while the ``with`` block runs, if that is a terminal, and is wiped away after it.

    >>> with step_bar("replaying", shown=False) as tell:
    ...     tell(1, 2)
    """
    if not (shown and can_draw(sys.stderr)):
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns,
        console=Console(file=sys.stderr),
        refresh_per_second=REFRESHES,
        redirect_stdout=False,
        transient=True,
        expand=True,
    ) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
