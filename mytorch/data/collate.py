"""Making a batch of samples: `default_collate` stacks, `default_convert` only turns arrays into tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.backend import dtypes
from mytorch.ops.shape import stack
from mytorch.tensor import Tensor

__all__ = ["default_collate", "default_convert"]


def default_collate(batch: Sequence[Any]) -> Any:
    """Join the samples of a batch: tensors, arrays and numbers become one tensor with a new first dimension.

    Strings and bytes stay a list. Within mappings, named tuples and sequences the entries are joined one by
    one; a plain tuple becomes a list. A Python float becomes float64, an int int64.

    Raises:
        TypeError: for samples of any other type.
        RuntimeError: for sequences of different lengths and tensors of different shapes.
        ValueError: for integers among samples that int64 cannot hold.

    >>> default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ('a', 'b')]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(batch)
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "OSU":
            raise TypeError(_cannot_collate(first.dtype))
        return stack([wrap(np.asarray(array)) for array in batch])
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, float) and not isinstance(first, np.generic):
        return wrap(np.array(batch, dtype=np.float64))
    if isinstance(first, int):
        return wrap(_numbers(batch))
    if isinstance(first, (np.bool_, np.number)):
        return wrap(np.array(batch))
    if isinstance(first, Mapping):
        return _rebuild_mapping(first, {key: default_collate([sample[key] for sample in batch]) for key in first})
    if isinstance(first, Sequence):
        if not (isinstance(first, tuple) and hasattr(first, "_fields")):
            lengths = {len(sample) for sample in batch}
            if len(lengths) > 1:
                raise RuntimeError("each element in list of batch should be of equal size")
        return _rebuild_sequence(first, [default_collate(entries) for entries in zip(*batch, strict=False)])
    raise TypeError(_cannot_collate(type(first)))


def default_convert(data: Any) -> Any:
    """Turn NumPy arrays and scalars, however deep in mappings and sequences, into tensors; leave the rest.

    >>> default_convert([np.array([1, 2]), "text"])
    [tensor([1, 2]), 'text']
    """
    if isinstance(data, (Tensor, str, bytes)):
        return data
    if isinstance(data, np.ndarray):
        return data if data.dtype.kind in "OSU" else wrap(data)
    if isinstance(data, (np.bool_, np.number)):
        return wrap(np.asarray(data))
    if isinstance(data, Mapping):
        return _rebuild_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, Sequence):
        return _rebuild_sequence(data, [default_convert(entry) for entry in data])
    return data


def _numbers(batch: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Python numbers as an array, element types as `tensor` chooses them."""
    array = np.array(batch)
    if array.dtype.kind == "f":
        return array.astype(dtypes.default_float())
    if array.dtype.kind not in "bi":
        raise ValueError(f"a batch whose first sample is an integer must fit into int64, got {list(batch)}")
    return array


def _rebuild_mapping(like: Mapping[Any, Any], entries: dict[Any, Any]) -> Any:
    """A mapping of the kind of `like`, with all else that it carries, or a dict where that cannot be made."""
    make: Any = type(like)
    return _or_plain(lambda: _update(like, entries) if isinstance(like, MutableMapping) else make(entries), entries)


def _rebuild_sequence(like: Sequence[Any], entries: list[Any]) -> Any:
    """The same for a sequence; of tuples only the named ones keep their kind."""
    make: Any = type(like)
    if isinstance(like, tuple):
        return make(*entries) if hasattr(like, "_fields") else entries
    return _or_plain(
        lambda: _update(like, dict(enumerate(entries))) if isinstance(like, MutableSequence) else make(entries),
        entries,
    )


def _update(like: Any, entries: dict[Any, Any]) -> Any:
    clone = copy.copy(like)
    for key, entry in entries.items():
        clone[key] = entry
    return clone


def _or_plain(build: Callable[[], Any], plain: Any) -> Any:
    """What `build` makes, or the plain container if that kind cannot be copied or made from entries."""
    try:
        return build()
    except TypeError:
        return plain


def _cannot_collate(kind: Any) -> str:
    return f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {kind}"
