"""The operators and methods of `Tensor` that compute, handed on from `mytorch.ops`.

Those functions take a tensor first, so each becomes a method by being named in the class: an editor finds its
documentation, and a type checker its signature, where it was written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import operand
from mytorch.ops import (
    activation,
    arithmetic,
    bessel,
    clamping,
    comparison,
    complex_parts,
    compound,
    cumulative,
    decompositions,
    determinants,
    differences,
    distances,
    elementwise,
    error_function,
    extremum,
    floating_point,
    gamma,
    histograms,
    incomplete_gamma,
    index_writing,
    indexing,
    integer,
    least_squares,
    linalg,
    logarithmic,
    matrix_functions,
    order_statistics,
    pieces,
    products,
    random_draws,
    rearranging,
    reduction,
    renorm,
    rounding,
    running,
    scatter_reduction,
    searching,
    solving,
    sorting,
    spectral,
    splitting,
    statistics,
    strided,
    transposition,
    triangle,
    triangular,
    view_copies,
)
from mytorch.ops import lu as lu_factors
from mytorch.ops import scatter as scattering
from mytorch.ops import shape as shapes
from mytorch.ops import softmax as softmaxes
from mytorch.ops.numpy_names import add_numpy_names
from mytorch.tensor.inplace_methods import InPlaceMethods
from mytorch.tensor.new_methods import NewMethods

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


class TensorMethods(InPlaceMethods, NewMethods):
    """What a tensor can compute. Users meet it as `mytorch.Tensor`."""

    __slots__ = ()

    # --- operators ------------------------------------------------------------------------------------------------

    __neg__ = elementwise.neg
    __pos__ = elementwise.positive
    __abs__ = elementwise.abs
    __add__ = __radd__ = arithmetic.add
    __sub__ = arithmetic.sub
    __rsub__ = arithmetic.rsub
    __mul__ = __rmul__ = arithmetic.mul
    __truediv__ = arithmetic.div
    __floordiv__ = arithmetic.floor_divide
    __mod__ = arithmetic.remainder
    __pow__ = arithmetic.pow
    __matmul__ = linalg.matmul
    __lt__ = comparison.lt
    __le__ = comparison.le
    __gt__ = comparison.gt
    __ge__ = comparison.ge
    __and__ = __rand__ = comparison.bitwise_and
    __or__ = __ror__ = comparison.bitwise_or
    __xor__ = __rxor__ = comparison.bitwise_xor
    __lshift__ = integer.bitwise_left_shift
    __rshift__ = integer.bitwise_right_shift
    __getitem__ = indexing.getitem
    __setitem__ = indexing.setitem
    __hash__ = object.__hash__

    def __eq__(self: Any, other: Any) -> Any:
        try:
            return comparison.eq(self, other)
        except TypeError:  # not comparable, e.g. with None: Python then asks the other operand, and says False
            return NotImplemented

    def __ne__(self: Any, other: Any) -> Any:
        try:
            return comparison.ne(self, other)
        except TypeError:
            return NotImplemented

    def __invert__(self: Any) -> Tensor:
        if self.array.dtype.kind not in "biu":
            raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
        return comparison.bitwise_not(self)

    def __rtruediv__(self: Any, other: Any) -> Tensor:
        return elementwise.reciprocal(self) * other

    def __rpow__(self: Any, other: Any) -> Tensor:
        return arithmetic.pow(operand("pow", other), self)

    def __rfloordiv__(self: Any, other: Any) -> Tensor:
        return arithmetic.floor_divide(operand("floor_divide", other), self)

    def __rmod__(self: Any, other: Any) -> Tensor:
        return arithmetic.remainder(operand("remainder", other), self)

    def __rlshift__(self: Any, other: Any) -> Tensor:
        return integer.bitwise_left_shift(operand("bitwise_left_shift", other), self)

    def __rrshift__(self: Any, other: Any) -> Tensor:
        return integer.bitwise_right_shift(operand("bitwise_right_shift", other), self)

    def __rmatmul__(self: Any, other: Any) -> Tensor:
        return linalg.matmul(operand("matmul", other), self)

    # --- methods --------------------------------------------------------------------------------------------------

    abs = absolute = elementwise.abs
    exp = elementwise.exp
    expm1 = elementwise.expm1
    exp2 = elementwise.exp2
    log = elementwise.log
    log1p = elementwise.log1p
    log2 = elementwise.log2
    log10 = elementwise.log10
    sqrt = elementwise.sqrt
    rsqrt = elementwise.rsqrt
    reciprocal = elementwise.reciprocal
    square = elementwise.square
    sin = elementwise.sin
    cos = elementwise.cos
    tan = elementwise.tan
    asin = arcsin = elementwise.asin
    acos = arccos = elementwise.acos
    atan = arctan = elementwise.atan
    sinh = elementwise.sinh
    cosh = elementwise.cosh
    tanh = elementwise.tanh
    asinh = arcsinh = elementwise.asinh
    acosh = arccosh = elementwise.acosh
    atanh = arctanh = elementwise.atanh
    erf = elementwise.erf
    sigmoid = elementwise.sigmoid
    relu = elementwise.relu
    neg = negative = elementwise.neg
    positive = elementwise.positive
    sign = elementwise.sign
    floor = rounding.floor
    ceil = rounding.ceil
    trunc = fix = rounding.trunc
    round = rounding.round
    isnan = comparison.isnan
    isinf = comparison.isinf
    isfinite = comparison.isfinite
    logical_not = comparison.logical_not
    bitwise_not = comparison.bitwise_not

    add = arithmetic.add
    sub = subtract = arithmetic.sub
    mul = multiply = arithmetic.mul
    div = divide = true_divide = arithmetic.div
    pow = arithmetic.pow
    floor_divide = arithmetic.floor_divide
    remainder = arithmetic.remainder
    fmod = arithmetic.fmod
    maximum = arithmetic.maximum
    minimum = arithmetic.minimum
    atan2 = arctan2 = arithmetic.atan2
    eq = comparison.eq
    ne = not_equal = comparison.ne
    lt = less = comparison.lt
    le = less_equal = comparison.le
    gt = greater = comparison.gt
    ge = greater_equal = comparison.ge
    logical_and = comparison.logical_and
    logical_or = comparison.logical_or
    logical_xor = comparison.logical_xor
    bitwise_and = comparison.bitwise_and
    bitwise_or = comparison.bitwise_or
    bitwise_xor = comparison.bitwise_xor

    copysign = floating_point.copysign
    signbit = floating_point.signbit
    sgn = floating_point.sgn
    heaviside = floating_point.heaviside
    nextafter = floating_point.nextafter
    frac = floating_point.frac
    frexp = floating_point.frexp
    ldexp = floating_point.ldexp
    nan_to_num = floating_point.nan_to_num
    isposinf = floating_point.isposinf
    isneginf = floating_point.isneginf
    fmax = floating_point.fmax
    fmin = floating_point.fmin

    float_power = logarithmic.float_power
    xlogy = logarithmic.xlogy
    logaddexp = logarithmic.logaddexp
    logaddexp2 = logarithmic.logaddexp2
    hypot = logarithmic.hypot
    logit = logarithmic.logit
    sinc = logarithmic.sinc
    deg2rad = logarithmic.deg2rad
    rad2deg = logarithmic.rad2deg

    gcd = integer.gcd
    lcm = integer.lcm
    bitwise_left_shift = integer.bitwise_left_shift
    bitwise_right_shift = integer.bitwise_right_shift

    lgamma = gamma.lgamma
    digamma = gamma.digamma
    polygamma = gamma.polygamma_method
    mvlgamma = gamma.mvlgamma
    igamma = incomplete_gamma.igamma
    igammac = incomplete_gamma.igammac
    erfc = error_function.erfc
    erfinv = error_function.erfinv
    i0 = bessel.i0

    real = property(complex_parts.real, complex_parts.set_real)
    imag = property(complex_parts.imag, complex_parts.set_imag)
    conj = complex_parts.conj
    conj_physical = complex_parts.conj_physical
    resolve_conj = complex_parts.resolve_conj
    resolve_neg = complex_parts.resolve_neg
    angle = complex_parts.angle
    isreal = complex_parts.isreal
    renorm = renorm.renorm

    clamp = clip = clamping.clamp
    clamp_min = clamping.clamp_min
    clamp_max = clamping.clamp_max

    addcmul = compound.addcmul
    addcdiv = compound.addcdiv
    addmm = compound.addmm
    lerp = compound.lerp
    isclose = compound.isclose
    allclose = compound.allclose
    equal = compound.equal

    sum = reduction.sum
    mean = reduction.mean
    var = reduction.var
    std = reduction.std
    prod = reduction.prod
    amax = extremum.amax
    amin = extremum.amin
    max = extremum.max
    min = extremum.min
    argmax = extremum.argmax
    argmin = extremum.argmin
    any = reduction.any
    all = reduction.all
    logsumexp = reduction.logsumexp
    softmax = softmaxes.softmax
    log_softmax = softmaxes.log_softmax
    hardshrink = activation.hardshrink
    prelu = activation.prelu
    norm = reduction.norm

    cumsum = cumulative.cumsum
    cumprod = cumulative.cumprod

    sort = sorting.sort
    argsort = sorting.argsort
    topk = sorting.topk
    median = sorting.median
    unique = sorting.unique
    bincount = sorting.bincount
    msort = order_statistics.msort
    kthvalue = order_statistics.kthvalue
    mode = order_statistics.mode
    nanmedian = order_statistics.nanmedian
    quantile = order_statistics.quantile
    nanquantile = order_statistics.nanquantile
    histc = histograms.histc
    histogram = histograms.histogram
    argwhere = searching.argwhere
    count_nonzero = searching.count_nonzero
    nonzero_static = searching.nonzero_static
    unique_consecutive = searching.unique_consecutive

    cummax = running.cummax
    cummin = running.cummin
    logcumsumexp = running.logcumsumexp
    diff = differences.diff
    aminmax = statistics.aminmax
    nansum = statistics.nansum
    nanmean = statistics.nanmean
    cov = statistics.cov
    corrcoef = statistics.corrcoef

    index_put = index_writing.index_put
    index_copy = index_writing.index_copy
    index_fill = index_writing.index_fill
    put = index_writing.put
    take = index_writing.take
    masked_scatter = index_writing.masked_scatter
    scatter_reduce = scatter_reduction.scatter_reduce
    index_reduce = scatter_reduction.index_reduce

    reshape = shapes.reshape
    view = shapes.view
    flatten = shapes.flatten
    unflatten = shapes.unflatten
    permute = shapes.permute
    transpose = swapaxes = swapdims = shapes.transpose
    t = shapes.t
    unsqueeze = shapes.unsqueeze
    squeeze = shapes.squeeze
    expand = shapes.expand
    broadcast_to = shapes.broadcast_to
    flip = shapes.flip
    adjoint = transposition.adjoint
    clone = shapes.clone
    contiguous = shapes.contiguous

    as_strided = strided.as_strided
    unfold = strided.unfold
    as_strided_scatter = strided.as_strided_scatter
    select_scatter = strided.select_scatter
    slice_scatter = strided.slice_scatter
    diagonal_scatter = strided.diagonal_scatter
    narrow_copy = view_copies.narrow_copy

    narrow = pieces.narrow
    select = pieces.select
    unbind = pieces.unbind
    split = pieces.split
    chunk = pieces.chunk
    repeat = pieces.repeat
    tile = pieces.tile
    repeat_interleave = pieces.repeat_interleave
    roll = pieces.roll
    movedim = moveaxis = pieces.movedim

    tril = triangle.tril
    triu = triangle.triu
    diag = triangle.diag
    diagonal = triangle.diagonal
    diag_embed = triangle.diag_embed
    trace = triangle.trace

    gather = indexing.gather
    nonzero = indexing.nonzero

    scatter = scattering.scatter
    scatter_add = scattering.scatter_add
    index_select = scattering.index_select
    index_add = scattering.index_add
    take_along_dim = scattering.take_along_dim
    masked_fill = scattering.masked_fill
    masked_select = scattering.masked_select

    matmul = linalg.matmul
    mm = linalg.mm
    bmm = linalg.bmm
    mv = linalg.mv
    dot = linalg.dot
    outer = ger = linalg.outer
    addmv = products.addmv
    addr = products.addr
    addbmm = products.addbmm
    baddbmm = products.baddbmm
    vdot = products.vdot
    inner = products.inner
    kron = products.kron
    cross = products.cross
    inverse = solving.inverse
    matrix_power = products.matrix_power
    det = determinants.det
    logdet = determinants.logdet
    slogdet = determinants.slogdet
    cholesky = decompositions.cholesky
    qr = decompositions.qr
    svd = spectral.svd
    pinverse = least_squares.pinverse
    matrix_exp = matrix_functions.matrix_exp
    cholesky_solve = triangular.cholesky_solve
    cholesky_inverse = triangular.cholesky_inverse
    triangular_solve = triangular.triangular_solve
    geqrf = matrix_functions.geqrf
    ormqr = matrix_functions.ormqr
    lu = lu_factors.lu
    lu_solve = lu_factors.lu_solve
    dist = distances.dist
    bernoulli = random_draws.bernoulli
    multinomial = random_draws.multinomial

    tensor_split = splitting.tensor_split
    hsplit = splitting.hsplit
    vsplit = splitting.vsplit
    dsplit = splitting.dsplit
    split_with_sizes = splitting.split_with_sizes
    unsafe_split = splitting.unsafe_split
    unsafe_split_with_sizes = splitting.unsafe_split_with_sizes
    unsafe_chunk = splitting.unsafe_chunk

    fliplr = rearranging.fliplr
    flipud = rearranging.flipud
    rot90 = rearranging.rot90
    diagflat = rearranging.diagflat
    ravel = rearranging.ravel
    sum_to_size = rearranging.sum_to_size

    # --- with another order or number of arguments ------------------------------------------------------------------

    def where(self: Any, condition: Tensor, other: Any) -> Tensor:
        """This tensor where condition is true, else other."""
        return arithmetic.where(condition, self, other)

    def view_as(self: Any, other: Tensor) -> Tensor:
        """`view` with the shape of another tensor."""
        return shapes.view(self, other.array.shape)

    def reshape_as(self: Any, other: Tensor) -> Tensor:
        """`reshape` to the shape of another tensor."""
        return shapes.reshape(self, other.array.shape)

    def expand_as(self: Any, other: Tensor) -> Tensor:
        """`expand` to the shape of another tensor."""
        return shapes.expand(self, other.array.shape)


for _name, _method in add_numpy_names(vars(TensorMethods)).items():
    setattr(TensorMethods, _name, _method)
