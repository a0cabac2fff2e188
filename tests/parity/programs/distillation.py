"""A small model that learns from a larger one."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(9)
teacher = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 4))
student = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 4))
for parameter in teacher.parameters():
    parameter.requires_grad = False
teacher.eval()
x, y = torch.randn(50, 5), torch.randint(0, 4, [50])
T, alpha = 3.0, 0.7
optimizer = torch.optim.RMSprop(student.parameters(), lr=0.005)
kl, ce = nn.KLDivLoss(reduction="batchmean"), nn.CrossEntropyLoss()
for epoch in range(30):
    with torch.no_grad():
        soft = teacher(x)
    out = student(x)
    loss = alpha * T * T * kl(F.log_softmax(out / T, dim=1), F.softmax(soft / T, dim=1)) + (1 - alpha) * ce(out, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
agreement = (student(x).argmax(1) == teacher(x).argmax(1)).float().mean()
print(f"{loss.item():.4f}", agreement)
print(all(p.grad is None for p in teacher.parameters()))
