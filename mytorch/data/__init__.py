"""From a file to batches: tables, splits and normalisation, and PyTorch's data sets and loader."""

from __future__ import annotations

from mytorch.data.collate import default_collate, default_convert
from mytorch.data.csv_file import read_csv, read_csv_parts
from mytorch.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from mytorch.data.dialect import Dialect
from mytorch.data.idx import read_idx, read_idx_parts
from mytorch.data.loader import DataLoader, get_worker_info
from mytorch.data.normalize import Normalizer
from mytorch.data.prepare import DataWarning, Preparation, PreparedData, Split, prepare
from mytorch.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from mytorch.data.sources import CSV, SOURCES, Boston, Npy
from mytorch.data.split import SplitRule
from mytorch.data.table import DataError, Table

__all__ = [
    "CSV",
    "SOURCES",
    "BatchSampler",
    "Boston",
    "ChainDataset",
    "ConcatDataset",
    "DataError",
    "DataLoader",
    "DataWarning",
    "Dataset",
    "Dialect",
    "IterableDataset",
    "Normalizer",
    "Npy",
    "Preparation",
    "PreparedData",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Split",
    "SplitRule",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "Table",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "prepare",
    "random_split",
    "read_csv",
    "read_csv_parts",
    "read_idx",
    "read_idx_parts",
]
