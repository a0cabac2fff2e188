"""Recurrent layers on sequences of different lengths, a tagger of words, and cells step by step."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

torch.manual_seed(1)

lstm = nn.LSTM(3, 3)
inputs = [torch.randn(1, 3) for _ in range(5)]
hidden = (torch.randn(1, 1, 3), torch.randn(1, 1, 3))
for i in inputs:
    out, hidden = lstm(i.view(1, 1, -1), hidden)
inputs = torch.cat(inputs).view(len(inputs), 1, -1)
out, hidden = lstm(inputs, (torch.randn(1, 1, 3), torch.randn(1, 1, 3)))
print(out)
print(hidden)

training_data = [
    ("The dog ate the apple".split(), ["DET", "NN", "V", "DET", "NN"]),
    ("Everybody read that book".split(), ["NN", "V", "DET", "NN"]),
]
word_to_ix = {}
for sent, tags in training_data:
    for word in sent:
        word_to_ix.setdefault(word, len(word_to_ix))
tag_to_ix = {"DET": 0, "NN": 1, "V": 2}


class LSTMTagger(nn.Module):
    def __init__(self, embedding_dim, hidden_dim, vocab_size, tagset_size):
        super(LSTMTagger, self).__init__()
        self.word_embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim)
        self.hidden2tag = nn.Linear(hidden_dim, tagset_size)

    def forward(self, sentence):
        embeds = self.word_embeddings(sentence)
        lstm_out, _ = self.lstm(embeds.view(len(sentence), 1, -1))
        return F.log_softmax(self.hidden2tag(lstm_out.view(len(sentence), -1)), dim=1)


model = LSTMTagger(6, 6, len(word_to_ix), len(tag_to_ix))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(8):
    for sentence, tags in training_data:
        model.zero_grad()
        scores = model(torch.tensor([word_to_ix[w] for w in sentence]))
        loss = nn.NLLLoss()(scores, torch.tensor([tag_to_ix[t] for t in tags]))
        loss.backward()
        optimizer.step()
    print(epoch, loss.item())

lengths = [2, 5, 3]
batch = pad_sequence([torch.rand(n, 2) for n in lengths], batch_first=True)
gru = nn.GRU(2, 4, batch_first=True, bidirectional=True)
head = nn.Linear(8, 1)
adam = torch.optim.Adam([*gru.parameters(), *head.parameters()], lr=0.02)
target = torch.tensor([[0.1], [0.9], [0.4]])
for step in range(6):
    packed = pack_padded_sequence(batch, lengths, batch_first=True, enforce_sorted=False)
    outputs, h = gru(packed)
    loss = F.mse_loss(head(torch.cat([h[0], h[1]], 1)), target)
    adam.zero_grad()
    loss.backward()
    adam.step()
    print(step, loss.item())
padded, found = pad_packed_sequence(outputs, batch_first=True)
print(padded.shape, found, packed.batch_sizes, packed.sorted_indices)

cell, read = nn.LSTMCell(1, 8), nn.Linear(8, 1)
wave = torch.sin(torch.arange(0, 6, 0.3)).unsqueeze(1)
optimizer = torch.optim.LBFGS([*cell.parameters(), *read.parameters()], lr=0.5, max_iter=3)


def run(series):
    h, c = torch.zeros(1, 8), torch.zeros(1, 8)
    outputs = []
    for x in series.split(1):
        h, c = cell(x, (h, c))
        outputs.append(read(h))
    return torch.cat(outputs)


for i in range(2):

    def closure():
        optimizer.zero_grad()
        loss = F.mse_loss(run(wave[:-1]), wave[1:])
        loss.backward()
        return loss

    print(optimizer.step(closure).item())
