"""Preparing data: the split, that only training rows teach, categories, classes, missing values."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mytorch.data.csv_file import read_csv
from mytorch.data.loader import DataLoader
from mytorch.data.prepare import DataWarning, Preparation, prepare
from mytorch.data.sources import CSV, Boston
from mytorch.data.split import SplitRule
from mytorch.data.table import DataError

EVERY2 = SplitRule(every=2)


@pytest.fixture
def csv(tmp_path):
    def make(content: str, **arguments: object) -> CSV:
        path = tmp_path / "data.csv"
        path.write_text(content)
        return CSV(str(path), **{"target": "y", **arguments})

    return make


def test_boston_as_the_tutorial_splits_and_scales_it():
    data = prepare(Boston(), test=SplitRule(every=4), normalize_inputs="minmax", normalize_target="minmax")
    table = Boston().load().table
    everything = np.stack([table[name].values for name in table.names], axis=1)
    train = np.delete(everything, np.s_[::4], axis=0)
    low, high = train.min(axis=0), train.max(axis=0)
    expected = ((everything - low) / (high - low)).astype(np.float32)

    assert data.validation is None
    np.testing.assert_array_equal(data.test.inputs, expected[::4, :13])
    np.testing.assert_array_equal(data.test.targets, expected[::4, 13:])
    np.testing.assert_array_equal(data.train.inputs, np.delete(expected, np.s_[::4], axis=0)[:, :13])
    assert (len(data.train), len(data.test)) == (379, 127)
    assert data.train.inputs.dtype == data.train.targets.dtype == np.float32
    assert data.test.original_targets[0, 0] == 24.0
    np.testing.assert_array_equal(data.test.rows, np.arange(0, 506, 4))
    np.testing.assert_allclose(data.input_normalizer.invert(data.test.inputs), everything[::4, :13], atol=1e-4)
    np.testing.assert_allclose(data.target_normalizer.invert(data.test.targets), data.test.original_targets, rtol=1e-6)
    assert data.feature_names[0] == "crim"
    assert (data.target_name, data.task, data.class_names) == ("medv", "regression", None)


def test_validation_comes_out_of_the_training_rows_and_the_seed_decides():
    def rows(seed: int) -> tuple[list[int], list[int], list[int]]:
        data = prepare(Boston(), test=SplitRule(every=4), validation=SplitRule(fraction=0.1), seed=seed)
        return data.train.rows.tolist(), data.validation.rows.tolist(), data.test.rows.tolist()

    train, validation, test = rows(3)
    assert [len(train), len(validation), len(test)] == [341, 38, 127]
    assert sorted(train + validation + test) == list(range(506))
    assert rows(3) == (train, validation, test)
    assert rows(4)[1] != validation
    assert rows(4)[2] == test
    assert len(rows(-1)[1]) == 38


def test_only_training_rows_teach(csv):
    content = "x,c,y\n{},{},{}\n1,a,10\n5,b,11\n3,b,14\n"
    for x, c, y in ((1e9, "zebra", -1e9), (-7, "q", 5)):
        with pytest.warns(DataWarning, match=r"data.csv:2: column 'c': 1 of 2 rows hold values .* \('(zebra|q)'\)"):
            data = prepare(
                csv(content.format(x, c, y), unknown_categories="ignore"),
                test=EVERY2,
                normalize_inputs="minmax",
                normalize_target="standard",
            )
        # rows 1 and 3 train: x 1 and 3, y 10 and 14
        assert data.feature_names == ["x", "c=a", "c=b"]
        np.testing.assert_array_equal(data.train.inputs, [[0, 1, 0], [1, 0, 1]])
        np.testing.assert_array_equal(data.test.inputs[1], [2, 0, 1])
        np.testing.assert_array_equal(data.test.inputs[0, 1:], [0, 0])
        np.testing.assert_array_equal(data.train.targets, [[-1], [1]])


def test_one_hot_inputs_are_not_normalised(csv):
    data = prepare(csv("c,x,y\na,1,1\nb,2,2\na,3,3\na,4,5\n"), normalize_inputs="standard")
    np.testing.assert_array_equal(data.train.inputs[:, :2], [[1, 0], [0, 1], [1, 0], [1, 0]])
    np.testing.assert_allclose(data.train.inputs[:, 2].std(), 1, rtol=1e-6)


def test_categories_are_sorted(csv):
    data = prepare(csv("c,y\nb,1\n B,2\na,3\n10,4\n9,5\n", categorical=["c"]))
    assert data.feature_names == ["c=10", "c=9", "c=B", "c=a", "c=b"]


class TestMissing:
    CONTENT = "x,c,y\n?,a,1\n2,b,2\n4,,3\n,b,4\n9,b,5\n"

    def test_error(self, csv):
        with pytest.raises(
            DataError,
            match=r"data.csv:2: column 'x': the value is missing \(and 1 more .*\); .* drop, mean, median or constant, .*missing: \{x: drop\}",
        ):
            prepare(csv(self.CONTENT))
        with pytest.raises(DataError, match=r"data.csv:4: column 'c': the value is missing; "):
            prepare(csv(self.CONTENT, missing={"x": "mean"}))

    def test_drop_keeps_row_numbers(self, csv):
        data = prepare(csv(self.CONTENT, missing="drop"))
        assert data.train.rows.tolist() == [1, 4]
        data = prepare(csv(self.CONTENT, missing={"x": "drop", "c": "mean"}))
        assert data.train.rows.tolist() == [1, 2, 4]

    @pytest.mark.parametrize(("policy", "fill"), [("mean", 5.0), ("median", 4.0)])
    def test_fill(self, csv, policy, fill):
        data = prepare(csv(self.CONTENT, missing=policy))
        np.testing.assert_array_equal(data.train.inputs[:, 0], [fill, 2, 4, fill, 9])
        assert data.feature_names == ["x", "c=a", "c=b"]
        np.testing.assert_array_equal(data.train.inputs[2], [4, 0, 1])

    def test_fill_comes_from_the_training_rows(self, csv):
        data = prepare(csv("x,y\n1000,1\n2,2\n,3\n4,4\n", missing="mean"), test=EVERY2)
        np.testing.assert_array_equal(data.test.inputs, [[1000], [3]])

    def test_target(self, csv):
        content = "x,y\n1,1\n2,\n3,3\n4,4\n"
        for policy in ("error", "mean"):
            with pytest.raises(DataError, match=r"data.csv:3: column 'y': the value is missing; .* missing: drop"):
                prepare(csv(content, missing=policy))
        assert prepare(csv(content, missing={"y": "drop"})).train.rows.tolist() == [0, 2, 3]

    def test_nothing_left(self, csv):
        with pytest.raises(DataError, match="every row has a missing value"):
            prepare(csv("x,z,y\n,1,1\n2,,2\n", missing="drop"))
        with pytest.raises(DataError, match="column 'x' has no value in any training row"):
            prepare(csv("x,y\n1,1\n,2\n3,3\n,4\n", missing="mean"), test=EVERY2)


class TestClassification:
    def test_text_classes(self, csv):
        data = prepare(csv("x,y\n1,dog\n2,cat\n3,dog\n"))
        assert data.task == "classification"
        assert data.class_names == ["cat", "dog"]
        assert data.train.targets.tolist() == [1, 0, 1]
        assert data.train.targets.dtype == np.int64
        assert data.train.targets.shape == (3,)

    def test_number_classes_sort_as_numbers(self, csv):
        data = prepare(csv("x,y\n1,10\n2,9\n3,-1\n", task="classification"))
        assert data.class_names == ["-1", "9", "10"]
        assert data.train.targets.tolist() == [2, 1, 0]

    def test_a_class_without_training_rows_is_known_and_warned_of(self, csv):
        with pytest.warns(DataWarning, match="no training row has the class 'owl' of 'y'"):
            data = prepare(csv("x,y\n1,owl\n2,cat\n3,dog\n4,dog\n"), test=EVERY2)
        assert data.class_names == ["cat", "dog", "owl"]
        assert data.test.targets.tolist() == [2, 1]

    def test_a_dropped_row_brings_no_class(self, csv):
        assert prepare(csv("x,y\n1,a\n,b\n3,c\n", missing="drop")).class_names == ["a", "c"]

    def test_errors(self, csv):
        with pytest.raises(DataError, match=r"data.csv:3: column 'y': a class is text or a whole number, got 2.5"):
            prepare(csv("x,y\n1,1\n2,2.5\n", task="classification"))
        with pytest.raises(DataError, match="target 'y' has one class only, 'a'"):
            prepare(csv("x,y\n1,a\n2,a\n"))
        with pytest.raises(DataError, match=r"column 'y' has 3 different values, .*max_categories=2"):
            prepare(csv("x,y\n1,a\n2,b\n3,c\n", max_categories=2))
        with pytest.raises(
            DataError, match=r"target 'y' holds classes, which cannot be normalised \(standard\); use none"
        ):
            prepare(csv("x,y\n1,a\n2,b\n"), normalize_target="standard")


def test_too_many_categories(csv):
    rows = "".join(f"name{i},{i}\n" for i in range(101))
    with pytest.raises(
        DataError, match=r"column 'c' has 101 different values in the training rows, .*max_categories=100"
    ):
        prepare(csv("c,y\n" + rows))
    assert len(prepare(csv("c,y\n" + rows, max_categories=101)).feature_names) == 101


def test_too_few_rows_and_too_large_numbers(csv):
    with pytest.raises(DataError, match="1 training row is left; at least 2 are needed"):
        prepare(csv("x,y\n1,1\n2,2\n"), test=EVERY2)
    with pytest.raises(DataError, match=r"data.csv:3: column 'x': 1e\+39 is too large for float32"):
        prepare(csv("x,y\n1,1\n1e39,2\n"))
    with pytest.raises(DataError, match=r"data.csv:2: column 'y': -1e\+39 is too large for float32"):
        prepare(csv("x,y\n1,-1e39\n1,2\n"))
    with pytest.raises(DataError, match=r"data.csv:2: column 'x': 1\.5e\+308 is too large for float32"):
        prepare(csv("x,y\n1.5e308,1\n1.5e308,2\n"))
    assert prepare(csv("x,y\n1,1\n1e39,2\n"), normalize_inputs="minmax").train.inputs.tolist() == [[0], [1]]


class TestSavedPreparation:
    @pytest.fixture
    def fitted(self, csv):
        source = csv("x,c,y\n1,a,u\n2,b,v\n4,,u\n,b,v\n", missing="median")
        data = prepare(source, normalize_inputs="standard")
        return data, source.load().table

    def test_round_trip_is_exact(self, fitted):
        data, table = fitted
        loaded = Preparation.from_dict(json.loads(json.dumps(data.preparation.to_dict())))
        np.testing.assert_array_equal(loaded.apply(table), data.train.inputs)
        split = loaded.split(table, np.arange(4))
        np.testing.assert_array_equal(split.targets, data.train.targets)
        assert loaded.to_dict() == data.preparation.to_dict()

    def test_new_rows(self, fitted, tmp_path):
        preparation = fitted[0].preparation
        path = tmp_path / "new.csv"
        path.write_text("extra,c,x\n2024-01-02,b,2\n2024-01-03,a,\n")
        table = read_csv(path, columns=preparation.columns, categorical=preparation.text_columns)
        inputs = preparation.apply(table)
        assert inputs.dtype == np.float32
        np.testing.assert_array_equal(inputs[0], fitted[0].train.inputs[1])
        assert inputs[1, 1:].tolist() == [1, 0]

    def test_new_rows_with_missing_values_need_a_fill(self, csv, tmp_path):
        preparation = prepare(csv("x,y\n1,1\n2,2\n", missing="drop")).preparation
        path = tmp_path / "new.csv"
        path.write_text("x,y\n1,1\n,2\n")
        with pytest.raises(DataError, match=r"new.csv:3: column 'x': the value is missing"):
            preparation.apply(read_csv(path))

    def test_new_rows_that_do_not_fit(self, fitted, tmp_path):
        preparation = fitted[0].preparation
        path = tmp_path / "new.csv"
        path.write_text("x,c,y\nq,1,u\n")
        with pytest.raises(DataError, match=r"new.csv: column 'x': expected numbers, as in training, got text"):
            preparation.apply(read_csv(path))
        path.write_text("x,c,y\n1,1,u\n")
        with pytest.raises(DataError, match=r"new.csv: column 'c': expected text, as in training, got numbers"):
            preparation.apply(read_csv(path))
        path.write_text("x,c,y\n1,a,u\n2,a,uu\n")
        with pytest.raises(DataError, match=r"new.csv:3: column 'y': unknown class 'uu'; did you mean 'u'\?"):
            preparation.split(read_csv(path), np.arange(2))
        path.write_text("x,c,y\n1,a,u\n2,a,NA\n")
        with pytest.raises(DataError, match=r"new.csv:3: column 'y': the value is missing"):
            preparation.split(read_csv(path), np.arange(2))

    @pytest.mark.parametrize("state", [{}, {"features": [{"nam": 1}]}, {"features": None}])
    def test_what_was_not_saved(self, state):
        with pytest.raises(DataError, match="not a saved preparation"):
            Preparation.from_dict(state)


class TestConstantFill:
    CONTENT = "x,c,y\n1,a,1\n,b,2\n4,,3\n2,b,4\n"

    def test_by_column(self, csv):
        data = prepare(csv(self.CONTENT, missing="constant", fill_value={"x": -1, "c": "none"}))
        assert data.feature_names == ["x", "c=a", "c=b", "c=none"]
        assert data.train.inputs[:, 0].tolist() == [1, -1, 4, 2]
        assert data.train.inputs[2].tolist() == [4, 0, 0, 1]

    def test_one_value_is_for_columns_of_its_kind(self, csv):
        with pytest.raises(DataError, match=r"data.csv:4: column 'c': the value is missing"):
            prepare(csv(self.CONTENT, missing="constant", fill_value=0))
        data = prepare(csv(self.CONTENT, missing={"x": "constant", "c": "drop"}, fill_value=0))
        assert data.train.inputs[:, 0].tolist() == [1, 0, 2]

    def test_a_category_for_missing_values_is_known_before_one_is_met(self, csv, tmp_path):
        source = csv("c,y\na,1\nb,2\na,3\n", missing="constant", fill_value="none")
        preparation = prepare(source).preparation
        (tmp_path / "new.csv").write_text("c\nNA\n")
        assert preparation.apply(read_csv(tmp_path / "new.csv")).tolist() == [[0, 0, 1]]

    def test_errors(self, csv):
        with pytest.raises(DataError, match=r"fill_value: column 'c' holds text, and 0 is none; .* \{c: unknown\}"):
            prepare(csv(self.CONTENT, missing="constant", fill_value={"x": 0, "c": 0}))
        with pytest.raises(ValueError, match="missing: constant needs fill_value"):
            csv(self.CONTENT, missing="constant")
        with pytest.raises(ValueError, match="fill_value is for missing: constant"):
            csv(self.CONTENT, fill_value=0)
        with pytest.raises(DataError, match="fill_value: column 'z' is no feature"):
            prepare(csv(self.CONTENT, missing="constant", fill_value={"z": 0}))


class TestCategories:
    def test_index_counts_from_one_and_is_not_normalised(self, csv):
        data = prepare(csv("c,x,y\nb,1,1\na,2,2\nb,3,3\n", categories="index"), normalize_inputs="standard")
        assert data.feature_names == ["c", "x"]
        assert data.train.inputs[:, 0].tolist() == [2, 1, 2]

    def test_by_column(self, csv):
        data = prepare(csv("c,d,y\nb,u,1\na,v,2\n", categories={"d": "index"}))
        assert data.feature_names == ["c=a", "c=b", "d"]

    def test_an_index_may_have_many_categories(self, csv):
        rows = "".join(f"name{i},{i}\n" for i in range(300))
        assert prepare(csv("c,y\n" + rows, categories="index")).train.inputs.max() == 300

    def test_unknown_is_an_error_that_says_what_is_known(self, csv):
        content = "c,y\nred,1\nred,2\nrde,3\nblue,4\n"
        with pytest.raises(
            DataError,
            match=r"data.csv:4: column 'c': no training row has 'rde'; did you mean 'red'\? known are 'blue', 'red'; "
            r"correct the cell, or set unknown_categories: ignore",
        ):
            prepare(csv(content), test=EVERY2)

    @pytest.mark.parametrize(("kind", "inputs"), [("one-hot", [0, 0]), ("index", [0])])
    def test_unknown_ignored(self, csv, kind, inputs):
        content = "c,y\nzebra,1\na,2\nb,3\nb,4\na,5\na,6\n"
        source = csv(content, categories=kind, unknown_categories="ignore")
        with pytest.warns(DataWarning, match=r"data.csv:2: column 'c': 1 of 3 rows hold values that no training"):
            data = prepare(source, test=EVERY2)
        assert data.test.inputs[0].tolist() == inputs


class TestWeights:
    CONTENT = "x,w,y\n1,1,1\n2,3,2\n3,2,3\n4,0,4\n"

    def test_have_mean_one_in_every_part_and_are_no_feature(self, csv):
        data = prepare(csv(self.CONTENT, weight="w"), test=EVERY2)
        assert data.feature_names == ["x"]
        np.testing.assert_allclose(data.test.weights, np.array([1, 2]) / 1.5, rtol=1e-6)
        assert data.train.weights.tolist() == [2, 0]
        assert prepare(csv(self.CONTENT)).train.weights is None

    def test_reach_batches(self, csv):
        data = prepare(csv(self.CONTENT, weight="w"))
        batches = list(DataLoader(data.train.dataset(), batch_size=3))
        assert [len(batch) for batch in batches] == [3, 3]
        np.testing.assert_allclose(batches[0][2].numpy(), np.array([1, 3, 2]) / 1.5, rtol=1e-6)
        assert [t.shape for t in data.train.for_loss()] == [(4, 1), (4,)]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("x,w,y\n1,1,1\n2,-3,2\n", r"data.csv:3: column 'w': a weight is a number of at least 0, got -3"),
            ("x,w,y\n1,a,1\n2,b,2\n", r"data.csv:2: column 'w': a weight is a number of at least 0, got 'a'"),
            ("x,w,y\n1,,1\n2,1,2\n", r"data.csv:2: column 'w': the value is missing; .* missing: drop"),
            ("x,w,y\n1,0,1\n2,0,2\n", r"data.csv: column 'w': the weights of 2 rows add up to 0"),
        ],
    )
    def test_errors(self, csv, content, message):
        with pytest.raises(DataError, match=message):
            prepare(csv(content, weight="w", missing={"x": "mean"}))

    def test_travel_with_the_preparation(self, csv):
        source = csv(self.CONTENT, weight="w")
        data = prepare(source)
        loaded = Preparation.from_dict(json.loads(json.dumps(data.preparation.to_dict())))
        np.testing.assert_array_equal(loaded.split(source.load().table, np.arange(4)).weights, data.train.weights)
