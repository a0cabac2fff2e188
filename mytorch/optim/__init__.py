"""Optimizers and learning rate schedules, with PyTorch's names, arguments and numbers.

>>> import mytorch as torch
>>> w = torch.tensor([3.0], requires_grad=True)
>>> optimizer = torch.optim.Adam([w], lr=0.1)
>>> for _ in range(100):
...     optimizer.zero_grad()
...     loss = ((w - 1) ** 2).sum()
...     loss.backward()
...     optimizer.step()
>>> abs(w.item() - 1) < 0.1
True
"""

from mytorch.optim.adam import Adam, AdamW
from mytorch.optim.optimizer import Optimizer
from mytorch.optim.sgd import SGD

__all__ = [
    "Adam",
    "AdamW",
    "Optimizer",
    "SGD",
]
