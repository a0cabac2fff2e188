"""`mytorch.utils`, under the names that PyTorch programs import."""

from __future__ import annotations

from mytorch.utils import checkpoint, data

__all__ = ["checkpoint", "data"]
