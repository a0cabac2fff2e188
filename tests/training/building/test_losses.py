"""Sums of losses and balanced class weights, from the config to the numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mytorch
from mytorch import nn
from mytorch.data import Split
from mytorch.training.building.experiment import build
from mytorch.training.building.losses import LossSum, WeightedLoss, balanced_class_weights, balanced_pos_weight
from mytorch.training.config.components import standard_registries
from mytorch.training.config.config import load_config
from mytorch.training.config.json_schema import config_schema
from mytorch.training.errors import ConfigError
from mytorch.training.loop.scoring import score

ROWS = "a,kind,flag,w\n" + "".join(
    f"{index / 7},{kind},{flag},{weight}\n"
    for index, (kind, flag, weight) in enumerate(
        [("x", 0, 1), ("x", 0, 2), ("x", 1, 1), ("y", 0, 3), ("z", 1, 1), ("x", 0, 1), ("y", 0, 1), ("x", 0, 2)]
    )
)
REGRESSION = "type: csv, path: d.csv, target: a, drop: [kind, w]"
CLASSES = "type: csv, path: d.csv, target: kind, drop: [flag, w]"
BINARY = "type: csv, path: d.csv, target: flag, drop: [kind, w]"


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("d.csv").write_text(ROWS)

    def load(loss: str, source: str = CLASSES, *, outputs: int = 3, metrics: str = "[]"):
        Path("c.yaml").write_text(
            f"dataset: {{{source}, batch_size: full}}\nmodel: [{{type: Linear, out_features: {outputs}}}]\n"
            f"loss: {loss}\noptimizer: {{type: SGD, lr: 0.1}}\ntrain: {{epochs: 1}}\nmetrics: {metrics}\n"
        )
        return load_config("c.yaml")

    return load


@pytest.fixture
def fault(config):
    """The one problem of a loss, without the file's name."""

    def messages(loss: str, *arguments, **more) -> str:
        with pytest.raises(ConfigError) as error:
            build(config(loss, *arguments, **more))
        return "\n".join(str(problem).removeprefix("c.yaml:") for problem in error.value.problems)

    return messages


REGRESSION_SUM = "[MSELoss, {type: L1Loss, factor: 0.5}]"


def test_a_sum_and_its_gradient():
    output = mytorch.tensor([3.0, -1.0], requires_grad=True)
    target = mytorch.zeros(2)
    total = LossSum([nn.MSELoss(), nn.L1Loss(reduction="sum")], [0.5, 2])
    value = total(output, target)
    value.backward()
    assert value.item() == 0.5 * 5 + 2 * 4
    assert output.grad.tolist() == [0.5 * 3 + 2, 0.5 * -1 - 2]
    assert total.values == (5.0, 4.0)
    assert [type(loss).__name__ for loss in total.losses] == ["MSELoss", "L1Loss"]
    with pytest.raises(ValueError, match="got 1 for 2"):
        LossSum([nn.MSELoss(), nn.L1Loss()], [1.0])
    with pytest.raises(ValueError, match="at least one"):
        LossSum([], [])


def test_a_list_is_written_in_full_and_reads_back(config, tmp_path):
    loaded = config(REGRESSION_SUM, REGRESSION)
    assert (
        "loss:\n- {type: MSELoss, reduction: mean, factor: 1.0}\n- {type: L1Loss, reduction: mean, factor: 0.5}\n"
        in loaded.to_yaml()
    )
    (tmp_path / "again.yaml").write_text(loaded.to_yaml())
    assert load_config(tmp_path / "again.yaml") == loaded
    assert loaded.loss_kind == "regression"
    assert loaded.loss_name == "MSELoss + L1Loss"


def test_a_single_loss_is_written_as_ever(config):
    assert "\nloss: {type: MSELoss, reduction: mean}\n" in config("MSELoss", REGRESSION).to_yaml()
    assert config("MSELoss", REGRESSION).loss_terms[0].factor == 1


def test_the_parts_are_among_the_scores(config):
    experiment = build(config(REGRESSION_SUM.replace("]", ", {type: L1Loss}]"), REGRESSION, outputs=1, metrics="[mae]"))
    scores = score(experiment, experiment.data.train)
    assert list(scores) == ["loss", "mae", "loss_MSELoss", "loss_L1Loss", "loss_L1Loss_2"]
    assert scores["loss"] == pytest.approx(scores["loss_MSELoss"] + 1.5 * scores["loss_L1Loss"], rel=1e-6)
    assert experiment.score_names == list(scores)[1:]


def test_rows_with_weights(config):
    source = REGRESSION.replace(", w]", "], weight: w")
    experiment = build(config(REGRESSION_SUM, source, outputs=1))
    assert all(isinstance(loss, WeightedLoss) for loss in experiment.loss.losses)
    train = experiment.data.train
    output = mytorch.zeros(len(train), 1)
    weights, targets = np.array([1, 2, 1, 3, 1, 1, 1, 2]), train.targets[:, 0]
    expected = np.average(targets**2 + 0.5 * abs(targets), weights=weights)
    assert experiment.loss(output, *train.for_loss()).item() == pytest.approx(expected, rel=1e-6)


def test_balanced_class_weights(config):
    loss = build(config("{type: CrossEntropyLoss, weight: balanced}")).loss
    np.testing.assert_allclose(loss.weight.numpy(), [8 / (3 * 5), 8 / (3 * 2), 8 / 3], rtol=1e-6)


@pytest.mark.parametrize("name", ["NLLLoss", "MultiMarginLoss"])
def test_balanced_in_a_list(config, name):
    loaded = config(f"[{{type: {name}, weight: balanced}}, CrossEntropyLoss]")
    assert "weight: balanced" in loaded.to_yaml()
    first, second = build(loaded).loss.losses
    np.testing.assert_allclose(first.weight.numpy(), [8 / 15, 8 / 6, 8 / 3], rtol=1e-6)
    assert second.weight is None


def test_balanced_with_rows_that_have_weights(config):
    loss = build(config("{type: CrossEntropyLoss, weight: balanced}", CLASSES.replace(", w]", "], weight: w"))).loss
    np.testing.assert_allclose(loss.loss.weight.numpy(), [12 / (3 * 7), 12 / (3 * 4), 12 / 3], rtol=1e-6)


@pytest.mark.parametrize("task", ["", ", task: classification"])
def test_balanced_pos_weight(config, task):
    loss = build(config("{type: BCEWithLogitsLoss, pos_weight: balanced}", BINARY + task, outputs=1)).loss
    assert loss.pos_weight.tolist() == [3.0]


def test_balanced_is_learned_from_the_training_rows_alone(config):
    source = CLASSES + ", test: {every: 7}"  # without the rows 0 and 7, which are x
    loss = build(config("{type: CrossEntropyLoss, weight: balanced}", source)).loss
    np.testing.assert_allclose(loss.weight.numpy(), [6 / 9, 6 / 6, 6 / 3], rtol=1e-6)


def test_the_formulas_refuse_what_has_no_number():
    targets = np.array([0, 0, 2])
    with pytest.raises(ValueError, match="no training row has the class 'b'"):
        balanced_class_weights(Split(None, targets, targets, np.arange(3)), ["a", "b", "c"])
    for values, message in (([0.0, 0.0], "class '1'"), ([1.0, 1.0], "class '0'"), ([0.0, 2.0], "0 and 1")):
        column = np.array(values)[:, None]
        with pytest.raises(ValueError, match=message):
            balanced_pos_weight(Split(None, column, column, np.arange(2)))
    soft = np.array([[0.25], [0.5]])  # probabilities count as shares of a row
    assert balanced_pos_weight(Split(None, soft, soft, np.arange(2))) == pytest.approx([1.25 / 0.75])


@pytest.mark.filterwarnings("ignore::mytorch.data.DataWarning")
def test_a_class_without_a_training_row_has_its_place(fault):
    # row 4 is the only one of class z
    message = fault("{type: CrossEntropyLoss, weight: balanced}", CLASSES + ", test: {every: 4}")
    assert message == (
        "3:40: loss.weight: CrossEntropyLoss: balanced: no training row has the class 'z'; write the weights as a list "
        "of numbers"
    )


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("[]", "3:7: loss: expected at least one loss, got an empty list"),
        (
            "[CrossEntropyLoss, MSELoss]",
            "3:26: loss.1: MSELoss is for regression, and CrossEntropyLoss for classification: they cannot be added",
        ),
        (
            "[BCELoss, BCEWithLogitsLoss]",
            "3:17: loss.1: BCEWithLogitsLoss and BCELoss: one takes a probability, the other a logit",
        ),
        (
            "[{type: CrossEntropyLoss, factor: -1}]",
            "3:41: loss.0.factor: expected a number greater than 0, got -1",
        ),
        (
            "[{type: CrossEntropyLoss, factor: true, labelsmoothing: 3}]",
            "3:41: loss.0.factor: expected a number greater than 0, got true\n"
            "3:47: loss.0: CrossEntropyLoss has no argument 'labelsmoothing'; did you mean 'label_smoothing'?",
        ),
        ("[7]", "3:8: loss.0: expected a loss, as NAME or {type: NAME, ...}, got 7"),
        (
            "{type: CrossEntropyLoss, factor: 2}",
            "3:32: loss: 'factor' is for the losses of a list; write loss: [{type: NAME, factor: 0.5}, ...]",
        ),
        (
            "{type: CrossEntropyLoss, weight: balance}",
            "3:40: loss.weight: expected null, a list of numbers or 'balanced', got text 'balance'",
        ),
        (
            "{type: BCEWithLogitsLoss, weight: balanced}",
            "3:41: loss.weight: expected null or a list of numbers, got text 'balanced'",
        ),
        (
            "{type: CrossEntropyLoss, weight: [1, 2]}",
            "3:40: loss.weight: 2 numbers, but the target 'kind' has 3 classes: x, y, z",
        ),
        (
            "[MSELoss, L1Loss]",
            "3:7: loss: MSELoss + L1Loss is for regression, but the target 'kind' holds classes; use CrossEntropyLoss",
        ),
    ],
)
def test_each_mistake_has_its_message_and_its_place(fault, loss, expected):
    assert fault(loss) == expected


def test_a_part_that_cannot_be_weighted_by_row_has_its_place(fault):
    source = REGRESSION.replace(", w]", "], weight: w")
    message = fault("[MSELoss, {type: L1Loss, reduction: sum}]", source, outputs=1)
    assert message == ("3:17: loss.1: the rows have weights, which needs a loss with reduction: mean; L1Loss has not")


def test_metrics_must_fit_the_sum(fault):
    assert "mae is for regression, and CrossEntropyLoss + NLLLoss for classification" in fault(
        "[CrossEntropyLoss, NLLLoss]", metrics="[mae]"
    )


def test_a_loss_of_ones_own_that_is_called_as_the_factor_is(config, tmp_path):
    (tmp_path / "own.py").write_text(
        "from mytorch import nn\n\n\nclass Scaled(nn.Module):\n    def __init__(self, factor: float) -> None:\n"
        "        super().__init__()\n        self.factor = factor\n\n"
        "    def forward(self, output, target):\n        return self.factor * (output - target).abs().mean()\n"
    )
    config("MSELoss", REGRESSION, outputs=1)
    text = Path("c.yaml").read_text() + "imports: [own.py]\n"
    text = text.replace("loss: MSELoss", "loss: [{type: Scaled, factor: 2}]")
    Path("c.yaml").write_text(text)
    with pytest.raises(ConfigError, match="Scaled has an argument 'factor', which in a list is the factor of the sum"):
        load_config("c.yaml")
    Path("c.yaml").write_text(text.replace("[{type: Scaled, factor: 2}]", "{type: Scaled, factor: 2}"))
    assert load_config("c.yaml").loss.arguments["factor"] == 2


def test_the_schema_knows_lists_and_the_word():
    schema = config_schema(standard_registries())
    single, several = schema["properties"]["loss"]["anyOf"]
    assert single == {"$ref": "#/$defs/loss"}
    assert several == {"type": "array", "items": {"$ref": "#/$defs/loss_in_a_list"}, "minItems": 1}
    entries = {entry["title"]: entry["properties"] for entry in schema["$defs"]["loss_in_a_list"]["anyOf"][1:]}
    assert entries["MSELoss"]["factor"] == {"type": "number", "exclusiveMinimum": 0, "default": 1}
    assert {"const": "balanced", "type": "string"} in entries["CrossEntropyLoss"]["weight"]["anyOf"]
    assert "balanced" not in str(entries["BCEWithLogitsLoss"]["weight"])
