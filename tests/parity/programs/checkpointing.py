"""Parts of a model recomputed in the backward pass."""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential


class Net(nn.Module):
    def __init__(self, use_checkpoint):
        super().__init__()
        self.inp = nn.Linear(4, 8)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Dropout(0.2)) for _ in range(3))
        self.out = nn.Linear(8, 1)
        self.use_checkpoint = use_checkpoint

    def forward(self, x):
        x = self.inp(x)
        for block in self.blocks:
            x = x + (checkpoint(block, x, use_reentrant=False) if self.use_checkpoint else block(x))
        return self.out(x)


for use in (False, True):
    torch.manual_seed(0)
    net = Net(use)
    x = torch.randn(16, 4)
    net(x).square().mean().backward()
    print(use, [round(p.grad.norm().item(), 5) for p in net.parameters()])
torch.manual_seed(0)
layers = nn.Sequential(*[nn.Linear(4, 4) for _ in range(6)])
x = torch.randn(2, 4, requires_grad=True)
checkpoint_sequential(layers, 3, x, use_reentrant=False).sum().backward()
print(x.grad)
