"""The part of an exported script that reads the data: the same rows, split, filled in and normalised in the same way.

What training learned from its rows (medians, categories, shifts) is not written down but computed again by the script,
from the same rows: that can be read, and stays right when the file changes.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

from mytorch.data.csv_file import read_header
from mytorch.data.dialect import detect_delimiter
from mytorch.data.feature import Feature
from mytorch.data.generated import GENERATED
from mytorch.data.mnist import MNIST, FashionMNIST
from mytorch.data.normalize import NormalizeKind
from mytorch.data.sources import CSV, Boston, Npy, find_dataset_file
from mytorch.data.tabular import TabularData
from mytorch.data.text import matching_files, open_text
from mytorch.interop.script_generated import write_generated
from mytorch.interop.script_metrics import has_several_outputs
from mytorch.interop.script_source import Script, bracketed, filled, indented, literal
from mytorch.training.building.experiment import Experiment
from mytorch.training.config.sections import Split
from mytorch.training.errors import UserError

LINES_LOOKED_AT = 512  # to find out the delimiter
GENERATOR = "generator = np.random.Generator(np.random.PCG64(SEED))"

# By the kind of normalisation: what its two numbers are called, and the expressions that find them.
SCALES: dict[NormalizeKind, tuple[str, str, str, str]] = {
    "standard": ("mean", "std", "{values}.mean({axis})", "{values}.std({axis})"),
    "minmax": ("low", "size", "{values}.min({axis})", "np.ptp({values}, {axis})"),
}

DIVIDE = '''
    def divide(rows, places):
        """The rows at these places, and all others; both in their order."""
        taken = np.zeros(len(rows), dtype=bool)
        taken[places] = True
        return rows[taken], rows[~taken]
    '''

READ_IDX = '''
    def read_idx(path):
        """The bytes of an IDX file as an array; the file may be compressed with gzip."""
        data = Path(path).read_bytes()
        if data[:2] == b"\\x1f\\x8b":
            data = gzip.decompress(data)
        shape = np.frombuffer(data, ">i4", count=data[3], offset=4)
        return np.frombuffer(data, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)
    '''

OPEN_TEXT = '''
    def open_text(path):
        """A text file, compressed with gzip or not."""
        with open(path, "rb") as file:
            compressed = file.read(2) == b"\\x1f\\x8b"
        return (gzip.open if compressed else open)(path, "rt", encoding={encoding}, newline="")
    '''

CATEGORIES_OF = '''
    def categories_of(cells, train):
        """What the training rows hold, sorted."""
        return sorted({cells[row] for row in train})
    '''

CATEGORIES_OF_MISSING = '''
    def categories_of(cells, train):
        """What the training rows hold, sorted; a missing value is none."""
        return sorted({cells[row] for row in train} - MISSING)
    '''

ONE_HOT = '''
    def one_hot(cells, categories):
        """A column of 0 and 1 for each category."""
        return np.array([[cell == category for category in categories] for cell in cells], dtype=float)
    '''

NUMBERED = '''
    def numbered(cells, categories):
        """The number of each category, from 1; 0 for others."""
        number = {category: i for i, category in enumerate(categories, 1)}
        return np.array([[number.get(cell, 0)] for cell in cells], dtype=float)
    '''


@dataclass(frozen=True)
class DataNames:
    """What the rest of a script must know of its data."""

    parts: list[str]  # train, validation, test, as far as there are
    undo: tuple[str, str] | None  # the names of the shift and scale of the target, if it was normalised
    weighted: bool

    @property
    def returned(self) -> list[str]:
        """What `load_data` returns."""
        return [*self.parts, *(self.undo or ())]


def write_data(script: Script, experiment: Experiment, folder: Path) -> DataNames:
    """Write `load_data()` with all that it needs. `folder` is where the script will lie.

    Raises:
        UserError: the data set is one of the user's own.
    """
    config, data = experiment.config, experiment.data
    component = config.dataset.source
    source = config.build(("dataset",), component)
    if isinstance(source, Boston):
        source = CSV(str(find_dataset_file("boston.csv")), target="medv")
    if type(source) not in (CSV, Npy, MNIST, FashionMNIST, *GENERATED):
        raise UserError(
            f"dataset.type: {component.type} is code of your own, which a script for PyTorch cannot take over; "
            "boston, csv, npy, mnist, fashion-mnist and generated data it can"
        )
    script.imports |= {"import numpy as np", "import torch", "from torch.utils.data import TensorDataset"}
    if type(source) in GENERATED:
        reading, preparing = write_generated(script, source), _normalize_arrays(experiment)
    elif isinstance(source, MNIST):
        reading, preparing = _write_mnist(script, source, experiment, folder)
    else:
        write = _write_csv if isinstance(source, CSV) else _write_npy
        reading, preparing = write(script, source, experiment, folder)
    kind = data.target_normalizer.kind
    undo = None if kind == "none" else (f"target_{SCALES[kind][0]}", f"target_{SCALES[kind][1]}")
    if undo is not None:
        fitting = _fit(kind, "target[train]", prefix="target_", by_column=has_several_outputs(experiment))
        preparing += [*fitting, f"target = (target - {undo[0]}) / {undo[1]}"]
    names = DataNames(
        [part for part in ("train", "validation", "test") if part in data.splits], undo, data.train.weights is not None
    )
    returned = [f"part({name})" for name in names.parts] + [*(undo or ())]
    preparing += [""] if preparing else []
    body = [*reading, "", *_split(script, experiment), "", *preparing, *_part(experiment), ""]
    body += ["return " + (returned[0] if len(returned) == 1 else ", ".join(returned))]
    what = "The parts of the data as tensors" + (", and what undoes the scaling of the target." if undo else ".")
    script.define(f'def load_data():\n    """{what}"""\n{indented(body)}')
    return names


def _fit(kind: NormalizeKind, values: str, *, prefix: str = "", by_column: bool = False) -> list[str]:
    """The lines that find the two numbers of a normalisation in the training rows."""
    shift, scale, find_shift, find_scale = SCALES[kind]
    axis = "axis=0" if by_column else ""
    return [
        f"{prefix}{shift} = {find_shift.format(values=values, axis=axis)}",
        f"{prefix}{scale} = {find_scale.format(values=values, axis=axis)}".replace(", )", ")"),
    ]


def _normalize(experiment: Experiment, name: str, train: str, *, by_column: bool) -> list[str]:
    """The lines that normalise the array `name` by what `train`, its training rows, show."""
    normalizer = experiment.data.input_normalizer
    if normalizer.kind == "none":
        return []
    shift, scale, *_ = SCALES[normalizer.kind]
    lines = _fit(normalizer.kind, train, by_column=by_column)
    lines[0] += "  # of the training rows alone"
    if _has_constant_column(experiment):
        lines.append(
            f"{scale}[np.ptp({train}, axis=0) == 0] = 1  # columns with one value only"
            if by_column
            else f"{scale} = {scale} if np.ptp({train}) else 1.0  # there may be one value only"
        )
    return [*lines, f"{name} = ({name} - {shift}) / {scale}"]


def _has_constant_column(experiment: Experiment) -> bool:
    """Whether a column of numbers has the scale 1, as those have that hold one value only."""
    preparation = experiment.data.preparation
    scales = preparation.input_normalizer.scale
    are_numbers = [feature.categories is None for feature in preparation.features for _ in feature.input_names]
    return bool((scales == 1)[are_numbers].any() if are_numbers else (scales == 1).any())


def _split(script: Script, experiment: Experiment) -> list[str]:
    """The row numbers of each part."""
    section = experiment.config.dataset
    rules = {"test": section.test, "validation": section.validation}
    lines = ["train = np.arange(len(target))"]
    if section.test is None and "test" in experiment.data.splits:  # the data set has its own, behind all others
        first = experiment.data.splits["test"].rows[0]
        lines = [f"train, test = np.split(np.arange(len(target)), [{first}])"]
    if any(rule is not None and rule.every is None for rule in rules.values()):
        lines.append(GENERATOR)
    for name, rule in rules.items():
        if rule is not None:
            script.define(DIVIDE)
            lines += _divide(name, rule, by_class=experiment.data.task == "classification")
    return lines


def _divide(name: str, rule: Split, by_class: bool) -> list[str]:
    if rule.every is not None:
        return [f"{name}, train = divide(train, slice(None, None, {rule.every}))"]
    if rule.fraction is not None:
        return [f"drawn = generator.permutation(len(train))[: round({rule.fraction} * len(train))]",
                f"{name}, train = divide(train, drawn)"]  # fmt: skip
    assert rule.fold is not None
    assert rule.folds is not None
    lines = ["order = generator.permutation(len(train))"]
    if by_class:
        lines.append('order = order[np.argsort(target[train][order], kind="stable")]  # each fold has its share')
    start = f"{rule.fold - 1}" if rule.fold > 1 else ""
    return [*lines, f"{name}, train = divide(train, order[{start}::{rule.folds}])  # fold {rule.fold} of {rule.folds}"]


def _part(experiment: Experiment) -> list[str]:
    """The function inside of `load_data` that makes a part from its row numbers."""
    if has_several_outputs(experiment):
        target = "torch.tensor(target[rows], dtype=torch.float32)"
    elif experiment.data.train.targets.ndim == 2:
        target = "torch.tensor(target[rows, None], dtype=torch.float32)"
    else:
        target = "torch.tensor(target[rows])"
    tensors = ["torch.tensor(inputs[rows], dtype=torch.float32)", target]
    if experiment.data.train.weights is not None:
        tensors.append("torch.tensor(weights[rows] / weights[rows].mean(), dtype=torch.float32)")
    made = bracketed("return TensorDataset(", tensors, ")", before=8, indent=8)
    return ["def part(rows):", indented([made])]


def _path(path: str, folder: Path) -> str:
    """Source text for a file's path: relative to the script where both lie in the current directory, else absolute."""
    here, file = Path.cwd().resolve(), Path(os.path.abspath(path))
    if file.is_relative_to(here) and folder.resolve().is_relative_to(here):
        relative = Path(os.path.relpath(file, folder.resolve())).as_posix()
        return f"Path(__file__).resolve().parent / {literal(relative)}"
    return f"Path({literal(file.as_posix())})"


def _write_file(script: Script, name: str, path: str, folder: Path) -> None:
    script.imports.add("from pathlib import Path")
    script.constant(name, _path(path, folder))


# --- .npy files -----------------------------------------------------------------------------------------------------


def _write_npy(script: Script, source: Npy, experiment: Experiment, folder: Path) -> tuple[list[str], list[str]]:
    data = experiment.data
    _write_file(script, "INPUTS", source.inputs, folder)
    _write_file(script, "TARGETS", source.targets, folder)
    reading = ["inputs = np.load(INPUTS)"]
    if data.task == "classification":
        reading.append("target = np.unique(np.load(TARGETS).ravel(), return_inverse=True)[1]  # class numbers")
    else:
        reading.append("target = np.load(TARGETS).ravel().astype(float)")
    if source.weights is not None:
        _write_file(script, "WEIGHTS", source.weights, folder)
        reading.append("weights = np.load(WEIGHTS).ravel().astype(float)")
    return reading, _normalize_arrays(experiment)


def _normalize_arrays(experiment: Experiment) -> list[str]:
    """The lines that normalise an array of inputs: a table by column, images and the like all numbers alike."""
    normalizer, is_table = experiment.data.input_normalizer, bool(experiment.data.feature_names)
    if normalizer.kind == "none" and (normalizer.scale != 1).any():  # pixels
        return [f"inputs = inputs.astype(np.float32) / {normalizer.scale[0]:g}"]
    return _normalize(experiment, "inputs", "inputs[train].astype(float)", by_column=is_table)


# --- images in IDX files --------------------------------------------------------------------------------------------


def _write_mnist(script: Script, source: MNIST, experiment: Experiment, folder: Path) -> tuple[list[str], list[str]]:
    script.imports.add("import gzip")
    script.define(READ_IDX)
    paths = list(source.files().values())  # images and labels of the first part, then those of the second
    of_part = ["TRAIN_", "TEST_"] if source.part == "both" else [""]
    names = [part + what for part in of_part for what in ("IMAGES", "LABELS")]
    for name, path in zip(names, paths, strict=True):
        _write_file(script, name, str(path), folder)
    first = f"[:{source.limit}]" if source.limit is not None else ""
    arrays = [f"read_idx({name})" + first * (position < 2) for position, name in enumerate(names)]
    images, labels = arrays[::2], arrays[1::2]
    reading = [f"inputs = {_joined(images)}", f"target = {_joined(labels)}.astype(np.int64)"]
    reading.append("inputs = " + ("inputs.reshape(len(target), -1)" if source.flatten else "inputs[:, None]"))
    return reading, _normalize_arrays(experiment)


def _joined(arrays: list[str]) -> str:
    return arrays[0] if len(arrays) == 1 else f"np.concatenate([{', '.join(arrays)}])"


# --- CSV files ------------------------------------------------------------------------------------------------------


def _write_csv(script: Script, source: CSV, experiment: Experiment, folder: Path) -> tuple[list[str], list[str]]:
    table, preparation = source.load(), experiment.data.preparation
    files = matching_files(source.path)
    _write_file(script, "DATA", source.path, folder)
    if not isinstance(source.dialect.header, bool) or not source.dialect.header:
        script.constant("COLUMNS", filled("[", map(literal, _header(source)), "]", before=10))
    script.constant("TARGET", literal(table.target))
    if table.weight is not None:
        script.constant("WEIGHT", literal(table.weight))
    script.constant("FEATURES", filled("[", map(literal, table.features), "]", before=11))
    if preparation.class_names is not None:
        names = preparation.class_names if table.table[table.target].is_text else map(int, preparation.class_names)
        script.constant("CLASSES", filled("[", map(literal, names), "]", before=10))
    used = [*table.features, table.target, *([] if table.weight is None else [table.weight])]
    if any(table.table[name].missing.any() for name in used):
        script.constant("MISSING", filled("{", map(literal, source.missing_values), "}", before=10), "no value")
    _define_reading(script, source, table, files)

    reading = ["columns = read_columns()"]
    if preparation.class_names is None:
        reading.append(f"target = {_numbers(script, source, table, table.target)}")
    elif table.table[table.target].is_text:
        reading.append("target = np.array([CLASSES.index(cell) for cell in columns[TARGET]])")
    else:
        whole = f"int({_float(source)})"
        reading.append(f"target = np.array([CLASSES.index({whole}) for cell in columns[TARGET]])")
    if table.weight is not None:
        reading.append(f"weights = {_numbers(script, source, table, table.weight)}")
    return reading, _inputs(script, source, table, experiment)


def _header(source: CSV) -> list[str]:
    return read_header(source.path, source.dialect)


def _define_reading(script: Script, source: CSV, table: TabularData, files: list[str]) -> None:
    """Write `read_columns()`."""
    dialect = source.dialect
    encoding = literal("utf-8-sig" if dialect.encoding.lower() in ("utf-8", "utf8") else dialect.encoding)
    with open_text(files[0], dialect.encoding) as handle:
        delimiter = detect_delimiter(files[0], dialect, list(itertools.islice(handle, LINES_LOOKED_AT)))
    reader = "csv.reader(file" + ("" if delimiter == "," else f", delimiter={literal(delimiter)}") + ")"
    opened = f'open(DATA, encoding={encoding}, newline="")'
    if any(_is_compressed(file) for file in files):
        script.imports.add("import gzip")
        script.define(OPEN_TEXT.format(encoding=encoding))
        opened = "open_text(DATA)"
    script.imports.add("import csv")
    records = f"[row for row in {reader} if len(row) > 1]"
    has_header = dialect.header is True
    if files == [source.path]:
        into = "header, *rows" if has_header else "rows"
        lines = [f"with {opened} as file:", f"    {into} = {records}"]
    else:
        script.imports.add("import glob")
        lines = ["rows = []", "for path in sorted(glob.glob(str(DATA), recursive=True)):"]
        lines += [f"    with {opened.replace('DATA', 'path')} as file:"]
        lines += (
            [f"        header, *more = {records}", "    rows += more"] if has_header else [f"        rows += {records}"]
        )
    name, header = ("name.strip()", "header") if has_header else ("name", "COLUMNS")
    columns = f"{{{name}: [row[i].strip() for row in rows] for i, name in enumerate({header})}}"
    dropping = [name for name, policy in table.missing.items() if policy == "drop" and table.table[name].missing.any()]
    if not dropping:
        lines.append(f"return {columns}")
    else:
        script.constant(
            "REQUIRED", filled("[", map(literal, dropping), "]", before=11), "a row without one is left out"
        )
        lines += [f"columns = {columns}",
                  "has_all = [MISSING.isdisjoint(cells) for cells in zip(*(columns[name] for name in REQUIRED))]",
                  "kept = [row for row, kept in enumerate(has_all) if kept]",
                  "return {name: [cells[row] for row in kept] for name, cells in columns.items()}"]  # fmt: skip
    what = "The cells of the file" + ("" if len(files) == 1 else "s") + ", as text, by column."
    script.define(f'def read_columns():\n    """{what}"""\n{indented(lines)}')


def _is_compressed(file: str) -> bool:
    with open(file, "rb") as handle:
        return handle.read(2) == b"\x1f\x8b"


def _float(source: CSV) -> str:
    return "float(cell)" if source.dialect.decimal == "." else 'float(cell.replace(",", "."))'


def _numbers(script: Script, source: CSV, table: TabularData, name: str) -> str:
    """Source text for the numbers of a column that the constants name TARGET or WEIGHT, or of that called `name`."""
    column = {table.target: "columns[TARGET]", table.weight: "columns[WEIGHT]"}.get(name, "columns[name]")
    number = _float(source)
    if any(_has_gaps(table, each) for each in [*table.features, table.target, *([table.weight] if table.weight else [])]
           if not table.table[each].is_text):  # fmt: skip
        number = f"np.nan if cell in MISSING else {number}"
        what = "The cells as numbers, NaN where there is none."
    else:
        what = "The cells as numbers."
    script.define(f'def numbers(cells):\n    """{what}"""\n    return np.array([{number} for cell in cells])')
    return f"numbers({column})"


def _has_gaps(table: TabularData, name: str) -> bool:
    """Whether a value is missing in a row that is used."""
    missing = table.table[name].missing
    if table.missing[name] == "drop":
        return False
    return bool(missing.any())


def _inputs(script: Script, source: CSV, table: TabularData, experiment: Experiment) -> list[str]:
    """The lines that make the array of inputs, all columns at once where they are numbers without gaps."""
    features = experiment.data.preparation.features
    texts = [feature for feature in features if feature.categories is not None]
    number = _numbers(script, source, table, "") if len(texts) < len(features) else ""
    if not texts and not any(_has_gaps(table, feature.name) for feature in features):
        return [
            f"inputs = np.stack([{number} for name in FEATURES], axis=1)",
            *_normalize(experiment, "inputs", "inputs[train]", by_column=True),
        ]

    lines = ["inputs = []", "for name in FEATURES:"]
    of_text = _text_lines(script, table, texts)
    of_numbers = []
    if number:
        of_numbers.append(f"values = {number}")
        of_numbers += _fill_numbers(script, table, [f.name for f in features if f.categories is None])
        of_numbers += _normalize(experiment, "values", "values[train]", by_column=False)
        of_numbers.append("inputs.append(values[:, None])")
    if of_text and of_numbers:
        script.constant("CATEGORICAL", filled("[", (literal(f.name) for f in texts), "]", before=14))
        lines += ["    if name in CATEGORICAL:", indented(of_text, 8), "    else:", indented(of_numbers, 8)]
    else:
        lines.append(indented(of_text or of_numbers))
    return [*lines, "inputs = np.hstack(inputs)"]


def _text_lines(script: Script, table: TabularData, texts: list[Feature]) -> list[str]:
    """What becomes of a column of categories, in the loop over the features."""
    if not texts:
        return []
    has_missing = [feature.name for feature in texts if _has_gaps(table, feature.name)]
    script.define(CATEGORIES_OF_MISSING if has_missing else CATEGORIES_OF)
    lines = ["cells = columns[name]", "categories = categories_of(cells, train)"]
    constant = {f.name: f.fill for f in texts if table.missing[f.name] == "constant" and f.fill is not None}
    frequent = [name for name in has_missing if table.missing[name] in ("mean", "median")]
    if constant:
        script.constant("FILL_TEXT", literal(constant), "what stands for a missing value")
        lines += ["if name in FILL_TEXT:",
                  "    cells = [FILL_TEXT[name] if cell in MISSING else cell for cell in cells]",
                  "    categories = sorted({*categories, FILL_TEXT[name]})"]  # fmt: skip
    if frequent:
        script.imports.add("from collections import Counter")
        script.constant("FILL_MOST_FREQUENT", literal(frequent), "a missing value is the most frequent one")
        lines += ["if name in FILL_MOST_FREQUENT:",
                  "    present = sorted(cells[row] for row in train if cells[row] not in MISSING)",
                  "    most_frequent = Counter(present).most_common(1)[0][0]",
                  "    cells = [most_frequent if cell in MISSING else cell for cell in cells]"]  # fmt: skip
    numbered = [feature.name for feature in texts if not feature.one_hot]
    if numbered:
        script.define(NUMBERED)
    if len(numbered) < len(texts):
        script.define(ONE_HOT)
    if numbered and len(numbered) < len(texts):
        script.constant("NUMBERED", literal(numbered), "categories as numbers, for an embedding")
        return [*lines, "encode = numbered if name in NUMBERED else one_hot",
                "inputs.append(encode(cells, categories))"]  # fmt: skip
    return [*lines, f"inputs.append({'numbered' if numbered else 'one_hot'}(cells, categories))"]


def _fill_numbers(script: Script, table: TabularData, names: list[str]) -> list[str]:
    """What becomes of missing numbers, in the loop over the features."""
    lines = []
    gaps = [name for name in names if _has_gaps(table, name)]
    for policy in ("mean", "median"):
        if chosen := [name for name in gaps if table.missing[name] == policy]:
            constant = f"FILL_{policy.upper()}"
            script.constant(constant, literal(chosen), f"a missing value is the {policy} of the training rows")
            lines += [f"if name in {constant}:", f"    values[np.isnan(values)] = np.nan{policy}(values[train])"]
    constants = {name: table.fill_values[name] for name in gaps if table.missing[name] == "constant"}
    if constants:
        script.constant("FILL", literal(constants), "what stands for a missing value")
        lines += ["if name in FILL:", "    values[np.isnan(values)] = FILL[name]"]
    return lines
