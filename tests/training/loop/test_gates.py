"""Gates: which are made of a config and of options, what passes them, and the JUnit file, read by an XML parser."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from mytorch.training.building.experiment import build
from mytorch.training.commands import train as commands
from mytorch.training.config.config import check, load_config
from mytorch.training.config.yaml_source import parse
from mytorch.training.errors import ConfigError, RunFailed, UserError
from mytorch.training.loop.gates import (
    Fall,
    Figures,
    Limit,
    Report,
    gates_of_eval,
    gates_of_training,
    parse_option,
    to_junit,
)

SMALL = """\
dataset: {type: boston, test: {every: 4}, batch_size: full}
model: [{type: Linear, out_features: 1}]
loss: MSELoss
optimizer: SGD
train: {epochs: 5}
metrics: [mae, {type: error_quantile, q: 0.9}]
"""
ROWS = [{"epoch": epoch, "train_loss": loss} for epoch, loss in enumerate([0.8, 0.7, 0.3, 0.5], start=1)]


@pytest.fixture
def experiment(tmp_path):
    def make(expect: str = "", more: str = ""):
        (tmp_path / "a.yaml").write_text(SMALL + expect)
        return build(load_config(tmp_path / "a.yaml", [more] if more else []))

    return make


def problems(make) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        make()
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("sign", "value", "passes"),
    [
        ("<=", 2.5, True),
        ("<=", 2.5000001, False),
        ("<", 2.5, False),
        ("<", 2.4999, True),
        (">=", 2.5, True),
        (">=", 2.4999, False),
        (">", 2.5, False),
        (">", 2.5001, True),
        *((sign, math.nan, False) for sign in ("<=", "<", ">=", ">")),
        ("<=", math.inf, False),
        (">=", -math.inf, False),
    ],
)
def test_a_limit(sign, value, passes):
    assert Limit("test.mae", sign, 2.5).judge(Figures({"test.mae": value})).passed is passes


def test_what_is_printed_is_on_the_same_side_of_the_limit():
    assert Limit("a", "<=", 2.5).judge(Figures({"a": 2.50000001})).got == "2.50000001"
    assert Limit("a", "<", 2.5).judge(Figures({"a": 2.4999999})).got == "2.4999999"
    assert Limit("a", "<=", 2.5).judge(Figures({"a": 2.0712345})).got == "2.071"
    assert Limit("a", "<=", 2.5).judge(Figures({"a": math.nan})).sentence == "expected at most 2.5, got nan"


@pytest.mark.parametrize(
    ("amount", "is_share", "by_epoch", "passes"),
    [
        (0.5, False, 3, True),
        (0.51, False, 3, False),
        (0.4, False, 4, False),
        (0.6, True, 3, True),
        (0.63, True, 3, False),
    ],
)
def test_a_fall_is_from_the_first_epoch_to_that_epoch(amount, is_share, by_epoch, passes):
    assert Fall("train.loss", amount, is_share, by_epoch).judge(Figures({}, ROWS)).passed is passes


@pytest.mark.parametrize(
    "rows",
    [[], ROWS[:1], [{"epoch": 1, "train_loss": math.nan}, *ROWS[1:]], [*ROWS[:2], {"epoch": 3, "train_loss": None}]],
)
def test_a_fall_that_cannot_be_seen_fails(rows):
    assert not Fall("train.loss", 0.1, False, 3).judge(Figures({}, rows)).passed


def test_a_share_of_a_negative_loss():
    rows = [{"epoch": 1, "train_loss": -2.0}, {"epoch": 2, "train_loss": -2.5}]
    assert not Fall("train.loss", 0.5, True, 2).judge(Figures({}, rows)).passed
    assert Fall("train.loss", 0.25, True, 2).judge(Figures({}, rows)).passed


def test_a_name_with_a_dot_of_its_own_finds_its_column():
    rows = [{"epoch": 1, "validation_Within_2.5": 3.0}, {"epoch": 2, "validation_Within_2.5": 1.0}]
    assert Fall("validation.Within_2.5", 2.0, False, 2).judge(Figures({}, rows)).passed


def test_gates_of_a_config_and_of_options(experiment):
    made = experiment(
        "expect: {test.mae: {max: 2.5, min: 1}, train.loss: {falls_by: 50 %}, seconds: {max: 60}, test.error_q90: {max: 9}}"
    )
    gates = gates_of_training(made, ["train.mae > 0", "test.loss<1e3"])
    assert list(map(str, gates)) == [
        "test.mae <= 2.5", "test.mae >= 1", "train.loss falls by 50% by epoch 5", "seconds <= 60", "test.error_q90 <= 9",
        "train.mae > 0", "test.loss < 1000",
    ]  # fmt: skip


def test_falls_by_a_number(experiment):
    made = experiment("expect: {train.loss: {falls_by: 3, by_epoch: 2}}")
    assert gates_of_training(made) == [Fall("train.loss", 3.0, False, 2)]


def test_a_config_written_out_has_the_same_gates(experiment):
    config = experiment("expect:\n  test.mae: {max: 2.5}\n  train.loss: {falls_by: 12.5%, by_epoch: 3}\n").config
    again = check(parse(config.to_yaml()))
    assert again.expect == config.expect
    assert again.expect["train.loss"].falls_by == "12.5%"
    assert "expect" not in experiment().config.to_yaml()


def test_unknown_names_have_their_places_all_at_once(experiment, tmp_path):
    made = experiment(
        "expect:\n"
        "  test.mea: {max: 1}\n"
        "  validation.mae: {max: 1}\n"
        "  test.mae: {falls_by: 1}\n"
        "  train.loss: {falls_by: 1, by_epoch: 6}\n"
    )
    found = problems(lambda: gates_of_training(made, ["test.maee<=1", "second<3", "test.mae<=1"]))
    places = [line.removeprefix(f"{tmp_path}/a.yaml:").partition(": ")[0] for line in found]
    assert places == ["8:3", "9:3", "10:24", "11:39", "--expect 'test.maee<=1'", "--expect 'second<3'"]
    assert "unknown figure 'test.mea'; did you mean 'test.mae'?" in found[0]
    assert "no validation rows aside (dataset.validation)" in found[1]
    assert "falls_by is for train.loss" in found[2]
    assert "from 2 to train.epochs, which is 5" in found[3]
    assert "did you mean 'test.mae'? there is train.loss, train.mae" in found[4]
    assert "did you mean 'seconds'?" in found[5]


def test_a_fall_needs_two_epochs(experiment):
    made = experiment("expect: {train.loss: {falls_by: 1}}", "train.epochs=1")
    (found,) = problems(lambda: gates_of_training(made))
    assert found.endswith("expect.train.loss.falls_by: a fall takes at least 2 epochs; train.epochs is 1")


def test_eval_knows_the_scores_of_its_split_alone(experiment):
    assert gates_of_eval(experiment(), "train", ["train.mae<=3"]) == [Limit("train.mae", "<=", 3.0)]
    found = problems(lambda: gates_of_eval(experiment(), "train", ["test.mae<=3", "seconds<1"]))
    assert "--split train scores no test rows; there is train.loss, train.mae, train.error_q90" in found[0]
    assert "unknown figure 'seconds'" in found[1]


@pytest.mark.parametrize(
    ("expect", "place", "message"),
    [
        ("test.mae: {maks: 1}", "7:21", "expect.test.mae: unknown key 'maks'"),
        ("test.mae: {}", "7:20", "expected max, min, less_than, more_than or falls_by"),
        ("test.mae: {max: 1, min: 2}", "7:20", "no number is at least 2 and at most 1"),
        ("test.mae: {max: 1, by_epoch: 3}", "7:20", "by_epoch says when falls_by is looked at"),
        ("test.mae: 2.5", "7:20", "expected a mapping, got 2.5"),
        ("test.mae: {max: .nan}", "7:26", "expected a finite number"),
        ("test.mae: {max: '2'}", "7:26", "expected a number, got text '2'"),
        ("test: {mae: {max: 1}}", "7:16", "a figure's name is one key, with its dot"),
        *((f"train.loss: {{falls_by: {bad}}}", "7:33", "or a share such as 50%") for bad in ("0", "-1", "101%", "0%", "half", "true", ".inf")),
        ("train.loss: {falls_by: 1, by_epoch: 1}", "7:46", "expected a number of at least 2, got 1"),
    ],
)  # fmt: skip
def test_mistakes_of_the_schema(experiment, expect, place, message):
    (found,) = problems(lambda: experiment(f"expect: {{{expect}}}\n"))
    assert f"a.yaml:{place}: " in found
    assert message in found


def test_expect_is_a_mapping(experiment):
    (found,) = problems(lambda: experiment("expect: [test.mae]\n"))
    assert "expect: expected a mapping, got [test.mae]; for example expect: {test.mae: {max: 2.5}}" in found


@pytest.mark.parametrize(
    "text", ["", "test.mae", "test.mae=2", "test.mae==2", "<=2", "test.mae<=", "test.mae=<2", "1<a<2", "a<=1 2"]
)
def test_options_that_are_none(text):
    with pytest.raises(ValueError, match="expected NAME<=NUMBER"):
        parse_option(text)


@pytest.mark.parametrize("number", ["nan", "inf", "two", "1e999"])
def test_options_without_a_finite_number(number):
    with pytest.raises(ValueError, match="expected a finite number behind <"):
        parse_option(f"a<{number}")


# --- in the commands ----------------------------------------------------------------------------------------------------


def test_resume_checks_the_gates_of_the_config(tmp_path, capsys):
    (tmp_path / "a.yaml").write_text(SMALL + "expect: {test.mae: {max: 1e9}}\n")
    commands.train(tmp_path / "a.yaml", ["dataset.normalize.inputs=standard"], runs_dir=tmp_path / "runs")
    assert "passed  test.mae <= 1000000000  got " in capsys.readouterr().out
    run = tmp_path / "runs" / "latest"
    before = (run / "config.yaml").read_text()
    for wrong in ("expect={test.mea: {max: 1}}", "expect={train.loss: {falls_by: 1, by_epoch: 7}}"):
        with pytest.raises(ConfigError):
            commands.resume(None, ["train.epochs=6", wrong], runs_dir=tmp_path / "runs")
        assert (run / "config.yaml").read_text() == before
    with pytest.raises(RunFailed, match="1 of 1 gates failed"):
        commands.resume(None, ["train.epochs=6", "expect={test.mae: {max: 0}}"], runs_dir=tmp_path / "runs", quiet=True)
    assert "expect:\n  test.mae: {max: 0.0}" in (run / "config.yaml").read_text()
    (gate,) = json.loads((run / "summary.json").read_text())["gates"]
    assert (gate["gate"], gate["passed"]) == ("test.mae <= 0", False)


def test_a_failed_gate_of_a_training_is_in_its_summary(tmp_path):
    (tmp_path / "a.yaml").write_text(
        SMALL + "expect: {test.mae: {max: 1e9}, train.loss: {falls_by: 10%, by_epoch: 3}}\n"
    )
    told = r"train.loss falls by 10% by epoch 3: expected a fall from \S+ to at most \S+, got \S+$"
    with pytest.raises(RunFailed, match=told):
        commands.train(tmp_path / "a.yaml", ["optimizer.lr=0"], runs_dir=tmp_path / "runs", json=True)
    summary = json.loads((tmp_path / "runs" / "latest" / "summary.json").read_text())
    assert summary["state"] == "finished"
    assert [gate["passed"] for gate in summary["gates"]] == [True, False]
    assert summary["gates"][0]["value"] == summary["best"]["test"]["mae"]


def test_smoke_takes_no_gates(tmp_path):
    for options in ({"expect": ["test.mae<1"]}, {"junit": tmp_path / "gates.xml"}):
        with pytest.raises(UserError, match="need a whole training"):
            commands.train(tmp_path / "a.yaml", [], runs_dir=tmp_path, smoke=True, **options)


# --- the JUnit file -----------------------------------------------------------------------------------------------------


def counts(element: ET.Element) -> tuple[str, ...]:
    return tuple(element.attrib[key] for key in ("tests", "failures", "errors"))


def test_junit_has_a_case_for_each_gate(tmp_path):
    report = Report("boston", [Limit("test.mae", "<=", 2.5), Limit("test.r2", ">", 0.9)], tmp_path / "gates.xml")
    report.judge(Figures({"test.mae": 2.07, "test.r2": math.nan}), seconds=1.25)
    with pytest.raises(RunFailed, match=r"^1 of 2 gates failed:\n  test.r2 > 0.9: expected more than 0.9, got nan$"):
        report.raise_if_failed()
    assert [path.name for path in tmp_path.iterdir()] == ["gates.xml"]
    root = ET.parse(tmp_path / "gates.xml").getroot()
    (suite,) = root
    assert (root.tag, suite.tag, suite.attrib["name"], suite.attrib["time"]) == (
        "testsuites",
        "testsuite",
        "boston",
        "1.250",
    )
    assert counts(root) == counts(suite) == ("2", "1", "0")
    passed, failed = suite
    assert passed.attrib == {"classname": "boston", "name": "test.mae <= 2.5", "time": "0"}
    assert passed.find("failure") is None
    assert failed.find("failure").attrib["message"] == "expected more than 0.9, got nan"


def test_junit_survives_any_text():
    name = "a<b>&\"'\x00\x1b\ud800\U0001f600]]>"
    text = to_junit(name, [Limit(name, "<=", 1.0)], [], error=f"{name}\nsecond line")
    text.encode()
    (suite,) = ET.fromstring(text.encode())
    clean = "a<b>&\"'\ufffd\ufffd\ufffd\U0001f600]]>"
    assert suite.attrib["name"] == clean
    assert suite[0].attrib["name"] == f"{clean} <= 1"
    assert suite[0].find("error").attrib["message"] == clean
    assert suite[0].find("error").text == f"{clean}\nsecond line"


def test_a_training_that_failed_is_an_error_of_every_gate(tmp_path):
    report = Report("boston", [Limit("a", "<=", 1.0), Limit("b", "<=", 1.0)], tmp_path / "gates.xml")
    report.failed(RunFailed("the loss is nan"))
    root = ET.parse(tmp_path / "gates.xml").getroot()
    assert counts(root) == ("2", "0", "2")


def test_an_old_file_goes_before_the_training_begins(tmp_path):
    file = tmp_path / "gates.xml"
    file.write_text("old")
    Report("boston", [Limit("a", "<=", 1.0)], file)
    assert not file.exists()


@pytest.mark.parametrize(("where", "message"), [(".", "is a directory"), ("none/gates.xml", "there is no folder")])
def test_a_file_that_cannot_be(tmp_path, where, message):
    with pytest.raises(UserError, match=message):
        Report("boston", [Limit("a", "<=", 1.0)], tmp_path / where)


def test_a_report_of_no_gate_is_a_mistake(tmp_path):
    with pytest.raises(UserError, match="there is no gate to report"):
        Report("boston", [], tmp_path / "gates.xml")


def test_a_file_that_cannot_be_written_is_told_with_the_failure(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    report = Report("boston", [Limit("a", "<=", 1.0)], tmp_path / "gates.xml")
    monkeypatch.setattr("mytorch.backend.atomic.write_text", full)
    with pytest.raises(RunFailed, match=r"the loss is nan\ncannot write .*gates.xml: No space left on device"):
        report.failed(RunFailed("the loss is nan"))
    with pytest.raises(RunFailed, match=r"^cannot write"):
        report.judge(Figures({"a": 0.0}))
    assert not Path(tmp_path / "gates.xml").exists()
