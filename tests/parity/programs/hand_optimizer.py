"""Optimizers by hand: under no_grad, on .data, and as a subclass of torch.optim.Optimizer."""

import torch
from torch import nn
from torch.optim import Optimizer

torch.manual_seed(0)
x = torch.randn(32, 4)
y = x @ torch.tensor([1.0, -2.0, 0.5, 3.0]) + 0.1


def make():
    torch.manual_seed(1)
    return nn.Linear(4, 1)


model = make()
velocity = [torch.zeros_like(p) for p in model.parameters()]
for _ in range(20):
    loss = ((model(x).squeeze(1) - y) ** 2).mean()
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for p, v in zip(model.parameters(), velocity):
            v.mul_(0.9).add_(p.grad)
            p -= 0.02 * v
print("momentum", loss.item())

model = make()
m = {p: torch.zeros_like(p.data) for p in model.parameters()}
s = {p: torch.zeros_like(p.data) for p in model.parameters()}
for t in range(1, 21):
    loss = nn.functional.mse_loss(model(x).view(-1), y)
    grads = torch.autograd.grad(loss, list(model.parameters()))
    for p, g in zip(model.parameters(), grads):
        m[p] = 0.9 * m[p] + 0.1 * g
        s[p] = 0.999 * s[p] + 0.001 * g**2
        p.data -= 0.1 * (m[p] / (1 - 0.9**t)) / ((s[p] / (1 - 0.999**t)).sqrt() + 1e-8)
print("adam", loss.item())


class Lion(Optimizer):
    def __init__(self, params, lr=1e-2, betas=(0.9, 0.99), weight_decay=0.0):
        if not 0.0 <= lr:
            raise ValueError("Invalid learning rate: {}".format(lr))
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                p.data.mul_(1 - group["lr"] * group["weight_decay"])
                grad, state = p.grad, self.state[p]
                if len(state) == 0:
                    state["exp_avg"] = torch.zeros_like(p)
                exp_avg = state["exp_avg"]
                beta1, beta2 = group["betas"]
                update = exp_avg * beta1 + grad * (1 - beta1)
                p.add_(torch.sign(update), alpha=-group["lr"])
                exp_avg.mul_(beta2).add_(grad, alpha=1 - beta2)
        return loss


model = make()
optimizer = Lion(model.parameters(), lr=0.05, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.95)


def closure():
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x).flatten(), y)
    loss.backward()
    return loss


for _ in range(30):
    loss = optimizer.step(closure)
    scheduler.step()
print("lion", loss.item(), optimizer.param_groups[0]["lr"], len(optimizer.state_dict()["state"]))
