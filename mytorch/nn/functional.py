"""`torch.nn.functional`: layers as functions. Everything here is written in `mytorch.ops` and only handed on."""
# ruff: noqa: F401 - what is imported here is for users

from __future__ import annotations

from mytorch.ops.activation import (
    celu,
    elu,
    gelu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
)
from mytorch.ops.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from mytorch.ops.aten import celu_, elu_, hardtanh_, leaky_relu_, relu_, rrelu_, selu_, threshold_
from mytorch.ops.attention import scaled_dot_product_attention
from mytorch.ops.bilinear import bilinear
from mytorch.ops.class_loss import cross_entropy, nll_loss
from mytorch.ops.conv import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from mytorch.ops.dimension_activation import glu, log_softmax, softmax, softmin
from mytorch.ops.distances import pdist
from mytorch.ops.dropout import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout
from mytorch.ops.embedding import embedding, one_hot
from mytorch.ops.embedding_bag import embedding_bag
from mytorch.ops.interpolation import interpolate, upsample, upsample_bilinear, upsample_nearest
from mytorch.ops.linalg import linear
from mytorch.ops.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    huber_loss,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
)
from mytorch.ops.margin_loss import (
    cosine_embedding_loss,
    cosine_similarity,
    gaussian_nll_loss,
    hinge_embedding_loss,
    kl_div,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_soft_margin_loss,
    pairwise_distance,
    poisson_nll_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from mytorch.ops.multi_head_attention import multi_head_attention_forward
from mytorch.ops.multilabel_loss import multilabel_margin_loss
from mytorch.ops.normalization import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    normalize,
    rms_norm,
)
from mytorch.ops.padding import pad
from mytorch.ops.patches import fold, unfold
from mytorch.ops.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from mytorch.ops.random_activation import gumbel_softmax, rrelu
from mytorch.ops.shuffling import channel_shuffle, native_channel_shuffle, pixel_shuffle, pixel_unshuffle
from mytorch.ops.unpooling import (
    adaptive_max_pool1d_with_indices,
    adaptive_max_pool2d_with_indices,
    adaptive_max_pool3d_with_indices,
    max_pool1d_with_indices,
    max_pool2d_with_indices,
    max_pool3d_with_indices,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)
