"""Weights that are computed from others: parametrizations, weight and spectral normalization in both forms."""

from __future__ import annotations

import copy

import pytest

import mytorch as torch
from mytorch import nn
from mytorch.nn.utils import parametrizations, parametrize

register = parametrize.register_parametrization


class Double(nn.Module):
    def forward(self, x):
        return x * 2

    def right_inverse(self, x):
        return x / 2


class AddOne(nn.Module):
    def forward(self, x):
        return x + 1


class Product(nn.Module):
    def forward(self, a, b):
        return a @ b

    def right_inverse(self, x):
        return x, torch.eye(2)


class Total(nn.Module):
    def forward(self, x):
        return x.sum()


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return nn.Linear(2, 2)


def test_steps_one_after_the_other(layer):
    before = layer.weight.detach().clone()
    parameter = layer.weight
    assert register(layer, "weight", Double()) is layer
    assert layer.parametrizations.weight.original is parameter
    assert torch.equal(layer.weight, before)
    register(layer, "weight", AddOne())
    assert torch.equal(layer.weight, before + 1)
    assert len(layer.parametrizations.weight) == 2
    assert type(layer).__name__ == "ParametrizedLinear"
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    assert isinstance(layer, nn.Linear)
    with pytest.raises(RuntimeError, match="AddOne does not implement right_inverse"):
        layer.weight = before
    twin = copy.deepcopy(layer)
    assert torch.equal(twin.weight, layer.weight)
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    layer(torch.ones(1, 2)).sum().backward()
    assert parameter.grad.tolist() == [[2, 2], [2, 2]]


def test_taking_it_away(layer):
    parameter, before = layer.weight, layer.weight.detach().clone()
    register(layer, "weight", Double())
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    assert layer.weight is parameter
    assert torch.equal(parameter, before / 2)
    assert type(layer) is nn.Linear
    assert not parametrize.is_parametrized(layer)
    register(layer, "weight", Double())
    parametrize.remove_parametrizations(layer, "weight")
    assert torch.equal(layer.weight, before / 2)
    with pytest.raises(ValueError, match="does not have a parametrization on weight"):
        parametrize.remove_parametrizations(layer, "weight")


def test_several_originals(layer):
    before = layer.weight.detach().clone()
    register(layer, "weight", Product())
    assert [n for n, _ in layer.named_parameters()][1:] == [f"parametrizations.weight.original{i}" for i in (0, 1)]
    assert torch.equal(layer.weight, before)
    layer.weight = torch.ones(2, 2)
    assert layer.weight.tolist() == [[1, 1], [1, 1]]
    with pytest.raises(ValueError, match="in terms of a sequence of tensors"):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    parametrize.remove_parametrizations(layer, "weight")
    assert isinstance(layer.weight, nn.Parameter)


def test_reading_once(layer):
    register(layer, "weight", AddOne())
    assert layer.weight is not layer.weight
    with parametrize.cached():
        first = layer.weight
        with parametrize.cached():
            assert layer.weight is first
        assert layer.weight is first
    assert layer.weight is not first


def test_buffers_and_transfer(layer):
    norm = register(nn.BatchNorm1d(2), "running_mean", AddOne())
    assert norm.running_mean.tolist() == [1, 1]
    assert "parametrizations.running_mean.original" in norm.state_dict()
    other = nn.Linear(2, 2)
    assert parametrize.transfer_parametrizations_and_params(nn.ReLU(), other) is other
    register(layer, "weight", Double())
    parametrize.transfer_parametrizations_and_params(layer, other)
    assert torch.equal(other.weight, layer.weight)
    assert other.parametrizations.weight.original is not layer.parametrizations.weight.original


def test_what_is_refused(layer):
    class Halved(nn.Module):
        def forward(self, x):
            return x.double()

    class NoTensor(nn.Module):
        def forward(self, x):
            return x

        def right_inverse(self, x):
            return 3

    for name, module, match in (
        ("nothing", Double(), "does not have a parameter"),
        ("weight", Total(), "may not change the shape"),
        ("weight", Halved(), "may not change the dtype"),
        ("weight", NoTensor(), "must return a Tensor or a Sequence"),
    ):
        with pytest.raises(ValueError, match=match):
            register(layer, name, module)
    register(layer, "weight", Double())
    with pytest.raises(ValueError, match="may not change the dtype or shape"):
        register(layer, "weight", Total())
    register(layer, "weight", Total(), unsafe=True)
    assert layer.weight.shape == ()


# --- ready-made ones ------------------------------------------------------------------------------------------------


def old_weight_norm(module, **arguments):
    with pytest.warns(FutureWarning, match="deprecated"):
        return nn.utils.weight_norm(module, **arguments)


@pytest.mark.parametrize("make", [old_weight_norm, parametrizations.weight_norm])
@pytest.mark.parametrize(("dim", "shape"), [(0, (2, 1)), (1, (1, 2)), (None, ())])
def test_weight_norm(layer, make, dim, shape):
    before = layer.weight.detach().clone()
    make(layer, dim=dim)
    length, direction = [p for n, p in layer.named_parameters() if n != "bias"]
    assert (tuple(length.shape), direction.shape) == (shape, (2, 2))
    assert torch.allclose(layer.weight, before)
    layer(torch.ones(1, 2)).sum().backward()
    along = (direction.grad * direction).sum(() if dim is None else 1 - dim)
    assert torch.allclose(along, torch.zeros_like(along), atol=1e-6)  # the length is learned apart
    with torch.no_grad():
        length.mul_(2)
    layer(torch.ones(1, 2))
    assert torch.allclose(layer.weight, before * 2)


def test_the_older_weight_norm_taken_away(layer):
    before = layer.weight.detach().clone()
    old_weight_norm(layer)
    with pytest.raises(RuntimeError, match="Cannot register two weight_norm hooks"):
        old_weight_norm(layer)
    assert nn.utils.remove_weight_norm(layer) is layer
    assert sorted(n for n, _ in layer.named_parameters()) == ["bias", "weight"]
    assert torch.allclose(layer.weight, before)
    with pytest.raises(ValueError, match="weight_norm of 'weight' not found"):
        nn.utils.remove_weight_norm(layer)


def test_older_names_of_weight_norm_are_loaded(layer):
    old = old_weight_norm(copy.deepcopy(layer))
    new = parametrizations.weight_norm(nn.Linear(2, 2))
    new.load_state_dict(old.state_dict())
    assert torch.allclose(new.weight, layer.weight)


@pytest.mark.parametrize("make", [nn.utils.spectral_norm, parametrizations.spectral_norm])
@pytest.mark.parametrize("kind", [nn.Linear, lambda i, o: nn.Conv1d(i, o, 2), lambda i, o: nn.ConvTranspose1d(i, o, 2)])
def test_spectral_norm(make, kind):
    torch.manual_seed(0)
    module = make(kind(3, 4))
    x = torch.ones(2, 3) if isinstance(module, nn.Linear) else torch.ones(2, 3, 5)
    for _ in range(30):
        out = module(x)
    (out.sum() + module(x).sum()).backward()  # two calls before one backward pass
    module.eval()
    module(x)
    matrix = module.weight.detach()
    matrix = (matrix.transpose(0, 1) if isinstance(module, nn.ConvTranspose1d) else matrix).flatten(1)
    gram = matrix @ matrix.t()
    v = torch.ones(4)
    for _ in range(200):
        v = gram @ v
        v = v / v.norm()
    assert (v @ gram @ v).sqrt().item() == pytest.approx(1, abs=1e-3)


def test_spectral_norm_taken_away_and_refused(layer):
    nn.utils.spectral_norm(layer)
    with pytest.raises(RuntimeError, match="Cannot register two spectral_norm hooks"):
        nn.utils.spectral_norm(layer)
    nn.utils.remove_spectral_norm(layer)
    assert sorted(n for n, _ in layer.named_parameters()) == ["bias", "weight"]
    for make in (nn.utils.spectral_norm, parametrizations.spectral_norm):
        with pytest.raises(ValueError, match="n_power_iterations to be positive"):
            make(layer, n_power_iterations=0)
    with pytest.raises(IndexError, match="Dimension out of range"):
        parametrizations.spectral_norm(layer, dim=2)
    with pytest.raises(ValueError, match="no parameter or buffer with name 'w'"):
        parametrizations.spectral_norm(layer, "w")
    vector = parametrizations.spectral_norm(nn.LayerNorm(4))
    assert vector.weight.norm().item() == pytest.approx(1)


def test_skipping_the_initial_values():
    with pytest.raises(RuntimeError, match="Expected a Module"):
        nn.utils.skip_init(dict)
