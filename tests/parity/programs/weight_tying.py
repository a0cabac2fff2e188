"""One weight used in two places: an autoencoder with the transposed weight, and a language model's embedding."""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(40)


class TiedAutoencoder(nn.Module):
    def __init__(self, inp, out):
        super().__init__()
        self.encoder = nn.Linear(inp, out, bias=False)
        self.bias = nn.Parameter(torch.zeros(inp))

    def forward(self, x):
        return F.linear(torch.sigmoid(self.encoder(x)), self.encoder.weight.t(), self.bias)


class LM(nn.Module):
    def __init__(self, vocab, dim):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.mix = nn.Linear(dim, dim)
        self.decoder = nn.Linear(dim, vocab)
        self.decoder.weight = self.embed.weight

    def forward(self, idx):
        return self.decoder(torch.tanh(self.mix(self.embed(idx))))


ae = TiedAutoencoder(6, 3)
opt = torch.optim.Adam(ae.parameters(), lr=0.05)
x = torch.rand(10, 6)
for _ in range(20):
    opt.zero_grad()
    loss = F.mse_loss(ae(x), x)
    loss.backward()
    opt.step()
print(loss.item())
lm = LM(9, 5)
print(len(list(lm.parameters())), [n for n, _ in lm.named_parameters()], list(lm.state_dict()))
print([n for n, _ in lm.named_parameters(remove_duplicate=False)])
ids = torch.randint(0, 9, (4, 7))
loss = F.cross_entropy(lm(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
loss.backward()
print(loss.item(), lm.embed.weight.grad is lm.decoder.weight.grad, lm.embed.weight.grad.norm().item())
twin = copy.deepcopy(lm)
print(twin.decoder.weight is twin.embed.weight, twin.decoder.weight is lm.embed.weight)
twin.load_state_dict(lm.state_dict())
torch.optim.SGD(lm.parameters(), lr=0.5).step()
print(torch.equal(lm.embed.weight, lm.decoder.weight), torch.equal(twin.embed.weight, lm.embed.weight))
