"""Decimal numbers by the word: the same doubles as `float` gives, and no number where there is none."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mytorch.data.decimals import LONGEST, PADDING, parse_decimals, words_of

SIMPLE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)", re.ASCII)

cells = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e6, 1e6).map(lambda x: f"{x:.4f}"),
    st.integers(-(10**20), 10**20).map(str),
    st.text("0123456789.", max_size=26),
    st.text("0123456789.+-eE \t/:x", max_size=26),
    st.from_regex(SIMPLE, fullmatch=True),
    st.sampled_from(
        ["", ".", "-", "+.", "-.5", "9007199254740993", "1.2.3", "123456789.1.2", "99999999", "0.00000001"]
    ),
)


@settings(deadline=None, max_examples=500)
@given(listed=st.lists(cells, min_size=1, max_size=8), decimal=st.sampled_from(".,"))
def test_as_float(listed, decimal):
    written = [cell.replace(".", decimal) for cell in listed]
    raw = PADDING + "".join(cell + ";" for cell in written).encode()
    ends = np.cumsum([len(cell) + 1 for cell in written]) + LONGEST - 1
    starts = ends - [len(cell) for cell in written]
    values, others = parse_decimals(np.frombuffer(raw, np.uint8), words_of(raw), starts, ends, decimal)
    for cell, value, is_other in zip(listed, values.tolist(), others.tolist(), strict=True):
        if not is_other:
            assert SIMPLE.fullmatch(cell)
            assert (value, str(value)) == (float(cell), str(float(cell)))  # the sign of zero too
        else:
            digits = cell.lstrip("+-")
            assert not (
                SIMPLE.fullmatch(cell)
                and len(digits) <= LONGEST
                and len(digits.replace(".", "").lstrip("0")) <= 15
                and len(digits.partition(".")[2]) <= 22
            )
