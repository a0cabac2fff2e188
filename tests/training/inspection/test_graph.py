"""The graph of a step: every operation once, edges as the values went, and the gradients' norms."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest

import mytorch
from mytorch.training.inspection.graph import Group, graph_of, part_of
from mytorch.training.inspection.recorded_step import norm_of, record_step
from mytorch.training.inspection.target import open_target

ROOT = Path(__file__).parents[3]
REST = """
dataset: {type: boston, test: {every: 4}, normalize: {inputs: standard, target: standard}, batch_size: 16}
optimizer: {type: SGD, lr: 1e-2}
train: {epochs: 1}
"""
OWN = """
from mytorch import nn


class Cut(nn.Module):
    def __init__(self, in_features: int, hidden: int = 4):
        super().__init__()
        self.a = nn.Linear(in_features, hidden)
        self.b = nn.Linear(in_features, hidden)

    def forward(self, x):
        return self.a(x) + self.b(x).relu().detach()


class Within(nn.Module):
    def forward(self, x):
        y = x.tanh()
        return x * y.detach()


class Twice(nn.Module):
    def __init__(self, in_features: int):
        super().__init__()
        self.layer = nn.Linear(in_features, in_features)

    def forward(self, x):
        return self.layer(self.layer(x).tanh())


class Often(nn.Module):
    def __init__(self, in_features: int):
        super().__init__()
        self.layer = nn.Linear(in_features, in_features)

    def forward(self, x):
        for _ in range(5):
            x = self.layer(x).tanh()
        return x


class Powers(nn.Module):
    def forward(self, x):
        return x * x + x.sin()


class Zero(nn.Module):
    def forward(self, x):
        return x * 0.0


class Infinite(nn.Module):
    def forward(self, x):
        return x * float("inf")


class Above(nn.Module):
    def forward(self, x):
        return x * (x > 0)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("graph")
    (path / "own.py").write_text(OWN, encoding="utf-8")
    return path


@pytest.fixture
def recorded(folder):
    """The recorded first step of a model, given as YAML."""

    def record(model, loss="MSELoss"):
        path = folder / "net.yaml"
        path.write_text(f"imports: [own.py]\nmodel: {model}\nloss: {loss}\n{REST}", encoding="utf-8")
        return record_step(open_target(str(path), runs_dir=folder / "runs"))

    return record


def edges_of(graph):
    """Edges by the first words of their ends."""
    names = {node.id: node.lines[0] for node in graph.nodes()}
    return {(names[edge.source], names[edge.target]): edge for edge in graph.edges}


def tree(group):
    return [(one.title, tree(one)) if isinstance(one, Group) else one.lines[0] for one in group.members]


MLP = "[{type: Linear, out_features: 8}, ReLU, {type: Linear, out_features: 1}]"


def test_a_layer_is_a_node_with_its_parameters_beside_it(recorded):
    step = recorded(MLP)
    graph = graph_of(step, loss_name="MSELoss")
    assert tree(graph.root) == [
        "0 Linear", "1 ReLU", "2 Linear", "loss: MSELoss",
        "inputs (16, 13)", "weight, bias: 112", "weight, bias: 9", "targets (16, 1)",
    ]  # fmt: skip
    edges = edges_of(graph)
    assert {pair: (edge.shape, edge.state) for pair, edge in edges.items()} == {
        ("inputs (16, 13)", "0 Linear"): ((16, 13), "none"),
        ("weight, bias: 112", "0 Linear"): (None, "flows"),
        ("0 Linear", "1 ReLU"): ((16, 8), "flows"),
        ("1 ReLU", "2 Linear"): ((16, 8), "flows"),
        ("weight, bias: 9", "2 Linear"): (None, "flows"),
        ("2 Linear", "loss: MSELoss"): ((16, 1), "flows"),
        ("targets (16, 1)", "loss: MSELoss"): ((16, 1), "none"),
    }
    both = np.concatenate([step.parameters[name].grad.numpy().ravel() for name in ("0.weight", "0.bias")])
    assert edges["weight, bias: 112", "0 Linear"].norm == pytest.approx(np.linalg.norm(both), rel=1e-6)
    loss = next(node for node in graph.nodes() if node.kind == "loss")
    assert loss.lines[1] == f"= {step.losses[0]:.6g}"
    assert [node.beside for node in graph.nodes() if node.kind == "parameter"] == ["n0", "n2"]


def test_the_norms_are_those_of_gradients_computed_otherwise(folder, recorded):
    step = recorded(MLP)
    target = open_target(str(folder / "net.yaml"), runs_dir=folder / "runs")
    x, y = target.batches[0]
    first, _, last = target.model
    hidden = first(x)
    active = hidden.relu()
    output = last(active)
    wanted = mytorch.autograd.grad(target.loss(output, y), [hidden, active, output, first.weight, first.bias])
    edges = edges_of(graph_of(step, full=True))
    found = [
        edges["linear", "relu"],
        edges["relu", "linear"],
        edges["linear", "mse_loss"],
        edges["weight (8, 13)", "linear"],
        edges["bias (8,)", "linear"],
    ]
    assert [edge.norm for edge in found] == pytest.approx([norm_of([g.numpy()]) for g in wanted], rel=1e-5)
    assert all(edge.state == "flows" for edge in found)


def test_in_full_every_operation_is_there_once_in_the_group_of_its_layer(recorded):
    step = recorded(
        "[{type: Residual, layers: [{type: Linear, out_features: 13}, Tanh]}, {type: Linear, out_features: 1}]"
    )
    graph = graph_of(step, full=True, loss_name="MSELoss")
    operations = [node for node in graph.nodes() if node.kind in ("operation", "loss")]
    assert sorted(node.id for node in operations) == sorted(f"n{one.index}" for one in step.operations)
    assert [node.layer for node in sorted(operations, key=lambda node: int(node.id[1:]))] == [
        one.place for one in step.operations
    ]
    assert tree(graph.root) == [
        ("0 Residual", [
            ("0.layers Sequential", [
                ("0.layers.0 Linear", ["linear", "weight (13, 13)", "bias (13,)"]),
                ("0.layers.1 Tanh", ["tanh"]),
            ]),
            "add",
        ]),
        ("1 Linear", ["linear", "weight (1, 13)", "bias (1,)"]),
        ("loss: MSELoss", ["mse_loss", "targets (16, 1)"]),
        "inputs (16, 13)",
    ]  # fmt: skip
    pairs = {(edge.source, edge.target) for edge in graph.edges}
    for operation in step.operations:
        for one in operation.inputs:
            if one.source is not None:
                assert (f"n{one.source.index}", f"n{operation.index}") in pairs


def test_a_layer_that_holds_layers_shows_its_own_operations(recorded):
    model = "[{type: Parallel, branches: {deep: [{type: Linear, out_features: 3}, ReLU], wide: [{type: Linear, out_features: 2}]}}, {type: Linear, out_features: 1}]"
    graph = graph_of(recorded(model))
    (title, members), *_ = tree(graph.root)
    assert title == "0 Parallel"
    assert members[0] == (
        "0.branches.deep Sequential",
        ["0.branches.deep.0 Linear", "0.branches.deep.1 ReLU", "weight, bias: 42"],
    )
    # The list `wide` is left out, as it holds nothing else.
    assert sorted(members[1:]) == ["0.branches.wide.0 Linear", "cat", "weight, bias: 28"]
    assert ("0.branches.wide.0 Linear", "cat") in edges_of(graph)
    assert ("0.branches.deep.1 ReLU", "cat") in edges_of(graph)


def test_detached_branches_are_marked_and_what_is_behind_them_too(recorded):
    for full in (False, True):
        graph = graph_of(recorded("[{type: Cut}, {type: Linear, out_features: 1}]"), full=full)
        cut = [edge for edge in graph.edges if edge.state == "detached"]
        names = {node.id: node.lines[0] for node in graph.nodes()}
        assert [(names[edge.source], names[edge.target], edge.norm) for edge in cut] == [("relu", "add", None)]
        assert cut[0].gradient == "✂ detached"
        behind = [edge for edge in graph.edges if edge.state == "unreached"]
        nodes = {node.id: node for node in graph.nodes()}
        assert {nodes[edge.target].layer for edge in behind} == {"0.b", "0"}
        weights = [n for n in graph.nodes() if n.kind == "parameter" and "no gradient" in n.lines]
        assert {node.beside for node in weights} == {next(iter(behind)).target}


def test_a_layer_that_cuts_within_is_opened(recorded):
    graph = graph_of(recorded("[{type: Linear, out_features: 4}, Within, {type: Linear, out_features: 1}]"))
    assert ("1 Within", ["tanh", "mul"]) in tree(graph.root)
    assert edges_of(graph)["tanh", "mul"].state == "detached"


def test_a_comparison_has_no_gradient_and_is_not_detached(recorded):
    graph = graph_of(recorded("[{type: Linear, out_features: 4}, Above, {type: Linear, out_features: 1}]"), full=True)
    assert {edge.state for edge in graph.edges} == {"flows", "none"}


def test_a_layer_called_twice_is_there_twice_and_shares_its_weights(recorded):
    graph = graph_of(recorded("[{type: Twice}, {type: Linear, out_features: 1}]"))
    (title, members), *_ = tree(graph.root)
    assert (title, members) == ("0 Twice", ["0.layer Linear", "tanh", "0.layer Linear (call 2)"])
    weight = next(node for node in graph.nodes() if node.lines[0].startswith("0.layer.weight"))
    assert weight.beside is None
    assert [edge.target for edge in graph.edges if edge.source == weight.id] == ["n0", "n2"]


def test_an_array_used_twice_by_one_layer_is_one_edge_with_the_sum_of_its_gradients(folder, recorded):
    step = recorded("[{type: Linear, out_features: 4}, Powers, {type: Linear, out_features: 1}]")
    whole, parts = graph_of(step), graph_of(step, full=True)
    edge = edges_of(whole)["0 Linear", "1 Powers"]
    target = open_target(str(folder / "net.yaml"), runs_dir=folder / "runs")
    x, y = target.batches[0]
    hidden = target.model[0](x)
    (wanted,) = mytorch.autograd.grad(target.loss(target.model[2](target.model[1](hidden)), y), [hidden])
    assert edge.norm == pytest.approx(norm_of([wanted.numpy()]), rel=1e-5)
    source = next(node.id for node in parts.nodes() if node.layer == "0" and node.kind == "operation")
    assert sum(edge.source == source for edge in parts.edges) == 3  # twice to mul, once to sin


@pytest.mark.parametrize(("layer", "state", "text"), [("Zero", "zero", "∇ 0"), ("Infinite", "not finite", "∇ inf")])
def test_gradients_that_vanish_or_are_not_finite(recorded, layer, state, text):
    graph = graph_of(recorded(f"[{{type: Linear, out_features: 1}}, {layer}]"))
    edge = edges_of(graph)["0 Linear", f"1 {layer}"]
    assert (edge.state, edge.gradient) == (state, text)


def test_what_has_nothing_to_do_with_the_loss_is_left_out(recorded):
    step = recorded("[{type: Linear, out_features: 4}, BatchNorm1d, {type: Linear, out_features: 1}]")
    counted = [one for one in step.operations if any(step.leaf_name(i) == "1.num_batches_tracked" for i in one.inputs)]
    assert len(counted) == 1  # the layer counts its batches
    graph = graph_of(step, full=True)
    assert f"n{counted[0].index}" not in {node.id for node in graph.nodes()}
    assert len([node for node in graph.nodes() if node.kind in ("operation", "loss")]) == len(step.operations) - 1


def test_several_losses_are_shown_one_by_one(recorded):
    graph = graph_of(recorded(MLP, "[{type: MSELoss, factor: 0.5}, L1Loss]"), loss_name="LossSum")
    assert any(one[0] == "loss: LossSum" for one in tree(graph.root))
    edges = edges_of(graph)
    assert {("2 Linear", "mse_loss"), ("2 Linear", "l1_loss")} <= set(edges)
    assert edges["2 Linear", "mse_loss"].norm != edges["2 Linear", "l1_loss"].norm


def test_targets_that_are_an_option_of_the_loss_are_there(folder):
    path = folder / "classes.yaml"
    path.write_text(
        "dataset: {type: moons, test: {every: 4}, batch_size: 8}\nmodel: [{type: Linear, out_features: 2}]\n"
        "loss: CrossEntropyLoss\noptimizer: {type: SGD, lr: 0.1}\ntrain: {epochs: 1}\n",
        encoding="utf-8",
    )
    graph = graph_of(record_step(open_target(str(path), runs_dir=folder / "runs")), loss_name="CrossEntropyLoss")
    assert edges_of(graph)["targets (8,)", "loss: CrossEntropyLoss"].state == "none"


def test_a_model_of_one_layer(recorded):
    assert tree(graph_of(recorded("Linear"), loss_name="MSELoss").root)[:2] == ["Linear", "loss: MSELoss"]


def test_a_part_is_a_layer_and_what_it_is_joined_to(recorded):
    graph = graph_of(recorded(MLP), full=True)
    part = part_of(graph, "1")
    assert tree(part.root) == ["linear, of layer 0", ("1 ReLU", ["relu"]), "linear, of layer 2"]
    assert [dataclasses.astuple(edge) for edge in part.edges] == [
        dataclasses.astuple(edge) for edge in graph.edges if "n1" in (edge.source, edge.target)
    ]
    assert part_of(graph, "7") is None


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(f"name: net\nmodel: {MLP}\nloss: MSELoss\n{REST}", encoding="utf-8")
    return path


@pytest.mark.parametrize("ending", ["svg", "png", "mmd", "dot", "SVG"])
def test_the_command_writes_all_four_forms(mytorch_command, config, tmp_path, ending):
    done = mytorch_command("graph", config, "-o", f"g.{ending}", cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == f"graph: g.{ending}"
    begin = {"svg": b"<svg ", "png": b"\x89PNG", "mmd": b"---\n", "dot": b"digraph {"}[ending.lower()]
    assert (tmp_path / f"g.{ending}").read_bytes().startswith(begin)


def test_the_command_without_a_file_name_writes_among_the_runs(mytorch_command, config, tmp_path):
    done = mytorch_command("graph", config, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == f"graph: {Path('runs', 'graph-net.svg')}"
    assert (tmp_path / "runs" / "graph-net.svg").is_file()


def test_the_command_as_json(mytorch_command, config, tmp_path):
    told = json.loads(mytorch_command("graph", config, "--full", "-o", "g.dot", "--json", cwd=tmp_path).stdout)
    assert told["graph"] == "g.dot"
    assert len(told["nodes"]) == 10
    assert len(told["edges"]) == 9
    assert told["groups"][0]["title"] == "0 Linear"
    assert set(told["groups"][0]["members"]) <= {node["id"] for node in told["nodes"]}


def test_a_run_and_one_of_its_steps(mytorch_command, config, tmp_path):
    mytorch_command("train", config, "--quiet", cwd=tmp_path)
    best = mytorch_command("graph", "net", "-o", "g.mmd", cwd=tmp_path).stdout
    assert "best.safetensors" in best
    third = mytorch_command("graph", "net", "--step", 3, "-o", "g.mmd", cwd=tmp_path).stdout
    assert "step 3 of" in third
    assert best.splitlines()[1] != third.splitlines()[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "g.pdf"], "-o: expected a file that ends in .svg, .png, .mmd, .dot, such as graph.svg, got 'g.pdf'"),
        (["-o", "g"], "-o: expected a file that ends in .svg, .png, .mmd, .dot, such as graph.svg, got 'g'"),
        (["-o", "no/g.svg"], "-o: no/g.svg: there is no directory 'no'"),
        (["--layer", "9"], "--layer: there is no layer '9'"),
        (["--step", "3", "--split", "test"], "--step 3 is a step of the training"),
    ],
)
def test_mistakes(mytorch_command, config, tmp_path, arguments, said):
    done = mytorch_command("graph", config, *arguments, cwd=tmp_path, check=2)
    assert done.stderr.startswith(f"error: {said}")
    assert not list(tmp_path.glob("g*"))
    assert not (tmp_path / "runs").exists()


def test_a_file_that_cannot_be_written(mytorch_command, config, tmp_path, monkeypatch):
    def full(path, text):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("mytorch.backend.atomic.write_text", full)
    done = mytorch_command("graph", config, "-o", "g.svg", cwd=tmp_path, check=1)
    assert done.stderr == "error: cannot write g.svg: No space left on device; -o FILE chooses another\n"


def test_the_documentation_shows_what_is_printed(mytorch_command, tmp_path):
    text = (ROOT / "docs" / "graph.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    commands = 0
    for language, block in blocks:
        if language:
            (tmp_path / block.partition("\n")[0].removeprefix("# ")).write_text(block, encoding="utf-8")
            continue
        command, _, shown = block.partition("\n")
        done = mytorch_command(*command.removeprefix("$ mytorch ").split(), cwd=tmp_path)
        numbers = re.compile(r"\d+\.\d+")  # their last digits are the machine's
        assert numbers.sub("#", done.stdout) == numbers.sub("#", shown)
        assert [float(one) for one in numbers.findall(done.stdout)] == pytest.approx(
            [float(one) for one in numbers.findall(shown)], rel=0.02
        )
        commands += 1
    assert commands == 2
    for image in re.findall(r"\]\((images/.*?)\)", text):
        assert (ROOT / "docs" / image).stat().st_size < 150_000


def test_what_many_nodes_use_stands_beside_each_of_them(recorded):
    step = recorded("[{type: Often}, {type: Linear, out_features: 1}]")
    for full in (False, True):
        graph = graph_of(step, full=full)
        weights = [node for node in graph.nodes() if node.kind == "parameter" and node.layer == "" and node.beside]
        uses = [node for node in weights if "in all" in node.lines[-1]]
        assert len(uses) == (5 if not full else 10)  # in full weight and bias by themselves
        total = norm_of([step.parameters["0.layer.weight"].grad.numpy()])
        if full:
            assert sum(node.lines[-1].endswith(f"in all {total:.3g}") for node in uses) == 5
