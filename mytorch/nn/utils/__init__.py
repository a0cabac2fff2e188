"""Helpers for parameters and gradients, under PyTorch's name `nn.utils`."""

from mytorch.nn.utils import parametrizations, parametrize, rnn
from mytorch.nn.utils.clip_grad import clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm
from mytorch.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters
from mytorch.nn.utils.init import skip_init
from mytorch.nn.utils.normalized_weight import remove_spectral_norm, remove_weight_norm, spectral_norm, weight_norm

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "skip_init",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]
