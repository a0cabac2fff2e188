"""How tensors print: PyTorch's layout, to the character, since tutorials and their readers compare printed tensors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.backend import dtypes

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["set_printoptions", "tensor_repr"]


class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


OPTIONS = _Options()
_PROFILES = {"default": (4, 1000, 3), "short": (2, 1000, 2), "full": (4, math.inf, 3)}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print.

    Args:
        precision: digits after the point (4).
        threshold: with more elements than this, only the edges are shown (1000).
        edgeitems: how many elements an edge has (3).
        linewidth: characters in a line (80).
        profile: "default", "short" (2 digits, 2 items) or "full" (never summarised), before the other settings.
        sci_mode: always (True) or never (False) scientific notation; None decides by the values.

    Raises:
        ValueError: there is no such profile.

    >>> import mytorch
    >>> mytorch.set_printoptions(precision=2)
    >>> mytorch.tensor([3.14159])
    tensor([3.14])
    >>> mytorch.set_printoptions(profile="default")
    """
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"set_printoptions(): profile must be one of {', '.join(_PROFILES)}, not {profile!r}")
        OPTIONS.precision, OPTIONS.threshold, OPTIONS.edgeitems = _PROFILES[profile]
        OPTIONS.linewidth = 80
    for name, value in (
        ("precision", precision), ("threshold", threshold), ("edgeitems", edgeitems), ("linewidth", linewidth)
    ):  # fmt: skip
        if value is not None:
            setattr(OPTIONS, name, value)
    OPTIONS.sci_mode = sci_mode


class _Format:
    """One way of writing all elements of a tensor, so that columns line up: integers, fixed point or scientific."""

    def __init__(self, values: Any) -> None:
        self.floating = values.dtype.kind == "f"
        self.integral = True
        self.scientific = False
        # Zeros, infinities and NaN have no say in the layout: they may stand out of line.
        kept = values[np.isfinite(values) & (values != 0)] if self.floating else values.reshape(-1)
        if self.floating and kept.size:
            sizes = np.abs(kept.astype(np.float64))
            largest, smallest = float(sizes.max()), float(sizes.min())
            self.integral = bool((sizes == np.ceil(sizes)).all())
            self.scientific = largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4
            if OPTIONS.sci_mode is not None:
                self.scientific = OPTIONS.sci_mode
        self.width = max((len(self.write(v)) for v in kept.tolist()), default=1)

    def write(self, value: Any) -> str:
        if not self.floating:
            return str(value)
        if self.scientific:
            return f"{value:.{OPTIONS.precision}e}"
        if self.integral:
            return f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return f"{value:.{OPTIONS.precision}f}"

    def __call__(self, value: Any) -> str:
        return self.write(value).rjust(self.width)


class _ComplexFormat:
    def __init__(self, values: Any) -> None:
        self.real = _Format(values.real.copy())
        self.imaginary = _Format(values.imag.copy())
        self.width = self.real.width + self.imaginary.width + 1

    def __call__(self, value: complex) -> str:
        imaginary = self.imaginary(value.imag).lstrip()
        return self.real(value.real) + ("" if imaginary[0] == "-" else "+") + imaginary + "j"


def _edges(array: Any) -> Any:
    """Only the elements that a summary shows."""
    edge = OPTIONS.edgeitems
    for axis in range(array.ndim):
        if array.shape[axis] > 2 * edge:
            front = array.take(range(edge), axis)
            back = array.take(range(array.shape[axis] - edge, array.shape[axis]), axis)
            array = np.concatenate([front, back], axis)
    return array


def _body(array: Any, indent: int, summarize: bool, write: Any) -> str:
    edge = OPTIONS.edgeitems
    if array.ndim == 0:
        return write(array.item())
    if array.ndim == 1:
        fit = max(1, (OPTIONS.linewidth - indent) // (write.width + 2))
        if summarize and not edge:
            return "[...]"
        if summarize and array.shape[0] > 2 * edge:
            words = [*map(write, array[:edge].tolist()), " ...", *map(write, array[-edge:].tolist())]
        else:
            words = [write(v) for v in array.tolist()]
        lines = [", ".join(words[i : i + fit]) for i in range(0, len(words), fit)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    if summarize and array.shape[0] > 2 * edge:
        rows = [_body(array[i], indent + 1, summarize, write) for i in range(edge)]
        rows.append("...")
        rows += [_body(array[i], indent + 1, summarize, write) for i in range(array.shape[0] - edge, array.shape[0])]
    else:
        rows = [_body(row, indent + 1, summarize, write) for row in array]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(rows) + "]"


def tensor_repr(tensor: Tensor, prefix: str = "tensor(") -> str:
    """`tensor(...)` with what is not plain to see: the element type, the shape if empty, and where it came from."""
    array = tensor.array
    notes = []
    default = (dtypes.default_float(), dtypes.default_complex(), np.dtype(np.int64), np.dtype(bool))
    if array.size == 0:
        if array.ndim != 1:
            notes.append(f"size={tuple(array.shape)}")
        if array.dtype != dtypes.default_float():
            notes.append(f"dtype={tensor.dtype}")
        body = "[]"
    else:
        if array.dtype not in default:
            notes.append(f"dtype={tensor.dtype}")
        summarize = array.size > OPTIONS.threshold
        shown = _edges(array) if summarize else array
        write = _ComplexFormat(shown) if array.dtype.kind == "c" else _Format(shown)
        body = _body(array, len(prefix), summarize, write)
    if tensor.grad_fn is not None:
        notes.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        notes.append("requires_grad=True")
    text = prefix + body
    last = len(text) - text.rfind("\n") + 1
    for note in notes:
        if last + len(note) + 2 > OPTIONS.linewidth:
            text += ",\n" + " " * len(prefix) + note
            last = len(prefix) + len(note)
        else:
            text += ", " + note
            last += len(note) + 2
    return text + ")"
