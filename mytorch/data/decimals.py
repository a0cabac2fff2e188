"""Many short decimal numbers at once: NumPy on eight characters as one 64-bit word, in place of a call for each number.

A cell such as ``-12.345`` is read from its end: the eight bytes before the delimiter are one word, in which the bytes
of whatever stands in front are cleared, the point is taken out, and the digits are added up in three multiplications
(D. Lemire, "Number parsing at a gigabyte per second", 2021, section 4). Cells of up to 16 characters take two words.
The digits make an integer below 2**53 and the decimals a power of ten below 10**16, both exact in float64, so that
their quotient is the double nearest to the decimal number, as `float` gives it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["LONGEST", "PADDING", "parse_decimals", "words_of"]

LONGEST = 16  # characters, without the sign
PADDING = b" " * LONGEST  # what `words_of` needs in front of the first cell

Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


def _each_byte(value: int) -> np.uint64:
    return np.uint64(int.from_bytes(bytes([value] * 8), "little"))


_ZEROS = _each_byte(ord("0"))
_LOW_BITS, _HIGH_BITS, _TO_HIGH_BIT = _each_byte(0x7F), _each_byte(0x80), _each_byte(0x80 - 10)
_PAIRS = np.uint64(0x000000FF000000FF)
_FIRST, _SECOND = np.uint64(100 + (1000000 << 32)), np.uint64(1 + (10000 << 32))
_ONE, _BYTE = np.uint64(1), np.uint64(255)
_SHIFT = [np.uint64(bits) for bits in (7, 8, 16, 32, 56)]
_EXACT = np.uint64(1 << 53)
# What the digits are divided by, at the number of bits in front of the point; 64 bits: there is no point.
_POWERS = np.array([10.0 ** (7 - min(bits, 56) // 8) for bits in range(64)] + [1.0])


def words_of(text: bytes) -> Words:
    """The eight bytes from each place of the text on, as one number each, without a copy."""
    return np.ndarray((len(text) - 7,), dtype="<u8", buffer=text, strides=(1,))


def parse_decimals(
    text: npt.NDArray[np.uint8], words: Words, starts: Places, ends: Places, decimal: str = "."
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """The numbers in the cells from `starts` to `ends` of the text, and where a cell is not of the simple kind.

    That is: a sign or none, digits and at most one point, at most `LONGEST` characters and 15 digits. What is given
    for other cells means nothing.

    Args:
        text: the bytes, with `PADDING` in front of the first cell.
        words: `words_of` the same text.
        decimal: the character that is the point.

    >>> raw = PADDING + b"-12.5,3,.25,NA,"
    >>> starts, ends = np.array([16, 22, 24, 28]), np.array([21, 23, 27, 30])
    >>> parse_decimals(np.frombuffer(raw, np.uint8), words_of(raw), starts, ends)[1]
    array([False, False, False,  True])
    """
    point_as_digit = _each_byte(ord(decimal) ^ ord("0"))
    first = text[starts]
    negative = first == ord("-")
    lengths = ends - starts - (negative | (first == ord("+")))
    not_simple = (lengths > LONGEST) | (lengths < 1)
    if (lengths <= 8).all():
        low, point = _digits(words[ends - 8], 8 - lengths, point_as_digit)
        divisor = _POWERS[np.bitwise_count(point - _ONE)]
        has_point = point != 0
        low = _without_point(low, point)
        number = _value(low)
        wrong = _not_digits(low) | (point & (point - has_point))
    else:
        low, point = _digits(words[ends - 8], np.maximum(8 - lengths, 0), point_as_digit)
        high, high_point = _digits(words[ends - 16], np.clip(16 - lengths, 0, 8), point_as_digit)
        divisor = np.where(high_point != 0, 1e8 * _POWERS[np.bitwise_count(high_point - _ONE)], 1.0)
        divisor *= _POWERS[np.bitwise_count(point - _ONE)]
        in_low = point != 0
        has_point = in_low | (high_point != 0)
        low = _without_point(low, point) | np.where(in_low, high >> _SHIFT[4], np.uint64(0))
        high = np.where(in_low, high << _SHIFT[1], _without_point(high, high_point))
        number = _value(high) * np.uint64(10**8) + _value(low)
        wrong = _not_digits(low) | _not_digits(high) | (point & (point - in_low)) | (high_point & (high_point - _ONE))
        wrong |= (in_low & (high_point != 0)) | (number >= _EXACT)
    not_simple |= (wrong != 0) | (lengths == has_point)  # other characters, two points; a point and no digit
    values = number / divisor
    return np.negative(values, out=values, where=negative), not_simple


def _digits(words: Words, others: Places, point_as_digit: np.uint64) -> tuple[Words, Words]:
    """Each word as digits, the first `others` bytes 0; and a 1 at the byte that is a point."""
    bits = others.astype(np.uint64) << np.uint64(3)
    digits = (words ^ _ZEROS) >> bits << bits  # by all 64 bits: 0, says NumPy
    other = digits ^ point_as_digit
    is_point = ~(((other & _LOW_BITS) + _LOW_BITS) | other | _LOW_BITS)
    return digits, is_point >> _SHIFT[0]


def _without_point(digits: Words, point: Words) -> Words:
    """The digits with those in front of the point moved to its place."""
    in_front = point - (point != 0)
    return (digits & ~(in_front | (point * _BYTE))) | ((digits & in_front) << _SHIFT[1])


def _not_digits(digits: Words) -> Words:
    """The highest bit of every byte that is no digit."""
    return ((digits + _TO_HIGH_BIT) | digits) & _HIGH_BITS


def _value(digits: Words) -> Words:
    """The eight digits of each word as a number, the first in the lowest byte."""
    pairs = digits * np.uint64(10) + (digits >> _SHIFT[1])
    return ((pairs & _PAIRS) * _FIRST + ((pairs >> _SHIFT[2]) & _PAIRS) * _SECOND) >> _SHIFT[3]
