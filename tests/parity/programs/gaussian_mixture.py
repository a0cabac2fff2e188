"""Expectation and maximisation for a mixture of Gaussians."""

import math

import torch

torch.manual_seed(4)
x = torch.cat([torch.randn(40, 2) * 0.5 + torch.tensor([2.0, 0.0]), torch.randn(60, 2) + torch.tensor([-2.0, 1.0])])
k, (n, d) = 2, x.shape
mu = x[torch.tensor([0, -1])].clone()
var = torch.ones(k, d)
pi = torch.full((k,), 1.0 / k)
for step in range(15):
    log_prob = -0.5 * (((x[:, None, :] - mu) ** 2 / var).sum(-1) + var.log().sum(-1) + d * math.log(2 * math.pi))
    weighted = log_prob + pi.log()
    log_norm = torch.logsumexp(weighted, dim=1, keepdim=True)
    resp = (weighted - log_norm).exp()
    nk = resp.sum(dim=0)
    mu = resp.T @ x / nk.unsqueeze(1)
    var = torch.einsum("nk,nkd->kd", resp, (x.unsqueeze(1) - mu) ** 2) / nk[:, None] + 1e-6
    pi = nk / n
    if step % 5 == 4:
        print(step, log_norm.mean().item())
print(mu, var, pi, sep="\n")
print(resp.argmax(1).unique(return_counts=True))
