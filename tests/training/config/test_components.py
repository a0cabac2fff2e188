from __future__ import annotations

import inspect
from typing import Any, Literal

import pytest

import mytorch
from mytorch.training.config import components
from mytorch.training.config.components import (
    Component,
    ComponentError,
    Kind,
    Registries,
    Registry,
    parameters_of,
    register,
    resolve,
)


@pytest.mark.parametrize(
    ("kind", "value", "arguments"),
    [
        ("layer", "ReLU", {"inplace": False}),
        ("layer", "Tanh", {}),
        ("layer", {"type": "ReLU", "inplace": True}, {"inplace": True}),
        ("layer", {"type": "Linear", "out_features": 64}, {"out_features": 64, "bias": True}),
        ("layer", {"type": "Linear", "out_features": 64, "dtype": None}, {"out_features": 64, "bias": True}),
        ("layer", {"type": "Dropout", "p": 0}, {"p": 0, "inplace": False}),
        ("layer", {"type": "Hardtanh", "max_val": float("inf")}, {"min_val": -1.0, "max_val": float("inf")}),
        ("layer", {"type": "Untyped", "anything": [{"a": 1}]}, {"anything": [{"a": 1}], "size": 3}),
        ("loss", "MSELoss", {"reduction": "mean"}),
        ("optimizer", {"type": "AdamW", "lr": 1}, {"lr": 1, "weight_decay": 0.01}),
        (
            "optimizer",
            {"type": "Adam", "betas": [0.5, 1]},
            {"lr": 0.001, "betas": [0.5, 1], "eps": 1e-8, "weight_decay": 0},
        ),
        ("scheduler", "CosineAnnealingLR", {"eta_min": 0.0}),
        ("scheduler", {"type": "OneCycleLR", "max_lr": [0.1, 0.2]}, {"max_lr": [0.1, 0.2], "pct_start": 0.3}),
        ("dataset", "boston", {}),
    ],
)
def test_a_component_has_its_arguments_and_plain_defaults(
    registries: Registries, kind: Kind, value: Any, arguments: dict[str, Any]
) -> None:
    component = resolve(kind, value, registries)
    assert component.arguments == arguments
    assert resolve(kind, component.to_data(), registries) == component


@pytest.mark.parametrize(
    ("kind", "value", "faults"),
    [
        ("optimizer", "Adm", [((), "unknown optimizer 'Adm'; did you mean 'Adam'?")]),
        ("layer", {"type": "relu"}, [((), "unknown layer 'relu'; did you mean 'ReLU'?")]),
        ("loss", "zzz", [((), "unknown loss 'zzz'; choose from MSELoss, SmoothL1Loss, CrossEntropyLoss")]),
        ("dataset", "bostn", [((), "unknown dataset 'bostn'; did you mean 'boston'?")]),
        ("layer", "MSELoss", [((), "'MSELoss' is a loss, not a layer")]),
        ("loss", "Adam", [((), "'Adam' is an optimizer, not a loss")]),
        ("layer", 5, [((), "expected a layer, as NAME or {type: NAME, ...}, got 5")]),
        ("optimizer", None, [((), "expected an optimizer, as NAME or {type: NAME, ...}, got null")]),
        ("loss", [], [((), "expected a loss, as NAME or {type: NAME, ...}, got []")]),
        ("layer", {}, [((), "missing key 'type', the name of the layer; write {type: NAME, ...}")]),
        (
            "layer",
            {"Linear": {"out_features": 3}},
            [((), "missing key 'type', the name of the layer; write {type: Linear, ...}")],
        ),
        (
            "optimizer",
            {"name": "Adam"},
            [((), "missing key 'type', the name of the optimizer; write {type: Adam, ...}")],
        ),
        ("layer", {"type": 3}, [(("type",), "expected the name of a layer, got 3")]),
        ("layer", "Linear", [((), "Linear needs the argument 'out_features' (an integer)")]),
        (
            "layer",
            {"type": "Linear", "out_feature": 3},
            [
                ((), "Linear has no argument 'out_feature'; did you mean 'out_features'?"),
                ((), "Linear needs the argument 'out_features' (an integer)"),
            ],
        ),
        ("layer", "Untyped", [((), "Untyped needs the argument 'anything'")]),
        ("layer", {"type": "Tanh", "x": 1}, [((), "Tanh has no argument 'x'; it takes none")]),
        (
            "loss",
            {"type": "MSELoss", "x": 1},
            [((), "MSELoss has no argument 'x'; choose from reduction")],
        ),
        (
            "optimizer",
            {"type": "SGD", "params": []},
            [((), "'params' is passed by the program; leave it out")],
        ),
        (
            "layer",
            {"type": "Linear", "out_features": "64", "bias": 1},
            [
                (("out_features",), "expected an integer, got text '64'"),
                (("bias",), "expected true or false, got 1"),
            ],
        ),
        (
            "layer",
            {"type": "Linear", "out_features": True},
            [(("out_features",), "expected an integer, got true")],
        ),
        (
            "layer",
            {"type": "Linear", "out_features": 64.0},
            [(("out_features",), "expected an integer, got 64.0; write 64")],
        ),
        (
            "layer",
            {"type": "Linear", "out_features": 1, "bias": "no"},
            [(("bias",), "expected true or false, got text 'no'; write false")],
        ),
        ("layer", {"type": "Dropout", "p": "0.1"}, [(("p",), "expected a number, got text '0.1'")]),
        ("layer", {"type": "Dropout", "p": False}, [(("p",), "expected a number, got false")]),
        ("layer", {"type": "Dropout", "p": None}, [(("p",), "expected a number, got null")]),
        ("layer", {"type": "Dropout", "p": {"a": 1}}, [(("p",), "expected a number, got {a: 1}")]),
        ("layer", {"type": "Dropout", "p": list(range(99))}, [(("p",), "expected a number, got a list")]),
        (
            "layer",
            {"type": "Hardtanh", "max_val": float("nan")},
            [(("max_val",), "expected a finite number, got .nan")],
        ),
        (
            "optimizer",
            {"type": "Adam", "lr": float("inf")},
            [(("lr",), "expected a finite number, got .inf")],
        ),
        (
            "layer",
            {"type": "Conv2d", "out_channels": 1, "kernel_size": [3, "x"]},
            [(("kernel_size",), "expected an integer or a list of 2 integers, got [3, x]")],
        ),
        (
            "layer",
            {"type": "Linear", "out_features": 1, "dtype": "float64"},
            [(("dtype",), "expected a SimpleNamespace or null, got text 'float64'")],
        ),
        (
            "optimizer",
            {"type": "Adam", "betas": [0.9]},
            [(("betas",), "expected a list of 2 numbers, got [0.9]")],
        ),
        (
            "loss",
            {"type": "MSELoss", "reduction": 1},
            [(("reduction",), "expected text, got 1; write '1' in quotes")],
        ),
        (
            "loss",
            {"type": "MSELoss", "reduction": "avg"},
            [(("reduction",), "MSELoss: avg is not a valid value for reduction")],
        ),
        (
            "layer",
            {"type": "Dropout", "p": 3},
            [(("p",), "Dropout: dropout probability has to be between 0 and 1, but got 3.0")],
        ),
        (
            "optimizer",
            {"type": "Adam", "lr": -0.1, "weight_decay": 0.1},
            [(("lr",), "Adam: Invalid learning rate: -0.1")],
        ),
        (
            "scheduler",
            {"type": "OneCycleLR", "max_lr": 0.1, "pct_start": 2.0},
            [(("pct_start",), "OneCycleLR: Expected float between 0 and 1 pct_start, but got 2.0")],
        ),
        (
            "dataset",
            {"type": "csv", "path": "a.csv", "target": "b", "missing": "men"},
            [(("missing",), "expected 'error', 'drop', 'mean', 'median', 'constant' or a mapping, got text 'men'")],
        ),
        (
            "dataset",
            {"type": "csv", "path": "a.csv", "target": "b", "task": "regresion"},
            [
                (
                    ("task",),
                    "expected 'auto', 'regression' or 'classification', got text 'regresion'; "
                    "did you mean 'regression'?",
                )
            ],
        ),
    ],
)
def test_everything_wrong_is_found(
    registries: Registries, kind: Kind, value: Any, faults: list[tuple[Any, str]]
) -> None:
    with pytest.raises(ComponentError) as caught:
        resolve(kind, value, registries)
    assert [(fault.path, fault.message) for fault in caught.value.faults] == faults


def test_sequential_nests_and_reports_from_within(registries: Registries) -> None:
    inner = {"type": "Sequential", "layers": ["ReLU", {"type": "Linear", "out_features": 2}]}
    component = resolve("layer", {"type": "Sequential", "layers": ["Tanh", inner]}, registries)
    assert [layer.type for layer in component.layers] == ["Tanh", "Sequential"]
    assert [layer.type for layer in component.layers[1].layers] == ["ReLU", "Linear"]
    assert resolve("layer", component.to_data(), registries) == component

    wrong = {
        "type": "Sequential",
        "layers": ["Tnh", {"type": "Sequential", "layers": [{"type": "Dropout", "p": 2}]}],
    }
    with pytest.raises(ComponentError) as caught:
        resolve("layer", wrong, registries)
    assert [(fault.path, fault.at) for fault in caught.value.faults] == [
        (("layers", 0), ("layers", 0, "type")),
        (("layers", 1, "layers", 0, "p"), ("layers", 1, "layers", 0, "p")),
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Sequential needs 'layers', a list of at least one layer"),
        ({"layers": []}, "Sequential needs 'layers', a list of at least one layer, got []"),
        ({"layers": "ReLU"}, "Sequential needs 'layers', a list of at least one layer, got text 'ReLU'"),
        ({"layers": ["ReLU"], "layer": 1}, "Sequential has no argument 'layer'; did you mean 'layers'?"),
    ],
)
def test_sequential_wants_layers(registries: Registries, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentError) as caught:
        resolve("layer", {"type": "Sequential", **given}, registries)
    assert [fault.message for fault in caught.value.faults] == [message]


def test_build_passes_what_the_annotations_say(registries: Registries) -> None:
    conv = resolve("layer", {"type": "Conv2d", "out_channels": 1, "kernel_size": [3, 5]}, registries)
    assert conv.left_out == ["in_channels"]
    assert conv.build(in_channels=1).kernel_size == (3, 5)
    assert resolve("optimizer", {"type": "Adam"}, registries).build(params=[1]).betas == (0.9, 0.999)


def test_a_layer_whose_size_the_data_decides_is_not_tried_out_but_refuses_when_it_is_built(
    registries: Registries,
) -> None:
    linear = resolve("layer", {"type": "Linear", "out_features": -1}, registries)
    with pytest.raises(ComponentError) as caught:
        linear.build(in_features=3)
    assert [(fault.path, fault.message) for fault in caught.value.faults] == [
        (("out_features",), "Linear: out_features must be positive, got -1")
    ]


@pytest.mark.parametrize(
    ("value", "per_batch", "filled"),
    [
        ({"type": "OneCycleLR", "max_lr": 1}, True, {"total_steps": 70}),
        ({"type": "OneCycleLR", "max_lr": 1}, False, {"total_steps": 10}),
        ({"type": "OneCycleLR", "max_lr": 1, "total_steps": 5}, True, {}),
        ({"type": "OneCycleLR", "max_lr": 1, "epochs": 5}, True, {"steps_per_epoch": 7}),
        ({"type": "OneCycleLR", "max_lr": 1, "epochs": 5}, False, {"steps_per_epoch": 1}),
        ({"type": "OneCycleLR", "max_lr": 1, "steps_per_epoch": 5}, True, {"epochs": 10}),
        ({"type": "OneCycleLR", "max_lr": 1, "steps_per_epoch": 5, "epochs": 2}, True, {}),
        ("CosineAnnealingLR", False, {"T_max": 10}),
        ("CosineAnnealingLR", True, {"T_max": 70}),
        ({"type": "CosineAnnealingLR", "T_max": 3}, False, {}),
        ({"type": "StepLR", "step_size": 3}, False, {}),
    ],
)
def test_a_scheduler_learns_the_length_of_the_training(
    registries: Registries, value: Any, per_batch: bool, filled: dict[str, int]
) -> None:
    scheduler = resolve("scheduler", value, registries)
    assert scheduler.schedule_length(epochs=10, batches=7, per_batch=per_batch) == filled
    assert scheduler.build(optimizer=object(), **filled)
    assert scheduler.steps_per_batch == (scheduler.type == "OneCycleLR")


class Hidden:
    def __init__(self, width: NotImportedHere, depth: int = 1) -> None:  # type: ignore[name-defined] # noqa: F821
        if width != "wide":
            raise TypeError


class Picky:
    def __init__(self, mode: Literal["a", "b"] = "a", scale: float | None = None, **options: Any) -> None:
        raise MemoryError


def test_annotations_that_cannot_be_resolved_leave_the_check_to_the_constructor() -> None:
    registry = {"loss": Registry({"Hidden": Hidden})}
    assert resolve("loss", {"type": "Hidden", "width": "wide"}, registry).arguments == {
        "width": "wide",
        "depth": 1,
    }
    with pytest.raises(ComponentError, match=r"^Hidden: TypeError$"):
        resolve("loss", {"type": "Hidden", "width": 3}, registry)


def test_whatever_a_constructor_raises_is_a_fault() -> None:
    with pytest.raises(ComponentError, match=r"^Picky: MemoryError$"):
        resolve("loss", "Picky", {"loss": Registry({"Picky": Picky})})


class Inconsistent:
    def __init__(self, count: int = "many", limit: float = float("inf"), table: object = object()) -> None:  # type: ignore[assignment]
        self.count = count


def test_defaults_that_a_config_could_not_say_are_left_to_the_constructor() -> None:
    component = resolve("loss", "Inconsistent", {"loss": Registry({"Inconsistent": Inconsistent})})
    assert component.to_data() == "Inconsistent"
    assert component.build().count == "many"


class Weighted:
    def __init__(self, weight: mytorch.Tensor | None = None, scale: float | mytorch.Tensor = 1.0) -> None:
        self.weight = weight


def test_a_tensor_is_written_as_a_list_of_numbers() -> None:
    registry = {"loss": Registry({"Weighted": Weighted})}
    component = resolve("loss", {"type": "Weighted", "weight": [1, 2.5]}, registry)
    assert component.to_data() == {"type": "Weighted", "weight": [1, 2.5], "scale": 1.0}
    assert component.build().weight.tolist() == [1.0, 2.5]
    with pytest.raises(ComponentError, match=r"^expected null or a list of numbers, got text 'x'$"):
        resolve("loss", {"type": "Weighted", "weight": "x"}, registry)
    with pytest.raises(ComponentError, match=r"^expected a number, got \[1\]$"):
        resolve("loss", {"type": "Weighted", "scale": [1]}, registry)


class Random:
    def __init__(self) -> None:
        self.weight = mytorch.rand(1)


def test_trying_a_component_out_leaves_the_random_stream_alone() -> None:
    mytorch.manual_seed(0)
    expected = mytorch.rand(1).item()
    mytorch.manual_seed(0)
    resolve("layer", "Random", {"layer": Registry({"Random": Random})})
    assert mytorch.rand(1).item() == expected


def test_parameters_of_a_function() -> None:
    def source(path: str, *rest: int, limit: int | None = None, **more: int) -> None: ...

    assert [(one.name, one.annotation, one.required) for one in parameters_of(source).values()] == [
        ("path", str, True),
        ("limit", int | None, False),
    ]


def test_registered_classes_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "_registered", {})

    @register("layer")
    class Square:
        pass

    assert components._registered == {"layer": {"Square": Square}}
    assert inspect.isclass(Square)


def test_components_of_different_arguments_differ(registries: Registries) -> None:
    one, other = (resolve("layer", {"type": "Dropout", "p": p}, registries) for p in (0.1, 0.2))
    assert isinstance(one, Component)
    assert one != other
