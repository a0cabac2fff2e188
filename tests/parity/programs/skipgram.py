"""Word vectors with negative samples."""

from collections import Counter

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(55)
corpus = "we are about to study the idea of a computational process we study the process".split()
counts = Counter(corpus)
vocab = sorted(counts)
word2ix = {w: i for i, w in enumerate(vocab)}
ids = torch.tensor([word2ix[w] for w in corpus])
freq = torch.tensor([counts[w] for w in vocab], dtype=torch.float) ** 0.75
freq /= freq.sum()


class SkipGram(nn.Module):
    def __init__(self, vocab_size, dim):
        super().__init__()
        self.center = nn.Embedding(vocab_size, dim)
        self.context = nn.Embedding(vocab_size, dim)
        nn.init.uniform_(self.center.weight, -0.5 / dim, 0.5 / dim)
        nn.init.zeros_(self.context.weight)

    def forward(self, center, pos, neg):
        v = self.center(center)
        u = self.context(pos)
        pos_score = torch.sum(v * u, dim=1).clamp(-10, 10)
        neg_score = torch.bmm(self.context(neg), v.unsqueeze(2)).squeeze(2)
        return -(F.logsigmoid(pos_score) + F.logsigmoid(-neg_score).sum(1)).mean()


pairs = [(i, j) for i in range(len(ids)) for j in range(max(0, i - 2), min(len(ids), i + 3)) if i != j]
left, right = (ids[torch.tensor(p)] for p in zip(*pairs))
model = SkipGram(len(vocab), 8)
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
for epoch in range(20):
    neg = torch.multinomial(freq, len(pairs) * 3, replacement=True).view(len(pairs), 3)
    loss = model(left, right, neg)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(len(pairs), loss.item())
vectors = F.normalize(model.center.weight.detach(), dim=1)
similarity = vectors @ vectors[word2ix["study"]]
print(similarity.max().item(), vocab[similarity.argmax()])


class CBOW(nn.Module):
    def __init__(self, vocab_size, embedding_dim, context_size):
        super().__init__()
        self.embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.linear1 = nn.Linear(context_size * embedding_dim, 12)
        self.linear2 = nn.Linear(12, vocab_size)

    def forward(self, inputs):
        embeds = self.embeddings(inputs).view((1, -1))
        return F.log_softmax(self.linear2(F.relu(self.linear1(embeds))), dim=1)


cbow = CBOW(len(vocab), 5, 2)
opt = torch.optim.SGD(cbow.parameters(), lr=0.1)
for epoch in range(3):
    total_loss = torch.Tensor([0])
    for a, target, b in zip(corpus, corpus[1:], corpus[2:]):
        context = torch.tensor([word2ix[a], word2ix[b]], dtype=torch.long)
        cbow.zero_grad()
        loss = nn.NLLLoss()(cbow(context), torch.tensor([word2ix[target]]))
        loss.backward()
        opt.step()
        total_loss += loss.data
    print(total_loss)
