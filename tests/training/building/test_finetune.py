"""Beginning with the weights of another run or file: what is taken, what is frozen, which preparation is kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import mytorch
from mytorch import nn
from mytorch.training.building import finetune
from mytorch.training.building.experiment import build, build_optimizer
from mytorch.training.config.config import load_config
from mytorch.training.errors import ConfigError
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.runs import checkpoint
from mytorch.training.runs.run import Run

LAYERS = (
    "[{type: Linear, out_features: 4}, BatchNorm1d, Tanh, {type: Dropout, p: 0.5}, {type: Linear, out_features: 1}]"
)
DATASET = "{type: csv, path: d.csv, target: y, normalize: {inputs: standard, target: minmax}, batch_size: 8}"
SHAPES = {
    "0.weight": (4, 2), "0.bias": (4,),
    "1.weight": (4,), "1.bias": (4,), "1.running_mean": (4,), "1.running_var": (4,), "1.num_batches_tracked": (),
    "4.weight": (1, 4), "4.bias": (1,),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_rows("d.csv", shift=0.0)
    write_rows("other.csv", shift=5.0)
    return tmp_path


def write_rows(path: str, shift: float) -> None:
    values = np.random.default_rng(0).normal(size=(20, 2)) + shift
    lines = [f"{a:.3f},{b:.3f},{a - b:.3f},{'no' if a > shift else 'yes'}" for a, b in values]
    Path(path).write_text("\n".join(["a,b,y,word", *lines]) + "\n")


@pytest.fixture
def config(folder):
    """Load a config that fine-tunes."""

    def load(section: str, *overrides: str):
        dataset = DATASET.replace("target: y", "target: y, drop: [word]")
        Path("c.yaml").write_text(
            f"dataset: {dataset}\nmodel: {LAYERS}\nloss: MSELoss\noptimizer: {{type: Adam, lr: 0.01}}\n"
            f"train: {{epochs: 2}}\nfinetune: {section}\n"
        )
        return load_config("c.yaml", overrides)

    return load


@pytest.fixture
def faults(config):
    """What is wrong with a config that fine-tunes."""

    def messages(*arguments) -> list[str]:
        with pytest.raises(ConfigError) as error:
            build(config(*arguments))
        return [str(problem).removeprefix("c.yaml:") for problem in error.value.problems]

    return messages


def some_weights() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(1)
    weights = {name: generator.random(shape, np.float32) for name, shape in SHAPES.items()}
    return weights | {"1.num_batches_tracked": np.array(7)}


def save_pt(path: str, weights: dict[str, np.ndarray], key: str | None = None) -> None:
    tensors = {name: mytorch.tensor(array) for name, array in weights.items()}
    mytorch.save(tensors if key is None else {"epoch": 3, key: tensors}, path)


# --- weights ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["w.pt", "nested.pth", "w.safetensors", "ours.safetensors"])
def test_the_weights_of_a_file_are_in_the_model(config, path):
    from safetensors.numpy import save_file

    weights = some_weights()
    save_pt("w.pt", weights)
    save_pt("nested.pth", weights, "model_state_dict")
    save_file(weights, "w.safetensors")
    checkpoint.save("ours.safetensors", weights, {"epoch": 1})
    experiment = build(config(f"{{from: {path}}}"))
    state = experiment.model.state_dict()
    assert list(state) == list(SHAPES)
    for name, tensor in state.items():
        np.testing.assert_array_equal(tensor.numpy(), weights[name])
    assert experiment.start.lines() == [f"starting from {path}", "  taken over: 0, 1, 4"]
    assert all(p.requires_grad for p in experiment.model.parameters())


def test_nothing_drawn_at_random_is_others(config):
    """A new layer has the weights that it would have without fine-tuning, and so have the shuffles."""
    save_pt("w.pt", some_weights())
    fresh = build(config("null")).model.state_dict()
    after_fresh = mytorch.rand(1).item()
    tuned = build(config('{from: w.pt, new: ["4"]}')).model.state_dict()
    assert mytorch.rand(1).item() == after_fresh
    assert tuned["4.weight"].tolist() == fresh["4.weight"].tolist()
    assert tuned["0.weight"].tolist() != fresh["0.weight"].tolist()


def test_what_does_not_fit_is_refused_with_both_shapes(faults):
    weights = some_weights()
    del weights["1.bias"]
    weights["4.weight"] = np.zeros((3, 4), np.float32)
    save_pt("w.pt", weights)
    assert faults("{from: w.pt}") == [
        "6:18: finetune.from: the weights of w.pt do not fit the model:\n"
        "  1.bias: not there, [4] here\n"
        "  4.weight: [3, 4] there, [1, 4] here\n"
        'let these layers start anew with new: ["1", "4"]'
    ]


def test_new_layers_and_those_that_the_model_has_not(config):
    weights = some_weights() | {"4.weight": np.zeros((3, 4), np.float32), "6.weight": np.zeros(2, np.float32)}
    del weights["1.num_batches_tracked"]  # as in files of the time before it
    save_pt("w.pt", weights)
    experiment = build(config('{from: w.pt, new: ["4.*"], freeze: ["0"]}'))
    lines = ["starting from w.pt", "  taken over: 0, 1", "  new: 4", "  frozen: 0", "  not in this model: 6"]
    assert experiment.start.lines() == lines
    np.testing.assert_array_equal(experiment.model[0].weight.numpy(), weights["0.weight"])


def test_a_run_is_named_in_full_in_the_config_that_is_kept(config, folder):
    run = Run.create(folder / "elsewhere", "boston")
    run.config.write_text("")
    checkpoint.save(run.best_checkpoint, some_weights(), {})
    experiment = build(config("{from: bos}"), runs_dir=Path("elsewhere"))
    assert experiment.config.finetune.source == f"elsewhere/boston/{run.path.name}"
    assert f"  from: elsewhere/boston/{run.path.name}\n" in experiment.config.to_yaml()
    again = build(experiment.config)
    assert again.config == experiment.config


def test_all_of_a_trainings_state_is_a_source_too(config):
    training = Training(build(config("null")), Run.create("runs", "first"))
    training.run(Progress(2, "quiet"))
    (path,) = training.directory.checkpoints.glob("state-00000006.safetensors")
    state = build(config(f"{{from: {path}}}")).model.state_dict()
    for name, tensor in training.model.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), state[name].numpy())


def make_broken_files() -> None:
    mytorch.save({"epoch": 3}, "plain.pt")
    mytorch.save([mytorch.ones(1)], "list.pt")
    Path("junk.pt").write_bytes(b"junk" * 50)
    Path("empty.pt").write_bytes(b"")
    Path("junk.safetensors").write_bytes(b"junk" * 50)
    checkpoint.save("flipped.safetensors", some_weights(), {})
    data = bytearray(Path("flipped.safetensors").read_bytes())
    data[-1] ^= 1
    Path("flipped.safetensors").write_bytes(data)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("plain.pt", "plain.pt: expected the tensors of a state_dict(), got a mapping with 'epoch'"),
        ("list.pt", "list.pt: expected the tensors of a state_dict(), got list"),
        ("junk.pt", "junk.pt: cannot read the weights: "),
        ("empty.pt", "empty.pt: cannot read the weights: "),
        ("junk.safetensors", "junk.safetensors: cannot read the weights: "),
        ("flipped.safetensors", "flipped.safetensors: the checkpoint is damaged"),
        ("junk.pth", "there is no file 'junk.pth' in "),
        ("nowhere", "there are no runs in runs yet"),
        ('"a\\0b"', "there are no runs in runs yet"),
        ("7", "expected text, got 7; write '7' in quotes"),
    ],
)
def test_what_cannot_be_read_has_its_place(faults, source, message):
    make_broken_files()
    (problem,) = faults(f"{{from: {source}}}")
    assert problem.startswith(f"6:18: finetune.from: {message}")


def test_random_bytes_are_one_message(config):
    generator = np.random.default_rng(2)
    for suffix in ("pt", "safetensors"):
        save_pt("whole.pt", some_weights())
        checkpoint.save("whole.safetensors", some_weights(), {})
        whole = bytearray(Path(f"whole.{suffix}").read_bytes())
        for _ in range(30):
            data = bytearray(whole[: generator.integers(1, len(whole))])
            data[generator.integers(len(data))] ^= 255
            Path(f"x.{suffix}").write_bytes(data)
            with pytest.raises(ConfigError):
                build(config(f"{{from: x.{suffix}}}"))


# --- patterns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patterns", "frozen"),
    [
        ('["0"]', ["0.weight", "0.bias"]),
        ('["0.*"]', ["0.weight", "0.bias"]),
        ('["*.bias"]', ["0.bias", "1.bias", "4.bias"]),
        ('["[01]"]', ["0.weight", "0.bias", "1.weight", "1.bias"]),
        ('["4.weight", "2"]', ["4.weight"]),  # 2 is a layer that has no parameters
    ],
)
def test_freeze(config, patterns, frozen):
    save_pt("w.pt", some_weights())
    experiment = build(config(f"{{from: w.pt, freeze: {patterns}}}"))
    named = dict(experiment.model.named_parameters())
    assert [name for name, p in named.items() if not p.requires_grad] == frozen
    optimizer, _ = build_optimizer(experiment)
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in trained} == {id(p) for name, p in named.items() if name not in frozen}
    count = sum(named[name].numel() for name in frozen)
    assert finetune.count_frozen(experiment.model) == count
    assert finetune.told_parameters(experiment.model) == f"{25 - count} of 25 parameters trained"


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        (
            'freeze: ["0.wieght"]',
            "6:33: finetune.freeze.0: '0.wieght' fits no layer or parameter; did you mean '0.weight'?",
        ),
        (
            'new: ["4", "backbone"]',
            "6:35: finetune.new.1: 'backbone' fits no layer or parameter; there is 0, 1, 2, 3, 4, 0.weight, 0.bias, "
            "1.weight, 1.bias, 1.running_mean, 1.running_var, 1.num_batches_tracked, ...",
        ),
        ('freeze: ["*"]', "6:32: finetune.freeze: every parameter is frozen: nothing is left to train"),
        ('new: ["*"]', "6:29: finetune.new: every layer is new: nothing would be taken over"),
        ('freeze: ["*"], new: ["4"]', "6:44: finetune.new: freeze names 4 too, which would stay random"),
        ("freeze: [0]", "6:33: finetune.freeze.0: expected text, got 0; write '0' in quotes"),
        ("freeze: 0.*", "6:32: finetune.freeze: expected a list, got text '0.*'; for example freeze: [\"0.*\"]"),
        (
            "preparation: kept",
            "6:37: finetune.preparation: expected 'learn' or 'keep', got text 'kept'; did you mean 'keep'?",
        ),
        ("form: x", "6:24: finetune: unknown key 'form'; did you mean 'from'?"),
    ],
)
def test_each_mistake_has_its_message_and_its_place(faults, section, problem):
    save_pt("w.pt", some_weights())
    assert faults(f"{{from: w.pt, {section}}}") == [problem]


def test_a_missing_source(faults):
    assert faults("{}") == ["6:11: finetune: missing key 'from'; for example from: boston"]
    assert faults("w.pt") == [
        "6:11: finetune: expected a mapping, got text 'w.pt'; for example finetune: {from: boston}"
    ]


# --- frozen layers in a training --------------------------------------------------------------------------------------


def trained(config, section: str, *overrides: str) -> Training:
    save_pt("w.pt", some_weights())
    training = Training(build(config(section, *overrides)), Run.create("runs", "tuned"))
    training.run(Progress(2, "quiet"))
    return training


@pytest.mark.parametrize("patterns", ['["0", "1"]', '["0.*", "1.*"]', '["0.*", "1.weight", "1.bias"]'])
@pytest.mark.parametrize(
    "train", ["{epochs: 2}", "{epochs: 2, swa: {start_epoch: 1}}", "{epochs: 2, ema: {decay: 0.5}}"]
)
def test_frozen_layers_stay_as_they_are_with_their_statistics(config, patterns, train):
    training = trained(config, f"{{from: w.pt, freeze: {patterns}}}", f"train={train}")
    before, after = some_weights(), checkpoint.load(training.directory.last_checkpoint)[0]
    for name in SHAPES:
        is_same = np.array_equal(after[name], before[name])
        assert is_same == (not name.startswith("4")), name


def test_batch_norm_that_is_frozen_in_part_goes_on_learning(config):
    training = trained(config, '{from: w.pt, freeze: ["1.bias"]}')
    before, after = some_weights(), checkpoint.load(training.directory.last_checkpoint)[0]
    assert {name for name in SHAPES if np.array_equal(after[name], before[name])} == {"1.bias"}


def test_frozen_batch_norm_gives_in_training_what_it_gives_in_evaluation(config):
    save_pt("w.pt", some_weights())
    model = build(config('{from: w.pt, freeze: ["1"]}')).model
    inputs = mytorch.rand(6, 2)
    model.train()
    norm = nn.Sequential(*list(model)[:2])
    in_training = norm(inputs)
    assert in_training.tolist() == norm.eval()(inputs).tolist()
    assert model[3].training  # dropout drops


def test_the_summary_counts_both(config):
    training = trained(config, '{from: w.pt, freeze: ["0"]}')
    summary = json.loads(training.directory.summary.read_text())
    assert (summary["parameters"], summary["frozen_parameters"]) == (13, 12)


# --- the preparation --------------------------------------------------------------------------------------------------


@pytest.fixture
def first(config):
    """A finished run on d.csv."""
    training = Training(build(config("null")), Run.create("runs", "first"))
    training.run(Progress(2, "quiet"))
    return training


def test_it_is_learned_from_the_new_rows_unless_it_is_kept(config, first):
    other = "dataset.path=other.csv"
    learned = build(config("{from: first}", other)).data
    kept = build(config("{from: first, preparation: keep}", other)).data
    assert kept.preparation.to_dict() == first.experiment.data.preparation.to_dict()
    assert abs(learned.train.inputs.mean()) < 1e-6
    shift, scale = kept.input_normalizer.shift, kept.input_normalizer.scale
    rows = np.loadtxt("other.csv", delimiter=",", skiprows=1, usecols=(0, 1))
    np.testing.assert_allclose(kept.train.inputs, (rows - shift) / scale, rtol=1e-6)
    assert kept.train.inputs.mean() > 3


def test_it_stays_with_the_run_when_the_other_is_gone(config, first):
    experiment = build(config("{from: first, preparation: keep}", "dataset.path=other.csv"))
    run = Run.create("runs", "tuned")
    run.config.write_text(experiment.config.to_yaml())
    Training(experiment, run).run(Progress(2, "quiet"))
    for path in first.directory.checkpoints.iterdir():
        path.unlink()
    again = build(load_config(run.config), runs_dir=None)
    assert again.data.preparation.to_dict() == first.experiment.data.preparation.to_dict()
    assert again.start is None
    with pytest.raises(ConfigError, match="no such checkpoint file"):
        build(load_config(run.config))
    # what another run was started from says nothing of this one
    with pytest.raises(ConfigError, match="no run 'elsewhere'"):
        build(load_config(run.config, ["finetune.from=elsewhere"]))


def test_another_target_has_its_own(config, first):
    classes = ("dataset.target=word", "dataset.drop=[y]", "dataset.normalize.target=none", "loss=CrossEntropyLoss")
    section = '{from: first, preparation: keep, new: ["4"]}'
    data = build(config(section, *classes, "model.4.out_features=2", "dataset.path=other.csv")).data
    assert data.class_names == ["no", "yes"]
    assert data.input_normalizer.to_dict() == first.experiment.data.input_normalizer.to_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "dataset.normalize.inputs=minmax",
            "normalize.inputs is minmax, that to be kept standard; write inputs: standard",
        ),
        ("dataset.normalize.target=none", "normalize.target is none, that to be kept minmax; write target: minmax"),
        ("dataset.drop=[]", "the feature columns are a, b, word (text), those to be kept a, b"),
    ],
)
def test_it_must_fit(faults, first, change, message):
    (problem,) = faults("{from: first, preparation: keep}", change)
    assert problem == f"6:38: finetune.preparation: keep: {message}"


def test_a_file_of_weights_has_none(faults):
    save_pt("w.pt", some_weights())
    assert faults("{from: w.pt, preparation: keep}") == [
        "6:37: finetune.preparation: w.pt holds no preparation of the data; best.safetensors and last.safetensors of a "
        "run do; or write preparation: learn"
    ]


def test_data_on_the_disk_keeps_it_too(config, first):
    generator = np.random.default_rng(3)
    np.save("x.npy", generator.random((20, 2)))
    np.save("y.npy", generator.random(20))
    np.save("x2.npy", generator.random((20, 2)) + 4)
    source = "dataset={type: npy, inputs: %s, targets: y.npy, normalize: {inputs: standard, target: minmax}}"
    training = Training(build(config("null", source % "x.npy")), Run.create("runs", "disk"))
    training.run(Progress(2, "quiet"))
    kept = build(config("{from: disk, preparation: keep}", source % "x2.npy")).data
    assert kept.preparation.to_dict() == training.experiment.data.preparation.to_dict()
    expected = (np.load("x2.npy") - kept.input_normalizer.shift) / kept.input_normalizer.scale
    np.testing.assert_allclose(kept.train.inputs[:], expected, rtol=1e-6)
    np.testing.assert_array_equal(kept.train.targets, training.experiment.data.train.targets)
