"""Message passing on a graph: with a dense adjacency matrix, and by edges with index_add."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.parameter import Parameter

torch.manual_seed(8)
edges = torch.tensor([[0, 1, 1, 2, 3, 4, 0, 5, 5], [1, 0, 2, 1, 4, 3, 5, 0, 3]])
n = 6


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(torch.FloatTensor(in_features, out_features))
        if bias:
            self.bias = Parameter(torch.FloatTensor(out_features))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1.0 / self.weight.size(1) ** 0.5
        self.weight.data.uniform_(-stdv, stdv)
        if self.bias is not None:
            self.bias.data.uniform_(-stdv, stdv)

    def forward(self, input, adj):
        output = torch.mm(adj, torch.mm(input, self.weight))
        return output + self.bias if self.bias is not None else output

    def __repr__(self):
        return f"{self.__class__.__name__} ({self.in_features} -> {self.out_features})"


adj = torch.zeros(n, n)
adj[edges[0], edges[1]] = 1
adj += torch.eye(n)
d_inv_sqrt = adj.sum(1).pow(-0.5)
adj = torch.diag(d_inv_sqrt) @ adj @ torch.diag(d_inv_sqrt)
x = torch.randn(n, 4)
gc1, gc2 = GraphConvolution(4, 8), GraphConvolution(8, 2)
model = nn.ModuleList([gc1, gc2])
print(model)
labels = torch.tensor([0, 0, 0, 1, 1, 1])
train_mask = torch.tensor([True, False, True, True, True, False])
optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=5e-4)
for epoch in range(40):
    optimizer.zero_grad()
    h = F.dropout(F.relu(gc1(x, adj)), 0.2, training=True)
    out = F.log_softmax(gc2(h, adj), dim=1)
    loss = F.nll_loss(out[train_mask], labels[train_mask])
    loss.backward()
    optimizer.step()
print(loss.item(), out.exp().detach())
h = x.clone().requires_grad_()
messages = torch.zeros_like(h).index_add(0, edges[1], h[edges[0]])
degree = torch.zeros(n).scatter_add_(0, edges[1], torch.ones(edges.shape[1]))
mean = messages / degree.clamp(min=1).unsqueeze(-1)
(mean**2).sum().backward()
print(degree, mean, h.grad, sep="\n")
