"""Two networks against each other, each with its optimizer."""

import torch
import torch.nn as nn

torch.manual_seed(111)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(2, 32),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Linear(32, 16),
            nn.LeakyReLU(0.2),
            nn.Linear(16, 1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.model(x)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x):
        return self.model(x)


train_data = torch.zeros((64, 2))
train_data[:, 0] = 2 * torch.pi * torch.rand(64)
train_data[:, 1] = torch.sin(train_data[:, 0])
loader = torch.utils.data.DataLoader([(train_data[i], torch.zeros(1)) for i in range(64)], batch_size=16, shuffle=True)
discriminator, generator = Discriminator(), Generator()
loss_function = nn.BCELoss()
optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=0.001, betas=(0.5, 0.999))
optimizer_g = torch.optim.Adam(generator.parameters(), lr=0.001, betas=(0.5, 0.999))
for epoch in range(4):
    for n, (real, _) in enumerate(loader):
        b = real.size(0)
        fake = generator(torch.randn((b, 2)))
        samples = torch.cat((real, fake))
        labels = torch.cat((torch.ones((b, 1)), torch.zeros((b, 1))))
        discriminator.zero_grad()
        loss_d = loss_function(discriminator(samples), labels)
        loss_d.backward()
        optimizer_d.step()
        latent = torch.randn((b, 2))
        generator.zero_grad()
        loss_g = loss_function(discriminator(generator(latent)), torch.ones((b, 1)))
        loss_g.backward()
        optimizer_g.step()
    print(f"Epoch: {epoch} Loss D.: {loss_d} Loss G.: {loss_g:.5f}")
with torch.no_grad():
    print(generator(torch.ones(1, 2)))
