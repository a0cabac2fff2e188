"""The behaviour of modules, containers and nn.utils against the live PyTorch.

Each case is a function of the library; what it returns, errors included, must be the same to the letter.
"""

from __future__ import annotations

import copy
import importlib
import re
import warnings

import pytest
import torch

import mytorch

pytestmark = pytest.mark.filterwarnings("ignore")
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def attempt(call):
    try:
        return show(call())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def show(value):
    """A text that is the same for equal things of either library."""
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(show(each) for each in value) + "]"
    return re.sub(r"0x[0-9a-f]+", "0x", repr(value)).replace("mytorch", "torch")


@case
def hooks_global(t):
    m = importlib.import_module(t.__name__ + ".nn.modules.module")
    nn = t.nn
    log = []
    h = [
        m.register_module_forward_pre_hook(lambda mod, a: log.append(("pre", type(mod).__name__))),
        m.register_module_forward_hook(lambda mod, a, o: log.append(("fwd", type(mod).__name__))),
        m.register_module_full_backward_hook(
            lambda mod, gi, go: log.append(
                ("bwd", type(mod).__name__, [None if g is None else tuple(g.shape) for g in gi])
            )
        ),
        m.register_module_full_backward_pre_hook(lambda mod, go: log.append(("bpre", type(mod).__name__))),
        m.register_module_parameter_registration_hook(lambda mod, n, p: log.append(("p", n))),
        m.register_module_buffer_registration_hook(lambda mod, n, p: log.append(("b", n))),
        m.register_module_module_registration_hook(lambda mod, n, p: log.append(("m", n))),
    ]
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Tanh())
    net[0].register_forward_hook(lambda *a: log.append("own"))
    net(t.ones(3, 2, requires_grad=True)).sum().backward()
    for x in h:
        x.remove()
    n = len(log)
    net(t.ones(3, 2))
    return log, len(log) - n


@case
def state_hooks(t):
    nn = t.nn
    log = []

    class M(nn.Module):
        _version = 3

        def __init__(self):
            super().__init__()
            self.a = nn.Linear(1, 1)
            self.n = 0
            self.register_buffer("b", t.zeros(1))
            self.register_buffer("c", t.zeros(1), persistent=False)

        def get_extra_state(self):
            return {"n": self.n}

        def set_extra_state(self, s):
            self.n = s["n"]

        def _save_to_state_dict(self, d, p, k):
            super()._save_to_state_dict(d, p, k)
            d[p + "mine"] = t.ones(1)

        def _load_from_state_dict(self, sd, p, meta, strict, mk, uk, em):
            log.append(("load", p, meta.get("version"), strict))
            sd.pop(p + "mine", None)
            super()._load_from_state_dict(sd, p, meta, strict, mk, uk, em)

    m = nn.Sequential(M())
    m[0].n = 5
    m.register_state_dict_pre_hook(lambda mod, p, k: log.append(("pre", p, k)))
    m[0].register_state_dict_post_hook(lambda mod, sd, p, meta: log.append(("post", p, meta, list(sd))))
    m[0]._register_state_dict_hook(lambda mod, sd, p, meta: log.append("old"))
    sd = m.state_dict()
    m2 = nn.Sequential(M())
    m2[0].register_load_state_dict_pre_hook(
        lambda mod, sd, p, meta, strict, mk, uk, em: log.append(("lpre", type(mod).__name__, p))
    )
    m2[0]._register_load_state_dict_pre_hook(lambda sd, p, *a: log.append(("lpre2", p)))
    m2.register_load_state_dict_post_hook(
        lambda mod, keys: log.append(("lpost", keys.missing_keys, keys.unexpected_keys))
    )
    r = m2.load_state_dict(sd)
    return (
        log,
        list(sd),
        sd._metadata,
        str(r),
        m2[0].n,
        attempt(lambda: m2.load_state_dict({})),
        attempt(lambda: m2.load_state_dict({"0.a.weight": t.ones(2), "zz": t.ones(1), "0.yy": 3, "0.q.r": 1})),
        attempt(lambda: m2.load_state_dict({"0.a.weight": t.ones(1, 1), "zz": t.ones(1)}, strict=False)),
        attempt(lambda: m2.load_state_dict(3)),
        attempt(lambda: nn.Linear(1, 1).get_extra_state())[:40],
    )


@case
def members(t):
    nn = t.nn

    class Net(nn.Module):
        scale = 2

        def __init__(self):
            super().__init__()
            self.l = nn.Linear(2, 2)
            self.m = self.l
            self.w = self.l.weight
            self.lst = [nn.Linear(1, 1)]
            self.none = None
            self.register_parameter("np", None)
            self.register_buffer("nb", None)
            self.act = t.relu
            self.seq = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(2, 2)))

    n = Net()
    o = []
    for f in ("named_parameters", "named_buffers", "named_modules"):
        for kw in ({}, {"prefix": "p"}, {"remove_duplicate": False}) + (
            ({"recurse": False},) if f != "named_modules" else ()
        ):
            o.append([a for a, _ in getattr(n, f)(**kw)])
    o.append([a for a, _ in n.named_children()])
    o.append(list(n.state_dict()))
    o.append([x for x in dir(n) if x in ("l", "m", "w", "np", "nb", "scale")])
    o.append(n.get_submodule("seq.1.0"))
    o.append(attempt(lambda: n.get_submodule("seq.5")))
    o.append(attempt(lambda: n.get_submodule("act")))
    o.append(attempt(lambda: n.get_parameter("l.bias").shape))
    o.append(attempt(lambda: n.get_parameter("l.zz")))
    o.append(attempt(lambda: n.get_buffer("l.weight")))
    o.append(attempt(lambda: n.get_parameter("seq")))
    n.set_submodule("seq.1.0", nn.Tanh())
    o.append(n.seq)
    o.append(attempt(lambda: n.set_submodule("", nn.Tanh())))
    o.append(attempt(lambda: n.set_submodule("seq.1.7", nn.Tanh())))
    o.append(attempt(lambda: n.set_submodule("a.b", nn.Tanh())))
    o.append(n)
    o.append(attempt(lambda: n.set_submodule("l.8", nn.Tanh(), strict=True)))
    o.append(attempt(lambda: n.set_submodule("l.weight", nn.Tanh())))

    def setp(name, v):
        setattr(n, name, v)

    for name, v in (("l", 3), ("w", t.ones(1)), ("nb", 3), ("np", 3)):
        o.append(attempt(lambda name=name, v=v: setp(name, v)))
    del n.l
    o.append([a for a, _ in n.named_parameters()])
    o.append(attempt(lambda: n.l))
    o.append(attempt(lambda: delattr(n, "zzz")))
    n.w = None
    o.append([a for a, _ in n.named_parameters()])
    n.w = nn.Parameter(t.ones(1))
    n.fresh = nn.Parameter(t.ones(1))
    o.append([a for a, _ in n.named_parameters()])
    n.m = None
    o.append(n)
    o.append(n._get_name())
    o.append((n.dump_patches, n._version, n.call_super_init))
    o.append(n.training)
    o.append(attempt(lambda: n.register_buffer("a.b", t.ones(1))))
    o.append(attempt(lambda: n.register_buffer("", t.ones(1))))
    o.append(attempt(lambda: n.register_buffer("act", t.ones(1))))
    o.append(attempt(lambda: n.register_parameter("x", t.ones(1))))
    o.append(attempt(lambda: n.register_parameter("x", nn.Parameter(t.ones(1)) * 1)))
    o.append(attempt(lambda: n.add_module("x", 3)))
    o.append(attempt(lambda: n.add_module(3, nn.ReLU())))
    o.append(attempt(lambda: n.train(3)))
    o.append(attempt(lambda: n(1)))
    n.pb = t.nn.Buffer(t.ones(1))
    n.qb = t.nn.Buffer(t.ones(1), persistent=False)
    o.append([a for a, _ in n.named_buffers()])
    o.append(list(n.state_dict()))
    n.pb = t.zeros(2)
    o.append(n.pb)
    o.append([a for a, _ in n.named_buffers()])
    return o


@case
def copying(t):
    nn = t.nn
    log = []

    class S(nn.Module):
        def __init__(self):
            super().__init__()
            self.l = nn.Linear(1, 1)
            self.m = self.l

        def forward(self, x):
            return self.m(self.l(x))

    s = S()
    s.register_forward_hook(lambda *a: log.append(1))
    d = copy.deepcopy(s)
    c = copy.copy(s)
    d(t.ones(1, 1))
    o = [len(log), d.l is d.m, d.l is s.l, c.l is s.l]
    o.append(len(d._forward_hooks))
    return o


@case
def applying(t):
    nn = t.nn
    n = nn.Sequential(nn.Linear(1, 2), nn.BatchNorm1d(2))
    p = n[0].weight
    n(t.ones(3, 1)).sum().backward()
    n.double()
    o = [p is n[0].weight, p.dtype, p.grad.dtype, n[1].num_batches_tracked.dtype]
    n.to(t.float32)
    n._apply(lambda x: x * 0 + 1)
    o.append(p.clone())
    o.append(attempt(lambda: n.to(t.int32)))
    n.to(memory_format=t.channels_last)
    n.to_empty(device="cpu")
    o.append(p.shape)
    n.type(t.float64)
    o.append(n[1].num_batches_tracked.dtype)
    o.append(n.half()[0].weight.dtype)
    o.append(n.requires_grad_(False)[0].weight.requires_grad)
    n.apply(lambda m: o.append(type(m).__name__))
    o.append(n.compile())
    o.append(n.float() is n)
    o.append(n.cpu() is n)
    o.append(n.to("cpu", t.float64)[0].weight.dtype)
    o.append(n.to(t.ones(1))[0].weight.dtype)
    return o


@case
def bhooks(t):
    nn = t.nn
    log = []
    n = nn.Linear(2, 1)
    h = n.register_backward_hook(lambda m, gi, go: log.append([len(gi), tuple(go[0].shape)]))
    o = [attempt(lambda: n.register_full_backward_hook(print))]
    n(t.ones(3, 2, requires_grad=True)).sum().backward()
    h.remove()
    return log, o


@case
def fwd_hooks(t):
    nn = t.nn
    log = []

    class M(nn.Module):
        def forward(self, x, fail=False):
            if fail:
                raise ValueError("boom")
            return x * 2

    m = M()
    m.register_forward_hook(lambda m, a, k, o: log.append(("kw", k, o is None)), with_kwargs=True, always_call=True)
    m.register_forward_hook(lambda m, a, o: o + 1)
    m.register_forward_hook(lambda m, a, o: o * 10, prepend=True)
    m.register_forward_pre_hook(lambda m, a: a[0] + 1)
    m.register_forward_pre_hook(lambda m, a, k: (a, {**k}), with_kwargs=True)
    return m(t.ones(1)), attempt(lambda: m(t.ones(1), fail=True)), log


@case
def cont(t):
    nn = t.nn
    o = []
    s = nn.Sequential(nn.ReLU(), nn.Tanh())
    s.append(nn.ELU())
    s.insert(0, nn.Identity())
    o.append(s)
    o.append(s.pop(1))
    s += nn.Sequential(nn.GELU())
    o.append(s * 2)
    o.append(s[1:])
    o.append(s[-1])
    del s[0]
    o.append(s)
    s.extend([nn.ReLU()])
    o.append(attempt(lambda: s[9]))
    o.append(attempt(lambda: s + 3))
    s[0] = nn.SiLU()
    o.append(s)
    o.append(attempt(lambda: nn.Sequential(3)))
    o.append(len(s))
    layer = nn.ModuleList([nn.Linear(1, 1) for _ in range(3)] + [nn.ReLU()])
    o.append(layer)
    layer += [nn.ReLU()]
    layer.insert(1, nn.Tanh())
    o.append(layer)
    o.append(layer[1:3])
    o.append(layer.pop(-1))
    del layer[0:2]
    o.append(layer)
    o.append(attempt(lambda: layer(1)))
    o.append(nn.ModuleList())
    o.append(attempt(lambda: layer.append(3)))
    o.append(attempt(lambda: layer.extend(3)))
    o.append(attempt(lambda: layer[10]))
    o.append(nn.ReLU() in layer)
    o.append(layer.__add__([nn.ELU()]))
    d = nn.ModuleDict({"a": nn.ReLU()})
    d["b"] = nn.Tanh()
    d.update([("c", nn.ELU())])
    o.append(d)
    o.append([list(d), list(d.keys()), len(d), "a" in d])
    o.append(d.pop("a"))
    del d["b"]
    o.append(d)
    o.append(attempt(lambda: d["x"]))
    o.append(attempt(lambda: d.update(3)))
    d.clear()
    o.append(d)
    o.append(attempt(lambda: d.update([("x",)])))
    o.append(attempt(lambda: nn.ModuleDict({"keys": nn.ReLU()})))
    o.append(attempt(lambda: d(1)))
    o.append(list(d.items()))
    return o


@case
def rnnutils(t):
    r = t.nn.utils.rnn
    a, b, c = t.tensor([1.0, 2, 3]), t.tensor([4.0]), t.tensor([5.0, 6.0])
    o = []
    for kw in ({}, {"batch_first": True}, {"padding_value": -1.0}, {"padding_side": "left", "batch_first": True}):
        o.append(r.pad_sequence([a, b, c], **kw))
    o.append(attempt(lambda: r.pad_sequence([a, b], padding_side="x")))
    o.append(attempt(lambda: r.pad_sequence([])))
    p = r.pack_sequence([a, b, c], enforce_sorted=False)
    o.append(p)
    o.append(list(r.pad_packed_sequence(p)))
    o.append(list(r.pad_packed_sequence(p, batch_first=True, padding_value=7.0, total_length=5)))
    o.append(r.unpack_sequence(p))
    o.append(attempt(lambda: r.pack_sequence([b, a])))
    x = t.arange(24.0).view(2, 3, 4).requires_grad_()
    p = r.pack_padded_sequence(x, [2, 1], batch_first=True)
    o.append(p.data.detach())
    o.append(p.batch_sizes)
    y, layer = r.pad_packed_sequence(p, batch_first=True)
    (y * y).sum().backward()
    o.append(x.grad)
    o.append(layer)
    o.append(r.pack_padded_sequence(t.ones(3, 2, 1), t.tensor([3, 2])).batch_sizes)
    o.append(attempt(lambda: r.pack_padded_sequence(t.ones(3, 2, 1), [1, 2])))
    o.append(attempt(lambda: r.pack_padded_sequence(t.ones(3, 2, 1), [1, 0])))
    o.append(attempt(lambda: r.pack_padded_sequence(t.ones(3, 2, 1), [1])))
    o.append(r.unpad_sequence(t.ones(3, 2), t.tensor([3, 1])))
    o.append(p.to(t.float64).data.dtype)
    o.append(attempt(lambda: r.pad_packed_sequence(p, total_length=1)))
    return o


@case
def norms(t):
    nn = t.nn
    o = []
    u = nn.utils
    t.manual_seed(0)
    m = nn.Linear(3, 4)
    w = m.weight.detach().clone()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        u.weight_norm(m)
    o.append([n for n, _ in m.named_parameters()])
    o.append(m)
    y = m(t.ones(2, 3))
    y.sum().backward()
    o.append(m.weight_g.grad)
    o.append(m.weight_v.grad)
    o.append(list(m.state_dict()))
    u.remove_weight_norm(m)
    o.append([n for n, _ in m.named_parameters()])
    o.append(t.allclose(m.weight, w))
    o.append(attempt(lambda: u.remove_weight_norm(m)))
    t.manual_seed(0)
    c = u.spectral_norm(nn.Conv2d(2, 3, 2))
    x = t.ones(1, 2, 3, 3)
    o.append(c(x).detach())
    o.append(list(c.state_dict()))
    c(x).sum().backward()
    o.append(c.weight_orig.grad.sum())
    c.eval()
    o.append(c(x).detach().sum())
    u.remove_spectral_norm(c)
    o.append([n for n, _ in c.named_parameters()])
    t.manual_seed(1)
    p = u.parametrizations.spectral_norm(nn.Linear(3, 5))
    o.append(p(t.ones(2, 3)).detach())
    o.append(p)
    o.append(list(p.state_dict()))
    p.eval()
    o.append(tuple(p.weight.shape))
    q = u.parametrizations.weight_norm(nn.ConvTranspose1d(2, 3, 2), dim=1)
    o.append([tuple(x.shape) for x in q.parameters()])
    q2 = u.parametrizations.weight_norm(nn.Linear(2, 2), dim=None)
    o.append([tuple(x.shape) for x in q2.parameters()])
    o.append(attempt(lambda: u.parametrizations.spectral_norm(nn.Linear(2, 2), "zz")))
    o.append(q2.load_state_dict({"bias": t.ones(2), "weight_g": t.tensor(1.0), "weight_v": t.ones(2, 2)}))
    o.append(q2.weight)
    return o


@case
def param(t):
    nn = t.nn
    P = nn.utils.parametrize
    o = []

    class D(nn.Module):
        def forward(self, x):
            return x * 2

        def right_inverse(self, x):
            return x / 2

    class A(nn.Module):
        def forward(self, x):
            return x + 1

    class Two(nn.Module):
        def forward(self, a, b):
            return a @ b

        def right_inverse(self, x):
            return x, t.eye(2)

    layer = nn.Linear(2, 2)
    w = layer.weight.detach().clone()
    P.register_parametrization(layer, "weight", D())
    o.append(t.allclose(layer.weight, w))
    P.register_parametrization(layer, "weight", A())
    o.append(t.allclose(layer.weight, w + 1))
    o.append(layer)
    o.append(attempt(lambda: setattr(layer, "weight", w)))
    o.append(len(layer.parametrizations.weight))
    d = copy.deepcopy(layer)
    o.append(t.allclose(d.weight, layer.weight))
    o.append(P.type_before_parametrizations(layer).__name__)
    o.append(list(layer.state_dict()))
    P.remove_parametrizations(layer, "weight", leave_parametrized=False)
    o.append(t.allclose(layer.weight, w / 2))
    o.append(type(layer).__name__)
    layer = nn.Linear(2, 2)
    w = layer.weight.detach().clone()
    P.register_parametrization(layer, "weight", Two())
    o.append([n for n, _ in layer.named_parameters()])
    o.append(t.allclose(layer.weight, w))
    layer.weight = t.ones(2, 2)
    o.append(layer.weight.detach())
    o.append(attempt(lambda: P.remove_parametrizations(layer, "weight", leave_parametrized=False)))
    P.remove_parametrizations(layer, "weight")
    o.append(layer.weight)
    o.append(attempt(lambda: P.register_parametrization(layer, "zz", D())))

    class Bad(nn.Module):
        def forward(self, x):
            return x.sum()

    o.append(attempt(lambda: P.register_parametrization(layer, "weight", Bad())))
    o.append(attempt(lambda: P.register_parametrization(layer, "weight", D(), unsafe=True) and 1))
    o.append(P.is_parametrized(layer, "weight"))
    o.append(attempt(lambda: P.register_parametrization(layer, "weight", Bad()))[:40])
    m = nn.Linear(2, 2)
    P.transfer_parametrizations_and_params(layer, m)
    o.append(t.allclose(m.weight, layer.weight))
    b = nn.BatchNorm1d(2)
    P.register_parametrization(b, "running_mean", A())
    o.append(list(b.state_dict()))
    o.append(P.is_parametrized(b))
    return o


@case
def utils(t):
    nn = t.nn
    u = nn.utils
    o = []
    layer = nn.Linear(2, 2)
    with t.no_grad():
        layer.weight.fill_(1.0)
        layer.bias.fill_(2.0)
    v = u.parameters_to_vector(layer.parameters())
    o.append(v.detach())
    u.vector_to_parameters(t.arange(6.0), layer.parameters())
    o.append(list(layer.parameters()))
    layer(t.ones(1, 2)).sum().backward()
    o.append(u.get_total_norm([p.grad for p in layer.parameters()]))
    o.append(u.clip_grad_norm_(layer.parameters(), 1.0, norm_type="inf"))
    o.append(u.clip_grad_norm_(layer.parameters(), 0.5, foreach=False))
    u.clip_grad_value_(layer.parameters(), 0.1)
    o.append([p.grad for p in layer.parameters()])
    layer.weight.grad.fill_(float("inf"))
    o.append(attempt(lambda: u.clip_grad_norm_(layer.parameters(), 1.0, error_if_nonfinite=True)))
    o.append(u.clip_grad_norm_([], 1.0))
    return o


@pytest.mark.parametrize("name", CASES)
def test_same(name):
    ours, theirs = (attempt(lambda t=t: CASES[name](t)) for t in (mytorch, torch))
    assert ours == theirs
