"""`Residual` and `Parallel`: as modules, and as a config writes them."""

from __future__ import annotations

import numpy as np
import pytest

import mytorch
from mytorch import nn
from mytorch.training.branches import Parallel, Residual, shape_of_join
from mytorch.training.config.components import ComponentError, resolve, standard_registries

REGISTRIES = standard_registries()
LINEAR = {"type": "Linear", "out_features": 4}


def test_residual_adds_what_came_in():
    layers = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    x = mytorch.randn(5, 3)
    assert mytorch.equal(Residual(layers)(x), layers(x) + x)
    shortcut = nn.Sequential(nn.Linear(3, 3))
    assert mytorch.equal(Residual(layers, shortcut)(x), layers(x) + shortcut(x))
    assert isinstance(Residual(layers).shortcut, nn.Identity)
    assert [name for name, _ in Residual(layers, shortcut).named_parameters()] == [
        "layers.0.weight", "layers.0.bias", "shortcut.0.weight", "shortcut.0.bias"
    ]  # fmt: skip


def test_residual_does_not_stretch_a_column():
    with pytest.raises(RuntimeError, match=r"cannot add the shapes \(5, 1\) and \(5, 3\)"):
        Residual(nn.Sequential(nn.Linear(3, 1)))(mytorch.zeros(5, 3))


@pytest.mark.parametrize("join", ["cat", "add", "mul"])
def test_parallel_joins_its_branches(join):
    branches = {
        "left": nn.Linear(3, 4),
        "right": nn.Sequential(nn.Linear(3, 4), nn.Sigmoid()),
        "third": nn.Linear(3, 4),
    }
    x = mytorch.randn(5, 3)
    left, right, third = (branch(x) for branch in branches.values())
    wanted = {"cat": mytorch.cat([left, right, third], 1), "add": left + right + third, "mul": left * right * third}
    assert mytorch.equal(Parallel(branches, join)(x), wanted[join])
    assert list(Parallel(branches).branches) == ["left", "right", "third"]


@pytest.mark.parametrize("dim", [2, -2])
def test_parallel_joins_along_another_dimension(dim):
    both = Parallel({"a": nn.Identity(), "b": nn.AvgPool2d((2, 1))}, dim=dim)
    assert both(mytorch.zeros(2, 3, 4, 5)).shape == (2, 3, 6, 5)


def test_parallel_says_what_does_not_fit():
    with pytest.raises(RuntimeError, match="cannot join the branches a, b: join: add needs equal shapes"):
        Parallel({"a": nn.Linear(3, 2), "b": nn.Identity()}, "add")(mytorch.zeros(5, 3))
    for arguments in ({"dim": 0}, {"join": "stack"}):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            Parallel({"a": nn.Identity()}, **arguments)
    with pytest.raises(ValueError, match="at least one branch"):
        Parallel({})


@pytest.mark.parametrize("join", ["cat", "add", "mul"])
def test_the_shape_of_a_join_is_that_of_numpy_or_an_error(join):
    rng = np.random.default_rng(0)
    fits = 0
    for _ in range(300):
        shapes = [(2, *rng.integers(1, 3, 2).tolist()) for _ in range(rng.integers(1, 4))]
        arrays, dim = [np.zeros(shape) for shape in shapes], int(rng.choice([1, 2, -1, -2]))
        try:
            if join == "cat":
                wanted = np.concatenate(arrays, dim).shape
            else:
                wanted = np.broadcast_shapes(*shapes)
                if join == "add" and len(set(shapes)) > 1:
                    raise ValueError
        except ValueError:
            with pytest.raises(ValueError, match=f"join: {join}"):
                shape_of_join(shapes, join, dim)
        else:
            fits += 1
            assert shape_of_join(shapes, join, dim) == wanted
    assert 30 < fits < 300 or join == "mul"


@pytest.mark.parametrize("dim", [0, 3, -3, -4])
def test_rows_and_dimensions_that_are_not_there_cannot_be_joined(dim):
    with pytest.raises(ValueError, match=rf"1 to 2, not dim: {dim}"):
        shape_of_join([(2, 3, 3)], "cat", dim)


# --- in a config ----------------------------------------------------------------------------------------------------

NESTED = {
    "type": "Parallel",
    "branches": {
        "deep": [LINEAR, {"type": "Sequential", "layers": ["ReLU", {"type": "Residual", "layers": [LINEAR]}]}],
        "wide": [{"type": "Residual", "layers": [LINEAR], "shortcut": [LINEAR, "Tanh"]}],
        "same": ["Identity"],
    },
    "join": "cat",
    "dim": -1,
}


def test_components_are_read_and_written_back():
    component = resolve("layer", NESTED, REGISTRIES)
    assert list(component.branches) == ["deep", "wide", "same"]
    assert [one.type for one in component.branches["wide"][0].shortcut] == ["Linear", "Tanh"]
    assert component.arguments == {"join": "cat", "dim": -1}
    assert resolve("layer", component.to_data(), REGISTRIES) == component


def test_branches_may_be_a_list():
    component = resolve("layer", {"type": "Parallel", "branches": [["ReLU"], ["Tanh"]], "join": "add"}, REGISTRIES)
    assert list(component.branches) == ["0", "1"]
    assert component.to_data() == {
        "type": "Parallel", "join": "add",
        "branches": [[{"type": "ReLU", "inplace": False}], ["Tanh"]],
    }  # fmt: skip
    assert resolve("layer", component.to_data(), REGISTRIES) == component


NEEDS_BRANCHES = "Parallel needs 'branches', lists of layers by name, such as {left: [ReLU], right: [Tanh]}"
A_LIST = "is a list of at least one layer"
NO_NAME = "choose another name, not empty, without '.', and no word that dictionaries have such as keys or items"


@pytest.mark.parametrize(
    ("written", "faults"),
    [
        ("Residual", [(("layers",), f"Residual needs 'layers', {A_LIST[3:]}")]),
        ({"type": "Residual", "layers": []}, [(("layers",), f"Residual needs 'layers', {A_LIST[3:]}, got []")]),
        ({"type": "Residual", "layer": ["ReLU"]}, [
            (("layer",), "Residual has no argument 'layer'; did you mean 'layers'?"),
            (("layers",), f"Residual needs 'layers', {A_LIST[3:]}"),
        ]),
        ({"type": "Residual", "layers": ["ReLU"], "shortcut": "Tanh"}, [
            (("shortcut",), f"'shortcut' {A_LIST}; leave it out to add the input as it is, got text 'Tanh'"),
        ]),
        ({"type": "Residual", "layers": ["Relu", {"type": "Dropout", "p": 2}], "shortcut": ["Tnh"]}, [
            (("layers", 0, "type"), "unknown layer 'Relu'; did you mean 'ReLU'?"),
            (("layers", 1, "p"), "Dropout: dropout probability has to be between 0 and 1, but got 2.0"),
            (("shortcut", 0, "type"), "unknown layer 'Tnh'; did you mean 'Tanh'?"),
        ]),
        ("Parallel", [(("branches",), NEEDS_BRANCHES)]),
        ({"type": "Parallel", "branches": {}}, [(("branches",), f"{NEEDS_BRANCHES}, got {{}}")]),
        ({"type": "Parallel", "branches": 3, "joint": "cat"}, [
            (("joint",), "Parallel has no argument 'joint'; did you mean 'join'?"),
            (("branches",), f"{NEEDS_BRANCHES}, got 3"),
        ]),
        ({"type": "Parallel", "branches": ["ReLU"]}, [
            (("branches", 0), f"the branch '0' {A_LIST}; [Identity] is the input as it is, got text 'ReLU'"),
        ]),
        ({"type": "Parallel", "branches": {"a": ["Linear"], "b": [{"type": "Linear", "out_feature": 3}]}}, [
            (("branches", "a", 0), "Linear needs the argument 'out_features' (an integer)"),
            (("branches", "b", 0, "out_feature"), "Linear has no argument 'out_feature'; did you mean 'out_features'?"),
            (("branches", "b", 0), "Linear needs the argument 'out_features' (an integer)"),
        ]),
        ({"type": "Parallel", "branches": {"a.b": ["ReLU"], "keys": ["ReLU"]}}, [
            (("branches", "a.b"), f"the branch 'a.b': {NO_NAME}"),
            (("branches", "keys"), f"the branch 'keys': {NO_NAME}"),
        ]),
        ({"type": "Parallel", "branches": [["ReLU"]], "join": "stack"}, [
            (("join",), "expected 'cat', 'add' or 'mul', got text 'stack'"),
        ]),
        ({"type": "Parallel", "branches": [["ReLU"]], "join": "add", "dim": 2}, [
            (("dim",), "dim is for join: cat; leave it out with join: add"),
        ]),
        ({"type": "Parallel", "branches": [["ReLU"]], "dim": True}, [(("dim",), "expected an integer, got true")]),
    ],
)  # fmt: skip
def test_all_that_is_wrong_is_told_with_its_place(written, faults):
    with pytest.raises(ComponentError) as caught:
        resolve("layer", written, REGISTRIES)
    assert [(fault.path if fault.at is None else fault.at, fault.message) for fault in caught.value.faults] == faults
