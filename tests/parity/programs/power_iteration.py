"""Eigenvectors by repeated products, and principal components from them."""

import torch

torch.manual_seed(2)
A = torch.randn(5, 5, dtype=torch.float64)
A = A @ A.T
M = A.clone()
found = []
for component in range(3):
    v = torch.ones(5, dtype=torch.float64)
    for _ in range(300):
        w = torch.mv(M, v)
        v_new = w / torch.norm(w)
        if torch.allclose(v_new, v, rtol=1e-12):
            break
        v = v_new
    eigenvalue = torch.dot(v, M @ v)
    found.append(eigenvalue.item())
    M = M - eigenvalue * torch.outer(v, v)
    v = v * torch.sign(v[0])
    print(component, f"{eigenvalue:.4f}", [round(e, 3) for e in v.tolist()])
print(torch.linalg.eigvalsh(A).flip(0)[:3].tolist(), sum(found) < A.trace())
X = torch.randn(30, 4) * torch.tensor([3.0, 1.0, 0.5, 0.1])
X = X - X.mean(dim=0, keepdim=True)
U, S, V = torch.linalg.svd(X, full_matrices=False)
print(S, (S**2 / (S**2).sum()).cumsum(0))
print((X @ V.mT[:, :2]).abs().max(0).values)
