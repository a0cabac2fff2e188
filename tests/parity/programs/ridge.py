"""Least squares in closed form, by the normal equations and by gradient descent; polynomial features."""

import torch

torch.manual_seed(7)
n, d = 60, 4
X = torch.randn(n, d, dtype=torch.double)
true_w = torch.tensor([[1.5], [-2.0], [0.0], [0.7]], dtype=torch.double)
y = X.matmul(true_w) + 0.05 * torch.randn(n, 1, dtype=torch.double)
lam = 0.1
w = torch.linalg.inv(X.t().mm(X) + lam * torch.eye(d, dtype=torch.double)).mm(X.t()).mm(y)
w2 = torch.linalg.solve(X.T @ X + lam * torch.eye(d).double(), X.T @ y)
print(w.flatten(), torch.allclose(w, w2))
theta = torch.zeros(d, 1, dtype=torch.double, requires_grad=True)
for _ in range(400):
    loss = (X @ theta - y).pow(2).sum() + lam * theta.pow(2).sum()
    (g,) = torch.autograd.grad(loss, theta)
    theta = (theta - 0.003 * g).detach().requires_grad_()
print(torch.dist(theta, w).item() < 1e-6, theta.t())
residual = y - X @ w
r2 = 1 - residual.pow(2).sum() / (y - y.mean()).pow(2).sum()
print(f"R^2 = {r2:.6f}")
x = torch.linspace(-1, 1, 20)
V = torch.stack([x**k for k in range(4)], dim=1)
solution = torch.linalg.lstsq(V, torch.sin(2 * x).unsqueeze(1)).solution
print(solution.squeeze())
folds = torch.arange(n).chunk(5)
errors = []
for fold in folds:
    keep = torch.ones(n, dtype=torch.bool)
    keep[fold] = False
    wk = torch.linalg.solve(X[keep].T @ X[keep] + lam * torch.eye(d, dtype=X.dtype), X[keep].T @ y[keep])
    errors.append(((X[fold] @ wk - y[fold]) ** 2).mean())
print(torch.stack(errors).mean(), torch.tensor(errors).std())
