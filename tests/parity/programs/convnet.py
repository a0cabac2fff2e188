"""A small image classifier with batch norm, in training and evaluation."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

torch.manual_seed(42)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 8, 3, stride=2, bias=False)
        self.pool = nn.MaxPool2d(2, 2)
        self.dropout = nn.Dropout2d(0.25)
        self.fc1 = nn.Linear(8 * 2 * 2, 16)
        self.fc2 = nn.Linear(16, 3)

    def forward(self, x):
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = F.relu(self.conv2(x))
        x = F.max_pool2d(self.dropout(x), 2, stride=1)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        return F.log_softmax(self.fc2(x), dim=1)


net = Net()
print(net)
images = torch.randn(30, 1, 14, 14)
labels = torch.arange(30) % 3
images[labels == 1, :, :7] += 1.0
images[labels == 2, :, :, :7] -= 1.0
optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True)
for epoch in range(8):
    net.train()
    permutation = torch.randperm(30)
    total = 0
    for i in range(0, 30, 10):
        idx = permutation[i : i + 10]
        optimizer.zero_grad()
        loss = F.nll_loss(net(images[idx]), labels[idx])
        loss.backward()
        optimizer.step()
        total += loss.item()
    print("[%d] loss: %.3f" % (epoch + 1, total / 3))
net.eval()
correct = 0
with torch.no_grad():
    output = net(images)
    pred = output.argmax(dim=1, keepdim=True)
    correct += pred.eq(labels.view_as(pred)).sum().item()
print("Accuracy: {}/{} ({:.0f}%)".format(correct, len(labels), 100.0 * correct / len(labels)))
print(net.bn1.running_mean, net.bn1.num_batches_tracked)
