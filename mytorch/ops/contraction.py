"""Sums of products over chosen dimensions: `einsum` and `tensordot`."""

from __future__ import annotations

import math
import string
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import apply, convert
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import common_dtype
from mytorch.ops import reduction, triangle
from mytorch.ops import shape as shapes
from mytorch.ops.dims import normalize_dims

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


def _contract_forward(xp: Any, *xs: Any, terms: tuple[str, ...], out: str) -> Any:
    return xp.einsum(f"{','.join(terms)}->{out}", *xs, optimize=len(xs) > 1)


def _contract_joint(xp: Any, g: Any, _out: Any, *xs: Any, needs: Any, terms: tuple[str, ...], out: str) -> list[Any]:
    """For one operand: the gradient contracted with all the others, down to the operand's own letters."""
    gradients = []
    for i, need in enumerate(needs):
        others = (*terms[:i], *terms[i + 1 :])
        gradients.append(xp.contract(g, *xs[:i], *xs[i + 1 :], terms=(out, *others), out=terms[i]) if need else None)
    return gradients


# Every letter stands at most once in a term, and every letter of a term is in another term or in the result.
_contract = Primitive(
    "contract",
    _contract_forward,
    joint=_contract_joint,
    grad_name="EinsumBackward0",
    math={
        "y": "contract(xs)",
        "each": "contract_others(g, x)",
    },
)


def einsum(equation: str, *operands: Any) -> Tensor:
    """The sum of products that an equation such as "ij,jk->ik" describes: a letter for each dimension.

    A letter that is not in the result is summed over; one that stands twice in a term takes the diagonal. Without "->"
    the result has the letters that occur once, in alphabetical order. "..." stands for dimensions that broadcast.

    Raises:
        RuntimeError: the equation does not fit the operands.

    >>> import mytorch
    >>> einsum("ij,j->i", mytorch.tensor([[1.0, 2.0], [3.0, 4.0]]), mytorch.tensor([1.0, 10.0]))
    tensor([21., 43.])
    """
    tensors = list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (tuple, list)) else list(operands)
    terms, out = _letters(equation, [x.array.ndim for x in tensors])
    _check_sizes(terms, [x.array.shape for x in tensors])
    common = common_dtype(*[x.array.reshape(-1) for x in tensors])
    tensors = [convert(x, common) for x in tensors]
    for i, x in enumerate(tensors):
        tensors[i], terms[i] = _take_diagonals(x, terms[i])
    for i, x in enumerate(tensors):
        tensors[i], terms[i] = _sum_own_letters(x, terms[i], out, [*terms[:i], *terms[i + 1 :]])
    return apply(_contract, *tensors, terms=tuple(terms), out=out)


def _letters(equation: str, ndims: Sequence[int]) -> tuple[list[str], str]:
    """The terms and the result, with letters of their own for the dimensions that "..." stands for."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        more = "more" if len(terms) < len(ndims) else "fewer"
        raise RuntimeError(f"einsum(): {more} operands were provided than specified in the equation '{equation}'")
    for part in (*terms, right):
        if part.count("...") > 1 or set(part.replace("...", "")) - set(string.ascii_letters):
            raise RuntimeError(
                f"einsum(): invalid subscript '{part}' in '{equation}': letters and one '...' are allowed"
            )
    free = [c for c in string.ascii_letters if c not in equation]
    hidden = [n - len(t.replace("...", "")) for t, n in zip(terms, ndims, strict=True)]
    for i, (term, n) in enumerate(zip(terms, hidden, strict=True)):
        if n < 0 or (n and "..." not in term):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(term)}) does not match the number of "
                f"dimensions ({ndims[i]}) for operand {i}, and no ellipsis was given"
            )
    most = max((n for t, n in zip(terms, hidden, strict=True) if "..." in t), default=0)
    dots = "".join(free[:most])
    full = [t.replace("...", dots[most - n :]) for t, n in zip(terms, hidden, strict=True)]
    if arrow:
        out = right.replace("...", dots)
        unknown = [c for c in out if not any(c in t for t in full)]
        if unknown:
            raise RuntimeError(
                f"einsum(): output subscript {unknown[0]} does not appear in the equation for any input operand"
            )
        if len(set(out)) != len(out):
            raise RuntimeError(f"einsum(): output subscript {Counter(out).most_common(1)[0][0]} appears more than once")
    else:
        counts = Counter("".join(terms).replace(".", ""))
        out = dots + "".join(sorted(c for c, n in counts.items() if n == 1))
    return full, out


def _check_sizes(terms: Sequence[str], all_sizes: Sequence[tuple[int, ...]]) -> None:
    known: dict[str, int] = {}
    for i, (term, sizes) in enumerate(zip(terms, all_sizes, strict=True)):
        for letter, n in zip(term, sizes, strict=True):
            if n != 1 and known.setdefault(letter, n) != n:
                raise RuntimeError(
                    f"einsum(): operands do not broadcast: subscript {letter} has size {n} for operand {i}, which does "
                    f"not broadcast with previously seen size {known[letter]}"
                )


def _take_diagonals(x: Any, term: str) -> tuple[Any, str]:
    for letter in sorted(set(term)):
        while term.count(letter) > 1:
            first = term.index(letter)
            second = term.index(letter, first + 1)
            x = triangle.diagonal(x, 0, first, second)  # the diagonal becomes the last dimension
            term = term[:first] + term[first + 1 : second] + term[second + 1 :] + letter
    return x, term


def _sum_own_letters(x: Any, term: str, out: str, others: Sequence[str]) -> tuple[Any, str]:
    own = [i for i, c in enumerate(term) if c not in out and not any(c in other for other in others)]
    if own:
        x = reduction.sum(x, own)
    return x, "".join(c for i, c in enumerate(term) if i not in own)


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Products of `a` and `b` summed over pairs of dimensions.

    Args:
        dims: a number n (the last n of `a` with the first n of `b`) or two lists of dimensions.

    Raises:
        RuntimeError: paired dimensions differ in size.

    >>> import mytorch
    >>> tensordot(mytorch.ones(2, 3, 4), mytorch.ones(4, 3), dims=([1, 2], [1, 0]))
    tensor([12., 12.])
    """
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.array.ndim, b.array.ndim):
            raise RuntimeError(
                f"tensordot expects dims <= min(a.dim(), b.dim()), but got dims={dims}, a.dim()={a.array.ndim}, "
                f"b.dim()={b.array.ndim}"
            )
        dims = (range(a.array.ndim - dims, a.array.ndim), range(dims))
    summed_a = normalize_dims(list(dims[0]), a.array.ndim) or ()
    summed_b = normalize_dims(list(dims[1]), b.array.ndim) or ()
    if len(summed_a) != len(summed_b):
        raise RuntimeError("both dimension lists should have same length")
    for i, j in zip(summed_a, summed_b, strict=True):
        if a.array.shape[i] == 1:  # a dimension of size 1 goes with any other: the other is summed first
            b = reduction.sum(b, j, keepdim=True, dtype=b.dtype)
        elif b.array.shape[j] == 1:
            a = reduction.sum(a, i, keepdim=True, dtype=a.dtype)
        if a.array.shape[i] != b.array.shape[j]:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.array.shape[i]} in dim {i} and second has "
                f"size {b.array.shape[j]} in dim {j}"
            )
    free_a = [i for i in range(a.array.ndim) if i not in summed_a]
    free_b = [j for j in range(b.array.ndim) if j not in summed_b]
    count = _product(a, summed_a)
    sizes = [a.array.shape[i] for i in free_a] + [b.array.shape[j] for j in free_b]
    rows = shapes.reshape(shapes.permute(a, (*free_a, *summed_a)), (_product(a, free_a), count))
    columns = shapes.reshape(shapes.permute(b, (*summed_b, *free_b)), (count, _product(b, free_b)))
    return (rows @ columns).reshape(sizes)


def _product(x: Any, axes: Sequence[int]) -> int:
    return math.prod(x.array.shape[i] for i in axes)
