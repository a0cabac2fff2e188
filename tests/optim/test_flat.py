"""Moving parameters onto flat buffers must not be seen, whatever is done with the tensors before, between and after."""

from __future__ import annotations

import copy
import gc
import importlib.util
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mytorch
from mytorch.optim.flat import ALIGNMENT, PIECE, Block, FlatBuffer, LoneBlock, holders

_PATH = Path(__file__).parents[1] / "golden" / "record_optim.py"
_SPEC = importlib.util.spec_from_file_location("record_optim", _PATH)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)


def make(*shapes: Any) -> list[Any]:
    generator = np.random.default_rng(0)
    return [mytorch.tensor(generator.standard_normal(s).astype("float32"), requires_grad=True) for s in shapes]


def set_grads(params: list[Any], value: float = 0.5) -> None:
    for p in params:
        p.grad = mytorch.full(tuple(p.shape), value, dtype=p.dtype)


def adam(params: list[Any], **options: Any) -> Any:
    set_grads(params)
    optimizer = mytorch.optim.Adam(params, lr=0.1, **options)
    optimizer.step()
    return optimizer


def blocks(optimizer: Any) -> list[type]:
    return [type(block) for plan in optimizer._plans for block in plan.blocks]


def is_flat(*params: Any) -> bool:
    return all(isinstance(p.array.base, FlatBuffer) for p in params)


def test_parameters_lie_side_by_side() -> None:
    params = make((4, 3), (5,), (), (0, 2), (2, 2))
    before = [p.array.copy() for p in params]
    optimizer = mytorch.optim.SGD(params, lr=0.0)
    set_grads(params)
    optimizer.step()
    assert blocks(optimizer) == [Block]
    addresses = sorted(p.data_ptr() for p in params if p.numel())
    assert all(address % ALIGNMENT == 0 for address in addresses)
    assert np.diff(addresses).tolist() == [ALIGNMENT, ALIGNMENT, ALIGNMENT]
    for p, array in zip(params, before, strict=True):
        np.testing.assert_array_equal(p.array, array)


def test_the_state_is_flat_too() -> None:
    params = make((4, 3), (5,))
    optimizer = adam(params)
    for name in ("exp_avg", "exp_avg_sq"):
        assert is_flat(*(optimizer.state[p][name] for p in params))
        assert all(optimizer.state[p][name].shape == p.shape for p in params)
    assert [optimizer.state[p]["step"].item() for p in params] == [1.0, 1.0]
    assert optimizer.state[params[0]]["step"].shape == ()


def detached(p: Any) -> Any:
    other = p.detach()
    return lambda: other.numpy()


def array(p: Any) -> Any:
    other = p.numpy(force=True)
    return lambda: other


def element(p: Any) -> Any:
    with mytorch.no_grad():
        other = p.reshape(-1)
    return lambda: other.numpy().reshape(p.shape)


def data(p: Any) -> Any:
    other = p.data
    return lambda: other.numpy()


@pytest.mark.parametrize("alias", [detached, array, element, data])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_alias_sees_every_step(alias: Any, when: str) -> None:
    params = make((4, 3), (5,))
    optimizer = mytorch.optim.Adam(params, lr=0.1)
    if when == "after":
        set_grads(params)
        optimizer.step()
    look = alias(params[0])
    for _ in range(2):
        set_grads(params)
        optimizer.step()
        np.testing.assert_array_equal(look(), params[0].detach().numpy())
    assert blocks(optimizer) == ([Block] if when == "after" else [LoneBlock, Block])


def test_moves_when_the_alias_is_gone() -> None:
    params = make((4, 3), (5,))
    alias = params[0].detach()
    optimizer = adam(params)
    assert is_flat(params[1])
    assert not is_flat(params[0])
    optimizer.step()
    assert blocks(optimizer) == [LoneBlock, Block]
    del alias
    optimizer.step()
    assert blocks(optimizer) == [Block]
    assert optimizer.state[params[0]]["step"].item() == optimizer.state[params[1]]["step"].item() == 3.0


def test_two_parameters_with_the_same_memory() -> None:
    (a,) = make((4, 3))
    b = mytorch.tensor(0.0)
    b.array, b.requires_grad = a.array, True
    optimizer = mytorch.optim.SGD([a, b], lr=1.0)
    start = a.array.copy()
    set_grads([a, b])
    optimizer.step()
    assert a.array is b.array
    np.testing.assert_allclose(a.array, start - 1.0, rtol=1e-6)


def test_memory_of_others_is_written_in_place() -> None:
    source = np.arange(6, dtype="float32").reshape(2, 3)
    shown = mytorch.from_numpy(source)
    shown.requires_grad = True
    window = mytorch.from_numpy(source[:, ::2])
    window.requires_grad = True
    assert holders(shown) > 0
    assert holders(window) > 0
    for p in (shown, window):
        set_grads([p], 1.0)
        mytorch.optim.SGD([p], lr=1.0).step()
    np.testing.assert_array_equal(source, [[-2, 0, 0], [1, 3, 3]])


def test_a_memory_map_stays_where_it_is(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.ones(3, "float32"))
    p = mytorch.tensor([0.0])
    p.array, p.requires_grad = np.asarray(np.load(tmp_path / "w.npy", mmap_mode="r+")), True
    set_grads([p], 1.0)
    mytorch.optim.SGD([p], lr=0.5).step()
    p.array.base.flush()
    np.testing.assert_array_equal(np.load(tmp_path / "w.npy"), [0.5, 0.5, 0.5])


def test_data_exchanged_between_steps() -> None:
    params = make((4, 3), (5,))
    optimizer = adam(params)
    params[1].data = mytorch.zeros(5)
    set_grads(params)
    optimizer.step()
    assert blocks(optimizer) == [Block]
    assert is_flat(*params)
    np.testing.assert_allclose(params[1].detach().numpy(), -0.1, rtol=1e-5)
    assert optimizer.state[params[1]]["step"].item() == 2.0


def test_data_of_another_shape_is_refused() -> None:
    params = make((4, 3), (5,))
    optimizer = adam(params)
    params[1].data = mytorch.zeros(6)
    params[1].grad = mytorch.zeros(6)
    with pytest.raises(RuntimeError, match=r"state 'exp_avg' has shape \[5\], but its parameter \[6\]"):
        optimizer.step()


def test_values_copied_into_parameters_count() -> None:
    params = make((4, 3), (5,))
    optimizer = adam(params)
    with mytorch.no_grad():
        params[0].copy_(mytorch.zeros(4, 3))
    set_grads(params)
    optimizer.step()
    np.testing.assert_allclose(params[0].detach().numpy(), -0.1, rtol=1e-5)


def test_layout_is_kept() -> None:
    a = mytorch.tensor(np.arange(12.0, dtype="float32").reshape(3, 4), requires_grad=True)
    a.array = np.asfortranarray(a.array)
    b = mytorch.tensor(np.zeros((2, 3, 4, 5), "float32").transpose(0, 3, 1, 2), requires_grad=True)
    b.array = np.zeros((2, 4, 5, 3), "float32").transpose(0, 3, 1, 2)
    strides = a.stride(), b.stride()
    start = a.array.copy()
    optimizer = mytorch.optim.SGD([a, b], lr=1.0, momentum=0.5)
    for _ in range(2):
        a.grad = mytorch.tensor(np.arange(12.0, dtype="float32").reshape(3, 4))
        b.grad = mytorch.ones(2, 3, 4, 5)
        optimizer.step()
    assert blocks(optimizer) == [Block]
    assert (a.stride(), b.stride()) == strides
    np.testing.assert_allclose(a.array, start - 2.5 * np.arange(12).reshape(3, 4))
    np.testing.assert_allclose(b.array, -2.5)
    np.testing.assert_allclose(optimizer.state[a]["momentum_buffer"].array, 1.5 * np.arange(12).reshape(3, 4))


@pytest.mark.parametrize("rows", [3, PIECE // 4])
def test_gradients_of_any_layout(rows: int) -> None:
    expected = np.random.default_rng(0).standard_normal((rows, 5)).astype("float32")
    row = expected[0].copy()
    for grad, want in (
        (np.asfortranarray(expected), expected),
        (np.repeat(expected, 2, axis=1)[:, ::2], expected),
        (expected[::-1][::-1], expected),
        (np.broadcast_to(row, (rows, 5)), np.tile(row, (rows, 1))),
    ):
        p = mytorch.zeros(rows, 5, requires_grad=True)
        q = mytorch.zeros(2, requires_grad=True)
        p.grad, q.grad = mytorch.zeros(rows, 5), mytorch.ones(2)
        p.grad.array = grad
        before = grad.copy()
        mytorch.optim.SGD([p, q], lr=1.0, weight_decay=0.5, maximize=True).step()
        np.testing.assert_array_equal(p.detach().numpy(), want)
        np.testing.assert_array_equal(p.grad.array, before)


@pytest.mark.parametrize("kind", ["Adam", "SGD", "RMSprop", "Rprop", "ASGD"])
def test_large_parameters_are_cut(kind: str) -> None:
    third = PIECE // 3
    shapes = [(7,), (3, PIECE), (PIECE + 1,), (PIECE - 8,), (9,), (PIECE // 2,), *[(third,)] * 5]
    generator = np.random.default_rng(1)
    params = make(*shapes)
    parts = [mytorch.tensor(p.array.reshape(-1)[::1009].copy(), requires_grad=True) for p in params]
    a, b = getattr(mytorch.optim, kind)(params), getattr(mytorch.optim, kind)(parts)
    for _ in range(3):
        for p, part in zip(params, parts, strict=True):
            grad = generator.standard_normal(tuple(p.shape)).astype("float32")
            p.grad = mytorch.tensor(grad)
            part.grad = mytorch.tensor(grad.reshape(-1)[::1009].copy())
        a.step()
        b.step()
    (block,) = a._plans[0].blocks
    assert [indices for indices, _, _ in block.runs] == [[0, 1, 2, 3], [4, 5], [6, 7]]
    assert block.apart == [8, 9, 10]
    for p, part in zip(params, parts, strict=True):
        np.testing.assert_array_equal(p.array.reshape(-1)[::1009], part.array)


def test_parameters_of_several_types() -> None:
    a, b = make((3,), (4,))
    c = mytorch.ones(2, 2, dtype=mytorch.float64, requires_grad=True)
    d = mytorch.ones(2, dtype=mytorch.float64, requires_grad=True)
    optimizer = adam([a, c, b, d])
    assert blocks(optimizer) == [Block, Block]
    assert [p.dtype.name for p in (a, c)] == ["float32", "float64"]
    np.testing.assert_allclose(c.detach().numpy(), 0.9, rtol=1e-7)


def test_complex_numbers_are_pairs() -> None:
    values = np.array([[1 + 2j, 3 - 1j]], "complex64")
    p, shared = (mytorch.tensor(values) for _ in range(2))
    q = mytorch.tensor(np.stack([values.real, values.imag], -1), requires_grad=True)
    alias = shared.detach()
    optimizers = [mytorch.optim.Adam([t], lr=0.1, weight_decay=0.1, amsgrad=True) for t in (p, shared, q)]
    for _ in range(3):
        p.grad = shared.grad = mytorch.tensor(values * (1 - 2j))
        q.grad = mytorch.tensor(p.grad.numpy().view("float32").reshape(1, 2, 2))
        for optimizer in optimizers:
            optimizer.step()
    assert [blocks(o) for o in optimizers] == [[Block], [LoneBlock], [Block]]
    expected = q.detach().numpy()[..., 0] + 1j * q.detach().numpy()[..., 1]
    np.testing.assert_array_equal(p.detach().numpy(), expected)
    np.testing.assert_array_equal(alias.numpy(), expected)
    assert optimizers[0].state[p]["exp_avg"].dtype.name == "complex64"


def test_copies_of_parameters_are_independent() -> None:
    params = make((4, 3), (5,))
    optimizer = adam(params)
    copies = copy.deepcopy(params)
    before = [p.array.copy() for p in params]
    set_grads(copies)
    mytorch.optim.Adam(copies, lr=0.1).step()
    for p, c, array in zip(params, copies, before, strict=True):
        np.testing.assert_array_equal(p.array, array)
        assert not np.array_equal(c.array, array)
    set_grads(params)
    optimizer.step()
    assert is_flat(*params, *copies)


def test_copy_of_an_optimizer_goes_its_own_way() -> None:
    params = make((4, 3), (5,))
    optimizer = adam(params)
    twin = copy.deepcopy(optimizer)
    theirs = twin.param_groups[0]["params"]
    for _ in range(2):
        set_grads(params)
        optimizer.step()
    for _ in range(2):
        set_grads(theirs)
        twin.step()
    for p, q in zip(params, theirs, strict=True):
        assert p is not q
        np.testing.assert_array_equal(p.array, q.array)


def test_several_optimizers_on_the_same_parameters() -> None:
    params = make((4, 3), (5,))
    start = [p.array.copy() for p in params]
    first, second = mytorch.optim.SGD(params, lr=1.0), mytorch.optim.SGD(params[::-1], lr=0.5)
    for _ in range(2):
        set_grads(params, 1.0)
        first.step()
        second.step()
    assert blocks(first) == [Block]
    assert blocks(second) == [LoneBlock, LoneBlock]
    for p, array in zip(params, start, strict=True):
        np.testing.assert_allclose(p.array, array - 3.0, rtol=1e-5, atol=1e-5)
    del first
    gc.collect()
    second.step()
    assert blocks(second) == [Block]


def test_a_new_optimizer_after_the_old_one() -> None:
    params = make((4, 3), (5,))
    optimizer = adam(params)
    optimizer = mytorch.optim.SGD(params, lr=1.0)
    optimizer.step()
    assert blocks(optimizer) == [Block]


def test_a_parameter_named_twice_is_stepped_twice() -> None:
    p, q = make((3,), (2,))
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optimizer = mytorch.optim.Adam([p, q, p], lr=0.1)
    twin_p, twin_q = copy.deepcopy([p, q])
    twin = [mytorch.optim.Adam([t], lr=0.1) for t in (twin_p, twin_q)]
    for _ in range(3):
        set_grads([p, q, twin_p, twin_q])
        optimizer.step()
        for one in (0, 1, 0):
            twin[one].step()
    np.testing.assert_array_equal(p.array, twin_p.array)
    np.testing.assert_array_equal(q.array, twin_q.array)
    assert optimizer.state[p]["step"].item() == 6.0


def test_frozen_parameters_stay_out() -> None:
    params = make((4, 3), (5,), (2,))
    set_grads(params[1:])
    optimizer = mytorch.optim.Adam(params, lr=0.1)
    address = params[0].data_ptr()
    optimizer.step()
    optimizer.step()
    assert params[0].data_ptr() == address
    assert params[0] not in optimizer.state
    set_grads(params)
    optimizer.step()
    assert blocks(optimizer) == [Block]
    assert [optimizer.state[p]["step"].item() for p in params] == [1.0, 3.0, 3.0]


def test_a_shared_parameter_without_gradient() -> None:
    params = make((4, 3), (5,))
    alias = params[0].detach()
    optimizer = adam(params)
    optimizer.state.clear()
    for p in params:
        p.grad = None
    before = alias.numpy().copy()
    optimizer.step()
    optimizer.step()
    np.testing.assert_array_equal(params[0].detach().numpy(), before)
    set_grads(params)
    optimizer.step()
    assert [optimizer.state[p]["step"].item() for p in params] == [1.0, 1.0]


def test_no_gradient_at_all() -> None:
    params = make((4, 3), (5,))
    optimizer = mytorch.optim.Adam(params)
    optimizer.step()
    assert not optimizer.state
    assert blocks(optimizer) == []


def test_old_graphs_are_refused_after_a_step() -> None:
    params = make((3,), (3,))
    optimizer = mytorch.optim.SGD(params, lr=0.1)
    for _ in range(2):  # moving, and then in place
        loss = (params[0] * params[1]).sum()
        set_grads(params)
        optimizer.step()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


def test_a_graph_in_hand_does_not_stop_the_move_for_long() -> None:
    params = make((3,), (3,))
    optimizer = mytorch.optim.SGD(params, lr=0.1)
    loss = (params[0] * params[1]).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    assert blocks(optimizer) == [LoneBlock, LoneBlock]
    del loss
    optimizer.step()
    assert blocks(optimizer) == [Block]


@pytest.mark.parametrize("change", ["fill", "exchange", "forget", "drop", "clear", "replace", "count"])
def test_changes_of_the_state_count(change: str) -> None:
    params = make((4, 3), (5,))
    optimizer = adam(params)
    twin = copy.deepcopy(optimizer)
    for o in (optimizer, twin):
        p = o.param_groups[0]["params"][0]
        if change == "fill":
            o.state[p]["exp_avg"].fill_(2.0)
        elif change == "exchange":
            o.state[p]["exp_avg"] = mytorch.full((4, 3), 2.0)
        elif change == "forget":
            del o.state[p]["exp_avg_sq"]
        elif change == "drop":
            del o.state[p]
        elif change == "clear":
            o.state.clear()
        elif change == "replace":
            o.state = defaultdict(dict)
        else:
            o.state[p]["step"].fill_(7.0)
    twin._forget_plans()  # so that it begins anew from parameters and state alone
    for o in (optimizer, twin):
        set_grads(o.param_groups[0]["params"])
        o.step()
    for p, q in zip(params, twin.param_groups[0]["params"], strict=True):
        np.testing.assert_array_equal(p.array, q.array)
        for key in ("step", "exp_avg", "exp_avg_sq"):
            np.testing.assert_array_equal(optimizer.state[p][key].array, twin.state[q][key].array)
    steps = {"fill": 2, "exchange": 2, "forget": 2, "drop": 1, "clear": 1, "replace": 1, "count": 8}
    assert optimizer.state[params[0]]["step"].item() == steps[change]


def test_options_may_change_between_steps() -> None:
    params = make((4, 3), (5,))
    optimizer = adam(params)
    optimizer.param_groups[0]["amsgrad"] = True
    set_grads(params, 0.1)
    optimizer.step()
    greatest = optimizer.state[params[0]]["max_exp_avg_sq"]
    np.testing.assert_array_equal(greatest.array, optimizer.state[params[0]]["exp_avg_sq"].array)


def test_parameters_added_to_a_group_by_hand() -> None:
    params = make((4, 3), (5,), (6,))
    optimizer = adam(params[:2])
    optimizer.param_groups[0]["params"].append(params[2])
    optimizer.add_param_group({"params": make((7,))})
    set_grads([p for g in optimizer.param_groups for p in g["params"]])
    optimizer.step()
    assert blocks(optimizer) == [Block, Block]
    assert [e["step"].item() for e in optimizer.state.values()] == [2.0, 2.0, 1.0, 1.0]


def test_nan_and_infinity_stay_with_their_parameter() -> None:
    params = make((4, 3), (5,))
    set_grads(params)
    params[0].grad.array[0, 0] = np.nan
    params[1].grad.array[-1] = np.inf
    mytorch.optim.SGD(params, lr=0.1).step()
    assert np.isfinite(params[0].array).sum() == 11
    assert np.isfinite(params[1].array).sum() == 4
