"""How the named results of operations print: as PyTorch's `torch.return_types` do."""

from __future__ import annotations

import re
from typing import Any


def shown(result: Any) -> str:
    """A named tuple's text, a field a line; the name is its class's, `LinalgSvd` as `linalg_svd`.

    >>> import mytorch
    >>> mytorch.aminmax(mytorch.tensor([1, 2]))
    torch.return_types.aminmax(
    min=tensor(1),
    max=tensor(2))
    """
    fields = ",\n".join(f"{name}={value!r}" for name, value in zip(result._fields, result, strict=True))
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(result).__name__).lower()
    return f"torch.return_types.{name}(\n{fields})"
