"""A Wasserstein critic with a penalty on the norm of its gradient."""

import torch
from torch import autograd, nn

torch.manual_seed(21)
critic = nn.Sequential(nn.Linear(3, 16), nn.SiLU(), nn.Linear(16, 1))
generator = nn.Sequential(nn.Linear(2, 16), nn.Softplus(), nn.Linear(16, 3))
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.0, 0.9))
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.0, 0.9))


def calc_gradient_penalty(netD, real_data, fake_data, lambda_=10):
    alpha = torch.rand(real_data.size(0), 1)
    alpha = alpha.expand(real_data.size())
    interpolates = alpha * real_data + ((1 - alpha) * fake_data)
    interpolates = autograd.Variable(interpolates, requires_grad=True)
    disc_interpolates = netD(interpolates)
    gradients = autograd.grad(
        outputs=disc_interpolates,
        inputs=interpolates,
        grad_outputs=torch.ones(disc_interpolates.size()),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean() * lambda_


for it in range(6):
    for p in critic.parameters():
        p.requires_grad = True
    for _ in range(3):
        real = torch.randn(12, 3) + 1
        fake = generator(torch.randn(12, 2)).detach()
        opt_c.zero_grad()
        penalty = calc_gradient_penalty(critic, real.data, fake.data)
        loss_c = critic(fake).mean() - critic(real).mean() + penalty
        loss_c.backward()
        opt_c.step()
    for p in critic.parameters():
        p.requires_grad = False
    opt_g.zero_grad()
    loss_g = -critic(generator(torch.randn(12, 2))).mean()
    loss_g.backward()
    opt_g.step()
    print(it, loss_c.item(), penalty.item(), loss_g.item())
