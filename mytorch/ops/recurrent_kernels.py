"""What recurrent layers compute: one layer in one direction over all time steps, forwards and backwards.

The rows of all steps lie one behind the other, as in a packed sequence: `sizes` says how many rows each step has, never
more than the step before it. A run is a number of neighbouring steps of one size; what does not depend on the state
before is computed for a run at once, so that a step is left with a matrix product and a few operations in place.

All sigmoids are computed as `(tanh(x / 2) + 1) / 2`: NumPy's tanh takes half the time of its exp, and one call then
does all the gates of an LSTM. The halves are put into the weights, once a call. The gates lie in planes (gate, row,
unit), so that a group of gates is one block of memory: a ufunc takes 0.4 us on a plane of 32 x 64 numbers, 1.3 us on
the same numbers as columns of a wider matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

Sizes = tuple[int, ...]

_TOGETHER = 32768  # numbers of a plane in a run: a run's planes then stay in the cache between its first and last use


class Weights(NamedTuple):
    """The parameters of one layer in one direction: PyTorch's, with the gates' rows one below the other."""

    w_ih: Any
    w_hh: Any
    b_ih: Any = None
    b_hh: Any = None
    w_hr: Any = None


class Run(NamedTuple):
    """Neighbouring steps of one size: how many rows each has, the first of all, how many steps, and whether they are
    walked from the last to the first.
    """

    size: int
    start: int
    length: int
    backwards: bool

    @property
    def rows(self) -> slice:
        """The rows of all its steps."""
        return slice(self.start, self.start + self.length * self.size)

    def steps(self, values: Any) -> Any:
        """Rows of the whole sequence as a view (step, row, unit) of this run, in the order of the walk."""
        return self.in_order(values[self.rows].reshape(self.length, self.size, *values.shape[1:]))

    def planes(self, memory: Any) -> Any:
        """The same of memory (row, plane, unit), as (step, plane, row, unit): each step has a block of its own."""
        _, planes, units = memory.shape
        return self.in_order(memory[self.rows].reshape(self.length, planes, self.size, units))

    def in_order(self, values: Any) -> Any:
        """Steps as they lie in memory, in the order of the walk."""
        return values[::-1] if self.backwards else values


def runs(sizes: Sizes, width: int, reverse: bool) -> list[Run]:
    """All runs in the order in which the layer walks them; `width` is the number of units.

    >>> runs((2, 2, 1), width=4, reverse=False)
    [Run(size=2, start=0, length=2, backwards=False), Run(size=1, start=4, length=1, backwards=False)]
    >>> import numpy as np
    >>> [run.steps(np.arange(5)).tolist() for run in runs((2, 2, 1), width=4, reverse=True)]
    [[[4]], [[2, 3], [0, 1]]]
    """
    found: list[Run] = []
    start = 0
    for size, steps in groupby(sizes):
        left, longest = len(list(steps)), max(_TOGETHER // max(size * width, 1), 1)
        while left:
            length = min(left, longest)
            found.append(Run(size, start, length, reverse))
            start, left = start + length * size, left - length
    return found[::-1] if reverse else found


def back(walk: list[Run]) -> Iterator[Run]:
    """The same runs and steps from the last to the first."""
    return (run._replace(backwards=not run.backwards) for run in reversed(walk))


def before(xp: Any, outputs: Any, first: Any, sizes: Sizes, reverse: bool) -> Any:
    """The states that the steps began with, row by row, given those that they ended with and the very first ones."""
    ends = [0]
    for size in sizes:
        ends.append(ends[-1] + size)
    if not reverse:  # a step begins with the first rows of what the step before it ended with
        return xp.concatenate([first, *[outputs[s : s + n] for s, n in zip(ends, sizes[1:], strict=False)]])
    pieces = []
    for start, n, after in zip(ends[1:], sizes, [*sizes[1:], 0], strict=True):
        pieces += [outputs[start : start + after], first[after:n]]
    return xp.concatenate(pieces)


# --- weights --------------------------------------------------------------------------------------------------------


def roll(xp: Any, w: Any, gates: int, by: int = 1) -> Any:
    """The rows with the last gate's in front (or, by -1, the way back)."""
    if w is None:
        return None
    cut = -by * (len(w) // gates)
    return xp.concatenate([w[cut:], w[:cut]])  # in a tenth of np.roll's time for a cell's weights


def _planes(w: Any, gates: int, halved: slice) -> Any:
    """(gates * units, inputs) as (gate, input, unit), a copy, with the rows of some gates halved."""
    planes = w.reshape(gates, len(w) // gates, -1).transpose(0, 2, 1).copy()
    planes[halved] *= 0.5
    return planes


def _sum_of_biases(weights: Weights) -> Any:
    return None if weights.b_ih is None else weights.b_ih + weights.b_hh


def _slope_of_tanh(xp: Any, y: Any, out: Any) -> Any:
    """1 - y^2, the derivative of tanh where it is y."""
    xp.multiply(y, y, out)
    return xp.subtract(1, out, out)


# --- LSTM -----------------------------------------------------------------------------------------------------------
# The planes are o, i, f, g, the cells that the step began with, and tanh of those that it ended with. So the sigmoids
# are one block, and what meets the gradient of the cells is one, and (i, f) times (g, c) are the two terms of the new
# cells. A step's input, the state that it begins with and a 1 for the bias stand in one row: that is one matrix product
# a step, and in the end one for the gradients of all weights (17 % less time than with a product of its own for the
# inputs).


class LstmMemory(NamedTuple):
    """What the backward pass needs: the rows (input, state, 1) and the planes (row, plane, unit)."""

    rows: Any
    planes: Any


def _joined_weights(xp: Any, weights: Weights) -> Any:
    """(gates * units, inputs + outputs + 1): what the rows (input, state, 1) are multiplied with."""
    w_ih, w_hh = weights.w_ih, weights.w_hh
    bias = _sum_of_biases(weights)
    if bias is None:
        bias = xp.zeros(len(w_ih), w_ih.dtype)
    return xp.concatenate([w_ih, w_hh, bias[:, None]], 1)


def lstm(
    xp: Any, x: Any, h: Any, c: Any, weights: Weights, sizes: Sizes, reverse: bool
) -> tuple[tuple[Any, Any, Any], LstmMemory]:
    """Returns (outputs, last h, last c) and what `lstm_back` needs."""
    dtype, (count, features), outputs, units = x.dtype, x.shape, h.shape[1], c.shape[1]
    w = _planes(roll(xp, _joined_weights(xp, weights), 4), 4, slice(0, 3))
    w_hr = None if weights.w_hr is None else xp.ascontiguousarray(weights.w_hr.T)
    h, c, half = h.copy(), c.copy(), dtype.type(0.5)
    rows = xp.empty((count, features + outputs + 1), dtype)
    rows[:, :features] = x
    rows[:, -1] = 1
    states = rows[:, features:-1]
    out, memory = xp.empty((count, outputs), dtype), xp.empty((count, 6, units), dtype)
    for run in runs(sizes, units, reverse):
        h_now, c_now, kept = h[: run.size], c[: run.size], run.planes(memory)
        terms = xp.empty((2, run.size, units), dtype)
        new, old = terms
        # Taken apart by a loop, an array gives its views in half the time that indexing takes.
        for row, began, gates, sigmoids, (o, *_, cells, squashed), first, second, ended in zip(
            run.steps(rows), run.steps(states), kept[:, :4], kept[:, :3], kept, kept[:, 1:3], kept[:, 3:5],
            run.steps(out), strict=True,
        ):  # fmt: skip
            began[...] = h_now
            cells[...] = c_now
            xp.matmul(row, w, out=gates)
            xp.tanh(gates, gates)
            xp.multiply(sigmoids, half, sigmoids)
            xp.add(sigmoids, half, sigmoids)
            xp.multiply(first, second, terms)
            xp.add(new, old, c_now)
            xp.tanh(c_now, squashed)
            if w_hr is None:
                xp.multiply(o, squashed, ended)
            else:
                xp.matmul(o * squashed, w_hr, out=ended)
            h_now = ended
        h[: run.size] = h_now
    return (out, h, c), LstmMemory(rows, memory)


def lstm_back(
    xp: Any, g: Any, dh: Any, dc: Any, weights: Weights, sizes: Sizes, reverse: bool, memory: Any
) -> tuple[Any, Any, Any, Any]:
    """The gradients of the gates (row, gate, unit), of the first h and c, and of W_hr (None without a projection).

    The gradients of the outputs `g` and of the last h and c come in; `dh` and `dc` are overwritten.
    """
    dtype, (count, _, units), w_hr = memory.dtype, memory.shape, weights.w_hr
    w_hh = roll(xp, weights.w_hh, 4)
    gates = xp.empty((count, 4, units), dtype)
    dw_hr = None if w_hr is None else xp.zeros_like(w_hr)
    for run in back(runs(sizes, units, reverse)):
        kept, dh_now, dc_now = run.planes(memory), dh[: run.size], dc[: run.size]
        o, i, forget, cell, squashed = (kept[:, plane] for plane in (0, 1, 2, 3, 5))
        # By how much h changes with the sum behind o, and c with those behind i, f and g.
        by_gate = xp.empty((run.length, 4, run.size, units), dtype)
        by_o, by_cell = by_gate[:, 0], by_gate[:, 3]
        slopes = xp.subtract(1, kept[:, :3], by_gate[:, :3])
        slopes *= kept[:, :3]
        by_o *= squashed
        by_gate[:, 1:3] *= kept[:, 3:5]
        _slope_of_tanh(xp, cell, by_cell)
        by_cell *= i
        h_by_c = _slope_of_tanh(xp, squashed, xp.empty_like(by_o, order="C"))
        h_by_c *= o
        share = xp.empty((run.size, units), dtype)
        d_flat, into = run.steps(gates.reshape(count, 4 * units)), run.steps(gates)
        d_o, d_ifg = into[:, :, 0], into[:, :, 1:].transpose(0, 2, 1, 3)
        factors = zip(by_o, by_gate[:, 1:], h_by_c, forget, o, squashed, strict=True)
        for g_now, into_o, into_ifg, flat, now in zip(run.steps(g), d_o, d_ifg, d_flat, factors, strict=True):
            h_by_o, c_by_ifg, h_by_c_now, forget_now, o_now, squashed_now = now
            xp.add(dh_now, g_now, dh_now)
            hidden = dh_now
            if w_hr is not None:
                dw_hr += dh_now.T @ (o_now * squashed_now)
                hidden = dh_now @ w_hr
            xp.multiply(hidden, h_by_c_now, share)
            xp.add(dc_now, share, dc_now)
            xp.multiply(hidden, h_by_o, into_o)
            xp.multiply(dc_now, c_by_ifg, into_ifg)
            xp.multiply(dc_now, forget_now, dc_now)
            xp.matmul(flat, w_hh, out=dh_now)
    return gates, dh, dc, dw_hr


# --- GRU ------------------------------------------------------------------------------------------------------------
# The planes are q = W_hn h + b_hn, r, z and n. The first three have a product with the state, the last three one with
# the input, so that the gradients of either product are one block.


def gru(xp: Any, x: Any, h: Any, weights: Weights, sizes: Sizes, reverse: bool) -> tuple[Any, Any]:
    """Returns (outputs, last h) and what `gru_back` needs."""
    units = h.shape[1]
    w_ih = _planes(weights.w_ih, 3, slice(0, 2))
    w_hh = _planes(roll(xp, weights.w_hh, 3), 3, slice(1, 3))
    bias = b_hn = None
    if weights.b_ih is not None:
        bias, b_hn = weights.b_ih.copy(), weights.b_hh[2 * units :]
        bias[: 2 * units] += weights.b_hh[: 2 * units]
        bias = _planes(bias, 3, slice(0, 2))
    h, half = h.copy(), x.dtype.type(0.5)
    out, memory = xp.empty((len(x), units), x.dtype), xp.empty((len(x), 4, units), x.dtype)
    for run in runs(sizes, units, reverse):
        n, kept = run.size, run.planes(memory)
        inputs = xp.matmul(x[run.rows], w_ih)  # one product for all steps of the run
        if bias is not None:
            inputs += bias
        kept[:, 1:] = run.in_order(inputs.reshape(3, run.length, run.size, units).transpose(1, 0, 2, 3))
        product, share, h_now = xp.empty((3, n, units), x.dtype), xp.empty((n, units), x.dtype), h[:n]
        q_product, r_z_product = product[0], product[1:]
        for (q, r, z, new), sigmoids, ended in zip(kept, kept[:, 1:3], run.steps(out), strict=True):
            xp.matmul(h_now, w_hh, out=product)
            xp.add(sigmoids, r_z_product, sigmoids)
            xp.tanh(sigmoids, sigmoids)
            xp.multiply(sigmoids, half, sigmoids)
            xp.add(sigmoids, half, sigmoids)
            if b_hn is None:
                q[...] = q_product
            else:
                xp.add(q_product, b_hn, q)
            xp.multiply(r, q, share)
            xp.add(new, share, new)
            xp.tanh(new, new)
            xp.subtract(h_now, new, ended)
            xp.multiply(ended, z, ended)
            xp.add(ended, new, ended)
            h_now = ended
        h[: run.size] = h_now
    return (out, h), memory


def gru_back(
    xp: Any, g: Any, dh: Any, weights: Weights, sizes: Sizes, reverse: bool, memory: Any, states: Any
) -> tuple[Any, Any]:
    """The gradients of q, r, z, n (row, gate, unit) and of the first h.

    The gradients of the outputs `g` and of the last h come in, `dh` is overwritten; `states` are those that the steps
    began with.
    """
    units = dh.shape[1]
    w_hh = roll(xp, weights.w_hh, 3)
    gates = xp.empty((len(memory), 4, units), memory.dtype)
    for run in back(runs(sizes, units, reverse)):
        n, kept = run.size, run.planes(memory)
        q, r, z, new = (kept[:, k] for k in range(4))
        factors = xp.empty(kept.shape, kept.dtype)  # by how much h changes with the sums behind the four
        by_q, by_r, by_z, by_new = (factors[:, k] for k in range(4))
        _slope_of_tanh(xp, new, by_new)
        by_new *= 1 - z
        xp.multiply(by_new, r, by_q)
        slope = xp.subtract(1, kept[:, 1:3], out=factors[:, 1:3])
        slope *= kept[:, 1:3]
        by_r *= by_new
        by_r *= q
        by_z *= run.steps(states) - new
        dh_now, direct = dh[:n], xp.empty((n, units), memory.dtype)
        into = run.steps(gates)
        with_state = run.steps(gates.reshape(len(gates), 4 * units)[:, : 3 * units])
        for g_now, into_now, hidden, factors_now, z_now in zip(
            run.steps(g), into.transpose(0, 2, 1, 3), with_state, factors, z, strict=True
        ):
            xp.add(dh_now, g_now, dh_now)
            xp.multiply(dh_now, factors_now, into_now)
            xp.multiply(dh_now, z_now, direct)
            xp.matmul(hidden, w_hh, out=dh_now)
            xp.add(dh_now, direct, dh_now)
    return gates, dh


# --- RNN ------------------------------------------------------------------------------------------------------------


def rnn(xp: Any, x: Any, h: Any, weights: Weights, sizes: Sizes, reverse: bool, relu: bool) -> tuple[Any, Any]:
    """Returns (outputs, last h); the outputs are all that `rnn_back` needs."""
    h, w_hh = h.copy(), xp.ascontiguousarray(weights.w_hh.T)
    bias = _sum_of_biases(weights)
    out = xp.matmul(x, xp.ascontiguousarray(weights.w_ih.T))
    if bias is not None:
        out += bias
    for run in runs(sizes, h.shape[1], reverse):
        h_now = h[: run.size]
        product = xp.empty_like(h_now)
        for ended in run.steps(out):
            xp.matmul(h_now, w_hh, out=product)
            xp.add(ended, product, ended)
            if relu:
                xp.maximum(ended, 0, out=ended)
            else:
                xp.tanh(ended, ended)
            h_now = ended
        h[: run.size] = h_now
    return out, h


def rnn_back(
    xp: Any, g: Any, dh: Any, weights: Weights, sizes: Sizes, reverse: bool, outputs: Any, relu: bool
) -> tuple[Any, Any]:
    """The gradients of the sums behind tanh or the maximum (row, unit), and of the first h.

    The gradients of the outputs `g` and of the last h come in; `dh` is overwritten.
    """
    if relu:
        sums = (outputs > 0).astype(outputs.dtype)
    else:
        sums = _slope_of_tanh(xp, outputs, xp.empty_like(outputs))
    for run in back(runs(sizes, dh.shape[1], reverse)):
        dh_now = dh[: run.size]
        for g_now, now in zip(run.steps(g), run.steps(sums), strict=True):
            xp.add(dh_now, g_now, dh_now)
            xp.multiply(dh_now, now, now)
            xp.matmul(now, weights.w_hh, out=dh_now)
    return sums, dh
