"""Scaling columns to a common range: fitted on training rows, applied to any rows, undone on predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from mytorch.data.names import did_you_mean
from mytorch.data.table import DataError

__all__ = ["NormalizeKind", "Normalizer"]

NormalizeKind = Literal["none", "minmax", "standard"]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Normalizer:
    """The map ``(x - shift) / scale``, one shift and scale a column, in float64.

    `kind` says where they come from: ``minmax`` takes the minimum and the range, so that fitted rows lie in
    0..1; ``standard`` the mean and the standard deviation (divided by n); ``none`` 0 and 1, or what pixels are divided
    by anyway. A column with one value only has scale 1: it becomes 0, and nothing is divided by zero.

    >>> normalizer = Normalizer.fit("minmax", np.array([[1.0, 7.0], [3.0, 7.0]]))
    >>> normalizer.apply(np.array([[2.0, 7.0]]))
    array([[0.5, 0. ]])
    >>> normalizer.invert(np.array([[0.5, 0.0]]))
    array([[2., 7.]])
    """

    kind: NormalizeKind
    shift: Floats
    scale: Floats

    @classmethod
    def fit(cls, kind: NormalizeKind, values: Floats, leave: npt.NDArray[np.bool_] | None = None) -> Normalizer:
        """Fit on `values` (rows, columns); columns marked in `leave` (one-hot ones) pass through unchanged.

        Raises:
            DataError: for an unknown kind, no rows, or values whose range overflows float64.
        """
        if kind not in get_args(NormalizeKind):
            known = get_args(NormalizeKind)
            hint = did_you_mean(kind, known)
            raise DataError(f"normalize: expected one of {', '.join(known)}, got {kind!r}{hint}")
        if len(values) == 0:
            raise DataError("normalize: there are no rows to fit on")
        with np.errstate(over="ignore", invalid="ignore"):
            fitted = cls.from_statistics(
                kind, values.min(axis=0), values.max(axis=0), values.mean(axis=0), values.std(axis=0)
            )
        if leave is None:
            return fitted
        return cls(kind, np.where(leave, 0.0, fitted.shift), np.where(leave, 1.0, fitted.scale))

    @classmethod
    def from_statistics(cls, kind: NormalizeKind, low: Floats, high: Floats, mean: Floats, std: Floats) -> Normalizer:
        """A normalizer from the columns' extremes, means and deviations. DataError if its numbers overflow."""
        shift, scale = np.zeros(len(low)), np.ones(len(low))
        with np.errstate(over="ignore", invalid="ignore"):
            if kind == "minmax":
                shift, scale = low, high - low
            elif kind == "standard":
                shift, scale = mean, std
        if not (np.isfinite(shift).all() and np.isfinite(scale).all()):
            raise DataError(f"normalize: {kind} overflows: the values reach from {low.min():g} to {high.max():g}")
        # Asked of the extremes, as the rounded mean of equal values may leave a deviation of 1e-17.
        constant = low == high
        shift = np.where(constant & (kind != "none"), low, shift)
        scale = np.where(constant | (scale == 0), 1.0, scale)
        return cls(kind, shift, scale)

    def apply(self, values: npt.NDArray[Any]) -> Floats:
        """Return the normalised values as float64."""
        return (np.asarray(values, dtype=np.float64) - self.shift) / self.scale

    def invert(self, values: npt.NDArray[Any]) -> Floats:
        """Return the values in their own units as float64."""
        return np.asarray(values, dtype=np.float64) * self.scale + self.shift

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_dict` gives the same normalizer back, to the last bit."""
        return {"kind": self.kind, "shift": self.shift.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Normalizer:
        """Build a normalizer from `to_dict`'s result. Raises DataError if it is no such thing."""
        try:
            kind, shift, scale = (
                state["kind"],
                np.array(state["shift"], float),
                np.array(state["scale"], float),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a saved normalizer: {error!r}") from error
        if kind not in get_args(NormalizeKind) or shift.ndim != 1 or shift.shape != scale.shape:
            raise DataError("not a saved normalizer: expected a known kind and a shift and a scale for every column")
        return cls(kind, shift, scale)
