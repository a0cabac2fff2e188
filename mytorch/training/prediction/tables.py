"""Tables for `mytorch predict`: CSV files and standard input, prepared as the training's data was."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mytorch.data.cells import MISSING_VALUES, ColumnReader
from mytorch.data.csv_file import read_csv_parts
from mytorch.data.dialect import Dialect
from mytorch.data.feature import UnknownCategories
from mytorch.data.names import did_you_mean
from mytorch.data.prepare import Preparation
from mytorch.data.sources import CSV
from mytorch.data.table import DataError, Table
from mytorch.training.config.config import Config
from mytorch.training.errors import some
from mytorch.training.prediction.samples import Notes, Samples

__all__ = ["STDIN", "TableSettings", "Tables"]

STDIN = "-"


@dataclass(frozen=True)
class TableSettings:
    """How the training's config reads CSV files, as far as it matters for new ones."""

    dialect: Dialect
    missing_values: Sequence[str] = MISSING_VALUES
    skipping: frozenset[str] = frozenset()  # features whose missing values leave the row out
    unused: frozenset[str] = frozenset()  # columns that are known not to be features

    @classmethod
    def of(cls, config: Config, preparation: Preparation, written: Mapping[str, Any]) -> TableSettings:
        """Those of a config, the usual ones if its data is no CSV file; `written` is what is different in new files."""
        target, weight = preparation.target_name, preparation.weight_name
        unused = {target} | ({weight} if weight else set())
        source = config.dataset.source
        if not (isinstance(source.target, type) and issubclass(source.target, CSV)):
            return cls(Dialect(**written), unused=frozenset(unused))
        csv: CSV = config.build(("dataset",), source)  # reads no file
        policy = csv.missing
        skipping = {
            name for name in preparation.columns if (policy.get(name) if isinstance(policy, dict) else policy) == "drop"
        }
        dialect = replace(csv.dialect, **written)
        if dialect.header is False and csv.features is None:
            # All columns of the training's file have a part, so it is known how many there were.
            count = len({*preparation.columns, *unused, *csv.drop})
            dialect = replace(dialect, header=tuple(f"c{position}" for position in range(1, count + 1)))
        return cls(dialect, csv.missing_values, frozenset(skipping), frozenset({*unused, *csv.drop}))


class Tables:
    """CSV files, or standard input: the training's features in columns of any order, others beside them.

    Args:
        files: their names; `STDIN` for standard input.
        keep: columns whose cells are carried over to the output as they are.
        written: the arguments of `Dialect` in which they differ from the training's data.
    """

    def __init__(
        self,
        files: Sequence[str],
        keep: Sequence[str],
        written: Mapping[str, str],
        config: Config,
        preparation: Preparation,
        notes: Notes,
    ) -> None:
        self.files = files
        self.names = list(keep)
        self.preparation = preparation
        self.settings = TableSettings.of(config, preparation, written)
        self.notes = notes
        self.told_unused = False
        dialect = self.settings.dialect
        self.numbers = {  # for columns that are numbers for the model and carried over as text
            name: ColumnReader(
                name, decimal=dialect.decimal, missing_values=self.settings.missing_values, is_text=False
            )
            for name in preparation.number_columns
            if name in keep
        }

    def parts(self) -> Iterator[Samples]:
        """The samples of all files, one after the other."""
        for file in self.files:
            stream = sys.stdin.buffer if file == STDIN else None
            for table in read_csv_parts(
                "standard input" if file == STDIN else file,
                dialect=self.settings.dialect,
                columns=self._columns,
                categorical=self.preparation.text_columns,
                numeric=[name for name in self.preparation.number_columns if name not in self.names],
                verbatim=self.names,
                may_lack=self.settings.unused,
                missing_values=self.settings.missing_values,
                stream=stream,
            ):
                yield self._samples(table)

    def _columns(self, file: str, header: list[str]) -> list[str]:
        """The columns to read. Raises DataError if one is not there."""
        wanted = self.preparation.columns
        missing = [name for name in wanted if name not in header]
        if missing:
            hint = did_you_mean(missing[0], [name for name in header if name not in wanted])
            several = "columns" if len(missing) > 1 else "column"
            raise DataError(
                f"{file}: no {several} {some([repr(name) for name in missing], 10)}, which the model was trained with"
                f"{hint or ';'} the columns are: {some(header, 20)}"
            )
        for name in self.names:
            if name not in header:
                raise DataError(f"--keep: {file} has no column {name!r}{did_you_mean(name, header)}")
        unused = [name for name in header if name not in {*wanted, *self.names, *self.settings.unused}]
        if unused and not self.told_unused:
            self.told_unused = True
            listed = ",".join(unused[:10]) + (", ..." if len(unused) > 10 else "")
            self.notes.tell(f"note: {file}: columns that the model does not use: {listed} (--keep carries them over)")
        return list(dict.fromkeys([*wanted, *self.names]))

    def _samples(self, table: Table) -> Samples:
        cells = [table[name].values.tolist() for name in self.names]
        for name, reader in self.numbers.items():
            column = reader.read(table[name].values.tolist(), table.source, table.lines.tolist())
            table = Table(table.source, {**table.columns, name: column}, table.lines)
        skipped = self._skipped(table)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UnknownCategories)
            if skipped is None:
                inputs = self.preparation.apply(table)
            else:
                inputs = np.zeros((len(table), len(self.preparation.feature_names)), np.float32)
                inputs[~skipped] = self.preparation.apply(table, np.flatnonzero(~skipped))
        for warning in caught:
            if isinstance(warning.message, UnknownCategories):
                self.notes.add_unknown(warning.message)
        return Samples(inputs, cells, skipped)

    def _skipped(self, table: Table) -> npt.NDArray[np.bool_] | None:
        """The rows that training would leave out. Raises DataError for a missing value that it would refuse."""
        skipped = np.zeros(len(table), bool)
        for feature in self.preparation.features:
            missing = table[feature.name].missing
            if feature.fill is not None or not missing.any():
                continue
            if feature.name not in self.settings.skipping:
                raise DataError(
                    f"{table.where(int(np.argmax(missing)), feature.name)}: the value is missing; fill it in, or train "
                    f"with missing: {{{feature.name}: mean}} (median, constant), which fills it in here too"
                )
            skipped |= missing
        self.notes.skipped += int(skipped.sum())
        return skipped if skipped.any() else None
