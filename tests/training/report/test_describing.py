"""What is said of configs and runs of other shapes than those that the tests of the page train."""

from __future__ import annotations

from pathlib import Path

import pytest

from mytorch.training.report import describing
from mytorch.training.report.gathering import RunFacts
from mytorch.training.runs.run import Run


@pytest.fixture
def facts_of():
    def facts(config, weights=None, **more):
        given = dict.fromkeys(("summary", "predictions", "samples", "evaluation", "failure"))
        rest = {"rows": [], "gradients": [], "trained_on": {}, "damaged": [], "config_text": "", "state": "finished"}
        run = Run(Path("runs/a/20260131-142501"))
        return RunFacts(**{**given, **rest, "run": run, "config": config, "weights": weights or {}, **more})

    return facts


def test_layers_within_layers(facts_of):
    linear, norm = {"type": "Linear", "out_features": 2}, {"type": "BatchNorm1d", "eps": 1e-5}
    model = [
        {"type": "Parallel", "branches": {"deep": [linear, "ReLU"], "wide": [linear]}, "join": "cat"},
        {"type": "Residual", "layers": [norm], "shortcut": [linear]},
        {"type": "Sequential", "layers": [linear]},
    ]
    weights = {
        "0.branches.deep.0.weight": (2, 3), "0.branches.deep.0.bias": (2,), "0.branches.wide.0.weight": (2, 3),
        "1.layers.0.weight": (4,), "1.layers.0.running_mean": (4,), "1.layers.0.num_batches_tracked": (),
        "1.shortcut.0.weight": (4, 4), "2.0.weight": (2, 4), "20.weight": (7,),
    }  # fmt: skip
    lines = describing.layers(facts_of({"model": model}, weights))
    assert [(line.name, line.type, line.parameters, line.depth) for line in lines] == [
        ("0", "Parallel", 14, 0), ("0.branches.deep.0", "Linear", 8, 1), ("0.branches.deep.1", "ReLU", 0, 1),
        ("0.branches.wide.0", "Linear", 6, 1), ("1", "Residual", 20, 0), ("1.layers.0", "BatchNorm1d", 4, 1),
        ("1.shortcut.0", "Linear", 16, 1), ("2", "Sequential", 8, 0), ("2.0", "Linear", 8, 1),
    ]  # fmt: skip
    assert (lines[0].arguments, lines[1].shapes) == ("join: cat", "weight 2 x 3, bias 2")


def test_names_of_modules_are_those_that_are_trained(tmp_path, mytorch_command):
    layers = "[{type: Parallel, branches: [[{type: Linear, out_features: 2}], [Tanh]]}, {type: Sequential, layers: [{type: Linear, out_features: 1}]}]"
    text = f"name: a\ndataset: boston\nmodel: {layers}\nloss: MSELoss\noptimizer: {{type: Adam}}\ntrain: {{epochs: 1}}\nplots: []\n"
    (tmp_path / "a.yaml").write_text(text)
    mytorch_command("train", "a.yaml", "-q", cwd=tmp_path)
    from mytorch.training.report.gathering import gather

    facts = gather(Run.find(tmp_path / "runs", "a"))
    counted = sum(line.parameters for line in describing.layers(facts) if line.shapes)
    assert counted == facts.summary["parameters"] == 13 * 2 + 2 + 15 + 1


def test_a_model_of_one_module_and_several_losses(facts_of):
    config = {
        "model": {"type": "MyNet", "hidden": 64},
        "loss": [{"type": "MSELoss", "factor": 1.0}, "L1Loss"],
        "optimizer": "SGD",
        "scheduler": None,
        "metrics": ["mae", {"type": "quantile", "q": 0.5}],
        "finetune": {"from": "boston"},
    }
    facts = facts_of(config, {"first.weight": (64, 13), "first.bias": (64,)})
    (line,) = describing.layers(facts)
    assert (line.type, line.arguments, line.parameters) == ("MyNet", "hidden: 64", 896)
    told = dict(describing.training(facts))
    assert told["loss"] == "MSELoss (factor: 1.0) + L1Loss"
    assert told["metrics"] == "mae, quantile (q: 0.5)"
    assert told["begun from"] == "{from: boston}"


@pytest.mark.parametrize(
    ("train", "dataset", "column"),
    [
        ({"epochs": 2}, {"type": "moons"}, None),
        ({"epochs": 2}, {"type": "moons", "validation": {"every": 5}}, "validation_loss"),
        ({"early_stopping": {"monitor": "train_loss"}}, {"type": "moons"}, "train_loss"),
        ({"early_stopping": {"patience": 3}}, {"type": "moons"}, "validation_loss"),
        (None, None, None),
    ],
)
def test_what_tells_the_best_epoch(facts_of, train, dataset, column):
    assert describing.best_by(facts_of({"train": train, "dataset": dataset})) == column


def test_many_columns_and_classes_are_cut_short(facts_of):
    features = [{"name": f"c{i}"} for i in range(100)]
    trained_on = {
        "inputs": {"shape": [100]},
        "preparation": {"features": features, "target_name": "kind", "class_names": [str(i) for i in range(61)]},
    }
    told = dict(describing.data(facts_of({"dataset": "boston"}, trained_on=trained_on)))
    assert told["inputs"].endswith("c58, c59 and 40 more")
    assert told["classes"].startswith("61: 0, 1, ")
    assert told["classes"].endswith("59 and 1 more")
    images = dict(describing.data(facts_of({"dataset": "digits"}, trained_on={"inputs": {"shape": [1, 28, 28]}})))
    assert images["inputs"] == "1 x 28 x 28 a row"


def test_a_run_that_is_trained_or_was_stopped_early(facts_of):
    rows = [{"epoch": 3, "seconds": 75.0, "train_loss": 0.5}]
    running = facts_of({"train": {"epochs": 9}}, rows=rows, state="running")
    assert describing.course(running) == [("epochs", "3 of 9"), ("time", "1 min 15 s")]
    assert describing.figures(running) == ("train, epoch 3", [("loss", "0.5")])
    summary = {"stopped_early": True, "steps": 1200, "seconds": 0.5, "parameters": 10, "frozen_parameters": 4}
    stopped = facts_of({"train": {"epochs": 9}}, rows=rows, summary=summary)
    assert dict(describing.course(stopped)) == {
        "epochs": "3 of 9, stopped early", "steps": "1,200", "time": "0.50 s", "parameters": "10, 4 of them frozen",
    }  # fmt: skip
