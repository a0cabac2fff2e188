"""Modules of one's own, as introductions show them, with the usual training loop; `torch` may be either library."""

from __future__ import annotations


def conv_net(torch):
    nn, F = torch.nn, torch.nn.functional

    class Model(nn.Module):
        def __init__(self):
            super(Model, self).__init__()  # noqa: UP008 - as older programs write it
            self.conv1 = nn.Conv2d(1, 20, 5)
            self.conv2 = nn.Conv2d(20, 20, 5)

        def forward(self, x):
            x = F.relu(self.conv1(x))
            return F.relu(self.conv2(x))

    return Model()


def own_linear(torch, in_features, out_features, bias=True):
    """A linear layer whose weight lies the other way round than `nn.Linear`'s: x @ weights + bias."""
    nn, Tensor = torch.nn, torch.Tensor

    class MyLinear(nn.Module):
        def __init__(self, in_features, out_features, bias=True):
            super().__init__()
            self.in_features = in_features
            self.out_features = out_features
            self.weights = nn.Parameter(torch.randn(in_features, out_features))
            if bias:
                self.bias = nn.Parameter(torch.randn(out_features))
            else:
                self.bias = torch.zeros(out_features)

        def forward(self, x: Tensor) -> Tensor:
            return x @ self.weights + self.bias

    return MyLinear(in_features, out_features, bias)


def train(model, criterion, optimizer, inputs, labels, epochs):
    losses = []
    for _ in range(epochs):
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def conv_training(torch):
    model = conv_net(torch)
    images, targets = torch.rand(4, 1, 28, 28), torch.rand(4, 20, 20, 20)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return train(model, torch.nn.MSELoss(), optimizer, images, targets, epochs=10)


def linear_regression(torch):
    model = own_linear(torch, 3, 7, bias=False)
    inputs, labels = torch.randn(16, 3), torch.randn(16, 7)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return train(model, torch.nn.MSELoss(), optimizer, inputs, labels, epochs=20)


def linear_classification(torch):
    model = own_linear(torch, 3, 7)
    inputs, labels = torch.randn(16, 3), torch.randint(0, 7, (16,))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    return train(model, torch.nn.CrossEntropyLoss(), optimizer, inputs, labels, epochs=20)


TRAININGS = {f.__name__: f for f in (conv_training, linear_regression, linear_classification)}
