from __future__ import annotations

import pytest

from mytorch.training.errors import ConfigError, Place, Problem, UserError, suggest


def test_config_error_lists_problems_by_place_overrides_last_each_once() -> None:
    late, early = Problem(Place("a.yaml", 10, 1), "late"), Problem(Place("a.yaml", 2, 9), "early")
    second, first = (
        Problem(Place("override 'y=1'", column=2), "y"),
        Problem(Place("override 'x=1'", column=1), "x"),
    )
    error = ConfigError([second, late, first, early, late])
    assert str(error) == "a.yaml:2:9: early\na.yaml:10:1: late\noverride 'x=1': x\noverride 'y=1': y"
    assert error.problems == [early, late, first, second]
    assert isinstance(error, UserError)


@pytest.mark.parametrize(
    ("name", "candidates", "ending"),
    [
        ("Adm", ["SGD", "Adam"], "; did you mean 'Adam'?"),
        ("relu", ["Linear", "ReLU"], "; did you mean 'ReLU'?"),
        ("RELU", ["Linear", "ReLU"], "; did you mean 'ReLU'?"),
        ("xyz", ["mae", "rmse"], "; choose from mae, rmse"),
        ("xyz", [], ""),
        ("xyz", [f"Layer{number}" for number in range(100)], ""),
    ],
)
def test_suggest(name: str, candidates: list[str], ending: str) -> None:
    assert suggest(name, candidates) == ending
