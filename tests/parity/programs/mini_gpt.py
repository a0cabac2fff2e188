"""A character model on nn.MultiheadAttention with a causal mask, and a translation by nn.Transformer."""

import torch
import torch.nn as nn
from torch.nn import functional as F

torch.manual_seed(7)
text = "to be or not to be, that is the question: " * 10
chars = sorted(set(text))
data = torch.tensor([chars.index(c) for c in text])
T, C = 12, 24


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(C), nn.LayerNorm(C)
        self.attn = nn.MultiheadAttention(C, 4, dropout=0.1)
        self.mlp = nn.Sequential(nn.Linear(C, 4 * C), nn.GELU(approximate="tanh"), nn.Linear(4 * C, C), nn.Dropout(0.1))

    def forward(self, x, mask):
        h = self.ln1(x)
        out, weights = self.attn(h, h, h, attn_mask=mask, need_weights=True, average_attn_weights=False)
        self.weights = weights.detach()
        x = x + out
        return x + self.mlp(self.ln2(x))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.token, self.place = nn.Embedding(len(chars), C), nn.Embedding(T, C)
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.ln, self.head = nn.LayerNorm(C), nn.Linear(C, len(chars), bias=False)

    def forward(self, idx):
        x = self.token(idx) + self.place(torch.arange(idx.size(1)))
        x = x.transpose(0, 1)
        mask = torch.triu(torch.ones(idx.size(1), idx.size(1), dtype=torch.bool), diagonal=1)
        for block in self.blocks:
            x = block(x, mask)
        return self.head(self.ln(x)).transpose(0, 1)


model = GPT()
print({name: tuple(p.shape) for name, p in model.blocks[0].attn.named_parameters()})
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(20):
    start = torch.randint(len(data) - T - 1, (8,))
    x = torch.stack([data[i : i + T] for i in start])
    y = torch.stack([data[i + 1 : i + T + 1] for i in start])
    loss = F.cross_entropy(model(x).reshape(-1, len(chars)), y.reshape(-1))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        print(f"step {step} loss {loss.item():.3f}")
weights = model.blocks[0].weights
print(weights.shape, f"{weights[0, 0, 0, 0].item():.3f}", weights[0, 0].triu(1).abs().sum().item())

model.eval()
idx = data[None, :3]
with torch.no_grad():
    for _ in range(6):
        idx = torch.cat([idx, model(idx[:, -T:])[:, -1].argmax(-1, keepdim=True)], dim=1)
print("".join(chars[i] for i in idx[0].tolist()))

# --- an encoder and a decoder: reversing sequences

torch.manual_seed(1)
net = nn.Transformer(d_model=16, nhead=2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=32, dropout=0.1)
embed, out = nn.Embedding(10, 16), nn.Linear(16, 10)
parameters = [*net.parameters(), *embed.parameters(), *out.parameters()]
optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
for step in range(12):
    source = torch.randint(1, 10, (5, 16))
    target = torch.cat([torch.zeros(1, 16, dtype=torch.long), source.flip(0)])
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    scores = out(net(embed(source), embed(target[:-1]), tgt_mask=mask, tgt_is_causal=True))
    loss = F.cross_entropy(scores.flatten(0, 1), target[1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 4 == 0:
        print(f"reversing {step}: {loss.item():.3f}")
q = torch.arange(24.0).view(1, 2, 3, 4) / 10
print(F.scaled_dot_product_attention(q, q, q, is_causal=True).transpose(1, 2).reshape(1, 3, 8))
