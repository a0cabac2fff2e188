"""A random stream of its own for each worker of a `DataLoader`, in place of the one that the whole process shares.

The workers are threads, so the default stream is one object for all of them, and what a data set draws from it while
it is read would depend on which thread comes first. In a thread that has called `use`, the default stream is the
generator given there; in all other threads it is what it was. PyTorch's workers, which are processes, have it so too.
"""

from __future__ import annotations

import threading
from typing import Any

from mytorch.backend import generator as backend

_here = threading.local()
_installing = threading.Lock()


def use(generator: backend.Generator) -> None:
    """Let `generator` be the default stream of the calling thread from now on.

    >>> import mytorch
    >>> def draw(): use(backend.Generator().manual_seed(7)); drawn.append(mytorch.rand(1).item())
    >>> drawn, state = [], mytorch.get_rng_state()
    >>> thread = threading.Thread(target=draw); thread.start(); thread.join()
    >>> bool((mytorch.get_rng_state() == state).all()), mytorch.manual_seed(7).initial_seed()
    (True, 7)
    >>> mytorch.rand(1).item() == drawn[0]
    True
    """
    _install()
    _here.generator = generator


def _install() -> None:
    """Make the default stream look who calls. Done for the first worker only: it costs each draw a little."""
    stream = backend.default_generator
    with _installing:
        if not getattr(stream, "looks_who_calls", False):
            kind = type(stream)
            redirected = {name: _by_thread(getattr(kind, name)) for name in backend.Generator.__slots__}
            members = {"__slots__": (), "__doc__": kind.__doc__, "__module__": kind.__module__, "looks_who_calls": True}
            stream.__class__ = type(kind.__name__, (kind,), members | redirected)


def _by_thread(slot: Any) -> property:
    """An attribute that is the thread's own generator's, if the object is the default stream and there is one."""

    def owner(stream: Any) -> Any:
        return getattr(_here, "generator", stream) if stream is backend.default_generator else stream

    def read(stream: Any) -> Any:
        return slot.__get__(owner(stream))

    def write(stream: Any, value: Any) -> None:
        slot.__set__(owner(stream), value)

    return property(read, write)
