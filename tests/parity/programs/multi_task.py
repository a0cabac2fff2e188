"""A shared body with a head for each task, and weights of the losses that are learned."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(14)


class MultiTask(nn.Module):
    def __init__(self, tasks):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 16), nn.ELU(), nn.LayerNorm(16))
        self.heads = nn.ModuleDict({name: nn.Linear(16, size) for name, size in tasks.items()})
        self.log_vars = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in tasks})

    def forward(self, x):
        features = self.body(x)
        return {name: head(features) for name, head in self.heads.items()}


model = MultiTask({"kind": 3, "size": 1})
print(model)
x = torch.randn(24, 6)
targets = {"kind": torch.randint(0, 3, (24,)), "size": torch.randn(24, 1)}
optimizer = torch.optim.NAdam(model.parameters(), lr=5e-3)
for _ in range(25):
    outputs = model(x)
    losses = {
        "kind": F.cross_entropy(outputs["kind"], targets["kind"]),
        "size": F.mse_loss(outputs["size"], targets["size"]),
    }
    total = sum(torch.exp(-model.log_vars[k]) * v + model.log_vars[k] for k, v in losses.items())
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
print({k: round(v.item(), 4) for k, v in losses.items()}, total.item())
for name, p in model.named_parameters():
    print(name, tuple(p.shape), p.requires_grad)
print("size" in model.heads, len(model.log_vars), list(model.heads.keys()))
