"""The Boston tutorial: house prices from NumPy arrays, scaled to 0..1, and the predictions in the data's own units."""

from __future__ import annotations

from pathlib import Path

import numpy as np

TABLE = Path(__file__).parents[3] / "datasets" / "boston.csv"


def arrays():
    """Train and test rows (every fourth row is a test row); prices are columns of their own."""
    table = np.loadtxt(TABLE, delimiter=",", skiprows=1)
    x, y = table[:, :13], table[:, 13]
    train = [i for i in range(len(x)) if i % 4 != 0]
    test = [i for i in range(len(x)) if i % 4 == 0]
    return x[train], y[train, np.newaxis], x[test], y[test, np.newaxis]


def run(my, steps):
    """The last loss, the mean absolute errors on train and test rows, and what the plots show."""
    train_x, train_y, test_x, test_y = arrays()
    low_x, high_x = train_x.min(0), train_x.max(0)
    low_y, high_y = train_y.min(0), train_y.max(0)
    train_x = my.Param((train_x - low_x) / (high_x - low_x))
    test_x = my.Param((test_x - low_x) / (high_x - low_x))
    train_y = my.Param((train_y - low_y) / (high_y - low_y))
    test_y = my.Param(test_y)

    class Model(my.layers.Module):
        def __init__(self):
            self.l1 = my.layers.Linear(13, 32)
            self.l2 = my.layers.Linear(32, 32)
            self.l3 = my.layers.Linear(32, 32)
            self.l4 = my.layers.Linear(32, 1)
            self.activation = my.layers.ReLU()

        def forward(self, x):
            x = self.activation(self.l1(x))
            x = self.activation(self.l2(x))
            x = self.activation(self.l3(x))
            return self.l4(x)

    model = Model()
    optimizer = my.optimizers.Adam(model.parameters(), lr=1e-3)
    for _ in range(steps):
        pred = model(train_x)
        loss = ((pred - train_y) ** 2).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    print(loss)

    pred_train = model(train_x) * (high_y - low_y) + low_y
    true_train = train_y * (high_y - low_y) + low_y
    train_mae = abs(pred_train - true_train).mean().data
    pred_test = low_y + (high_y - low_y) * model(test_x)  # the arrays on the left
    test_mae = abs(test_y - pred_test).mean().data
    curves = {"train": (true_train, pred_train, train_mae), "test": (test_y, pred_test, test_mae)}
    return loss, train_mae, test_mae, curves


def draw(plt, curves):
    figure = plt.figure(figsize=(15, 3))
    for place, (name, (true, pred, mae)) in enumerate(curves.items(), start=1):
        plt.subplot(1, 2, place)
        plt.title(f"Boston, {name} rows\nMAE: {mae}")
        plt.plot(true.data, label="true")
        plt.plot(pred.data, label="predicted")
        plt.legend()
    return figure
