"""Records a checkpoint that PyTorch saved, for tests without it: `python tests/golden/record_serialization.py`.

`checkpoint` makes the same with either library.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).with_name("serialization.pth")
DTYPES = (
    "float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "bool",
    "complex64", "complex128",
)  # fmt: skip


def checkpoint(library: Any) -> dict[str, Any]:
    """A checkpoint with everything that a file may hold."""
    t = library
    t.manual_seed(5)
    model = t.nn.Sequential(t.nn.Linear(3, 4), t.nn.BatchNorm1d(4), t.nn.ReLU(), t.nn.Linear(4, 2))
    optimizer = t.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    base = t.arange(12.0)
    marked = t.nn.Parameter(t.ones(2, 3))
    marked.note = "mine"
    tagged = t.zeros(1)
    tagged.tags = [1, "two"]
    return {
        "epoch": 3,
        "loss": 0.5,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": t.get_rng_state(),
        "views": [base, base[2:8].view(2, 3).t(), base[::5], base[3], base.unsqueeze(0), base[:1].expand(2, 3)],
        "types": {name: t.tensor([[0, 1], [1, 0]], dtype=getattr(t, name))[1:] for name in DTYPES},
        "shapes": [t.tensor(2.5), t.empty(0), t.empty(2, 0, 3), t.ones(2, 1, 3), t.ones(1, 2, 3, 4).permute(0, 3, 1, 2)],
        "leaves": [t.nn.Parameter(t.ones(2)), t.nn.Parameter(t.ones(2), False), t.ones(2, requires_grad=True)],
        "attributes": [marked, tagged],
        "complex": t.tensor([1 + 2j]).conj(),
        "kinds": (t.Size([2, 3]), t.Size([]), t.device("cpu"), t.device("cuda:1"), t.float32, t.int64, t.bool),
        "numbers": [0, 255, 256, 65535, 65536, -1, 2**31, -(2**31), 2**63, -(2**200), 1e-300, float("inf"), 1 - 2j, True, None],
        "texts": ["", "\u00e9\U0001f525", "\ud800", b"ab\xff", bytearray(b"x")],
        "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        "dicts": [{}, OrderedDict(a=1, b=[2]), Counter("abca"), {1: {2.5: {(3, "x"): set()}}}, {"x", 1}],
    }  # fmt: skip


def main() -> None:
    import torch

    torch.save(checkpoint(torch), GOLDEN)
    print(f"{GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
