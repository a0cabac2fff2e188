"""Weights that are functions of other weights: symmetric, of unit norm, skewed."""

import torch
import torch.nn as nn
import torch.nn.utils.parametrize as parametrize

torch.manual_seed(0)


class Symmetric(nn.Module):
    def forward(self, X):
        return X.triu() + X.triu(1).transpose(-1, -2)

    def right_inverse(self, A):
        return A.triu()


class Skew(nn.Module):
    def forward(self, X):
        A = X.triu(1)
        return A - A.transpose(-1, -2)


layer = nn.Linear(3, 3)
parametrize.register_parametrization(layer, "weight", Symmetric())
A = layer.weight
print(torch.allclose(A, A.T), layer)
print(layer.parametrizations.weight.original.shape, [n for n, _ in layer.named_parameters()])
layer(torch.randn(5, 3)).sum().backward()
print(layer.parametrizations.weight.original.grad)
B = torch.rand(3, 3)
B = B + B.T
layer.weight = B
print(torch.allclose(layer.weight, B), parametrize.is_parametrized(layer), parametrize.is_parametrized(layer, "bias"))
with parametrize.cached():
    print(layer.weight is layer.weight)
parametrize.remove_parametrizations(layer, "weight")
print(layer, type(layer.weight).__name__, torch.allclose(layer.weight, B))
cnn = nn.Linear(4, 4, bias=False)
parametrize.register_parametrization(cnn, "weight", Skew())
optimizer = torch.optim.SGD(cnn.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    loss = (cnn(torch.ones(2, 4)) - 1).pow(2).sum()
    loss.backward()
    optimizer.step()
print(loss.item(), cnn.weight)
wn = torch.nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
print(wn, list(wn.state_dict()), wn(torch.ones(1, 3)))
