"""`save` and `load`: round trips, a file of PyTorch's own, damage, and files that want to run code."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct
import sys
import zipfile
from collections import Counter, OrderedDict, defaultdict, namedtuple
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mytorch as torch
from mytorch import nn
from mytorch.serialization.archive import write_archive
from mytorch.serialization.pickle_reader import PickleReader
from mytorch.serialization.pickle_writer import PickleWriter

GOLDEN = Path(__file__).parent / "golden" / "record_serialization.py"


def saved(obj):
    file = io.BytesIO()
    torch.save(obj, file)
    file.seek(0)
    return file


def again(obj):
    return torch.load(saved(obj))


def crafted(pickled, *storages):
    """A file with this pickle."""
    file = io.BytesIO()
    write_archive(file, pickled, [np.frombuffer(s, np.uint8) for s in storages])
    file.seek(0)
    return file


def described(value):
    """A value with all that must be kept, in types that compare with `==`."""
    if isinstance(value, torch.Tensor):
        whole = value.detach().numpy()
        where = (value.stride(), value.storage_offset(), value.untyped_storage().nbytes())
        attributes = {k: v for k, v in vars(value).items() if k in ("note", "tags")}
        return type(value), value.dtype, value.shape, where, value.requires_grad, whole.tobytes(), attributes
    if isinstance(value, dict):
        return type(value), [(described(k), described(v)) for k, v in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [described(v) for v in value]
    return type(value), value


@pytest.fixture(scope="module")
def golden(load_file):
    return load_file(GOLDEN)


def test_round_trip(golden):
    value = golden.checkpoint(torch)
    loaded = again(value)
    assert described(loaded) == described(value)
    assert loaded["model"]._metadata == value["model"]._metadata


def test_a_file_of_pytorch(golden):
    expected = golden.checkpoint(torch)
    loaded = torch.load(golden.GOLDEN)
    assert described(loaded) == described(expected)
    assert list(loaded["model"]._metadata) == list(expected["model"]._metadata)


def test_training_goes_on(tmp_path):
    def make():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        return model, optimizer, torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 4], 0.5)

    def train(model, optimizer, schedule):
        losses = []
        for _ in range(3):
            x = torch.randn(8, 3)
            optimizer.zero_grad()
            loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        return losses

    parts = make()
    train(*parts)
    torch.save({"parts": [part.state_dict() for part in parts], "rng": torch.get_rng_state()}, tmp_path / "a.pth")
    expected = train(*parts)
    fresh = make()
    checkpoint = torch.load(str(tmp_path / "a.pth"), weights_only=True, map_location="cpu", mmap=True)
    for part, state in zip(fresh, checkpoint["parts"], strict=True):
        part.load_state_dict(state)
    torch.set_rng_state(checkpoint["rng"])
    assert train(*fresh) == expected


def test_shared_memory_is_shared_again():
    base = torch.arange(6)
    weight = nn.Parameter(torch.ones(2))
    shared = [1]
    loaded = again([base, base[::2], weight, weight, weight.detach(), shared, shared, base])
    loaded[0][2] = 9
    assert loaded[1].tolist() == [0, 9, 4]
    assert loaded[2] is loaded[3]
    assert loaded[0] is loaded[7]
    assert loaded[5] is loaded[6]
    with torch.no_grad():
        loaded[2][0] = 5
    assert loaded[4].tolist() == [5, 1]
    assert base[2] == 2


def test_memory_is_stored_once_and_whole():
    big = torch.zeros(1000)
    names = zipfile.ZipFile(saved([big, big[:5], big.view(10, 100).t()])).infolist()
    assert [n.file_size for n in names if "/data/" in n.filename] == [4000]
    assert again(big[:5]).untyped_storage().nbytes() == 4000
    assert again(big[:5].clone()).untyped_storage().nbytes() == 20


def test_parameters_after_a_step_have_storages_of_their_own():
    model = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state = again(model.state_dict())
    assert [t.untyped_storage().nbytes() for t in state.values()] == [24, 8]


def test_backward_strides_are_laid_out_anew():
    x = torch.arange(6).view(2, 3).flip(1)
    assert again(x).tolist() == x.tolist()


def test_storages_begin_on_aligned_places():
    data = saved([torch.ones(3), torch.ones(1, dtype=torch.bool), torch.zeros(0), torch.ones(2)]).getvalue()
    for info in zipfile.ZipFile(io.BytesIO(data)).infolist():
        name, extra = struct.unpack("<HH", data[info.header_offset + 26 : info.header_offset + 30])
        assert (info.header_offset + 30 + name + extra) % 64 == 0


def test_cycles():
    ring = [1]
    ring.append({"ring": ring})
    loaded = again(ring)
    assert loaded[1]["ring"] is loaded
    loop = []
    loop.append((loop,))
    loaded = again([loop[0], "b", loop[0], "b"])
    assert loaded[0] is loaded[2]
    assert loaded[0][0][0][0] is loaded[0][0]
    assert loaded[1::2] == ["b", "b"]
    counts = Counter()
    counts["itself"] = counts
    with pytest.raises(RecursionError, match="nested too deeply, or contains itself"):
        torch.save(counts, io.BytesIO())


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**3000), 2**3000)
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters())
    | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.dictionaries(st.text(), inner).map(OrderedDict)
        | st.sets(st.integers() | st.text())
    ),
)


@given(PLAIN)
@settings(deadline=None)
def test_any_plain_data(value):
    assert described(again([value, value, "end"])) == described([value, value, "end"])


# --- what is not saved ------------------------------------------------------------------------------------------------

Point = namedtuple("Point", "x y")


class Custom:
    pass


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (nn.Linear(1, 1), r"Linear cannot be saved.*state_dict\(\), make the module anew"),
        (torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=1), r"SGD cannot be saved.*its state_dict\(\)"),
        (lambda: 1, "a function cannot be saved"),
        (Custom(), "Custom cannot be saved"),
        (Custom, "a type cannot be saved"),
        (np.float64(1), r"numpy.float64 cannot be saved.*x.item\(\)"),
        (np.ones(1), r"numpy.ndarray cannot be saved.*from_numpy"),
        (defaultdict(list), "collections.defaultdict cannot be saved.*plain dict"),
        (Point(1, 2), "Point cannot be saved.*plain"),
        (frozenset(), "a frozenset cannot be saved.*set first"),
        (torch.Generator(), "Generator cannot be saved"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_cannot_be_saved(value, message, tmp_path):
    for obj in (value, {"a": [value]}):
        with pytest.raises(TypeError, match=message):
            torch.save(obj, tmp_path / "a.pth")
    assert not list(tmp_path.iterdir())


def test_one_memory_with_two_types():
    x = torch.ones(2)
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        torch.save([x, x.view(torch.int32)], io.BytesIO())


def test_pickling_names_save():
    with pytest.raises(TypeError, match=r"mytorch\.save"):
        pickle.dumps(torch.ones(1))


# --- paths and files --------------------------------------------------------------------------------------------------


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.pth"
    torch.save(1, path)

    def fail(*_):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="disk full"):
            torch.save(2, path)
    assert torch.load(path) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a.pth"]
    torch.save(3, str(path))
    assert torch.load(path) == 3


class OneWay:
    """A file that can only be written to."""

    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += bytes(data)


def test_kinds_of_files(tmp_path):
    pipe = OneWay()
    torch.save(torch.ones(2), pipe)
    assert torch.load(io.BytesIO(pipe.data)).tolist() == [1, 1]
    with open(tmp_path / "b.pth", "wb") as file:
        torch.save([1], file)
    with open(tmp_path / "b.pth", "rb") as file:
        assert torch.load(file) == [1]
    torch.save(1, os.devnull)
    assert not Path(os.devnull).is_file()
    with pytest.raises(RuntimeError, match=r"Parent directory .* does not exist"):
        torch.save(1, tmp_path / "none" / "a.pth")
    with pytest.raises(AttributeError, match="expected 'f' to be"):
        torch.save(1, 5)
    with pytest.raises(AttributeError, match="expected 'f' to be"):
        torch.load(5)
    with pytest.raises(FileNotFoundError, match=r"missing\.pth"):
        torch.load(tmp_path / "missing.pth")


def test_options_of_load(tmp_path):
    file = saved([1])
    assert torch.load(file, weights_only=None) == [1]
    with pytest.raises(ValueError, match="would run code from the file"):
        torch.load(saved(1), weights_only=False)
    with pytest.raises(ValueError, match="must be a file path"):
        torch.load(saved(1), mmap=True)
    file.read()
    with pytest.raises(EOFError, match=r"seek\(0\)"):
        torch.load(file)


def test_map_location():
    writer = PickleWriter()
    pickled = writer.dump(torch.ones(2)).replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    file = crafted(pickled, *[s.tobytes() for s in writer.storages])

    def load(where):
        file.seek(0)
        return torch.load(file, where).tolist()

    assert load("cpu") == load(torch.device("cpu")) == load({"cuda:0": "cpu"}) == load(lambda s, loc: s) == [1, 1]
    met = []
    with pytest.raises(RuntimeError, match="map_location='cpu'"):
        load(lambda s, loc: met.append((loc, s.nbytes())))
    assert met == [("cuda:0", 8)]
    for where in (None, {"cuda:1": "cpu"}, {"cuda:0": "cuda:1"}):
        with pytest.raises(RuntimeError, match="Attempting to deserialize object on 'cuda"):
            load(where)
    with pytest.raises(RuntimeError, match="CPU only"):
        load("cuda")


# --- files that are not as they should be -----------------------------------------------------------------------------


def test_every_cut_is_told():
    data = saved({"a": torch.ones(3), "b": [1, "x"]}).getvalue()
    for end in range(len(data)):
        with pytest.raises((RuntimeError, EOFError), match=r"damaged|is no file|nothing to read"):
            torch.load(io.BytesIO(data[:end]))


def test_changed_bytes_are_told():
    data = saved({"a": torch.ones(3)}).getvalue()
    middle = data.index(np.float32(1).tobytes() * 3)
    with pytest.raises(RuntimeError, match=r"damaged.*CRC"):
        torch.load(io.BytesIO(data[:middle] + b"\1" + data[middle + 1 :]))
    for at in range(len(data)):
        # A changed date does no harm; what does is one of these.
        with contextlib.suppress(RuntimeError, pickle.UnpicklingError):
            torch.load(io.BytesIO(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]))


def test_other_files():
    for data, message in (
        (pickle.dumps([1], 2), "bare pickle, as PyTorch wrote before version 1.6"),
        (b"weights", "not a zip archive"),
    ):
        with pytest.raises(RuntimeError, match=message):
            torch.load(io.BytesIO(data))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/x.txt", "x")
    file.seek(0)
    with pytest.raises(RuntimeError, match=r"no record data\.pkl"):
        torch.load(file)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("a/data.pkl", "x")
        archive.writestr("a/constants.pkl", "x")
    file.seek(0)
    with pytest.raises(RuntimeError, match="TorchScript"):
        torch.load(file)


def rewritten(obj, **records):
    """A file with some records of its archive exchanged."""
    new = io.BytesIO()
    with zipfile.ZipFile(saved(obj)) as old, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in old.namelist():
            short = name.removeprefix("archive/")
            archive.writestr(f"model/{short}", records.get(short, old.read(name)))
    new.seek(0)
    return new


def test_the_other_byte_order():
    other = "big" if sys.byteorder == "little" else "little"
    values = [torch.tensor([1.5, -2.0]), torch.tensor([1 + 2j]), torch.tensor([258], dtype=torch.int16)]
    file = rewritten(values, byteorder=other, **{
        f"data/{i}": v.numpy().astype(v.numpy().dtype.newbyteorder()).tobytes() for i, v in enumerate(values)
    })  # fmt: skip
    assert [v.tolist() for v in torch.load(file)] == [v.tolist() for v in values]
    with pytest.raises(RuntimeError, match="byte order is 'middle'"):
        torch.load(rewritten(values, byteorder="middle"))
    with pytest.raises(pickle.UnpicklingError, match="other byte order"):
        torch.load(rewritten(torch.ones(1, dtype=torch.uint16), byteorder=other))
    with pytest.raises(RuntimeError, match="data/0 has 3 bytes, not 8"):
        torch.load(rewritten(values, **{"data/0": b"abc"}))


def test_bfloat16_is_named():
    state = {"epoch": 1, "model": {f"{i}.weight": torch.ones(2, dtype=torch.float16) for i in range(10)}}
    writer = PickleWriter()
    pickled = writer.dump(state).replace(b"HalfStorage", b"BFloat16Storage")
    with pytest.raises(pickle.UnpicklingError, match=r"10 tensor\(s\).*model.0.weight, model.1.weight.*\.float\(\)"):
        torch.load(crafted(pickled, *[s.tobytes() for s in writer.storages]))


class Evil:
    """A pickle that runs a command when it is read."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "call",
    [(os.system, ("touch owned",)), (eval, ("open('owned', 'w')",)), (getattr, ("a", "upper")), (Custom, ())],
    ids=lambda c: c[0].__name__,
)
def test_nothing_is_run(call, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for obj in (Evil(*call), {"a": [torch.Size([1]), Evil(*call)][1:]}):
        with pytest.raises(pickle.UnpicklingError, match=r"names|protocol|opcode"):
            torch.load(crafted(pickle.dumps(obj, protocol)))
    assert not list(tmp_path.iterdir())


def test_the_refused_name_is_told():
    with pytest.raises(pickle.UnpicklingError, match=r"names builtins.eval, .*Only weights and plain data are read"):
        torch.load(crafted(pickle.dumps(Evil(eval, ("1",)), 2)))


REF = b"(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" + b"0X\3\0\0\0cpuK\2tQ"


def tensor(middle, reference=REF):
    return b"\x80\2ctorch._utils\n_rebuild_tensor_v2\n(" + reference + middle + b"\x89)tR."


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (tensor(b"K\0K\3\x85K\1\x85"), "lead out of a storage"),
        (tensor(b"K\1K\2\x85K\1\x85"), "lead out of a storage"),
        (
            tensor(b"K\0K\5\x85\x8a\x08\0\0\0\0\0\0\0\x10\x85"),
            "lead out of a storage",
        ),  # 4 * 2**60 elements: 2**64 bytes
        (tensor(b"K\0K\2\x85J\xff\xff\xff\xff\x85"), "impossible"),
        (tensor(b"J\xff\xff\xff\xffK\1\x85K\1\x85"), "impossible"),
        (tensor(b"K\0K\2\x85K\1K\1\x86"), "impossible"),
        (tensor(b"K\0G\0\0\0\0\0\0\0\0\x85K\1\x85"), "impossible"),
        (tensor(b"K\0K\1\x85K\1\x85", b"N"), "needs a storage"),
        (tensor(b"K\0K\1\x85K\1\x85", b"NQ"), "only storages"),
        (b"\x80\2" + REF[:-1] + b"q\0h\0R.", "nothing that can be called"),
        (b"\x80\2ccollections\nOrderedDict\n.", "does not end with one value"),
        (b"\x80\2ccollections\nOrderedDict\n)R}X\5\0\0\0itemsNsb.", "attribute 'items'"),
        (b"\x80\2ccollections\nOrderedDict\n}X\1\0\0\0aNsb.", "fill a _Maker"),
        (b"\x80\2]}X\1\0\0\0aNsb.", "fill a list"),
        (b"\x80\2}K\1a.", "fill a dict"),
        (b"\x80\2]K\1K\1s.", "fill a list"),
        (b"\x80\2cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.", "fill a int"),
        (b"\x80\2c_codecs\nencode\nX\1\0\0\0aX\5\0\0\0rot13\x86R.", "latin1"),
        (b"\x80\2ctorch\ndevice\nX\4\0\0\0meta\x85R.", "Expected one of cpu, cuda"),
        (b"\x80\2}]K\1s.", "unhashable"),
        (b"\x80\2K\1K\2.", "does not end with one value"),
        (b"\x80\2(K\1.", "does not end with one value"),
        (b"\x80\2h\7.", "damaged at byte"),
        (b"\x80\2\x86.", "damaged at byte"),
        (b"\x80\2Q.", "only storages"),
        (b"\x80\4K\1.", "protocol 4"),
        (b"\x80\2\x82\1.", "opcode EXT1"),
        (b"\x80\2ccollections\nOrderedDict\n)\x81.", "opcode NEWOBJ"),
        (b"\x80\2I1\n.", "opcode INT"),
        (b"\x80\2K\1", "damaged"),
        (b"\xff", "damaged"),
        (b"", "damaged"),
    ],
)
def test_impossible_pickles(pickled, message):
    with pytest.raises(pickle.UnpicklingError, match=message):
        torch.load(crafted(pickled, bytes(8)))


def test_tensors_with_attributes_of_their_class():
    x = torch.ones(1)
    x.zzzz = 1
    writer = PickleWriter()
    pickled = writer.dump(x)
    with pytest.raises(pickle.UnpicklingError, match="attribute 'grad' of a Tensor"):
        torch.load(crafted(pickled.replace(b"\4\0\0\0zzzz", b"\4\0\0\0grad"), bytes(4)))
    for name in (b"torch._utils\n_rebuild_parameter\n", b"torch\nSize\n"):
        with pytest.raises(pickle.UnpicklingError, match="wants to make a tensor"):
            torch.load(crafted(pickled.replace(b"torch._utils\n_rebuild_tensor_v2\n", name), bytes(4)))


def test_bits_that_pytorch_sets_instead_of_computing():
    writer = PickleWriter()
    pickled = writer.dump(torch.tensor([1 + 2j, 3 - 1j]))

    def load(properties):
        changed = pickled.replace(b")Rq\x08t", b")Rq\x08" + properties + b"t")
        assert changed != pickled
        return torch.load(crafted(changed, writer.storages[0].tobytes()))

    assert load(b"}X\4\0\0\0conj\x88s").tolist() == [1 - 2j, 3 + 1j]
    assert load(b"}X\3\0\0\0neg\x88s").tolist() == [-1 - 2j, -3 + 1j]
    assert load(b"}X\3\0\0\0neg\x89s").tolist() == [1 + 2j, 3 - 1j]
    with pytest.raises(pickle.UnpicklingError, match="property 'other'"):
        load(b"}X\5\0\0\0other\x88s")


def start():
    writer = PickleWriter()
    counts = [Counter("aab"), bytearray(b"x"), {1}, 2**70, torch.Size([1]), torch.float32, torch.device("cpu")]
    x = torch.ones(2, 3)
    return writer.dump({"a": [x, x.t(), nn.Parameter(x)], "b": counts, "c": OrderedDict(a=(1.5, "x", b"y"))})


START = start()


def no_storage(key, size):
    array = np.zeros(24, np.uint8)
    return array if size == 24 else array[:0]


@given(
    st.lists(
        st.tuples(st.integers(0, len(START) - 1), st.integers(0, 1), st.binary(max_size=3)), min_size=1, max_size=4
    )
)
@settings(deadline=None, max_examples=400)
def test_pickles_with_random_changes(changes):
    data = bytearray(START)
    for at, removed, added in changes:
        data[at : at + removed] = added
    with contextlib.suppress(pickle.UnpicklingError):  # nothing else may come out
        PickleReader(no_storage, lambda storage, location: storage).read(bytes(data))
