"""Ratings explained by vectors of users and items."""

import torch
from torch import nn

torch.manual_seed(30)


class MatrixFactorization(nn.Module):
    def __init__(self, n_users, n_items, n_factors=4):
        super().__init__()
        self.user_factors = nn.Embedding(n_users, n_factors)
        self.item_factors = nn.Embedding(n_items, n_factors)
        self.user_biases = nn.Embedding(n_users, 1)
        self.item_biases = nn.Embedding(n_items, 1)
        self.mean = nn.Parameter(torch.FloatTensor([0]), False)
        for emb in (self.user_factors, self.item_factors):
            emb.weight.data.normal_(0, 0.1)
        self.user_biases.weight.data.fill_(0.0)
        nn.init.constant_(self.item_biases.weight, 0.0)

    def forward(self, user, item):
        pred = self.user_biases(user) + self.item_biases(item) + self.mean
        pred += (self.user_factors(user) * self.item_factors(item)).sum(dim=1, keepdim=True)
        return pred.squeeze()


users, items = torch.randint(0, 8, (60,)), torch.randint(0, 10, (60,))
ratings = torch.randint(1, 6, (60,)).float()
model = MatrixFactorization(8, 10)
model.mean.data[0] = ratings.mean()
optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.5)
loss_func = torch.nn.MSELoss()
for epoch in range(25):
    optimizer.zero_grad()
    loss = loss_func(model(users, items), ratings)
    loss.backward()
    optimizer.step()
print(loss.item(), model.mean, model.user_biases.weight.data.t())
scores = model.user_factors.weight @ model.item_factors.weight.t() + model.item_biases.weight.squeeze(1)
values, top = scores.topk(3, dim=1)
print(top.shape, values[0].detach())
