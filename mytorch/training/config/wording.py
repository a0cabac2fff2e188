"""Says in plain words what was expected and what came, from pydantic's errors and type annotations.

A user reads `expected a number greater than 0, got -1`, never pydantic's own sentence.
"""

from __future__ import annotations

import collections.abc
import re
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from mytorch.training.config.yaml_source import to_text
from mytorch.training.errors import closest

# Longer text is cut where it is quoted in a message.
LONGEST_QUOTE = 40

_PLAIN = {
    int: ("an integer", "integers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "true or false values"),
    str: ("text", "texts"),
    type(None): ("null", "nulls"),
    dict: ("a mapping", "mappings"),
    list: ("a list", "lists"),
    tuple: ("a list", "lists"),
}
_LISTS = (
    list,
    tuple,
    set,
    frozenset,
    collections.abc.Sequence,
    collections.abc.Iterable,
    collections.abc.Collection,
)
_MAPPINGS = (dict, collections.abc.Mapping)

# pydantic's type of error -> what was expected: for a value of the wrong type, and for one of the right type
# that is out of its limits, which are fields of the error's context.
_WRONG_TYPE = {
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "model_type": "a mapping",
    "dict_type": "a mapping",
}
OUT_OF_LIMITS = {
    "finite_number": "a finite number",
    "greater_than": "a number greater than {gt:.15g}",
    "greater_than_equal": "a number of at least {ge:.15g}",
    "less_than": "a number less than {lt:.15g}",
    "less_than_equal": "a number of at most {le:.15g}",
    "literal_error": "{expected}",
}


def show(value: Any) -> str:
    """A value as a message mentions it, on one line and not too long.

    >>> [show(value) for value in (1, "1", True, None, [1, "a"], {"a": 1})]
    ['1', "text '1'", 'true', 'null', '[1, a]', '{a: 1}']
    """
    if isinstance(value, str):
        return f"text {value!r}" if len(value) <= LONGEST_QUOTE else f"text {value[: LONGEST_QUOTE - 3] + '...'!r}"
    text = to_text(value)
    if len(text) <= LONGEST_QUOTE or not isinstance(value, (list, dict)):
        return text
    return "a list" if isinstance(value, list) else "a mapping"


def describe(annotation: Any) -> str:
    """What a value of a type is called.

    >>> describe(int | tuple[float, float] | None), describe(Literal["mean", "sum"])
    ('an integer, a list of 2 numbers or null', "'mean' or 'sum'")
    """
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return describe(args[0])
    if origin is Literal or origin in (Union, types.UnionType):
        words = _alternatives(annotation)
        return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
    if origin in _MAPPINGS:
        return "a mapping"
    if origin is tuple and not (len(args) == 2 and args[1] is Ellipsis):
        if len(args) == 1:
            return f"a list with {describe(args[0])}"
        return f"a list of {len(args)} {_plural(args[0]) if len(set(args)) == 1 else 'values'}"
    if origin in _LISTS:
        return f"a list of {_plural(args[0])}"
    if annotation in _PLAIN:
        return _PLAIN[annotation][0]
    return f"a {getattr(annotation, '__name__', annotation)}"


def _plural(annotation: Any) -> str:
    return _PLAIN[annotation][1] if annotation in _PLAIN else "values"


def _alternatives(annotation: Any) -> list[str]:
    args = get_args(annotation)
    if get_origin(annotation) is Literal:
        return [repr(value) if isinstance(value, str) else to_text(value) for value in args]
    if get_origin(annotation) in (Union, types.UnionType):
        return list(dict.fromkeys(word for arg in args for word in _alternatives(arg)))
    return [describe(annotation)]


def expected(what: str, value: Any) -> str:
    """The sentence itself, with a hint where one notation is easily mistaken for another.

    >>> expected("an integer", 1e3)
    'expected an integer, got 1000.0; write 1000'
    >>> expected("text", 2024)
    "expected text, got 2024; write '2024' in quotes"
    """
    hint = ""
    if isinstance(value, float) and value.is_integer() and "an integer" in what and "number" not in what:
        hint = f"; write {value:.0f}" if abs(value) < 1e15 else ""
    elif what == "text" and isinstance(value, (bool, int, float)):
        hint = f"; write '{to_text(value)}' in quotes"
    elif isinstance(value, str) and "true or false" in what and value.casefold() in ("yes", "on", "no", "off"):
        hint = f"; write {'true' if value.casefold() in ('yes', 'on') else 'false'}"
    return f"expected {what}, got {show(value)}{hint}"


def explain(error: Any) -> str:
    """The plain sentence for one of `ValidationError.errors()`."""
    value = error["input"]
    what = (_WRONG_TYPE | OUT_OF_LIMITS).get(error["type"])
    if what is None:
        return f"{error['msg']}, got {show(value)}"
    what = what.format(**error.get("ctx", {}))
    near = closest(value, re.findall(r"'(\w+)'", what)) if isinstance(value, str) else None
    return expected(what, value) + (f"; did you mean {near!r}?" if near else "")
