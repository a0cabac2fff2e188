"""Writes to views, and to tensors that have views: values, histories and gradients of both orders as PyTorch's."""

from __future__ import annotations

import pytest
import torch

import mytorch


def write_to_a_row(T, w):
    b = T.zeros(2, 3, dtype=T.float64)
    v, u = b[0], b.t()
    v.add_(w)
    v.mul_(w)
    u[1].mul_(3.0)
    return (b * b).sum()


def write_to_a_result_and_its_view(T, w):
    b = w * 2
    v = b[1:]
    v.mul_(w[:2])
    b.mul_(2)
    return v.sum() + b.prod()


def a_reshaped_view_sees_the_write(T, w):
    b = w * 1
    c = b.view(3, 1)
    b.mul_(w)
    return (c * c).sum()


def zeroing_a_view_stops_the_gradient(T, w):
    b = w * 1
    b.view(3, 1)[1].zero_()
    return (b * w).sum()


def copying_into_a_slice(T, w):
    b = w * 1
    b[1:].copy_(w[:2] * 5)
    return (b**3).sum()


def a_view_of_a_view(T, w):
    b = T.ones(3, 4, dtype=T.float64) * w.unsqueeze(1)
    b[:, 1:][1].mul_(w.sum())
    b.transpose(0, 1)[2].add_(w)
    return (b * b).sum()


def a_plain_tensor_becomes_part_of_the_graph(T, w):
    x = T.zeros(4, dtype=T.float64)
    v = x[1:]
    x[:3].copy_(w)
    return (v * v).sum() + (x**3).sum()


def fill_between(T, w):
    b = w.exp() * 1
    b[0].fill_(2.0)
    c = b * w
    c[1:].sub_(w[:2])
    return (c * c * w).sum()


def overlapping_windows(T, w):
    b = (w * w).as_strided((2, 2), (1, 1))
    return (b * b * b).sum() + (w.unfold(0, 2, 1) * w[:2]).prod()


def as_strided_of_a_view_reads_beside_it(T, w):
    b = w * w
    return (b[1:].as_strided((2,), (1,), 0) * w[:2]).sum() + (b[1:].as_strided((2,), (1,), 1) ** 3).sum()


def as_strided_of_what_is_repeated(T, w):
    b = (w * 1).expand(2, 3)
    return (b.as_strided((2, 3), (0, 1)) ** 3).sum() + (b.as_strided((3, 2), (1, 0)) * w[:2]).sum()


def as_strided_of_what_is_turned(T, w):
    b = (w * w).view(3, 1).expand(3, 2).contiguous().t()[:, 1:]
    return (b.as_strided((2, 2), (3, 1), 1) ** 2 * w[:2]).sum()


def write_to_a_strided_view(T, w):
    b = T.zeros(2, 3, dtype=T.float64)
    b.as_strided((3,), (2,)).add_(w)
    b.t().unfold(0, 2, 2).mul_(w.sum())
    return (b**3).sum()


def views_that_take_the_tensors_place(T, w):
    b = w.unsqueeze(1) * w
    row = b[0]
    b.t_().unsqueeze_(0).transpose_(1, 2).squeeze_(0)
    b.as_strided_((2, 3), (1, 3))
    row.mul_(2)
    return (b * b).sum() + (row**3).sum()


def a_view_that_becomes_another_view(T, w):
    b = w.unsqueeze(1) * w
    v = b[:2]
    v.t_()
    v[0].mul_(w[:2])
    return (b * b).sum() + (v * v * v).sum()


def scatters(T, w):
    b = w.unsqueeze(1) * w
    c = b.select_scatter(w, 0, 1).slice_scatter(b[:, :2], 1, 0, 3, 2).diagonal_scatter(w * w).t()
    return (c * c).sum() + (T.alias_copy(b).expand(2, 3, 3).select_scatter(b, 0, 1) ** 3).sum()


def copies_of_views(T, w):
    b = w.unsqueeze(1) * w
    parts = [T.permute_copy(b, (1, 0)), *T.split_copy(b, 2), *T.unbind_copy(b, 1), T.view_copy(b, (9,))]
    return sum(((p.flatten()[:3] * w) ** 2).sum() for p in parts)


PROGRAMS = [
    write_to_a_row,
    write_to_a_result_and_its_view,
    a_reshaped_view_sees_the_write,
    zeroing_a_view_stops_the_gradient,
    copying_into_a_slice,
    a_view_of_a_view,
    a_plain_tensor_becomes_part_of_the_graph,
    fill_between,
    overlapping_windows,
    as_strided_of_a_view_reads_beside_it,
    as_strided_of_what_is_repeated,
    as_strided_of_what_is_turned,
    write_to_a_strided_view,
    views_that_take_the_tensors_place,
    a_view_that_becomes_another_view,
    scatters,
    copies_of_views,
]


def run(T, program):
    w = T.tensor([1.0, -2.0, 3.0], dtype=T.float64, requires_grad=True)
    result = program(T, w)
    (first,) = T.autograd.grad(result, w, create_graph=True)
    (second,) = T.autograd.grad((first * first).sum(), w, allow_unused=True) if first.requires_grad else (None,)
    return result.item(), first.tolist(), None if second is None else second.tolist()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_programs(program):
    ours, theirs = run(mytorch, program), run(torch, program)
    for a, b in zip(ours, theirs, strict=True):
        assert a == pytest.approx(b, rel=1e-12)


@pytest.mark.parametrize("T", [mytorch, torch], ids=["mytorch", "torch"])
def test_what_knows_of_the_gradient(T):
    w = T.ones(3, requires_grad=True)
    x = T.zeros(3)
    before = x[0:2]
    x.copy_(w)
    assert before.requires_grad
    assert x[1:].requires_grad
    x.zero_()
    assert before.requires_grad
    before.sum().backward()
    assert w.grad.tolist() == [0, 0, 0]
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
        w[0].add_(1)
    with T.no_grad():
        w[0].add_(1)
    assert w.tolist() == [2, 1, 1]


def image(T):
    return T.arange(120.0).reshape(2, 3, 4, 5)


# What is made of x = arange(24).reshape(2, 3, 4), and of images and the like; each shows x in another way.
LAYOUTS = {
    "transpose": lambda T, x: x.transpose(0, 2),
    "permute": lambda T, x: x.permute(dims=(2, 0, 1)),
    "slice": lambda T, x: x[1:, ::2, 1:3],
    "select": lambda T, x: x.select(1, 2),
    "select of a vector": lambda T, x: x.view(-1).select(0, 7),
    "index": lambda T, x: x[1, 2],
    "ellipsis and None": lambda T, x: x[..., None],
    "unsqueeze in front": lambda T, x: x.unsqueeze(0),
    "unsqueeze between": lambda T, x: x.unsqueeze(1),
    "unsqueeze behind": lambda T, x: x.unsqueeze(-1),
    "unsqueeze a transposed one": lambda T, x: x.transpose(0, 2).unsqueeze(1),
    "squeeze": lambda T, x: x[:1].squeeze(),
    "squeeze no dimension": lambda T, x: x[:1].squeeze(()),
    "expand": lambda T, x: x[:, :1].expand(2, 5, 4),
    "expand in front": lambda T, x: x.expand(6, 2, 3, 4),
    "expand to one": lambda T, x: x.expand(1, 2, 3, 4),
    "narrow": lambda T, x: x.narrow(2, 1, 2),
    "diagonal": lambda T, x: x.diagonal(1, 0, 2),
    "unfold": lambda T, x: x.unfold(2, 3, 1),
    "unfold with steps": lambda T, x: x.unfold(1, 2, 2),
    "unfold a number": lambda T, x: x.sum().unfold(0, 1, 1),
    "as_strided": lambda T, x: x.as_strided((3, 2), (5, 7), 2),
    "as_strided of a view": lambda T, x: x[1].as_strided((3, 2), (3, 1)),
    "as_strided of a view from the start": lambda T, x: T.as_strided(x[1], (3, 2), (5, 7), 0),
    "as_strided to a number": lambda T, x: x[1].as_strided((), ()),
    "as_strided to nothing": lambda T, x: x.as_strided((0,), (1,), 100),
    "view": lambda T, x: x.view(size=(4, -1)),
    "view of a slice": lambda T, x: x[:, 1:].view(2, 2, 2, 2),
    "view as integers": lambda T, x: x.view(dtype=T.int32),
    "reshape": lambda T, x: x.reshape(shape=(6, 4)),
    "reshape of a transposed one": lambda T, x: x.transpose(0, 1).reshape(6, 4),
    "flatten": lambda T, x: x[:, 1:].flatten(1),
    "unflatten": lambda T, x: x.unflatten(2, (2, -1)),
    "T": lambda T, x: x[0].T,
    "mT": lambda T, x: x.mT,
    "mH": lambda T, x: x.mH,
    "H": lambda T, x: x[0].H,
    "mT of complex numbers": lambda T, x: x.cfloat().mT,
    "H of complex numbers": lambda T, x: (x[0] * (1 + 2j)).H.resolve_conj(),
    "adjoint": lambda T, x: T.adjoint(x),
    "detach of a view": lambda T, x: x[1:, 1].detach(),
    "data of a view": lambda T, x: x[1:, 1].data,
    "split": lambda T, x: x.split(2, dim=1)[1],
    "unbind": lambda T, x: x.unbind(2)[3],
    "movedim": lambda T, x: x.movedim(0, 2),
    "flip": lambda T, x: x.flip(dims=(0,)),
    "flip a transposed one": lambda T, x: x.transpose(0, 2).flip(0, 1),
    "t_": lambda T, x: x.clone()[0].t_(),
    "transpose_": lambda T, x: x.clone().transpose_(0, 2),
    "swapaxes_": lambda T, x: x.clone().swapaxes_(0, 1),
    "squeeze_": lambda T, x: x.clone()[:1].squeeze_(0),
    "unsqueeze_": lambda T, x: x.clone().unsqueeze_(2),
    "as_strided_": lambda T, x: x.clone().as_strided_((2, 2), (3, 4), 5),
    "resize_ smaller": lambda T, x: x.clone().resize_(2, 5),
    "resize_ a view": lambda T, x: x.clone()[1].resize_(2, 5),
    "resize_ to the same": lambda T, x: x.clone()[1].t().resize_(4, 3),
    "resize_ and back": lambda T, x: x.clone().resize_((2,)).resize_(3, 3),
    "resize_ larger": lambda T, x: x.clone().resize_(100)[:24],
    "resize_ a view larger": lambda T, x: x.clone()[1].resize_(100)[:12],
    "resize_as_": lambda T, x: x.clone().resize_as_(T.ones(3, 2)),
    "resize_ to channels last": lambda T, x: x.clone().resize_(1, 2, 3, 4, memory_format=T.channels_last),
    "set_": lambda T, x: T.zeros(1).set_(x[1]),
    "set_ to nothing": lambda T, x: x.clone().set_(),
    "set_ to a part": lambda T, x: T.zeros(1).set_(x[1], 3, (2, 2), (4, 1)),
    "set_ to a storage": lambda T, x: T.zeros(1).set_(x[1].untyped_storage()),
    "set_ to a part of a storage": lambda T, x: T.zeros(1).set_(x.untyped_storage(), 3, (2, 2)),
    "clone": lambda T, x: x.transpose(0, 1).clone(),
    "clone of a slice": lambda T, x: x.transpose(0, 2)[1:].clone(),
    "clone in rows": lambda T, x: x.transpose(0, 1).clone(memory_format=T.contiguous_format),
    "contiguous": lambda T, x: x.permute(2, 1, 0).contiguous(),
    "contiguous already": lambda T, x: x[1].contiguous(),
    "to": lambda T, x: x.transpose(0, 1).to(T.float64),
    "to in rows": lambda T, x: x.transpose(0, 1).to(T.float64, memory_format=T.contiguous_format),
    "to in rows without another type": lambda T, x: x.transpose(0, 1).to(memory_format=T.contiguous_format),
    "to with flags": lambda T, x: x[1].to("cpu", T.int16, True, True),
    "to the type of another": lambda T, x: x[1].to(T.ones(1, dtype=T.int8), False, True),
    "double in rows": lambda T, x: x.mT.double(memory_format=T.contiguous_format),
    "char": lambda T, x: x.mT.char(),
    "cdouble": lambda T, x: x.mT.cdouble(),
    "elementwise of a transposed one": lambda T, x: (x.transpose(0, 2) + 1).square(),
    "elementwise of a slice": lambda T, x: x.transpose(0, 2)[1:, ::2] * 2,
    "image to channels last": lambda T, x: image(T).to(memory_format=T.channels_last),
    "image contiguous in channels last": lambda T, x: image(T).contiguous(memory_format=T.channels_last),
    "image channels last and back": lambda T, x: image(T).to(memory_format=T.channels_last).contiguous(),
    "image channels last elementwise": lambda T, x: T.relu(image(T).to(memory_format=T.channels_last) * 2 + 1),
    "image channels last with a row of channels": lambda T, x: (
        image(T).to(memory_format=T.channels_last) + T.ones(3, 1, 1)
    ),
    "image channels last clone": lambda T, x: image(T).to(memory_format=T.channels_last).clone(),
    "image channels last to float64": lambda T, x: image(T).to(memory_format=T.channels_last).double(),
    "image channels last convolved": lambda T, x: T.nn.functional.conv2d(
        image(T).to(memory_format=T.channels_last), T.ones(4, 3, 1, 1)
    ),
    "one channel to channels last": lambda T, x: T.ones(2, 1, 3, 3).to(memory_format=T.channels_last),
    "one pixel to channels last": lambda T, x: T.ones(2, 3, 1, 1).to(memory_format=T.channels_last),
    "one pixel contiguous in channels last": lambda T, x: T.ones(2, 3, 1, 1).contiguous(memory_format=T.channels_last),
    "volume to channels last": lambda T, x: T.ones(2, 3, 2, 2, 2).to(memory_format=T.channels_last_3d),
    "nothing": lambda T, x: T.zeros(0, 5, 0),
    "nothing but one": lambda T, x: T.zeros(3, 0),
    "a slice of nothing": lambda T, x: x[2:],
    "a column of nothing": lambda T, x: x[:, 1:1],
    "alias_copy": lambda T, x: T.alias_copy(x.mT),
    "unfold_copy": lambda T, x: T.unfold_copy(x, 2, 3, 1),
    "split_with_sizes_copy": lambda T, x: T.split_with_sizes_copy(x.mT, [1, 3], 1)[1],
    "slice_copy": lambda T, x: T.slice_copy(x, 2, 0, None, 2),
    "narrow_copy": lambda T, x: x.narrow_copy(1, 1, 2),
    "reversed": lambda T, x: reversed(x),
    "apply_": lambda T, x: x.mT.clone().apply_(lambda v: v * 2),
    "map_": lambda T, x: x.clone().map_(T.arange(4.0), lambda a, b: a * 10 + b),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized")
@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(name):
    def shown(T):
        y = LAYOUTS[name](T, T.arange(24.0).reshape(2, 3, 4))
        y = y.resolve_conj()
        offset = y.storage_offset() if y.numel() else 0
        contiguous = [y.is_contiguous(memory_format=getattr(T, f)) for f in FORMATS]
        return tuple(y.shape), y.stride(), offset, contiguous, y.dim_order(), str(y.dtype), y.tolist()

    assert shown(mytorch) == shown(torch)


FORMATS = ("contiguous_format", "channels_last", "channels_last_3d", "preserve_format")
