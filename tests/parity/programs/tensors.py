"""A first tour of tensors."""

import numpy as np
import torch

data = [[1, 2], [3, 4]]
x_data = torch.tensor(data)
np_array = np.array(data)
x_np = torch.from_numpy(np_array)
print(x_data, x_np.dtype)
print(f"Ones Tensor: \n {torch.ones_like(x_data)} \n")
torch.manual_seed(0)
print(f"Random Tensor: \n {torch.rand_like(x_data, dtype=torch.float)} \n")
shape = (2, 3)
print(torch.rand(shape), torch.ones(shape), torch.zeros(shape))
tensor = torch.rand(3, 4)
print(f"Shape of tensor: {tensor.shape}")
print(f"Datatype of tensor: {tensor.dtype}")
print(f"Device tensor is stored on: {tensor.device}")
tensor = torch.ones(4, 4)
print(f"First row: {tensor[0]}")
print(f"First column: {tensor[:, 0]}")
print(f"Last column: {tensor[..., -1]}")
tensor[:, 1] = 0
print(tensor)
t1 = torch.cat([tensor, tensor, tensor], dim=1)
print(t1)
y1 = tensor @ tensor.T
y2 = tensor.matmul(tensor.T)
y3 = torch.rand_like(y1)
torch.matmul(tensor, tensor.T, out=y3)
print(torch.equal(y1, y2), torch.equal(y1, y3))
z3 = torch.rand_like(tensor)
torch.mul(tensor, tensor, out=z3)
print(z3)
agg = tensor.sum()
agg_item = agg.item()
print(agg_item, type(agg_item))
tensor.add_(5)
print(tensor)
t = torch.ones(5)
n = t.numpy()
t.add_(1)
print(f"t: {t}", f"n: {n}")
n = np.ones(5)
t = torch.from_numpy(n)
np.add(n, 1, out=n)
print(f"t: {t}", f"n: {n}")
a = torch.arange(24).reshape(2, 3, 4)
print(a, a.permute(2, 0, 1).shape, a.stride(), a[1, ::2], a[:, [0, 2], -1], a.sum(dim=(0, 2)), a.float().mean())
print(a[a % 5 == 0], torch.where(a > 12, a, 0).max(), a.unsqueeze(0).squeeze().shape, a.view(-1)[:3], a.ndim)
print(
    torch.zeros(2, 0),
    torch.tensor(3.5),
    torch.tensor([True, False]),
    torch.tensor([1e-8, 1.0]),
    torch.tensor([1e10, 1.0]),
)
print(
    torch.randn(2, 3).type(torch.float64).dtype,
    torch.tensor([1.5, 2.5]).int(),
    7 // torch.tensor([2]),
    -7 % torch.tensor(3),
)
print(torch.full((2, 2), 7), torch.eye(3), torch.linspace(0, 1, 5), torch.arange(0, 1, 0.25), torch.arange(5.0))
b = torch.tensor([[3, 1, 2], [9, 7, 8]])
print(b.sort(dim=1), b.max(dim=1), b.argmax(), b.cumsum(1), b.t(), b.flip(1), b.float().std(1), b.tolist())
print(
    torch.empty(3, dtype=torch.int64).fill_(2), b.new_zeros(2), b.double().norm(), len(b), [r.sum().item() for r in b]
)
print(
    torch.allclose(torch.tensor([1.0]), torch.tensor([1.0 + 1e-9])), torch.is_tensor(b), isinstance(b, torch.LongTensor)
)
c = torch.randn(2, 2)
print(
    torch.stack((c, c)).shape,
    torch.hstack((c, c)).shape,
    c.expand(3, 2, 2).shape,
    c.repeat(2, 1).shape,
    torch.chunk(c, 2, 1)[0].shape,
)
try:
    torch.ones(2, 3) @ torch.ones(2, 3)
except RuntimeError as error:
    print(error)
try:
    torch.ones(2, 3) + torch.ones(2)
except RuntimeError as error:
    print(str(error)[:75])
