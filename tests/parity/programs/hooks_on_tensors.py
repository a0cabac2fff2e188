"""Hooks on tensors and parameters: gradients looked at, scaled, masked and used at once."""

import torch
import torch.nn as nn

x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = x**2
y.register_hook(lambda g: print("grad of y:", g))
y.register_hook(lambda g: g * 2)
y.retain_grad()
z = y.mean()
z.backward()
print(x.grad, y.grad)
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
mask = torch.tensor([[1.0, 0.0, 1.0]]).expand(4, 3)
handle = model[0].weight.register_hook(lambda grad: grad * mask)
for p in model.parameters():
    p.register_hook(lambda grad: torch.clamp(grad, -0.1, 0.1))
model(torch.ones(2, 3)).sum().backward()
print(model[0].weight.grad)
handle.remove()
model.zero_grad()
optimizer_dict = {p: torch.optim.SGD([p], lr=0.1) for p in model.parameters()}


def optimizer_hook(parameter):
    optimizer_dict[parameter].step()
    optimizer_dict[parameter].zero_grad()


for p in model.parameters():
    p.register_post_accumulate_grad_hook(optimizer_hook)
for _ in range(3):
    loss = (model(torch.ones(2, 3)) - 1).pow(2).sum()
    loss.backward()
    print(loss.item(), [p.grad for p in model.parameters()])
grads = []
w = torch.ones(2, requires_grad=True)
a = w * 3
a.register_hook(grads.append)
b = a * a
b.sum().backward(retain_graph=True)
b.sum().backward()
print(grads, w.grad, a.grad_fn.name(), b.grad_fn.next_functions[0][0].name(), w.grad_fn)
