"""A first program: a small net with a ReLU written as a Python loop learns to give back the number it is given."""

from __future__ import annotations


def relu(my, outputs):
    kept = []
    for value in outputs:
        if value.data > 0:
            kept.append(value)
        else:
            kept.append(my.Param(0))
    return kept


def build(my):
    class Net(my.layers.Module):
        def __init__(self):
            self.first = my.layers.Linear(2, 4)
            self.second = my.layers.Linear(4, 4)
            self.third = my.layers.Linear(4, 4)
            self.last = my.layers.Linear(4, 1)

        def forward(self, x):
            x = relu(my, self.first(x))
            x = relu(my, self.second(x))
            x = relu(my, self.third(x))
            return self.last(x)

    return Net()


def train(my, model, rounds):
    """The sum of the losses of each round over the numbers 0 to 99; each round's last loss is printed."""
    optimizer = my.optimizers.Adam(params=model.parameters(), lr=1e-3)
    sums = []
    for _ in range(rounds):
        total = 0.0
        for number in range(100):
            out = model([number, number])
            loss = (out[0] - number) ** 2
            loss.backward()
            optimizer.update()
            optimizer.zero_grad()
            total += loss.item()
        print(loss)
        sums.append(total)
    return sums
