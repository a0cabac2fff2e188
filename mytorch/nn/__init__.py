"""Layers, losses and the `Module` that holds them, under PyTorch's names.

>>> import mytorch
>>> from mytorch import nn
>>> nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 1))(mytorch.zeros(4, 13)).shape
torch.Size([4, 1])
"""

# ruff: noqa: F401 - what is imported here is for users

from mytorch.nn import functional, init, modules, utils
from mytorch.nn.activation import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    RReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softmax2d,
    Softmin,
    Softplus,
    Softshrink,
    Softsign,
    Tanh,
    Tanhshrink,
    Threshold,
)
from mytorch.nn.container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from mytorch.nn.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from mytorch.nn.distance import CosineSimilarity, PairwiseDistance
from mytorch.nn.dropout import AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d, FeatureAlphaDropout
from mytorch.nn.embedding import Embedding, EmbeddingBag
from mytorch.nn.flatten import Flatten, Unflatten
from mytorch.nn.linear import Bilinear, Identity, Linear
from mytorch.nn.loss import (
    BCELoss,
    BCEWithLogitsLoss,
    CosineEmbeddingLoss,
    CrossEntropyLoss,
    GaussianNLLLoss,
    HingeEmbeddingLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MarginRankingLoss,
    MSELoss,
    MultiLabelMarginLoss,
    MultiLabelSoftMarginLoss,
    MultiMarginLoss,
    NLLLoss,
    PoissonNLLLoss,
    SmoothL1Loss,
    SoftMarginLoss,
    TripletMarginLoss,
    TripletMarginWithDistanceLoss,
)
from mytorch.nn.module import Module
from mytorch.nn.multihead import MultiheadAttention
from mytorch.nn.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    LayerNorm,
    LocalResponseNorm,
    RMSNorm,
)
from mytorch.nn.padding import (
    CircularPad1d,
    CircularPad2d,
    CircularPad3d,
    ConstantPad1d,
    ConstantPad2d,
    ConstantPad3d,
    ReflectionPad1d,
    ReflectionPad2d,
    ReflectionPad3d,
    ReplicationPad1d,
    ReplicationPad2d,
    ReplicationPad3d,
    ZeroPad1d,
    ZeroPad2d,
    ZeroPad3d,
)
from mytorch.nn.parameter import Buffer, Parameter
from mytorch.nn.pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    LPPool1d,
    LPPool2d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    MaxUnpool1d,
    MaxUnpool2d,
    MaxUnpool3d,
)
from mytorch.nn.rearranging import ChannelShuffle, Fold, PixelShuffle, PixelUnshuffle, Unfold
from mytorch.nn.recurrent import GRU, LSTM, RNN, RNNBase
from mytorch.nn.recurrent_cells import GRUCell, LSTMCell, RNNCell, RNNCellBase
from mytorch.nn.transformer import (
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from mytorch.nn.upsampling import Upsample, UpsamplingBilinear2d, UpsamplingNearest2d
