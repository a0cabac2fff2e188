"""Models built from configs: sizes found inside of branches, shapes that do not fit, modules of one's own."""

from __future__ import annotations

import textwrap

import pytest

import mytorch
from mytorch import nn
from mytorch.training.branches import Parallel, Residual
from mytorch.training.building.experiment import build
from mytorch.training.config.components import Component
from mytorch.training.config.config import check, load_config
from mytorch.training.config.yaml_source import parse
from mytorch.training.errors import ConfigError
from mytorch.training.loop.resume import differences

REST = """\
dataset: {type: boston, test: {every: 4}, normalize: {inputs: standard, target: standard}}
loss: MSELoss
optimizer: {type: SGD, lr: 0.1}
train: {epochs: 1}
"""


def built(model, *overrides):
    return build(check(parse(f"model: {model}\n{REST}", "f"), overrides)).model


def problems(model, *overrides):
    with pytest.raises(ConfigError) as caught:
        built(model, *overrides)
    return str(caught.value).splitlines()


def test_sizes_are_found_through_branches_to_any_depth():
    model = built(
        """
  - {type: Linear, out_features: 8}
  - type: Sequential
    layers:
      - type: Residual
        layers: [{type: Linear, out_features: 6}, ReLU]
        shortcut: [{type: Parallel, branches: [[{type: Linear, out_features: 2}], [{type: Linear, out_features: 4}]]}]
      - type: Parallel
        branches: {left: [{type: Linear, out_features: 3}, {type: LayerNorm}], right: [Identity, {type: BatchNorm1d}]}
  - {type: Linear, out_features: 1}"""
    )
    residual, parallel = model[1]
    assert isinstance(residual, Residual)
    assert isinstance(parallel, Parallel)
    assert [one[0].weight.shape for one in residual.shortcut[0].branches.values()] == [(2, 8), (4, 8)]
    assert parallel.branches["left"][1].normalized_shape == (3,)
    assert parallel.branches["right"][1].num_features == 6
    assert model[2].weight.shape == (1, 9)
    assert all(module.training for module in model.modules())


def test_the_weights_are_those_of_the_modules_made_in_the_same_order():
    model = built(
        "[{type: Residual, layers: [{type: Linear, out_features: 5}], shortcut: [{type: Linear, out_features: 5}]},"
        " {type: Parallel, branches: {a: [{type: Linear, out_features: 1}], b: [{type: Linear, out_features: 1}]}, join: add}]",
        "seed=7",
    )
    mytorch.manual_seed(7)
    wanted = [nn.Linear(13, 5), nn.Linear(13, 5), nn.Linear(5, 1), nn.Linear(5, 1)]
    made = [model[0].layers[0], model[0].shortcut[0], *(branch[0] for branch in model[1].branches.values())]
    assert all(mytorch.equal(a.weight, b.weight) for a, b in zip(made, wanted, strict=True))


END = ", {type: Linear, out_features: 1}]"
NARROW, WIDE = "{type: Linear, out_features: 4}", "{type: Linear, out_features: 13}"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            f"[ReLU, {{type: Residual, layers: [{NARROW}]}}",
            "f:1:15: model.1: Residual: the layers turn 13 features into 4 features, which cannot be added to the "
            "input; write shortcut: [{type: Linear, out_features: 4}]",
        ),
        (
            f"[{{type: Residual, layers: [{NARROW}], shortcut: [{WIDE}]}}",
            "f:1:79: model.0.shortcut: Residual: the layers give 4 features and the shortcut 13 features, which cannot "
            "be added; write shortcut: [{type: Linear, out_features: 4}]",
        ),
        (
            f"[{{type: Parallel, join: add, branches: {{left: [{NARROW}], right: [ReLU]}}}}",
            "f:1:9: model.0: Parallel: join: add needs equal shapes, but left gives 4 features, right gives 13 features",
        ),
        (
            f"[{{type: Parallel, join: mul, branches: [[{NARROW}], [ReLU]]}}",
            "f:1:9: model.0: Parallel: join: mul needs equal sizes in each dimension, or 1, but 0 gives 4 features, "
            "1 gives 13 features",
        ),
        (
            "[{type: Parallel, branches: [[{type: Unflatten, dim: 1, unflattened_size: [1, 13]}], [ReLU]]}",
            "f:1:9: model.0: Parallel: join: cat needs outputs of equally many dimensions, but 0 gives the shape "
            "(1, 13), 1 gives 13 features",
        ),
        (
            "[{type: Parallel, dim: 2, branches: [[ReLU]]}",
            "f:1:9: model.0: Parallel: join: cat needs a dimension of features, 1 to 1, not dim: 2, but 0 gives 13 "
            "features",
        ),
        (
            "[{type: Parallel, branches: {a: [{type: Linear, in_features: 9, out_features: 1}]}}",
            "f:1:69: model.0.branches.a.0.in_features: layer 0 (Linear) expects 9 features, gets 13",
        ),
        (
            "[{type: Flatten, start_dim: 0}",
            "f:1:9: model.0: layer 0 (Flatten) makes the shape (26,) of 2 rows; each row has to stay one",
        ),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_told_at_their_place(model, message):
    (problem,) = problems(model + END)
    assert problem == message


def test_the_problems_of_all_branches_are_told():
    found = problems("{type: Parallel, branches: [[{type: Linear, in_features: 3, out_features: 1}], [Conv2d]]}")
    assert [line.partition(": ")[2] for line in found] == ["model.branches.1.0: Conv2d needs the argument 'out_channels' (an integer)",
        "model.branches.1.0: Conv2d needs the argument 'kernel_size' (an integer or a list of integers)"]  # fmt: skip
    found = problems(
        "{type: Parallel, branches: [[{type: Linear, in_features: 3, out_features: 1}],"
        " [{type: Linear, in_features: 5, out_features: 1}]]}"
    )
    assert [line.partition(": ")[2] for line in found] == [
        "model.branches.0.0.in_features: layer 0 (Linear) expects 3 features, gets 13",
        "model.branches.1.0.in_features: layer 0 (Linear) expects 5 features, gets 13",
    ]


@pytest.mark.parametrize(
    ("layers", "advice"),
    [
        ("{type: Conv2d, out_channels: 8, kernel_size: 3, padding: 1}",
         "{type: Conv2d, out_channels: 8, kernel_size: 1}"),
        ("{type: Conv2d, out_channels: 8, kernel_size: 3, padding: 1, stride: 2}",
         "{type: Conv2d, out_channels: 8, kernel_size: 1, stride: 2}"),
    ],
)  # fmt: skip
def test_the_advice_for_images_fits(layers, advice):
    image = "{type: Unflatten, dim: 1, unflattened_size: [1, 1, 13]}"
    end = "Flatten, {type: Linear, out_features: 1}]"
    (problem,) = problems(f"[{image}, {{type: Residual, layers: [{layers}]}}, {end}")
    assert problem.endswith(f"write shortcut: [{advice}]")
    built(f"[{image}, {{type: Residual, layers: [{layers}], shortcut: [{advice}]}}, {end}")


# --- one module instead of a list -----------------------------------------------------------------------------------

OWN = """
import mytorch
from mytorch import nn, relu

class MyNet(nn.Module):
    def __init__(self, in_features: int, hidden: int, out_features: int):
        self.first = nn.Linear(in_features, hidden)
        self.last = nn.Linear(hidden, out_features)

    def forward(self, x):
        return self.last(relu(self.first(x)))

class Fixed(nn.Module):
    def __init__(self, num_classes: int = 3):
        self.layer = nn.Linear(13, num_classes)

    def forward(self, x):
        return self.layer(x)

class Flat(MyNet):
    def forward(self, x):
        return super().forward(x)[:, 0]

class Mean(MyNet):
    def forward(self, x):
        return super().forward(x).mean(0, keepdim=True)

class Pair(MyNet):
    def forward(self, x):
        return super().forward(x), x

class Broken(MyNet):
    def forward(self, x):
        return self.missing(x)

class Refuses(MyNet):
    def __init__(self, in_features: int, hidden: int = 0):
        self.nothing

class Hidden(MyNet):
    def __init__(self, in_features: int, out_features: int):
        self.more = [nn.Linear(in_features, in_features)]
        super().__init__(in_features, 2, out_features)

class Draws(MyNet):
    def forward(self, x):
        return super().forward(x) + mytorch.randn(len(x), 1)
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own.py").write_text(OWN)

    def load(model, *overrides):
        (tmp_path / "own.yaml").write_text(f"imports: [own.py]\nmodel: {model}\n{REST}")
        return load_config(tmp_path / "own.yaml", overrides)

    return load


def test_a_model_of_ones_own_is_the_model_itself(own):
    config = own("{type: MyNet, hidden: 64}", "model.hidden=128")
    assert isinstance(config.model, Component)
    model = build(config).model
    assert type(model).__name__ == "MyNet"
    assert (model.first.weight.shape, model.last.weight.shape) == ((128, 13), (1, 128))
    assert "model: {type: MyNet, hidden: 128}\n" in config.to_yaml()
    assert list(differences(config, own("{type: MyNet, hidden: 5}")).values()) == ["model.hidden: 128 -> 5"]
    assert "model.0.type" in differences(config, own("[{type: MyNet, hidden: 128, out_features: 1}]"))


def test_one_module_of_mytorch_is_a_model_too():
    assert built("Linear").weight.shape == (1, 13)
    assert built("{type: Linear, bias: false}").bias is None
    assert isinstance(built("{type: Sequential, layers: [{type: Linear, out_features: 1}]}"), nn.Sequential)
    assert isinstance(built("{type: Parallel, branches: [[{type: Linear, out_features: 1}]]}"), Parallel)


def test_only_a_whole_model_gets_the_size_of_the_target(own):
    (line,) = problems("[ReLU, Linear]")
    assert line.endswith("model.1: Linear needs the argument 'out_features' (an integer)")
    with pytest.raises(ConfigError, match="MyNet needs the argument 'out_features'"):
        own("[{type: MyNet, hidden: 2}]")
    with pytest.raises(ConfigError, match="MyNet needs the argument 'hidden'"):
        own("MyNet")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("Fixed", "model: the model ends with 3 features, but the target 'medv' is 1 number; let it give the shape (rows, 1)"),
        ("{type: Flat, hidden: 2}", "model: the model ends with one number a row without a dimension, but the target 'medv' is 1 number; "
         "give it a dimension of its own, the shape (rows, 1), such as by out.unsqueeze(1)"),
        ("{type: Mean, hidden: 2}", "model: Mean makes the shape (1, 1) of 2 rows; each row has to stay one"),
        ("{type: Pair, hidden: 2}", "model: Pair gives a tuple, expected a tensor"),
        ("{type: Broken, hidden: 2}", "model: Broken cannot take rows of 13 numbers: AttributeError: 'Broken' object has no attribute "
         "'missing' ({folder}/own.py:34)"),
        ("{type: MyNet, hidden: -2}", "model.hidden: MyNet: Trying to create tensor with negative dimension -2: [-2, 13] ({folder}/own.py:7)"),
        ("Refuses", "model: Refuses: AttributeError: 'Refuses' object has no attribute 'nothing' ({folder}/own.py:38)"),
        ("{type: MyNet, hidden: 2, in_features: 12}", "model.in_features: MyNet expects 12 features, gets 13"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_it_is_told_with_its_place(own, tmp_path, model, message):
    with pytest.raises(ConfigError) as caught:
        build(own(model))
    place, _, said = str(caught.value).partition(": ")
    assert place.startswith(f"{tmp_path}/own.yaml:2:")
    assert said == message.format(folder=tmp_path)
    assert "\n" not in said


def test_a_layer_that_draws_leaves_the_random_stream_alone(own):
    build(own("{type: MyNet, hidden: 2}"))
    wanted = mytorch.rand(3)
    build(own("{type: Draws, hidden: 2}"))
    assert mytorch.equal(mytorch.rand(3), wanted)


def test_modules_in_a_plain_list_are_warned_of(own):
    with pytest.warns(
        UserWarning, match=r"Hidden\.more is a plain list of modules, which are not trained; make it an nn"
    ):
        build(own("Hidden"))


def test_a_wrong_section_names_both_forms():
    text = textwrap.dedent(REST)
    with pytest.raises(ConfigError, match=r"model: expected a list of layers, or one module as \{type: NAME"):
        check(parse(f"model: 5\n{text}", "f"))
