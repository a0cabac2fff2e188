"""Walking back: what backward() and grad() accept, refuse, accumulate and free."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import mytorch as torch
from mytorch.autograd import grad
from mytorch.autograd.grad_mode import mode


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


class Counter:
    """Counts the nodes that a backward pass visits, and how often each."""

    def __init__(self):
        self.visits = []

    def entering(self, node, _gradient):
        self.visits.append(node.number)

    def leaving(self, node, results):
        pass


@pytest.fixture
def counter():
    mode.watch = Counter()
    yield mode.watch
    mode.watch = None


# --- accumulation and arguments ---------------------------------------------------------------------------------------


def test_gradients_add_up_until_they_are_cleared():
    x = leaf(1.0, 2.0)
    (x * 3).sum().backward()
    first = x.grad
    (x * x).sum().backward()
    assert x.grad is first
    assert x.grad.tolist() == [5.0, 7.0]
    x.grad = None
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_gradient_of_a_result_with_many_elements_must_be_given():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        (x * 2).backward()
    (x * 2).backward(torch.tensor([1.0, 10.0], dtype=torch.float64))
    assert x.grad.tolist() == [2.0, 20.0]
    with pytest.raises(RuntimeError, match=r"Mismatch in shape: grad_output\[0\] has a shape of torch.Size\(\[3\]\)"):
        (x * 2).backward(torch.ones(3))


def test_a_given_gradient_is_not_written_to():
    x = leaf(1.0)
    g = torch.tensor([1.0], dtype=torch.float64)
    for _ in range(3):
        (x + 1).backward(g)
        (x * 1 + x).backward(g)
    assert g.tolist() == [1.0]
    assert x.grad.tolist() == [9.0]
    assert not np.shares_memory(x.grad.numpy(), g.numpy())


def test_a_leaf_is_its_own_result():
    x = leaf(2.0)
    x.backward(torch.tensor([5.0], dtype=torch.float64))
    assert x.grad.tolist() == [5.0]
    assert grad(x.sum() * 0 + x, x)[0].tolist() == [1.0]


def test_what_needs_no_gradient_is_refused():
    with pytest.raises(RuntimeError, match="does not require grad and does not have a grad_fn"):
        torch.ones(1).backward()
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="does not require grad"):
        x.detach().sum().backward()
    with pytest.raises(RuntimeError, match="One of the differentiated Tensors does not require grad"):
        grad(x.sum(), torch.ones(1))


def test_several_results_at_once():
    x = leaf(1.0, 2.0)
    a, b = x * 2, (x * x).sum()
    torch.autograd.backward([a, b], [torch.tensor([1.0, 0.0], dtype=torch.float64), None])
    assert x.grad.tolist() == [4.0, 4.0]
    with pytest.raises(RuntimeError, match="got 1 tensors and 2 gradients"):
        torch.autograd.backward([x.sum()], [None, None])


def test_inputs_restrict_where_gradients_are_accumulated():
    x, w = leaf(1.0), leaf(2.0)
    y = x * w
    (y * w).sum().backward(inputs=[x])
    assert w.grad is None
    assert x.grad.tolist() == [4.0]
    (x * w).sum().backward(inputs=w)
    assert w.grad.tolist() == [1.0]
    with pytest.raises(RuntimeError, match="cannot be empty"):
        (x * w).sum().backward(inputs=[])


def test_gradients_reach_views_reshapes_and_conversions():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    (x.t().reshape(4).double() * torch.arange(4)).sum().backward()
    assert x.grad.tolist() == [[0.0, 2.0], [1.0, 3.0]]
    assert x.grad.dtype is torch.float32


# --- grad() -----------------------------------------------------------------------------------------------------------


def test_grad_touches_no_grad_attribute():
    x, w = leaf(3.0), leaf(2.0)
    gx, gw = grad((x * w).sum(), [x, w])
    assert (gx.item(), gw.item(), x.grad, w.grad) == (2.0, 3.0, None, None)


def test_grad_of_something_in_between():
    x = leaf(3.0)
    y = x * x
    gy, gx = grad((y * 2).sum(), [y, x])
    assert (gy.item(), gx.item()) == (2.0, 12.0)


def test_unused_inputs():
    x, w = leaf(3.0), leaf(2.0)
    with pytest.raises(RuntimeError, match="appears to not have been used in the graph"):
        grad(x.sum(), [x, w])
    assert grad(x.sum(), [x, w], allow_unused=True)[1] is None
    assert grad(x.sum(), [x, w], materialize_grads=True)[1].tolist() == [0.0]
    with pytest.raises(ValueError, match="materialize_grads"):
        grad(x.sum(), [w], materialize_grads=True, allow_unused=False)


def test_only_what_leads_to_the_inputs_is_computed(counter):
    x, w = leaf(3.0), leaf(2.0)
    useless = w
    for _ in range(50):
        useless = useless * 1.1
    grad((x * 2 + useless).sum(), x)
    assert len(counter.visits) == 3


def test_what_is_not_supported_says_so():
    x = leaf(1.0)
    with pytest.warns(FutureWarning, match="only_inputs"):
        assert grad(x.sum(), x, only_inputs=False)[0].item() == 1


def test_batched_gradients():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x**2
    (jacobian,) = grad(y, x, torch.eye(3), is_grads_batched=True)
    assert jacobian.tolist() == [[2, 0, 0], [0, 4, 0], [0, 0, 6]]
    (both,) = grad((x * 2, x.sum()), x, (torch.eye(3), torch.ones(3)), is_grads_batched=True)
    assert both.tolist() == [[3, 1, 1], [1, 3, 1], [1, 1, 3]]
    other = leaf(1.0)
    assert grad(y, [x, other], torch.eye(3), allow_unused=True, is_grads_batched=True)[1] is None
    (first,) = grad(y, x, torch.eye(3), create_graph=True, is_grads_batched=True)
    assert grad(first.sum(), x)[0].tolist() == [2, 2, 2]
    with pytest.raises(RuntimeError, match="must have a first dimension"):
        grad(x.sum(), x, torch.tensor(1.0), is_grads_batched=True)


# --- higher orders ----------------------------------------------------------------------------------------------------


def test_every_order_of_a_power():
    x = leaf(2.0)
    value = x**5
    expected = [5 * 2**4, 20 * 2**3, 60 * 2**2, 120 * 2, 120]
    for order in expected:
        (value,) = grad(value.sum(), x, create_graph=True)
        assert value.item() == pytest.approx(order)


def test_create_graph_accumulates_differentiable_gradients():
    x = leaf(3.0)
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    (second,) = grad(x.grad.sum(), x)
    assert second.item() == 18.0


def test_without_create_graph_nothing_is_recorded():
    x = leaf(3.0)
    (g,) = grad((x**3).sum(), x)
    assert not g.requires_grad
    assert g.grad_fn is None


# --- the graph --------------------------------------------------------------------------------------------------------


def test_a_second_walk_needs_retain_graph():
    x = leaf(3.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 12.0
    with pytest.raises(RuntimeError, match=r"through the graph a second time.*MulBackward0.*retain_graph=True"):
        y.backward()


def test_shared_parts_are_walked_once(counter):
    x = leaf(1.0)
    shared = x * 2
    ((shared * 3) + (shared * 4) + shared).sum().backward()
    assert x.grad.item() == 16.0
    assert len(counter.visits) == len(set(counter.visits)) == 6


def test_a_chain_of_100_000_operations(counter):
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward(torch.ones(1, dtype=torch.float64))
    assert x.grad.item() == 1.0
    assert len(counter.visits) == 100_000
    del y  # and freeing the chain does not run out of stack either


def test_a_ladder_of_1000_diamonds(counter):
    x = leaf(1.0)
    y = x
    for _ in range(1000):
        y = (y * 0.5) + (y * 0.5)
    y.backward(torch.ones(1, dtype=torch.float64))
    assert x.grad.item() == 1.0
    assert len(counter.visits) == 3000  # 2^1000 paths, each node once


def test_names_and_neighbours_of_nodes():
    x, w = leaf(1.0), leaf(2.0)
    y = x * w
    (first, position), second = y.grad_fn.next_functions
    assert (y.grad_fn.name(), first.name(), position) == ("MulBackward0", "AccumulateGrad", 0)
    assert first.variable is x
    assert second[0].variable is w
    z = y.exp() + 1
    assert z.grad_fn.next_functions[0][0].name() == "ExpBackward0"
    assert type(z.grad_fn.next_functions[0][0]).__name__ == "ExpBackward0"
    assert x.is_leaf
    assert not y.is_leaf
    assert x.grad_fn is None


def test_a_node_can_be_called_by_hand():
    x = leaf(1.0, 2.0)
    y = x * torch.tensor([10.0, 20.0], dtype=torch.float64)
    assert y.grad_fn(torch.ones(2, dtype=torch.float64))[0].tolist() == [10.0, 20.0]


# --- memory -----------------------------------------------------------------------------------------------------------


class NoCollector:
    def __enter__(self):
        gc.collect()
        gc.disable()

    def __exit__(self, *_):
        gc.enable()


def test_results_are_freed_without_the_garbage_collector():
    with NoCollector():
        x = leaf(1.0, 2.0)
        y = x * 2
        z = y.exp()
        loss = z.sum()
        alive = [weakref.ref(t) for t in (y, z, loss)]
        loss.backward()
        del y, z, loss
        assert [r() for r in alive] == [None, None, None]


def test_a_graph_that_is_never_walked_is_freed_too():
    with NoCollector():
        x = leaf(1.0, 2.0)
        y = (x * 2).exp().max(0).values * x[0]
        node, tensor = weakref.ref(y.grad_fn), weakref.ref(y)
        del y
        assert node() is None
        assert tensor() is None


def test_backward_drops_what_was_kept():
    with NoCollector():
        x = leaf(1.0, 2.0)
        y = x * 2
        kept = weakref.ref(y)
        z = (y * y).sum()
        del y
        assert kept() is not None  # the product needs it
        z.backward()
        assert kept() is None


def test_an_inplace_program_makes_no_cycles():
    with NoCollector():
        x = leaf(1.0, 2.0)
        y = x * 2
        y.exp_()
        y += x
        y[0] = 3.0
        alive = weakref.ref(y)
        y.sum().backward()
        del y
        assert alive() is None


def test_second_order_is_freed():
    with NoCollector():
        x = leaf(1.0, 2.0)
        (first,) = grad((x**3).sum(), x, create_graph=True)
        alive = weakref.ref(first)
        grad(first.sum(), x)
        del first
        assert alive() is None


# --- threads ----------------------------------------------------------------------------------------------------------


def test_threads_do_not_disturb_each_other():
    results = {}

    def work(k):
        x = leaf(float(k))
        for _ in range(50):
            y = (x * x * x).sum()
            (first,) = grad(y, x, create_graph=True)
            (second,) = grad(first.sum(), x)
            with torch.no_grad():
                assert not (x * 2).requires_grad
        results[k] = second.item()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == {k: 6.0 * k for k in range(4)}


def test_a_gradient_that_a_nodes_hook_has_returned_stays_the_hooks():
    x = leaf(1.0, 2.0)
    y = x.exp()
    returned = torch.tensor([5.0, 7.0], dtype=torch.float64)
    y.grad_fn.register_hook(lambda grad_inputs, grad_outputs: (returned,))
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    assert x.grad.tolist() == [10.0, 14.0]
    assert returned.tolist() == [5.0, 7.0]
