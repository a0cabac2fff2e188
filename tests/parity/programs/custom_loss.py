"""Losses of one's own: as functions, and as modules with buffers."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class FocalLoss(nn.Module):
    def __init__(self, alpha=None, gamma=2.0, reduction="mean"):
        super().__init__()
        self.register_buffer("alpha", alpha)
        self.gamma = gamma
        self.reduction = reduction

    def forward(self, logits, targets):
        ce = F.cross_entropy(logits, targets, reduction="none")
        pt = torch.exp(-ce)
        focal = (1 - pt) ** self.gamma * ce
        if self.alpha is not None:
            focal = self.alpha[targets] * focal
        if self.reduction == "mean":
            return focal.mean()
        elif self.reduction == "sum":
            return focal.sum()
        return focal


class DiceLoss(nn.Module):
    def forward(self, inputs, targets, smooth=1):
        inputs = torch.sigmoid(inputs)
        inputs, targets = inputs.view(-1), targets.view(-1)
        intersection = (inputs * targets).sum()
        return 1 - (2.0 * intersection + smooth) / (inputs.sum() + targets.sum() + smooth)


def quantile_loss(preds, target, quantiles=(0.1, 0.5, 0.9)):
    losses = []
    for i, q in enumerate(quantiles):
        errors = target - preds[:, i]
        losses.append(torch.max((q - 1) * errors, q * errors).unsqueeze(1))
    return torch.mean(torch.sum(torch.cat(losses, dim=1), dim=1))


def log_cosh(pred, target):
    return torch.mean(torch.log(torch.cosh(pred - target + 1e-12)))


torch.manual_seed(0)
logits = torch.randn(8, 3, requires_grad=True)
targets = torch.randint(3, (8,))
loss_fn = FocalLoss(torch.tensor([1.0, 2.0, 0.5]))
loss = loss_fn(logits, targets)
loss.backward()
print(loss, logits.grad[0], list(loss_fn.state_dict()), FocalLoss().state_dict())
mask = torch.randn(2, 1, 4, 4, requires_grad=True)
loss = DiceLoss()(mask, (torch.rand(2, 1, 4, 4) > 0.5).float())
loss.backward()
print(loss.item(), mask.grad.sum().item())
preds = torch.randn(10, 3, requires_grad=True)
loss = quantile_loss(preds, torch.randn(10))
loss.backward()
print(loss, preds.grad[:2], log_cosh(preds.detach(), torch.zeros(10, 3)))
weighted = nn.CrossEntropyLoss(weight=torch.tensor([0.2, 0.3, 0.5]), label_smoothing=0.1)
print(weighted(logits, targets).item(), weighted)
print(nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0]))(torch.tensor([0.5, -1.0]), torch.tensor([1.0, 0.0])))
