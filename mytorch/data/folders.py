"""Where data that ships and downloads lie: `datasets/` in the current directory, the package, and its checkout."""

from __future__ import annotations

from pathlib import Path

__all__ = ["dataset_folders"]


def dataset_folders() -> list[Path]:
    """The folders in which data sets are looked for, the current directory's first; downloads go there.

    >>> dataset_folders()[0].as_posix()
    'datasets'
    """
    package = Path(__file__).resolve().parents[1]
    return [Path("datasets"), package / "starter" / "datasets", package.parent / "datasets"]
