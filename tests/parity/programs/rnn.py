"""A recurrent network from linear layers: names to languages, and a sine wave continued."""

import string
import unicodedata

import torch
import torch.nn as nn

torch.manual_seed(0)
all_letters = string.ascii_letters + " .,;'"
n_letters = len(all_letters)


def unicode_to_ascii(s):
    return "".join(c for c in unicodedata.normalize("NFD", s) if unicodedata.category(c) != "Mn" and c in all_letters)


def line_to_tensor(line):
    tensor = torch.zeros(len(line), 1, n_letters)
    for li, letter in enumerate(line):
        tensor[li][0][all_letters.find(letter)] = 1
    return tensor


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super(RNN, self).__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size + hidden_size, hidden_size)
        self.i2o = nn.Linear(input_size + hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, input, hidden):
        combined = torch.cat((input, hidden), 1)
        hidden = torch.tanh(self.i2h(combined))
        return self.softmax(self.i2o(combined)), hidden

    def initHidden(self):
        return torch.zeros(1, self.hidden_size)


names = [("Ślusàrski", 0), ("Abe", 1), ("Nowak", 0), ("Ito", 1), ("Kowalski", 0), ("Sato", 1)]
rnn = RNN(n_letters, 16, 2)
criterion = nn.NLLLoss()
for epoch in range(15):
    total = 0
    for name, category in names:
        line, target = line_to_tensor(unicode_to_ascii(name)), torch.tensor([category], dtype=torch.long)
        hidden = rnn.initHidden()
        rnn.zero_grad()
        for i in range(line.size()[0]):
            output, hidden = rnn(line[i], hidden)
        loss = criterion(output, target)
        loss.backward()
        for p in rnn.parameters():
            p.data.add_(p.grad.data, alpha=-0.05)
        total += loss.item()
    if epoch % 5 == 4:
        print(epoch, f"{total / len(names):.4f}")
top_n, top_i = output.topk(1)
print(top_n, top_i[0].item())
series = torch.sin(torch.arange(0, 20, 0.5))
windows = series.unfold(0, 6, 1)
inputs, targets = windows[:, :-1], windows[:, -1:]
model = nn.Sequential(nn.Linear(5, 10), nn.Tanh(), nn.Linear(10, 1))
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.8, max_iter=5)
for i in range(4):

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), targets)
        loss.backward()
        return loss

    loss = optimizer.step(closure)
print(windows.shape, loss.item() < 0.5)
