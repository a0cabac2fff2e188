"""Functions, Jacobians, anomaly detection, checkpoints: one program on both libraries, the same numbers and errors."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pytest
import torch

import mytorch

torch_checkpoint = importlib.import_module("torch.utils.checkpoint")
my_checkpoint = importlib.import_module("mytorch.utils.checkpoint")
torch_once = importlib.import_module("torch.autograd.function").once_differentiable
my_once = importlib.import_module("mytorch.autograd.function").once_differentiable


def plain(value):
    """Tensors as (type, requires_grad, values), within tuples and lists."""
    if isinstance(value, (torch.Tensor, mytorch.Tensor)):
        return str(value.dtype), value.requires_grad, np.asarray(value.detach().numpy())
    if isinstance(value, (tuple, list)):
        return [type(value).__name__, *map(plain, value)]
    return value


def outcome(program, lib):
    """What a program returns, or the kind and words of its error, and the warnings before that."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = plain(program(lib))
        except Exception as error:
            found = type(error), str(error)
    return found, sorted({w.category.__name__ for w in said})


def assert_equal(ours, theirs):
    if isinstance(theirs, np.ndarray):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=5e-6, atol=1e-12)
    elif isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_equal(a, b)
    else:
        assert ours == theirs


def leaf(lib, *values):
    return lib.tensor(values, dtype=lib.float64, requires_grad=True)


def define(lib, forward, backward=None, setup=None, name="Mine"):
    methods = {"forward": staticmethod(forward)}
    if backward is not None:
        methods["backward"] = staticmethod(backward)
    if setup is not None:
        methods["setup_context"] = staticmethod(setup)
    return type(name, (lib.autograd.Function,), methods)


def gradients(lib, forward, backward, *others, **named):
    x = leaf(lib, 1.0, 2.0)
    y = define(lib, forward, backward).apply(x, *others, **named)
    first = next(t for t in (y if isinstance(y, tuple) else (y,)) if t.requires_grad)
    first.sum().backward()
    return y, x.grad, type(first.grad_fn).__name__


def returning(value):
    return lambda lib: gradients(lib, lambda ctx, x, n: x * n, lambda ctx, g: value(lib, g), 3.0)


def marked(mark, *, change=False, returns="argument"):
    def program(lib):
        def forward(ctx, x):
            if change:
                x.mul_(2)
            result = {"argument": x, "other": x * 1, "both": (x, x * 1)}[returns]
            getattr(ctx, mark)(x)
            return result

        x = leaf(lib, 1.0, 2.0)
        z = x * 1
        y = define(lib, forward, lambda ctx, *g: g[0] * 3).apply(z)
        first = y[0] if isinstance(y, tuple) else y
        if first.requires_grad:
            first.sum().backward()
        return y, first is z, z._version, x.grad

    return program


def marked_leaf(lib):
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    return define(lib, forward, lambda ctx, g: g).apply(leaf(lib, 1.0))


def many_results(lib):
    def forward(ctx, x):
        y = x * 3
        ctx.mark_non_differentiable(y)
        return x * 2, y, x > 1, 5, None, [x]

    seen = []

    def backward(ctx, *g):
        seen.extend(g[:5])
        return g[0] * 2

    return gradients(lib, forward, backward)[1:], seen


def without_zeros(lib):
    seen = []

    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 1, x * 2

    def backward(ctx, a, b):
        seen.append(b)
        return a

    return gradients(lib, forward, backward), seen


def save(value):
    def forward(ctx, x):
        ctx.save_for_backward(value)
        return x * 2

    return lambda lib: gradients(lib, forward, lambda ctx, g: g)


def saved_result(lib):
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(x, None, y)
        return y

    def backward(ctx, g):
        x, none, y = ctx.saved_tensors
        assert none is None
        return g * y * x.sign()

    function = define(lib, forward, backward)
    x = leaf(lib, 0.5, -1.0)
    y = function.apply(x)
    (first,) = lib.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = lib.autograd.grad(first.sum(), x, create_graph=True)
    return y.grad_fn.saved_tensors, first, second, lib.autograd.grad(second.sum(), (x, y))


def twice(lib):
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 2

    y = define(lib, forward, lambda ctx, g: g * ctx.saved_tensors[0]).apply(leaf(lib, 1.0))
    y.sum().backward()
    y.sum().backward()


def twice_without_saving(lib):
    x = leaf(lib, 1.0)
    y = define(lib, lambda ctx, x: x * 2, lambda ctx, g: g * 2).apply(x)
    y.sum().backward()
    y.sum().backward()
    return x.grad


def changed(lib):
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 2

    x = leaf(lib, 1.0) * 1
    y = define(lib, forward, lambda ctx, g: g * ctx.saved_tensors[0]).apply(x)
    x.add_(1)
    y.sum().backward()


def separate_setup(lib, *args, **named):
    def setup(ctx, inputs, output):
        ctx.save_for_backward(inputs[0], output)
        ctx.factor = inputs[1]

    def backward(ctx, g):
        _, y = ctx.saved_tensors
        return g * ctx.factor + y * 0, None

    function = define(lib, lambda x, factor=2.0: x * factor, backward, setup)
    x = leaf(lib, 1.0, 2.0)
    y = function.apply(x, *args, **named)
    y.sum().backward()
    return y, x.grad


def setup_saves_returned_argument(lib):
    return define(lib, lambda x: x, lambda ctx, g: g, lambda ctx, inputs, output: ctx.save_for_backward(output)).apply(
        leaf(lib, 1.0)
    )


def once(lib):
    mark = torch_once if lib is torch else my_once
    function = define(lib, lambda ctx, x: x * x, mark(lambda ctx, g: g * 2))
    x, flowing = leaf(lib, 1.0), leaf(lib, 3.0)
    (first,) = lib.autograd.grad(function.apply(x), x, flowing, create_graph=True)
    assert "Error" in repr(first)
    first.sum().backward()


def mode_and_needs(lib):
    seen = []

    def forward(ctx, *args):
        seen.append((ctx.needs_input_grad, lib.is_grad_enabled(), args[0].requires_grad))
        return args[0] * 2

    x = leaf(lib, 1.0)
    function = define(lib, forward, lambda ctx, *g: (g, None, None))
    results = [function.apply(x, 3, x.detach())]
    with lib.no_grad():
        results.append(function.apply(x, 3, x.detach()))
    edges = results[0].grad_fn.next_functions
    return seen, results, [(type(node).__name__, number) for node, number in edges]


def unused(lib):
    x = leaf(lib, 1.0)
    y = define(lib, lambda ctx, x: x * 1, lambda ctx, g: None).apply(x)
    return lib.autograd.grad(y.sum(), x, allow_unused=True)


def old_style(lib):
    class Old(lib.autograd.Function):
        def forward(self, x):
            return x

    return Old()(leaf(lib, 1.0))


def two_layer_net(lib):
    """A ReLU of one's own in a net with hand-written updates."""

    class MyReLU(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return lib.relu(x)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return grad_output * (x > 0)

    lib.manual_seed(0)
    x, y = lib.randn(8, 10), lib.randn(8, 2)
    w1, w2 = lib.randn(10, 6, requires_grad=True), lib.randn(6, 2, requires_grad=True)
    losses = []
    for _ in range(30):
        loss = (MyReLU.apply(x.mm(w1)).mm(w2) - y).pow(2).sum()
        loss.backward()
        with lib.no_grad():
            for w in (w1, w2):
                w -= 1e-4 * w.grad
                w.grad.zero_()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    return lib.tensor(losses)


SAME = {
    "two layer net": two_layer_net,
    "too few": returning(lambda lib, g: g),
    "too many": returning(lambda lib, g: (g, g, g)),
    "nones behind": returning(lambda lib, g: (g * 2, None, None)),
    "gradient of a number": returning(lambda lib, g: (g, g)),
    "gradient is a number": returning(lambda lib, g: (3.0, None)),
    "gradient is a list": returning(lambda lib, g: [g, None]),
    "wrong shape": returning(lambda lib, g: (lib.ones(3), None)),
    "too small": returning(lambda lib, g: (lib.ones(1), None)),
    "summed": returning(lambda lib, g: (lib.ones(3, 2), None)),
    "other type": returning(lambda lib, g: (g.float(), None)),
    "by name": lambda lib: gradients(lib, lambda ctx, x, k=1: x * k, lambda ctx, g: (g, None), k=3),
    "unused": unused,
    "marked dirty, unchanged": marked("mark_dirty"),
    "marked dirty": marked("mark_dirty", change=True),
    "marked dirty, not returned": marked("mark_dirty", change=True, returns="other"),
    "marked dirty, two results": marked("mark_dirty", change=True, returns="both"),
    "marked dirty, a leaf": marked_leaf,
    "argument without gradient": marked("mark_non_differentiable"),
    "argument as it is": lambda lib: gradients(lib, lambda ctx, x: x, lambda ctx, g: g * 3),
    "many results": many_results,
    "without zeros": without_zeros,
    "save a number": save(3.0),
    "save a list": save([1]),
    "saved result": saved_result,
    "twice": twice,
    "twice without saving": twice_without_saving,
    "separate setup": separate_setup,
    "separate setup, by position": lambda lib: separate_setup(lib, 5.0),
    "separate setup, by name": lambda lib: separate_setup(lib, factor=5.0),
    "setup saves returned argument": setup_saves_returned_argument,
    "once differentiable": once,
    "mode and needs": mode_and_needs,
    "no forward": lambda lib: type("F", (lib.autograd.Function,), {}).apply(leaf(lib, 1.0)),
    "no backward": lambda lib: gradients(lib, lambda ctx, x: x * 1, None),
    "old style": old_style,
    "a tuple of one": lambda lib: gradients(lib, lambda ctx, x: (x * 2,), lambda ctx, g: g),
    "no tensor returned": lambda lib: define(lib, lambda ctx, x: None, None).apply(leaf(lib, 1.0)),
    "integer result": lambda lib: define(lib, lambda ctx, x: (x * 2).long(), None).apply(leaf(lib, 1.0)),
}


@pytest.mark.parametrize("name", SAME)
def test_functions(name):
    ours, theirs = outcome(SAME[name], mytorch), outcome(SAME[name], torch)
    assert_equal(ours, theirs)


def test_the_error_of_a_changed_saved_tensor_differs_only_in_where_it_was_kept():
    (kind, ours), _ = outcome(changed, mytorch)
    (their_kind, theirs), _ = outcome(changed, torch)
    assert kind is their_kind
    for part in (theirs[: theirs.index("[torch.")], "is at version 1; expected version 0 instead"):
        assert part in ours
        assert part in theirs


# --- functional -----------------------------------------------------------------------------------------------------


def _square_and_sum(a, b):
    return (a**2 * b.sum(), (a.exp() * 2).sum())


def _scalar(a, b):
    return (a**3).sum() * b.sum() + (b**2).sum()


def _point(lib, requires_grad=False):
    a = lib.tensor([0.5, -1.0], dtype=lib.float64, requires_grad=requires_grad)
    return a, lib.tensor([[2.0, 1.0, 0.3]], dtype=lib.float64)


def _calls(lib):
    """Every function with every option that changes the result or the error."""
    f = lib.autograd.functional
    a, b = _point(lib)
    v = lib.tensor([1.0, -2.0], dtype=lib.float64)
    one = lib.tensor(3.0, dtype=lib.float64)
    yield lambda: f.jacobian(_square_and_sum, (a, b))
    yield lambda: f.jacobian(_square_and_sum, (a, b), vectorize=True)
    yield lambda: f.jacobian(lambda a: a**2, a, vectorize=True, strategy="forward-mode")
    yield lambda: f.jacobian(lambda a: a**2, a, strategy="forward-mode")
    yield lambda: f.jacobian(lambda a: a**2, a, strategy="forward-mode", create_graph=True)
    yield lambda: f.jacobian(lambda a: a**2, a, strategy="forward-mode", strict=True)
    yield lambda: f.jacobian(lambda a: a**2, a, vectorize=True, strict=True)
    yield lambda: f.jacobian(lambda a: a**2, a, strategy="up")
    yield lambda: f.jacobian(lambda a: (a**2,), a)
    yield lambda: f.jacobian(lambda a: a**2, (a,))
    yield lambda: f.jacobian(lambda a: a.sum(), a)
    yield lambda: f.jacobian(lambda a: [a], a)
    yield lambda: f.jacobian(lambda a: 3, a)
    yield lambda: f.jacobian(lambda a, b: a * 2, (a, b), strict=True)
    yield lambda: f.jacobian(lambda a: lib.ones(2), a, strict=True)
    yield lambda: f.jacobian(lambda a: lib.ones(2), a)
    yield lambda: f.jacobian(lambda a: a * 2, a, strict=True, create_graph=True)
    yield lambda: f.jacobian(lambda a: a * 2, [a])
    yield lambda: f.jacobian(lambda a: a * 2, (a, 3))
    yield lambda: f.hessian(_scalar, (a, b))
    yield lambda: f.hessian(_scalar, (a, b), vectorize=True)
    yield lambda: f.hessian(lambda a: (a**3).sum(), a)
    yield lambda: f.hessian(lambda a: (a**3).sum(0, keepdim=True), a)
    yield lambda: f.hessian(lambda a: a, a)
    yield lambda: f.hessian(lambda a: (a.sum(),), a)
    yield lambda: f.hessian(lambda a: a.sum(), a, strict=True)
    yield lambda: f.hessian(lambda a: a.sum(), a)
    yield lambda: f.hessian(lambda a: a.sum(), a, outer_jacobian_strategy="up")
    for product in (f.jvp, f.vhp, f.hvp):
        function = (lambda a, b: a.sum() * b) if product is f.jvp else _scalar
        single = (lambda a: a**2) if product is f.jvp else (lambda a: (a**2).sum())
        yield lambda p=product, g=function: p(g, (a, b), (v, lib.ones_like(b)))
        yield lambda p=product, g=single: p(g, a, v)
        yield lambda p=product, g=single: p(g, one)
        yield lambda p=product, g=single: p(g, a)
        yield lambda p=product, g=single: p(g, a, one)
        yield lambda p=product, g=function: p(g, (a, b), v)
        yield lambda p=product, g=function: p(g, (a, b), (v, v))
        yield lambda p=product, g=single: p(g, a, 3.0)
        yield lambda p=product: p(lambda a: lib.ones(1), a, v, strict=True)
        yield lambda p=product: p(lambda a: lib.ones(1), a, v)
        yield lambda p=product: p(lambda a, b: (a**3).sum(), (a, b), (v, lib.ones_like(b)), strict=True)
        yield lambda p=product: p(lambda a, b: (a**3).sum(), (a, b), (v, lib.ones_like(b)))
        yield lambda p=product: p(lambda a: a.sum(), a, v, strict=True)
        yield lambda p=product: p(lambda a: a.sum(), a, v, strict=True, create_graph=True)
        yield lambda p=product: p(lambda a: (a.sum(), a.sum()), a, v)
    yield lambda: f.vjp(_square_and_sum, (a, b), (v, one))
    yield lambda: f.vjp(lambda a: a**2, a, v)
    yield lambda: f.vjp(lambda a: a**2, a)
    yield lambda: f.vjp(lambda a: (a**2).sum(), a)
    yield lambda: f.vjp(lambda a, b: a * 2, (a, b), v)
    yield lambda: f.vjp(lambda a, b: a * 2, (a, b), v, strict=True)
    yield lambda: f.vjp(lambda a: a * 2, a, v, strict=True, create_graph=True)
    yield lambda: f.vjp(lambda a: a * 2, a, one)


NUMBER_OF_CALLS = sum(1 for _ in _calls(mytorch))


@pytest.mark.parametrize("number", range(NUMBER_OF_CALLS))
def test_functional(number):
    def program(lib):
        return list(_calls(lib))[number]()

    (ours, said), (theirs, _) = outcome(program, mytorch), outcome(program, torch)
    if isinstance(theirs, tuple) and isinstance(theirs[1], str):  # an error may name a class, or have a slip of the pen
        words = theirs[1].replace("torch.Tensor", "mytorch.tensor.Tensor").replace("Hessian isonly", "Hessian is only")
        theirs = (theirs[0], words)
    assert_equal(ours, theirs)
    assert not said


@pytest.mark.parametrize("name", ["jacobian", "hessian", "vjp", "jvp", "vhp", "hvp"])
def test_functional_results_can_be_differentiated(name):
    def program(lib):
        a, _ = _point(lib, requires_grad=True)
        function = getattr(lib.autograd.functional, name)
        vector = (lib.ones(()) if name == "vjp" else lib.tensor([1.0, -2.0], dtype=lib.float64),)
        arguments = () if name in ("jacobian", "hessian") else vector
        found = function(lambda a: (a**4).sum(), a, *arguments, create_graph=True)
        last = found[-1] if isinstance(found, tuple) else found
        return found, lib.autograd.grad(last.sum(), a)

    def in_double(lib):
        lib.set_default_dtype(lib.float64)
        try:
            return program(lib)
        finally:
            lib.set_default_dtype(lib.float32)

    assert_equal(outcome(in_double, mytorch), outcome(in_double, torch))


# --- anomaly detection ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda x: x.sqrt(), lambda x: x**0.5, lambda x: x.log() * 0, lambda x: x / x])
def test_anomaly_detection_blames_the_same_function(make):
    def program(lib):
        x = lib.tensor([0.0, 4.0], requires_grad=True)
        with lib.autograd.set_detect_anomaly(True):
            (make(x) * 0).sum().backward()

    (kind, ours), _ = outcome(program, mytorch)
    (their_kind, theirs), _ = outcome(program, torch)
    assert kind is their_kind is RuntimeError
    assert ours.startswith(theirs)
    assert ours[len(theirs) :].startswith(" The operation was called in\n")


def test_detect_anomaly_warns_in_the_same_words():
    for lib in (torch, mytorch):
        with pytest.warns(UserWarning, match=r"^Anomaly Detection has been enabled\. This mode will increase"):
            lib.autograd.detect_anomaly()


# --- checkpoints ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_checkpoints(use_reentrant):
    def program(lib):
        module = torch_checkpoint if lib is torch else my_checkpoint
        drop = torch.nn.functional.dropout if lib is torch else importlib.import_module("mytorch.ops.dropout").dropout
        lib.manual_seed(3)
        x = lib.randn(4, 5, requires_grad=True)
        w = lib.randn(5, 5, requires_grad=True)
        steps = [lambda h: (h @ w).tanh(), lambda h: drop(h, 0.3), lib.exp, lambda h: drop(h, 0.5)]
        h = module.checkpoint_sequential(steps, 2, x, use_reentrant=use_reentrant)
        h = module.checkpoint(lambda a, b: drop(a * b, 0.5), h, x, use_reentrant=use_reentrant)
        h.sum().backward()
        return h, x.grad, w.grad, lib.rand(2)

    ours, theirs = outcome(program, mytorch), outcome(program, torch)
    assert ours[1] == theirs[1]
    for a, b in zip(ours[0][1:], theirs[0][1:], strict=True):
        np.testing.assert_allclose(a[2], b[2], rtol=2e-5, atol=1e-6)


def _older_form_with(walk):
    def program(lib):
        module = torch_checkpoint if lib is torch else my_checkpoint
        x = leaf(lib, 1.0)
        return walk(lib, module.checkpoint(lib.exp, x, use_reentrant=True), x)

    return program


@pytest.mark.parametrize(
    "program",
    [
        _older_form_with(lambda lib, y, x: lib.autograd.grad(y.sum(), x)),
        _older_form_with(lambda lib, y, x: y.sum().backward(inputs=[x])),
        _older_form_with(lambda lib, y, x: (y.sum().backward(), y.sum().backward())),
    ],
)
def test_errors_of_the_older_form(program):
    (kind, ours), _ = outcome(program, mytorch)
    (their_kind, theirs), _ = outcome(program, torch)
    assert kind is their_kind
    assert ours[:60] == theirs[:60]
