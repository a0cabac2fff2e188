"""Discrete codes with gradients passed straight through, and Gumbel noise in their place."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(13)


class VectorQuantizer(nn.Module):
    def __init__(self, num_embeddings, embedding_dim, commitment_cost=0.25):
        super().__init__()
        self.embedding = nn.Embedding(num_embeddings, embedding_dim)
        self.embedding.weight.data.uniform_(-1 / num_embeddings, 1 / num_embeddings)
        self.commitment_cost = commitment_cost
        self._n = num_embeddings

    def forward(self, inputs):
        inputs = inputs.permute(0, 2, 3, 1).contiguous()
        flat = inputs.view(-1, self.embedding.embedding_dim)
        distances = (
            torch.sum(flat**2, dim=1, keepdim=True)
            + torch.sum(self.embedding.weight**2, dim=1)
            - 2 * torch.matmul(flat, self.embedding.weight.t())
        )
        encoding_indices = torch.argmin(distances, dim=1).unsqueeze(1)
        encodings = torch.zeros(encoding_indices.shape[0], self._n, device=inputs.device)
        encodings.scatter_(1, encoding_indices, 1)
        quantized = torch.matmul(encodings, self.embedding.weight).view(inputs.shape)
        e_latent_loss = F.mse_loss(quantized.detach(), inputs)
        q_latent_loss = F.mse_loss(quantized, inputs.detach())
        loss = q_latent_loss + self.commitment_cost * e_latent_loss
        quantized = inputs + (quantized - inputs).detach()
        avg_probs = torch.mean(encodings, dim=0)
        perplexity = torch.exp(-torch.sum(avg_probs * torch.log(avg_probs + 1e-10)))
        return loss, quantized.permute(0, 3, 1, 2).contiguous(), perplexity


encoder, vq, decoder = nn.Conv2d(1, 4, 2, stride=2), VectorQuantizer(8, 4), nn.ConvTranspose2d(4, 1, 2, stride=2)
params = [p for m in (encoder, vq, decoder) for p in m.parameters()]
optimizer = torch.optim.Adam(params, lr=1e-2)
images = torch.rand(6, 1, 4, 4)
for step in range(12):
    loss_vq, quantized, perplexity = vq(encoder(images))
    loss = F.mse_loss(decoder(quantized), images) + loss_vq
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item(), perplexity)
logits = torch.randn(3, 5, requires_grad=True)
noise = -torch.log(-torch.log(torch.rand_like(logits) + 1e-9) + 1e-9)
soft = F.softmax((logits + noise) / 0.5, dim=-1)
hard = F.one_hot(soft.argmax(-1), 5).float()
sample = hard - soft.detach() + soft
(sample * torch.arange(5.0)).sum().backward()
print(hard, logits.grad)
