"""One net with one hidden layer, 64 random rows of 1000 numbers, trained in six ways, from gradients by hand to modules.

Each function takes the library (`torch`, or `mytorch` in its place) and returns the loss of each step.
"""

from __future__ import annotations

N, D_IN, H, D_OUT = 64, 1000, 100, 10


def data(torch, device):
    device, dtype = torch.device(device), torch.float
    x = torch.randn(N, D_IN, device=device, dtype=dtype)
    y = torch.randn(N, D_OUT, device=device, dtype=dtype)
    return x, y


def weights(torch, device, requires_grad):
    device, dtype = torch.device(device), torch.float
    w1 = torch.randn(D_IN, H, device=device, dtype=dtype, requires_grad=requires_grad)
    w2 = torch.randn(H, D_OUT, device=device, dtype=dtype, requires_grad=requires_grad)
    return w1, w2


def by_hand(torch, steps, device="cpu"):
    x, y = data(torch, device)
    w1, w2 = weights(torch, device, requires_grad=False)
    learning_rate = 1e-6
    losses = []
    for _ in range(steps):
        h = x.mm(w1)
        h_relu = h.clamp(min=0)
        y_pred = h_relu.mm(w2)
        losses.append((y_pred - y).pow(2).sum().item())

        grad_y_pred = 2.0 * (y_pred - y)
        grad_w2 = h_relu.t().mm(grad_y_pred)
        grad_h_relu = grad_y_pred.mm(w2.t())
        grad_h = grad_h_relu.clone()
        grad_h[h < 0] = 0
        grad_w1 = x.t().mm(grad_h)

        w1 -= learning_rate * grad_w1
        w2 -= learning_rate * grad_w2
    return losses


def descend(torch, predict, steps, device):
    """Gradient descent on two weight matrices with the gradients that autograd computes."""
    x, y = data(torch, device)
    w1, w2 = weights(torch, device, requires_grad=True)
    learning_rate = 1e-6
    losses = []
    for _ in range(steps):
        loss = (predict(x, w1, w2) - y).pow(2).sum()
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            w1 -= learning_rate * w1.grad
            w2 -= learning_rate * w2.grad
            w1.grad.zero_()
            w2.grad.zero_()
    return losses


def autograd(torch, steps, device="cpu"):
    return descend(torch, lambda x, w1, w2: x.mm(w1).clamp(min=0).mm(w2), steps, device)


def custom_function(torch, steps, device="cpu"):
    class MyReLU(torch.autograd.Function):
        @staticmethod
        def forward(ctx, input):
            ctx.save_for_backward(input)
            return input.clamp(min=0)

        @staticmethod
        def backward(ctx, grad_output):
            (input,) = ctx.saved_tensors
            grad_input = grad_output.clone()
            grad_input[input < 0] = 0
            return grad_input

    relu = MyReLU.apply
    return descend(torch, lambda x, w1, w2: relu(x.mm(w1)).mm(w2), steps, device)


def sequential(torch):
    return torch.nn.Sequential(torch.nn.Linear(D_IN, H), torch.nn.ReLU(), torch.nn.Linear(H, D_OUT))


def layers(torch, steps, device="cpu"):
    x, y = data(torch, device)
    model = sequential(torch)
    criterion = torch.nn.MSELoss(reduction="sum")
    learning_rate = 1e-4
    losses = []
    for _ in range(steps):
        model.to(torch.device(device))
        loss = criterion(model(x), y)
        losses.append(loss.item())
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for param in model.parameters():
                param -= learning_rate * param.grad
    return losses


def fit(torch, build, steps, device):
    """Adam on a module's parameters."""
    x, y = data(torch, device)
    model = build(torch)
    criterion = torch.nn.MSELoss(reduction="sum")
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    losses = []
    for _ in range(steps):
        model.to(torch.device(device))
        loss = criterion(model(x), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def optimizer(torch, steps, device="cpu"):
    return fit(torch, sequential, steps, device)


def custom_module(torch, steps, device="cpu"):
    class TwoLayerNet(torch.nn.Module):
        def __init__(self, d_in, h, d_out):
            super(TwoLayerNet, self).__init__()  # noqa: UP008 - as older programs write it
            self.linear1 = torch.nn.Linear(d_in, h)
            self.linear2 = torch.nn.Linear(h, d_out)

        def forward(self, x):
            return self.linear2(self.linear1(x).clamp(min=0))

    return fit(torch, lambda _: TwoLayerNet(D_IN, H, D_OUT), steps, device)


WAYS = {f.__name__: f for f in (by_hand, autograd, custom_function, layers, optimizer, custom_module)}
