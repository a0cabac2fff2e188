"""A model's weights as a plain safetensors file, whose names are those of the equal PyTorch module."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from mytorch.interop.description import describe

if TYPE_CHECKING:
    from mytorch.training.building.experiment import Experiment

KEY = "mytorch"  # of the metadata; a single one, as safetensors keeps no order of several


def to_safetensors(experiment: Experiment) -> bytes:
    """The file's contents: `load_state_dict(safetensors.torch.load_file(path))` takes them on the equal PyTorch module.

    Parameters and buffers have their own element types. The metadata has one key, `KEY`, with what `describe` says.
    """
    from safetensors.numpy import save

    # In C order, as safetensors silently mixes up the elements of others; ascontiguousarray would make 0-d arrays 1-d.
    arrays = {name: np.asarray(value.array, order="C") for name, value in experiment.model.state_dict().items()}
    return bytes(save(arrays, {KEY: json.dumps(describe(experiment), ensure_ascii=False)}))
