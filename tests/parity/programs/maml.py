"""Learning to learn: the gradient goes through the steps of an inner gradient descent."""

import math

import torch
import torch.nn.functional as F

torch.manual_seed(17)


def init():
    return [
        (torch.randn(20, 1) * 0.5).requires_grad_(),
        torch.zeros(20, requires_grad=True),
        (torch.randn(1, 20) * 0.2).requires_grad_(),
        torch.zeros(1, requires_grad=True),
    ]


def forward(x, params):
    h = torch.tanh(F.linear(x, params[0], params[1]))
    return F.linear(h, params[2], params[3])


params = init()
meta_optimizer = torch.optim.Adam(params, lr=1e-2)
for iteration in range(10):
    meta_loss = 0
    for task in range(3):
        amplitude, phase = torch.rand(1) * 4 + 1, torch.rand(1) * math.pi
        x_s, x_q = torch.rand(10, 1) * 10 - 5, torch.rand(10, 1) * 10 - 5
        fast = params
        for _ in range(2):
            loss = F.mse_loss(forward(x_s, fast), amplitude * torch.sin(x_s + phase))
            grads = torch.autograd.grad(loss, fast, create_graph=True)
            fast = [w - 0.01 * g for w, g in zip(fast, grads)]
        meta_loss = meta_loss + F.mse_loss(forward(x_q, fast), amplitude * torch.sin(x_q + phase))
    meta_optimizer.zero_grad()
    meta_loss.backward()
    meta_optimizer.step()
    if iteration % 3 == 0:
        print(iteration, meta_loss.item() / 3, params[0].grad.norm().item())
