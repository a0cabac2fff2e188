"""Inputs changed so that a model errs (the sign of the gradient), in one step and in several."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 2))
model.eval()
data = torch.rand(6, 1, 4, 4)
target = model(data).max(1, keepdim=True)[1].squeeze()


def fgsm_attack(image, epsilon, data_grad):
    sign_data_grad = data_grad.sign()
    perturbed_image = image + epsilon * sign_data_grad
    return torch.clamp(perturbed_image, 0, 1)


for eps in [0, 0.1, 0.3]:
    data.requires_grad = True
    loss = F.cross_entropy(model(data), target)
    model.zero_grad()
    data.grad = None
    loss.backward()
    adv = fgsm_attack(data, eps, data.grad.data)
    acc = (model(adv).argmax(1) == target).float().mean().item()
    print(f"Epsilon: {eps}\tTest Accuracy = {acc:.3f}\tmoved {(adv - data).abs().max().item():.4f}")

x = data.detach()
delta = torch.zeros_like(x).uniform_(-0.1, 0.1)
delta.requires_grad_()
for _ in range(5):
    loss = F.cross_entropy(model(x + delta), target)
    loss.backward()
    with torch.no_grad():
        delta.add_(0.05 * delta.grad.sign()).clamp_(-0.2, 0.2)
        delta.copy_((x + delta).clamp(0, 1) - x)
    delta.grad.zero_()
print(loss.item(), delta.abs().max().item())
