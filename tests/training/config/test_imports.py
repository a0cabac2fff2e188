"""Files of a user's own: what in them is usable as what, what is told when nothing is, and what stays behind."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest

from mytorch.data.own_data import as_data
from mytorch.data.sources import Boston
from mytorch.data.table import DataError
from mytorch.training.building.experiment import build
from mytorch.training.config.components import resolve, standard_registries
from mytorch.training.config.config import load_config
from mytorch.training.config.imports import UnimportableError, add_imports
from mytorch.training.errors import ConfigError

REST = {
    "dataset": "{type: boston, test: {every: 4}}",
    "model": "[{type: Linear, out_features: 1}]",
    "loss": "MSELoss",
    "optimizer": "{type: SGD, lr: 0.1}",
    "train": "{epochs: 1}",
}
LAYER = "from mytorch import nn\n\nclass Own(nn.Module):\n    def forward(self, x):\n        return x\n"


@pytest.fixture
def folder(tmp_path):
    def write(imports="[own.py]", overrides=(), **sections):
        lines = {"imports": imports, **REST, **sections}
        (tmp_path / "own.yaml").write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
        return load_config(tmp_path / "own.yaml", overrides)

    def fails(*arguments, **sections):
        with pytest.raises(ConfigError) as caught:
            build(write(*arguments, **sections))
        return str(caught.value).removeprefix(f"{tmp_path}/").replace(str(tmp_path), "DIR")

    return SimpleNamespace(path=tmp_path, config=write, fails=fails, own=(tmp_path / "own.py").write_text)


KINDS = """
import abc
from mytorch import nn, optim, data
from mytorch.optim.lr_scheduler import LRScheduler
from mytorch.training.callbacks import Callback
from mytorch.training.metrics import RegressionMetric, Metric

class Twice(nn.Module):
    def __init__(self, factor: float = 2.0):
        self.factor = factor
    def forward(self, x):
        return x * self.factor

class Square(nn.Module):
    def forward(self, output, target):
        return (output - target).square().mean()

class OwnLoss(Square):
    pass

class Descent(optim.SGD):
    pass

class Slower(LRScheduler):
    def get_lr(self):
        return [0.1 for _ in self.base_lrs]

class Worst(RegressionMetric):
    type = "worst"
    direction = "min"
    def start(self): self.value = 0.0
    def add(self, prediction, target, weights): self.value = max(self.value, abs(prediction - target).max())
    def result(self): return self.value

class Rows(data.Dataset):
    def __init__(self, count: int = 8):
        self.count = count
    def __len__(self):
        return self.count
    def __getitem__(self, index):
        return [float(index), 1.0], float(index % 3)

class Loads:
    def load(self):
        return [[0.0], [1.0], [2.0]], [0, 1, 0]

class NoTask(Metric, abc.ABC):
    @abc.abstractmethod
    def extra(self): ...

class Stream(data.IterableDataset):
    pass

class Upwards(RegressionMetric):
    direction = "up"
    def start(self): pass
    def add(self, prediction, target, weights): pass
    def result(self): return 0.0

class Looker(Callback):
    def on_epoch_ends(self, training, row): pass

class LossAgain(Worst):
    type = "loss"

class Plain:
    pass

def factory(hidden: int = 3):
    return nn.Linear(1, hidden)

twice = Twice()
_Hidden = Twice
Alias = Twice
"""


def test_a_class_counts_by_what_it_is(tmp_path):
    (tmp_path / "own.py").write_text(KINDS)
    before = standard_registries()
    after = add_imports(before, [tmp_path / "own.py"])
    added = {kind: set(after[kind].classes) - set(before[kind].classes) for kind in before}
    assert {kind: names for kind, names in added.items() if names} == {
        "layer": {"Twice", "Alias"}, "loss": {"Square", "OwnLoss"}, "optimizer": {"Descent"}, "scheduler": {"Slower"},
        "metric": {"worst", "loss"}, "dataset": {"Rows", "Loads"},
    }  # fmt: skip
    assert all(after[kind].own == names for kind, names in added.items())


@pytest.mark.parametrize(
    ("section", "value", "message"),
    [
        ("model", "[twice]", "unknown layer 'twice': in own.py is an object, not a class; a type names the class, here Twice"),
        ("model", "[factory]", "unknown layer 'factory': in own.py is a function, not a class"),
        ("model", "[Plain]", "unknown layer 'Plain': in own.py derives from no class such as Module"),
        ("metrics", "[NoTask]", "unknown metric 'NoTask': in own.py is abstract: it has to define add, check, extra, result, start"),
        ("metrics", "[Upwards]", "unknown metric 'Upwards': in own.py has the direction 'up', expected 'min' or 'max'"),
        ("metrics", "[loss]", "loss is what the loss is called among the scores; give the metric another name"),
        ("log", "[Looker]", "unknown callback 'Looker': in own.py has a method on_epoch_ends, which is never called; did you "
         "mean 'on_epoch_end'?"),
        ("dataset", "Stream", "unknown dataset 'Stream': in own.py is a stream; a data set of a config has __len__ and __getitem__"),
        ("model", "[Square]", "'Square' is a loss, not a layer"),
        ("loss", "Twice", "'Twice' is a layer, not a loss"),
        ("model", "[Twyce]", "unknown layer 'Twyce'; did you mean 'Twice'?"),
        ("model", "[{type: Twice, factr: 2}]", "Twice has no argument 'factr'; did you mean 'factor'?"),
        ("model", "[{type: Twice, factor: two}]", "expected a number, got text 'two'"),
        ("dataset", "{type: Rows, count: 2.5}", "expected an integer, got 2.5"),
        ("dataset", "{type: Rows, cunt: 2}", "Rows has no argument 'cunt'; did you mean 'count'?"),
    ],
)  # fmt: skip
def test_the_names_of_a_file_are_checked_like_built_in_ones(folder, section, value, message):
    folder.own(KINDS)
    assert folder.fails(**{section: value}).endswith(f": {message}")


def test_everything_of_ones_own_trains_together(folder, tmp_path):
    from mytorch.training.loop.loop import Training
    from mytorch.training.loop.progress import Progress
    from mytorch.training.runs.run import Run

    folder.own(KINDS)
    config = folder.config(
        dataset="{type: Rows, count: 12, test: {every: 3}, validation: {every: 4}, normalize: {inputs: standard, target: standard}}",
        model="[Twice, {type: Linear, out_features: 1}]", loss="Square", optimizer="{type: Descent, lr: 0.1}",
        scheduler="Slower", metrics="[worst, mae]",
    )  # fmt: skip
    experiment = build(config)
    assert [len(split) for split in experiment.data.splits.values()] == [6, 2, 4]
    assert experiment.data.train.inputs[:].mean(axis=0) == pytest.approx([0, 0], abs=1e-6)
    summary = Training(experiment, Run.create(tmp_path / "runs", "own")).run(Progress(1, "quiet"))
    assert summary["best"]["test"]["worst"] >= summary["best"]["test"]["mae"] > 0
    assert load_config(tmp_path / "own.yaml").to_yaml() == config.to_yaml()


def test_ones_own_comes_before_one_of_mytorch(folder):
    folder.own(
        "from mytorch import nn\n\nclass Linear(nn.Module):\n    def __init__(self, out_features: int, gain: float):\n        pass\n"
    )
    assert "Linear needs the argument 'gain' (a number)" in folder.fails()


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1\n1 / 0\n", "own.yaml:1:11: imports.0: DIR/own.py:2: ZeroDivisionError: division by zero"),
        ("def f(:\n", "own.yaml:1:11: imports.0: DIR/own.py:1: SyntaxError: invalid syntax"),
        ("\nimport sys\nsys.exit(3)\n", "own.yaml:1:11: imports.0: DIR/own.py:3: the file ends the program; put what ends "
         "the program under if __name__ == '__main__':"),
        ("\nimport nothing_of_this_name\n", "own.yaml:1:11: imports.0: DIR/own.py:2: ModuleNotFoundError: No module named "
         "'nothing_of_this_name'"),
        ("", "own.yaml:1:11: imports.0: DIR/own.py defines no class that a config can name, such as a Module. A file that "
         "others import need not be listed"),
        ("def make():\n    pass\n", "own.yaml:1:11: imports.0: DIR/own.py defines no class that a config can name, such as a "
         "Module; make in own.py is a function, not a class. A file that others import need not be listed"),
        ("from .helper import broken\n", "own.yaml:1:11: imports.0: DIR/own.py:1: ImportError: attempted relative import with no "
         "known parent package; a file beside it is imported by its name alone: from helpers import width"),
        ("from helper import broken\n", "own.yaml:1:11: imports.0: DIR/helper.py:2: NameError: name 'nothing' is not defined"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_has_its_place(folder, code, message):
    (folder.path / "helper.py").write_text("\nnothing\n")
    folder.own(code)
    assert folder.fails() == message


def test_a_file_that_is_no_python_file_or_not_there(folder):
    (folder.path / "own.txt").write_text(LAYER)
    assert folder.fails("[own.txt]").endswith("own.txt is no Python file: its name must end in .py")
    assert "imports.0: there is no file 'own.py' in " in folder.fails()


def test_files_import_what_lies_beside_them_and_leave_nothing_behind(folder, tmp_path_factory):
    path, modules = list(sys.path), set(sys.modules)
    other = tmp_path_factory.mktemp("other")
    for place, width in ((folder.path, 3), (other, 5)):
        (place / "widths.py").write_text(f"width = {width}\n")
        (place / "parts").mkdir()
        (place / "parts" / "__init__.py").write_text("from .deep import height\n")
        (place / "parts" / "deep.py").write_text("height = 2\n")
        (place / "own.py").write_text(
            f"from widths import width\nfrom parts import height\n{LAYER}    size = width * height\n"
        )
    found = [
        add_imports(standard_registries(), [place / "own.py"])["layer"].classes["Own"].size
        for place in (folder.path, other)
    ]
    assert found == [6, 10]
    assert sys.path == path
    assert {name for name in set(sys.modules) - modules if not name.startswith(("mytorch", "_"))} == set()


@pytest.mark.parametrize("imports", ["[own.py, more.py]", "[more.py, own.py]", "[own.py, more.py, own.py]"])
def test_files_import_each_other_and_mean_the_same_class(folder, imports):
    folder.own(LAYER)
    (folder.path / "more.py").write_text(
        "from own import Own\nfrom mytorch import nn\n\nclass More(nn.Module):\n    kind = Own\n    def forward(self, x):\n        return x\n"
    )
    config = folder.config(imports, model="[Own, More, {type: Linear, out_features: 1}]")
    assert config.model[1].target.kind is config.model[0].target


def test_two_files_cannot_have_a_class_of_one_name(folder):
    folder.own(LAYER)
    (folder.path / "more.py").write_text(LAYER)
    said = folder.fails("[own.py, more.py]")
    assert (
        said
        == "own.yaml:1:19: imports.1: DIR/more.py: the layer Own is also in DIR/own.py; give one of them another name"
    )


def test_a_dataclass_and_annotations_as_text(folder):
    folder.own(
        "from __future__ import annotations\nfrom dataclasses import dataclass\nimport typing\n\n"
        "@dataclass\nclass Ramp:\n    rows: int = 6\n    kind: typing.ClassVar[str] = ''\n    step: float = 0.5\n"
        "    def load(self):\n        return [[row * self.step] for row in range(self.rows)], [0.5] * self.rows\n"
    )
    experiment = build(folder.config(dataset="{type: Ramp, rows: 4, step: 2}"))
    assert experiment.data.train.inputs[:].tolist() == [[0], [2], [4], [6]]
    assert folder.fails(dataset="{type: Ramp, rows: x}").endswith("dataset.rows: expected an integer, got text 'x'")


def test_a_class_without_init_of_module_and_an_annotation_that_is_no_type(folder):
    folder.own(
        "from mytorch import nn, ones\n\nclass Gain(nn.Module):\n    def __init__(self, size: 'no such type', in_features: 3):\n"
        "        self.weight = nn.Parameter(ones(in_features) * size)\n    def forward(self, x):\n        return x * self.weight\n"
    )
    assert build(folder.config(model="[{type: Gain, size: 2}, {type: Linear, out_features: 1}]")).model[
        0
    ].weight.shape == (13,)


# --- data sets ------------------------------------------------------------------------------------------------------

DATA = """
import numpy as np
import mytorch
from mytorch import data

class File(data.Dataset):
    file_arguments = ("table",)
    def __init__(self, table: str):
        self.rows = np.loadtxt(table, delimiter=",")
    def __len__(self):
        return len(self.rows)
    def __getitem__(self, index):
        return mytorch.tensor(self.rows[index, :2]), mytorch.tensor(self.rows[index, 2])

class Given:
    def __init__(self, what: str):
        self.what = what
    def load(self):
        return eval(self.what)

class Labels(data.Dataset):
    task = "classification"
    def __len__(self):
        return 10
    def __getitem__(self, index):
        return np.full((1, 4, 4), float(index)), np.array([index % 2 * 1.0])

class NoLength(data.Dataset):
    def __getitem__(self, index):
        return [1.0], 2.0

class Ragged(NoLength):
    def __len__(self):
        return 3
    def __getitem__(self, index):
        if index == 2:
            raise LookupError("no row 2")
        return [1.0] * (index + 1), 2.0
"""


def test_files_of_ones_own_data_set_are_found_beside_the_config(folder):
    folder.own(DATA)
    (folder.path / "t.csv").write_text("".join(f"{row},{row * row},{row / 2}\n" for row in range(8)))
    config = folder.config(dataset="{type: File, table: t.csv, test: {every: 4}}")
    experiment = build(config)
    assert experiment.data.test.inputs[:].tolist() == [[0, 0], [4, 16]]
    assert experiment.data.train.original_targets.ravel().tolist() == [0.5, 1.0, 1.5, 2.5, 3.0, 3.5]
    assert (experiment.data.task, experiment.data.feature_names) == ("regression", ["x0", "x1"])
    assert experiment.config.dataset.source.arguments["table"] == (folder.path / "t.csv").as_posix()
    assert "dataset.table: there is no file 'u.csv' in" in folder.fails(dataset="{type: File, table: u.csv}")


def test_class_numbers_and_images(folder):
    folder.own(DATA)
    experiment = build(
        folder.config(dataset="{type: Labels, test: {every: 5}}", loss="CrossEntropyLoss",
                      model="[{type: Conv2d, out_channels: 2, kernel_size: 3}, Flatten, {type: Linear, out_features: 2}]")
    )  # fmt: skip
    assert (experiment.data.class_names, experiment.data.train.inputs.shape) == (["0", "1"], (8, 1, 4, 4))


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("{type: Given, what: '3'}", "Given: load() has to give a pair (inputs, targets), with weights as a third if need be, got a int"),
        ("{type: Given, what: '([[1.0], [2.0]], [1.0])'}", "Given: targets: expected the shape (2,), one number a row, got (1,)"),
        ("{type: Given, what: '([1.0, 2.0], [1.0, 2.0])'}", "Given: expected inputs of the shape (rows, ...), got (2,)"),
        ("{type: Given, what: '([[1.0], [np.nan]], [1.0, 2.0])'}",
         "Given: inputs: row 1: nan is not finite as float32; missing values have to be filled in before"),
        ("{type: Given, what: '([[1.0], [2.0]], [1.0, 2.0], [1, -1])'}", "Given: weights: row 1: a weight is at least 0, got -1"),
        ("""{type: Given, what: "([['a'], ['b']], [1.0, 2.0])"}""",
         "Given: the inputs have to be numbers, got elements of the type <U1"),
        ("{type: Given, what: '1 / 0'}", "Given cannot be loaded: ZeroDivisionError: division by zero (DIR/own.py:19)"),
        ("NoLength", "NoLength: has no __len__; a data set has __len__ and __getitem__"),
        ("Ragged", "Ragged: row 1: the inputs have the shape (2,), row 0 has (1,)"),
    ],
)  # fmt: skip
def test_what_a_data_set_gives_is_checked(folder, dataset, message):
    folder.own(DATA)
    assert folder.fails(dataset=dataset).partition(": dataset: ")[2] == message


def test_what_mytorch_itself_gives_is_taken_as_it_is():
    table = Boston().load()
    assert as_data(table, "x") is table
    arrays = as_data(([[1.0], [2.0]], [1, 0], [1, 3]), "x")
    assert (arrays.task, arrays.weights.tolist()) == ("classification", [1.0, 3.0])
    assert as_data(arrays, "x").inputs is arrays.inputs
    with pytest.raises(DataError, match="task has to be"):
        as_data(([[1.0], [2.0]], [1, 0]), "x", task="ranking")


# --- losses and metrics are tried out -------------------------------------------------------------------------------

LOSSES = """
from mytorch import nn
from mytorch.training.metrics import RegressionMetric

class RowsLoss(nn.Module):
    def forward(self, output, target):
        return (output - target).abs()

class FloatLoss(nn.Module):
    def forward(self, output, target):
        return (output - target).abs().mean().item()

class CutLoss(nn.Module):
    def forward(self, output, target):
        return (output.detach() - target).abs().mean()

class TypoLoss(nn.Module):
    def forward(self, output, target):
        return (output - target).absolut().mean()

class Bad(RegressionMetric):
    def start(self): pass
    def add(self, prediction, target, weights): self.total += 1
    def result(self): return self.total
"""


@pytest.mark.parametrize(
    ("section", "name", "message"),
    [
        ("loss", "RowsLoss", "loss: RowsLoss gives the shape (8, 1), expected one number, such as its mean"),
        ("loss", "FloatLoss", "loss: FloatLoss gives a float, expected a tensor"),
        ("loss", "CutLoss", "loss: CutLoss does not depend on the output in a way that gradients can follow; NumPy and .item() "
         "end their way"),
        ("loss", "TypoLoss", "loss: TypoLoss cannot take outputs (8, 1) and targets (8, 1): AttributeError: 'Tensor' object has no "
         "attribute 'absolut' (DIR/own.py:19)"),
        ("metrics", "[Bad]", "metrics.0: Bad cannot be computed: AttributeError: 'Bad' object has no attribute 'total' (DIR/own.py:23)"),
    ],
)  # fmt: skip
def test_losses_and_metrics_are_tried_before_the_training(folder, section, name, message):
    folder.own(LOSSES)
    said = folder.fails(**{section: name}).partition(": ")[2]
    assert said.partition(". Did you mean")[0] == message


STEPS = """
from mytorch import nn, optim
from mytorch.optim.lr_scheduler import LRScheduler

class Stepless(optim.Optimizer):
    def __init__(self, params, lr: float):
        super().__init__(params, {"lr": lr})

class Forgets(optim.SGD):
    def __init__(self, params, lr: float):
        self.lr = lr

class Words(LRScheduler):
    def get_lr(self):
        return ["slow"]

class Double(nn.Module):
    def forward(self, x):
        return x.double()
"""


@pytest.mark.parametrize(
    ("section", "value", "message"),
    [
        ("optimizer", "{type: Stepless, lr: 0.1}", "optimizer: Stepless cannot take a step: NotImplementedError"),
        ("optimizer", "{type: Forgets, lr: 0.1}", "optimizer: Forgets cannot take a step: AttributeError: 'Forgets' object has no "
         "attribute '"),
        ("scheduler", "Words", "scheduler: Words cannot take a step: could not convert string to float: 'slow'"),
        ("model", "[Double, {type: Linear, out_features: 1}]", "model: what one layer gives, another cannot take: linear(): expected "
         "both operands to have the same dtype"),
    ],
)  # fmt: skip
def test_steps_are_tried_before_the_training(folder, section, value, message):
    folder.own(STEPS)
    assert folder.fails(**{section: value}).partition(": ")[2].startswith(message)


def test_a_loss_with_parameters_is_warned_of(folder):
    folder.own("""
from mytorch import nn, ones

class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(ones(1))
    def forward(self, output, target):
        return ((output - target) * self.scale).abs().mean()
""")
    with pytest.warns(UserWarning, match="^Scaled has parameters of its own, which are not trained: only those of the"):
        build(folder.config(loss="Scaled"))


@pytest.mark.parametrize("model", ["Cut", "[{type: Linear, out_features: 1}, Stop]"])
def test_a_model_that_gradients_cannot_follow_is_an_error_before_the_training(folder, model):
    folder.own("""
from mytorch import nn

class Cut(nn.Module):
    def __init__(self, in_features: int):
        super().__init__()
        self.last = nn.Linear(in_features, 1)
    def forward(self, x):
        return self.last(x).detach()

class Stop(nn.Module):
    def forward(self, x):
        return x.detach()
""")
    said = folder.fails(model=model).partition(": ")[2]
    assert said == (
        "model: the output does not depend on any trained parameter in a way that gradients can follow; "
        ".detach(), NumPy and .item() end their way"
    )


def test_the_schema_knows_own_data_sets(tmp_path):
    from mytorch.training.config.json_schema import component_schema

    (tmp_path / "own.py").write_text(KINDS)
    registries = add_imports(standard_registries(), [tmp_path / "own.py"])
    schema = component_schema("dataset", registries["dataset"])
    (rows,) = (one for one in schema["anyOf"][1:] if one["title"] == "Rows")
    assert rows["properties"]["count"] == {"type": "integer", "default": 8}
    assert json.dumps(schema)
    assert resolve("dataset", "Loads", registries).build().load().targets.tolist() == [0, 1, 0]


def test_without_a_class_it_is_an_error(tmp_path):
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(UnimportableError, match="defines no class"):
        add_imports(standard_registries(), [tmp_path / "empty.py"])
