"""The MLflow tracker of docs/tracking.md, as it stands there, with the real package and a local store."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mytorch.training.commands.train import resume, train
from mytorch.training.errors import RunFailed
from mytorch.training.runs.files import read_metrics
from mytorch.training.runs.run import Run

mlflow = pytest.importorskip("mlflow")

DOCS = Path(__file__).parents[2] / "docs" / "tracking.md"
CONFIG = """\
name: small
imports: [mlflow_tracker.py]
dataset: {type: boston, test: {every: 4}, validation: {every: 5}, normalize: {inputs: standard, target: standard}, batch_size: 64}
model: [{type: Linear, out_features: 8}, Tanh, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: AdamW, lr: 1e-2}
train: {epochs: 3}
plots: [loss]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (code,) = re.findall(
        r"<!-- mlflow_tracker.py -->\n```python\n(.*?)^```", DOCS.read_text(), re.DOTALL | re.MULTILINE
    )
    (tmp_path / "mlflow_tracker.py").write_text(code)
    log = f"log: [{{type: MLflow, uri: '{(tmp_path / 'mlruns').as_uri()}', experiment: houses, every_steps: 4}}]\n"
    (tmp_path / "small.yaml").write_text(CONFIG + log)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a folder; newer versions prefer a database
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tracked(folder: Path) -> mlflow.MlflowClient:
    return mlflow.MlflowClient((folder / "mlruns").as_uri())


def runs_in(client: mlflow.MlflowClient) -> list:
    return client.search_runs([client.get_experiment_by_name("houses").experiment_id])


@pytest.mark.filterwarnings("ignore")
def test_a_training_in_mlflow(folder):
    train(folder / "small.yaml", [], runs_dir=folder / "runs", quiet=True)
    run, client = Run.find(folder / "runs", None), tracked(folder)
    (seen,) = runs_in(client)
    assert seen.info.status == "FINISHED"
    assert seen.info.run_name == f"small/{run.path.name}"
    assert {name: seen.data.params[name] for name in ("optimizer.type", "optimizer.lr", "train.epochs", "model.1")} == {
        "optimizer.type": "AdamW", "optimizer.lr": "0.01", "train.epochs": "3", "model.1": "Tanh",
    }  # fmt: skip
    history = client.get_metric_history(seen.info.run_id, "validation_mae")
    assert [(point.step, point.value) for point in history] == [
        (5 * row["epoch"], row["validation_mae"]) for row in read_metrics(run.metrics)
    ]
    assert [point.step for point in client.get_metric_history(seen.info.run_id, "step_loss")] == [4, 8, 12]
    assert seen.data.metrics["best_test_mae"] == json.loads(run.summary.read_text())["best"]["test"]["mae"]
    names = {artifact.path for artifact in client.list_artifacts(seen.info.run_id)}
    assert names == {"config.yaml", "metrics.csv", "predictions.csv", "summary.json", "best.safetensors", "plots"}
    assert [artifact.path for artifact in client.list_artifacts(seen.info.run_id, "plots")] == ["plots/loss.png"]


@pytest.mark.filterwarnings("ignore")
def test_one_that_is_gone_on_with_is_the_same_run(folder):
    train(folder / "small.yaml", [], runs_dir=folder / "runs", quiet=True)
    resume(None, ["train.epochs=4"], runs_dir=folder / "runs", quiet=True)
    client = tracked(folder)
    (seen,) = runs_in(client)
    assert [point.step for point in client.get_metric_history(seen.info.run_id, "train_loss")] == [5, 10, 15, 20]
    assert seen.info.status == "FINISHED"


@pytest.mark.filterwarnings("ignore")
def test_one_that_fails(folder):
    with pytest.raises(RunFailed):
        train(folder / "small.yaml", ["optimizer={type: SGD, lr: 1e30}"], runs_dir=folder / "runs", quiet=True)
    (seen,) = runs_in(tracked(folder))
    assert seen.info.status == "FAILED"
