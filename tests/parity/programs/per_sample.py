"""The gradient of each sample, by a loop, clipped and averaged with noise."""

import torch
import torch.nn as nn

torch.manual_seed(31)
model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
x, y = torch.randn(5, 4), torch.tensor([0, 1, 1, 0, 1])
loss_fn = nn.CrossEntropyLoss(reduction="none")


def compute_grad(sample, target):
    prediction = model(sample.unsqueeze(0))
    loss = loss_fn(prediction, target.unsqueeze(0)).sum()
    return torch.autograd.grad(loss, list(model.parameters()))


sample_grads = [compute_grad(x[i], y[i]) for i in range(5)]
sample_grads = [torch.stack(shards) for shards in zip(*sample_grads)]
print([tuple(g.shape) for g in sample_grads])
norms = torch.stack([g.flatten(1).norm(dim=1) for g in sample_grads]).norm(dim=0)
print(norms)
factor = (0.5 / (norms + 1e-6)).clamp(max=1.0)
for p, g in zip(model.parameters(), sample_grads):
    clipped = (g * factor.view(-1, *([1] * (g.dim() - 1)))).sum(0)
    p.grad = (clipped + 0.01 * torch.randn_like(clipped)) / len(x)
torch.optim.SGD(model.parameters(), lr=1.0).step()
losses = loss_fn(model(x), y)
print(losses)
losses.mean().backward()
mean = [g.mean(0) for g in sample_grads]
print(model[0].weight.grad.shape == mean[0].shape)
