"""User-defined operations: the context, the checks on what `backward` returns, and that nothing keeps memory alive."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import mytorch as torch
from mytorch.autograd import Function, gradcheck, gradgradcheck
from mytorch.autograd.function import once_differentiable


class MyReLU(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * (x > 0)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * (x > 0)


class Exp(Function):
    """Saves its own result."""

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad_output):
        (y,) = ctx.saved_tensors
        return grad_output * y


class SumAndProduct(Function):
    """Two inputs, two results, both saved."""

    @staticmethod
    def forward(ctx, a, b):
        total, product = a + b, a * b
        ctx.save_for_backward(a, b, product)
        return total, product

    @staticmethod
    def backward(ctx, g_total, g_product):
        a, b, _ = ctx.saved_tensors
        return g_total + g_product * b, g_total + g_product * a


class ReciprocalPair(Function):
    """Two results, of which the derivative uses the second: exp(x) and exp(-x)."""

    @staticmethod
    def forward(ctx, x):
        up, down = x.exp(), (-x).exp()
        ctx.save_for_backward(up, down)
        return up, down

    @staticmethod
    def backward(ctx, g_up, g_down):
        up, down = ctx.saved_tensors
        return g_up * up - g_down * down


class Scale(Function):
    """A number beside the tensor, and the separate `setup_context`."""

    @staticmethod
    def forward(x, factor=2.0):
        return x * factor

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.factor = inputs[1]

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.factor, None


def defined(forward, backward, name="Custom"):
    """A Function from two plain functions."""
    return type(name, (Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)})


def leaf(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype, requires_grad=True)


def test_two_layer_net_with_a_relu_of_ones_own_learns_as_with_the_built_in():
    def losses(relu):
        torch.manual_seed(0)
        x, y = torch.randn(16, 10), torch.randn(16, 3)
        w1, w2 = torch.randn(10, 20, requires_grad=True), torch.randn(20, 3, requires_grad=True)
        found = []
        for _ in range(20):
            loss = (relu(x.mm(w1)).mm(w2) - y).pow(2).sum()
            loss.backward()
            with torch.no_grad():
                w1 -= 1e-4 * w1.grad
                w2 -= 1e-4 * w2.grad
                w1.grad.zero_()
                w2.grad.zero_()
            found.append(loss.item())
        return found

    custom = losses(MyReLU.apply)
    assert custom == losses(torch.relu)
    assert custom[-1] < custom[0] / 2


def test_graph_shows_the_class_and_only_tensor_inputs():
    x = leaf(1.0)
    y = Scale.apply(x * 2, 3.0)
    assert y.grad_fn.name() == type(y.grad_fn).__name__ == "ScaleBackward"
    assert [f.name() for f, _ in y.grad_fn.next_functions] == ["MulBackward0"]
    assert y.grad_fn.factor == 3.0  # the context's attributes are the node's
    assert "grad_fn=<ScaleBackward>" in repr(y)
    with pytest.raises(AttributeError, match="nothing"):
        _ = y.grad_fn.nothing


def test_attributes_of_the_context_cannot_disturb_the_engine():
    names = ["shapes", "out", "options", "edges", "arrays", "outputs", "hooks", "number", "aux", "observed", "versions"]

    def forward(ctx, x):
        for name in names:
            setattr(ctx, name, (name, x.shape))
        return x * 2

    def backward(ctx, g):
        assert all(getattr(ctx, name)[0] == name for name in names)
        return g * 2

    x = leaf(1.0, 2.0)
    defined(forward, backward).apply(x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("function", [MyReLU, Exp, SumAndProduct, ReciprocalPair, Scale])
def test_first_and_second_derivatives(function):
    inputs = [leaf(0.5, -1.5, 2.0)] if function is not SumAndProduct else [leaf(0.5, -1.5), leaf(2.0, 0.3)]
    assert gradcheck(function.apply, inputs)
    assert gradgradcheck(function.apply, inputs)


def test_a_gradient_that_reaches_a_saved_result_is_found_there():
    """The second derivative of exp at y runs through the saved result, and `grad` by that result must see it."""
    x = leaf(0.5)
    for function, number in ((Exp, None), (ReciprocalPair, 0)):
        y = function.apply(x) if number is None else function.apply(x)[number]
        (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        (by_y,) = torch.autograd.grad(first.sum(), y)
        assert by_y.tolist() == [1.0]  # dy/dx = y


def test_arguments_by_name_come_last_in_the_gradients():
    function = defined(lambda ctx, a, b=1.0: a * b, lambda ctx, g: (g * 10, g * 20))
    a, b = leaf(1.0), leaf(2.0)
    function.apply(a, b=b).backward(torch.ones(1, dtype=torch.float64))
    assert (a.grad.item(), b.grad.item()) == (10.0, 20.0)
    assert Scale.apply(a, factor=5.0).item() == 5.0
    assert Scale.apply(a).item() == 2.0


def test_needs_input_grad_and_the_mode_inside():
    seen = []

    def forward(ctx, *args):
        seen.append((ctx.needs_input_grad, torch.is_grad_enabled()))
        return args[0] * 2

    function = defined(forward, lambda ctx, g: (g, None, None))
    x = leaf(1.0)
    y = function.apply(x, 3, x.detach())
    assert y.requires_grad
    with torch.no_grad():
        assert not function.apply(x, 3, x.detach()).requires_grad
    assert seen == [((True, False, False), False)] * 2
    assert torch.is_grad_enabled()


def test_the_mode_comes_back_after_an_error_in_forward():
    def forward(ctx, x):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        defined(forward, None).apply(leaf(1.0))
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda g: (g, g, g), r"CustomBackward returned an incorrect number of gradients \(expected 2, got 3\)"),
        (lambda g: g, r"incorrect number of gradients \(expected 2, got 1\)"),
        (lambda g: (g, g), "different than None at position 2"),
        (lambda g: (3.0, None), r"expected Variable or None \(got float\)"),
        (lambda g: (torch.ones(4), None), r"at index 0 - got \[4\] but expected shape compatible with \[2\]"),
        (lambda g: (g.sum(), None), r"got \[\] but expected shape compatible with \[2\]"),
    ],
)
def test_what_backward_returns_is_checked(returned, message):
    function = defined(lambda ctx, x, n: x * n, lambda ctx, g: returned(g))
    with pytest.raises(RuntimeError, match=message):
        function.apply(leaf(1.0, 2.0), 3).sum().backward()


def test_gradients_are_cast_summed_and_may_have_nones_behind_them():
    x = leaf(1.0, 2.0)
    defined(lambda ctx, x: x * 1, lambda ctx, g: (torch.ones(3, 2), None, None)).apply(x).sum().backward()
    assert x.grad.dtype == torch.float64
    assert x.grad.tolist() == [3.0, 3.0]


def test_results_of_all_kinds():
    given = []

    def forward(ctx, x):
        order = torch.tensor([1, 0])
        marked = x * 3
        ctx.mark_non_differentiable(marked)
        return x * 2, order, marked, "text", None

    def backward(ctx, *gradients):
        given.extend(gradients)
        return gradients[0] * 2

    x = leaf(1.0, 2.0)
    doubled, order, marked, text, nothing = defined(forward, backward).apply(x)
    assert (doubled.requires_grad, order.requires_grad, marked.requires_grad) == (True, False, False)
    assert (text, nothing) == ("text", None)
    doubled.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
    assert given[1].dtype == torch.int64
    assert given[2].tolist() == [0.0, 0.0]
    assert given[3] is None
    assert given[4] is None


def test_missing_gradients_are_none_on_request():
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 1, x * 2

    def backward(ctx, first, second):
        assert first is None
        return second * 2

    x = leaf(1.0)
    defined(forward, backward).apply(x)[1].backward(torch.ones(1, dtype=torch.float64))
    assert x.grad.item() == 2.0


def test_an_argument_returned_as_it_is_becomes_a_view():
    function = defined(lambda ctx, x: x, lambda ctx, g: g * 3)
    x = leaf(1.0, 2.0)
    y = function.apply(x)
    assert y is not x
    assert y.data_ptr() == x.data_ptr()
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    with torch.no_grad():
        z = function.apply(x)
    assert z is not x
    assert not z.requires_grad


def test_in_place():
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    double_ = defined(forward, lambda ctx, g: g * 2)
    x = leaf(1.0, 2.0)
    y = x.clone()
    kept = y.exp()  # exp needs its result only: unaffected
    used = y * y
    assert double_.apply(y) is y
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
    kept.sum().backward()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        used.sum().backward()
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad has been used in an in-place operation"):
        double_.apply(x)


def test_in_place_has_to_return_what_it_changed():
    def forward(ctx, x):
        ctx.mark_dirty(x)
        x.mul_(2)
        return x * 1

    with pytest.raises(RuntimeError, match="not returned as output"):
        defined(forward, None).apply(leaf(1.0) * 1)


@pytest.mark.parametrize("what", ["argument", "result"])
def test_saved_tensors_are_checked_for_changes(what):
    function = MyReLU if what == "argument" else Exp
    x = leaf(1.0, 2.0) * 1
    y = function.apply(x)
    z = y * 1
    (x if what == "argument" else y).add_(1)
    with pytest.raises(
        RuntimeError, match=r"saved tensor 0 of \w+Backward, is at version 1; expected version 0 instead"
    ):
        z.sum().backward()


def test_saved_tensors_are_freed_behind_the_walk():
    x = leaf(1.0)
    y = MyReLU.apply(x)
    y.backward(torch.ones(1, dtype=torch.float64), retain_graph=True)
    y.backward(torch.ones(1, dtype=torch.float64))
    assert x.grad.item() == 2.0
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward(torch.ones(1, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="directly access saved tensors"):
        _ = y.grad_fn.saved_tensors


def test_only_tensors_can_be_saved():
    def forward(ctx, x):
        ctx.save_for_backward(x, None, 3.0)
        return x * 1

    with pytest.raises(TypeError, match="can only save variables, but argument 2 is of type float"):
        defined(forward, None).apply(leaf(1.0))


@pytest.mark.parametrize("mark", ["mark_dirty", "mark_non_differentiable"])
def test_only_tensors_can_be_marked(mark):
    def forward(ctx, x):
        getattr(ctx, mark)(3.0)
        return x * 1

    with pytest.raises(RuntimeError, match="of type float"):
        defined(forward, None).apply(leaf(1.0))


def test_a_backward_in_numpy_cannot_be_differentiated():
    @once_differentiable
    def backward(ctx, g):
        return torch.tensor(g.detach().numpy() * 2)

    function = defined(lambda ctx, x: x * 2, backward)
    x, flowing = leaf(1.0), leaf(1.0)
    (plain,) = torch.autograd.grad(function.apply(x), x, flowing)
    assert plain.item() == 2.0
    (first,) = torch.autograd.grad(function.apply(x), x, flowing, create_graph=True)
    assert first.requires_grad
    with pytest.raises(RuntimeError, match="trying to differentiate twice a function that was marked with @once_diff"):
        first.sum().backward()


def test_old_style_is_refused():
    class Old(Function):
        def forward(self, x):
            return x

    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        old = Old()
    with pytest.raises(RuntimeError, match="Legacy autograd function with non-static forward method is deprecated"):
        old(leaf(1.0))


def test_incomplete_functions_say_so():
    with pytest.raises(NotImplementedError, match="must implement the forward function"):
        type("Empty", (Function,), {}).apply(leaf(1.0))
    half = type("Half", (Function,), {"forward": staticmethod(lambda ctx, x: x * 1)})
    with pytest.raises(NotImplementedError, match="must implement either the backward or vjp"):
        half.apply(leaf(1.0)).sum().backward()
    both = type("Both", (MyReLU,), {"vjp": staticmethod(lambda ctx, g: g)})
    with pytest.raises(RuntimeError, match="Implementing both 'backward' and 'vjp'"):
        both.apply(leaf(1.0)).sum().backward()


def test_vjp_is_another_name_for_backward():
    function = type(
        "V", (Function,), {"forward": staticmethod(lambda ctx, x: x * 5), "vjp": staticmethod(lambda ctx, g: g * 5)}
    )
    x = leaf(1.0)
    function.apply(x).sum().backward()
    assert x.grad.item() == 5.0


def test_hooks_and_retained_gradients_work_on_results():
    x = leaf(1.0, 2.0)
    total, product = SumAndProduct.apply(x, x)
    product.retain_grad()
    product.register_hook(lambda g: g * 10)
    (total + product).sum().backward()
    assert product.grad.tolist() == [10.0, 10.0]
    assert x.grad.tolist() == [2 + 10 * 2 * 1.0, 2 + 10 * 2 * 2.0]


def test_calling_the_node_by_hand():
    y = Scale.apply(leaf(1.0, 2.0), 3.0)
    assert y.grad_fn(torch.ones(2, dtype=torch.float64)).tolist() == [3.0, 3.0]


@pytest.mark.parametrize("function", [MyReLU, Exp, SumAndProduct, ReciprocalPair, Scale])
@pytest.mark.parametrize("walked", [False, True])
def test_memory_is_freed_without_the_garbage_collector(function, walked):
    class Marker:
        pass

    gc.collect()
    gc.disable()
    try:
        x = torch.ones(3, requires_grad=True)
        results = function.apply(x, x) if function is SumAndProduct else function.apply(x)
        results = results if isinstance(results, tuple) else (results,)
        node = results[0].grad_fn
        node.ctx.marker = Marker()
        watched = [weakref.ref(node), weakref.ref(node.ctx.marker), *map(weakref.ref, results)]
        loss = sum(r.sum() for r in results)
        if walked:
            torch.autograd.grad(loss, x, create_graph=True)[0].sum()
        del results, node, loss
        assert [w() for w in watched] == [None] * len(watched)
    finally:
        gc.enable()


def test_threads_do_not_disturb_each_other():
    found = {}

    def work(number):
        x = torch.full((50,), float(number), dtype=torch.float64, requires_grad=True)
        for _ in range(50):
            total, product = SumAndProduct.apply(Exp.apply(x * 0.01), Scale.apply(x, number))
            (total * product).sum().backward()
        found[number] = x.grad.numpy().copy()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        together = found[number]
        work(number)
        np.testing.assert_array_equal(together, found[number])


def test_variable_is_another_name_for_a_tensor():
    x = torch.ones(2)
    v = torch.autograd.Variable(x, requires_grad=True)
    assert isinstance(v, torch.Tensor)
    assert isinstance(x, torch.autograd.Variable)
    assert not isinstance(3, torch.autograd.Variable)
    assert v.data_ptr() == x.data_ptr()
    assert v.requires_grad
    assert not x.requires_grad
    assert torch.autograd.Variable().shape == (0,)
    with pytest.raises(TypeError, match="has to be a tensor, but got int"):
        torch.autograd.Variable(3)


class Triple(torch.autograd.Function):
    """Multiplies in place."""

    @staticmethod
    def forward(ctx, x):
        x.mul_(3)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 3


def test_changing_a_view_in_place():
    a = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    h = a * 1
    part, other = h[1:], h[:2]
    assert Triple.apply(part) is part
    (h * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert a.grad.tolist() == [1, 30, 300]
    assert other.tolist() == [1, 6]
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
        Triple.apply(a[:1])


def test_views_are_told_of_a_change_in_place():
    a = torch.tensor([1.0, 2.0], requires_grad=True)
    h = a * 1
    first = h[0]
    Triple.apply(h)
    (first * 5).backward()
    assert a.grad.tolist() == [15, 0]


def test_writing_to_a_result_that_is_a_view_is_refused():
    class Flat(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view(-1)

        @staticmethod
        def backward(ctx, g):
            return g.view(2, 1) * 2

    x = torch.ones(2, 1, requires_grad=True)
    y = Flat.apply(x * 1)
    with pytest.raises(RuntimeError, match="being used in an in-place operation"):
        y.mul_(2)
    y[:1].sum().backward()
    assert x.grad.tolist() == [[2], [0]]


def test_forward_mode_is_not_offered():
    class Both(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x * 2

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = torch.ones(1, requires_grad=True)
    Both.apply(x).backward()
    assert x.grad.item() == 2
    with pytest.raises(NotImplementedError, match="forward mode automatic differentiation is not offered"):
        Both.jvp(None, x)
