"""What nn does, done by hand: weights, log-softmax, negative log-likelihood, accuracy, and then with nn."""

import math

import torch
import torch.nn.functional as F
from torch import nn, optim

torch.manual_seed(0)
x_train, y_train = torch.randn(64, 12), torch.randint(0, 4, (64,))
n, c = x_train.shape
print(x_train.shape, y_train.min(), y_train.max())
weights = torch.randn(12, 4) / math.sqrt(12)
weights.requires_grad_()
bias = torch.zeros(4, requires_grad=True)


def log_softmax(x):
    return x - x.exp().sum(-1).log().unsqueeze(-1)


def model(xb):
    return log_softmax(xb @ weights + bias)


def nll(input, target):
    return -input[range(target.shape[0]), target].mean()


def accuracy(out, yb):
    preds = torch.argmax(out, dim=1)
    return (preds == yb).float().mean()


bs, lr = 16, 0.5
preds = model(x_train[0:bs])
print(preds[0], preds.shape, nll(preds, y_train[0:bs]), accuracy(preds, y_train[0:bs]))
for epoch in range(3):
    for i in range((n - 1) // bs + 1):
        xb, yb = x_train[i * bs : (i + 1) * bs], y_train[i * bs : (i + 1) * bs]
        loss = nll(model(xb), yb)
        loss.backward()
        with torch.no_grad():
            weights -= weights.grad * lr
            bias -= bias.grad * lr
            weights.grad.zero_()
            bias.grad.zero_()
print(nll(model(xb), yb), accuracy(model(xb), yb))


class Logistic(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.randn(12, 4) / math.sqrt(12))
        self.bias = nn.Parameter(torch.zeros(4))

    def forward(self, xb):
        return xb @ self.weights + self.bias


class Lambda(nn.Module):
    def __init__(self, func):
        super().__init__()
        self.func = func

    def forward(self, x):
        return self.func(x)


net = Logistic()
for epoch in range(3):
    loss = F.cross_entropy(net(xb), yb)
    loss.backward()
    with torch.no_grad():
        for p in net.parameters():
            p -= p.grad * lr
        net.zero_grad()
print(loss)
net = nn.Sequential(
    Lambda(lambda x: x.view(-1, 1, 3, 4)),
    nn.Conv2d(1, 4, kernel_size=3, stride=1, padding=1),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(1),
    Lambda(lambda x: x.view(x.size(0), -1)),
)
opt = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)


def loss_batch(model, loss_func, xb, yb, opt=None):
    loss = loss_func(model(xb), yb)
    if opt is not None:
        loss.backward()
        opt.step()
        opt.zero_grad()
    return loss.item(), len(xb)


for epoch in range(3):
    net.train()
    losses, nums = zip(
        *[loss_batch(net, F.cross_entropy, xb, yb, opt) for xb, yb in zip(x_train.split(bs), y_train.split(bs))]
    )
    print(epoch, sum(l * k for l, k in zip(losses, nums)) / sum(nums))
