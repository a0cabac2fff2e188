"""`MultiheadAttention`: every query looks at all keys, in several heads at once."""

from __future__ import annotations

from typing import Any

from mytorch.creation.filled import empty
from mytorch.nn import init
from mytorch.nn.linear import Linear
from mytorch.nn.module import Module
from mytorch.nn.parameter import Parameter
from mytorch.ops.multi_head_attention import Projections, attend
from mytorch.tensor import Tensor

__all__ = ["MultiheadAttention", "NonDynamicallyQuantizableLinear"]


class NonDynamicallyQuantizableLinear(Linear):
    """A `Linear` under the name that PyTorch prints for the last layer of an attention."""


class MultiheadAttention(Module):
    """Queries, keys and values times weights, attention in several heads, and their results times a weight.

    Source: A. Vaswani and others, "Attention Is All You Need", 2017.

    Args:
        embed_dim: the width E of queries and results, shared evenly among the heads.
        num_heads: how many heads there are; each is E / num_heads wide.
        dropout: the probability of dropping a weight in training.
        bias: whether the products before and after have biases, which start as 0.
        add_bias_kv: one more key and one more value, which are learned.
        add_zero_attn: one more key and one more value of zeros.
        kdim, vdim: the widths of keys and values; E if not given.
        batch_first: the batch N comes first, as in (N, L, E); otherwise (L, N, E).

    Raises:
        ValueError: a size below 1.
        AssertionError: `embed_dim` cannot be divided by `num_heads`.

    >>> import mytorch
    >>> attention = MultiheadAttention(8, 2, batch_first=True)
    >>> x = mytorch.zeros(5, 3, 8)
    >>> result, weights = attention(x, x, x)
    >>> result.shape, weights.shape
    (torch.Size([5, 3, 8]), torch.Size([5, 3, 3]))
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} "
                "instead"
            )
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")

        def parameter(*shape: int) -> Parameter:
            return Parameter(empty(shape, device=device, dtype=dtype))

        same = self._qkv_same_embed_dim
        for name, width in (("q", embed_dim), ("k", self.kdim), ("v", self.vdim)):
            self.register_parameter(f"{name}_proj_weight", None if same else parameter(embed_dim, width))
        self.register_parameter("in_proj_weight", parameter(3 * embed_dim, embed_dim) if same else None)
        self.register_parameter("in_proj_bias", parameter(3 * embed_dim) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, parameter(1, 1, embed_dim) if add_bias_kv else None)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            assert self.out_proj.bias is not None
            init.zeros_(self.out_proj.bias)
        for added in (self.bias_k, self.bias_v):
            if added is not None:
                init.xavier_normal_(added)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The result, (N, L, E) or as `batch_first` says, and the weights, (N, L, S), or None.

        Without a batch, (L, E) and (S, E), the results have none either.

        Args:
            key_padding_mask: (N, S): True for a key that nobody may attend to, or numbers to add to the scores.
            need_weights: return the weights; without them it is faster.
            attn_mask: (L, S) or (N * num_heads, L, S): True where a query may not attend to a key, or numbers to add.
            average_attn_weights: the mean of all heads' weights; else (N, num_heads, L, S).
            is_causal: `attn_mask` is the causal mask, so that it need not be looked at.
        """
        separate = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        projections = Projections(
            self.in_proj_weight, None if self._qkv_same_embed_dim else separate, self.in_proj_bias, self.bias_k,
            self.bias_v, self.add_zero_attn, self.out_proj.weight, self.out_proj.bias,
        )  # fmt: skip
        return attend(
            query, key, value, self.embed_dim, self.num_heads, projections,
            dropout_p=self.dropout if self.training else 0.0, key_padding_mask=key_padding_mask,
            need_weights=need_weights, attn_mask=attn_mask, average_attn_weights=average_attn_weights,
            is_causal=is_causal, batch_first=self.batch_first,
        )  # fmt: skip
