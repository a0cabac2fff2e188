"""`mytorch.utils`, under the names that PyTorch programs import."""

from __future__ import annotations

from mytorch.utils import data

__all__ = ["data"]
