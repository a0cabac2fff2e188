"""Autograd's behaviour against the live PyTorch: hooks, modes, user functions, errors.

Each case is a function of the library; what it returns, errors included, must be the same to the letter.
"""

from __future__ import annotations

import asyncio
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
def batched(t):
    x = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x**2
    return t.autograd.grad(y, x, t.eye(3), is_grads_batched=True), t.autograd.grad(
        (x * 2, x.sum()), x, (t.eye(3), t.ones(3)), is_grads_batched=True
    )


@case
def elems(t):
    x = t.ones(2, requires_grad=True)
    return (
        attempt(lambda: t.autograd.backward([x.sum(), t.ones(1)])),
        attempt(lambda: t.autograd.backward([x.sum(), x * 2])),
        attempt(lambda: t.autograd.backward([x * 2], [t.ones(3)])),
        attempt(lambda: t.autograd.grad(x.sum(), t.ones(1))),
    )


@case
def hook_order(t):
    log = []
    x = t.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: log.append("a"))
    h = y.register_hook(lambda g: (log.append("b"), g * 3)[1])
    y.register_hook(lambda g: log.append(("c", g.tolist())))
    y.retain_grad()
    x.register_hook(lambda g: log.append(("x", g.tolist())))
    x.register_post_accumulate_grad_hook(lambda p: log.append(("post", p.grad.tolist())))
    (y.sum() + x.sum() + x.prod()).backward()
    h.remove()
    y = x * 2
    return log, y.grad if not y.retains_grad else None, x.grad


@case
def hook_remove_inside(t):
    log = []
    x = t.ones(1, requires_grad=True)
    hs = []
    hs.append(x.register_hook(lambda g: (log.append(1), hs[0].remove())[0]))
    x.register_hook(lambda g: log.append(2))
    (x * 2).backward()
    (x * 2).backward()
    return log, x.grad


@case
def hook_inplace(t):
    x = t.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: g * 10)
    y.mul_(3)
    y.sum().backward()
    return x.grad


@case
def hook_bad(t):
    x = t.ones(2, requires_grad=True)
    x.register_hook(lambda g: 3)
    return attempt(lambda: x.sum().backward())


@case
def hook_badshape(t):
    x = t.ones(2, requires_grad=True)
    x.register_hook(lambda g: t.ones(3))
    return attempt(lambda: (x * 1).sum().backward())


@case
def retain_leaf(t):
    x = t.ones(2, requires_grad=True)
    x.retain_grad()
    y = x * 2
    y.retain_grad()
    y.retain_grad()
    y.sum().backward()
    return x.grad, y.grad, x.retains_grad, y.retains_grad


@case
def post_acc_nonleaf(t):
    x = t.ones(2, requires_grad=True)
    return (
        attempt(lambda: (x * 2).register_post_accumulate_grad_hook(lambda p: None)),
        attempt(lambda: t.ones(1).register_hook(lambda g: g)),
        attempt(lambda: t.ones(1).retain_grad()),
        attempt(lambda: t.ones(1).register_post_accumulate_grad_hook(lambda g: g) and 1),
    )


@case
def hooks_create_graph(t):
    x = t.tensor([2.0], requires_grad=True)
    y = x**2
    y.register_hook(lambda g: g * y)
    (g,) = t.autograd.grad(y**2, x, create_graph=True)
    return g.detach(), t.autograd.grad(g, x)


@case
def multi(t):
    a, b, c = (t.tensor([float(i)], requires_grad=True) for i in range(1, 4))
    log = []
    m = a * b
    h = t.autograd.graph.register_multi_grad_hook(
        [a, b, c, m], lambda gs: log.append([None if g is None else g.tolist() for g in gs])
    )
    h2 = t.autograd.graph.register_multi_grad_hook([a, b], lambda g: log.append(g.tolist()), mode="any")
    (m + c).backward(retain_graph=True)
    h.remove()
    h2.remove()
    m.backward()
    return log, attempt(lambda: t.autograd.graph.register_multi_grad_hook([a], print, mode="x"))


@case
def f_dirty_view(t):
    class Add(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(3)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 3

    a = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
    h = a * 1
    v = h[1:]
    w = h[:2]
    r = Add.apply(v)
    (h * t.tensor([1.0, 10.0, 100.0])).sum().backward()
    b = t.tensor([1.0, 2.0], requires_grad=True)
    h2 = b * 1
    v2 = h2[0]
    Add.apply(h2)
    (v2 * 5).backward()
    return (
        h.detach(),
        w.detach(),
        r is v,
        a.grad,
        b.grad,
        attempt(lambda: Add.apply(b)),
        attempt(lambda: Add.apply(b[:1])),
    )


@case
def f_errors(t):
    def make(back, fwd=lambda ctx, x, y: x * y):
        return type("Fn", (t.autograd.Function,), {"forward": staticmethod(fwd), "backward": staticmethod(back)})

    x, y = t.ones(2, requires_grad=True), t.ones(2, requires_grad=True)
    out = []
    for back in (
        lambda ctx, g: g,
        lambda ctx, g: (g, g, g),
        lambda ctx, g: (g, g, None),
        lambda ctx, g: (g, t.ones(3)),
        lambda ctx, g: (g, 3),
        lambda ctx, g: (None, g),
        lambda ctx, g: (g.double(), g),
        lambda ctx, g: (g.sum(), g),
        lambda ctx, g: (g.expand(4, 2), g),
        lambda ctx, g: [g, g],
    ):
        x.grad = y.grad = None

        def go(back=back):
            make(back).apply(x, y).sum().backward()
            return x.grad, y.grad

        out.append(attempt(go))
    out.append(
        attempt(lambda: make(lambda ctx, g: (g, g, g), lambda ctx, x, y, z: x * y).apply(x, y, 3).sum().backward())
    )
    out.append(attempt(lambda: type("Fn2", (t.autograd.Function,), {}).apply(x)))
    out.append(
        attempt(
            lambda: (
                type("Fn3", (t.autograd.Function,), {"forward": staticmethod(lambda ctx, x: x * 2)})
                .apply(x)
                .sum()
                .backward()
            )
        )
    )
    out.append(attempt(lambda: make(lambda ctx, g: (g, g), lambda ctx, x, y: 3).apply(x, y)))
    out.append(attempt(lambda: make(lambda ctx, g: (g, g), lambda ctx, x, y: [x * 2]).apply(x, y)))
    out.append(attempt(lambda: make(lambda ctx, g: (g, g), lambda ctx, x, y: (x * 2, "a", None, 5)).apply(x, y)))
    out.append(attempt(lambda: make(lambda ctx, g: (g, g), lambda ctx, x, y: None).apply(x, y)))
    out.append(attempt(lambda: make(lambda ctx, g: (g, g), lambda ctx, x, y: ctx.save_for_backward(3)).apply(x, y)))
    return out


@case
def f_identity(t):
    class Same(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    class V(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view(-1)

        @staticmethod
        def backward(ctx, g):
            return g.view(2, 1) * 2

    x = t.ones(2, 1, requires_grad=True)
    y = Same.apply(x)
    y.sum().backward()
    z = V.apply(x)
    z.sum().backward()
    return y is x, y.grad_fn.name(), x.grad, z.shape


@case
def f_multi(t):
    class M(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, n, flag=True):
            ctx.n = n
            ctx.save_for_backward(x)
            ctx.set_materialize_grads(False)
            return x * n, x + n, x.long()

        @staticmethod
        def backward(ctx, a, b, c):
            log.append((a is None, b is None, c is None, ctx.needs_input_grad))
            return (None if a is None else a * ctx.n), None, None

    log = []
    x = t.ones(2, requires_grad=True)
    a, _, c = M.apply(x, 3, False)
    a.sum().backward()
    return log, x.grad, c.requires_grad, attempt(lambda: a.grad_fn.saved_tensors)


@case
def f_version(t):
    class S(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            assert ctx.saved_tensors
            return g

    x = t.ones(2, requires_grad=True)
    h = x * 1
    y = S.apply(h)
    h.add_(1)
    return attempt(lambda: y.sum().backward())[:90]


@case
def f_ctx(t):
    class S(t.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, k):
            return x * k

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.k = inputs[1]
            ctx.save_for_forward(inputs[0])

        @staticmethod
        def backward(ctx, g):
            return g * ctx.k, None

        @staticmethod
        def jvp(ctx, *g):
            return g

        @staticmethod
        def vmap(info, in_dims, *a):
            pass

    x = t.ones(2, requires_grad=True)
    y = S.apply(x, 4)
    y.sum().backward()
    return x.grad, S.apply(x, 4).grad_fn.k


@case
def once(t):
    od = importlib.import_module(t.__name__ + ".autograd.function").once_differentiable

    class S(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        @od
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    x = t.ones(2, requires_grad=True)
    (g,) = t.autograd.grad(S.apply(x).sum(), x, create_graph=True)
    return g.detach(), attempt(lambda: g.sum().backward())


@case
def modes(t):
    out = []

    @t.no_grad()
    def gen():
        for _ in range(2):
            out.append(t.is_grad_enabled())
            yield 1

    for _ in gen():
        out.append(("o", t.is_grad_enabled()))

    @t.no_grad()
    async def co():
        return t.is_grad_enabled()

    out.append(asyncio.run(co()))
    with warnings.catch_warnings(record=True) as w:
        warnings.simplefilter("always")

        @t.no_grad()
        class C:
            "doc"

            def __init__(self):
                out.append(t.is_grad_enabled())

            def f(self):
                return t.is_grad_enabled()

    out.append([str(x.message) for x in w])
    out.append(C().f())
    t.set_grad_enabled(False)
    out.append(t.is_grad_enabled())
    t.set_grad_enabled(True)

    @t.set_grad_enabled(False)
    def f():
        return t.is_grad_enabled()

    out.append((f(), t.is_grad_enabled()))

    @t.inference_mode()
    def g():
        return t.is_grad_enabled(), t.is_inference_mode_enabled()

    out.append(g())

    @t.no_grad
    def h():
        return t.is_grad_enabled()

    out.append(h())

    @t.inference_mode
    def h2():
        return t.is_inference_mode_enabled()

    out.append(h2())
    with t.inference_mode(False):
        out.append((t.is_grad_enabled(), t.is_inference_mode_enabled()))
    with t.no_grad(), t.inference_mode(False):
        out.append((t.is_grad_enabled(), t.is_inference_mode_enabled()))
    with t.autograd.set_multithreading_enabled(False):
        pass
    t.autograd.set_multithreading_enabled(True)
    out.append(t.autograd.grad_mode.is_grad_enabled() if hasattr(t.autograd.grad_mode, "is_grad_enabled") else True)
    return out


@case
def anomaly(t):
    out = [t.is_anomaly_enabled() if hasattr(t, "is_anomaly_enabled") else "no"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with t.autograd.detect_anomaly():
            out.append(t.is_anomaly_enabled() if hasattr(t, "is_anomaly_enabled") else "no")
    t.autograd.set_detect_anomaly(True)
    out.append(t.is_anomaly_enabled() if hasattr(t, "is_anomaly_enabled") else "no")
    t.autograd.set_detect_anomaly(False)
    return out


@case
def functional(t):
    F = t.autograd.functional

    def f(x, y):
        return (x**2).sum() * y, x * 2

    a, b = t.tensor([1.0, 2.0], dtype=t.float64), t.tensor([3.0], dtype=t.float64)

    def s(x, y):
        return (x**3).sum() * y.sum() ** 2

    return (
        F.jacobian(f, (a, b)),
        F.jacobian(f, (a, b), vectorize=True),
        F.hessian(s, (a, b)),
        F.vjp(f, (a, b), (b, a)),
        F.jvp(f, (a, b), (a, b)),
        F.hvp(s, (a, b), (a, b)),
        F.vhp(s, (a, b), (a, b)),
        attempt(lambda: F.jacobian(lambda x: t.ones(2), a, strict=True)),
        attempt(lambda: F.jacobian(lambda x: t.ones(2), a)),
        attempt(lambda: F.hessian(lambda x: x, a)),
        attempt(lambda: F.jacobian(lambda x: 3, a)),
        attempt(lambda: F.hessian(lambda x: x.sum(), a, strict=True)),
        attempt(lambda: F.vjp(f, (a, b))),
    )


@case
def func_graph(t):
    F = t.autograd.functional
    x = t.tensor([1.0, 2.0], requires_grad=True)
    j = F.jacobian(lambda x: x**3, x, create_graph=True)
    h = F.hessian(lambda x: (x**3).sum(), x, create_graph=True)
    return j.requires_grad, t.autograd.grad(j.sum(), x), h.requires_grad, t.autograd.grad(h.sum(), x)


@case
def edges(t):
    g = t.autograd.graph
    a = t.tensor([1.0, 2.0], requires_grad=True)
    y = a * 2
    z = (y * y).sum()
    e = g.get_gradient_edge(y)
    return (
        t.autograd.grad(z, [e, g.get_gradient_edge(a)], retain_graph=True),
        t.autograd.grad(e, a, t.ones(2)),
        e.output_nr,
        attempt(lambda: g.get_gradient_edge(t.ones(1))),
        isinstance(y.grad_fn, g.Node),
    )


@case
def saved(t):
    g = t.autograd.graph
    log = []
    a = t.tensor([1.0, 2.0], requires_grad=True)

    def pack(x):
        log.append(("p", tuple(x.shape), x is a))
        return x.detach().numpy()

    def unpack(x):
        log.append("u")
        return t.tensor(x)

    with g.saved_tensors_hooks(pack, unpack):
        y = (a * a).exp().sin().sum()
    y.backward()
    r = [a.grad.clone(), list(log)]
    with g.saved_tensors_hooks(pack, unpack):
        y = (a * a).exp().sin().sum()
    (gr,) = t.autograd.grad(y, a, create_graph=True)
    r.append(t.autograd.grad(gr.sum(), a))
    with g.saved_tensors_hooks(lambda x: x, lambda x: 3):
        y = a * a
    r.append(attempt(lambda: y.sum().backward()))
    with g.disable_saved_tensors_hooks("no"):
        r.append(attempt(lambda: g.saved_tensors_hooks(pack, unpack).__enter__()))
    with g.save_on_cpu():
        y = (a * a).exp()
    y.sum().backward()
    r.append(a.grad)

    def enter():
        with g.saved_tensors_hooks(lambda x: x.mul_(1), lambda x: x):
            a.detach() * 1
            (a * 1).exp() * a

    r.append(attempt(enter)[:60])
    return r


@case
def gc(t):
    G = t.autograd.gradcheck
    x = t.tensor([1.0, 2.0], dtype=t.float64, requires_grad=True)
    kw = {
        "eps": 1e-6,
        "atol": 1e-4,
        "rtol": 1e-3,
        "raise_exception": True,
        "nondet_tol": 0.0,
        "check_undefined_grad": True,
        "check_grad_dtypes": True,
        "check_batched_grad": False,
        "fast_mode": False,
    }

    class Bad(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g

    return (
        G(lambda x: x.sin(), (x,), **kw),
        t.autograd.gradgradcheck(lambda x: x.sin(), (x,), gen_non_contig_grad_outputs=True),
        G(Bad.apply, (x,), raise_exception=False),
        attempt(lambda: G(lambda x: x, (x.detach(),)))[:60],
        attempt(lambda: G(lambda x: x * 2, (x.detach().float().requires_grad_(),), eps=1e-3, atol=1e-2)),
    )


@case
def var(t):
    V = t.autograd.Variable
    v = V(t.ones(2), requires_grad=True)
    return v, isinstance(v, V), isinstance(t.ones(1), V)


@case
def backward_variants(t):
    x = t.tensor([1.0, 2.0], requires_grad=True)
    w = t.tensor(3.0, requires_grad=True)
    y = x * w
    z = x.sum() * w
    t.autograd.backward([y, z], [t.tensor([1.0, 10.0]), None], retain_graph=True)
    o = [x.grad.clone(), w.grad.clone()]
    x.grad = None
    y.backward(t.ones(2), inputs=x, retain_graph=True)
    o += [x.grad, w.grad.clone()]
    o.append(attempt(lambda: y.backward(t.ones(2), inputs=[])))
    o.append(attempt(lambda: t.autograd.grad(y.sum(), [x, w, t.ones(1, requires_grad=True)])))
    o.append(
        t.autograd.grad(
            z, [x, w, t.ones(1, requires_grad=True)], allow_unused=True, materialize_grads=True, retain_graph=True
        )
    )
    o.append(attempt(lambda: t.autograd.grad(z, x, allow_unused=False, materialize_grads=True)))
    o.append(attempt(lambda: y.backward()))
    o.append(attempt(lambda: y.backward(t.ones(3))))
    o.append(attempt(lambda: t.ones(1).backward()))
    o.append(t.autograd.grad(x.sum(), x, only_inputs=False))
    return o


@case
def nodes(t):
    x = t.ones(2, requires_grad=True)
    y = (x * 2).sum()
    n = y.grad_fn
    return (
        n.name(),
        [(type(f).__name__, i) for f, i in n.next_functions],
        type(n).__name__,
        n.next_functions[0][0].next_functions[0][0].variable is x,
    )


@case
def node_hook(t):
    x = t.ones(2, requires_grad=True)
    y = x * 2
    log = []
    y.grad_fn.register_hook(lambda gi, go: log.append((gi, go)))
    y.grad_fn.register_prehook(lambda go: log.append(go))
    y.sum().backward()
    return log, x.grad


@pytest.mark.parametrize("name", CASES)
def test_same(name):
    ours, theirs = (attempt(lambda t=t: CASES[name](t)) for t in (mytorch, torch))
    assert ours == theirs
