"""Where PyTorch refuses, we refuse: with the same kind of exception, and with what is asked for instead of our innards."""

from __future__ import annotations

import pytest
import torch

import mytorch

pytestmark = pytest.mark.filterwarnings("ignore")

# `f`: a vector of 2; `m`: 2 by 3; `k`: 2 by 2 by 3; `i`: integers; `b`: booleans; `n`: 0-d; `g`: requires grad.
CALLS = """
f + T.ones(3); f * T.ones(3, 3); f - True; b - 1; 1 - b; b - b; -b; +b; b // b; b % b; b ** b; i // 0; i % 0; i ** -1; T.fmod(i, 0); i // n.long()
f + "a"; "a" + f; f < None; f @ 2; f & 1; i & 1.5; ~f; T.maximum(f, 1); T.where(i, 1, f); T.where(b, f, T.ones(3)); T.div(f, f, rounding_mode="up")
abs(b); b.floor(); b.ceil(); b.trunc(); b.round(); i.round(decimals=1); b.relu(); f.maximum(T.ones(3)); T.atan2(f, T.ones(3))
f.sum(2); f.sum(-2); f.sum((0, 0)); m.mean(2); i.mean(); b.mean(); i.var(); i.std(); T.ones(0).max(); T.ones(0).min(); T.ones(0).amax(); T.ones(0).argmax()
T.ones(0, 2).max(0); T.ones(0, 2).amax(0); T.ones(0, 2).argmin(0); f.max(1); b.argmax(); i.norm(); f.norm("x"); f.logsumexp(3); f.cumsum(1); f.prod(1); f.all(2); b.median()
f.view(3); f.view(-1, -1); f.reshape(3, -1); f.reshape(5); m.t().view(6); f.expand(3); f.expand(2, 3); m.expand(3); n.expand(-1, 2); m.permute(0); m.permute(0, 0); m.permute(0, 2)
k.t(); m.transpose(0, 2); m.unsqueeze(4); m.squeeze(2); m.flatten(1, 0); m.unflatten(1, (2, 2)); m.flip(2); m.movedim(0, 2); m.movedim((0, 1), 0); m.swapaxes(0, 5)
T.cat([]); T.cat([f, 1]); T.cat(f); T.cat([m, f]); T.cat([m, T.ones(3, 4)]); T.cat([n]); T.cat([m, m], 2); T.stack([]); T.stack([f, T.ones(3)]); T.stack([f, f], 2); T.stack([f, 1])
f.split(0); f.split(-1); f.split([1, 2]); f.split([3, -1]); f.chunk(0); n.split(1); n.chunk(1); n.unbind(); f.narrow(0, 1, 2); f.narrow(0, 3, 1); f.narrow(0, 0, -1); f.select(0, 2); n.select(0, 0)
m.repeat(2); f.repeat(); f.repeat(-1); f.roll((1, 2)); m.roll(1, 2); m.roll((1, 2), 0); f.repeat_interleave(T.tensor([1, 2, 3]), 0); f.tril(); k.diag(); m.diagonal(0, 0, 0); f.trace(); k.trace()
f[2]; f[-3]; f[0, 0]; f[1.0]; n[0]; f[T.ones(2)]; f[::-1]; f[[2]]; f[T.tensor([True])]; len(n); iter(n); f.item(); T.ones(0).item(); bool(f); float(f); int(f); bool(T.ones(0)); "a" in f
f.index_select(0, T.tensor([2])); f.index_select(0, T.tensor([-1])); f.index_select(0, T.tensor([[0]])); f.index_select(1, T.tensor([0])); f.gather(0, T.tensor([2])); f.gather(0, T.tensor([[0]]))
f.gather(0, T.tensor([0.0])); m.gather(0, T.zeros(1, 4).long()); m.scatter(0, T.zeros(1, 4).long(), 1.0); f.scatter(0, T.tensor([2]), 1.0); f.scatter(0, T.tensor([0]), i); m.scatter_add(0, T.tensor([0]), m)
f.masked_fill(i, 0); f.masked_fill(b, f); f.masked_fill(T.ones(3).bool(), 0); f.masked_select(i); f.masked_select(T.ones(3).bool()); f.take_along_dim(T.zeros(1, 1).long(), 0); f.index_add(0, T.tensor([0]), m)
f.topk(3); f.sort(1); f.argsort(1); f.median(1); T.ones(2, 0).median(1); f.bincount(); (-i).bincount(); i.bincount(T.ones(3)); i.bincount(minlength=-1); f.clamp()
f @ T.ones(3); m @ m; f @ n; n @ f; k @ T.ones(2, 4, 1); k @ T.ones(3, 3, 1); f @ i; m @ i; T.mm(f, f); T.mm(m, m); T.bmm(m, m); T.bmm(k, k); T.bmm(k, T.ones(3, 3, 1)); T.mv(f, f); T.mv(m, f); T.dot(m, m)
T.dot(f, T.ones(3)); T.outer(m, f); T.outer(f, m); f.addmm(m, m); T.ones(5).addmm(m, m.t()); f.addcmul(T.ones(3), f); i.addcdiv(i, i); f.lerp(i, 0.5); f.lerp(f, T.ones(2).double()); f.isclose(i)
T.nn.functional.linear(m, m.t()); T.nn.functional.linear(m, m, T.ones(3)); T.nn.functional.linear(i, m); T.nn.functional.linear(m, m.double())
f.add_(T.ones(3)); f.add_(T.ones(3, 2)); i.add_(1.5); i.div_(2); b.add_(1); g.add_(1); g.zero_(); f.copy_(T.ones(3)); f.copy_("a"); f.fill_(f); n.expand(3).add_(1); g.detach().requires_grad_().mul_(2)
g.numpy(); g.backward(); f.backward(); f.sum().backward(); (g * 2).backward(T.ones(3)); g.sum().backward("a"); T.autograd.grad(g.sum(), f); T.autograd.grad(g.sum(), g * 2); i.requires_grad_(); f.retain_grad()
f.register_hook(print); (g * 2).requires_grad_(False); setattr(f, "grad", 1); setattr(f, "grad", T.ones(3)); setattr(f, "grad", T.ones(2).double()); g.sum().backward(inputs=[])
T.tensor("a"); T.tensor([[1, 2], [3]]); T.tensor([1, "a"]); T.zeros(-1); T.zeros(1.5); T.zeros("a"); T.arange(3, 0); T.arange(0, 3, 0); T.arange(); T.linspace(0, 1, -1); T.eye(-1); T.tensor(2**63)
T.from_numpy([1]); T.full((2,), "a"); T.ones(2, device="xyz"); T.device("cuda:x"); T.ones(2).to("xyz"); T.ones(2).to(object()); T.tensor([1], dtype="float32"); T.tensor([300], dtype=T.uint8)
T.randint(0, (2,)); T.randint(5, 3, (2,)); T.bernoulli(T.tensor([2.0])); T.multinomial(T.ones(2), 3); T.normal(0.0, -1.0, (2,)); f.uniform_(1, 0); f.bernoulli_(2.0); f.exponential_(-1); T.set_default_dtype(T.int64)
T.tensor(None); T.tensor(object()); T.empty(2, -3); T.scalar_tensor("a"); T.ones_like(1); T.as_tensor("a"); T.finfo(T.int64); T.iinfo(T.float32); T.set_grad_enabled()
"""
CALLS = [call.strip() for line in CALLS.strip().splitlines() for call in line.split(";")]

# PyTorch raises another kind, by accident of its argument parser or its own innards; ours says what is wrong.
OTHER_KIND = {
    "f @ 2": TypeError,
    "T.tensor(2**63)": (RuntimeError, ValueError, OverflowError),
}


def raised(library, call):
    names = {
        "T": library, "f": library.tensor([1.0, 2.0]), "m": library.ones(2, 3), "k": library.ones(2, 2, 3), "i": library.tensor([1, 2]),
        "b": library.tensor([True, False]), "n": library.tensor(0.0), "g": library.ones(2, requires_grad=True),
    }  # fmt: skip
    try:
        eval(call, names)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("call", CALLS)
def test_same_kind_of_error(call):
    theirs, ours = raised(torch, call), raised(mytorch, call)
    assert theirs is not None, "PyTorch allows it: no case for this table"
    assert ours is not None, f"allowed here; PyTorch: {type(theirs).__name__}: {theirs}"
    assert isinstance(ours, OTHER_KIND.get(call, type(theirs))), f"{ours!r}; PyTorch: {theirs!r}"
    assert str(ours)
    assert "numpy" not in str(ours).lower() or "numpy" in str(theirs).lower(), f"speaks of NumPy: {ours}"
