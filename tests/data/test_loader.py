"""The loader: PyTorch's recorded orders, the short cut for tensors, workers, and what it refuses."""

from __future__ import annotations

import copy
import importlib.util
import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import mytorch
from mytorch.data import loader as loader_module
from mytorch.data.arrays import MappedRows
from mytorch.data.normalize import Normalizer
from mytorch.data.preparation import MappedDataset
from mytorch.utils import data
from mytorch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset, get_worker_info

GOLDEN = Path(__file__).parents[1] / "golden"


def as_lists(loader):
    return [[part.tolist() for part in batch] for batch in loader]


class Recorder(Dataset):
    """Remembers in which thread each index was read."""

    def __init__(self, length):
        self.length = length
        self.read = []

    def __getitem__(self, index):
        self.read.append((index, threading.current_thread().name))
        return index

    def __len__(self):
        return self.length


class Share(IterableDataset):
    """0 to stop - 1, of which each worker gives its share."""

    def __init__(self, stop):
        self.stop = stop

    def __iter__(self):
        info = get_worker_info()
        return iter(range(self.stop)) if info is None else iter(range(info.id, self.stop, info.num_workers))

    def __len__(self):
        return self.stop


@pytest.mark.filterwarnings("ignore:Length of split at index")
def test_orders_are_pytorchs():
    spec = importlib.util.spec_from_file_location("record_data", GOLDEN / "record_data.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    recorded = json.loads((GOLDEN / "data.json").read_text())["orders"]
    ours = script.record(mytorch, data)
    assert ours.keys() == recorded.keys()
    for case in recorded:
        assert ours[case] == recorded[case], case


class TestShortCutForTensors:
    @pytest.fixture
    def tensors(self):
        rng = np.random.default_rng(0)
        return (
            mytorch.tensor(rng.normal(size=(50, 3, 2)).astype(np.float32)),
            mytorch.tensor(rng.integers(0, 9, 50)),
            mytorch.tensor(np.asfortranarray(rng.normal(size=(50, 4)))),
        )

    @pytest.mark.parametrize("indices", [None, [3, 3, -1, 0, 49, -50]])
    def test_same_batches_as_one_by_one(self, tensors, indices, monkeypatch):
        dataset = TensorDataset(*tensors)
        if indices is not None:
            dataset = Subset(Subset(dataset, list(range(49, -1, -1))), indices)

        def batches():
            mytorch.manual_seed(1)
            return list(DataLoader(dataset, 4, shuffle=True))

        short = batches()
        monkeypatch.setattr(loader_module, "_collated", lambda dataset, indices: None)
        for quick, slow in zip(short, batches(), strict=True):
            assert type(quick) is type(slow) is list
            for left, right in zip(quick, slow, strict=True):
                assert left.dtype == right.dtype
                assert left.shape == right.shape
                assert left.stride() == right.stride()
                np.testing.assert_array_equal(left.numpy(), right.numpy())

    def test_is_taken(self, tensors, monkeypatch):
        monkeypatch.setattr(TensorDataset, "__getitem__", None)
        assert len(list(DataLoader(TensorDataset(*tensors), 7))) == 8
        assert len(list(DataLoader(Subset(TensorDataset(*tensors), [1, 2]), 7))) == 1

    def test_of_rows_on_the_disk(self, tensors, tmp_path, monkeypatch):
        values = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (50, 3))
        values[:] = np.arange(150).reshape(50, 3)
        inputs = MappedRows(values, np.arange(40, 0, -1), Normalizer.fit("standard", values))
        dataset = MappedDataset(inputs, (tensors[1][:40],))

        def batches():
            return list(DataLoader(dataset, 7, shuffle=True, generator=mytorch.Generator().manual_seed(1)))

        short = batches()
        monkeypatch.setattr(loader_module, "_collated", lambda dataset, indices: None)
        for quick, slow in zip(short, batches(), strict=True):
            for left, right in zip(quick, slow, strict=True):
                assert (left.dtype, left.stride()) == (right.dtype, right.stride())
                np.testing.assert_array_equal(left.numpy(), right.numpy())
        monkeypatch.undo()
        monkeypatch.setattr(MappedDataset, "__getitems__", None)
        assert len(batches()) == 6

    def test_batches_are_copies(self, tensors):
        (batch, *_rest) = next(iter(DataLoader(TensorDataset(*tensors), 4)))
        batch.numpy()[...] = 0
        assert (tensors[0].numpy()[:4] != 0).all()

    def test_a_subclass_is_asked_itself(self, tensors):
        class Doubled(TensorDataset):
            def __getitem__(self, index):
                return tuple(2 * tensor[index] for tensor in self.tensors)

        batch = next(iter(DataLoader(Doubled(*tensors), 4)))
        np.testing.assert_array_equal(batch[1].numpy(), 2 * tensors[1].numpy()[:4])

    def test_own_collate_fn_is_called(self, tensors):
        assert list(DataLoader(TensorDataset(tensors[1]), 20, collate_fn=len)) == [20, 20, 10]

    def test_gradients_reach_the_tensors(self):
        weights = mytorch.ones(4, 2, requires_grad=True)
        for (batch,) in DataLoader(TensorDataset(weights), 3):
            batch.sum().backward()
        assert weights.grad.tolist() == [[1.0, 1.0]] * 4

    def test_index_out_of_range(self, tensors):
        with pytest.raises(IndexError):
            list(DataLoader(TensorDataset(*tensors), 2, sampler=[0, 50]))


class TestWorkers:
    @pytest.mark.parametrize("workers", [1, 2, 5])
    def test_same_batches_in_the_same_order(self, workers):
        def batches(count):
            loader = DataLoader(Recorder(23), 4, shuffle=True, num_workers=count)
            mytorch.manual_seed(2)
            return [batch.tolist() for _ in range(3) for batch in loader]

        assert batches(workers) == batches(0)

    def test_slow_batches_keep_their_place(self):
        class Slow(Recorder):
            def __getitem__(self, index):
                time.sleep(0.02 if index % 3 == 0 else 0)
                return index

        assert [b.item() for b in DataLoader(Slow(12), num_workers=3, in_order=False)] == list(range(12))

    def test_workers_take_turns_and_read_ahead(self):
        dataset = Recorder(12)
        batches = iter(DataLoader(dataset, 2, num_workers=2, prefetch_factor=1))
        assert next(batches).tolist() == [0, 1]
        assert [b.tolist() for b in batches][-1] == [10, 11]
        threads = dict(dataset.read)
        assert threads[0] == threads[1] == threads[4] != threads[2] == threads[6]
        assert threading.main_thread().name not in threads.values()

    def test_reading_ahead_is_bounded(self):
        dataset = Recorder(100)
        batches = iter(DataLoader(dataset, num_workers=2, prefetch_factor=3))
        next(batches)
        deadline = time.monotonic() + 5
        while len(dataset.read) < 7 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        assert len(dataset.read) == 7

    def test_each_worker_gives_its_share_of_a_stream(self):
        loader = DataLoader(Share(10), 2, num_workers=3)
        assert [b.tolist() for b in loader] == [[0, 3], [1, 4], [2, 5], [6, 9], [7], [8]]
        assert [b.tolist() for b in loader] == [[0, 3], [1, 4], [2, 5], [6, 9], [7], [8]]
        loader = DataLoader(Share(10), 3, drop_last=True, num_workers=3)
        assert [b.tolist() for b in loader] == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]

    def test_worker_info_and_init(self):
        seen = []

        def init(number):
            info = get_worker_info()
            seen.append((number, info.id, info.num_workers, info.seed - number))
            info.dataset.stop = 3 + number  # a copy: neither the other workers nor the loader's own see it

        dataset = Share(100)
        loader = DataLoader(dataset, None, num_workers=2, worker_init_fn=init)
        assert list(loader) == [0, 1, 2, 3]
        assert dataset.stop == 100
        assert get_worker_info() is None
        assert sorted(entry[:3] for entry in seen) == [(0, 0, 2), (1, 1, 2)]
        assert len({entry[3] for entry in seen}) == 1

    def test_persistent_workers_start_once(self):
        started = []
        loader = DataLoader(Recorder(4), num_workers=2, persistent_workers=True, worker_init_fn=started.append)
        assert [b.item() for _ in range(3) for b in loader] == [0, 1, 2, 3] * 3
        assert sorted(started) == [0, 1]

    def test_errors_come_in_their_place_and_the_rest_follows(self):
        class Bad(Recorder):
            def __getitem__(self, index):
                if index == 2:
                    raise KeyError("two")
                return index

        batches = iter(DataLoader(Bad(5), num_workers=2))
        assert [next(batches).item(), next(batches).item()] == [0, 1]
        with pytest.raises(KeyError, match="two"):
            next(batches)
        assert [b.item() for b in batches] == [3, 4]

    def test_error_in_worker_init(self):
        def init(number):
            raise OSError("no such disk")

        batches = iter(DataLoader(Recorder(5), num_workers=1, worker_init_fn=init))
        for _ in range(2):  # no batch comes from a worker that was not set up
            with pytest.raises(OSError, match="no such disk"):
                next(batches)

    def test_timeout(self):
        release = threading.Event()

        class Stuck(Recorder):
            def __getitem__(self, index):
                release.wait(10)
                return index

        try:
            with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.05 seconds"):
                next(iter(DataLoader(Stuck(3), num_workers=1, timeout=0.05)))
        finally:
            release.set()

    def test_a_timeout_of_the_data_set_is_not_ours(self):
        class Offline(Recorder):
            def __getitem__(self, index):
                raise TimeoutError("server")

        with pytest.raises(TimeoutError, match="server"):
            next(iter(DataLoader(Offline(3), num_workers=1, timeout=5)))

    def test_threads_end_with_the_pass(self):
        before = threading.active_count()
        for _ in range(3):
            list(DataLoader(Recorder(5), num_workers=2))
        deadline = time.monotonic() + 5
        while threading.active_count() > before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert threading.active_count() <= before

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"num_workers": -1}, "num_workers option should be non-negative"),
            ({"timeout": -1}, "timeout option should be non-negative"),
            ({"timeout": 1}, "timeout option needs num_workers > 0"),
            ({"prefetch_factor": 2}, "prefetch_factor option could only be specified in multiprocessing"),
            (
                {"num_workers": 1, "prefetch_factor": 0},
                "prefetch_factor option should be positive, but got 0",
            ),
            ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
            ({"multiprocessing_context": "spawn"}, "can only be used with multi-process loading"),
            ({"num_workers": 1, "multiprocessing_context": "x"}, "should specify a valid start method"),
        ],
    )
    def test_options_are_checked(self, options, message):
        with pytest.raises(ValueError, match=message):
            DataLoader(Recorder(3), **options)

    def test_what_has_no_effect_says_so(self):
        with pytest.warns(UserWarning, match="the workers of a DataLoader are threads"):
            DataLoader(Recorder(3), num_workers=1, multiprocessing_context="spawn")
        with pytest.warns(UserWarning, match="'pin_memory' argument is set as true but no accelerator is found"):
            assert len(list(DataLoader(Recorder(3), pin_memory=True))) == 3


class Noisy(Dataset):
    """Draws from the default stream while it is read, faster for some samples than for others."""

    def __len__(self):
        return 23

    def __getitem__(self, index):
        time.sleep(0.002 * (index % 3 == 0))
        return index + mytorch.rand(())


class TestStreamsOfWorkers:
    def test_they_are_those_of_pytorch(self):
        # torch 2.13: DataLoader(Noisy of 7 samples, batch_size=2, shuffle=True, num_workers=2) after manual_seed(5)
        class Seven(Noisy):
            def __len__(self):
                return 7

        loader = DataLoader(Seven(), 2, shuffle=True, num_workers=2)
        mytorch.manual_seed(5)
        expected = [
            [[0.7106006741523743, 3.3483059406280518], [6.290518760681152, 2.5857152938842773],
             [1.6387555599212646, 4.65574836730957], [5.293526649475098]],
            [[1.6472582817077637, 2.271771192550659], [5.557226657867432, 3.958519220352173],
             [6.320065975189209, 4.9406328201293945], [0.6159732341766357]],
        ]  # fmt: skip
        assert [[b.tolist() for b in loader] for _ in range(2)] == expected

    @pytest.mark.parametrize("workers", [1, 2, 3])
    def test_they_do_not_depend_on_which_thread_comes_first(self, workers):
        def batches():
            mytorch.manual_seed(2)
            loader = DataLoader(Noisy(), 3, shuffle=True, num_workers=workers)
            seen = []
            for batch in loader:
                seen += batch.tolist()
                seen.append(mytorch.rand(()).item())  # the main thread's own stream goes its own way
            return seen

        assert batches() == batches()

    def test_the_main_stream_is_left_alone(self):
        mytorch.manual_seed(2)
        loader = DataLoader(Noisy(), 3, num_workers=2)
        list(loader)
        state = mytorch.get_rng_state()
        mytorch.manual_seed(2)
        list(DataLoader(range(23), 3))
        assert (mytorch.get_rng_state() == state).all()

    def test_seed_and_state_in_a_worker(self):
        class Seeds(Noisy):
            def __getitem__(self, index):
                clone = mytorch.random.default_generator.clone_state()
                state = mytorch.get_rng_state()
                drawn = mytorch.rand(2)
                mytorch.set_rng_state(state)
                again = mytorch.rand(2)
                assert (drawn == again).all()
                assert (mytorch.rand(2, generator=clone) == drawn).all()
                return mytorch.initial_seed() - get_worker_info().seed

        assert [b.item() for b in DataLoader(Seeds(), num_workers=2)] == [0] * 23


class TestResume:
    @pytest.mark.parametrize("workers", [0, 1, 2, 3])
    @pytest.mark.parametrize("taken", [0, 1, 2, 5, 7, 8])
    def test_the_rest_of_a_pass(self, workers, taken):
        def make():
            return DataLoader(Noisy(), 3, shuffle=True, num_workers=workers, worker_init_fn=lambda _: mytorch.rand(3))

        mytorch.manual_seed(4)
        batches = iter(make())
        for _ in range(taken):
            next(batches)
        state, stream = copy.deepcopy(batches.state_dict()), mytorch.get_rng_state()
        assert state["count"] == taken
        rest = [b.tolist() for b in batches]  # taking the state has changed nothing
        after = mytorch.get_rng_state()
        mytorch.manual_seed(99)
        resumed = make().resume(state)
        mytorch.set_rng_state(stream)
        assert [b.tolist() for b in resumed] == rest
        assert (mytorch.get_rng_state() == after).all()
        mytorch.manual_seed(4)
        whole = iter(make())
        for _ in range(taken):
            next(whole)
        assert [b.tolist() for b in whole] == rest

    def test_again_and_again(self):
        loader = DataLoader(Noisy(), 2, shuffle=True, num_workers=2)
        mytorch.manual_seed(1)
        expected = [b.tolist() for b in loader]
        mytorch.manual_seed(1)
        batches, seen = iter(loader), []
        for _ in expected:
            seen.append(next(batches).tolist())
            batches = loader.resume(batches.state_dict())
        assert seen == expected
        assert list(batches) == []

    def test_what_has_no_state(self):
        with pytest.raises(TypeError, match="an iterable data set has no state"):
            iter(DataLoader(Share(4))).state_dict()
        with pytest.raises(TypeError, match="persistent workers has no state"):
            iter(DataLoader(range(4), num_workers=1, persistent_workers=True)).state_dict()


def test_stream_longer_than_it_said():
    class Liar(Share):
        def __len__(self):
            return 2

    loader = DataLoader(Liar(3), None)
    assert [sample for sample in loader] == [0, 1, 2]  # noqa: C416 - list() would ask for the length
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="was reported to be 2 .* but 3 samples have been fetched"):
        list(loader)


def test_lengths():
    assert len(DataLoader(range(10), 3)) == 4
    assert len(DataLoader(range(10), 3, drop_last=True)) == 3
    assert len(DataLoader(range(10), None)) == 10
    assert len(iter(DataLoader(range(10), 3))) == 4
    assert len(DataLoader(range(10), batch_sampler=[[1], [2, 3]])) == 2
    assert len(DataLoader(Share(10), 4)) == 3
    assert len(DataLoader(Share(10), 4, drop_last=True)) == 2


def test_attributes_that_a_pass_depends_on_are_fixed():
    loader = DataLoader(range(10), 3)
    for name in ("batch_size", "sampler", "batch_sampler", "dataset", "drop_last", "persistent_workers"):
        with pytest.raises(ValueError, match=f"{name} attribute should not be set after DataLoader is initialized"):
            setattr(loader, name, None)
    loader.collate_fn = len
    assert list(loader) == [3, 3, 3, 1]


def test_two_passes_at_a_time_do_not_disturb_each_other():
    loader = DataLoader(range(6), 2)
    first, second = iter(loader), iter(loader)
    assert next(first).tolist() == next(second).tolist() == [0, 1]
    assert [b.tolist() for b in first] == [b.tolist() for b in second] == [[2, 3], [4, 5]]


def test_every_public_name_is_there():
    import mytorch.data

    for module in (mytorch.data, data):
        for name in module.__all__:
            assert hasattr(module, name)
    assert set(data.__all__) <= set(mytorch.data.__all__)
    assert as_lists(DataLoader(TensorDataset(mytorch.arange(2)))) == [[[0]], [[1]]]
