"""Errors from a user's own code: what a message says of them, with the line of the user's own file."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
COMMAND_LINE = (PACKAGE.parent / "cli.py", PACKAGE.parent / "mytorch_cli")
# Where Python and the installed packages lie; a virtual environment within the user's own folder is one of them.
INSTALLED = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")]

_own_folders: set[Path] = set()  # that a config has imported files from


def add_own_folder(folder: Path) -> None:
    """From here on files in the folder are the user's own."""
    _own_folders.add(folder.resolve())


def own_place(error: BaseException) -> str:
    """The line of the user's own file that an error came from, as `` (layers.py:12)``; nothing if it came from none.

    >>> own_place(ValueError())
    ''
    """
    lines = [
        f" ({frame.filename}:{frame.lineno})"
        for frame in traceback.extract_tb(error.__traceback__)
        if _is_own_file(frame.filename)
    ]
    return lines[-1] if lines else ""


def _is_own_file(name: str) -> bool:
    if name.startswith("<"):  # of no file, such as the frames of Python's import
        return False
    path = Path(name).resolve()
    if any(path.is_relative_to(place) for place in (PACKAGE, *COMMAND_LINE, *INSTALLED)):
        return False
    return any(path.is_relative_to(folder) for folder in _own_folders)


# What a layer raises at inputs that it cannot take, or at sizes that no memory holds.
OF_A_LAYER = (RuntimeError, ValueError, IndexError, TypeError, MemoryError, OverflowError)


def is_of_a_layer(error: Exception) -> bool:
    """Whether an error tells that a layer cannot take its input: any error of the user's own code does.

    >>> is_of_a_layer(ValueError("expected 3 features")), is_of_a_layer(KeyError("lr"))
    (True, False)
    """
    return isinstance(error, OF_A_LAYER) or bool(own_place(error))


def told(error: BaseException) -> str:
    """An error of a user's own code in one line: what it says, and the line that it came from.

    >>> told(ValueError("too small")), told(KeyError("size"))
    ('too small', "KeyError: 'size'")
    """
    speaks_for_itself = type(error) in (ValueError, RuntimeError) and str(error)
    message = str(error) if speaks_for_itself else f"{type(error).__name__}: {error}".removesuffix(": ")
    return f"{message}{own_place(error)}"
