"""Training that stops when the validation loss no longer falls, and goes back to the best weights."""

import copy

import torch
from torch import nn

torch.manual_seed(12)


class EarlyStopping:
    def __init__(self, patience=5, delta=0.0):
        self.patience, self.delta = patience, delta
        self.best, self.counter, self.state, self.stop = None, 0, None, False

    def __call__(self, loss, model):
        if self.best is None or loss < self.best - self.delta:
            self.best, self.counter = loss, 0
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.counter += 1
            self.stop = self.counter >= self.patience


x = torch.randn(30, 8)
y = (x[:, :1] * 2 - x[:, 1:2]).tanh() + 0.3 * torch.randn(30, 1)
x_train, x_val, y_train, y_val = x[:20], x[20:], y[:20], y[20:]
model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
stopper = EarlyStopping(patience=4)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
criterion = nn.MSELoss()
for epoch in range(200):
    model.train()
    optimizer.zero_grad()
    criterion(model(x_train), y_train).backward()
    optimizer.step()
    model.eval()
    with torch.inference_mode():
        val_loss = criterion(model(x_val), y_val).item()
    stopper(val_loss, model)
    if stopper.stop:
        print("stopped at", epoch)
        break
before = criterion(model(x_val), y_val).item()
model.load_state_dict(stopper.state)
after = criterion(model(x_val), y_val).item()
print(before, after, after < before)
