from __future__ import annotations

from typing import Any

import pytest

from mytorch.training.config.overrides import apply_overrides
from mytorch.training.config.yaml_source import parse

TEXT = """\
name: boston
model:
  - {type: Linear, out_features: 64}
  - ReLU
loss: SmoothL1Loss
optimizer: {type: Adam, lr: 3e-3}
train: {epochs: 200}
scheduler:
"""


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("train.epochs=5", "train", {"epochs": 5}),
        ("train.clip_grad_norm=1e-3", "train", {"epochs": 200, "clip_grad_norm": 0.001}),
        (" train . epochs = 5", "train", {"epochs": 5}),
        ("name=a=b", "name", "a=b"),
        ("name=C:\\data", "name", "C:\\data"),
        ("name=", "name", None),
        ("optimizer={type: SGD, lr: 0.1}", "optimizer", {"type": "SGD", "lr": 0.1}),
        ("model.0.out_features=128", "model", [{"type": "Linear", "out_features": 128}, "ReLU"]),
        ("model.1=Tanh", "model", [{"type": "Linear", "out_features": 64}, "Tanh"]),
        (
            "model.1.inplace=true",
            "model",
            [{"type": "Linear", "out_features": 64}, {"type": "ReLU", "inplace": True}],
        ),
        ("loss.beta=0.5", "loss", {"type": "SmoothL1Loss", "beta": 0.5}),
        ("scheduler.type=StepLR", "scheduler", {"type": "StepLR"}),
        ("dataset.test.every=4", "dataset", {"test": {"every": 4}}),
    ],
)
def test_a_value_is_set(override: str, key: str, value: Any) -> None:
    source = parse(TEXT)
    apply_overrides(source, [override])
    assert source.problems == []
    assert source.data[key] == value


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "there is no '='; write KEY=VALUE, such as optimizer.lr=1e-3"),
        ("=3", "a key is empty; write KEY=VALUE, such as optimizer.lr=1e-3"),
        ("train.=3", "a key is empty; write KEY=VALUE, such as optimizer.lr=1e-3"),
        ("model.2=ReLU", "model is a list; its items are numbered 0 to 1, got '2'"),
        ("model.-1=ReLU", "model is a list; its items are numbered 0 to 1, got '-1'"),
        ("model.first.p=1", "model is a list; its items are numbered 0 to 1, got 'first'"),
        ("model.0000000000=1", "model is a list; its items are numbered 0 to 1, got '0000000000'"),
        ("train.epochs.x=1", "train.epochs is 200; nothing can be set below it"),
        ("seed=[1", "a list that was opened with '[' is not closed; expected ',' or ']'"),
        ("seed=!!int 3", "tags such as '!!int' are not allowed; write a plain value"),
        ("train={epochs: 1, epochs: 2}", "duplicate key 'epochs'; it was given before"),
        (".".join("a" * 65) + "=1", "nested more than 64 levels deep"),
    ],
)
def test_what_cannot_be_set(override: str, message: str) -> None:
    source = parse(TEXT)
    apply_overrides(source, [override, "seed=3"])
    assert [str(problem) for problem in source.problems] == [f"override {override!r}: {message}"]
    assert source.data["seed"] == 3


@pytest.mark.parametrize(("text", "which"), [("model: [ReLU]", "only 0"), ("model: []", "none, it is empty")])
def test_short_lists(text: str, which: str) -> None:
    source = parse(text)
    apply_overrides(source, ["model.5=ReLU"])
    assert str(source.problems[0]).endswith(f"its items are numbered {which}, got '5'")


def test_places_tell_overrides_from_the_file() -> None:
    source = parse(TEXT, "f")
    apply_overrides(source, ["model.1.inplace=true", "optimizer.lr=1", "train={epochs: 1}", "dataset.type=csv"])
    places = {
        ("model", 1, "inplace"): "override 'model.1.inplace=true'",
        ("model", 1, "type"): "f:4:5",
        ("model", 1): "f:4:5",
        ("optimizer", "lr"): "override 'optimizer.lr=1'",
        ("optimizer", "type"): "f:6:19",
        ("train", "epochs"): "override 'train={epochs: 1}'",
        ("dataset",): "override 'dataset.type=csv'",
        ("dataset", "type"): "override 'dataset.type=csv'",
    }
    assert {path: str(source.place(path)) for path in places} == places


def test_the_last_override_wins_and_the_places_of_what_it_replaces_are_gone() -> None:
    source = parse(TEXT, "f")
    apply_overrides(source, ["optimizer.lr=1", "optimizer.lr=2", "optimizer=SGD"])
    assert source.data["optimizer"] == "SGD"
    assert str(source.place(("optimizer", "lr"))) == "override 'optimizer=SGD'"
