"""A user's own data set as a source of `mytorch.data`: its class is called, and its rows are read, by `load`."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

from mytorch.data.dataset import Dataset
from mytorch.data.own_data import as_data
from mytorch.data.tabular import ArrayData, TabularData


class OwnSource:
    """Keeps the arguments until `load`, when files have been found: a user's constructor may read them at once."""

    own_class: ClassVar[Any]
    file_arguments: ClassVar[tuple[str, ...]]

    def load(self) -> TabularData | ArrayData:
        """Call the class, and take its rows.

        Raises:
            DataError: it gives something that cannot be trained on.
        """
        made = self.own_class(**vars(self))
        given = made if isinstance(made, Dataset) else made.load()
        return as_data(given, self.own_class.__name__, getattr(made, "task", None))


def as_source(own_class: type) -> type[OwnSource]:
    """The class of a user as a source with the same arguments.

    >>> class Ramp:
    ...     def __init__(self, rows: int) -> None:
    ...         self.rows = rows
    ...
    ...     def load(self):
    ...         return [[float(row)] for row in range(self.rows)], [row / 2 for row in range(self.rows)]
    >>> as_source(Ramp)(rows=3).load().targets
    array([0. , 0.5, 1. ])
    """
    constructor: Any = own_class.__init__  # type: ignore[misc]

    @functools.wraps(constructor)
    def keep(self: OwnSource, **arguments: Any) -> None:
        vars(self).update(arguments)

    file_arguments = tuple(getattr(own_class, "file_arguments", ("path",)))
    contents = {"__init__": keep, "__doc__": own_class.__doc__, "own_class": own_class}
    return type(own_class.__name__, (OwnSource,), {**contents, "file_arguments": file_arguments})
