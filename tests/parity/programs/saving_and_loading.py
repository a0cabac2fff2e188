"""Saving and loading models: a state_dict, a general checkpoint, several models in one file, a warm start."""

import os
import tempfile
from io import BytesIO
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

torch.manual_seed(21)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class TheModelClass(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(4 * 3 * 3, 16)
        self.fc2 = nn.Linear(16, classes)

    def forward(self, x):
        x = self.pool(F.relu(self.norm(self.conv1(x))))
        x = torch.flatten(x, 1)
        return self.fc2(F.relu(self.fc1(x)))


def train(model, optimizer, scheduler, epochs, start=0):
    model.train()
    for epoch in range(start, epochs):
        x, y = torch.randn(16, 1, 8, 8), torch.randint(0, 10, (16,))
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x.to(device)), y.to(device))
        loss.backward()
        optimizer.step()
        scheduler.step()
        print(f"epoch {epoch} loss {loss.item():.4f} lr {scheduler.get_last_lr()[0]:.5f}")
    return loss


with tempfile.TemporaryDirectory() as folder:
    PATH = os.path.join(folder, "model.pth")
    model = TheModelClass().to(device)
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)

    print("Model's state_dict:")
    for param_tensor in model.state_dict():
        print(param_tensor, "\t", model.state_dict()[param_tensor].size())
    print("Optimizer's state_dict:")
    for var_name in optimizer.state_dict():
        print(var_name, "\t", optimizer.state_dict()[var_name])

    # Weights for inference
    torch.save(model.state_dict(), PATH)
    other = TheModelClass()
    other.load_state_dict(torch.load(PATH, weights_only=True))
    other.eval()
    model.eval()
    x = torch.randn(2, 1, 8, 8)
    print(torch.equal(model(x), other(x)), os.listdir(folder))

    # A general checkpoint, and training that goes on from it
    loss = train(model, optimizer, scheduler, 3)
    checkpoint = {
        "epoch": 3,
        "model_state_dict": model.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "scheduler_state_dict": scheduler.state_dict(),
        "loss": loss,
        "rng": torch.get_rng_state(),
        "classes": ("zero", "one"),
        "shape": x.shape,
    }
    torch.save(checkpoint, Path(folder) / "checkpoint.tar")
    train(model, optimizer, scheduler, 6, start=3)
    print("resumed")
    resumed = TheModelClass()
    optimizer2 = optim.SGD(resumed.parameters(), lr=0.1)
    scheduler2 = optim.lr_scheduler.StepLR(optimizer2, step_size=2, gamma=0.5)
    checkpoint = torch.load(Path(folder) / "checkpoint.tar", map_location=device)
    print(resumed.load_state_dict(checkpoint["model_state_dict"]))
    optimizer2.load_state_dict(checkpoint["optimizer_state_dict"])
    scheduler2.load_state_dict(checkpoint["scheduler_state_dict"])
    torch.set_rng_state(checkpoint["rng"])
    print(checkpoint["loss"], checkpoint["loss"].requires_grad, checkpoint["classes"], checkpoint["shape"])
    train(resumed, optimizer2, scheduler2, 6, start=checkpoint["epoch"])
    print(all(torch.equal(a, b) for a, b in zip(model.parameters(), resumed.parameters())))

    # Several models in one file
    torch.save({"modelA": model.state_dict(), "modelB": other.state_dict()}, PATH)
    both = torch.load(PATH)
    print(sorted(both), [k for k in both["modelA"]][:3], both["modelB"]["norm.num_batches_tracked"])

    # A warm start: a model with another last layer and one more
    class Bigger(TheModelClass):
        def __init__(self):
            super().__init__(classes=10)
            self.extra = nn.Linear(10, 3)

        def forward(self, x):
            return self.extra(super().forward(x))

    pretrained = torch.load(PATH, map_location=lambda storage, loc: storage)["modelA"]
    del pretrained["fc2.bias"]
    pretrained["head.weight"] = torch.zeros(1)
    bigger = Bigger()
    print(bigger.load_state_dict(pretrained, strict=False))
    try:
        bigger.load_state_dict(pretrained)
    except RuntimeError as error:
        print(str(error).splitlines()[0])
    print(torch.equal(bigger.fc1.weight, model.fc1.weight))

# Tensors: views keep their memory in common
numbers = torch.arange(1, 10)
evens = numbers[1::2]
buffer = BytesIO()
torch.save([numbers, evens], buffer)
buffer.seek(0)
loaded_numbers, loaded_evens = torch.load(buffer)
loaded_evens *= 2
print(loaded_numbers, numbers)
buffer = BytesIO()
torch.save(torch.arange(1, 1000)[0:5], buffer)
buffer.seek(0)
small = torch.load(buffer)
print(small, small.untyped_storage().nbytes())
