"""A data set of sequences of different lengths, batches padded by a function of one's own."""

import random

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler, random_split

torch.manual_seed(0)


class SequenceDataset(Dataset):
    """Sequences of random integers; the label says whether the sum is even."""

    def __init__(self, n):
        rng = random.Random(0)
        self.items = []
        for _ in range(n):
            length = rng.randint(2, 6)
            self.items.append([rng.randint(1, 9) for _ in range(length)])

    def __len__(self):
        return len(self.items)

    def __getitem__(self, idx):
        seq = torch.tensor(self.items[idx])
        return {"seq": seq, "label": int(seq.sum() % 2)}


def collate(batch):
    lengths = torch.tensor([len(b["seq"]) for b in batch])
    seqs = pad_sequence([b["seq"] for b in batch], batch_first=True, padding_value=0)
    return seqs, lengths, torch.tensor([b["label"] for b in batch])


dataset = SequenceDataset(40)
train, val = random_split(dataset, [30, 10], generator=torch.Generator().manual_seed(42))
print(len(train), len(val), train.indices[:5])
loader = DataLoader(train, batch_size=8, shuffle=True, collate_fn=collate, drop_last=True)
embedding, head = nn.Embedding(10, 6, padding_idx=0), nn.Linear(6, 2)
params = list(embedding.parameters()) + list(head.parameters())
optimizer = torch.optim.Adagrad(params, lr=0.1)
for epoch in range(3):
    for seqs, lengths, labels in loader:
        mask = (seqs != 0).unsqueeze(-1)
        pooled = (embedding(seqs) * mask).sum(1) / lengths.unsqueeze(1)
        loss = nn.functional.cross_entropy(head(pooled), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch, tuple(seqs.shape), f"{loss.item():.4f}")
print(embedding.weight[0])
labels = torch.tensor([d["label"] for d in dataset])
class_count = torch.bincount(labels)
weights = (1.0 / class_count.float())[labels]
sampler = WeightedRandomSampler(weights, num_samples=12, replacement=True)
print([d["label"].tolist() for d in DataLoader([{"label": int(l)} for l in labels], batch_size=4, sampler=sampler)])
