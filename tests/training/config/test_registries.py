"""What a config can name in `mytorch` itself."""

from __future__ import annotations

from typing import Any

import pytest

from mytorch.training.config.components import (
    ComponentError,
    Kind,
    Registries,
    parameters_of,
    register,
    resolve,
    standard_registries,
)
from mytorch.training.config.config import check
from mytorch.training.config.yaml_source import parse

KINDS: tuple[Kind, ...] = ("layer", "loss", "optimizer", "scheduler", "dataset")


@pytest.fixture(scope="module")
def real() -> Registries:
    return standard_registries()


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("layer", ["Linear", "ReLU", "Tanh", "Sigmoid", "Dropout", "Sequential"]),
        ("loss", ["MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "CrossEntropyLoss"]),
        ("optimizer", ["SGD", "Adam", "AdamW"]),
        ("scheduler", ["StepLR", "CosineAnnealingLR", "OneCycleLR"]),
        ("dataset", ["boston", "csv"]),
        ("metric", ["mae", "rmse", "r2", "accuracy"]),
    ],
)
def test_names(real: Registries, kind: str, names: list[str]) -> None:
    assert set(names) <= set(real[kind].classes)
    assert not {"Module", "ModuleList", "ModuleDict", "Optimizer", "LRScheduler"} & set(real[kind].classes)


def test_every_argument_has_a_type(real: Registries) -> None:
    missing = [
        f"{kind} {name}: {parameter.name}"
        for kind in KINDS
        for name, target in real[kind].classes.items()
        for parameter in parameters_of(target).values()
        if parameter.annotation is Any and parameter.name not in ("device", "dtype", *real[kind].supplied)
    ]
    assert missing == []


def test_what_needs_no_argument_can_be_named_bare_and_is_written_back(real: Registries) -> None:
    resolved = 0
    for kind in KINDS:
        for name, target in real[kind].classes.items():
            needed = {one.name for one in parameters_of(target).values() if one.required}
            if needed <= set(real[kind].supplied) and name != "Sequential":
                component = resolve(kind, name, real)
                assert resolve(kind, component.to_data(), real) == component
                resolved += 1
    assert resolved > 10


@pytest.mark.parametrize(
    ("kind", "value", "path"),
    [
        ("layer", {"type": "Dropout", "p": 1.5}, ("p",)),
        ("optimizer", {"type": "AdamW", "lr": -1}, ("lr",)),
        ("optimizer", {"type": "SGD", "momentum": -1, "weight_decay": 0.1}, ("momentum",)),
        ("scheduler", {"type": "OneCycleLR", "max_lr": 0.1, "pct_start": 2}, ("pct_start",)),
    ],
)
def test_constructors_refuse_at_the_right_argument(real: Registries, kind: Kind, value: Any, path: Any) -> None:
    with pytest.raises(ComponentError) as caught:
        resolve(kind, value, real)
    assert [fault.path for fault in caught.value.faults] == [path]


def test_a_config_of_the_real_classes_is_written_back_equal() -> None:
    config = check(
        parse(
            "dataset: boston\n"
            "model:\n"
            "  - {type: Linear, out_features: 8}\n"
            "  - ReLU\n"
            "  - {type: Dropout, p: 0.1}\n"
            "  - {type: Linear, out_features: 1}\n"
            "loss: SmoothL1Loss\n"
            "optimizer: {type: AdamW, lr: 3e-3}\n"
            "scheduler: {type: OneCycleLR, max_lr: 3e-3}\n"
            "train: {epochs: 2}\n"
        )
    )
    assert check(parse(config.to_yaml())) == config
    assert config.optimizer.arguments["betas"] == [0.9, 0.999]


def test_a_registered_layer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mytorch.training.config.components._registered", {})

    @register("layer")
    class Square:
        def __init__(self, factor: float = 1.0) -> None:
            self.factor = factor

    assert resolve("layer", {"type": "Square", "factor": 2}, standard_registries()).build().factor == 2.0
