"""Two classes told apart, with boolean masks for the bookkeeping."""

import torch
import torch.nn as nn

torch.manual_seed(10)
x0 = torch.randn(50, 2) + torch.tensor([-1.0, -1.0])
x1 = torch.randn(50, 2) + torch.tensor([1.5, 1.0])
X = torch.cat((x0, x1))
y = torch.cat((torch.zeros(50), torch.ones(50)))
perm = torch.randperm(100)
X, y = X[perm], y[perm]
mask = torch.rand(100) < 0.8
X_train, y_train, X_test, y_test = X[mask], y[mask], X[~mask], y[~mask]
print(mask.sum(), X_train.shape, X_test.shape)
mean, std = X_train.mean(0), X_train.std(0)
X_train, X_test = (X_train - mean) / std, (X_test - mean) / std
w = torch.zeros(2, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.SGD([w, b], lr=0.5)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(100):
    optimizer.zero_grad()
    logits = X_train @ w + b
    loss = criterion(logits, y_train) + 0.01 * w.norm() ** 2
    loss.backward()
    optimizer.step()
with torch.no_grad():
    prob = torch.sigmoid(X_test @ w + b)
    pred = (prob > 0.5).float()
    tp = ((pred == 1) & (y_test == 1)).sum().item()
    fp = ((pred == 1) & (y_test == 0)).sum().item()
    fn = ((pred == 0) & (y_test == 1)).sum().item()
    print(loss.item(), w, b)
    print(f"precision {tp / (tp + fp):.3f} recall {tp / (tp + fn):.3f}")
    confusion = torch.zeros(2, 2, dtype=torch.int64)
    for t, p in zip(y_test.long(), pred.long()):
        confusion[t, p] += 1
    print(confusion)
    print(X_test[(pred != y_test).nonzero(as_tuple=True)[0]])
    print(X_train[y_train == 1].mean(dim=0), torch.where(prob > 0.9)[0])
