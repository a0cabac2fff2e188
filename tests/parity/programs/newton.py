"""Newton's method with the Hessian from autograd, and LBFGS beside it."""

import torch
from torch.autograd.functional import hessian, jacobian, hvp


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


x = torch.tensor([-1.0, 1.5], dtype=torch.float64)
for i in range(8):
    g = jacobian(rosenbrock, x)
    H = hessian(rosenbrock, x)
    step = torch.linalg.solve(H, g)
    x = x - step
    print(i, rosenbrock(x).item() < 1e3, [round(v, 6) for v in x.tolist()])
print(H, hvp(rosenbrock, x, torch.tensor([1.0, 2.0], dtype=torch.float64))[1])

p = torch.tensor([-1.0, 1.5], requires_grad=True)
optimizer = torch.optim.LBFGS([p], lr=1, max_iter=20, line_search_fn="strong_wolfe")


def closure():
    optimizer.zero_grad()
    loss = rosenbrock(p)
    loss.backward()
    return loss


for _ in range(3):
    optimizer.step(closure)
print(p.detach().round(decimals=2))
for name in ("SGD", "Adam", "Adadelta", "RMSprop", "Adamax", "ASGD", "Rprop"):
    q = torch.tensor([0.5, 0.8], requires_grad=True)
    opt = getattr(torch.optim, name)([q], lr=1e-3)
    for _ in range(10):
        opt.zero_grad()
        rosenbrock(q).backward()
        opt.step()
    print(name, q.tolist())
