"""An LSTM with a linear layer on its last output, by hand."""

from __future__ import annotations

import numpy as np

from benchmarks.by_hand.losses import cross_entropy
from benchmarks.by_hand.parameters import Adam, Parameters
from benchmarks.workload import Array, Figures


class LastOutput:
    """The training of `sequence.lstm`: calling it is a step.

    States are (hidden, batch), so that a gate is a block of memory. All inputs go through one product before the loop,
    all gradients of the weights come from one product each after it. The gates' order is o, i, f, g: the first three
    are sigmoids, tanh(x / 2) / 2 + 1/2, so that one call of tanh serves all four; the gradients of the last three are a
    factor times that of the cell. The factors are computed for all steps at once.
    """

    def __init__(self, weights: Figures) -> None:
        self.parameters = Parameters(weights)
        self.optimizer = Adam(self.parameters, lr=1e-3)

    def __call__(self, x: Array, y: Array) -> float:
        get = self.parameters
        w_x, w_h, b_x, b_h = (get[f"recurrent.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        last_w, last_b = get["last.weight"], get["last.bias"]
        batch, steps, inputs = x.shape
        size = w_h.value.shape[1]
        order = np.arange(4 * size).reshape(4, size)[[3, 0, 1, 2]].ravel()  # from i, f, g, o
        half = np.full((4 * size, 1), 0.5, np.float32)
        half[3 * size :] = 1

        columns = np.ascontiguousarray(x.transpose(2, 1, 0)).reshape(inputs, steps * batch)
        gates = np.empty((steps, 4 * size, batch), np.float32)
        np.matmul(
            w_x.value[order] * half,
            columns.reshape(inputs, steps, batch).transpose(1, 0, 2),
            out=gates,
        )
        gates += (b_x.value + b_h.value)[order, None] * half
        recurrent = w_h.value[order] * half
        h = np.zeros((steps + 1, size, batch), np.float32)
        c = np.zeros_like(h)
        tanh_c = np.empty((steps, size, batch), np.float32)
        product, work = np.empty((4 * size, batch), np.float32), np.empty((size, batch), np.float32)
        for t in range(steps):
            a = gates[t]
            a += np.matmul(recurrent, h[t], out=product)
            np.tanh(a, a)
            sigmoids = a[: 3 * size]
            sigmoids *= 0.5
            sigmoids += 0.5
            o, i, f, g = a[:size], a[size : 2 * size], a[2 * size : 3 * size], a[3 * size :]
            np.multiply(f, c[t], c[t + 1])
            np.add(c[t + 1], np.multiply(i, g, work), c[t + 1])
            np.tanh(c[t + 1], tanh_c[t])
            np.multiply(o, tanh_c[t], h[t + 1])

        out = h[-1].T @ last_w.value.T
        out += last_b.value
        value, d_out = cross_entropy(out, y)
        last_w.grad[:] = d_out.T @ h[-1].T
        last_b.grad[:] = d_out.sum(0)

        o, i, f, g = gates.reshape(steps, 4, size, batch).transpose(1, 0, 2, 3)
        factors = np.subtract(1, gates).reshape(steps, 4, size, batch)
        factors[:, :3] *= gates.reshape(steps, 4, size, batch)[:, :3]  # s (1 - s)
        factors[:, 3] *= 1 + g  # 1 - g^2
        for gate, factor in enumerate((tanh_c, g, c[:-1], i)):
            factors[:, gate] *= factor
        of_c = np.multiply(tanh_c, tanh_c)
        np.subtract(1, of_c, of_c)
        of_c *= o
        d_h, d_c = last_w.value.T @ d_out.T, np.zeros((size, batch), np.float32)
        back = np.ascontiguousarray(w_h.value[order].T)
        for t in reversed(range(steps)):
            d = factors[t]  # becomes the gradient of what went into the gates
            d_c += np.multiply(d_h, of_c[t], work)
            d[0] *= d_h
            d[1:] *= d_c
            d_c *= f[t]
            d_h = np.matmul(back, d.reshape(4 * size, batch), out=d_h)

        d_gates = np.ascontiguousarray(factors.reshape(steps, 4 * size, batch).transpose(1, 0, 2))
        d_gates = d_gates.reshape(4 * size, steps * batch)
        states = np.ascontiguousarray(h[:-1].transpose(1, 0, 2)).reshape(size, steps * batch)
        w_x.grad[order] = d_gates @ columns.T
        w_h.grad[order] = d_gates @ states.T
        b_x.grad[order] = d_gates @ np.ones(steps * batch, np.float32)
        b_h.grad[:] = b_x.grad
        self.optimizer.step()
        return value
