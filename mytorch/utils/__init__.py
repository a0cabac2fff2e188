"""`mytorch.utils`, under the names that PyTorch programs import."""

from __future__ import annotations

from mytorch.utils import checkpoint, data, dlpack

__all__ = ["checkpoint", "data", "dlpack"]
