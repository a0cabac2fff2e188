"""Many short decimal numbers at once: NumPy on eight characters as one 64-bit word, in place of a call for each number.

A cell such as ``-12.345`` is read from its end: the eight bytes before the delimiter are one word, in which the bytes
of whatever stands in front are cleared, the point is taken out, and the digits are added up in three multiplications
(D. Lemire, "Number parsing at a gigabyte per second", 2021, section 4). Longer cells take two or three words.

The digits make an integer and the decimals a power of ten that is exact in float64. Below 2**53 the integer is exact
too, and their quotient is the double nearest to the decimal number, as `float` gives it. From there on the division is
done in pairs of doubles (T. J. Dekker, "A floating-point technique for extending the available precision", 1971),
and the few numbers that lie too near to the middle between two doubles are left to others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["LONGEST", "PADDING", "parse_decimals", "words_of"]

LONGEST = 24  # characters, without the sign
PADDING = b" " * (LONGEST - 1) + b"\n"  # what `words_of` needs in front of the first cell

Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


def _each_byte(value: int) -> np.uint64:
    return np.uint64(int.from_bytes(bytes([value] * 8), "little"))


_ZEROS = _each_byte(ord("0"))
_LOW_BITS, _HIGH_BITS, _TO_HIGH_BIT = _each_byte(0x7F), _each_byte(0x80), _each_byte(0x80 - 10)
_EXACT = np.uint64(2**53)  # up to there every integer is a double
_LARGEST_POWER = 10.0**22  # of ten that is a double
_SPLITTER = 2.0**27 + 1  # which halves a double's digits
_FEW = 1 / 8  # up to this share of longer cells they are read apart from the others
_PAIRS = np.uint64(0x000000FF000000FF)
_FIRST, _SECOND = np.uint64(100 + (1000000 << 32)), np.uint64(1 + (10000 << 32))
_ONE, _BYTE = np.uint64(1), np.uint64(255)
_SHIFT = [np.uint64(bits) for bits in (7, 8, 16, 32, 56)]
_EXACT = np.uint64(1 << 53)
# What the digits are divided by, for each word from the last, at the number of bits in front of the point in it;
# 64 bits: there is no point in it.
_POWERS = [np.array([10.0 ** (7 - min(bits, 56) // 8 + 8 * word) for bits in range(64)] + [1.0]) for word in range(3)]


def words_of(text: bytes) -> Words:
    """The eight bytes from each place of the text on, as one number each, without a copy."""
    return np.ndarray((len(text) - 7,), dtype="<u8", buffer=text, strides=(1,))


def parse_decimals(
    text: npt.NDArray[np.uint8], words: Words, starts: Places, ends: Places, decimal: str = "."
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """The numbers in the cells from `starts` to `ends` of the text, and where a cell is not of the simple kind.

    That is: a sign or none, digits and at most one point, at most `LONGEST` characters, of which 19 are digits behind
    leading zeros and 22 decimals. What is given for other cells means nothing.

    Args:
        text: the bytes, with `PADDING` in front of the first cell.
        words: `words_of` the same text.
        decimal: the character that is the point.

    >>> raw = PADDING + b"-12.5,3,.25,NA,"
    >>> starts, ends = np.array([24, 30, 32, 36]), np.array([29, 31, 35, 38])
    >>> parse_decimals(np.frombuffer(raw, np.uint8), words_of(raw), starts, ends)[1]
    array([False, False, False,  True])
    """
    point_as_digit = _each_byte(ord(decimal) ^ ord("0"))
    first = text[starts]
    negative = first == ord("-")
    lengths = ends - starts - (negative | (first == ord("+")))
    longer = lengths[:0]
    for count in (1, 2, 3):
        longer = np.flatnonzero(lengths > 8 * count)
        if len(longer) <= _FEW * len(lengths):
            break
    number, divisor, others = _integers(words, ends, lengths, count, point_as_digit)
    if count < 3 and len(longer):
        number[longer], divisor[longer], others[longer] = _integers(
            words, ends[longer], lengths[longer], 3, point_as_digit
        )
    others |= (lengths < 1) | (lengths > LONGEST)
    values = number / divisor
    large = np.flatnonzero(number >= _EXACT)
    if len(large):
        values[large], unsure = _divide(number[large], divisor[large])
        others[large] |= unsure
    return np.where(negative, -values, values), others  # `np.negative` with its own `where` takes longer


def _integers(
    words: Words, ends: Places, lengths: Places, count: int, point_as_digit: np.uint64
) -> tuple[Words, npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """The digits of cells of up to `count` words as an integer, what to divide it by, and where this is no number."""
    found = [_digits(words[ends - 8 * word], 8 * word - lengths, point_as_digit) for word in range(1, count + 1)]
    number = np.zeros(len(ends), np.uint64)
    divisor = np.ones(len(ends))
    wrong = np.zeros(len(ends), np.uint64)  # not 0 where this is no number
    # Whether the point is in a word behind; the last character of this one is then the first digit of the next.
    is_behind = np.zeros(len(ends), np.bool_)
    for word, (digits, point) in enumerate(found):
        has_point = point != 0
        wrong |= point & (point - has_point)  # two points
        plain = _without_point(digits, point)
        if word:
            wrong |= is_behind & has_point
            plain = np.where(is_behind, digits << _SHIFT[1], plain)
        is_behind = is_behind | has_point
        if word + 1 < count:
            plain |= np.where(is_behind, found[word + 1][0] >> _SHIFT[4], np.uint64(0))
        wrong |= _not_digits(plain)
        value = _value(plain)
        if word == 2:
            wrong |= value >= 1000  # or the number would not fit into 64 bits
        number += value * np.uint64(10 ** (8 * word))
        divisor *= _POWERS[word].take(np.bitwise_count(point - _ONE))
    others = (wrong != 0) | (divisor > _LARGEST_POWER) | (lengths == is_behind)  # a point and no digit
    return number, divisor, others


def _divide(number: Words, divisor: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """The doubles nearest to the quotients, and where the next one may be as near; the divisors are exact."""
    whole = number.astype(np.float64)
    rest = (number - whole.astype(np.uint64)).view(np.int64).astype(np.float64)
    quotient = whole / divisor
    product = quotient * divisor
    (first, second), (other_first, other_second) = _halves(quotient), _halves(divisor)
    error = first * other_first - product + first * other_second + second * other_first + second * other_second
    correction = (whole - product - error + rest) / divisor
    value = quotient + correction
    left = correction - (value - quotient)  # what the sum lost, exactly
    return value, value + left * (1 + 2.0**-40) != value


def _halves(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Two numbers of half as many digits that add up to each of these."""
    scaled = values * _SPLITTER
    first = scaled - (scaled - values)
    return first, values - first


def _digits(words: Words, others: Places, point_as_digit: np.uint64) -> tuple[Words, Words]:
    """Each word as digits, the first `others` bytes 0 (none if negative); and a 1 at the byte that is a point."""
    bits = np.maximum(others, 0).astype(np.uint64) << np.uint64(3)
    digits = (words ^ _ZEROS) >> bits << bits  # by 64 bits and more: 0, says NumPy
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
