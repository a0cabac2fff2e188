"""What a step shows of the layers: shapes, parameters, what is kept for the backward pass, gradients that stay away."""

from __future__ import annotations

import pytest

import mytorch
from mytorch import nn
from mytorch.training.branches import Parallel, Residual
from mytorch.training.commands.layer_table import measure
from mytorch.utils.checkpoint import checkpoint


def table(model: nn.Module, *shape: int, loss: nn.Module | None = None):
    loss = loss or Mean()
    step = measure(model, loss, mytorch.rand(*shape), [])
    return step, {layer.name: layer for layer in step.layers}


class Mean(nn.Module):
    def forward(self, output):
        return output.mean()


def test_what_is_kept_belongs_to_the_first_layer_that_keeps_it():
    mytorch.manual_seed(0)  # of other weights ReLU may let nothing through
    model = nn.Sequential(nn.Linear(10, 6), nn.Tanh(), nn.Linear(6, 2), nn.ReLU())
    step, layers = table(model, 4, 10)
    # The first Linear keeps the batch and its weight, which are there anyway. Tanh keeps its result, which is also what
    # the second Linear needs.
    assert [layers[str(i)].kept_bytes for i in range(4)] == [0, 4 * 6 * 4, 0, 4 * 2 * 4]
    assert step.total.kept_bytes == 4 * 6 * 4 + 4 * 2 * 4
    assert layers["0"].output == ((4, 6),)
    assert step.total.parameters == 10 * 6 + 6 + 6 * 2 + 2
    assert step.loss > 0


def test_a_view_keeps_all_of_what_it_looks_at_and_the_loss_has_its_share():
    class FirstOnly(nn.Module):
        def forward(self, x):
            return (x * 2)[:, :1].exp() * (x * 3)[:, :1]

    inputs = mytorch.rand(8, 4, requires_grad=True)
    step = measure(FirstOnly(), nn.MSELoss(), inputs, [mytorch.zeros(8, 1)])
    # exp() keeps its result (8), the product keeps that and a view into x * 3 (32 numbers).
    assert step.total.kept_bytes == 4 * (8 + 32)
    assert step.kept_by_loss == 2 * 4 * 8  # the output and its difference to the target, which is there anyway


def test_checkpointing_keeps_less():
    class Saving(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(10, 50), nn.Tanh(), nn.Linear(50, 10), nn.Tanh())

        def forward(self, x):
            return checkpoint(self.layers, x, use_reentrant=False)

    inner = Saving()
    plain, _ = table(inner.layers, 4, 10)
    saving, _ = table(inner, 4, 10)
    assert saving.total.kept_bytes < plain.total.kept_bytes


def test_a_function_of_ones_own_counts():
    class Square(mytorch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.twice = 2 * x.detach()
            return x * x

        @staticmethod
        def backward(ctx, gradient):
            return gradient * ctx.twice

    class Layer(nn.Module):
        def forward(self, x):
            return Square.apply(x)

    step, _ = table(nn.Sequential(nn.Linear(3, 5), Layer()), 4, 3)
    assert step.layers[1].kept_bytes == 4 * 5 * 4
    assert step.unknown == ["Layer"]
    assert step.layers[1].flops is None


def test_layers_within_layers_are_counted_in():
    model = nn.Sequential(
        Residual(nn.Sequential(nn.Linear(6, 6), nn.ReLU())),
        Parallel({"a": nn.Linear(6, 2), "b": nn.Sequential(nn.Linear(6, 2))}, join="add"),
    )
    step, layers = table(model, 5, 6)
    assert [name for name in layers if "." not in name] == ["0", "1"]
    assert layers["0.layers.1"].depth == 3
    assert layers["0"].flops == 5 * (6 * 2 * 6 + 6 + 6)  # the product, ReLU and the sum
    assert layers["1"].flops == 5 * (2 * (2 * 2 * 6) + 2)
    assert layers["1.branches"].output == ()
    assert layers["0"].parameters == layers["0.layers.0"].parameters == 42
    assert step.total.flops == layers["0"].flops + layers["1"].flops


def test_a_layer_that_is_used_twice():
    shared = nn.Linear(4, 4)
    step, layers = table(nn.Sequential(shared, nn.ReLU(), shared), 3, 4)
    assert list(layers) == ["0", "1"]
    assert layers["0"].calls == 2
    assert layers["0"].flops == 2 * 3 * 4 * 2 * 4
    assert step.total.parameters == 20


def test_frozen_parameters_and_those_that_no_gradient_reaches():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(3, 3), nn.Linear(3, 3)
            self.scale = nn.Parameter(mytorch.ones(1))

        def forward(self, x):
            return self.used(x) * self.scale.detach()

    model = nn.Sequential(nn.Linear(3, 3), Half())
    model[0].weight.requires_grad_(False)
    _, layers = table(model, 2, 3)
    assert layers["0"].without_gradient == []
    assert (layers["0"].trainable, layers["0"].parameters) == (3, 12)
    assert layers["1"].without_gradient == ["scale"]
    assert layers["1.unused"].without_gradient == ["weight", "bias"]
    assert layers["1.unused"].output == ()


def test_a_model_that_is_no_list_has_a_line_of_its_own():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 1)
            self.scale = nn.Parameter(mytorch.ones(1))

        def forward(self, x):
            return self.last(self.first(x).relu())

    step, layers = table(Net(), 5, 3)
    assert list(layers) == ["", "first", "last"]
    assert [layer.depth for layer in step.layers] == [0, 1, 1]
    assert layers[""].kept_bytes == 5 * 4 * 4, "what relu() keeps"
    assert layers[""].without_gradient == ["scale"]
    assert layers[""].parameters == 3 * 4 + 4 + 4 + 1 + 1


def test_nothing_is_left_behind():
    model = nn.Sequential(nn.Linear(3, 3))
    with pytest.raises(RuntimeError):
        table(model, 2, 4)
    table(model, 2, 3)
    assert not model[0]._forward_hooks
    assert not model[0]._forward_pre_hooks
