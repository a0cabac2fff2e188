"""Anomaly detection: which line of the forward pass is to blame for a NaN or an error in the backward pass.

While it is on, every recorded operation notes where it was called, and the walk shows each node's gradients here. Like
the grad modes it is a switch of the thread.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mytorch.autograd.application import as_raw
from mytorch.autograd.grad_mode import mode
from mytorch.autograd.node import Node
from mytorch.autograd.primitive import namespace_of

__all__ = ["detect_anomaly", "is_anomaly_check_nan_enabled", "is_anomaly_enabled", "set_detect_anomaly"]

_PACKAGE = f"{Path(__file__).parents[1]}{os.sep}"
_ENGINE = f"{Path(__file__).parent}{os.sep}"

Stack = tuple[tuple[str, int, str], ...]  # file, line and function of each call, the outermost first


class _Watch:
    """Follows the operations that are recorded and the nodes that are walked through."""

    def __init__(self, check_nan: bool, next_observer: Callable[[Any], None] | None) -> None:
        self.check_nan = check_nan
        self.next_observer = next_observer
        self.node: Node | None = None  # the one whose derivatives are being computed
        self.rests = False  # it was switched off while another observer, which came later, was at work

    def observe(self, node: Any) -> None:
        """Note where an operation is called, and within which derivative if it belongs to one."""
        if self.rests:
            if mode.observe == self.observe:  # the other one has gone
                mode.observe = self.next_observer
            if self.next_observer is not None:
                self.next_observer(node)
            return
        node.forward_stack = _calls()
        if self.node is not None:  # names and lines only: a reference to the node could close a circle
            inducing = self.node
            node.metadata["induced_by"] = (inducing.name(), inducing.forward_stack, _descent(inducing))
        if self.next_observer is not None:
            self.next_observer(node)

    def entering(self, node: Any, _gradient: Any) -> None:
        self.node = node

    def leaving(self, node: Any, gradients: Any) -> None:
        """Refuse a NaN among the gradients of a node."""
        if self.check_nan:
            for index, g in enumerate(gradients):
                raw = as_raw(getattr(g, "array", g))
                if raw is not None and raw.dtype.kind in "fc" and bool(namespace_of(raw).isnan(raw).any()):
                    raise RuntimeError(
                        f"Function '{node.name()}' returned nan values in its {index}th output.{_line(node)}"
                    )
        self.node = None

    def failed(self, error: BaseException) -> None:
        """Add to an error of the backward pass which forward call it belongs to."""
        node: Any = self.node
        self.node = None
        if node is None:
            return
        story = f"Error detected in {node.name()}. "
        if node.forward_stack is None:
            story += "No forward pass information available. Enable detect anomaly during forward pass for more "
            story += "information."
        else:
            story += f"Traceback of forward call that caused the error:\n{_format(node.forward_stack)}"
        descent = _descent(node)
        while descent is not None:
            name, calls, descent = descent
            story += (
                f"\nPrevious calculation was induced by {name}. Traceback of forward call that induced the previous "
                f"calculation:\n{_format(calls or ())}"
            )
        error.add_note(story)


def _descent(node: Node) -> Any:
    """Within which derivative an operation was called: its name, its calls, and its own descent; or None."""
    return node.metadata.get("induced_by")


def _calls() -> Stack:
    """The calls that led to the current operation, without the engine's own at the end."""
    frame: Any = sys._getframe(2)
    found: list[tuple[str, int, str]] = []
    while frame is not None:
        code = frame.f_code
        if found or not code.co_filename.startswith(_ENGINE):
            found.append((code.co_filename, frame.f_lineno, code.co_name))
        frame = frame.f_back
    return tuple(reversed(found))


def _format(calls: Stack) -> str:
    return "".join(traceback.format_list([traceback.FrameSummary(*call, lookup_line=False) for call in calls]))


def _line(node: Any) -> str:
    """The line of the user's program that called for the operation, on lines of its own."""
    for call in reversed(node.forward_stack or ()):
        if not call[0].startswith(_PACKAGE):
            return f" The operation was called in\n{_format((call,))}".rstrip()
    return ""


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on in this thread."""
    return mode.watch is not None


def is_anomaly_check_nan_enabled() -> bool:
    """Whether it looks for NaNs (it does unless told otherwise)."""
    return mode.watch is None or bool(mode.watch.check_nan)


def _switch(on: bool, check_nan: bool) -> None:
    watch = mode.watch
    if watch is not None and mode.observe == watch.observe:
        mode.observe = watch.next_observer
    elif watch is not None:
        watch.rests = True  # an observer that came later passes nodes on to it
    mode.watch = _Watch(check_nan, mode.observe) if on else None
    if on:
        mode.observe = mode.watch.observe


class set_detect_anomaly:  # noqa: N801 - PyTorch's name
    """Switch anomaly detection on or off at once; as a context manager, the previous state comes back at the end.

    An error in the backward pass then has a note with the forward call that it belongs to, and a NaN in a gradient is
    an error that shows the line. Each operation costs several times as much.

    Args:
        mode: on or off.
        check_nan: whether to look for NaNs.

    >>> import mytorch
    >>> x = mytorch.tensor(0.0, requires_grad=True)
    >>> with set_detect_anomaly(True):
    ...     try:
    ...         (x.sqrt() * 0).backward()
    ...     except RuntimeError as error:
    ...         print(error)
    Function 'SqrtBackward0' returned nan values in its 0th output. The operation was called in
      File "<doctest mytorch.autograd.anomaly.set_detect_anomaly[2]>", line 3, in <module>
        (x.sqrt() * 0).backward()
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._previous = is_anomaly_enabled(), is_anomaly_check_nan_enabled()
        _switch(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        _switch(*self._previous)


class detect_anomaly:  # noqa: N801 - PyTorch's name
    """Anomaly detection within a `with` block; see `set_detect_anomaly`. Warns of its cost.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"), detect_anomaly():
    ...     is_anomaly_enabled()
    True
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._check_nan = check_nan
        self._previous = is_anomaly_enabled(), is_anomaly_check_nan_enabled()
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        _switch(True, self._check_nan)

    def __exit__(self, *_: object) -> None:
        _switch(*self._previous)
