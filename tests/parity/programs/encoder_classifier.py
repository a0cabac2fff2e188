"""A classifier of token sequences of different lengths: embedding, positions, TransformerEncoder, mean over tokens."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.modules.transformer import TransformerEncoder, TransformerEncoderLayer


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, dropout=0.1, max_len=50):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(1, max_len, d_model)
        pe[0, :, 0::2] = torch.sin(position * div_term)
        pe[0, :, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return self.dropout(x + self.pe[:, : x.size(1)])


class Classifier(nn.Module):
    def __init__(self, tokens, classes, d_model=16):
        super().__init__()
        self.embedding = nn.Embedding(tokens, d_model, padding_idx=0)
        self.positions = PositionalEncoding(d_model)
        layer = TransformerEncoderLayer(d_model, 4, 32, dropout=0.1, activation="gelu", batch_first=True)
        self.encoder = TransformerEncoder(layer, num_layers=2)
        self.head = nn.Linear(d_model, classes)

    def forward(self, tokens):
        padding = tokens == 0
        x = self.positions(self.embedding(tokens) * math.sqrt(16))
        x = self.encoder(x, src_key_padding_mask=padding)
        there = (~padding).unsqueeze(2)
        return self.head((x * there).sum(1) / there.sum(1))


def batch(n):
    """Sequences of 4 to 8 tokens; the class is the sum of the tokens modulo 3."""
    tokens = torch.randint(1, 7, (n, 8))
    lengths = torch.randint(4, 9, (n,))
    tokens[torch.arange(8) >= lengths[:, None]] = 0
    return tokens, tokens.sum(1) % 3


torch.manual_seed(0)
model = Classifier(7, 3)
print(model)
print(sum(p.numel() for p in model.parameters()))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=15)
for step in range(15):
    tokens, target = batch(24)
    loss = F.cross_entropy(model(tokens), target, label_smoothing=0.1)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    if step % 5 == 0:
        print(step, f"{loss.item():.3f}")
model.eval()
tokens, target = batch(6)
print([f"{v:.3f}" for v in model(tokens)[0].tolist()])
with torch.no_grad():
    print([f"{v:.3f}" for v in model(tokens)[0].tolist()])
