"""Names to languages with `nn.RNN`, letter by letter, and an LSTM that writes names."""

import string

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(2)
letters = string.ascii_lowercase + "."
n_letters = len(letters)


def line_to_tensor(line):
    tensor = torch.zeros(len(line), 1, n_letters)
    for i, letter in enumerate(line):
        tensor[i][0][letters.find(letter)] = 1
    return tensor


class CharRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super(CharRNN, self).__init__()
        self.rnn = nn.RNN(input_size, hidden_size)
        self.h2o = nn.Linear(hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, line_tensor):
        rnn_out, hidden = self.rnn(line_tensor)
        return self.softmax(self.h2o(hidden[0]))


names = [("slusarski", 0), ("abe", 1), ("nowak", 0), ("ito", 1), ("kowalski", 0), ("sato", 1)]
rnn = CharRNN(n_letters, 16, 2)
print(rnn)
print(rnn(line_to_tensor("abe")))
criterion = nn.NLLLoss()
optimizer = torch.optim.SGD(rnn.parameters(), lr=0.15)
for epoch in range(6):
    total = 0.0
    for name, label in names:
        rnn.zero_grad()
        loss = criterion(rnn(line_to_tensor(name)), torch.tensor([label]))
        loss.backward()
        nn.utils.clip_grad_norm_(rnn.parameters(), 3)
        optimizer.step()
        total += loss.item()
    print(epoch, f"{total / len(names):.4f}")


class Writer(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.embedding = nn.Embedding(n_letters, 8)
        self.lstm = nn.LSTM(8, size, num_layers=2, dropout=0.1)
        self.decoder = nn.Linear(size, n_letters)

    def forward(self, text, state=None):
        outputs, state = self.lstm(self.embedding(text), state)
        return self.decoder(outputs), state


writer = Writer(24)
adam = torch.optim.Adam(writer.parameters(), lr=1e-2)
for step in range(10):
    loss = 0.0
    for name, _ in names[:3]:
        codes = torch.tensor([letters.find(c) for c in name + "."]).unsqueeze(1)
        logits, _ = writer(codes[:-1])
        loss = loss + F.cross_entropy(logits.view(-1, n_letters), codes[1:].view(-1))
    adam.zero_grad()
    loss.backward()
    adam.step()
    if step % 3 == 0:
        print(step, loss.item())
writer.eval()
text, state, now = "n", None, torch.tensor([[letters.find("n")]])
with torch.no_grad():
    for _ in range(5):
        logits, state = writer(now, state)
        now = logits[-1].argmax(1, keepdim=True)
        text += letters[now.item()]
print(text, [tuple(s.shape) for s in state])
