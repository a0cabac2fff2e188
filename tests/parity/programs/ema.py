"""A running average of the weights beside the model."""

import copy

import torch
import torch.nn as nn


class EMA(nn.Module):
    def __init__(self, model, decay=0.9):
        super().__init__()
        self.module = copy.deepcopy(model)
        self.module.eval()
        self.decay = decay
        for p in self.module.parameters():
            p.requires_grad_(False)

    def _update(self, model, update_fn):
        with torch.no_grad():
            for ema_v, model_v in zip(self.module.state_dict().values(), model.state_dict().values()):
                ema_v.copy_(update_fn(ema_v, model_v))

    def update(self, model):
        self._update(model, update_fn=lambda e, m: self.decay * e + (1.0 - self.decay) * m)


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
ema = EMA(model)
shadow = {name: p.detach().clone() for name, p in model.named_parameters()}
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.randn(20, 3)
for _ in range(10):
    optimizer.zero_grad()
    loss = (model(x) - x.sum(1, keepdim=True)).abs().mean()
    loss.backward()
    optimizer.step()
    ema.update(model)
    for name, p in model.named_parameters():
        shadow[name].mul_(0.9).add_(p.data, alpha=0.1)
print(loss.item(), ema.module(x).mean().item())
print(all(torch.allclose(shadow[n], p) for n, p in ema.module.named_parameters()))
print(ema.module[1].running_var, ema.module[1].num_batches_tracked)
averaged = torch.optim.swa_utils.AveragedModel(model) if hasattr(torch.optim, "swa_utils") else None
