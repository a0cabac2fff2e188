"""Writing many float32 numbers as the shortest decimals that read back as the same number, by NumPy, all at once.

`str` of each NumPy number does the same and takes about three times as long, which counts in files with millions of
them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["shortest_decimals"]

# Between these a number is written without an exponent, with up to 9 digits in front of the point and 12 behind.
_LOWEST, _HIGHEST = 1e-4, 1e9
_POWERS = 10 ** np.arange(13)


def shortest_decimals(values: npt.NDArray[Any]) -> list[bytes]:
    """The numbers of a one-dimensional array as text, rounded to float32; with an exponent if very small or large.

    >>> shortest_decimals(np.array([24.1, -0.5, 3, 0, 1e-9, np.nan]))
    [b'24.1', b'-0.5', b'3.0', b'0.0', b'1e-09', b'nan']
    """
    with np.errstate(over="ignore"):
        singles = values.astype(np.float32)
    size = np.abs(singles.astype(np.float64))
    plain = ((size >= _LOWEST) & (size < _HIGHEST)) | (size == 0)
    if plain.all():
        return _plain(singles, size)
    texts = [b""] * len(singles)
    for rows, found in (
        (np.flatnonzero(plain), _plain(singles[plain], size[plain])),
        (np.flatnonzero(~plain), [str(number).encode() for number in singles[~plain]]),
    ):
        for row, text in zip(rows.tolist(), found, strict=True):
            texts[row] = text
    return texts


def _plain(singles: npt.NDArray[np.float32], size: npt.NDArray[np.float64]) -> list[bytes]:
    """Numbers that are written without an exponent; `size` is without their signs."""
    if not len(singles):
        return []
    number, places = _fewest_digits(size)
    behind = max(1, int(places.max()))
    whole, fraction = np.divmod(number, _POWERS[places])
    fraction *= _POWERS[behind - places]
    before = len(str(int(whole.max())))
    # A line for each: sign, digits, point, digits, line end; and which of these characters are to be seen.
    text = np.empty((before + behind + 3, len(singles)), np.uint8)
    shown = np.ones(text.shape, bool)
    text[0], text[before + 1], text[-1] = b"-.\n"
    shown[0] = np.signbit(singles)
    for row in range(before, 0, -1):
        shown[row] = (whole > 0) | (row == before)
        whole, digit = np.divmod(whole, 10)
        text[row] = digit + ord("0")
    seen = np.zeros(len(singles), bool)  # a digit that is not 0, coming from the right
    for row in range(before + 1 + behind, before + 1, -1):
        fraction, digit = np.divmod(fraction, 10)
        text[row] = digit + ord("0")
        seen |= digit > 0
        shown[row] = seen | (row == before + 2)
    return text.T[shown.T].tobytes().split(b"\n")[:-1]


def _fewest_digits(size: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Whole numbers and how many of their digits stand behind the point.

    A decimal of six digits always comes back from a float32, and nine always tell it apart: the fewest that do.
    """
    singles = size.astype(np.float32)
    with np.errstate(divide="ignore"):
        magnitude = np.where(size > 0, np.floor(np.log10(size)), 0).astype(np.int64)
    number, places = np.zeros(len(size), np.int64), np.zeros(len(size), np.int64)
    missing = np.arange(len(size))
    for digits in (6, 7, 8, 9):
        behind = digits - 1 - magnitude[missing]
        power, unit = _POWERS[np.maximum(behind, 0)], _POWERS[np.maximum(-behind, 0)]
        rounded = np.rint(size[missing] * power / unit)
        fits = (rounded / power * unit).astype(np.float32) == singles[missing]
        if digits == 9:
            assert fits.all()
        number[missing[fits]] = (rounded * unit)[fits]
        places[missing[fits]] = np.maximum(behind, 0)[fits]
        missing = missing[~fits]
    return number, places
