"""Recordings tell what was computed, in its order, and leave everything as it was."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import mytorch
from mytorch import nn
from mytorch.autograd import Function
from mytorch.autograd.grad_mode import mode
from mytorch.autograd.primitive import TABLE
from mytorch.autograd.recording import Recording


@pytest.fixture(autouse=True)
def _restored():
    kernels = {name: primitive.kernel for name, primitive in TABLE.items()}
    yield
    assert {name: primitive.kernel for name, primitive in TABLE.items() if name in kernels} == kernels
    assert mode.recording is None
    assert mode.observe is None
    assert mode.watch is None


class Double(Function):
    @staticmethod
    def forward(ctx, x, shift):
        ctx.save_for_backward(x)
        return x * 2 + shift

    @staticmethod
    def backward(ctx, g):
        return g * 2, None


class Scaled(Function):
    @staticmethod
    def forward(ctx, factor, x):
        ctx.factor = factor
        return factor * x

    @staticmethod
    def backward(ctx, g):
        return None, ctx.factor * g


class Tripled(Scaled):
    @classmethod
    def apply(cls, x):
        return super().apply(3, x)


class Failing(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, g):
        raise ValueError("no derivative today")


def leaf(*values):
    return mytorch.tensor(list(values), requires_grad=True)


def names(recording):
    return [one.name for one in recording.operations]


def derived(recording):
    return [one.operation.name for one in recording.derivatives]


def test_each_operation_with_its_inputs_and_gradients():
    x, w = mytorch.tensor([[1.0, 2.0]]), mytorch.tensor([[3.0, -4.0]], requires_grad=True)
    with Recording() as recording:
        (nn.functional.relu(x * w) + 1).sum().backward()
    assert names(recording) == ["mul", "relu", "add", "sum"]
    mul, relu, add, total = recording.operations
    assert mul.inputs[0].array is x.array
    assert [one.gradient_flows for one in mul.inputs] == [False, True]
    assert relu.inputs[0].source is mul
    assert add.inputs[1].value == 1
    assert total.outputs[0].shape == ()
    assert total.outputs[0] == 4 + 1
    assert derived(recording) == ["sum", "add", "relu", "mul"]
    np.testing.assert_array_equal(recording.derivatives[3].arriving[0], [[1, 0]])
    assert recording.derivatives[3].leaving[0] is None
    np.testing.assert_array_equal(recording.derivatives[3].leaving[1], [[1, 0]])
    assert all(one.seconds >= 0 for one in (*recording.operations, *recording.derivatives))


def test_the_numbers_are_those_of_then():
    x = leaf(1.0, 2.0)
    with Recording() as recording:
        y = x * 3
        y.add_(1)
        y.sum().backward()
    x.array[:] = 7
    mul, add = recording.operations[:2]
    np.testing.assert_array_equal(mul.inputs[0].value, [1, 2])
    np.testing.assert_array_equal(mul.outputs[0], [3, 6])
    np.testing.assert_array_equal(add.outputs[0], [4, 7])
    assert recording.operations[-1].inputs[0].source is add


def test_what_was_written_without_a_gradient_is_known_by_what_wrote_it():
    x = mytorch.ones(2)
    with Recording() as recording:
        x.mul_(5)
        y = x * leaf(1.0, 1.0)
        x.zero_()
        z = x * leaf(1.0, 1.0)
    mul, with_product, with_zeros = recording.operations
    assert with_product.inputs[0].source is mul
    np.testing.assert_array_equal(with_product.inputs[0].value, [5, 5])
    assert with_zeros.inputs[0].source is None
    assert with_zeros.inputs[0].array is None
    assert y.array[0] == 5
    assert z.array[0] == 0


def test_views_that_are_written_to():
    x = leaf(1.0, 2.0, 3.0)
    with Recording() as recording:
        y = x * 1
        y[1:] = y[1:] * 10
        y.sum().backward()
    np.testing.assert_array_equal(x.grad.array, [1, 10, 10])
    total = recording.operations[-1]
    assert total.name == "sum"
    np.testing.assert_array_equal(total.inputs[0].value, [1, 20, 30])
    assert total.inputs[0].source is not recording.operations[0]
    assert derived(recording)[0] == "sum"
    assert derived(recording)[-1] == "mul"


def test_views_are_operations_with_sources():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    with Recording() as recording:
        (x * 1).reshape(2, 2).T.exp().sum().backward()
    sources = [one.inputs[0].source for one in recording.operations]
    assert sources == [None, *recording.operations[:-1]]


def test_a_function_of_the_users_own_is_one_operation():
    x = leaf(1.0, 2.0)
    with Recording() as recording:
        Double.apply(x * 1, 0.5).sum().backward()
    assert names(recording) == ["mul", "Double", "sum"]
    own = recording.operations[1]
    assert own.primitive is None
    assert own.inputs[0].source is recording.operations[0]
    assert own.inputs[1].value == 0.5
    assert own.kept_bytes == 8
    np.testing.assert_array_equal(own.outputs[0], [2.5, 4.5])
    assert derived(recording) == ["sum", "Double", "mul"]
    np.testing.assert_array_equal(recording.derivatives[1].leaving[0], [2, 2])


def test_a_function_of_the_users_own_may_have_its_tensor_last():
    x = leaf(1.0, 2.0)
    with Recording() as recording:
        Scaled.apply(5, x * 1).sum().backward()
    own = recording.operations[1]
    assert [one.gradient_flows for one in own.inputs] == [False, True]
    assert own.inputs[1].source is recording.operations[0]
    factor, gradient = recording.derivatives[1].leaving
    assert factor is None
    np.testing.assert_array_equal(gradient, [5, 5])


def test_a_function_may_have_an_apply_of_its_own():
    x = leaf(1.0, 2.0)
    with Recording() as recording:
        Tripled.apply(x).sum().backward()
    assert names(recording) == ["Tripled", "sum"]
    np.testing.assert_array_equal(recording.operations[0].outputs[0], [3, 6])
    np.testing.assert_array_equal(x.grad.array, [3, 3])


def test_what_arrives_has_been_through_hooks_and_what_leaves_has_not():
    x = leaf(1.0, 2.0)
    with Recording() as recording:
        y = x * 3
        y.register_hook(lambda g: g * 10)
        y.sum().backward()
    total, product = recording.derivatives
    np.testing.assert_array_equal(total.leaving[0], [1, 1])
    np.testing.assert_array_equal(product.arriving[0], [10, 10])
    np.testing.assert_array_equal(product.leaving[0], [30, 30])
    np.testing.assert_array_equal(x.grad.array, [30, 30])


def test_the_gradients_of_some_inputs_only():
    layer = nn.Linear(2, 1)
    with Recording() as recording:
        mytorch.autograd.grad(layer(leaf(1.0, 2.0).reshape(1, 2)).sum(), layer.weight)
    assert derived(recording) == ["sum", "linear"]
    assert [one is None for one in recording.derivatives[1].leaving] == [True, False, True]


def test_a_result_that_is_written_to_a_tensor_that_was_there():
    x, there = mytorch.ones(2), mytorch.zeros(2)
    with Recording() as recording:
        mytorch.mul(x, 3, out=there)
        there + 1
    product, total = recording.operations
    assert total.inputs[0].source is product


def test_an_array_that_stays_as_it_is_is_copied_once():
    x, w = mytorch.tensor([0.0, float("nan")]), leaf(1.0, 2.0)
    with Recording() as recording:
        (x * w) * w
        x.neg_()
        x + w
    first, second, _, total = recording.operations
    assert second.inputs[0].value is first.outputs[0]
    assert second.inputs[1].value is first.inputs[1].value is total.inputs[1].value
    assert total.inputs[0].value is not first.inputs[0].value
    assert list(np.signbit(total.inputs[0].value)) == [True, True]  # -0 and 0 are equal, but not the same
    assert not np.signbit(first.inputs[0].value[0])


def test_within_a_backward_pass_it_may_begin_and_end():
    recordings = []

    def begin_and_end(_):
        with mytorch.enable_grad(), Recording() as recording:
            (leaf(1.0) * 2).backward()
        recordings.append(recording)

    y = leaf(1.0) * 2
    y.register_hook(begin_and_end)
    y.backward()
    assert derived(recordings[0]) == ["mul"]
    recording = Recording()
    recording.__enter__()
    y = leaf(1.0) * 2
    y.register_hook(lambda _: recording.__exit__())
    y.backward()
    with recording:
        (leaf(1.0) * 3).backward()
    assert names(recording) == ["mul", "mul"]
    assert derived(recording) == ["mul", "mul"]


def test_branches_that_are_cut_off():
    x = leaf(1.0, 2.0)
    with Recording() as recording:
        y = x * 2
        stopped = y.detach().exp()
        with mytorch.no_grad():
            silent = y + 1
        larger = y > 2
        (y * stopped * silent + larger).sum().backward()
    by_name = {one.name: one for one in recording.operations}
    assert by_name["exp"].node is None
    assert by_name["exp"].inputs[0].is_detached
    assert by_name["exp"].inputs[0].source.name == "mul"
    quiet = recording.operations[2]
    assert quiet.node is None
    assert quiet.inputs[0].is_detached
    comparison = recording.operations[3]
    assert not comparison.inputs[0].is_detached  # it has no derivative that could be cut off
    product = recording.operations[4]
    assert [one.gradient_flows for one in product.inputs] == [True, False]
    assert not any(one.is_detached for one in product.inputs)  # it was cut before


@pytest.mark.parametrize(("split", "name"), [(lambda x: x.unbind(0), "unbind"), (lambda x: x.split([1, 2]), "split")])
def test_several_results(split, name):
    x = leaf(1.0, 2.0, 3.0)
    with Recording() as recording:
        parts = split(x * 1)
        (parts[0].sum() + (parts[1] * 5).sum()).backward()
    np.testing.assert_array_equal(x.grad.array, [1, 5, 0 if name == "unbind" else 5])
    made = [one for one in recording.operations if one.name.startswith(name)]
    assert made
    assert all(one.inputs[0].source is recording.operations[0] for one in made)
    products = [one for one in recording.operations if one.name == "mul"]
    assert products[1].inputs[0].source in made
    assert {one.operation for one in recording.derivatives} >= set(made[:2])


def test_an_lstm_gets_gradients_of_two_of_its_three_results():
    layer = nn.LSTM(2, 3)
    with Recording([p.array for p in layer.parameters()]) as recording:
        output, (h, _c) = layer(mytorch.ones(4, 1, 2))
        (output.sum() + h.sum()).backward()
    (step,) = [one for one in recording.derivatives if one.operation.name == "lstm_layer"]
    assert len(step.arriving) == 3
    assert step.arriving[0].shape == (4, 1, 3)
    assert step.arriving[2] is None
    by_shape = {one.shape: one for one in step.leaving if one is not None}
    np.testing.assert_array_equal(by_shape[12, 2], layer.weight_ih_l0.grad.array)


def test_a_layer_that_is_used_twice():
    layer = nn.Linear(2, 2)
    with Recording() as recording:
        layer(layer(mytorch.ones(1, 2))).sum().backward()
    second, first = [one for one in recording.derivatives if one.operation.name == "linear"]
    assert second.operation.inputs[1].array is first.operation.inputs[1].array
    np.testing.assert_array_equal(second.leaving[1] + first.leaving[1], layer.weight.grad.array)


def test_a_backward_pass_that_is_differentiated():
    x = leaf(3.0)
    with Recording() as recording:
        (slope,) = mytorch.autograd.grad((x**3).sum(), x, create_graph=True)
        slope.backward()
    assert x.grad.item() == 18
    assert names(recording)[:2] == ["pow_number", "sum"]
    assert derived(recording)[:2] == ["sum", "pow_number"]
    assert recording.derivatives[1].leaving[0].item() == 27


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_beside_anomaly_detection():
    x = mytorch.tensor(0.0, requires_grad=True)
    with Recording() as inner:
        assert not mytorch.is_anomaly_enabled()
        with mytorch.autograd.detect_anomaly():
            assert mytorch.is_anomaly_enabled()
            assert mytorch.is_anomaly_check_nan_enabled()
            loss = x.sqrt() * 0
            with pytest.raises(RuntimeError, match="SqrtBackward0"):
                loss.backward()
    with mytorch.autograd.detect_anomaly(), Recording() as outer, pytest.raises(RuntimeError, match="SqrtBackward0"):
        (x.sqrt() * 0).backward()
    for recording in (inner, outer):
        assert derived(recording) == ["mul", "sqrt"]
        assert np.isnan(recording.derivatives[1].leaving[0])
    mytorch.autograd.set_detect_anomaly(True)
    with Recording() as recording:
        mytorch.autograd.set_detect_anomaly(False)
        (leaf(1.0) * 2).backward()
    leaf(1.0) * 2  # at which the detection sees that nobody is above it any more
    assert derived(recording) == ["mul"]


def test_errors_leave_a_recording_that_goes_on():
    with Recording() as recording:
        with pytest.raises(RuntimeError):
            mytorch.ones(2) @ mytorch.ones(3)
        with pytest.raises(ValueError, match="today"):
            Failing.apply(leaf(1.0)).sum().backward()
        (leaf(2.0) * 3).backward()
    assert names(recording)[-1] == "mul"
    assert derived(recording)[-1] == "mul"
    assert recording.derivatives[-1].leaving[0].item() == 3


def test_an_error_out_of_the_block():
    with pytest.raises(ZeroDivisionError), Recording():
        raise ZeroDivisionError  # the fixture sees that all is as before


def test_only_one_in_a_thread():
    with Recording() as recording:
        with pytest.raises(RuntimeError, match="another recording"), Recording():
            pass
        mytorch.ones(1) + 1
    assert names(recording) == ["add"]


def test_threads_have_recordings_of_their_own():
    ready, done = threading.Event(), threading.Event()
    seen = []

    def work():
        with Recording() as recording:
            ready.set()
            (leaf(1.0) * 2).sum().backward()
            done.wait(10)
            mytorch.ones(1).exp()
        seen.append(recording)

    thread = threading.Thread(target=work)
    with Recording() as recording:
        thread.start()
        assert ready.wait(10)
        mytorch.ones(1) + 1
    mytorch.ones(1).cos()  # told to nobody, though kernels are still wrapped
    done.set()
    thread.join()
    assert names(recording) == ["add"]
    assert names(seen[0]) == ["mul", "sum", "exp"]
    assert derived(seen[0]) == ["sum", "mul"]


def test_checkpoints_are_told_once():
    layer = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    x = mytorch.ones(1, 2, requires_grad=True)
    with Recording() as recording:
        mytorch.utils.checkpoint.checkpoint(layer, x, use_reentrant=False).sum().backward()
    assert names(recording) == ["linear", "tanh", "sum"]
    assert derived(recording) == ["sum", "tanh", "linear"]


def test_kept_bytes_do_not_count_what_is_there_anyway_or_kept_already():
    x, w = mytorch.ones(4, 3), mytorch.ones(2, 3, requires_grad=True)
    with Recording([x.array, w.array]) as recording:
        y = nn.functional.linear(x, w).tanh()
        (y * y).sum().backward()
    assert [one.kept_bytes for one in recording.operations] == [0, 4 * 2 * 4, 0, 0]
