"""The methods of `Tensor` that write to its own memory: `add_` and its family, handed on from `mytorch.ops`."""

from __future__ import annotations

from mytorch.autograd.array import DifferentiableArray
from mytorch.ops import (
    arithmetic,
    clamping,
    compound,
    cumulative,
    elementwise,
    inplace,
    triangle,
)
from mytorch.ops import scatter as scattering
from mytorch.ops.inplace import in_place


class InPlaceMethods(DifferentiableArray):
    """How a tensor can be changed. Users meet it as `mytorch.Tensor`."""

    __slots__ = ()

    abs_ = in_place(elementwise.abs)
    exp_ = in_place(elementwise.exp)
    expm1_ = in_place(elementwise.expm1)
    exp2_ = in_place(elementwise.exp2)
    log_ = in_place(elementwise.log)
    log1p_ = in_place(elementwise.log1p)
    log2_ = in_place(elementwise.log2)
    log10_ = in_place(elementwise.log10)
    sqrt_ = in_place(elementwise.sqrt)
    rsqrt_ = in_place(elementwise.rsqrt)
    reciprocal_ = in_place(elementwise.reciprocal)
    square_ = in_place(elementwise.square)
    sin_ = in_place(elementwise.sin)
    cos_ = in_place(elementwise.cos)
    tan_ = in_place(elementwise.tan)
    asin_ = in_place(elementwise.asin)
    acos_ = in_place(elementwise.acos)
    atan_ = in_place(elementwise.atan)
    sinh_ = in_place(elementwise.sinh)
    cosh_ = in_place(elementwise.cosh)
    tanh_ = in_place(elementwise.tanh)
    asinh_ = in_place(elementwise.asinh)
    acosh_ = in_place(elementwise.acosh)
    atanh_ = in_place(elementwise.atanh)
    erf_ = in_place(elementwise.erf)
    sigmoid_ = in_place(elementwise.sigmoid)
    relu_ = in_place(elementwise.relu)
    neg_ = negative_ = in_place(elementwise.neg)
    sign_ = in_place(elementwise.sign)
    floor_ = in_place(elementwise.floor)
    ceil_ = in_place(elementwise.ceil)
    trunc_ = in_place(elementwise.trunc)
    round_ = in_place(elementwise.round)
    logical_not_ = in_place(elementwise.logical_not)
    bitwise_not_ = in_place(elementwise.bitwise_not)

    add_ = __iadd__ = inplace.add_
    sub_ = subtract_ = __isub__ = in_place(arithmetic.sub)
    mul_ = multiply_ = __imul__ = inplace.mul_
    div_ = divide_ = __itruediv__ = in_place(arithmetic.div)
    pow_ = __ipow__ = in_place(arithmetic.pow)
    floor_divide_ = __ifloordiv__ = in_place(arithmetic.floor_divide)
    remainder_ = __imod__ = in_place(arithmetic.remainder)
    fmod_ = in_place(arithmetic.fmod)
    atan2_ = in_place(arithmetic.atan2)
    eq_ = in_place(arithmetic.eq)
    ne_ = in_place(arithmetic.ne)
    lt_ = in_place(arithmetic.lt)
    le_ = in_place(arithmetic.le)
    gt_ = in_place(arithmetic.gt)
    ge_ = in_place(arithmetic.ge)
    logical_and_ = in_place(arithmetic.logical_and)
    logical_or_ = in_place(arithmetic.logical_or)
    logical_xor_ = in_place(arithmetic.logical_xor)
    bitwise_and_ = __iand__ = in_place(arithmetic.bitwise_and)
    bitwise_or_ = __ior__ = in_place(arithmetic.bitwise_or)
    bitwise_xor_ = __ixor__ = in_place(arithmetic.bitwise_xor)

    clamp_ = clip_ = in_place(clamping.clamp)
    clamp_min_ = in_place(clamping.clamp_min)
    clamp_max_ = in_place(clamping.clamp_max)

    addcmul_ = in_place(compound.addcmul)
    addcdiv_ = in_place(compound.addcdiv)
    addmm_ = in_place(compound.addmm)
    lerp_ = in_place(compound.lerp)

    cumsum_ = in_place(cumulative.cumsum)
    cumprod_ = in_place(cumulative.cumprod)

    tril_ = in_place(triangle.tril)
    triu_ = in_place(triangle.triu)

    scatter_ = in_place(scattering.scatter)
    scatter_add_ = in_place(scattering.scatter_add)
    index_add_ = in_place(scattering.index_add)
    masked_fill_ = in_place(scattering.masked_fill)

    copy_ = inplace.copy_
    zero_ = inplace.zero_
    fill_ = inplace.fill_
    uniform_ = inplace.uniform_
    normal_ = inplace.normal_
    bernoulli_ = inplace.bernoulli_
    exponential_ = inplace.exponential_
