from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Gt

from mytorch.training.config.wording import describe, expected, explain, show


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int, "an integer"),
        (float, "a number"),
        (bool, "true or false"),
        (str, "text"),
        (int | None, "an integer or null"),
        (int | tuple[int, int] | str, "an integer, a list of 2 integers or text"),
        (Literal["a", 1] | None, "'a', 1 or null"),
        (list[str], "a list of texts"),
        (tuple[float, ...], "a list of numbers"),
        (tuple[int, str], "a list of 2 values"),
        (tuple[int], "a list with an integer"),
        (Sequence[list[int]], "a list of values"),
        (dict[str, int], "a mapping"),
        (list, "a list"),
        (Annotated[float, Gt(0)], "a number"),
        (Path, "a Path"),
        (Callable[[int], int], "a Callable"),
    ],
)
def test_describe(annotation: Any, words: str) -> None:
    assert describe(annotation) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("abc", "text 'abc'"),
        ("x" * 41, "text '" + "x" * 37 + "...'"),
        ("a\nb", "text 'a\\nb'"),
        (True, "true"),
        (None, "null"),
        (1e-7, "1.0e-07"),
        ([1, "no"], "[1, no]"),
        ({"a": [1]}, "{a: [1]}"),
        (list(range(50)), "a list"),
        ({"a": "x" * 50}, "a mapping"),
    ],
)
def test_show(value: Any, words: str) -> None:
    assert show(value) == words


@pytest.mark.parametrize(
    ("what", "value", "sentence"),
    [
        ("an integer", 5.0, "expected an integer, got 5.0; write 5"),
        ("an integer", 5.5, "expected an integer, got 5.5"),
        ("an integer", 1e300, "expected an integer, got 1.0e+300"),
        ("an integer or a number", 5.0, "expected an integer or a number, got 5.0"),
        ("text", 5, "expected text, got 5; write '5' in quotes"),
        ("text", None, "expected text, got null"),
        ("true or false", "on", "expected true or false, got text 'on'; write true"),
        ("true or false", "OFF", "expected true or false, got text 'OFF'; write false"),
        ("true or false", "maybe", "expected true or false, got text 'maybe'"),
    ],
)
def test_expected(what: str, value: Any, sentence: str) -> None:
    assert expected(what, value) == sentence


def test_an_error_of_a_kind_that_is_not_in_the_table_keeps_pydantics_sentence() -> None:
    error = {"type": "url_parsing", "msg": "the port is no number", "input": "a"}
    assert explain(error) == "the port is no number, got text 'a'"
