"""Saved files between mytorch and the live PyTorch, both ways; PyTorch reads ours with `weights_only=True`."""

from __future__ import annotations

import importlib.util
import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mytorch

_PATH = Path(__file__).parents[1] / "golden" / "record_serialization.py"
_SPEC = importlib.util.spec_from_file_location("record_serialization", _PATH)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)

BOTH_WAYS = pytest.mark.parametrize(("source", "target"), [(mytorch, torch), (torch, mytorch)], ids=["out", "in"])


def across(obj, source, target):
    """What one library reads of what the other has saved."""
    file = io.BytesIO()
    source.save(obj, file)
    file.seek(0)
    return target.load(file, weights_only=True)


def described(value, places=True):
    """A value of either library, with all that must be kept, in types that compare with `==`."""
    if isinstance(value, (torch.Tensor, mytorch.Tensor)):
        whole = value.detach().resolve_conj().numpy()
        lies = (value.stride(), value.storage_offset(), value.untyped_storage().nbytes()) if places else ()
        attributes = {k: v for k, v in vars(value).items() if k in ("note", "tags")}
        kind = type(value).__name__, str(value.dtype), tuple(value.shape), value.requires_grad
        return *kind, lies, whole.tobytes(), attributes
    if isinstance(value, dict):
        return type(value), [(described(k, places), described(v, places)) for k, v in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [described(v, places) for v in value]
    if type(value).__module__.partition(".")[0] in ("torch", "mytorch"):
        return repr(value)  # a device, an element type
    return type(value), value


@BOTH_WAYS
def test_everything(source, target):
    expected = recorded.checkpoint(source)
    loaded = across(expected, source, target)
    assert described(loaded) == described(expected)
    assert described(loaded) == described(across(expected, source, source))
    assert loaded["model"]._metadata == expected["model"]._metadata


def test_the_same_checkpoint_from_both():
    """Also that the memory behind tensors is stored alike, and under the same names."""
    assert described(recorded.checkpoint(mytorch)) == described(recorded.checkpoint(torch))
    sizes = []
    for library in (mytorch, torch):
        file = io.BytesIO()
        library.save(recorded.checkpoint(library), file)
        records = zipfile.ZipFile(file).infolist()
        sizes.append([(r.filename, r.file_size) for r in records if r.filename.startswith("archive/data/")])
    assert sizes[0] == sizes[1]


def test_files_on_disk(tmp_path):
    for source, target in ((mytorch, torch), (torch, mytorch)):
        path = tmp_path / f"{source.__name__}.pth"
        source.save({"a": source.ones(3), "empty": source.empty(0), "b": source.arange(5, dtype=source.int8)}, path)
        for f in (path, str(path)):
            loaded = target.load(f, mmap=True, map_location="cpu")
            assert loaded["a"].tolist() == [1, 1, 1]
            assert loaded["b"].tolist() == [0, 1, 2, 3, 4]
            loaded["a"][0] = 2
        assert target.load(path)["a"].tolist() == [1, 1, 1]


class Blocks:
    """A small residual network and its optimizer, in either library."""

    def __init__(self, t, make):
        class Block(t.nn.Module):
            def __init__(self, planes):
                super().__init__()
                self.conv1 = t.nn.Conv2d(planes, planes, 3, padding=1, bias=False)
                self.bn1 = t.nn.BatchNorm2d(planes)
                self.downsample = t.nn.Sequential(t.nn.Conv2d(planes, planes, 1), t.nn.BatchNorm2d(planes))

            def forward(self, x):
                return t.relu(self.bn1(self.conv1(x)) + self.downsample(x))

        class Net(t.nn.Module):
            def __init__(self):
                super().__init__()
                self.conv1 = t.nn.Conv2d(1, 4, 3, bias=False)
                self.layers = t.nn.ModuleList([Block(4), Block(4)])
                self.fc = t.nn.Linear(4, 3)
                self.register_buffer("scale", t.tensor(2.0))

            def forward(self, x):
                x = self.conv1(x)
                for layer in self.layers:
                    x = layer(x)
                return self.fc(x.mean((2, 3))) * self.scale

        t.manual_seed(3)
        self.t = t
        self.net = Net()
        self.optimizer = make(t.optim, self.net.parameters())
        self.schedule = t.optim.lr_scheduler.MultiStepLR(self.optimizer, milestones=[2, 3, 3], gamma=0.5)

    def train(self, steps, seed):
        x = np.random.default_rng(seed).normal(size=(steps, 5, 1, 6, 6)).astype("float32")
        losses = []
        for batch in x:
            out = self.net(self.t.from_numpy(batch))
            loss = self.t.nn.functional.cross_entropy(out, self.t.tensor([0, 1, 2, 0, 1]))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            losses.append(loss.item())
        return losses

    def state(self):
        parts = {"net": self.net, "optimizer": self.optimizer, "schedule": self.schedule}
        return {"epoch": 3, **{name: part.state_dict() for name, part in parts.items()}, "rng": self.t.get_rng_state()}

    def load(self, state):
        assert self.net.load_state_dict(state["net"]).missing_keys == []
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.t.set_rng_state(state["rng"])


@BOTH_WAYS
@pytest.mark.parametrize(
    "make",
    [
        lambda optim, params: optim.Adam(params, lr=0.01),
        lambda optim, params: optim.AdamW(params, lr=0.01, amsgrad=True),
        lambda optim, params: optim.SGD(params, lr=0.05, momentum=0.9, nesterov=True),
        lambda optim, params: optim.RMSprop(params, lr=0.01, momentum=0.5),
    ],
    ids=["adam", "adamw", "sgd", "rmsprop"],
)
def test_a_training_goes_on_in_the_other_library(source, target, make):
    first, second = Blocks(source, make), Blocks(target, make)
    first.train(3, seed=0)
    state = across(first.state(), source, target)
    assert described(state, places=False) == described(first.state(), places=False)
    second.load(state)
    np.testing.assert_allclose(second.train(4, seed=1), first.train(4, seed=1), rtol=2e-4)
    assert second.t.rand(3).tolist() == first.t.rand(3).tolist()


@BOTH_WAYS
def test_a_module_with_tied_weights(source, target):
    net = source.nn.Sequential(source.nn.Linear(2, 2), source.nn.Linear(2, 2))
    net[1].weight = net[0].weight
    loaded = across(net.state_dict(keep_vars=True), source, target)
    assert loaded["0.weight"] is loaded["1.weight"]
    assert isinstance(loaded["0.weight"], target.nn.Parameter)
    loaded = across(net.state_dict(), source, target)
    assert loaded["0.weight"].data_ptr() == loaded["1.weight"].data_ptr()


@pytest.mark.parametrize("name", recorded.DTYPES)
@BOTH_WAYS
def test_dtypes_and_layouts(source, target, name):
    x = source.tensor(np.arange(24).reshape(2, 3, 4) % 2 * 3).to(getattr(source, name))
    views = [x, x.transpose(0, 2), x[:, 1], x[1, :, ::2], x[0, 0, 1], x.permute(2, 0, 1)[1:, 1:], x[:1].expand(3, 3, 4)]
    assert described(across(views, source, target)) == described(views)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**2000), 2**2000)
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters())
    | st.binary(min_size=1),  # PyTorch saves b"" in a way that it does not read with weights_only=True
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.dictionaries(st.text(), inner).map(OrderedDict)
        | st.sets(st.integers() | st.text())
    ),
)


@BOTH_WAYS
@given(value=PLAIN)
@settings(deadline=None)
def test_any_plain_data(source, target, value):
    assert described(across([value, value], source, target)) == described([value, value])


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn"])
def test_types_that_numpy_has_not(dtype):
    state = {"fc.weight": torch.zeros(2, dtype=getattr(torch, dtype))}
    with pytest.raises(pickle.UnpicklingError, match=dtype):
        across(state, torch, mytorch)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_what_is_not_read():
    for value, message in (
        (torch.nn.Linear(1, 1), "torch.nn.modules.linear.Linear"),
        (np.float64(1), "numpy"),
        (torch.eye(2).to_sparse(), "_rebuild_sparse_tensor"),
    ):
        with pytest.raises(pickle.UnpicklingError, match=message):
            across(value, torch, mytorch)
    file = io.BytesIO()
    torch.save([1], file, _use_new_zipfile_serialization=False)
    file.seek(0)
    with pytest.raises(RuntimeError, match="bare pickle"):
        mytorch.load(file)
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), file)
    file.seek(0)
    with pytest.raises(RuntimeError, match="TorchScript"):
        mytorch.load(file)
