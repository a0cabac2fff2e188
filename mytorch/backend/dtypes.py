"""Element types: the names that PyTorch gives them, NumPy's dtypes behind them, and PyTorch's promotion rules.

Inside the library an element type is always a NumPy dtype. The `dtype` objects of this file are what users see
(`mytorch.float32`), and they print as PyTorch's do. Promotion is PyTorch's, not NumPy's: an integer never widens
a float, and a tensor with dimensions outranks a 0-d tensor, which outranks a Python number, within a category.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

__all__ = [
    "dtype",
    "finfo",
    "iinfo",
    "get_default_dtype",
    "set_default_dtype",
    "result_type",
    "promote_types",
    "can_cast",
]

CATEGORY: Final = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}  # NumPy's kind -> bool < integer < float < complex


class dtype:  # noqa: N801 - PyTorch's name
    """An element type, e.g. `mytorch.float32`.

    Every type exists once, so `is` and `==` agree.

    >>> import mytorch
    >>> mytorch.float32, mytorch.float32.itemsize, mytorch.int64.is_floating_point
    (torch.float32, 4, False)
    """

    __slots__ = ("itemsize", "name", "numpy")

    def __init__(self, name: str, numpy: type[np.generic]) -> None:
        self.name = name
        self.numpy: np.dtype[Any] = np.dtype(numpy)
        self.itemsize = self.numpy.itemsize

    @property
    def is_floating_point(self) -> bool:
        """True for float16, float32 and float64."""
        return self.numpy.kind == "f"

    @property
    def is_complex(self) -> bool:
        """True for complex64 and complex128."""
        return self.numpy.kind == "c"

    @property
    def is_signed(self) -> bool:
        """False for bool and the unsigned integers."""
        return self.numpy.kind not in "bu"

    def to_complex(self) -> dtype:
        """The complex type whose parts are of this type (float32 -> complex64).

        Raises:
            RuntimeError: there is none, as for integers; PyTorch's complex32 does not exist here.
        """
        if self.numpy.kind not in "fc" or self.numpy == np.float16:
            raise RuntimeError(f"Unknown Complex ScalarType for {type_name(self.numpy)}")
        return of(np.result_type(self.numpy, np.complex64))

    def to_real(self) -> dtype:
        """The type of the parts of this complex type (complex64 -> float32)."""
        return of(np.empty(0, self.numpy).real.dtype)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name

    def __copy__(self) -> dtype:
        return self

    def __deepcopy__(self, memo: object) -> dtype:
        return self


float16 = half = dtype("float16", np.float16)
float32 = dtype("float32", np.float32)
float64 = double = dtype("float64", np.float64)
uint8 = dtype("uint8", np.uint8)
int8 = dtype("int8", np.int8)
int16 = short = dtype("int16", np.int16)
int32 = dtype("int32", np.int32)
int64 = long = dtype("int64", np.int64)
# These three hold values and can be converted; as in PyTorch, there is no promotion among integers for them.
uint16 = dtype("uint16", np.uint16)
uint32 = dtype("uint32", np.uint32)
uint64 = dtype("uint64", np.uint64)
bool_ = dtype("bool", np.bool_)
complex64 = cfloat = dtype("complex64", np.complex64)
complex128 = cdouble = dtype("complex128", np.complex128)

PROMOTED: Final = (float16, float32, float64, uint8, int8, int16, int32, int64, bool_, complex64, complex128)
ALL: Final = (*PROMOTED, uint16, uint32, uint64)
_BY_NUMPY: Final = {d.numpy: d for d in ALL}
_BARE: Final = frozenset({uint16.numpy, uint32.numpy, uint64.numpy})
_BY_PYTHON: Final = {float: float64, int: int64, bool: bool_, complex: complex128}

_TYPE_NAMES: Final = {
    "float16": "Half", "float32": "Float", "float64": "Double", "uint8": "Byte", "int8": "Char", "int16": "Short",
    "int32": "Int", "int64": "Long", "bool": "Bool", "complex64": "ComplexFloat", "complex128": "ComplexDouble",
    "uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64",
}  # fmt: skip

_default: np.dtype[Any] = np.dtype(np.float32)


def of(numpy: np.dtype[Any]) -> dtype:
    """The `dtype` that stands for a NumPy dtype; TypeError names the ones that exist."""
    try:
        return _BY_NUMPY[numpy]
    except KeyError:
        supported = ", ".join(d.name for d in ALL)
        raise TypeError(
            f"can't convert np.ndarray of type numpy.{numpy.type.__name__}. The only supported types are: {supported}."
        ) from None


def type_name(numpy: np.dtype[Any]) -> str:
    """PyTorch's word for an element type in the names of tensor types and in complaints.

    >>> type_name(np.dtype(np.float32))
    'Float'
    """
    return _TYPE_NAMES[of(numpy).name]


def to_numpy(value: Any) -> np.dtype[Any]:
    """The NumPy dtype for a `dtype`, one of Python's `float`, `int`, `bool`, `complex`, or a NumPy dtype."""
    if isinstance(value, dtype):
        return value.numpy
    if isinstance(value, type) and value in _BY_PYTHON:
        return _BY_PYTHON[value].numpy
    if isinstance(value, np.dtype):
        return of(value).numpy
    if isinstance(value, type) and issubclass(value, np.generic):
        return of(np.dtype(value)).numpy
    raise TypeError(f"dtype must be a torch.dtype such as mytorch.float32, not {type(value).__name__}")


def get_default_dtype() -> dtype:
    """The floating type of tensors made from Python floats: float32 unless changed.

    >>> get_default_dtype()
    torch.float32
    """
    return of(_default)


def set_default_dtype(d: dtype) -> None:
    """Set the floating type of tensors made from Python floats.

    Raises:
        TypeError: `d` is not a floating-point type.

    >>> set_default_dtype(float32)
    """
    global _default
    numpy = to_numpy(d)
    if numpy.kind != "f":
        raise TypeError("only floating-point types are supported as the default type")
    _default = numpy


def default_float() -> np.dtype[Any]:
    """The default floating type as a NumPy dtype."""
    return _default


def default_complex() -> np.dtype[Any]:
    """The complex type whose parts have the default floating type (at least complex64)."""
    return np.result_type(_default, np.complex64)


def promote(a: np.dtype[Any], b: np.dtype[Any]) -> np.dtype[Any]:
    """PyTorch's common type of two equally ranked NumPy dtypes: an integer gives way to any float.

    Raises:
        RuntimeError: one is uint16, uint32 or uint64, and the other no floating type.
    """
    if a is b or a == b:
        return a
    if (a in _BARE or b in _BARE) and "f" not in (a.kind, b.kind):
        raise RuntimeError(
            f"Promotion for uint16, uint32, uint64 types is not supported, attempted to promote {type_name(a)} and "
            f"{type_name(b)}"
        )
    if CATEGORY[a.kind] < 2 <= CATEGORY[b.kind]:
        return b
    if CATEGORY[b.kind] < 2 <= CATEGORY[a.kind]:
        return a
    return np.promote_types(a, b)


def _outrank(high: np.dtype[Any] | None, low: np.dtype[Any] | None) -> np.dtype[Any] | None:
    """Common type of a higher and a lower ranked group: the lower one counts only if its category is higher."""
    if high is None or low is None:
        return high if low is None else low
    if CATEGORY[low.kind] <= CATEGORY[high.kind]:
        return high
    if low.kind == "c" and high.kind == "f":
        return np.result_type(high, np.complex64)
    return promote(high, low)


def scalar_dtype(value: Any) -> np.dtype[Any]:
    """The type that a Python number counts as in promotion: int64, bool, or the default float or complex type."""
    if isinstance(value, (bool, np.bool_)):
        return bool_.numpy
    if isinstance(value, (int, np.integer)):
        return int64.numpy
    if isinstance(value, (float, np.floating)):
        return _default
    if isinstance(value, (complex, np.complexfloating)):
        return default_complex()
    raise TypeError(f"expected a number, got {type(value).__name__}")


def fitted(value: Any, numpy: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """A Python number as a 0-d array of an element type, by PyTorch's rules for filling and for bounds.

    Fractions are cut off, and a negative number whose absolute value fits into an unsigned type wraps around.

    Raises:
        RuntimeError: the number does not fit.

    >>> fitted(2.7, np.dtype(np.int64)), fitted(-1, np.dtype(np.uint8))
    (array(2), array(255, dtype=uint8))
    """
    kind = numpy.kind
    misfit = RuntimeError(f"value cannot be converted to type {of(numpy).name} without overflow")
    if kind != "c" and isinstance(value, complex):
        if value.imag:
            raise misfit
        value = value.real
    if kind in "iu":
        limits = np.iinfo(numpy)
        if not (limits.min if kind == "i" else -limits.max) <= value <= limits.max:  # NaN fits nowhere
            raise misfit
        whole = int(value)
        return np.array(whole % 2**limits.bits if kind == "u" else whole, numpy)
    if kind == "f" and math.isfinite(value) and abs(value) > np.finfo(numpy).max:
        raise misfit
    return np.array(value, numpy)


def common_dtype(*operands: Any) -> np.dtype[Any]:
    """PyTorch's result type of raw arrays and Python numbers, as a NumPy dtype.

    Arrays with dimensions outrank 0-d arrays, which outrank numbers; a lower rank raises the type only if it is
    of a higher category (bool < integer < float < complex).
    """
    ranks: list[np.dtype[Any] | None] = [None, None, None]  # with dimensions, 0-d, numbers
    for operand in operands:
        if hasattr(operand, "ndim") and not isinstance(operand, np.generic):
            rank, kind = (0 if operand.ndim else 1), operand.dtype
        else:
            rank, kind = 2, scalar_dtype(operand)
        held = ranks[rank]
        ranks[rank] = kind if held is None else promote(held, kind)
    common = _outrank(ranks[0], _outrank(ranks[1], ranks[2]))
    assert common is not None, "common_dtype needs at least one operand"
    return common


def result_type(tensor: Any, other: Any) -> dtype:
    """The type that an arithmetic operation on the two arguments (tensors or numbers) gives.

    Raises:
        TypeError: one of them is neither a tensor nor a number.

    >>> import mytorch
    >>> mytorch.result_type(mytorch.tensor([1, 2]), 1.0)
    torch.float32
    """
    return of(common_dtype(getattr(tensor, "array", tensor), getattr(other, "array", other)))


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest type to which both types can be converted by PyTorch's rules.

    >>> promote_types(int64, float16)
    torch.float16
    """
    return of(promote(to_numpy(type1), to_numpy(type2)))


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether a value may be converted to `to` without falling to a lower category (float to int is refused).

    >>> can_cast(float64, float32), can_cast(float32, int64)
    (True, False)
    """
    return CATEGORY[to_numpy(from_).kind] <= CATEGORY[to_numpy(to).kind]


class finfo:  # noqa: N801 - PyTorch's name
    """Numerical limits of a floating type (the default type if none is given), or of a complex type's parts.

    Raises:
        TypeError: it is neither.

    >>> finfo(float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: dtype | None = None) -> None:
        numpy = _default if type is None else to_numpy(type)
        if numpy.kind not in "fc":
            raise TypeError(
                f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{of(numpy)}'"
            )
        limits = np.finfo(numpy)
        self.bits = int(limits.bits)
        self.eps = float(limits.eps)
        self.max = float(limits.max)
        self.min = float(limits.min)
        self.tiny = self.smallest_normal = float(limits.smallest_normal)
        self.resolution = float(str(limits.resolution))  # through text: float16's 0.001 is not exactly 0.001
        self.dtype = str(limits.dtype)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)


class iinfo:  # noqa: N801 - PyTorch's name
    """Numerical limits of an integer type.

    Raises:
        TypeError: it is none.

    >>> iinfo(int8).max
    127
    """

    def __init__(self, type: dtype) -> None:
        numpy = to_numpy(type)
        if numpy.kind == "b":
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if numpy.kind not in "iu":
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{of(numpy)}'")
        limits = np.iinfo(numpy)
        self.bits = int(limits.bits)
        self.max = int(limits.max)
        self.min = int(limits.min)
        self.dtype = str(numpy)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)
