from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mytorch.training.config.components import Registries
from mytorch.training.config.config import check, find_file, load_config
from mytorch.training.config.yaml_source import dump, parse, to_text
from mytorch.training.errors import ConfigError, UserError

BOSTON = """\
name: boston
seed: 0
dataset:
  type: boston
  test: {every: 4}
  validation: {fraction: 0.1}
  normalize: {inputs: standard, target: standard}
  batch_size: 32
model:
  - {type: Linear, out_features: 64}
  - ReLU
  - {type: Dropout, p: 0.1}
  - {type: Linear, out_features: 1}
loss: SmoothL1Loss
optimizer: {type: AdamW, lr: 3e-3, weight_decay: 0.01}
scheduler: {type: OneCycleLR, max_lr: 3e-3}
train: {epochs: 200}
metrics: [mae, rmse, r2]
"""
MINIMAL = """\
dataset: boston
model: [{type: Linear, out_features: 1}]
loss: MSELoss
optimizer: SGD
train: {epochs: 1}
"""


def problems(registries: Registries, text: str, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        check(parse(text, "f"), overrides, registries)
    return str(caught.value).split("\n")


def test_the_values_of_a_config(registries: Registries) -> None:
    config = check(parse(BOSTON), ["optimizer.lr=1e-3", "seed=3"], registries)
    assert (config.name, config.seed, config.train.epochs) == ("boston", 3, 200)
    assert config.dataset.source.type == "boston"
    assert config.dataset.test is not None
    assert (config.dataset.test.every, config.dataset.test.fraction) == (4, None)
    assert config.dataset.validation is not None
    assert config.dataset.validation.fraction == 0.1
    assert (config.dataset.normalize.inputs, config.dataset.batch_size) == ("standard", 32)
    assert [layer.type for layer in config.model] == ["Linear", "ReLU", "Dropout", "Linear"]
    assert config.optimizer.arguments == {"lr": 0.001, "weight_decay": 0.01}
    assert config.train.scheduler_step == "batch"
    assert config.task == "regression"


@pytest.mark.parametrize(
    ("scheduler", "key"),
    [
        ("{type: OneCycleLR, max_lr: 1e-2}", "scheduler.max_lr"),
        ("{type: StepLR, step_size: 5}", "optimizer.lr"),
        ("null", "optimizer.lr"),
    ],
)
def test_the_key_that_decides_the_learning_rate(registries: Registries, scheduler: str, key: str) -> None:
    assert check(parse(BOSTON), [f"scheduler={scheduler}"], registries).rate_key == key


def test_defaults(registries: Registries) -> None:
    assert check(parse(MINIMAL), [], registries).to_yaml() == (
        "name: run\n"
        "seed: 0\n"
        "dataset:\n"
        "  type: boston\n"
        "  normalize: {inputs: none, target: none}\n"
        "  batch_size: 32\n"
        "  shuffle: true\n"
        "  workers: 0\n"
        "model:\n"
        "- {type: Linear, out_features: 1, bias: true}\n"
        "loss: {type: MSELoss, reduction: mean}\n"
        "optimizer: {type: SGD, lr: 0.001, momentum: 0.0, nesterov: false}\n"
        "train: {epochs: 1, accumulate: 1}\n"
        "metrics: [mae, rmse, r2]\n"
        "checkpoint: {keep: 2}\n"
    )


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("dataset.batch_size=full", "dataset.batch_size", "full"),
        ("loss=CrossEntropyLoss", "task", "classification"),
        ("metrics=[]", "metrics", ()),
        ("scheduler=CosineAnnealingLR", "train.scheduler_step", "epoch"),
        ("train={epochs: 1, scheduler_step: batch}", "train.scheduler_step", None),
        ("name=boston-2_보스턴.v1", "name", "boston-2_보스턴.v1"),
        ("seed=9223372036854775807", "seed", 2**63 - 1),
        ("seed=", "seed", 0),
        ("dataset.validation=null", "dataset.validation", None),
        ("dataset.workers=2", "dataset.workers", 2),
        ("checkpoint={every_steps: 5}", "checkpoint.every_steps", 5),
        ("checkpoint.every_minutes=0.5", "checkpoint.every_minutes", 0.5),
        ("checkpoint.keep=3", "checkpoint.keep", 3),
    ],
)
def test_single_values(registries: Registries, override: str, path: str, value: Any) -> None:
    found: Any = check(parse(MINIMAL), [override], registries)
    for key in path.split("."):
        found = getattr(found, key)
    assert found == value


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: boston", "nam: boston", "f:1:1: unknown key 'nam'; did you mean 'name'?"),
        ("name: boston", "name: 2024", "f:1:7: name: expected text, got 2024; write '2024' in quotes"),
        (
            "name: boston",
            "name: latest",
            "f:1:7: name: 'latest' is the link to the newest run; choose another name",
        ),
        ("seed: 0", "seed: -1", "f:2:7: seed: expected a number of at least 0, got -1"),
        ("seed: 0", "seed: 1.0", "f:2:7: seed: expected an integer, got 1.0; write 1"),
        ("seed: 0", "seed: true", "f:2:7: seed: expected an integer, got true"),
        ("seed: 0", "seeds:", "f:2:1: unknown key 'seeds'; did you mean 'seed'?"),
        (
            "seed: 0",
            "checkpoint: {every_steps: 0}",
            "f:2:27: checkpoint.every_steps: expected a number of at least 1, got 0",
        ),
        ("seed: 0", "checkpoint: {keep: 0}", "f:2:20: checkpoint.keep: expected a number of at least 1, got 0"),
        (
            "seed: 0",
            "checkpoint: {every_step: 5}",
            "f:2:14: checkpoint: unknown key 'every_step'; did you mean 'every_steps'?",
        ),
        (
            "seed: 0",
            "checkpoint: {every_minutes: 0}",
            "f:2:29: checkpoint.every_minutes: expected a number greater than 0, got 0",
        ),
        ("seed: 0", "seed: 0\nseed: 1", "f:3:1: duplicate key 'seed'; it was given before in line 2"),
        ("type: boston", "type: bostn", "f:4:9: dataset: unknown dataset 'bostn'; did you mean 'boston'?"),
        (
            "  type: boston\n",
            "",
            "f:4:3: dataset: missing key 'type', the name of the dataset; write {type: NAME, ...}",
        ),
        (
            "batch_size: 32",
            "batchsize: 32",
            "f:8:3: dataset: boston has no argument 'batchsize'; did you mean 'batch_size'?",
        ),
        (
            "batch_size: 32",
            "batch_size: 0",
            "f:8:15: dataset.batch_size: expected an integer of at least 1 or 'full', got 0",
        ),
        (
            "batch_size: 32",
            "batch_size: true",
            "f:8:15: dataset.batch_size: expected an integer of at least 1 or 'full', got true",
        ),
        (
            "batch_size: 32",
            "shuffle: yes",
            "f:8:12: dataset.shuffle: expected true or false, got text 'yes'; write true",
        ),
        ("{every: 4}", "{every: 1}", "f:5:17: dataset.test.every: expected a number of at least 2, got 1"),
        (
            "{every: 4}",
            "{}",
            "f:5:9: dataset.test: expected {every: N}, {fraction: F} or {fold: K, folds: N}, got none",
        ),
        (
            "{every: 4}",
            "{every: 4, fraction: 0.1}",
            "f:5:9: dataset.test: expected {every: N}, {fraction: F} or {fold: K, folds: N}, got several",
        ),
        ("{every: 4}", "{evry: 4}", "f:5:10: dataset.test: unknown key 'evry'; did you mean 'every'?"),
        ("{every: 4}", "4", "f:5:9: dataset.test: expected a mapping, got 4; for example test: {every: 4}"),
        (
            "{fraction: 0.1}",
            "{fraction: 1}",
            "f:6:26: dataset.validation.fraction: expected a number less than 1, got 1",
        ),
        (
            "{fraction: 0.1}",
            "{fraction: .nan}",
            "f:6:26: dataset.validation.fraction: expected a finite number, got .nan",
        ),
        (
            "inputs: standard",
            "inputs: standart",
            "f:7:23: dataset.normalize.inputs: expected 'none', 'minmax' or 'standard', "
            "got text 'standart'; did you mean 'standard'?",
        ),
        (
            "inputs: standard",
            "input: standard",
            "f:7:15: dataset.normalize: unknown key 'input'; did you mean 'inputs'?",
        ),
        ("- ReLU", "- relu", "f:11:5: model.1: unknown layer 'relu'; did you mean 'ReLU'?"),
        ("- ReLU", "- SmoothL1Loss", "f:11:5: model.1: 'SmoothL1Loss' is a loss, not a layer"),
        ("p: 0.1", 'p: "0.1"', "f:12:24: model.2.p: expected a number, got text '0.1'"),
        (
            "p: 0.1",
            "p: 1.5",
            "f:12:24: model.2.p: Dropout: dropout probability has to be between 0 and 1, but got 1.5",
        ),
        ("p: 0.1", "q: 0.1", "f:12:21: model.2: Dropout has no argument 'q'; choose from p, inplace"),
        (
            "  - {type: Linear, out_features: 64}",
            "  - Linear",
            "f:10:5: model.0: Linear needs the argument 'out_features' (an integer)",
        ),
        (
            "- ReLU",
            "- {type: Sequential, layers: [Tanh, {type: Relu}]}",
            "f:11:46: model.1.layers.1: unknown layer 'Relu'; did you mean 'ReLU'?",
        ),
        ("AdamW", "Adm", "f:15:19: optimizer: unknown optimizer 'Adm'; did you mean 'Adam'?"),
        ("lr: 3e-3,", "lr: -1,", "f:15:30: optimizer.lr: AdamW: Invalid learning rate: -1.0"),
        ("lr: 3e-3,", "lr: fast,", "f:15:30: optimizer.lr: expected a number, got text 'fast'"),
        (
            "lr: 3e-3,",
            "learning_rate: 3e-3,",
            "f:15:26: optimizer: AdamW has no argument 'learning_rate'; choose from lr, weight_decay",
        ),
        ("loss: SmoothL1Loss", "loss:", "f:1:1: missing key 'loss'; for example loss: MSELoss"),
        ("train: {epochs: 200}", "train: {}", "f:17:8: train: missing key 'epochs'; for example epochs: 100"),
        (
            "train: {epochs: 200}",
            "train: 200",
            "f:17:8: train: expected a mapping, got 200; for example train: {epochs: 100}",
        ),
        ("epochs: 200", "epochs: 0", "f:17:17: train.epochs: expected a number of at least 1, got 0"),
        ("epochs: 200", "epochs: 2e2", "f:17:17: train.epochs: expected an integer, got 200.0; write 200"),
        ("epochs: 200", "epochs: null", "f:17:17: train.epochs: expected an integer, got null"),
        (
            "epochs: 200",
            "epochs: 200, clip_grad_norm: 0",
            "f:17:38: train.clip_grad_norm: expected a number greater than 0, got 0",
        ),
        (
            "epochs: 200",
            "epochs: 200, clip_grad_norm: .inf",
            "f:17:38: train.clip_grad_norm: expected a finite number, got .inf",
        ),
        (
            "epochs: 200",
            "epochs: 200, scheduler_step: step",
            "f:17:38: train.scheduler_step: expected 'epoch' or 'batch', got text 'step'",
        ),
        ("rmse", "rsme", "f:18:16: metrics.1: unknown metric 'rsme'; did you mean 'rmse'?"),
        ("rmse", "3", "f:18:16: metrics.1: expected a metric, as NAME or {type: NAME, ...}, got 3"),
        ("rmse", "mae", "f:18:16: metrics.1: mae is listed twice"),
        (
            "rmse",
            "accuracy",
            "f:18:16: metrics.1: accuracy is for classification, and SmoothL1Loss for regression",
        ),
        (
            "[mae, rmse, r2]",
            "mae",
            "f:18:10: metrics: expected a list, got text 'mae'; for example metrics: [mae, rmse]",
        ),
    ],
)
def test_each_mistake_has_its_message_and_its_place(registries: Registries, old: str, new: str, message: str) -> None:
    assert BOSTON.count(old) >= 1
    assert problems(registries, BOSTON.replace(old, new, 1)) == [message]


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "a\\b", ".hidden", "-x", "x.", "..", "", "a b", "a" * 101, "C:x", "a\n"]
)
def test_names_that_would_leave_the_runs_directory(registries: Registries, name: str) -> None:
    found = problems(registries, MINIMAL + f"name: {to_text(name)}")
    assert len(found) == 1
    assert found[0].startswith("f:6:7: name: expected a name of at most 100 letters, digits, '.', '_' and '-'")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: []", "f:1:8: model: expected at least one layer, got an empty list"),
        (
            "model: 5",
            "f:1:8: model: expected a list of layers, or one module as {type: NAME, ...}, got 5; "
            "for example model: [{type: Linear, out_features: 1}]",
        ),
        ("dataset: 5", "f:1:10: dataset: expected a dataset, as NAME or {type: NAME, ...}, got 5"),
    ],
)
def test_sections_of_the_wrong_kind(registries: Registries, text: str, message: str) -> None:
    assert message in problems(registries, text)


def test_everything_is_reported_at_once_in_order(registries: Registries) -> None:
    text = "sed: 0\ndataset: {type: bostn, test: {every: 1}}\nmodel: [Relu, 5]\nloss: MSE\nloss: MSELoss\n"
    assert problems(registries, text, "train.epoch=x", "optimizer=Adm", "model.7=ReLU") == [
        "f:1:1: unknown key 'sed'; did you mean 'seed'?",
        "f:2:17: dataset: unknown dataset 'bostn'; did you mean 'boston'?",
        "f:2:38: dataset.test.every: expected a number of at least 2, got 1",
        "f:3:9: model.0: unknown layer 'Relu'; did you mean 'ReLU'?",
        "f:3:15: model.1: expected a layer, as NAME or {type: NAME, ...}, got 5",
        "f:4:7: loss: unknown loss 'MSE'; did you mean 'MSELoss'?",
        "f:5:1: duplicate key 'loss'; it was given before in line 4",
        "override 'train.epoch=x': train: missing key 'epochs'; for example epochs: 100",
        "override 'train.epoch=x': train: unknown key 'epoch'; did you mean 'epochs'?",
        "override 'optimizer=Adm': optimizer: unknown optimizer 'Adm'; did you mean 'Adam'?",
        "override 'model.7=ReLU': model is a list; its items are numbered 0 to 1, got '7'",
    ]


def test_an_empty_mapping_lacks_five_keys(registries: Registries) -> None:
    assert problems(registries, "seed: 1") == [
        "f:1:1: missing key 'dataset'; for example dataset: {type: boston}",
        "f:1:1: missing key 'model'; for example model: [{type: Linear, out_features: 1}]",
        "f:1:1: missing key 'loss'; for example loss: MSELoss",
        "f:1:1: missing key 'optimizer'; for example optimizer: {type: Adam, lr: 1e-3}",
        "f:1:1: missing key 'train'; for example train: {epochs: 100}",
    ]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "configs" / "data").mkdir(parents=True)
    (tmp_path / "configs" / "boston.yaml").write_text(BOSTON.replace("name: boston\n", ""), encoding="utf-8")
    (tmp_path / "configs" / "my latest.yaml").write_text(MINIMAL, encoding="utf-8")
    (tmp_path / "configs" / "latest.yaml").write_text(MINIMAL, encoding="utf-8")
    (tmp_path / "configs" / "data" / "a.csv").write_text("x,y\n")
    (tmp_path / "configs" / "data" / "b.csv").write_text("x,y\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("x,y\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "name"), [("boston.yaml", "boston"), ("my latest.yaml", "my-latest"), ("latest.yaml", "run")]
)
def test_the_name_is_the_files(folder: Path, registries: Registries, file: str, name: str) -> None:
    path = Path("configs") / file
    config = load_config(path, ["train.epochs=3"], registries)
    assert (config.name, config.train.epochs, config.source_path) == (name, 3, path)


def test_a_missing_config(folder: Path, registries: Registries) -> None:
    with pytest.raises(ConfigError, match="there is no such file; did you mean"):
        load_config("configs/bosten.yaml", [], registries)


def test_data_files_are_looked_up_from_here_then_from_the_config(folder: Path, registries: Registries) -> None:
    config = load_config("configs/boston.yaml", [], registries)
    assert config.find_file(("dataset", "path"), "data/a.csv") == Path("data/a.csv")
    assert config.find_file(("dataset", "path"), "data/b.csv") == Path("configs/data/b.csv")
    assert config.find_file(("dataset", "path"), str(folder / "data" / "a.csv")) == folder / "data" / "a.csv"
    with pytest.raises(ConfigError) as caught:
        config.find_file(("dataset", "path"), "data/aa.csv")
    assert str(caught.value) == (
        f"{Path('configs/boston.yaml')}:3:3: dataset.path: there is no file 'data/aa.csv' in "
        f"{Path.cwd() / 'data'} or {Path.cwd() / 'configs' / 'data'}; "
        f"did you mean {str(Path('data/a.csv'))!r}?"
    )
    for name in ("data/c.csv", "", "data", "a\0b", "x" * 5000):
        assert find_file(name) is None
        with pytest.raises(ConfigError, match="there is no file"):
            config.find_file(("dataset", "path"), name)


def test_later_problems_have_places_too(registries: Registries) -> None:
    config = check(parse(BOSTON, "f"), ["model.2.p=0.3"], registries)
    assert str(config.problem(("model", 3, "in_features"), "expects 64, gets 32")) == (
        "f:13:5: model.3.in_features: expects 64, gets 32"
    )
    assert str(config.problem(("model", 2, "p"), "no")) == "override 'model.2.p=0.3': model.2.p: no"
    assert str(config.problem(("metrics",), "no")) == "f:18:10: metrics: no"


def test_what_a_constructor_refuses_later_has_its_place(registries: Registries) -> None:
    config = check(parse(BOSTON.replace("64", "-64"), "f"), [], registries)
    with pytest.raises(ConfigError) as caught:
        config.build(("model", 0), config.model[0], in_features=13)
    assert str(caught.value) == "f:10:34: model.0.out_features: Linear: out_features must be positive, got -64"
    assert config.build(("model", 3), config.model[3], in_features=13).shape == (1, 13)


def test_a_config_does_not_change(registries: Registries) -> None:
    config = check(parse(MINIMAL), [], registries)
    with pytest.raises(Exception, match="frozen"):
        config.seed = 4


def test_configs_of_equal_values_are_equal_wherever_they_come_from(registries: Registries) -> None:
    one, other = (
        check(parse(MINIMAL, "f"), [], registries),
        check(parse("# \n" + MINIMAL, "g"), [], registries),
    )
    assert one == other
    assert one != check(parse(MINIMAL), ["seed=1"], registries)
    assert one != "config"


# --- properties: whatever is written -----------------------------------------------------------------------

numbers = st.floats(0, 1) | st.integers(0, 1)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
layers: st.SearchStrategy[Any] = st.deferred(
    lambda: (
        st.sampled_from(["ReLU", "Tanh", "Dropout"])
        | st.fixed_dictionaries(
            {"type": st.just("Linear"), "out_features": st.integers(1, 9)},
            optional={"bias": st.booleans(), "in_features": st.integers(1, 9)},
        )
        | st.fixed_dictionaries({"type": st.just("Dropout")}, optional={"p": numbers})
        | st.fixed_dictionaries({"type": st.just("Hardtanh")}, optional={"min_val": st.floats(allow_nan=False)})
        | st.fixed_dictionaries(
            {
                "type": st.just("Conv2d"),
                "out_channels": st.integers(1, 9),
                "kernel_size": st.integers(1, 5) | st.lists(st.integers(1, 5), min_size=2, max_size=2),
            }
        )
        | st.fixed_dictionaries({"type": st.just("Untyped"), "anything": junk}, optional={"table": junk})
        | st.fixed_dictionaries({"type": st.just("Sequential"), "layers": st.lists(layers, min_size=1, max_size=3)})
    )
)
junk: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(words.filter(lambda key: key != "<<"), inner, max_size=4)
    ),
    max_leaves=8,
)
splits: st.SearchStrategy[Any] = st.builds(dict, every=st.integers(2, 99)) | st.builds(
    dict, fraction=st.floats(0.01, 0.99)
)
csv = st.fixed_dictionaries(
    {"type": st.just("csv"), "path": words, "target": words},
    optional={
        "features": st.lists(words),
        "missing": st.sampled_from(["drop", "mean"]),
        "delimiter": st.sampled_from(",;|"),
    },
)
datasets = st.builds(
    lambda source, own: {**source, **own},
    csv | st.just({"type": "boston"}),
    st.fixed_dictionaries(
        {},
        optional={
            "test": splits,
            "validation": splits,
            "batch_size": st.integers(1, 999) | st.just("full"),
            "shuffle": st.booleans(),
            "normalize": st.fixed_dictionaries({}, optional={"inputs": st.sampled_from(["minmax", "none"])}),
        },
    ),
)
configs = st.fixed_dictionaries(
    {
        "dataset": datasets | st.just("boston"),
        "model": st.lists(layers, min_size=1, max_size=4),
        "loss": st.sampled_from(["MSELoss", {"type": "SmoothL1Loss", "beta": 0.5}, "CrossEntropyLoss"]),
        "optimizer": st.fixed_dictionaries(
            {"type": st.sampled_from(["Adam", "AdamW", "SGD"])}, optional={"lr": numbers}
        ),
        "train": st.fixed_dictionaries(
            {"epochs": st.integers(1)},
            optional={
                "clip_grad_norm": st.floats(1e-300, 1e300),
                "scheduler_step": st.sampled_from(["epoch", "batch"]),
            },
        ),
    },
    optional={
        "name": st.from_regex(r"[a-z0-9]{1,9}", fullmatch=True).filter(lambda name: name != "latest"),
        "seed": st.integers(0, 2**63 - 1),
        "scheduler": st.sampled_from(["CosineAnnealingLR", {"type": "OneCycleLR", "max_lr": 1e-5}]),
        "metrics": st.just([]),
    },
)


@settings(deadline=None, max_examples=150)
@given(data=configs)
def test_the_resolved_config_loads_and_is_equal(registries: Registries, data: dict[str, Any]) -> None:
    config = check(parse(dump(data)), [], registries)
    again = check(parse(config.to_yaml()), [], registries)
    assert again == config
    assert again.to_yaml() == config.to_yaml()


@settings(deadline=None, max_examples=150)
@given(
    data=configs,
    key=st.sampled_from(["dataset", "model", "loss", "optimizer", "train", "scheduler", "x"]),
    junk=junk,
)
def test_junk_in_a_config_is_a_config_error_in_our_own_words(
    registries: Registries, data: dict[str, Any], key: str, junk: Any
) -> None:
    try:
        config = check(parse(dump({**data, key: junk})), [], registries)
    except UserError as error:
        message = str(error)
    else:
        message = config.to_yaml()
    assert "Input should" not in message
    assert "Value error" not in message


paths = st.lists(
    st.sampled_from(["model", "train", "0", "1", "-1", "type", "p", "loss", "", "epochs", "x"]), max_size=4
)


@settings(deadline=None, max_examples=150)
@given(overrides=st.lists(st.builds(lambda keys, value: ".".join(keys) + value, paths, words | st.just("=[1"))))
def test_junk_in_overrides_is_a_config_error(registries: Registries, overrides: list[str]) -> None:
    with contextlib.suppress(UserError):
        check(parse(BOSTON), overrides, registries)


@settings(deadline=None)
@given(
    data=st.dictionaries(words.filter(lambda key: key != "<<") | st.sampled_from(["model", "name"]), junk, min_size=1)
)
def test_a_mapping_of_junk_is_a_config_error(registries: Registries, data: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        check(parse(dump(data), "f"), [], registries)
    assert all(str(problem).startswith("f:") for problem in caught.value.problems)
