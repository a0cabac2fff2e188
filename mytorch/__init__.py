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

from mytorch.backend import blas as _blas

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
)
from mytorch.backend.device import device
from mytorch.autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from mytorch.tensor import Size, Tensor
from mytorch.printing import set_printoptions
from mytorch.creation import (
    arange,
    as_tensor,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    is_tensor,
    linspace,
    ones,
    ones_like,
    scalar_tensor,
    tensor,
    zeros,
    zeros_like,
)
from mytorch.random_creation import (
    Generator,
    bernoulli,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    multinomial,
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    seed,
    set_rng_state,
)
from mytorch.ops.elementwise import (
    abs,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    bitwise_not,
    ceil,
    cos,
    cosh,
    erf,
    exp,
    exp2,
    expm1,
    floor,
    isfinite,
    isinf,
    isnan,
    log,
    log10,
    log1p,
    log2,
    logical_not,
    neg,
    positive,
    reciprocal,
    relu,
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    tanh,
    trunc,
)
from mytorch.ops.arithmetic import (
    add,
    atan2,
    bitwise_and,
    bitwise_or,
    bitwise_xor,
    div,
    eq,
    floor_divide,
    fmod,
    ge,
    gt,
    le,
    logical_and,
    logical_or,
    logical_xor,
    lt,
    maximum,
    minimum,
    mul,
    ne,
    pow,
    remainder,
    rsub,
    sub,
    where,
)
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
from mytorch import nn
from mytorch import optim
from mytorch.first_names import Param, layers, optimizers
from mytorch import utils
from mytorch.nn.functional import (
    bilinear,
    celu,
    cosine_similarity,
    dropout,
    hardshrink,
    log_softmax,
    pairwise_distance,
    prelu,
    selu,
    softmax,
    threshold,
)
from mytorch.version import __version__

absolute = abs
arcsin, arccos, arctan, arcsinh, arccosh, arctanh = asin, acos, atan, asinh, acosh, atanh
clip, fix = clamp, trunc
concat = concatenate = cat
divide = true_divide = div
moveaxis, swapaxes, swapdims = movedim, transpose, transpose
multiply, negative, subtract = mul, neg, sub
float = float32
int = int32
inf, nan, pi, e = _math.inf, _math.nan, _math.pi, _math.e
