"""`DataLoader`: batches of a data set, in PyTorch's order for the same seed, if wanted read ahead by threads.

A `TensorDataset`, or data that stay on the disk, with the default collation takes one indexing operation a batch, in
place of one a sample and a stack; the batches are the same.
"""

from __future__ import annotations

import copy
import itertools
import math
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from mytorch.backend import random
from mytorch.backend.random import Generator
from mytorch.data import worker_stream
from mytorch.data.collate import default_collate, default_convert
from mytorch.data.dataset import Dataset, IterableDataset, Subset
from mytorch.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from mytorch.tensor import Tensor

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["DataLoader", "WorkerInfo", "get_worker_info"]

T_co = TypeVar("T_co", covariant=True)
_END = object()  # what a worker returns in place of a batch when its iterable data set has ended
_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker knows of itself: number `id` of `num_workers`, `seed`, its own copy of the `dataset`."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_this_thread = threading.local()


def get_worker_info() -> WorkerInfo | None:
    """The `WorkerInfo` of the worker that calls, None outside of workers."""
    info: WorkerInfo | None = getattr(_this_thread, "info", None)
    return info


class DataLoader(Generic[T_co]):
    """Iterates over a data set in batches; each `for` loop is a new pass, reshuffled if `shuffle`.

    The arguments are PyTorch's, with its defaults and checks. What differs is that the workers are threads:

    - They read `prefetch_factor` batches each ahead, batch k by worker ``k % num_workers``, and the batches come in
      the same order as without workers (always: `in_order=False` is accepted and changes nothing).
    - Each has a shallow copy of the data set, on which `worker_init_fn(worker_id)` may work by way of
      `get_worker_info()`.
    - Each has a default random stream of its own, seeded as in PyTorch, so that what a data set draws from it while it
      is read is the same each time. The streams of NumPy and of Python's `random` are shared.
    - `multiprocessing_context` is checked, and a warning says that it is not used. `pin_memory` warns that there
      is no accelerator, as PyTorch does.

    A pass over a data set with indices can be left and taken up again: `iter(loader).state_dict()` says where it is,
    and `resume` goes on from there.

    Raises:
        ValueError: for values out of range and combinations without meaning.

    >>> import mytorch
    >>> generator = mytorch.Generator().manual_seed(0)
    >>> loader = DataLoader(range(5), batch_size=2, shuffle=True, generator=generator)
    >>> len(loader), [batch.tolist() for batch in loader]
    (3, [[3, 1], [0, 4], [2]])
    """

    _initialized = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[list[Any]] | Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
        self._is_iterable = isinstance(dataset, IterableDataset)
        if self._is_iterable:
            for name, value in (("shuffle", shuffle), ("sampler", sampler), ("batch_sampler", batch_sampler)):
                if value is not None and value is not False:
                    raise ValueError(
                        f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
                    )
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")

        if sampler is None:
            if self._is_iterable:
                sampler = _Endless()
            else:
                sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)

        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self.pin_memory_device = pin_memory_device
        self.in_order = in_order
        self._workers: list[_Worker] | None = None  # kept from pass to pass if persistent_workers
        self._reported_length: int | None = None  # of an iterable data set whose length was asked for
        self._initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._initialized and name in _FIXED:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        if self.pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory "
                "won't be used.",
                stacklevel=2,
            )
        return self._pass()

    def resume(self, state: dict[str, Any]) -> Iterator[Any]:
        """The rest of a pass, from the place that `state_dict` of its iterator returned.

        The order of the samples and the workers' random streams are those of that pass; nothing is drawn from the
        default stream, which the caller puts where it was, if need be.

        >>> loader = DataLoader(range(6), batch_size=2, shuffle=True)
        >>> batches = iter(loader)
        >>> first = next(batches)
        >>> state = batches.state_dict()
        >>> [b.tolist() for b in loader.resume(state)] == [b.tolist() for b in batches]
        True
        """
        return self._pass(state)

    def _pass(self, state: dict[str, Any] | None = None) -> Iterator[Any]:
        return _WorkerPass(self, state) if self.num_workers > 0 else _Pass(self, state)

    def __len__(self) -> int:
        """The number of batches in a pass. TypeError if the data set or the sampler has no length."""
        if not self._is_iterable:
            return len(self._indices)  # type: ignore[arg-type]
        self._reported_length = length = len(self.dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else math.ceil(length / self.batch_size)

    @property
    def _indices(self) -> Iterable[Any]:
        """What decides on the samples: batches of indices, or single indices where batching is off."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _draw_base_seed(self) -> int:
        """Draw the number from which workers are seeded; PyTorch draws it for every pass, workers or not."""
        return int(random.random_full(self.generator or random.default_generator, (), np.int64))


class _Endless(Sampler[Any]):
    """The sampler of an iterable data set, which has no indices: only the sizes of the batches count."""

    def __iter__(self) -> Iterator[Any]:
        return itertools.repeat(None)


class _Pass:
    """One pass over a loader's data in the calling thread, from the start or from where another one was left."""

    def __init__(self, loader: DataLoader[Any], state: dict[str, Any] | None = None) -> None:
        self.loader = loader
        self.indices = iter(loader._indices if state is None else state["ahead"])
        self.count = 0 if state is None else state["count"]
        self._start(state)

    def _start(self, state: dict[str, Any] | None) -> None:
        self.base_seed = self.loader._draw_base_seed() if state is None else state["base_seed"]
        self.fetch = _fetcher(self.loader, self.loader.dataset)

    def state_dict(self) -> dict[str, Any]:
        """Where this pass is: how many batches it has given, the indices of those to come, its random streams.

        Raises:
            TypeError: the data set is iterable, or its workers persist: both go on from a state of their own.
        """
        if self.loader._is_iterable or self.loader.persistent_workers:
            what = "an iterable data set" if self.loader._is_iterable else "persistent workers"
            raise TypeError(f"a pass with {what} has no state that could be saved")
        return {"base_seed": self.base_seed, "count": self.count, "ahead": self._ahead()}

    def _ahead(self) -> list[Any]:
        """What the sampler has still to say."""
        ahead = list(self.indices)
        self.indices = iter(ahead)
        return ahead

    def _next_batch(self) -> Any:
        return self.fetch(next(self.indices))

    def __iter__(self) -> _Pass:
        return self

    def __len__(self) -> int:
        return len(self.loader._indices)  # type: ignore[arg-type]

    def __next__(self) -> Any:
        batch = self._next_batch()
        self.count += 1
        reported = self.loader._reported_length
        if reported is not None and self.count > reported:
            warnings.warn(
                f"Length of IterableDataset {self.loader.dataset} was reported to be {reported} (when "
                f"accessing len(dataloader)), but {self.count} samples have been fetched. With workers, "
                "check that each of them takes its own share of the data (see get_worker_info).",
                stacklevel=2,
            )
        return batch


class _WorkerPass(_Pass):
    """A pass in which workers read ahead: the next batch is the first lane's, which then goes to the end."""

    def _start(self, state: dict[str, Any] | None) -> None:
        loader = self.loader
        workers = loader._workers
        if workers is None:
            self.base_seed = loader._draw_base_seed() if state is None else state["base_seed"]
            streams = [None] * loader.num_workers if state is None else state["streams"]
            workers = [_Worker(loader, number, self.base_seed + number, at) for number, at in enumerate(streams)]
            if loader.persistent_workers:
                loader._workers = workers
        self.lanes = deque(_Lane(worker, _fetcher(loader, worker.info.dataset)) for worker in workers)
        self.lanes.rotate(-self.count)
        self.asked: deque[Any] = deque()  # the indices of what the workers are reading, or have read, ahead
        for lane in [*self.lanes] * (loader.prefetch_factor or 1):
            self._read_ahead(lane)

    def state_dict(self) -> dict[str, Any]:
        streams: list[Any] = [None] * self.loader.num_workers
        for lane in self.lanes:
            streams[lane.worker.info.id] = lane.stream
        return super().state_dict() | {"streams": streams}

    def _ahead(self) -> list[Any]:
        return [*self.asked, *super()._ahead()]

    def _read_ahead(self, lane: _Lane) -> None:
        """Ask a worker for the next batch, if there is one."""
        for index in itertools.islice(self.indices, 1):
            self.asked.append(index)
            lane.waiting.append(lane.worker.submit(lane.fetch, index))

    def _next_batch(self) -> Any:
        while self.lanes:
            lane = self.lanes[0]
            if not lane.waiting:  # the sampler has ended, and all that it gave was read
                raise StopIteration
            future = lane.waiting.popleft()
            self.asked.popleft()
            self._read_ahead(lane)
            self.lanes.rotate(-1)
            batch, lane.stream = self._result(future)
            if batch is not _END:
                return batch
            self.lanes.remove(lane)
        raise StopIteration

    def _result(self, future: Future[Any]) -> Any:
        try:
            return future.result(self.loader.timeout or None)
        except TimeoutError:
            if future.done():  # the data set's own TimeoutError
                raise
            raise RuntimeError(f"DataLoader timed out after {self.loader.timeout} seconds") from None


class _Worker:
    """A thread with its copy of the data set and its random stream, which goes on from the state `stream` if given."""

    def __init__(self, loader: DataLoader[Any], number: int, seed: int, stream: Any = None) -> None:
        from concurrent.futures import ThreadPoolExecutor  # takes 10 ms, and most loaders have no workers

        dataset = copy.copy(loader.dataset) if isinstance(loader.dataset, Dataset) else loader.dataset
        self.info = WorkerInfo(number, loader.num_workers, seed, dataset)
        self.init = loader.worker_init_fn
        self.first_stream = stream
        self.generator = Generator().manual_seed(seed)
        self.is_ready = False
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"DataLoader-{number}")

    def submit(self, fetch: Callable[[Any], Any], index: Any) -> Future[Any]:
        return self.thread.submit(self._run, fetch, index)

    def _run(self, fetch: Callable[[Any], Any], index: Any) -> tuple[Any, Any]:
        """The batch, and where the random stream was after it."""
        if not self.is_ready:
            _this_thread.info = self.info
            worker_stream.use(self.generator)
            if self.init is not None:
                self.init(self.info.id)
            if self.first_stream is not None:
                self.generator.set_state(self.first_stream)
            self.is_ready = True
        try:
            return fetch(index), self.generator.get_state()
        except StopIteration:
            return _END, None


class _Lane:
    """A worker during one pass: the batches that it has been asked for, in order, and its random stream.

    The stream is that after the last batch that was handed out: the worker itself may be further.
    """

    def __init__(self, worker: _Worker, fetch: Callable[[Any], Any]) -> None:
        self.worker = worker
        self.fetch = fetch
        self.waiting: deque[Future[Any]] = deque()
        self.stream = worker.first_stream


def _fetcher(loader: DataLoader[Any], dataset: Any) -> Callable[[Any], Any]:
    """The function from an index, or the indices of a batch, to what the loader hands out."""
    collate, batched = loader.collate_fn, loader.batch_sampler is not None
    if loader._is_iterable:
        return _IterableFetcher(dataset, collate, batched, loader.drop_last)
    if not batched:
        return lambda index: collate(dataset[index])

    def fetch(indices: list[Any]) -> Any:
        rows = _collated(dataset, indices) if collate is default_collate else None
        if rows is not None:
            return rows
        fetch_many = getattr(dataset, "__getitems__", None)
        return collate(fetch_many(indices) if fetch_many else [dataset[index] for index in indices])

    return fetch


class _IterableFetcher:
    """Takes the next samples of an iterable data set; StopIteration when they have ended."""

    def __init__(self, dataset: Any, collate: Callable[[Any], Any], batched: bool, drop_last: bool) -> None:
        self.dataset = dataset
        self.collate = collate
        self.batched = batched
        self.drop_last = drop_last
        self.samples: Iterator[Any] | None = None  # made in the worker's thread, where get_worker_info answers

    def __call__(self, indices: list[None] | None) -> Any:
        if self.samples is None:
            self.samples = iter(self.dataset)
        if not self.batched or indices is None:
            return self.collate(next(self.samples))
        batch = list(itertools.islice(self.samples, len(indices)))
        if not batch or (self.drop_last and len(batch) < len(indices)):
            raise StopIteration
        return self.collate(batch)


def _collated(dataset: Any, indices: list[Any]) -> list[Tensor] | None:
    """What `default_collate` would make of these samples, where the data set knows a short cut (`_collated`).

    None where it does not apply: another data set, tensors that need a gradient, indices that are no plain integers
    or out of range (the long way has the right error).
    """
    try:
        while type(dataset) is Subset:
            dataset, indices = dataset.dataset, [dataset.indices[index] for index in indices]
        if "_collated" not in vars(type(dataset)):  # nor does a subclass take it over: its samples may be others
            return None
        numbers = np.array(indices)
        if numbers.ndim != 1 or numbers.dtype != np.int64:
            return None
        rows: list[Tensor] | None = dataset._collated(numbers)
        return rows
    except (IndexError, TypeError, ValueError):
        return None


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool, context: Any
) -> None:
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0:
        if prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing. Let num_workers > 0 to "
                "enable multiprocessing, otherwise set prefetch_factor to None."
            )
        if persistent_workers:
            raise ValueError("persistent_workers option needs num_workers > 0")
        if context is not None:
            raise ValueError(
                "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but "
                f"got num_workers={num_workers}"
            )
        if timeout != 0:
            raise ValueError("timeout option needs num_workers > 0: without workers there is nothing to wait for")
    elif prefetch_factor is not None and prefetch_factor <= 0:
        raise ValueError(f"prefetch_factor option should be positive, but got {prefetch_factor}")
    if context is not None:
        import multiprocessing

        methods = multiprocessing.get_all_start_methods()
        if isinstance(context, str) and context not in methods:
            raise ValueError(
                f"multiprocessing_context option should specify a valid start method in {methods}, but got "
                f"multiprocessing_context={context!r}"
            )
        warnings.warn("multiprocessing_context is not used: the workers of a DataLoader are threads", stacklevel=3)
