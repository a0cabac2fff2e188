"""Records what PyTorch computes for a table of expressions, for tests without it: `python tests/golden/record_ops.py`.

An expression is a line of Python in which `torch` and the names in `FUNCTIONS` stand for either library, and the names
in `INPUTS` for tensors. The tests of the operations and the comparison with the live PyTorch share the table.
`ops.npz` holds for each expression the values of all results and then the gradients of the inputs, one after the other
in `values`, and how many they are in `lengths`.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).with_name("ops.npz")

_random = np.random.default_rng(7)


def _normal(*shape: int) -> np.ndarray:
    x = _random.standard_normal(shape)
    return np.round(x + np.copysign(0.1, x), 3)


INPUTS: dict[str, np.ndarray] = {
    "x": _normal(2, 3),
    "y": _normal(2, 3),
    "v": _normal(3),
    "c": _normal(2, 1),
    "s": np.array(0.7),
    "z": np.zeros((0, 3)),
    "k": _normal(2, 2, 3),
    "q": _normal(3, 2),
    "w": _normal(3, 4),
    "p": np.round(_random.uniform(0.5, 2.0, (2, 3)), 3),  # positive
    "a": np.round(_random.uniform(-0.9, 0.9, (2, 3)), 3),  # within the unit interval
    "t": np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 1.0]]),  # ties
    "o": np.array([[0.0, 1.5, 2.0], [0.0, 0.0, 3.0], [1.0, 2.0, 0.5]]),  # zeros
    "f": np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -2.5]),  # what floats hold besides numbers
    "h": np.array([0.5, -0.5, 1.5, 2.5, -1.5, 2.3, -2.7]),  # halves
    "r": np.array([7.0, -7.0, 7.5, -7.5]),
    "i": np.array([[3, -1, 0], [2, 5, -4]]),
    "b": np.array([[True, False, True], [False, False, True]]),
    "j": np.array([[0, 1, 1], [1, 0, 0]]),
    "n": np.array([2, 0, 2]),
}
FUNCTIONS = {
    "einsum": "contraction",
    "tensordot": "contraction",
    "hstack": "pieces",
    "vstack": "pieces",
    "std_mean": "reduction",
}
FLOATS = [name for name, value in INPUTS.items() if value.dtype.kind == "f"]

_UNARY = "exp expm1 exp2 sin cos tan atan sinh cosh tanh asinh erf sigmoid neg abs square relu sign floor ceil trunc reciprocal"
_EXPRESSIONS = [f"{x}.{name}()" for name in _UNARY.split() for x in ("x", "s", "z", "q.t()", "f")]
_EXPRESSIONS += [f"{x}.{name}()" for name in ["log", "log2", "log10", "sqrt", "rsqrt"] for x in ("p", "s", "f")]
_EXPRESSIONS += [f"{x}.{name}()" for name in ["asin", "acos", "atanh", "log1p"] for x in ("a", "s", "f")]
_EXPRESSIONS += [
    f"torch.{name}({x})" for name in ["isnan", "isinf", "isfinite", "logical_not"] for x in ("f", "i", "b")
]

_PAIRS = [
    "x, y",
    "x, v",
    "c, v",
    "x, s",
    "s, x",
    "x, 2",
    "x, -1.5",
    "z, v",
    "q.t(), y",
    "f, 1.0",
    "i, x",
    "x, i",
    "i, 2.5",
    "b, x",
]
_EXPRESSIONS += [f"torch.{name}({pair})" for name in ["add", "mul", "div"] for pair in _PAIRS]
_EXPRESSIONS += [f"torch.sub({pair})" for pair in _PAIRS if "b" not in pair]
_EXPRESSIONS += [
    f"torch.{name}({pair})"
    for name in ["eq", "ne", "lt", "le", "gt", "ge"]
    for pair in ("t, o[:2]", "x, s", "i, 2", "f, 0")
]
_EXPRESSIONS += [f"r.detach() {op} {n}" for op in ("//", "%") for n in (2, -2, 2.5, -2.5, "float('inf')", 0)]
_EXPRESSIONS += [
    f"torch.div({pair}, rounding_mode='{m}')" for m in ("trunc", "floor") for pair in ("r, 2", "x, y", "i, 2", "i, 0.7")
]
_EXPRESSIONS += [
    f"torch.{name}({pair})" for name in ("logical_and", "logical_or", "logical_xor") for pair in ("i, b", "f, h")
]

_DIMS = ("", "0", "1", "-1", "dim=(0, 1)", "0, keepdim=True", "dim=(1, 0), keepdim=True", "dim=None")
for _name in ("sum", "mean", "var", "std", "norm", "amax", "amin", "any", "all"):
    _given = [d if _name != "norm" or (not d[:1].isdigit() and d != "-1") else f"dim={d}" for d in _DIMS]
    _EXPRESSIONS += [f"{'(x > 0)' if _name in ('any', 'all') else 'x'}.{_name}({d})" for d in _given]
    _EXPRESSIONS += [
        f"k.{_name}(dim=(0, 2))",
        f"k.{_name}(dim=(-1, 1), keepdim=True)",
        f"s.{_name}()",
        f"s.{_name}(dim=-1)",
        f"q.t().{_name}(dim=0)",
    ]
_EXPRESSIONS += [
    f"z.{_name}({d})" for _name in ("sum", "mean", "prod", "norm", "any", "all") for d in ("", "dim=0", "dim=1")
]
_EXPRESSIONS += [
    f"f.{_name}()" for _name in ("sum", "mean", "var", "prod", "max", "min", "amax", "argmax", "argmin", "norm")
]
_EXPRESSIONS += [
    f"f[3:].{_name}()" for _name in ("sum", "mean", "var", "prod", "max", "min", "amax", "argmax", "argmin", "norm")
]
_EXPRESSIONS += [
    f"{m}.{_name}({d})"
    for _name in ("max", "min")
    for d in ("", "0", "1", "-1, keepdim=True")
    for m in ("x", "t", "i", "b")
]
_EXPRESSIONS += [
    f"{m}.{_name}({d})" for _name in ("argmax", "argmin") for d in ("", "0", "1, keepdim=True") for m in ("x", "t", "i")
]
_EXPRESSIONS += [f"{m}.prod({d})" for m in ("x", "o", "i", "b") for d in ("", "0", "1, keepdim=True")]
_EXPRESSIONS += [f"{m}.{_name}()" for m in ("i", "b") for _name in ("sum", "any", "all")] + [
    "i.sum(1, dtype=torch.float64)",
    "i.float().mean(0)",
]
_EXPRESSIONS += [
    f"x.norm({n})"
    for n in ("1", "3", "0.5", "0", "float('inf')", "-float('inf')", "1, dim=0", "3, dim=1, keepdim=True")
]
_EXPRESSIONS += [f"{m}.{_name}({d})" for _name in ("cumsum", "cumprod") for m in ("x", "o", "i", "b") for d in (0, -1)]


_EXPRESSIONS += [f"{m}.{_name}()" for _name in ("sort", "argsort") for m in ("x", "k", "i", "f")] + [
    "x.sort(0, descending=True)",
    "x.argsort(0, descending=True)",
    "s.sort()",
]

_EXPRESSIONS += [f"einsum({arguments})" for arguments in (
    "'ij,jk->ik', x, w", "'ij,ij->', x, y", "'ij->j', x", "'ij->ji', x", "'ii->i', o", "'ii', o", "'ij,j', x, v", "'i,j->ij', v, v",
    "'bij,bkj->bik', k, k", "'...j,jk->...k', k, w", "'bij,ij,j->b', k, x, v", "'ij,kj,jl->il', x, x, w", "'i,i,i->i', v, v, v", "',i->i', s, v",
)]  # fmt: skip

_MORE = """
(p + 1).acosh(); f.acosh(); h.round(); x.round(decimals=1); r.round(decimals=-1); ~i; ~b; -i; +x;
torch.fmod(r, 2); torch.fmod(r, -2.5); torch.remainder(x, y); torch.fmod(x, y); torch.remainder(2, i - 7);
1 - x; 2 / x; 2 ** x; 0 ** p; x ** 2; x ** 3; x ** 0; x ** -1; p ** 0.5; p ** x; o ** 2; o ** 0;
o ** o; i ** 2; i ** 2.0; f ** 2; f ** 0; p ** s; s ** p; 7 % p.detach(); 7 // p.detach(); r % 2.5;
torch.rsub(x, y);
torch.add(x, y, alpha=3); torch.sub(x, 2, alpha=3); torch.rsub(x, y, alpha=0.5); torch.atan2(x, y);
torch.maximum(t, o[:2]); torch.minimum(t, o[:2]); torch.maximum(t, t.flip(0)); torch.maximum(x, s);
torch.maximum(f, h); torch.minimum(f, h); torch.where(b, x, y); torch.where(b, x, 0.0); torch.where(b, s, v);
torch.where(b, 1, 2); torch.where(x > 0, i, x); i & 3; i | 4; i ^ j; b & (i > 0); b | True; b ^ b;
x.clamp(-0.5, 0.5); x.clamp(min=0); x.clamp(max=s); x.clamp(v, c); x.clamp(1, -1); f.clamp(-1, 1);
i.clamp(0, 3);
i.clamp(min=0.5); t.clamp(2, 3); x.clamp_min(s); x.clamp_max(0.1); h.clip(-0.5, 1.5); i.clamp(max=x);
f.max(0); f.min(0); s.max(0); x.max(y); t.amax(); t.amax(0); t.max(); z.max(1); z.amax(1); z.argmax(1);
x.var(unbiased=False); x.var(1, correction=0); x.std(0, correction=2); x.var(False); c.var(1); c.std(1);
x.std(0, correction=5);
torch.var_mean(x, 0); std_mean(x); x.logsumexp(0); x.logsumexp((0, 1), True); i.logsumexp(1);
f[3:].logsumexp(0);
f[1:].logsumexp(0); f[2:3].logsumexp(0); (x * 1000).logsumexp(1); s.logsumexp(0);
o.norm(2, dim=1); (o * 0).norm(); (o * 0).norm(1); (o * 0).norm(3); t.norm(float('inf')); o.norm(0, dim=0);
s.cumsum(0); s.cumprod(0); z.cumsum(0); i.cumsum(1, dtype=torch.float64); f.cumsum(0);
x.reshape(3, 2); x.reshape(-1); q.t().reshape(6); x.view(6); x.view(1, -1, 3); s.reshape(1, 1);
z.reshape(3, 0); z.view(0);
k.flatten(); k.flatten(1); k.flatten(0, 1); s.flatten(); x.unflatten(1, (3, 1)); x.ravel();
k.permute(2, 0, 1); k.permute((-1, 0, 1));
k.transpose(0, -1); x.t(); v.t(); s.t(); x.T; k.mT; x.unsqueeze(0); x.unsqueeze(-1); s.unsqueeze(0);
c.squeeze();
c.squeeze(1); c.squeeze(0); c.unsqueeze(0).squeeze((0, 2)); s.squeeze(); c.expand(2, 4); v.expand(2, -1);
s.expand(2, 3); c.expand(3, 2, 4); v.broadcast_to((2, 3));
x.flip(0); x.flip((0, 1)); x.flip(-1); x.clone(); q.t().contiguous(); torch.cat([x, y]);
torch.cat([x, c], 1); torch.cat([x, z]);
torch.cat([x, i]); torch.cat([v, torch.zeros(0)]); torch.stack([x, y]); torch.stack([x, y], -1);
torch.stack([s, s * 2]); hstack([x, c]); vstack([v, x]);
hstack([v, v]); x.split(1); x.split(2, 1); x.split([1, 2], dim=1); z.split(2); x.chunk(2, 1); v.chunk(5);
k.unbind(1); x.narrow(1, 1, 2);
x.narrow(1, -2, 2); x.select(1, -1); x.repeat(2, 1); v.repeat(2, 2); s.repeat(3); x.tile(2);
x.tile((2, 1, 2)); x.roll(1); x.roll(1, 1);
x.roll((1, -1), (0, 1)); k.movedim(0, -1); k.movedim((0, 1), (2, 0)); x.repeat_interleave(2);
x.repeat_interleave(2, 1); v.repeat_interleave(n);
k.tril(); k.triu(1); w.tril(-1); w.triu(); x.diag(); v.diag(); v.diag(1); w.diag(-1); k.diagonal(0, 0, 1);
k.diagonal(1, -2, -1); v.diag_embed(); w.trace();
x[0]; x[-1]; x[0, 1]; x[:, 1:]; x[..., 0]; x[None]; x[:, None, 1]; x[::2]; x[1:1]; k[..., 1, :];
x[[0, 0, 1]]; x[:, [2, 0]];
x[[0, 1], [1, 2]]; x[j]; k[0, :, [1, 2]]; k[[0, 1], :, [1, 2]]; k[:, [0, 1], [1, 2]]; x[b]; x[x > 0];
k[:, b[0, :2]]; k[0, b];
x[True]; x[False]; x[:, n]; x[[]]; x[n * 0, n]; k[[1], None, :, [0, 2, 2]]; s[None]; s[...]; x[()];
x.gather(1, j); x.gather(0, j); x.gather(-1, j[:, :1]); s.gather(0, n[1]); torch.nonzero(i);
i.nonzero(as_tuple=True); s.nonzero(); torch.where(b);
x.scatter(1, j, y); x.scatter(0, j, 2.0); x.scatter_add(1, j, y); x.index_select(1, n);
k.index_select(-1, n); x.index_add(1, n, y); x.take_along_dim(j, 1);
x.take_along_dim(n[:1]); k.take_along_dim(j[:, None, :], 2); x.masked_fill(b, 0); x.masked_fill(b, s);
v.masked_fill(b, 1.5); x.masked_select(b); v.masked_select(b);
x.topk(2); x.topk(1, 0, largest=False); f.topk(3); x.median(); x.median(1); f.median(); f.median(0);
k.median(-1, keepdim=True); i.median();
i.unique(); t.detach().unique(return_counts=True);
t.detach().unique(return_inverse=True, return_counts=True); t.detach().unique(dim=1); n.bincount();
n.bincount(minlength=5); n.bincount(v.detach());
x @ w; v @ w; x @ v; v @ v; k @ w; k @ v; k @ k.mT; x @ k.mT; v @ k.mT; z @ w; x[:, :0] @ w[:0];
k[:, None] @ w; i @ i.t(); torch.mm(x, w);
torch.bmm(k, k.mT); torch.mv(x, v); torch.dot(v, v); torch.outer(v, c[:, 0]); torch.outer(v, v);
v[:2].addmm(x, q); c.addmm(x, q, beta=0.5, alpha=2); x.addcmul(y, v); x.addcmul(y, c, value=0.5);
x.addcdiv(y, p, value=-2); x.lerp(y, 0.3); x.lerp(y, 0.8); x.lerp(y, a);
x.isclose(y); f.isclose(f); f.isclose(f, equal_nan=True); i.isclose(i + 1, rtol=0.5);
tensordot(x, w, 1); tensordot(k, x, ([1, 2], [0, 1])); tensordot(x, y, 0); tensordot(x, x, ([0], [0]));
x.double(); x.to(torch.float32); i.float() * v; x.long(); x.to(i); b.float(); x.type_as(v); x.detach() * y;
x.view_as(y); v.expand_as(x); x.new_zeros(2)
"""
EXPRESSIONS = list(dict.fromkeys(_EXPRESSIONS + [e.strip() for e in _MORE.split(";")]))
_NAME = re.compile(r"(?<![\w.'\"])([a-z])\b(?!['\"=])")


def names_in(expression: str) -> list[str]:
    return [name for name in INPUTS if name in _NAME.findall(expression)]


def functions(library: Any) -> dict[str, Any]:
    if library.__name__ == "torch":
        return {name: getattr(library, name) for name in FUNCTIONS}
    return {
        name: getattr(importlib.import_module(f"{library.__name__}.ops.{room}"), name)
        for name, room in FUNCTIONS.items()
    }


def inputs(library: Any, expression: str, dtype: str = "float64") -> dict[str, Any]:
    """The tensors that an expression uses; the floating ones require grad."""
    made = {}
    for name in names_in(expression):
        value = INPUTS[name]
        made[name] = library.tensor(value.astype(dtype) if name in FLOATS else value)
        made[name].requires_grad_(name in FLOATS)
    return made


def evaluate(library: Any, expression: str, given: dict[str, Any]) -> list[Any]:
    """The results, as a list."""
    found = eval(expression, {"torch": library, **functions(library), **given})
    return list(found) if isinstance(found, tuple) else [found]


def weighted(library: Any, values: list[Any]) -> Any:
    """A number in which each element has a weight of its own, to see every element's derivative."""
    total = 0.0
    for value in values:
        weights = np.cos(np.arange(value.numel()) + 0.5).reshape(tuple(value.shape))
        total = total + (value * library.tensor(weights).to(value.dtype)).sum()
    return total


def gradients(library: Any, results: list[Any], given: dict[str, Any], create_graph: bool = False) -> list[Any]:
    """By each floating input, or None; an empty list if no result has a gradient."""
    chosen = [r for r in results if r.requires_grad]
    floats = [x for x in given.values() if x.requires_grad]
    if not chosen or not floats:
        return []
    return list(library.autograd.grad(weighted(library, chosen), floats, create_graph=create_graph, allow_unused=True))


def figures(library: Any, expression: str, with_gradients: bool = True) -> np.ndarray:
    """All results and gradients of an expression in one vector."""
    given = inputs(library, expression)
    results = evaluate(library, expression, given)
    parts = list(results)
    if with_gradients:
        parts += [g for g in gradients(library, results, given) if g is not None]
    return np.concatenate([np.zeros(0), *[np.asarray(part.detach().numpy(), np.float64).ravel() for part in parts]])


def main() -> None:
    import torch

    torch.set_num_threads(1)
    found = [figures(torch, expression) for expression in EXPRESSIONS]
    lengths = np.array([len(values) for values in found])
    np.savez_compressed(GOLDEN, expressions=np.array(EXPRESSIONS), lengths=lengths, values=np.concatenate(found))
    print(f"{len(EXPRESSIONS)} expressions, {GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
