"""Learning rates over time."""

import torch
from torch import nn, optim
from torch.optim import lr_scheduler


def make(lr=0.1):
    return optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)


def show(name, make_scheduler, steps=10):
    opt = make()
    scheduler = make_scheduler(opt)
    rates = []
    for _ in range(steps):
        opt.step()
        rates.append(round(opt.param_groups[0]["lr"], 6))
        scheduler.step()
    print(name, rates, scheduler.get_last_lr())


show("step", lambda o: lr_scheduler.StepLR(o, step_size=3, gamma=0.5))
show("multi", lambda o: lr_scheduler.MultiStepLR(o, milestones=[2, 5], gamma=0.1))
show("exp", lambda o: lr_scheduler.ExponentialLR(o, 0.9))
show("cosine", lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=8, eta_min=0.001))
show("restarts", lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=4))
show("lambda", lambda o: lr_scheduler.LambdaLR(o, lr_lambda=lambda e: 1 / (1 + e)))
show("one", lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.3, total_steps=12))
show("cyclic", lambda o: lr_scheduler.CyclicLR(o, base_lr=0.01, max_lr=0.1, step_size_up=3))
show("linear", lambda o: lr_scheduler.LinearLR(o, start_factor=0.2, total_iters=4))
show("poly", lambda o: lr_scheduler.PolynomialLR(o, total_iters=6, power=2.0))
show(
    "seq",
    lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o, 0.1, total_iters=2), lr_scheduler.ExponentialLR(o, 0.9)], milestones=[3]
    ),
)
opt = make()
plateau = lr_scheduler.ReduceLROnPlateau(opt, mode="min", factor=0.5, patience=1)
for loss in [1.0, 0.9, 0.95, 0.96, 0.97, 0.5, 0.6, 0.7, 0.8]:
    opt.step()
    plateau.step(loss)
    print(opt.param_groups[0]["lr"], end=" ")
print()


def warmup(step, warmup_steps=4, total=10):
    if step < warmup_steps:
        return float(step) / float(max(1, warmup_steps))
    return max(0.0, float(total - step) / float(max(1, total - warmup_steps)))


show("warmup", lambda o: lr_scheduler.LambdaLR(o, warmup))
