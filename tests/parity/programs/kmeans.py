"""Lloyd's algorithm."""

import torch

torch.manual_seed(6)
centres = torch.tensor([[0.0, 0.0], [4.0, 4.0], [-4.0, 3.0]])
points = (centres[:, None, :] + torch.randn(3, 20, 2) * 0.7).reshape(-1, 2)
k = 3
index = torch.randperm(points.size(0))[:k]
centroids = points[index]
for iteration in range(20):
    distances = torch.cdist(points, centroids)
    assignment = distances.argmin(dim=1)
    new = torch.stack([points[assignment == i].mean(0) if (assignment == i).any() else centroids[i] for i in range(k)])
    shift = (new - centroids).norm(dim=1).max()
    centroids = new
    if shift < 1e-5:
        break
order = centroids[:, 0].argsort()
print(iteration, centroids[order])
inertia = distances.min(dim=1).values.pow(2).sum()
print(f"{inertia:.3f}", torch.bincount(assignment, minlength=k)[order])
counts = torch.zeros(k).scatter_add_(0, assignment, torch.ones(len(points)))
sums = torch.zeros(k, 2).index_add_(0, assignment, points)
print(torch.allclose(sums / counts.unsqueeze(1), centroids, atol=1e-5))
