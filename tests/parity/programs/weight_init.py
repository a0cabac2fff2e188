"""Weights set by kind of layer, and their size looked at."""

import torch
import torch.nn as nn
from torch.nn import init


def init_weights(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        nn.init.kaiming_uniform_(m.weight, a=0.1, nonlinearity="leaky_relu")
    elif isinstance(m, nn.Linear):
        torch.nn.init.xavier_uniform_(m.weight, gain=nn.init.calculate_gain("tanh"))
        m.bias.data.fill_(0.01)
    elif classname.find("BatchNorm") != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)


torch.manual_seed(999)
net = nn.Sequential(
    nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(True), nn.Flatten(), nn.Linear(24, 10), nn.Linear(10, 2)
)
net.apply(init_weights)
for name, p in net.named_parameters():
    print(f"{name:<10} mean {p.mean().item():+.4f} max {p.abs().max().item():.4f}")
w = torch.empty(6, 6)
for name in ("orthogonal_", "xavier_normal_", "kaiming_normal_", "eye_", "trunc_normal_", "sparse_"):
    args = (0.5,) if name == "sparse_" else ()
    getattr(init, name)(w, *args)
    print(name, round(w.std().item(), 4), round((w @ w.T).diagonal().mean().item(), 4))
init.dirac_(net[0].weight)
print(net[0].weight[0, 0])
with torch.no_grad():
    net[5].weight.copy_(torch.eye(2, 10))
    net[4].bias[:3] = torch.tensor([1.0, 2.0, 3.0])
print(net[5].weight.sum(), net[4].bias, init.calculate_gain("leaky_relu", 0.2))
for layer in net.children():
    if hasattr(layer, "reset_parameters"):
        layer.reset_parameters()
print(net[4].weight.std())
