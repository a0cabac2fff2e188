"""Gradients of several small batches added up before a step."""

import torch
from torch import nn, optim

torch.manual_seed(1)
model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3))
criterion = nn.CrossEntropyLoss()
optimizer = optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.01)
x, y = torch.randn(64, 6), torch.randint(0, 3, (64,))

accumulation_steps = 4
for epoch in range(5):
    running = 0.0
    optimizer.zero_grad()
    for i, (inputs, labels) in enumerate(zip(x.split(8), y.split(8))):
        loss = criterion(model(inputs), labels) / accumulation_steps
        loss.backward()
        running += loss.item() * accumulation_steps
        if (i + 1) % accumulation_steps == 0:
            optimizer.step()
            optimizer.zero_grad()
    print(f"epoch {epoch}: {running / 8:.4f}")
print(model[0].weight.grad, model[2].bias)
