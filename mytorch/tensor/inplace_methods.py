"""The methods of `Tensor` that write to its own memory: `add_` and its family, handed on from `mytorch.ops`."""

from __future__ import annotations

from mytorch.autograd.array import DifferentiableArray
from mytorch.ops import (
    arithmetic,
    bessel,
    clamping,
    comparison,
    complex_parts,
    compound,
    cumulative,
    elementwise,
    error_function,
    floating_point,
    gamma,
    incomplete_gamma,
    index_writing,
    inplace,
    integer,
    logarithmic,
    products,
    random_fills,
    renorm,
    rounding,
    scatter_reduction,
    strided,
    triangle,
)
from mytorch.ops import scatter as scattering
from mytorch.ops.inplace import in_place


class InPlaceMethods(DifferentiableArray):
    """How a tensor can be changed. Users meet it as `mytorch.Tensor`."""

    __slots__ = ()

    abs_ = absolute_ = in_place(elementwise.abs)
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
    asin_ = arcsin_ = in_place(elementwise.asin)
    acos_ = arccos_ = in_place(elementwise.acos)
    atan_ = arctan_ = in_place(elementwise.atan)
    sinh_ = in_place(elementwise.sinh)
    cosh_ = in_place(elementwise.cosh)
    tanh_ = in_place(elementwise.tanh)
    asinh_ = arcsinh_ = in_place(elementwise.asinh)
    acosh_ = arccosh_ = in_place(elementwise.acosh)
    atanh_ = arctanh_ = in_place(elementwise.atanh)
    erf_ = in_place(elementwise.erf)
    sigmoid_ = in_place(elementwise.sigmoid)
    relu_ = in_place(elementwise.relu)
    neg_ = negative_ = in_place(elementwise.neg)
    sign_ = in_place(elementwise.sign)
    floor_ = in_place(rounding.floor)
    ceil_ = in_place(rounding.ceil)
    trunc_ = fix_ = in_place(rounding.trunc)
    round_ = in_place(rounding.round)
    logical_not_ = in_place(comparison.logical_not)
    bitwise_not_ = in_place(comparison.bitwise_not)

    add_ = __iadd__ = inplace.add_
    sub_ = subtract_ = __isub__ = in_place(arithmetic.sub)
    mul_ = multiply_ = __imul__ = inplace.mul_
    div_ = divide_ = true_divide_ = __itruediv__ = in_place(arithmetic.div)
    pow_ = __ipow__ = in_place(arithmetic.pow)
    floor_divide_ = __ifloordiv__ = in_place(arithmetic.floor_divide)
    remainder_ = __imod__ = in_place(arithmetic.remainder)
    fmod_ = in_place(arithmetic.fmod)
    atan2_ = arctan2_ = in_place(arithmetic.atan2)
    eq_ = in_place(comparison.eq)
    ne_ = not_equal_ = in_place(comparison.ne)
    lt_ = less_ = in_place(comparison.lt)
    le_ = less_equal_ = in_place(comparison.le)
    gt_ = greater_ = in_place(comparison.gt)
    ge_ = greater_equal_ = in_place(comparison.ge)
    logical_and_ = in_place(comparison.logical_and)
    logical_or_ = in_place(comparison.logical_or)
    logical_xor_ = in_place(comparison.logical_xor)
    bitwise_and_ = __iand__ = in_place(comparison.bitwise_and)
    bitwise_or_ = __ior__ = in_place(comparison.bitwise_or)
    bitwise_xor_ = __ixor__ = in_place(comparison.bitwise_xor)

    copysign_ = in_place(floating_point.copysign)
    sgn_ = in_place(floating_point.sgn)
    heaviside_ = in_place(floating_point.heaviside)
    nextafter_ = in_place(floating_point.nextafter)
    frac_ = in_place(floating_point.frac)
    ldexp_ = in_place(floating_point.ldexp)
    nan_to_num_ = in_place(floating_point.nan_to_num)

    float_power_ = logarithmic.float_power_
    xlogy_ = in_place(logarithmic.xlogy)
    hypot_ = in_place(logarithmic.hypot)
    logit_ = in_place(logarithmic.logit)
    sinc_ = in_place(logarithmic.sinc)
    deg2rad_ = in_place(logarithmic.deg2rad)
    rad2deg_ = in_place(logarithmic.rad2deg)

    gcd_ = in_place(integer.gcd)
    lcm_ = in_place(integer.lcm)
    bitwise_left_shift_ = __ilshift__ = in_place(integer.bitwise_left_shift)
    bitwise_right_shift_ = __irshift__ = in_place(integer.bitwise_right_shift)

    lgamma_ = in_place(gamma.lgamma)
    digamma_ = in_place(gamma.digamma)
    polygamma_ = in_place(gamma.polygamma_method)
    mvlgamma_ = in_place(gamma.mvlgamma)
    igamma_ = in_place(incomplete_gamma.igamma)
    igammac_ = in_place(incomplete_gamma.igammac)
    erfc_ = in_place(error_function.erfc)
    erfinv_ = in_place(error_function.erfinv)
    i0_ = in_place(bessel.i0)
    conj_physical_ = in_place(complex_parts.conj_physical)
    renorm_ = in_place(renorm.renorm)

    clamp_ = clip_ = in_place(clamping.clamp)
    clamp_min_ = in_place(clamping.clamp_min)
    clamp_max_ = in_place(clamping.clamp_max)

    addcmul_ = in_place(compound.addcmul)
    addcdiv_ = in_place(compound.addcdiv)
    addmm_ = in_place(compound.addmm)
    addmv_ = in_place(products.addmv)
    addr_ = in_place(products.addr)
    addbmm_ = in_place(products.addbmm)
    baddbmm_ = in_place(products.baddbmm)
    lerp_ = in_place(compound.lerp)

    cumsum_ = in_place(cumulative.cumsum)
    cumprod_ = in_place(cumulative.cumprod)

    tril_ = in_place(triangle.tril)
    triu_ = in_place(triangle.triu)

    scatter_ = in_place(scattering.scatter)
    scatter_add_ = in_place(scattering.scatter_add)
    index_add_ = in_place(scattering.index_add)
    masked_fill_ = in_place(scattering.masked_fill)
    index_put_ = in_place(index_writing.index_put)
    index_copy_ = in_place(index_writing.index_copy)
    index_fill_ = in_place(index_writing.index_fill)
    put_ = in_place(index_writing.put)
    masked_scatter_ = in_place(index_writing.masked_scatter)
    fill_diagonal_ = index_writing.fill_diagonal_
    scatter_reduce_ = in_place(scatter_reduction.scatter_reduce)
    index_reduce_ = in_place(scatter_reduction.index_reduce)

    as_strided_ = strided.as_strided_
    t_ = strided.t_
    transpose_ = swapaxes_ = swapdims_ = strided.transpose_
    squeeze_ = strided.squeeze_
    unsqueeze_ = strided.unsqueeze_

    copy_ = inplace.copy_
    zero_ = inplace.zero_
    fill_ = inplace.fill_

    uniform_ = random_fills.uniform_
    normal_ = random_fills.normal_
    log_normal_ = random_fills.log_normal_
    exponential_ = random_fills.exponential_
    cauchy_ = random_fills.cauchy_
    geometric_ = random_fills.geometric_
    bernoulli_ = random_fills.bernoulli_
    random_ = random_fills.random_
