"""Transformers: layers of attention and of two linear maps, each with a sum that goes around it and a layer norm."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Literal

from mytorch.autograd import is_grad_enabled
from mytorch.creation.filled import full
from mytorch.nn import functional as F
from mytorch.nn import init
from mytorch.nn.activation import GELU, ReLU
from mytorch.nn.container import ModuleList
from mytorch.nn.dropout import Dropout
from mytorch.nn.linear import Linear
from mytorch.nn.module import Module
from mytorch.nn.multihead import MultiheadAttention
from mytorch.nn.normalization import LayerNorm
from mytorch.ops.arithmetic import where
from mytorch.ops.shape import transpose
from mytorch.ops.triangle import triu
from mytorch.tensor import Tensor

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]

Activation = Literal["relu", "gelu"] | Callable[[Tensor], Tensor]


def _causal_mask(size: int, device: Any = None, dtype: Any = None) -> Tensor:
    return triu(full((size, size), float("-inf"), dtype=dtype, device=device), 1)


def _is_causal(mask: Tensor | None, is_causal: bool | None, x: Tensor, batch_first: bool) -> bool:
    """What `is_causal` says; if it is None, whether the mask has the values of the causal mask of the length of x."""
    if is_causal is not None or mask is None:
        return is_causal is True
    length = x.shape[1 if batch_first and x.ndim == 3 else 0]
    if tuple(mask.shape) != (length, length) or not mask.is_floating_point():
        return False
    return bool((mask == _causal_mask(length, dtype=mask.dtype)).all())


def _function(activation: Activation) -> Callable[[Tensor], Tensor]:
    if not isinstance(activation, str):
        return activation
    if activation not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {activation}")
    return F.relu if activation == "relu" else F.gelu


def _copies(module: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(module) for _ in range(count)])


def _drop(dropout: Module, x: Tensor, batch_first: bool) -> Tensor:
    """Dropout of what an attention gives, which lies in PyTorch's memory as (L, N, E): in that order it draws."""
    if batch_first and x.ndim == 3 and dropout.training:
        return transpose(dropout(transpose(x, 0, 1)), 0, 1)
    return dropout(x)


# --- layers ---------------------------------------------------------------------------------------------------------


class TransformerEncoderLayer(Module):
    """Self-attention, then two linear maps with an activation between them, each with its input added to it.

    Source: A. Vaswani and others, "Attention Is All You Need", 2017.

    Args:
        d_model: the width of the input and the result.
        nhead: the number of heads, which divides `d_model`.
        dim_feedforward: the width between the two linear maps.
        dropout: the probability of dropping, for weights of the attention, between the maps and before the sums.
        activation: "relu", "gelu", or a function or module.
        layer_norm_eps: added to the variance in the layer norms.
        batch_first: the input is (N, L, d_model); otherwise (L, N, d_model). Without a batch it is (L, d_model).
        norm_first: normalize what goes into the attention and the maps, rather than the sums that come after.
        bias: whether linear maps and layer norms have biases.

    >>> import mytorch
    >>> TransformerEncoderLayer(8, 2, batch_first=True)(mytorch.zeros(5, 3, 8)).shape
    torch.Size([5, 3, 8])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        where_to: dict[str, Any] = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **where_to)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **where_to)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **where_to)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **where_to)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **where_to)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _function(activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """The masks are those of `MultiheadAttention`: `attn_mask`, `key_padding_mask` and `is_causal`."""
        x, masks = src, (src_mask, src_key_padding_mask, is_causal)
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), *masks)
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(x + self._sa_block(x, *masks))
        return self.norm2(x + self._ff_block(x))

    # The parts have PyTorch's names, for those who override them.

    def _sa_block(
        self, x: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, is_causal: bool = False
    ) -> Tensor:
        found = self.self_attn(x, x, x, key_padding_mask, False, attn_mask, is_causal=is_causal)[0]
        return _drop(self.dropout1, found, self.self_attn.batch_first)

    def _ff_block(self, x: Tensor) -> Tensor:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerDecoderLayer(Module):
    """Self-attention, attention to the encoder's result (`memory`), then two linear maps; each with its input added.

    The arguments are those of `TransformerEncoderLayer`.

    >>> import mytorch
    >>> layer = TransformerDecoderLayer(8, 2, batch_first=True)
    >>> layer(mytorch.zeros(5, 3, 8), mytorch.zeros(5, 4, 8)).shape
    torch.Size([5, 3, 8])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        where_to: dict[str, Any] = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **where_to)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **where_to)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **where_to)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **where_to)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **where_to)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **where_to)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias, **where_to)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _function(activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The masks are those of `MultiheadAttention`, for `tgt` and for `memory`."""
        x = tgt
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        other = (memory_mask, memory_key_padding_mask, memory_is_causal)
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), *own)
            x = x + self._mha_block(self.norm2(x), memory, *other)
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(x + self._sa_block(x, *own))
        x = self.norm2(x + self._mha_block(x, memory, *other))
        return self.norm3(x + self._ff_block(x))

    def _sa_block(
        self, x: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, is_causal: bool = False
    ) -> Tensor:
        found = self.self_attn(x, x, x, key_padding_mask, False, attn_mask, is_causal=is_causal)[0]
        return _drop(self.dropout1, found, self.self_attn.batch_first)

    def _mha_block(
        self, x: Tensor, mem: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, is_causal: bool = False
    ) -> Tensor:
        found = self.multihead_attn(x, mem, mem, key_padding_mask, False, attn_mask, is_causal=is_causal)[0]
        return _drop(self.dropout2, found, self.multihead_attn.batch_first)

    def _ff_block(self, x: Tensor) -> Tensor:
        return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))


# --- stacks ---------------------------------------------------------------------------------------------------------


class TransformerEncoder(Module):
    """Copies of an encoder layer, one after the other; all start with the same weights.

    Args:
        encoder_layer: the layer to copy.
        num_layers: how many copies.
        norm: what the result is sent through.
        enable_nested_tensor, mask_check: as in PyTorch, where in evaluation, without gradients and where the layer's
            options allow it, padded places are left out of the computation: there they are zeros before `norm`.
            Here they are computed, and then set to zero in the same cases.

    >>> import mytorch
    >>> encoder = TransformerEncoder(TransformerEncoderLayer(8, 2, batch_first=True), 3)
    >>> encoder(mytorch.zeros(5, 3, 8)).shape
    torch.Size([5, 3, 8])
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.use_nested_tensor = enable_nested_tensor and _may_leave_out_padding(encoder_layer)
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """The masks are those of `MultiheadAttention`; with `is_causal` None, a causal mask is recognized."""
        first: Any = self.layers[0]
        causal = _is_causal(mask, is_causal, src, first.self_attn.batch_first)
        output = src
        for layer in self.layers:
            output = layer(output, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=causal)
        if src_key_padding_mask is not None and mask is None and self._leaves_out_padding(first, src):
            output = self._without_padding(output, src_key_padding_mask)
        return output if self.norm is None else self.norm(output)

    def _leaves_out_padding(self, first: Module, src: Tensor) -> bool:
        if not self.use_nested_tensor or first.training or src.ndim != 3:
            return False
        return not (is_grad_enabled() and (src.requires_grad or any(p.requires_grad for p in first.parameters())))

    def _without_padding(self, output: Tensor, padding: Tensor) -> Tensor:
        """Zeros at the padded places, if these come last in each row."""
        padded = padding == float("-inf") if padding.is_floating_point() else padding
        places = padded.array
        if self.mask_check and (places[:, :-1] & ~places[:, 1:]).any():
            return output
        return where(padded.unsqueeze(2), 0.0, output)


def _may_leave_out_padding(layer: Module) -> bool:
    """Whether PyTorch's quick road, which leaves out padding, takes layers with these options."""
    return (
        isinstance(layer, TransformerEncoderLayer)
        and not layer.norm_first
        and layer.self_attn.batch_first
        and layer.self_attn.in_proj_bias is not None
        and (layer.activation in (F.relu, F.gelu) or isinstance(layer.activation, (ReLU, GELU)))
        and layer.norm1.eps == layer.norm2.eps
        and layer.self_attn.num_heads % 2 == 0
    )


class TransformerDecoder(Module):
    """Copies of a decoder layer, one after the other; all start with the same weights.

    Args:
        decoder_layer: the layer to copy.
        num_layers: how many copies.
        norm: what the result is sent through.

    >>> import mytorch
    >>> decoder = TransformerDecoder(TransformerDecoderLayer(8, 2, batch_first=True), 3)
    >>> decoder(mytorch.zeros(5, 3, 8), mytorch.zeros(5, 4, 8)).shape
    torch.Size([5, 3, 8])
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The masks are those of `MultiheadAttention`; with `tgt_is_causal` None, a causal mask is recognized."""
        first: Any = self.layers[0]
        causal = _is_causal(tgt_mask, tgt_is_causal, tgt, first.self_attn.batch_first)
        output = tgt
        for layer in self.layers:
            output = layer(
                output,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )
        return output if self.norm is None else self.norm(output)


class Transformer(Module):
    """An encoder of `src` and a decoder that makes the result from `tgt` and what the encoder gives.

    Source: A. Vaswani and others, "Attention Is All You Need", 2017.

    Args:
        num_encoder_layers, num_decoder_layers: how many layers each has; a layer norm comes behind them.
        custom_encoder, custom_decoder: modules to take instead.
        d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias: those of
            `TransformerEncoderLayer`.

    >>> import mytorch
    >>> model = Transformer(8, 2, 1, 1, 16, batch_first=True)
    >>> model(mytorch.zeros(5, 4, 8), mytorch.zeros(5, 3, 8)).shape
    torch.Size([5, 3, 8])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        where_to: dict[str, Any] = {"device": device, "dtype": dtype}
        of_layers = (
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            layer_norm_eps,
            batch_first,
            norm_first,
            bias,
        )
        if custom_encoder is None:
            layer: Module = TransformerEncoderLayer(*of_layers, **where_to)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **where_to)
            custom_encoder = TransformerEncoder(layer, num_encoder_layers, norm)
        self.encoder = custom_encoder
        if custom_decoder is None:
            layer = TransformerDecoderLayer(*of_layers, **where_to)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **where_to)
            custom_decoder = TransformerDecoder(layer, num_decoder_layers, norm)
        self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The masks are those of `MultiheadAttention`, for `src`, for `tgt`, and for `tgt` looking at the encoder's.

        Raises:
            RuntimeError: batches of different sizes, or another width than `d_model`.
        """
        batch_at = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[batch_at] != tgt.shape[batch_at]:
            raise RuntimeError("the batch number of src and tgt must be equal")
        if not src.shape[-1] == tgt.shape[-1] == self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )  # fmt: skip
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """The causal mask: minus infinity above the diagonal, else 0.

        >>> Transformer.generate_square_subsequent_mask(2)
        tensor([[0., -inf],
                [0., 0.]])
        """
        return _causal_mask(sz, device, dtype)

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)
