"""The command line as a person or a CI job meets it: real processes, their output, exit codes and files."""

from __future__ import annotations

import csv
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SMALL = """\
name: small
seed: 1
dataset:
  type: boston
  test: {every: 4}
  validation: {fraction: 0.2}
  normalize: {inputs: standard, target: standard}
  batch_size: 128
model:
  - {type: Linear, out_features: 8}
  - Tanh
  - {type: Dropout, p: 0.1}
  - {type: Linear, out_features: 1}
loss: SmoothL1Loss
optimizer: {type: AdamW, lr: 1e-2}
scheduler: {type: OneCycleLR, max_lr: 1e-2}
train: {epochs: 4, clip_grad_norm: 5.0}
metrics: [mae, r2]
"""
CLASSES = """\
name: classes
dataset: {type: csv, path: points.csv, target: kind, test: {every: 3}, normalize: {inputs: standard}, batch_size: full}
model: [{type: Linear, out_features: 8}, ReLU, {type: Linear, out_features: 3}]
loss: CrossEntropyLoss
optimizer: {type: Adam, lr: 0.05}
train: {epochs: 20}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small.yaml").write_text(SMALL)
    (tmp_path / "classes.yaml").write_text(CLASSES)
    rows = [f"{i % 7 - 3 + 5 * (i // 2 % 3)},{i % 5},{['red', 'green', 'blue'][i // 2 % 3]}" for i in range(60)]
    (tmp_path / "points.csv").write_text("\n".join(["x,y,kind", *rows]) + "\n")
    return tmp_path


def only_run(folder: Path, name: str = "small") -> Path:
    (run,) = (folder / "runs" / name).iterdir()
    return run


def test_train_writes_the_run_and_says_where(folder, mytorch_process):
    done = mytorch_process("train", "small.yaml", cwd=folder)
    run = only_run(folder)
    files = {"config.yaml", "metrics.csv", "gradients.csv", "predictions.csv", "summary.json", "report.html"}
    assert {p.name for p in run.iterdir()} == {*files, "checkpoints", "plots"}
    assert {p.name for p in (run / "plots").iterdir()} == {"loss.png", "predictions.png", "gradient-flow.png"}
    states = {"state-00000003.safetensors", "state-00000012.safetensors"}  # after the first epoch, and at the end
    assert {p.name for p in (run / "checkpoints").iterdir()} == {"best.safetensors", "last.safetensors", *states}
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in (run / "plots").iterdir())
    for told in (run / "metrics.csv", run / "plots" / "loss.png", run / "plots" / "predictions.png"):
        assert str(told.relative_to(folder)) in done.stdout
    rows = list(csv.DictReader((run / "metrics.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert list(rows[0]) == [
        "epoch", "seconds", "learning_rate", "gradient_norm",
        "weight_norm", "update_ratio", "activation_mean", "activation_std", "dead", "saturated",
        "train_loss", "validation_loss", "validation_mae", "validation_r2",
    ]  # fmt: skip
    assert float(rows[3]["train_loss"]) < float(rows[0]["train_loss"])
    summary = json.loads((run / "summary.json").read_text())
    assert summary["state"] == "finished"
    assert summary["parameters"] == 13 * 8 + 8 + 8 + 1
    assert summary["steps"] == 4 * 3
    assert set(summary["best"]) == set(summary["final"]) == {"train", "validation", "test"}
    assert (folder / "runs" / "latest").exists()


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("which", ["best", "last"])
def test_eval_gives_the_numbers_of_training_to_the_last_digit(folder, split, which, mytorch_command):
    mytorch_command("train", "small.yaml", "train.epochs=6", cwd=folder)
    summary = json.loads((only_run(folder) / "summary.json").read_text())
    done = mytorch_command("eval", "--split", split, "--checkpoint", which, "--json", cwd=folder)
    result = json.loads(done.stdout)
    assert result["scores"] == summary["best" if which == "best" else "final"][split]
    assert json.loads((only_run(folder) / "eval.json").read_text()) == result


@pytest.mark.parametrize(
    ("number", "code", "told"),
    [(errno.EROFS, 0, ""), (errno.ENOSPC, 1, "error: cannot write {run}/eval.json: No space left on device")],
)
def test_eval_where_nothing_can_be_written(folder, number, code, told, mytorch_command, monkeypatch):
    def refused(path, data):
        raise OSError(number, os.strerror(number), f"{path}.tmp")

    mytorch_command("train", "small.yaml", "-q", cwd=folder)
    monkeypatch.setattr("mytorch.training.commands.evaluate.write_summary", refused)
    done = mytorch_command("eval", cwd=folder, check=code)
    assert done.stderr.strip() == told.format(run=only_run(folder).relative_to(folder))
    assert ("test rows" in done.stdout) == (code == 0)


def test_eval_prints_a_table_and_finds_runs_by_prefix_and_path(folder, mytorch_command):
    mytorch_command("train", "small.yaml", cwd=folder)
    run = only_run(folder)
    outputs = [mytorch_command("eval", *which, cwd=folder).stdout for which in ([], ["sma"], [str(run)])]
    assert outputs[0] == outputs[1]
    assert "mae" in outputs[0]
    assert "127 test rows" in outputs[2]


def test_eval_takes_a_checkpoint_file(folder, mytorch_command):
    mytorch_command("train", "small.yaml", cwd=folder)
    file = only_run(folder) / "checkpoints" / "last.safetensors"
    assert "last.safetensors" in mytorch_command("eval", "--checkpoint", str(file), cwd=folder).stdout


def test_json_is_one_document_on_standard_output(folder, mytorch_process):
    done = mytorch_process("train", "small.yaml", "--json", cwd=folder)
    document = json.loads(done.stdout)
    assert Path(folder, document["run"]).is_dir()
    assert document["best"]["test"]["mae"] > 0
    assert done.stderr == ""


def test_quiet_prints_nothing(folder, mytorch_command):
    done = mytorch_command("train", "small.yaml", "--quiet", cwd=folder)
    assert (done.stdout, done.stderr) == ("", "")


def test_the_resolved_config_trains_to_the_same_weights(folder, mytorch_command):
    mytorch_command("train", "small.yaml", "seed=3", "model.0.out_features=5", "--name", "first", cwd=folder)
    first = only_run(folder, "first")
    mytorch_command("train", str(first / "config.yaml"), "name=second", cwd=folder)
    second = only_run(folder, "second")
    from mytorch.training.runs import checkpoint

    a, _ = checkpoint.load(first / "checkpoints" / "best.safetensors")
    b, _ = checkpoint.load(second / "checkpoints" / "best.safetensors")
    assert a["0.weight"].shape == (5, 13)
    assert all((a[name] == b[name]).all() for name in a)


def test_overrides_are_checked_like_the_file(folder, mytorch_command):
    done = mytorch_command("train", "small.yaml", "optimizer.lr=fast", "train.epochs=0", "modle=1", cwd=folder, check=2)
    for part in ("optimizer.lr", "train.epochs", "did you mean 'model'?"):
        assert part in done.stderr
    assert not (folder / "runs").exists()


def test_every_error_of_a_file_comes_at_once_with_its_place(folder, mytorch_command):
    (folder / "bad.yaml").write_text(
        SMALL.replace("AdamW", "Adm").replace("Tanh", "Tahn").replace("epochs: 4", "epoch: 4")
    )
    done = mytorch_command("train", "bad.yaml", cwd=folder, check=2)
    assert "bad.yaml:15:19: optimizer: unknown optimizer 'Adm'; did you mean 'Adam'?" in done.stderr
    assert "bad.yaml:11:5: model.1: unknown layer 'Tahn'; did you mean 'Tanh'?" in done.stderr
    assert "did you mean 'epochs'?" in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("{type: Linear, out_features: 1}", "{type: Linear, in_features: 64, out_features: 1}"),
         "small.yaml:13:33: model.3.in_features: layer 3 (Linear) expects 64 features, gets 8"),
        (("out_features: 1}", "out_features: 2}"), "ends with 2 features, but the target 'medv' is 1 number"),
        (("SmoothL1Loss", "CrossEntropyLoss"), "CrossEntropyLoss is for classification, but the target 'medv' holds numbers"),
        (("type: boston", "type: csv\n  path: no.csv\n  target: y"), "there is no file 'no.csv'"),
    ],
)  # fmt: skip
def test_what_only_the_data_shows_is_found_before_training(folder, change, message, mytorch_command):
    (folder / "small.yaml").write_text(SMALL.replace("metrics: [mae, r2]\n", "").replace(*change))
    assert message in mytorch_command("train", "small.yaml", cwd=folder, check=2).stderr
    assert not (folder / "runs").exists()


def test_a_broken_csv_is_told_with_row_and_column(folder, mytorch_command):
    text = (folder / "points.csv").read_text().replace(",3,", ",many,", 1)
    (folder / "points.csv").write_text(text)
    done = mytorch_command("train", "classes.yaml", cwd=folder, check=2)
    assert "points.csv:" in done.stderr
    assert "column 'y'" in done.stderr


def test_classification_draws_the_confusion_matrix(folder, mytorch_command):
    mytorch_command("train", "classes.yaml", cwd=folder)
    run = only_run(folder, "classes")
    assert {p.name for p in (run / "plots").iterdir()} == {"loss.png", "confusion.png", "gradient-flow.png"}
    assert json.loads((run / "summary.json").read_text())["best"]["test"]["accuracy"] > 0.6
    assert "accuracy" in mytorch_command("eval", "classes", cwd=folder).stdout


def test_smoke_passes_and_leaves_nothing(folder, mytorch_command):
    assert "passed" in mytorch_command("train", "small.yaml", "--smoke", cwd=folder).stdout
    assert (
        json.loads(mytorch_command("train", "small.yaml", "--smoke", "--json", cwd=folder).stdout)["state"] == "passed"
    )
    assert not (folder / "runs").exists()


def test_smoke_fails_where_the_loss_cannot_fall(folder, mytorch_command):
    done = mytorch_command(
        "train", "small.yaml", "--smoke", "optimizer={type: SGD, lr: 1e-30}", "scheduler=null", cwd=folder, check=1
    )
    assert "did not fall" in done.stderr


def test_a_loss_that_explodes_stops_the_run_and_names_the_layer(folder, mytorch_command):
    overrides = ["optimizer={type: SGD, lr: 1e20}", "scheduler=null", "train.clip_grad_norm=null", "loss=MSELoss"]
    done = mytorch_command("train", "small.yaml", *overrides, cwd=folder, check=1)
    assert "epoch 1, step" in done.stderr
    assert "it is the loss itself that overflows" in done.stderr
    deep = "model=[{type: Linear, out_features: 8}, {type: Linear, out_features: 8}, {type: Linear, out_features: 1}]"
    done = mytorch_command("train", "small.yaml", deep, *overrides, cwd=folder, check=1)
    assert "(Linear) is the first that is not finite" in done.stderr
    run = min((folder / "runs" / "small").iterdir())
    assert not (run / "summary.json").exists()
    assert [path.name for path in (run / "plots").iterdir()] == ["gradient-flow.png"]
    assert "failed" in (run / "report.html").read_text()
    told = mytorch_command("eval", cwd=folder, check=2).stderr
    assert "no such checkpoint file; the training ended before it had weights to keep" in told


def test_a_batch_that_a_layer_cannot_take_is_told_without_a_traceback(folder, mytorch_command):
    model = "model=[{type: Linear, out_features: 4}, BatchNorm1d, {type: Linear, out_features: 1}]"
    done = mytorch_command(
        "train", "small.yaml", model, "dataset.batch_size=302", "dataset.validation=null", cwd=folder
    )
    rows = 379 - 1  # leaves one row for the last batch
    done = mytorch_command(
        "train", "small.yaml", model, f"dataset.batch_size={rows}", "dataset.validation=null", cwd=folder, check=1
    )
    assert "Expected more than 1 value per channel when training" in done.stderr
    assert "The batch has one row" in done.stderr


def test_an_explosion_after_good_epochs_keeps_the_last_good_weights(folder, mytorch_command):
    overrides = ["optimizer={type: SGD, lr: 0.01}", "train.clip_grad_norm=null", "loss=MSELoss", "train.epochs=9"]
    schedule = "scheduler={type: StepLR, step_size: 2, gamma: 1e18}"
    done = mytorch_command("train", "small.yaml", *overrides, schedule, cwd=folder, check=1)
    assert "epoch 3" in done.stderr
    run = only_run(folder)
    assert "last.safetensors" in done.stderr
    result = json.loads(mytorch_command("eval", "--checkpoint", "last", "--json", cwd=folder).stdout)
    assert result["epoch"] == 2
    assert result["scores"]["loss"] < 10
    assert len((run / "metrics.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "nothing.yaml"], "nothing.yaml"),
        (["train"], "Missing argument"),
        (["train", "small.yaml", "lr"], "KEY=VALUE"),
        (["eval"], "there are no runs"),
        (["tarin"], "No such command"),
    ],
)
def test_a_users_mistake_is_exit_code_2(folder, arguments, message, mytorch_command):
    assert message in mytorch_command(*arguments, cwd=folder, check=2).stderr


def test_eval_mistakes(folder, mytorch_command):
    mytorch_command("train", "classes.yaml", cwd=folder)
    assert (
        "expected one of train, validation, test"
        in mytorch_command("eval", "--split", "tset", cwd=folder, check=2).stderr
    )
    assert (
        "sets no validation rows aside" in mytorch_command("eval", "--split", "validation", cwd=folder, check=2).stderr
    )
    assert "no such checkpoint" in mytorch_command("eval", "--checkpoint", "x.safetensors", cwd=folder, check=2).stderr
    mytorch_command("train", "small.yaml", cwd=folder)
    other = str(only_run(folder) / "checkpoints" / "best.safetensors")
    assert (
        "does not fit the model"
        in mytorch_command("eval", "classes", "--checkpoint", other, cwd=folder, check=2).stderr
    )


def test_runs_dir_and_name(folder, mytorch_command):
    mytorch_command("train", "small.yaml", "--runs-dir", "elsewhere", "--name", "mine", "--quiet", cwd=folder)
    (run,) = (folder / "elsewhere" / "mine").iterdir()
    assert "name: mine" in (run / "config.yaml").read_text()
    assert not (folder / "runs").exists()
    assert "epoch" in mytorch_command("eval", "mine", "--runs-dir", "elsewhere", cwd=folder).stdout


def test_a_name_cannot_leave_the_runs_directory(folder, mytorch_command):
    done = mytorch_command("train", "small.yaml", "--name", "../out", cwd=folder, check=2)
    assert "name" in done.stderr
    assert not (folder.parent / "out").exists()


def test_init_writes_configs_that_train(tmp_path, mytorch_command):
    done = mytorch_command("init", "start", cwd=tmp_path)
    assert "configs/boston.yaml" in done.stdout
    start = tmp_path / "start"
    assert (start / "datasets" / "boston.csv").is_file()
    assert "passed" in mytorch_command("train", "configs/boston.yaml", "--smoke", cwd=start).stdout
    again = mytorch_command("init", "start", cwd=tmp_path, check=2)
    assert "does not write over" in again.stderr


def test_own_layers_from_yaml(folder, mytorch_command):
    (folder / "layers.py").write_text(
        "from mytorch import nn, ones\n\n"
        "class Scale(nn.Module):\n"
        "    def __init__(self, num_features: int, start: float = 1.0) -> None:\n"
        "        self.factor = nn.Parameter(ones(num_features) * start)\n\n"
        "    def forward(self, x):\n"
        "        return x * self.factor\n"
    )
    config = SMALL.replace("model:\n", "imports: [layers.py]\nmodel:\n  - {type: Scale, start: 0.5}\n")
    (folder / "own.yaml").write_text(config)
    mytorch_command("train", "own.yaml", cwd=folder)
    assert "epoch" in mytorch_command("eval", cwd=folder).stdout
    done = mytorch_command("train", "own.yaml", "model.0.start=much", cwd=folder, check=2)
    assert "model.0.start" in done.stderr
    (folder / "layers.py").write_text("import no_such_package\n")
    assert "layers.py:1: ModuleNotFoundError" in mytorch_command("train", "own.yaml", cwd=folder, check=2).stderr


def test_version_and_help(tmp_path, mytorch_command):
    from mytorch.version import __version__

    assert mytorch_command("--version", cwd=tmp_path).stdout == f"mytorch {__version__}\n"
    assert {"train", "resume", "eval", "init"} <= set(mytorch_command("--help", cwd=tmp_path).stdout.split())
    for command in ("train", "resume", "eval", "init"):
        assert "Example" in mytorch_command(command, "--help", cwd=tmp_path).stdout


def test_help_loads_nothing_heavy(tmp_path):
    code = "import sys, cli; from typer.testing import CliRunner; CliRunner().invoke(cli.app, ['--help']); print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    loaded = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert not {"numpy", "matplotlib", "pydantic", "safetensors", "yaml", "mytorch"} & set(loaded.split())


def test_normalization_layers_take_their_size_from_the_data_and_save_their_statistics(folder, mytorch_command):
    layers = "model=[{type: Linear, out_features: 8}, BatchNorm1d, Tanh, {type: Linear, out_features: 6}, LayerNorm, {type: Linear, out_features: 1}]"
    mytorch_command("train", "small.yaml", layers, "scheduler=null", "optimizer.lr=0.3", "train.epochs=6", cwd=folder)
    run = only_run(folder)
    summary = json.loads((run / "summary.json").read_text())
    assert summary["parameters"] == (13 * 8 + 8) + 2 * 8 + (8 * 6 + 6) + 2 * 6 + (6 + 1)
    from safetensors.numpy import load_file

    for which, scores, epoch in (("best", "best", summary["best_epoch"]), ("last", "final", 6)):
        counts = [v for k, v in load_file(run / "checkpoints" / f"{which}.safetensors").items() if "num_batches" in k]
        assert [int(n) for n in counts] == [epoch * 3]
        for split in ("train", "validation", "test"):
            done = mytorch_command("eval", "--split", split, "--checkpoint", which, "--json", cwd=folder)
            assert json.loads(done.stdout)["scores"] == summary[scores][split]


def test_init_where_nothing_can_be_written(folder, mytorch_command):
    told = mytorch_command("init", "points.csv/new", cwd=folder, check=2).stderr
    assert told == "error: cannot write to points.csv/new: Not a directory\n"
