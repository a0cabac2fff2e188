"""Python source as text: literals, lists and calls that break where they get long, and the parts of a script.

What the other `script_*` files put together with this is laid out as formatters do, so that an exported script looks
as if it had been written by hand.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mytorch.tensor import Tensor

WIDTH = 88
INDENT = "    "


@dataclass
class Script:
    """What the sections of a script have gathered: imports, constants at the top, classes and functions, each once."""

    imports: set[str] = field(default_factory=set)
    constants: list[str] = field(default_factory=list)
    definitions: list[str] = field(default_factory=list)

    def constant(self, name: str, value: str, comment: str = "") -> None:
        """`value` is source text; the comment stands behind it, or above it if the line gets long."""
        line = f"{name} = {value}" + (f"  # {comment}" if comment else "")
        if comment and ("\n" in value or len(line) > WIDTH):
            line = f"# {comment}\n{name} = {value}"
        self.constants.append(line)

    def define(self, text: str) -> None:
        """A class or function, wherever it was indented; the same text is taken once."""
        text = textwrap.dedent(text).strip()
        if text not in self.definitions:
            self.definitions.append(text)


def literal(value: Any) -> str:
    """Source text that evaluates to the value.

    >>> print(literal("a \\"b\\""), literal((1, 0.5)), literal(float("inf")), literal(None))
    "a \\"b\\"" (1, 0.5) float("inf") None

    Raises:
        TypeError: there is no such text.
    """
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=not _is_encodable(value))
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    if isinstance(value, Tensor):
        return f"torch.tensor({literal(value.tolist())})"
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"{value!r} cannot be written as Python source")


def is_plain(value: Any) -> bool:
    """Whether `literal` takes the value."""
    try:
        literal(value)
    except TypeError:
        return False
    return True


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return text.isprintable()


def bracketed(opening: str, items: Sequence[str], closing: str, *, before: int = 0, indent: int = 0) -> str:
    """Items between brackets, in one line if it fits, else on lines of their own that are four characters further in.

    `before` is how many characters will stand in front of it on its first line, `indent` how many of them are spaces
    that its other lines will get too, by `indented`.

    >>> print(bracketed("f(", ["a", "b"], ")"))
    f(a, b)
    >>> print(bracketed("f(", ["a" * 50, "b" * 20], ")", before=20))
    f(
        aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbb
    )
    """
    inside = ", ".join(items)
    is_flat = "\n" not in inside
    if is_flat and before + len(opening) + len(inside) + len(closing) <= WIDTH:
        return opening + inside + closing
    if is_flat and indent + len(INDENT) + len(inside) <= WIDTH and opening.endswith("("):
        return f"{opening}\n{INDENT}{inside}\n{closing}"
    return on_lines(opening, items, closing)


def on_lines(opening: str, items: Iterable[str], closing: str) -> str:
    """Items between brackets, each on a line of its own.

    >>> print(on_lines("[", ["1", "2"], "]"))
    [
        1,
        2,
    ]
    """
    return "\n".join([opening, *(indented([f"{item},"]) for item in items), closing])


def filled(opening: str, items: Iterable[str], closing: str, *, before: int = 0) -> str:
    """A long list with as many items in a line as fit, which formatters leave alone where they are told so."""
    items = list(items)
    line = opening + ", ".join(items) + closing
    if before + len(line) <= WIDTH:
        return line
    body = textwrap.fill(
        " ".join(f"{item.replace(' ', chr(0))}," for item in items),
        WIDTH, initial_indent=INDENT, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return f"{opening}\n{body.replace(chr(0), ' ')}\n{closing}"


def indented(lines: Iterable[str], by: int = 4) -> str:
    """Lines below each other, each moved to the right; empty ones stay empty.

    >>> indented(["a", "", "b"])
    '    a\\n\\n    b'
    """
    return textwrap.indent("\n".join(lines), " " * by)
