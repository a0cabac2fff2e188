"""Two views of each sample drawn together and all others apart (NT-Xent), and a triplet loss."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(5)


def nt_xent(z1, z2, temperature=0.5):
    n = z1.size(0)
    z = F.normalize(torch.cat([z1, z2], dim=0), dim=1)
    sim = torch.mm(z, z.t()) / temperature
    mask = torch.eye(2 * n, dtype=torch.bool)
    sim = sim.masked_fill(mask, -1e9)
    targets = torch.cat([torch.arange(n, 2 * n), torch.arange(n)])
    return F.cross_entropy(sim, targets)


encoder = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(inplace=True), nn.Linear(16, 4))
optimizer = torch.optim.Adam(encoder.parameters(), lr=0.01)
base = torch.randn(12, 8)
for step in range(15):
    loss = nt_xent(encoder(base + 0.1 * torch.randn_like(base)), encoder(base + 0.1 * torch.randn_like(base)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item())
triplet = nn.TripletMarginLoss(margin=1.0, p=2)
a, p, n = encoder(base[:4]), encoder(base[:4] + 0.05), encoder(base[4:8])
print(triplet(a, p, n).item(), F.cosine_similarity(a, p).mean().item(), F.pairwise_distance(a, n).detach())
