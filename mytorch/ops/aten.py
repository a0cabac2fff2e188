"""Functions of `nn.functional` that PyTorch has also at top level, where they take other arguments.

There, a loss takes its reduction as a number (0 for none, 1 for the mean, 2 for the sum), running statistics come
after the weights, `train` has no default, and there is a switch for cuDNN, which does nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mytorch.backend.generator import Generator
from mytorch.ops import activation, adaptive_pooling, loss, margin_loss, normalization, pooling
from mytorch.ops import dropout as dropping
from mytorch.ops import embedding as embeddings
from mytorch.ops.random_activation import rrelu_from

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

Numbers = int | Sequence[int]

# --- normalization --------------------------------------------------------------------------------------------------


def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """`nn.functional.batch_norm` with its arguments in another order.

    >>> import mytorch
    >>> mytorch.batch_norm(mytorch.tensor([[1.0], [3.0]]), None, None, None, None, True, 0.1, 1e-9, False)
    tensor([[-1.],
            [ 1.]])
    """
    return normalization.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """`nn.functional.instance_norm` with its arguments in another order.

    >>> import mytorch
    >>> mytorch.instance_norm(mytorch.tensor([[[1.0, 3.0]]]), None, None, None, None, True, 0.1, 0.0, False)
    tensor([[[-1.,  1.]]])
    """
    return normalization.instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """`nn.functional.layer_norm`.

    >>> import mytorch
    >>> mytorch.layer_norm(mytorch.tensor([1.0, 3.0]), (2,), eps=0.0)
    tensor([-1.,  1.])
    """
    return normalization.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """`nn.functional.group_norm`.

    >>> import mytorch
    >>> mytorch.group_norm(mytorch.tensor([[1.0, 3.0]]), 1, eps=0.0)
    tensor([[-1.,  1.]])
    """
    return normalization.group_norm(input, num_groups, weight, bias, eps)


# --- dropout and activations ----------------------------------------------------------------------------------------


def _checked(p: float) -> float:
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p}")
    return p


def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.dropout`.

    >>> import mytorch
    >>> mytorch.dropout(mytorch.ones(2), 1.0, True), mytorch.dropout(mytorch.ones(2), 1.0, False)
    (tensor([0., 0.]), tensor([1., 1.]))
    """
    return dropping.dropout(input, _checked(p), train)


def dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`dropout`, written to the tensor's own memory."""
    return dropping.dropout(input, _checked(p), train, inplace=True)


def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.alpha_dropout`."""
    return dropping.alpha_dropout(input, _checked(p), train)


def alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`alpha_dropout`, written to the tensor's own memory."""
    return dropping.alpha_dropout(input, _checked(p), train, inplace=True)


def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Dropout of whole channels, whatever comes after the first two dimensions.

    >>> import mytorch
    >>> mytorch.feature_dropout(mytorch.ones(1, 2, 2), 1.0, True).sum()
    tensor(0.)
    """
    return dropping._feature_dropout(input, _checked(p), train, False)


def feature_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`feature_dropout`, written to the tensor's own memory."""
    return dropping._feature_dropout(input, _checked(p), train, True)


def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.feature_alpha_dropout`."""
    return dropping.feature_alpha_dropout(input, _checked(p), train)


def feature_alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`feature_alpha_dropout`, written to the tensor's own memory."""
    return dropping.feature_alpha_dropout(input, _checked(p), train, inplace=True)


def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """`nn.functional.rrelu`, with a generator to draw from."""
    return rrelu_from(generator, input, lower, upper, training, False)


def rrelu_(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """`rrelu`, written to the tensor's own memory."""
    return rrelu_from(generator, input, lower, upper, training, True)


def selu_(input: Tensor) -> Tensor:
    """`selu`, written to the tensor's own memory.

    >>> import mytorch
    >>> x = mytorch.tensor([1.0])
    >>> mytorch.selu_(x) is x, x
    (True, tensor([1.0507]))
    """
    return activation.selu(input, inplace=True)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`celu`, written to the tensor's own memory."""
    return activation.celu(input, alpha, inplace=True)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`elu`, written to the tensor's own memory."""
    return activation.elu(input, alpha, inplace=True)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """`hardtanh`, written to the tensor's own memory."""
    return activation.hardtanh(input, min_val, max_val, inplace=True)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """`leaky_relu`, written to the tensor's own memory."""
    return activation.leaky_relu(input, negative_slope, inplace=True)


def relu_(input: Tensor) -> Tensor:
    """`relu`, written to the tensor's own memory."""
    return activation.relu(input, inplace=True)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """`threshold`, written to the tensor's own memory."""
    return activation.threshold(input, threshold, value, inplace=True)


# --- pooling, embedding ---------------------------------------------------------------------------------------------


def max_pool1d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """`nn.functional.max_pool1d` without indices."""
    return pooling.max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """`nn.functional.max_pool2d` without indices."""
    return pooling.max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """`nn.functional.max_pool3d` without indices."""
    return pooling.max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
) -> tuple[Tensor, Tensor]:
    """`nn.functional.max_pool1d` with indices.

    >>> import mytorch
    >>> mytorch.max_pool1d_with_indices(mytorch.tensor([[1.0, 3.0]]), 2)
    (tensor([[3.]]), tensor([[1]]))
    """
    return pooling.max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def adaptive_max_pool1d(input: Tensor, output_size: Numbers) -> tuple[Tensor, Tensor]:
    """`nn.functional.adaptive_max_pool1d` with indices.

    >>> import mytorch
    >>> mytorch.adaptive_max_pool1d(mytorch.tensor([[1.0, 3.0]]), 1)
    (tensor([[3.]]), tensor([[1]]))
    """
    size: Any = output_size
    return adaptive_pooling.adaptive_max_pool1d(input, size, True)


def embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Tensor:
    """`nn.functional.embedding` with the table first; a `padding_idx` of -1 means none.

    >>> import mytorch
    >>> mytorch.embedding(mytorch.eye(2), mytorch.tensor([1]))
    tensor([[0., 1.]])
    """
    padding = None if padding_idx == -1 else padding_idx
    return embeddings.embedding(indices, weight, padding, None, 2.0, scale_grad_by_freq, sparse)


# --- losses ---------------------------------------------------------------------------------------------------------


def _named(reduction: int) -> str:
    if not isinstance(reduction, int):
        raise TypeError(f"argument 'reduction' must be int, not {type(reduction).__name__}")
    if reduction not in (0, 1, 2):
        raise RuntimeError(f"a reduction is 0 (none), 1 (mean) or 2 (sum), but got {reduction!r}")
    return ("none", "mean", "sum")[reduction]


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None, reduction: int = 1
) -> Tensor:
    """`nn.functional.binary_cross_entropy_with_logits`."""
    return loss.binary_cross_entropy_with_logits(
        input, target, weight, pos_weight=pos_weight, reduction=_named(reduction)
    )


def kl_div(input: Tensor, target: Tensor, reduction: int = 1, *, log_target: bool = False) -> Tensor:
    """`nn.functional.kl_div`.

    >>> import mytorch
    >>> mytorch.kl_div(mytorch.tensor([0.0, 0.0]), mytorch.tensor([1.0, 1.0]), 2)
    tensor(0.)
    """
    return margin_loss.kl_div(input, target, reduction=_named(reduction), log_target=log_target)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """`nn.functional.cosine_embedding_loss`."""
    return margin_loss.cosine_embedding_loss(input1, input2, target, margin, reduction=_named(reduction))


def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 1) -> Tensor:
    """`nn.functional.hinge_embedding_loss`."""
    return margin_loss.hinge_embedding_loss(input, target, margin, reduction=_named(reduction))


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """`nn.functional.margin_ranking_loss`."""
    return margin_loss.margin_ranking_loss(input1, input2, target, margin, reduction=_named(reduction))


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 1,
) -> Tensor:
    """`nn.functional.triplet_margin_loss`."""
    return margin_loss.triplet_margin_loss(
        anchor, positive, negative, margin, p, eps, swap, reduction=_named(reduction)
    )


def poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int) -> Tensor:
    """`nn.functional.poisson_nll_loss`."""
    return margin_loss.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=_named(reduction))
