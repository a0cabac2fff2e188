"""Whether operations are recorded: `no_grad`, `enable_grad`, `set_grad_enabled`, `inference_mode`; one a thread."""

from __future__ import annotations

import functools
import inspect
import threading
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

__all__ = [
    "enable_grad",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_grad_enabled",
    "set_multithreading_enabled",
]

F = TypeVar("F", bound=Callable[..., Any])


class _Mode(threading.local):
    """The state of one thread.

    - `observe` is called with every node that is recorded (anomaly detection, checkpoints, tracing).
    - `watch` follows the walk through the graph (anomaly detection): `watch.entering(node, gradient)` before a node's
      derivatives are computed, `watch.leaving(node, gradients)` after.
    - `recording` is told of everything that is computed; see `autograd.recording`.
    - `partial`: a backward pass is under way that looks for the gradients of certain tensors only.
    - `saved_hooks`: the `saved_tensors_hooks` in force, and `hooks_refused` the message with which they are refused.
    - `multi_hooks`: hooks on several tensors, which are told of every backward pass that begins.
    """

    enabled: bool = True
    inference: bool = False
    observe: Callable[[Any], None] | None = None
    watch: Any = None
    recording: Any = None
    partial: bool = False
    saved_hooks: Any = None
    hooks_refused: str | None = None
    multi_hooks: tuple[Any, ...] = ()


mode = _Mode()


class _GradMode:
    """A context manager that can also decorate a function or a generator function."""

    _enabled = True

    def __enter__(self) -> None:
        self._previous = mode.enabled
        mode.enabled = self._enabled

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mode.enabled = self._previous

    def _fresh(self) -> _GradMode:
        return type(self)()

    def __call__(self, function: F) -> F:
        if inspect.isclass(function):
            warnings.warn(
                "Decorating classes is deprecated and will be disabled in future versions. You should only decorate "
                "functions or methods. To preserve the current behavior of class decoration, you can directly decorate "
                "the `__init__` method and nothing else.",
                FutureWarning,
                stacklevel=2,
            )
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generator(*args: Any, **kwargs: Any) -> Any:
                # The mode holds only while the generator's own code runs, not between two items.
                inner = function(*args, **kwargs)
                resume: Callable[[], Any] = functools.partial(next, inner)
                try:
                    while True:
                        try:
                            with self._fresh():
                                item = resume()
                        except StopIteration as stop:
                            return stop.value
                        try:
                            sent = yield item
                        except GeneratorExit:
                            raise
                        except BaseException as error:
                            resume = functools.partial(inner.throw, error)
                        else:
                            resume = functools.partial(inner.send, sent)
                finally:
                    with self._fresh():
                        inner.close()

            return generator  # type: ignore[return-value]

        @functools.wraps(function, updated=() if inspect.isclass(function) else functools.WRAPPER_UPDATES)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self._fresh():
                return function(*args, **kwargs)

        return wrapper  # type: ignore[return-value]


class no_grad(_GradMode):  # noqa: N801 - PyTorch's name
    """Nothing computed inside is recorded, so it costs no memory for a backward pass.

    >>> import mytorch
    >>> w = mytorch.ones(2, requires_grad=True)
    >>> with mytorch.no_grad():
    ...     (w * 2).requires_grad
    False
    """

    _enabled = False

    def __new__(cls, function: F | None = None) -> Any:
        instance = super().__new__(cls)
        return instance if function is None else instance(function)  # @no_grad without parentheses


class enable_grad(_GradMode):  # noqa: N801 - PyTorch's name
    """Recording is on inside, also within `no_grad`.

    >>> import mytorch
    >>> w = mytorch.ones(2, requires_grad=True)
    >>> with mytorch.no_grad(), mytorch.enable_grad():
    ...     (w * 2).requires_grad
    True
    """

    def __new__(cls, function: F | None = None) -> Any:
        instance = super().__new__(cls)
        return instance if function is None else instance(function)


class set_grad_enabled(_GradMode):  # noqa: N801 - PyTorch's name
    """Switch recording on or off at once; as a context manager, the previous state comes back at the end.

    >>> import mytorch
    >>> with mytorch.set_grad_enabled(False):
    ...     mytorch.is_grad_enabled()
    False
    """

    def __init__(self, mode_: bool) -> None:
        self._enabled = bool(mode_)
        self._previous = mode.enabled
        mode.enabled = self._enabled

    def __enter__(self) -> None:
        mode.enabled = self._enabled

    def _fresh(self) -> _GradMode:
        return set_grad_enabled(self._enabled)

    def __call__(self, function: F) -> F:
        mode.enabled = self._previous  # as a decorator it acts when the function is called, not now
        return super().__call__(function)


class inference_mode(_GradMode):  # noqa: N801 - PyTorch's name
    """Like `no_grad`; `inference_mode(False)` leaves recording as normal.

    Tensors that are made inside are ordinary tensors: where PyTorch refuses to use them in autograd later, they may be
    used here.

    >>> import mytorch
    >>> with mytorch.inference_mode():
    ...     mytorch.is_grad_enabled(), mytorch.is_inference_mode_enabled()
    (False, True)
    """

    def __new__(cls, mode: Any = True) -> Any:
        instance = super().__new__(cls)
        if callable(mode):
            instance.__init__()  # type: ignore[misc]
            return instance(mode)
        return instance

    def __init__(self, mode: bool = True) -> None:
        self._inference = bool(mode)
        self._enabled = not self._inference

    def __enter__(self) -> None:
        super().__enter__()
        self._previous_inference = mode.inference
        mode.inference = self._inference

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mode.inference = self._previous_inference
        super().__exit__(kind, error, trace)

    def _fresh(self) -> _GradMode:
        return inference_mode(self._inference)


def is_grad_enabled() -> bool:
    """Whether operations are recorded in this thread now."""
    return mode.enabled


def is_inference_mode_enabled() -> bool:
    """Whether the current code runs under `inference_mode`."""
    return mode.inference


class set_multithreading_enabled(_GradMode):  # noqa: N801 - PyTorch's name
    """Accepted without effect, as a function, a context or a decorator: a backward pass runs in the calling thread."""

    def __init__(self, mode: bool) -> None:
        self._mode = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def _fresh(self) -> _GradMode:
        return self
