"""A line through noisy points: loader, loss, optimizer, and the model inspected."""

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(0)
torch.manual_seed(0)
X = np.random.rand(50, 1).astype(np.float32)
y = 2 * X + 1 + 0.1 * np.random.randn(50, 1).astype(np.float32)
inputs, targets = torch.from_numpy(X), torch.from_numpy(y)
train_ds = TensorDataset(inputs, targets)
print(train_ds[0:3])
train_dl = DataLoader(train_ds, batch_size=10, shuffle=True)


class LinearRegression(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)

    def forward(self, x):
        return self.linear(x)


model = LinearRegression(1, 1)
loss_fn = nn.MSELoss()
opt = torch.optim.SGD(model.parameters(), lr=0.3)


def fit(num_epochs, model, loss_fn, opt):
    for epoch in range(num_epochs):
        for xb, yb in train_dl:
            loss = loss_fn(model(xb), yb)
            loss.backward()
            opt.step()
            opt.zero_grad()
        if (epoch + 1) % 10 == 0:
            print("Epoch [{}/{}], Loss: {:.4f}".format(epoch + 1, num_epochs, loss.item()))


fit(40, model, loss_fn, opt)
print("Model's state_dict:")
for param_tensor in model.state_dict():
    print(param_tensor, "\t", model.state_dict()[param_tensor].size())
print(model.linear.weight.item(), model.linear.bias.data[0])
predicted = model(inputs).detach().numpy()
print(type(predicted), predicted.dtype, float(np.abs(predicted - y).mean()))
print(list(model.parameters()))
