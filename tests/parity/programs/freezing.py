"""Fine-tuning: a frozen body, a new head, and different learning rates for the parts."""

import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(2)
body = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU())


class Classifier(nn.Module):
    def __init__(self, body, num_classes):
        super().__init__()
        self.body = body
        self.fc = nn.Linear(20, num_classes)

    def forward(self, x):
        return self.fc(self.body(x))


model = Classifier(body, 1000)
for param in model.parameters():
    param.requires_grad = False
num_ftrs = model.fc.in_features
model.fc = nn.Linear(num_ftrs, 3)
print([name for name, p in model.named_parameters() if p.requires_grad])
trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
total = sum(p.numel() for p in model.parameters())
print(f"{trainable:,} of {total:,} parameters ({trainable / total:.1%})")
before = model.body[0].weight.clone()
x, y = torch.randn(32, 10), torch.randint(0, 3, (32,))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(filter(lambda p: p.requires_grad, model.parameters()), lr=0.1, momentum=0.9)
for _ in range(10):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
print(loss.item(), torch.equal(before, model.body[0].weight))
for param in model.body[2].parameters():
    param.requires_grad = True
optimizer = optim.Adam(
    [
        {"params": model.body[2].parameters(), "lr": 1e-3},
        {"params": model.fc.parameters()},
    ],
    lr=1e-2,
)
for _ in range(10):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
print(loss.item(), [g["lr"] for g in optimizer.param_groups], model.body[0].weight.grad)
print(optimizer)
