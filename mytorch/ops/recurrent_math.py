"""The recurrent layers of the table in mathematical notation: what `formulas` shows in place of their kernels.

All steps of a layer are one operation, so a formula speaks of one step t. `h_before` and `c_before` are the states that
it starts from. Back, `dh`, `dc` and so on are the derivatives by what the letter after the d stands for, and a name
that ends in `_after` is that of the step after t: nothing comes after the last one. `..._first` is that of the first
step, from which a gradient flows on to the initial states. The gates stand beside each other in one matrix, in
PyTorch's order: i, f, n (its g), o of an LSTM, and r, z, n of a GRU.
"""

from __future__ import annotations

RNN = {
    "y": "every(h_t), last(h_t)",
    "a": "matmul(x_t, t(w_ih)) + b_ih + matmul(h_before, t(w_hh)) + b_hh",
    "h_t": "maximum(a, 0) if relu else tanh(a)",
    "g_t": "'g1 at t, plus g2 at the last t'",
    "dh": "g_t + matmul(da_after, w_hh)",
    "da": "where(h_t > 0, dh, 0) if relu else dh * (1 - h_t ** 2)",
    "x": "matmul(da, w_ih)",
    "h": "matmul(da_first, w_hh)",
    "w_ih": "total('t', matmul(t(da), x_t))",
    "w_hh": "total('t', matmul(t(da), h_before))",
    "b_ih": "total('t and the batch', da)",
    "b_hh": "total('t and the batch', da)",
}

LSTM = {
    "y": "every(h_t), last(h_t), last(c_t)",
    "a": "matmul(x_t, t(w_ih)) + b_ih + matmul(h_before, t(w_hh)) + b_hh",
    "i": "sigmoid(chunk(a, 1))",
    "f": "sigmoid(chunk(a, 2))",
    "n": "tanh(chunk(a, 3))",
    "o": "sigmoid(chunk(a, 4))",
    "c_t": "f * c_before + i * n",
    "m": "o * tanh(c_t)",
    "h_t": "matmul(m, t(w_hr))",
    "g_t": "'g1 at t, plus g2 at the last t'",
    "dh": "g_t + matmul(da_after, w_hh)",
    "dm": "matmul(dh, w_hr)",
    "dc": "dc_after * f_after + dm * o * (1 - tanh(c_t) ** 2)",
    "da": "beside(dc * n * i * (1 - i), dc * c_before * f * (1 - f), dc * i * (1 - n ** 2), "
    "dm * tanh(c_t) * o * (1 - o))",
    "x": "matmul(da, w_ih)",
    "h": "matmul(da_first, w_hh)",
    "c": "dc_first * f_first",
    "w_ih": "total('t', matmul(t(da), x_t))",
    "w_hh": "total('t', matmul(t(da), h_before))",
    "b_ih": "total('t and the batch', da)",
    "b_hh": "total('t and the batch', da)",
    "w_hr": "total('t', matmul(t(dh), m))",
}

GRU = {
    "y": "every(h_t), last(h_t)",
    "a": "matmul(x_t, t(w_ih)) + b_ih",
    "e": "matmul(h_before, t(w_hh)) + b_hh",
    "r": "sigmoid(chunk(a, 1) + chunk(e, 1))",
    "z": "sigmoid(chunk(a, 2) + chunk(e, 2))",
    "n": "tanh(chunk(a, 3) + r * chunk(e, 3))",
    "h_t": "(1 - z) * n + z * h_before",
    "g_t": "'g1 at t, plus g2 at the last t'",
    "dh": "g_t + dh_after * z_after + matmul(de_after, w_hh)",
    "dn": "dh * (1 - z) * (1 - n ** 2)",
    "dz": "dh * (h_before - n) * z * (1 - z)",
    "dr": "dn * chunk(e, 3) * r * (1 - r)",
    "da": "beside(dr, dz, dn)",
    "de": "beside(dr, dz, r * dn)",
    "x": "matmul(da, w_ih)",
    "h": "dh_first * z_first + matmul(de_first, w_hh)",
    "w_ih": "total('t', matmul(t(da), x_t))",
    "w_hh": "total('t', matmul(t(de), h_before))",
    "b_ih": "total('t and the batch', da)",
    "b_hh": "total('t and the batch', de)",
}
