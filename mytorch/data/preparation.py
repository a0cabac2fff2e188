"""All that is learned from the training rows, in one object that is saved with a run and treats new rows alike.

Fill values, categories, shifts and scales come from the training rows alone. The work is done in float64 and rounded
to float32 once, at the end.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mytorch.creation.from_data import from_numpy
from mytorch.data.dataset import Dataset, TensorDataset
from mytorch.data.feature import DataWarning, Feature, check_count, missing_value
from mytorch.data.names import did_you_mean
from mytorch.data.normalize import NormalizeKind, Normalizer
from mytorch.data.split import Rows
from mytorch.data.table import Column, DataError, Table
from mytorch.data.tabular import TabularData, Task
from mytorch.data.transforms import Normalize
from mytorch.tensor import Tensor

__all__ = ["MappedDataset", "Preparation", "PreparationMismatchError", "Split"]


class PreparationMismatchError(DataError):
    """A preparation that was learned from other rows does not fit these."""


@dataclass(frozen=True)
class Split:
    """The rows of one part, ready for a model.

    `inputs` is float32 (n, features): an array or, for data that stays in its file, something that gives arrays for
    slices and row numbers. `targets` is float32 (n, 1) for regression and int64 (n,) class numbers for
    classification; `original_targets` is the same before normalisation, float64 (n, 1) for regression. `rows` are
    the row numbers in the file, from 0. `weights` is float32 (n,) with mean 1, None where all rows count alike.
    """

    inputs: Any
    targets: npt.NDArray[Any]
    original_targets: npt.NDArray[Any]
    rows: Rows
    weights: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def for_loss(self) -> tuple[Tensor, ...]:
        """What a loss takes behind the model's output: the targets and, if there are any, the weights."""
        arrays = (self.targets,) if self.weights is None else (self.targets, self.weights)
        return tuple(from_numpy(array) for array in arrays)

    def dataset(self) -> Dataset[tuple[Tensor, ...]]:
        """The rows for a `DataLoader`: samples of inputs, target and, if there are any, weight."""
        if isinstance(self.inputs, np.ndarray):
            return TensorDataset(from_numpy(self.inputs), *self.for_loss())
        return MappedDataset(self.inputs, self.for_loss())


class MappedDataset(Dataset[tuple[Tensor, ...]]):
    """Inputs that are read as they are asked for, a batch at a time, beside tensors with a row for each."""

    def __init__(self, inputs: Any, others: tuple[Tensor, ...]) -> None:
        self.inputs = inputs
        self.others = others

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[tuple[Tensor, ...]]:
        """The samples of a batch, by one look into the file."""
        inputs = from_numpy(self.inputs[np.array(indices)])
        return [(inputs[i], *(other[index] for other in self.others)) for i, index in enumerate(indices)]

    def _collated(self, indices: npt.NDArray[np.int64]) -> list[Tensor]:
        """What `default_collate` makes of these samples, without a tensor for each."""
        return [from_numpy(self.inputs[indices]), *(from_numpy(other.array[indices]) for other in self.others)]


@dataclass(frozen=True)
class Preparation:
    """All that was learned from the training rows, to treat other rows alike; kept with a trained model.

    `class_names` is None for regression. The list of classes is taken from all rows: it is part of the
    question, not of the answer. `channels` is not learned: what each image goes through after `input_normalizer`.
    """

    features: list[Feature]
    target_name: str
    task: Task
    class_names: list[str] | None
    input_normalizer: Normalizer
    target_normalizer: Normalizer
    weight_name: str | None = None
    channels: Normalize | None = None

    @classmethod
    def fit(
        cls,
        data: TabularData,
        rows: Rows,
        normalize_inputs: NormalizeKind,
        normalize_target: NormalizeKind,
        used_rows: Rows | None = None,
    ) -> Preparation:
        """Learn from the training rows `rows`; `used_rows` (None: the same) are those whose classes are known.

        Raises:
            DataError: the rows cannot be used.
        """
        features = [Feature.fit(data, name, rows) for name in data.features]
        inputs = np.hstack([feature.inputs(data.table, rows) for feature in features])
        as_it_is = np.hstack([np.full(len(f.input_names), f.categories is not None) for f in features])
        if data.task == "classification":
            refuse_normalized_classes(data.target, normalize_target)
            targets = np.zeros((1, 1))
            class_names: list[str] | None = _class_names(data, rows, rows if used_rows is None else used_rows)
        else:
            targets, class_names = data.table[data.target].values[rows][:, None], None
        return cls(
            features,
            data.target,
            data.task,
            class_names,
            Normalizer.fit(normalize_inputs, inputs, leave=as_it_is),
            Normalizer.fit(normalize_target, targets),
            data.weight,
        )

    def taking_over(self, other: Preparation) -> Preparation:
        """The same with the fill values, categories, shifts and scales that another one has learned.

        Those of the inputs, and those of the target if both have the same one: it may be another.

        Raises:
            PreparationMismatchError: the columns are others, or are normalised in another way.
        """
        here, there = ([(f.name, f.categories is not None) for f in one.features] for one in (self, other))
        if here != there:
            texts = (", ".join(f"{name} (text)" if is_text else name for name, is_text in one) for one in (here, there))
            raise PreparationMismatchError("the feature columns are {}, those to be kept {}".format(*texts))
        same_target = (self.target_name, self.task, self.class_names) == (
            other.target_name, other.task, other.class_names
        )  # fmt: skip
        pairs = {"inputs": (self.input_normalizer, other.input_normalizer)}
        if same_target:
            pairs["target"] = (self.target_normalizer, other.target_normalizer)
        for name, (mine, others) in pairs.items():
            if mine.kind != others.kind:
                raise PreparationMismatchError(
                    f"normalize.{name} is {mine.kind}, that to be kept {others.kind}; write {name}: {others.kind}"
                )
        target = other.target_normalizer if same_target else self.target_normalizer
        return replace(self, features=other.features, input_normalizer=other.input_normalizer, target_normalizer=target)

    @property
    def feature_names(self) -> list[str]:
        """The names of the inputs, ``column`` or ``column=category``, in order."""
        return [name for feature in self.features for name in feature.input_names]

    @property
    def columns(self) -> list[str]:
        """The columns that `apply` needs: what to give `read_csv` as `columns`."""
        return [feature.name for feature in self.features]

    @property
    def text_columns(self) -> list[str]:
        """The columns that hold categories: what to give `read_csv` as `categorical`."""
        return [feature.name for feature in self.features if feature.categories is not None]

    @property
    def number_columns(self) -> list[str]:
        """The columns that hold numbers: what to give `read_csv_parts` as `numeric`."""
        return [feature.name for feature in self.features if feature.categories is None]

    def apply(self, table: Table, rows: Rows | None = None) -> npt.NDArray[np.float32]:
        """Return the inputs of `rows` (None: all) of a table as float32 (n, len(feature_names)).

        Raises:
            DataError: as `Feature.inputs`, and for a value that float32 cannot hold.
        """
        rows = np.arange(len(table)) if rows is None else rows
        values = np.hstack([feature.inputs(table, rows) for feature in self.features])
        return _to_float32(self.input_normalizer.apply(values), table, rows, self.feature_names)

    def split(self, table: Table, rows: Rows) -> Split:
        """Return inputs, targets and weights of `rows`.

        Raises:
            DataError: as `apply`, for a target that is missing or an unknown class, for weights that are no weights.
        """
        column = table[self.target_name]
        if column.missing[rows].any():
            raise missing_value(table, self.target_name, rows[column.missing[rows]], in_features=False)
        inputs, weights = self.apply(table, rows), self._weights(table, rows)
        if self.class_names is not None:
            labels = self._labels(table, rows)
            return Split(inputs, labels, labels, rows, weights)
        if column.is_text:
            raise DataError(
                f"{table.where(int(rows[0]), self.target_name)}: expected numbers, as in training, got text"
            )
        original = column.values[rows].astype(np.float64)[:, None]
        targets = _to_float32(self.target_normalizer.apply(original), table, rows, [self.target_name])
        return Split(inputs, targets, original, rows, weights)

    def _labels(self, table: Table, rows: Rows) -> npt.NDArray[np.int64]:
        assert self.class_names is not None
        number = {name: position for position, name in enumerate(self.class_names)}
        labels = np.empty(len(rows), dtype=np.int64)
        for position, name in enumerate(_as_class_names(table[self.target_name], rows)):
            if name not in number:
                where = table.where(int(rows[position]), self.target_name)
                raise DataError(f"{where}: unknown class {name!r}{did_you_mean(name, number)}")
            labels[position] = number[name]
        return labels

    def _weights(self, table: Table, rows: Rows) -> npt.NDArray[np.float32] | None:
        """The rows' weights, scaled to mean 1, so that a weighted loss has the size of one without weights."""
        if self.weight_name is None:
            return None
        column = table[self.weight_name]
        if column.missing[rows].any():
            raise missing_value(table, self.weight_name, rows[column.missing[rows]], in_features=False)
        if column.is_text:
            where = table.where(int(rows[0]), self.weight_name)
            raise DataError(f"{where}: a weight is a number of at least 0, got {column.values[rows[0]]!r}")
        weights = column.values[rows]
        if (weights < 0).any():
            row = rows[np.argmax(weights < 0)]
            where = table.where(int(row), self.weight_name)
            raise DataError(f"{where}: a weight is a number of at least 0, got {column.values[row]:g}")
        return scaled_weights(weights, f"{table.source}: column {self.weight_name!r}")

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_dict` gives an equal preparation back."""
        channels = {} if self.channels is None else {"channels": vars(self.channels)}
        return {
            "features": [feature.to_dict() for feature in self.features],
            "target_name": self.target_name,
            "task": self.task,
            "class_names": self.class_names,
            "input_normalizer": self.input_normalizer.to_dict(),
            "target_normalizer": self.target_normalizer.to_dict(),
            "weight_name": self.weight_name,
            **channels,
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Preparation:
        """Build a preparation from `to_dict`'s result. Raises DataError if it is no such thing."""
        try:
            return cls(
                [Feature(**feature) for feature in state["features"]],
                state["target_name"],
                state["task"],
                state["class_names"],
                Normalizer.from_dict(state["input_normalizer"]),
                Normalizer.from_dict(state["target_normalizer"]),
                state.get("weight_name"),
                Normalize(**state["channels"]) if "channels" in state else None,
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"not a saved preparation: {error!r}") from error


def scaled_weights(weights: npt.NDArray[np.float64], where: str) -> npt.NDArray[np.float32]:
    """Weights divided by their mean. Raises DataError if all are 0."""
    mean = float(np.mean(weights))
    if not 0 < mean < np.inf:
        raise DataError(f"{where}: the weights of {len(weights)} rows add up to {mean * len(weights):g}")
    return np.asarray(weights / mean, dtype=np.float32)


def refuse_normalized_classes(target: str, kind: NormalizeKind) -> None:
    """Raise DataError if a target of classes is to be normalised."""
    if kind != "none":
        raise DataError(
            f"normalize: the target {target!r} holds classes, which cannot be normalised ({kind}); use none"
        )


def _as_class_names(column: Column, rows: Rows) -> list[str]:
    values = column.values[rows].tolist()
    return values if column.is_text else [str(int(value)) if value.is_integer() else str(value) for value in values]


def _class_names(data: TabularData, train_rows: Rows, present: Rows) -> list[str]:
    """Return the sorted names of the classes of the rows that stay; numbers sort as numbers."""
    column = data.table[data.target]
    if not column.is_text:
        fractions = present[column.values[present] % 1 != 0]
        if len(fractions):
            where = data.table.where(int(fractions[0]), data.target)
            raise DataError(
                f"{where}: a class is text or a whole number, got {column.values[fractions[0]]:g}; "
                "use task: regression, or list the column under 'categorical'"
            )
    distinct = set(_as_class_names(column, present))
    names = sorted(distinct) if column.is_text else sorted(distinct, key=int)
    check_count(data, data.target, len(names), "different values", "a classification target")
    if len(names) < 2:
        raise DataError(f"{data.table.source}: target {data.target!r} has one class only, {names[0]!r}")
    unseen = sorted(distinct - set(_as_class_names(column, train_rows)))
    if unseen:
        listed = ", ".join(map(repr, unseen))
        warnings.warn(
            f"{data.table.source}: no training row has the class {listed} of {data.target!r}",
            DataWarning,
            stacklevel=2,
        )
    return names


def _to_float32(
    values: npt.NDArray[np.float64], table: Table, rows: Rows, names: Sequence[str]
) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):
        result = values.astype(np.float32)
    if not np.isfinite(result).all():
        row, column = np.argwhere(~np.isfinite(result))[0]
        where = table.where(int(rows[row]), names[column])
        raise DataError(
            f"{where}: {values[row, column]:g} is too large for float32; normalise the column or rescale it"
        )
    return result
