"""Sources: where Boston's file is looked for, and how a CSV's columns get their parts."""

from __future__ import annotations

import inspect
import typing
from pathlib import Path

import pytest

from mytorch.data import folders
from mytorch.data.sources import CSV, SOURCES, Boston, find_dataset_file
from mytorch.data.table import DataError

SMALL = "id,rooms,town,price\n1,6.5,Lynn,24\n2,7,Salem,21.5\n"


@pytest.fixture
def csv(tmp_path):
    def make(content: str = SMALL, **arguments: object) -> CSV:
        path = tmp_path / "houses.csv"
        path.write_text(content)
        return CSV(str(path), **{"target": "price", **arguments})

    return make


def test_boston_is_read_whole(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # so that the file comes with the code, not with the current directory
    data = Boston().load()
    assert " ".join(data.features) == "crim zn indus chas nox rm age dis rad tax ptratio b lstat"
    assert len(data.table) == 506
    assert data.task == "regression"
    assert data.table["medv"].values[:3].tolist() == [24.0, 21.6, 34.7]
    assert round(data.table["medv"].values.mean(), 4) == 22.5328


def test_the_current_directory_comes_first(monkeypatch, tmp_path):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "boston.csv").write_text("rm,medv\n6,1\n")
    monkeypatch.chdir(tmp_path)
    assert Boston().load().features == ["rm"]


def test_files_that_ship_in_a_wheel_come_before_a_checkout(monkeypatch, tmp_path):
    package = tmp_path / "site" / "mytorch"
    for folder in (package / "starter" / "datasets", tmp_path / "site" / "datasets"):
        folder.mkdir(parents=True)
        (folder / "boston.csv").write_text("a,medv\n1,2\n")
    monkeypatch.setattr(folders, "__file__", str(package / "data" / "folders.py"))
    monkeypatch.chdir(tmp_path)
    assert find_dataset_file("boston.csv") == package / "starter" / "datasets" / "boston.csv"
    (package / "starter" / "datasets" / "boston.csv").unlink()
    assert find_dataset_file("boston.csv") == tmp_path / "site" / "datasets" / "boston.csv"


def test_a_file_found_nowhere_lists_the_places():
    with pytest.raises(DataError, match=r"no file 'nothing.csv' in any of: .*datasets, .*starter.datasets, .*datasets"):
        find_dataset_file("nothing.csv")


def test_constructors_do_not_read_and_annotations_resolve():
    CSV("there/is/no/such.csv", target="y")
    for source in SOURCES.values():
        hints = typing.get_type_hints(source.__init__)
        for name in list(inspect.signature(source).parameters):
            assert name in hints
    with pytest.raises(DataError, match="no such file"):
        CSV("there/is/no/such.csv", target="y").load()


def test_roles(csv):
    data = csv().load()
    assert data.features == ["id", "rooms", "town"]
    assert data.task == "regression"
    data = csv(drop=["id"]).load()
    assert data.features == ["rooms", "town"]
    assert data.table.names == ["rooms", "town", "price"]
    assert csv(features=["town", "rooms"]).load().features == ["town", "rooms"]
    assert csv(target="town").load().task == "classification"
    assert csv(target="id", task="classification").load().task == "classification"
    assert csv(target="id", categorical=["id"]).load().task == "classification"


def test_a_dropped_column_may_hold_anything(csv):
    data = csv("when,mixed,x,price\n2024-01-02,1,2,3\n2024-01-03,a,3,4\n", drop=["when", "mixed"]).load()
    assert data.features == ["x"]


def test_missing_policies(csv):
    assert csv(missing="mean").load().missing == dict.fromkeys(["id", "rooms", "town", "price"], "mean")
    assert csv(missing={"rooms": "drop"}, drop=["id"]).load().missing == {
        "rooms": "drop",
        "town": "error",
        "price": "error",
    }
    assert csv(SMALL.replace("6.5", "-1"), missing_values=["-1"]).load().table["rooms"].missing.tolist() == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "prize"}, r"target: .*houses.csv: no column 'prize'; did you mean 'price'\?"),
        ({"features": ["room"]}, r"features: .*no column 'room'; did you mean 'rooms'\?"),
        ({"drop": ["idd"]}, r"drop: .*no column 'idd'; did you mean 'id'\?"),
        ({"drop": ["price"]}, "the target 'price' is also under 'drop'"),
        ({"features": ["rooms", "price"]}, "the target 'price' is also among the features"),
        ({"features": ["rooms"], "drop": ["rooms"]}, "the feature 'rooms' is also under 'drop'"),
        ({"features": ["rooms", "rooms"]}, "the feature 'rooms' is listed twice"),
        ({"features": []}, "no feature is left beside the target 'price'"),
        ({"drop": ["id", "rooms", "town"]}, "no feature is left"),
        (
            {"categorical": ["twon"]},
            r"categorical: column 'twon' is neither a feature nor the target; did you mean 'town'",
        ),
        ({"categorical": ["id"], "drop": ["id"]}, "categorical: column 'id' is neither"),
        ({"missing": {"romms": "drop"}}, r"missing: column 'romms' is neither .* did you mean 'rooms'\?"),
        (
            {"target": "town", "task": "regression"},
            r"houses.csv:2: column 'town': regression needs numbers, got 'Lynn'",
        ),
        (
            {"delimiter": ";"},
            r"target: .*no column 'price'; the header is one field .*: is the delimiter ','\?",
        ),
    ],
)
def test_contradictions_and_typos(csv, arguments, message):
    with pytest.raises(DataError, match=message):
        csv(**arguments).load()


def test_constructor_arguments_are_checked():
    with pytest.raises(TypeError, match="drop expects a list of column names, got the string 'id'"):
        CSV("x.csv", target="y", drop="id")
    with pytest.raises(ValueError, match="missing: expected one of error, drop, mean, median, constant, got 'mode'"):
        CSV("x.csv", target="y", missing={"a": "mode"})
    with pytest.raises(ValueError, match="task: expected one of auto, regression, classification, got 'x'"):
        CSV("x.csv", target="y", task="x")


def test_path_is_relative_to_the_current_directory(monkeypatch, tmp_path):
    Path(tmp_path / "h.csv").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    assert len(CSV("h.csv", target="price").load().table) == 2
