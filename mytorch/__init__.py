"""mytorch: PyTorch's names and numbers on an autograd engine in NumPy that can be read.

>>> import mytorch as torch
>>> w = torch.tensor([1.0, 2.0], requires_grad=True)
>>> loss = (w * w).sum()
>>> loss.backward()
>>> w.grad
tensor([2., 4.])
"""
# ruff: noqa: I001 - BLAS must be set up before anything loads NumPy

import math as _math

from mytorch.backend import blas as _blas, allocator as _allocator

from mytorch.backend.dtypes import (
    bool_ as bool,
    can_cast,
    cdouble,
    cfloat,
    complex64,
    complex128,
    double,
    dtype,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    long,
    promote_types,
    result_type,
    set_default_dtype,
    short,
    uint8,
    uint16,
    uint32,
    uint64,
)
from mytorch.backend.device import device
from mytorch.backend.memory_format import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    layout,
    memory_format,
    preserve_format,
    strided,
)
from mytorch.autograd import (
    enable_grad,
    inference_mode,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from mytorch.tensor import Size, Tensor
from mytorch.tensor.storage import TypedStorage, UntypedStorage
from mytorch.tensor.printing import set_printoptions
from mytorch.creation.filled import (
    empty,
    empty_like,
    empty_permuted,
    empty_strided,
    eye,
    full,
    full_like,
    ones,
    ones_like,
    scalar_tensor,
    zeros,
    zeros_like,
)
from mytorch.creation.from_data import as_tensor, asarray, from_numpy, frombuffer, tensor
from mytorch.creation.grids import (
    arange,
    cartesian_prod,
    combinations,
    linspace,
    logspace,
    meshgrid,
    range,
    tril_indices,
    triu_indices,
    vander,
)
from mytorch.creation.windows import bartlett_window, blackman_window, hamming_window, hann_window, kaiser_window
from mytorch.queries import (
    is_complex,
    is_conj,
    is_floating_point,
    is_inference,
    is_neg,
    is_nonzero,
    is_same_size,
    is_signed,
    is_tensor,
    numel,
    typename,
)
from mytorch.tensor.typed import (
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
    set_default_tensor_type,
)
from mytorch.settings import (
    are_deterministic_algorithms_enabled,
    get_default_device,
    get_deterministic_debug_mode,
    get_float32_matmul_precision,
    get_num_interop_threads,
    get_num_threads,
    is_deterministic_algorithms_warn_only_enabled,
    set_default_device,
    set_deterministic_debug_mode,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_num_threads,
    use_deterministic_algorithms,
)
from mytorch import random
from mytorch.random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from mytorch.creation.random import normal, rand, rand_like, randint, randint_like, randn, randn_like, randperm
from mytorch.ops.random_draws import bernoulli, binomial, multinomial, poisson
from mytorch.ops.complex_numbers import complex, polar
from mytorch.ops.bessel import i0
from mytorch.ops.complex_parts import (
    angle,
    conj,
    conj_physical,
    imag,
    isreal,
    real,
    resolve_conj,
    resolve_neg,
    view_as_complex,
    view_as_real,
)
from mytorch.ops.error_function import erfc, erfinv
from mytorch.ops.floating_point import (
    copysign,
    fmax,
    fmin,
    frac,
    frexp,
    heaviside,
    isneginf,
    isposinf,
    ldexp,
    nan_to_num,
    nextafter,
    sgn,
    signbit,
)
from mytorch.ops.gamma import digamma, lgamma, mvlgamma, polygamma
from mytorch.ops.incomplete_gamma import igamma, igammac
from mytorch.ops.integer import bitwise_left_shift, bitwise_right_shift, gcd, lcm
from mytorch.ops.logarithmic import (
    deg2rad,
    float_power,
    hypot,
    logaddexp,
    logaddexp2,
    logit,
    rad2deg,
    sinc,
    xlogy,
)
from mytorch.ops.renorm import renorm
from mytorch.ops.softmax import log_softmax, softmax
from mytorch.ops.elementwise import (
    abs,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    cos,
    cosh,
    erf,
    exp,
    exp2,
    expm1,
    log,
    log10,
    log1p,
    log2,
    neg,
    positive,
    reciprocal,
    relu,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    tanh,
)
from mytorch.ops.arithmetic import (
    add,
    atan2,
    div,
    floor_divide,
    fmod,
    maximum,
    minimum,
    mul,
    pow,
    remainder,
    rsub,
    sub,
    where,
)
from mytorch.ops.comparison import (
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    eq,
    ge,
    gt,
    isfinite,
    isinf,
    isnan,
    le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
)
from mytorch.ops.rounding import ceil, floor, round, trunc
from mytorch.ops.reduction import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    logsumexp,
    max,
    mean,
    min,
    norm,
    prod,
    std,
    std_mean,
    sum,
    var,
    var_mean,
)
from mytorch.ops.shape import (
    broadcast_to,
    cat,
    clone,
    flatten,
    flip,
    permute,
    reshape,
    squeeze,
    stack,
    t,
    transpose,
    unflatten,
    unsqueeze,
)
from mytorch.ops.indexing import (
    gather,
    nonzero,
)
from mytorch.ops.clamping import clamp, clamp_max, clamp_min
from mytorch.ops.compound import addcdiv, addcmul, addmm, allclose, equal, isclose, lerp
from mytorch.ops.contraction import einsum, tensordot
from mytorch.ops.cumulative import cumprod, cumsum
from mytorch.ops.pieces import (
    chunk,
    hstack,
    movedim,
    narrow,
    repeat_interleave,
    roll,
    select,
    split,
    tile,
    unbind,
    vstack,
)
from mytorch.ops.scatter import (
    index_add,
    index_select,
    masked_fill,
    masked_select,
    scatter,
    scatter_add,
    take_along_dim,
)
from mytorch.ops.sorting import argsort, bincount, median, sort, topk, unique
from mytorch.ops.differences import cumulative_trapezoid, diff, gradient, trapezoid, trapz
from mytorch.ops.histograms import histc, histogram, histogramdd
from mytorch.ops.index_writing import index_copy, index_fill, index_put, masked_scatter, put, take
from mytorch.ops.order_statistics import kthvalue, mode, msort, nanmedian, nanquantile, quantile
from mytorch.ops.running import cummax, cummin, logcumsumexp
from mytorch.ops.scatter_reduction import index_reduce, scatter_reduce
from mytorch.ops.searching import (
    argwhere,
    bucketize,
    count_nonzero,
    isin,
    nonzero_static,
    searchsorted,
    unique_consecutive,
    unravel_index,
)
from mytorch.ops.statistics import aminmax, corrcoef, cov, nanmean, nansum
from mytorch.ops.aten import (
    adaptive_max_pool1d,
    alpha_dropout,
    alpha_dropout_,
    batch_norm,
    binary_cross_entropy_with_logits,
    celu_,
    cosine_embedding_loss,
    dropout,
    dropout_,
    embedding,
    feature_alpha_dropout,
    feature_alpha_dropout_,
    feature_dropout,
    feature_dropout_,
    group_norm,
    hinge_embedding_loss,
    instance_norm,
    kl_div,
    layer_norm,
    margin_ranking_loss,
    max_pool1d,
    max_pool1d_with_indices,
    max_pool2d,
    max_pool3d,
    poisson_nll_loss,
    relu_,
    rrelu,
    rrelu_,
    selu_,
    threshold_,
    triplet_margin_loss,
)
from mytorch.ops.distances import cdist, dist, pdist
from mytorch.ops.products import (
    addbmm,
    addmv,
    addr,
    baddbmm,
    chain_matmul,
    cross,
    inner,
    kron,
    matrix_power,
    vdot,
)
from mytorch.ops.decompositions import cholesky, qr
from mytorch.ops.determinants import det, logdet, slogdet
from mytorch.ops.least_squares import pinverse
from mytorch.ops.lu import lu, lu_solve, lu_unpack
from mytorch.ops.low_rank import pca_lowrank, svd_lowrank
from mytorch.ops.matrix_functions import geqrf, matrix_exp, ormqr
from mytorch.ops.solving import inverse
from mytorch.ops.spectral import svd
from mytorch.ops.triangular import cholesky_inverse, cholesky_solve, triangular_solve
from mytorch.ops.rearranging import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    block_diag,
    broadcast_shapes,
    broadcast_tensors,
    column_stack,
    constant_pad_nd,
    diagflat,
    dstack,
    fliplr,
    flipud,
    ravel,
    rot90,
)
from mytorch.ops.recurrent import (
    gru,
    gru_cell,
    lstm,
    lstm_cell,
    rnn_relu,
    rnn_relu_cell,
    rnn_tanh,
    rnn_tanh_cell,
)
from mytorch.ops.shuffling import channel_shuffle, native_channel_shuffle, pixel_shuffle, pixel_unshuffle
from mytorch.ops.splitting import (
    dsplit,
    hsplit,
    split_with_sizes,
    tensor_split,
    unsafe_chunk,
    unsafe_split,
    unsafe_split_with_sizes,
    vsplit,
)
from mytorch.ops.transposition import adjoint
from mytorch.ops.strided import (
    as_strided,
    as_strided_,
    as_strided_scatter,
    diagonal_scatter,
    select_scatter,
    slice_scatter,
)
from mytorch.ops.view_copies import (
    alias_copy,
    as_strided_copy,
    detach_copy,
    diagonal_copy,
    expand_copy,
    narrow_copy,
    permute_copy,
    select_copy,
    slice_copy,
    split_copy,
    split_with_sizes_copy,
    squeeze_copy,
    t_copy,
    transpose_copy,
    unbind_copy,
    unfold_copy,
    unsqueeze_copy,
    view_copy,
)
from mytorch.ops.triangle import diag, diag_embed, diagonal, trace, tril, triu
from mytorch.ops.linalg import (
    bmm,
    dot,
    matmul,
    mm,
    mv,
    outer,
)
from mytorch import autograd
from mytorch import cuda
from mytorch import linalg
from mytorch import nn
from mytorch import optim
from mytorch.first_names import Param, layers, optimizers
from mytorch import serialization
from mytorch.serialization import load, save
from mytorch import special
from mytorch import utils
from mytorch.utils.dlpack import from_dlpack
from mytorch.nn.functional import (
    adaptive_avg_pool1d,
    avg_pool1d,
    bilinear,
    celu,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    cosine_similarity,
    hardshrink,
    pairwise_distance,
    prelu,
    rms_norm,
    selu,
    threshold,
)
from mytorch.inplace_functions import *  # noqa: F403
from mytorch.ops.numpy_names import add_numpy_names as _add_numpy_names
from mytorch.out_variants import add_out as _add_out
from mytorch.version import __version__

absolute = abs
arcsin, arccos, arctan, arcsinh, arccosh, arctanh = asin, acos, atan, asinh, acosh, atanh
arctan2 = atan2
clip, fix = clamp, trunc
concat = concatenate = cat
divide = true_divide = div
greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne
moveaxis, swapaxes, swapdims = movedim, transpose, transpose
row_stack, ger = vstack, outer
multiply, negative, subtract = mul, neg, sub
float = float32
int = int32
inf, nan, pi, e = _math.inf, _math.nan, _math.pi, _math.e

globals().update(_add_numpy_names(globals()))
_add_out(globals())
_add_out(nn.functional.__dict__)
_add_out(special.__dict__, special.__all__)
_add_out(linalg.__dict__, set(linalg.__all__) - {"LinAlgError", "diagonal", "matrix_exp"})
