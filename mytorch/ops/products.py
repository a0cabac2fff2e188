"""Products of matrices and vectors beyond `mytorch.ops.linalg`: sums with a product, powers, and other kinds."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, convert, wrap, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import common_dtype
from mytorch.ops import linalg, pieces, shape
from mytorch.ops.contraction import tensordot
from mytorch.ops.dims import normalize_dim
from mytorch.ops.matrices import check_square
from mytorch.ops.solving import inverse
from mytorch.ops.triangle import triu
from mytorch.ops.variant import variant

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = [
    "addbmm", "addmv", "addr", "baddbmm", "chain_matmul", "cross", "inner", "kron", "matrix_power", "vdot",
]  # fmt: skip

# beta * x + alpha * product; with beta 0, x counts as 0 even where it is NaN.
_addmv = Primitive(
    "addmv",
    lambda xp, x, product, beta, alpha: product * alpha + (x * beta if beta else 0),
    [
        lambda xp, g, _out, _x, _product, beta, alpha: g * beta,
        lambda xp, g, _out, _x, _product, beta, alpha: g * alpha,
    ],
    math={
        "y": "beta * x + alpha * product",
    },
)
_addr = variant(_addmv, "addr", "AddrBackward0")
_addbmm = variant(_addmv, "addbmm", "AddbmmBackward0")
_baddbmm = variant(_addmv, "baddbmm", "BaddbmmBackward0")


def _sum_with(primitive: Primitive, input: Any, product: Any, beta: float, alpha: float) -> Any:
    """`input`, which broadcasts, plus a product, each times a number of their type."""
    given, wanted = input.array.shape, product.array.shape
    if given != wanted:
        shape.expand(input, wanted)  # for its complaints only: NumPy broadcasts by itself
    dtype = product.array.dtype
    factors: list[Any] = [beta, alpha]
    if dtype.kind in "biu":
        factors = [np.asarray(number).astype(dtype)[()] for number in factors]
    return apply(primitive, input, product, beta=factors[0], alpha=factors[1])


def _check_dtypes(message: str, *tensors: Any) -> None:
    for x in tensors:
        if not isinstance(x, DifferentiableArray):
            raise wrong_argument(message.partition(" ")[0], x)
    if len({x.array.dtype for x in tensors}) > 1:
        raise RuntimeError(f"{message} must have the same dtype, but got {', '.join(str(x.dtype) for x in tensors)}")


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec); `input` broadcasts. With beta 0, `input` is ignored, NaN included.

    Raises:
        RuntimeError: the shapes do not fit, or the types differ.

    >>> import mytorch
    >>> mytorch.addmv(mytorch.tensor([1.0]), mytorch.tensor([[2.0, 3.0]]), mytorch.tensor([1.0, 1.0]), beta=10)
    tensor([15.])
    """
    _check_dtypes("addmv input tensors", input, mat, vec)
    ranks = (input.array.ndim, mat.array.ndim, vec.array.ndim)
    if ranks not in ((0, 2, 1), (1, 2, 1)):
        raise RuntimeError(f"vector + matrix @ vector expected, got {', '.join(map(str, ranks))}")
    (rows, columns), size = mat.array.shape, input.array.size
    if columns != vec.array.size or size not in (1, rows):
        raise RuntimeError(f"size mismatch, got input ({size}), mat ({rows}x{columns}), vec ({vec.array.size})")
    return _sum_with(_addmv, input, linalg.mv(mat, vec), beta, alpha)


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (the outer product of two vectors); `input` broadcasts, and is ignored with beta 0.

    Raises:
        RuntimeError: the shapes do not fit.

    >>> import mytorch
    >>> mytorch.addr(mytorch.zeros(2, 2), mytorch.tensor([1.0, 2.0]), mytorch.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    for name, vector in (("vec1", vec1), ("vec2", vec2)):
        if vector.array.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {vector.array.ndim}-D")
    common = common_dtype(input.array, vec1.array, vec2.array)
    product = linalg.outer(convert(vec1, common), convert(vec2, common))
    return _sum_with(_addr, convert(input, common), product, beta, alpha)


def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (the sum of the products of two stacks of matrices); `input` broadcasts.

    Args:
        batch1, batch2: (b, n, k) and (b, k, m); the result is (n, m). With beta 0, `input` is ignored.

    Raises:
        RuntimeError: the shapes do not fit, or the types differ.

    >>> import mytorch
    >>> mytorch.addbmm(mytorch.zeros(1, 1), mytorch.ones(5, 1, 3), mytorch.ones(5, 3, 1))
    tensor([[15.]])
    """
    for name, batch in (("batch1", batch1), ("batch2", batch2)):
        if batch.array.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor")
    _check_dtypes("addbmm input tensors", input, batch1, batch2)
    (b, n, k), (b2, k2, m) = batch1.array.shape, batch2.array.shape
    if b != b2:
        raise RuntimeError(f"batch1 and batch2 must have same number of batches, got {b} and {b2}")
    if k != k2:
        raise RuntimeError(f"Incompatible matrix sizes for bmm ({n}x{k} and {k2}x{m})")
    # The sum of the products is one product of all matrices side by side.
    rows = shape.reshape(shape.transpose(batch1, 0, 1), n, b * k)
    return _sum_with(_addbmm, input, linalg.mm(rows, shape.reshape(batch2, b * k, m)), beta, alpha)


def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (the products of two stacks of matrices); `input` broadcasts.

    Args:
        batch1, batch2: (b, n, k) and (b, k, m); the result is (b, n, m). With beta 0, `input` is ignored.

    Raises:
        RuntimeError: the shapes do not fit, or the types differ.

    >>> import mytorch
    >>> mytorch.baddbmm(mytorch.tensor([1.0]), mytorch.ones(2, 1, 3), mytorch.ones(2, 3, 1), beta=0.5)
    tensor([[[3.5000]],
    <BLANKLINE>
            [[3.5000]]])
    """
    _check_dtypes("baddbmm input tensors", input, batch1)
    return _sum_with(_baddbmm, input, linalg.bmm(batch1, batch2), beta, alpha)


def vdot(input: Tensor, other: Tensor) -> Tensor:
    """The dot product of two vectors, the first of them conjugated.

    >>> import mytorch
    >>> mytorch.vdot(mytorch.tensor([1.0, 2.0]), mytorch.tensor([3.0, 4.0]))
    tensor(11.)
    """
    return linalg.dot(wrap(input.array.conj()) if input.array.dtype.kind == "c" else input, other)


def inner(input: Tensor, other: Tensor) -> Tensor:
    """The sum of products over the last dimensions of both; a 0-d tensor multiplies the other one.

    Raises:
        RuntimeError: the last dimensions have different sizes, or the types differ.

    >>> import mytorch
    >>> mytorch.inner(mytorch.tensor([[1.0, 2.0], [3.0, 4.0]]), mytorch.tensor([1.0, 10.0]))
    tensor([21., 43.])
    """
    a, b = input.array, other.array
    if not a.ndim or not b.ndim:
        return input * other
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(a.shape)} and "
            f"{list(b.shape)}"
        )
    return tensordot(input, other, dims=([-1], [-1]))


def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: every element of `input` times the whole of `other`, side by side.

    >>> import mytorch
    >>> mytorch.kron(mytorch.tensor([[1, 2]]), mytorch.tensor([[1, 1], [0, 1]]))
    tensor([[1, 1, 2, 2],
            [0, 1, 0, 2]])
    """
    rank = max(input.array.ndim, other.array.ndim)
    a, b = ((1,) * (rank - x.array.ndim) + x.array.shape for x in (input, other))
    apart = shape.reshape(input, [n for size in a for n in (size, 1)])
    repeated = shape.reshape(other, [n for size in b for n in (1, size)])
    return shape.reshape(apart * repeated, [n * m for n, m in zip(a, b, strict=True)])


def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The vector product of vectors of three numbers along `dim`: by default the first dimension of size 3.

    Raises:
        RuntimeError: the size is not 3, or the numbers of dimensions differ.

    >>> import mytorch
    >>> mytorch.cross(mytorch.tensor([1, 0, 0]), mytorch.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    a, b = input.array, other.array
    if a.ndim != b.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if dim is None:
        if 3 not in a.shape:
            raise RuntimeError("no dimension of size 3 in input")
        dim = a.shape.index(3)
    axis = normalize_dim(dim, a.ndim)
    if not a.ndim or a.shape[axis] != 3 or b.shape[axis] != 3:
        sizes = [x.shape[axis] if x.ndim else 1 for x in (a, b)]
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {sizes[0]} and {sizes[1]}")

    def part(x: Any, i: int) -> Any:
        return pieces.roll(x, -i, axis)

    return part(input, 1) * part(other, 2) - part(input, 2) * part(other, 1)


def matrix_power(input: Tensor, n: int) -> Tensor:
    """A square matrix, or each of a stack of them, multiplied `n` times with itself; of the inverse if n is negative.

    Raises:
        RuntimeError: no square matrices, or a negative power of integers or of a matrix without an inverse.

    >>> import mytorch
    >>> mytorch.matrix_power(mytorch.tensor([[1, 1], [0, 1]]), 5)
    tensor([[1, 5],
            [0, 1]])
    """
    x = input.array
    check_square("linalg.matrix_power", input)
    if n == 0:
        return triu(input, x.shape[-1]) + np.eye(x.shape[-1], dtype=x.dtype)  # of the input's shape and history
    if n < 0:
        return matrix_power(inverse(input), -n)
    power, result, rest = input, None, n
    while True:  # the bits of n say which of the powers 1, 2, 4, 8 ... to multiply
        if rest & 1:
            result = power if result is None else linalg.matmul(result, power)
        rest >>= 1
        if not rest:
            return shape.clone(input) if n == 1 else result  # type: ignore[return-value]
        power = linalg.matmul(power, power)


def chain_matmul(*matrices: Any) -> Tensor:
    """The product of several matrices, multiplied in the order that takes the fewest multiplications.

    Source: T. Cormen and others, "Introduction to Algorithms", chapter on dynamic programming.

    Raises:
        RuntimeError: no matrices, or two whose product does not exist.

    >>> import mytorch
    >>> mytorch.chain_matmul(mytorch.ones(2, 3), mytorch.ones(3, 4), mytorch.ones(4, 1)).flatten()
    tensor([12., 12.])
    """
    given = matrices[0] if len(matrices) == 1 and isinstance(matrices[0], (tuple, list)) else matrices
    if not given:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    for x in given:
        if x.array.ndim != 2:
            raise RuntimeError(f"Tensor dimension is {x.array.ndim}, expected 2 instead.")
    sizes = [x.array.shape[0] for x in given] + [given[-1].array.shape[1]]

    @functools.cache
    def best(first: int, last: int) -> tuple[int, int]:
        """The multiplications for the product of matrices `first` to `last`, and after which one to cut."""
        if first == last:
            return 0, first
        return min(
            (best(first, cut)[0] + best(cut + 1, last)[0] + sizes[first] * sizes[cut + 1] * sizes[last + 1], cut)
            for cut in range(first, last)
        )

    def product(first: int, last: int) -> Any:
        cut = best(first, last)[1]
        return given[first] if first == last else linalg.mm(product(first, cut), product(cut + 1, last))

    return product(0, len(given) - 1)
