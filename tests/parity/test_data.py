"""Data loading against the live PyTorch: orders for the same seed, collation, combinations, errors."""

from __future__ import annotations

import itertools
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
import torch

import mytorch
from mytorch.utils import data as ours

theirs = torch.utils.data

Point = namedtuple("Point", "x y")
BOTH = ((mytorch, ours), (torch, theirs))


def plain(value):
    """Anything that a loader gives, with tensors of either kind as (dtype, shape, values)."""
    if isinstance(value, (mytorch.Tensor, torch.Tensor)):
        return str(value.dtype), tuple(value.shape), value.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(entry) for entry in value]
    return type(value).__name__, value


def outcomes(program):
    """What `program(torch, torch.utils.data)` gives with mytorch and PyTorch: values, or an error's kind."""
    results = []
    for library, utils in BOTH:
        library.manual_seed(7)
        try:
            result = plain(program(library, utils))
        except (NameError, SyntaxError):  # a mistake in the test
            raise
        except Exception as error:  # whatever PyTorch raises is what we should raise
            result = type(error).__name__
        # the next number of the default stream shows what was consumed
        results.append((result, int(library.randint(0, 2**31 - 1, (1,)).item())))
    return results


def assert_same(program):
    mine, reference = outcomes(program)
    assert mine == reference


def epochs(loader, count=3):
    return [list(loader) for _ in range(count)]


SHUFFLES = [
    {"shuffle": True},
    {"shuffle": False},
    {"shuffle": True, "drop_last": True},
    {"shuffle": True, "batch_size": None},
    {"batch_size": 1000, "shuffle": True},
    {"shuffle": True, "batch_size": 5},
]


@pytest.mark.parametrize("own_generator", [False, True])
@pytest.mark.parametrize("length", [1, 5, 20, 637])
@pytest.mark.parametrize("options", SHUFFLES, ids=str)
def test_order_over_several_epochs(options, length, own_generator):
    def program(torch, utils):
        generator = torch.Generator().manual_seed(3) if own_generator else None
        data = utils.TensorDataset(torch.arange(length), torch.arange(2.0 * length).reshape(length, 2))
        return epochs(utils.DataLoader(data, **{"batch_size": 4, **options}, generator=generator))

    assert_same(program)


@pytest.mark.parametrize("own_generator", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda utils, g: utils.RandomSampler(range(10), generator=g),
        lambda utils, g: utils.RandomSampler(range(10), num_samples=25, generator=g),
        lambda utils, g: utils.RandomSampler(range(10), num_samples=20, generator=g),
        lambda utils, g: utils.RandomSampler(range(10), num_samples=4, generator=g),
        lambda utils, g: utils.RandomSampler(range(10), replacement=True, generator=g),
        lambda utils, g: utils.RandomSampler(range(10), replacement=True, num_samples=100, generator=g),
        lambda utils, g: utils.RandomSampler(range(10), replacement=True, num_samples=64, generator=g),
        lambda utils, g: utils.SubsetRandomSampler([5, 3, 8, 1], generator=g),
        lambda utils, g: utils.SubsetRandomSampler([], generator=g),
        lambda utils, g: utils.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7, 3.0], 12, generator=g),
        lambda utils, g: utils.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7, 3.0], 4, False, generator=g),
        lambda utils, g: utils.WeightedRandomSampler([0.0, 1.0], 1, generator=g),
        lambda utils, g: utils.SequentialSampler("abcd"),
        lambda utils, g: utils.BatchSampler(utils.RandomSampler(range(10), generator=g), 3, False),
        lambda utils, g: utils.BatchSampler(utils.RandomSampler(range(10), generator=g), 3, True),
        lambda utils, g: utils.BatchSampler(utils.RandomSampler(range(9), generator=g), 3, True),
        lambda utils, g: utils.RandomSampler(range(10), replacement=1),
        lambda utils, g: utils.RandomSampler([]),
        lambda utils, g: utils.RandomSampler(range(3), num_samples=2.5),
        lambda utils, g: utils.WeightedRandomSampler([1.0], 2, False),
        lambda utils, g: utils.WeightedRandomSampler([[1.0]], 2),
        lambda utils, g: utils.WeightedRandomSampler([1.0], True),
        lambda utils, g: utils.WeightedRandomSampler([1.0], 1, 1),
        lambda utils, g: utils.BatchSampler(range(3), 0, False),
        lambda utils, g: utils.BatchSampler(range(3), 1.0, False),
        lambda utils, g: utils.BatchSampler(range(3), 1, None),
        lambda utils, g: utils.Sampler(),
    ],
)
def test_samplers(make, own_generator):
    def program(torch, utils):
        generator = torch.Generator().manual_seed(11) if own_generator else None
        sampler = make(utils, generator)
        return [
            len(sampler) if hasattr(sampler, "__len__") else None,
            list(sampler),
            list(sampler),
            list(sampler),
        ]

    assert_same(program)


@pytest.mark.parametrize(
    "batch",
    [
        [1, 2],
        [1.5, 2],
        [1, 2.5],
        [True, False],
        ["a", "b"],
        [b"a", b"b"],
        [(1, "a"), (2, "b")],
        [[1, 2.0], [3, 4.0]],
        [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3, 4]}],
        [OrderedDict(a=1), OrderedDict(a=2)],
        [Point(1, 2.0), Point(3, 4.0)],
        [np.array([1.0, 2.0]), np.array([3.0, 4.0])],
        [np.array([1, 2], np.int16), np.array([3, 4], np.int16)],
        [np.float32(1.5), np.float32(2.5)],
        [np.float64(1.5), np.float64(2.5)],
        [np.int64(1), np.int64(2)],
        [np.bool_(True), np.bool_(False)],
        [np.array(1.0), np.array(2.0)],
        [range(2), range(2)],
        [[1, 2], [3]],
        [(1, 2), (3,)],
        [np.array(["a"]), np.array(["b"])],
        [np.zeros(2), np.zeros(3)],
        [None, None],
        [{1}, {2}],
        [2**70, 1],
    ],
    ids=repr,
)
@pytest.mark.parametrize("function", ["default_collate", "default_convert"])
def test_collation(function, batch):
    assert_same(lambda torch, utils: getattr(utils, function)(batch))


def test_collation_of_tensors():
    assert_same(lambda torch, utils: utils.default_collate([torch.ones(2, 3), torch.zeros(2, 3)]))
    assert_same(lambda torch, utils: utils.default_collate([torch.ones(2), torch.zeros(3)]))
    assert_same(lambda torch, utils: utils.default_collate([(torch.tensor(1), {"x": torch.ones(2)})] * 3))
    for library, utils in BOTH:
        weights = library.ones(2, requires_grad=True)
        utils.default_collate([weights, weights]).sum().backward()
        assert weights.grad.tolist() == [2.0, 2.0]


def datasets(utils):
    class Squares(utils.Dataset):
        def __getitem__(self, index):
            if not 0 <= index < 6:
                raise IndexError(index)
            return index * index

        def __len__(self):
            return 6

    class Many(Squares):
        def __getitems__(self, indices):
            return [100 + index for index in indices]

    class Stream(utils.IterableDataset):
        def __init__(self, stop):
            self.stop = stop

        def __iter__(self):
            return iter(range(self.stop))

        def __len__(self):
            return self.stop

    return {"squares": Squares(), "many": Many(), "Stream": Stream}


# Each is evaluated twice, with mytorch and with PyTorch as `torch` and with their `utils.data`.
PROGRAMS = {
    "dataset": "[len(squares), squares[2], list(squares)]",
    "abstract": "Dataset()[0]",
    "abstract iterable": "iter(IterableDataset())",
    "getitems": "list(DataLoader(many, 4))",
    "sum": "list(DataLoader(squares + many, 5))",
    "concat": '[ConcatDataset([range(3), "ab", [7]])[i] for i in (-6, -1, 0, 2, 3, 5)]',
    "concat sizes": 'ConcatDataset(["abc", "d"]).cumulative_sizes',
    "concat too low": "ConcatDataset([range(3)])[-4]",
    "concat too high": "ConcatDataset([range(3)])[3]",
    "concat nothing": "ConcatDataset([])",
    "concat stream": "ConcatDataset([Stream(2)])",
    "subset": "list(DataLoader(Subset(squares, [5, 1, 3]), 2))",
    "subset of getitems": "list(DataLoader(Subset(many, [5, 1, 3]), 2))",
    "subset of tensors": "list(DataLoader(Subset(Subset(TensorDataset(torch.ones(9)), [8, -1]), [1, 0])))",
    "subset too high": "list(DataLoader(Subset(TensorDataset(torch.arange(9)), [9])))",
    "stack": "list(DataLoader(StackDataset(squares, many, range(6)), 4))",
    "stack by name": "list(DataLoader(StackDataset(a=squares, b=many), 4))",
    "stack both": "StackDataset(squares, b=many)",
    "stack nothing": "StackDataset()",
    "stack sizes": "StackDataset(squares, range(5))",
    "chain": "list(DataLoader(Stream(3) + Stream(2), 2))",
    "chain length": "len(ChainDataset([Stream(3), Stream(2)]))",
    "chain of maps": "list(ChainDataset([squares]))",
    "stream": "list(DataLoader(Stream(5), 2))",
    "stream, drop last": "list(DataLoader(Stream(5), 2, drop_last=True))",
    "stream, no batches": "list(DataLoader(Stream(5), None))",
    "stream length": "len(DataLoader(Stream(5), 2))",
    "stream length, drop last": "len(DataLoader(Stream(5), 2, drop_last=True))",
    "stream length, no batches": "len(DataLoader(Stream(5), None))",
    "stream shuffled": "DataLoader(Stream(5), shuffle=True)",
    "stream shuffle False": "len(DataLoader(Stream(5), shuffle=False))",
    "stream sampler": "DataLoader(Stream(5), sampler=[1])",
    "stream batch sampler": "DataLoader(Stream(5), batch_sampler=[[1]])",
    "tensors": "[TensorDataset(torch.arange(4), torch.ones(4, 2))[1:3], TensorDataset(torch.arange(4))[-1]]",
    "tensor sizes": "TensorDataset(torch.ones(2), torch.ones(3))",
    "sampler": "list(DataLoader(squares, 2, sampler=[4, 0, 3]))",
    "batch sampler": "list(DataLoader(squares, batch_sampler=[[4], [0, 3]]))",
    "sampler and shuffle": "DataLoader(squares, sampler=[1], shuffle=True)",
    "batch sampler and size": "DataLoader(squares, 2, batch_sampler=[[1]])",
    "no batches, drop last": "DataLoader(squares, None, drop_last=True)",
    "batch size 0": "DataLoader(squares, 0)",
    "workers -1": "DataLoader(squares, num_workers=-1)",
    "timeout -1": "DataLoader(squares, timeout=-1)",
    "prefetch": "DataLoader(squares, prefetch_factor=2)",
    "prefetch -1": "DataLoader(squares, num_workers=1, prefetch_factor=-1)",
    "persistent": "DataLoader(squares, persistent_workers=True)",
    "context": 'DataLoader(squares, multiprocessing_context="spawn")',
    "bad context": 'DataLoader(squares, num_workers=1, multiprocessing_context="x")',
    "shuffle nothing": "DataLoader([], shuffle=True)",
    "nothing": "[list(DataLoader([])), len(DataLoader([]))]",
    "no length": "len(DataLoader(Dataset()))",
    "set after init": 'setattr(DataLoader(squares), "batch_size", 3)',
    "collate_fn": "list(DataLoader(squares, 4, collate_fn=sum))",
    "collate_fn without batches": "list(DataLoader(squares, None, collate_fn=str))",
    "arrays": "list(DataLoader(np.arange(6.0).reshape(3, 2), 2))",
    "a tensor": "list(DataLoader(torch.arange(5), 2))",
    "index from a tensor": "list(DataLoader(TensorDataset(torch.ones(5)), sampler=torch.tensor([3, 1])))",
    "float index": "list(DataLoader(TensorDataset(torch.arange(5)), 2, sampler=[1.0]))",
    "bool index": "list(DataLoader(TensorDataset(torch.arange(2)), 2, sampler=[True, False]))",
    "grad": "next(iter(DataLoader(TensorDataset(torch.ones(3, 2, requires_grad=True)), 2)))[0].requires_grad",
    "split": "[part.indices for part in random_split(range(30), [0.3, 0.3, 0.4])]",
    "split lengths": "[p.indices for p in random_split(range(10), [3, 7], torch.Generator().manual_seed(4))]",
    "split remainder": "[len(part) for part in random_split(range(11), [0.25, 0.25, 0.25, 0.25])]",
    "split sum": "random_split(range(10), [3, 3])",
    "split fraction": "random_split(range(10), [1.5, -0.5])",
    "split loader": "epochs(DataLoader(random_split(TensorDataset(torch.arange(20)), [0.8, 0.2])[0], 3))",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name):
    def program(torch, utils):
        names = {**vars(utils), "torch": torch, "np": np, "epochs": epochs, **datasets(utils)}
        return eval(PROGRAMS[name], names)

    assert_same(program)


def test_subset_that_overrides_half():
    def program(torch, utils):
        class Half(utils.Subset):
            def __getitem__(self, index):
                return 0

        return Half([1, 2], [0])

    assert_same(program)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # PyTorch on a machine with few cores
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python 3.12: fork in a process with threads
@pytest.mark.filterwarnings("ignore:multiprocessing_context is not used")
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_give_pytorchs_order(workers):
    """Shares of a stream by worker, and shuffled batches of a map, as PyTorch's processes give them."""

    class Share(theirs.IterableDataset):
        def __iter__(self):
            info = theirs.get_worker_info()
            return iter(range(info.id, 11 + 3 * info.id, info.num_workers))

    class OurShare(ours.IterableDataset):
        def __iter__(self):
            info = ours.get_worker_info()
            return iter(range(info.id, 11 + 3 * info.id, info.num_workers))

    options = {"batch_size": 2, "num_workers": workers}
    mine = [batch.tolist() for batch in ours.DataLoader(OurShare(), **options)]
    assert mine == [batch.tolist() for batch in theirs.DataLoader(Share(), **options, multiprocessing_context="fork")]

    results = []
    for (library, utils), context in zip(BOTH, ({}, {"multiprocessing_context": "fork"}), strict=True):
        library.manual_seed(5)
        loader = utils.DataLoader(range(23), 4, shuffle=True, num_workers=workers, **context)
        results.append([batch.tolist() for batch in itertools.chain(loader, loader)])
    assert results[0] == results[1]
