"""A whole ONNX model of a trained run: own units in, own units or probabilities out, and what its numbers mean.

What was learned from the training rows (`mytorch.data.preparation`) stands before and behind the network as ordinary
nodes, so whoever serves the file needs nothing else. `raw` leaves them out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch import nn
from mytorch.data.normalize import Normalizer
from mytorch.data.preparation import Preparation
from mytorch.interop.description import describe
from mytorch.interop.onnx_graph import OPSET, Graph, Writer, example
from mytorch.training.errors import UserError

if TYPE_CHECKING:
    from mytorch.training.building.experiment import Experiment

__all__ = ["OPSET", "model_of", "network", "to_bytes", "values_of"]

Values = np.ndarray[Any, np.dtype[Any]]
LARGEST = 2**31 - 1  # bytes of a file of this format
LOST = 1e-6  # of a column's scale: what float32 may round away of its values
FLOAT32 = 1  # the number of this type in ONNX


def network(model: nn.Module, *rows: Sequence[int], dtypes: Sequence[Any] = ()) -> Any:
    """The `onnx.ModelProto` of a module alone; `rows` are the shapes of one row of its inputs.

    The number of rows stays open. The input is called ``input`` (several: ``input_0``, ``input_1``, ...), the output
    ``output``. Dropout does nothing and batch norm uses its running statistics, as in evaluation.

    Args:
        dtypes: the inputs' element types; float32 if left out.

    Raises:
        UserError: a layer has no counterpart in ONNX.
    """
    examples = [example(row, dtype) for row, dtype in zip(rows, dtypes or [np.float32] * len(rows), strict=True)]
    names = ["input"] if len(rows) == 1 else [f"input_{number}" for number in range(len(rows))]
    writer = Writer(model, examples)
    result = writer.write(model, "", *names)
    writer.graph.node("output", "Identity", result, output="output")
    inputs = {name: (x.array.shape, x.array.dtype) for name, x in zip(names, examples, strict=True)}
    return writer.to_model(inputs, "output", {})


def model_of(experiment: Experiment, *, raw: bool = False) -> Any:
    """The `onnx.ModelProto` of a trained experiment.

    The input is called ``input``, a matrix with a column for each of ``feature_names`` in the metadata, or rows
    of the shape that the data has. The output is called by what it holds: ``prediction``, ``probability`` (of the
    second class) or ``probabilities``; with `raw` it is ``output``. All is float32, but the input is float64 where the
    units of a column ask for it.

    Raises:
        UserError: a layer has no counterpart in ONNX, or the units cannot be written in float32.
    """
    preparation = experiment.data.preparation
    row = example(experiment.data.train.inputs.shape[1:])
    dtype = np.dtype(np.float64 if not raw and _needs_double(preparation.input_normalizer) else np.float32)
    writer = Writer(experiment.model, [row])
    graph = writer.graph
    x = "input" if raw else _prepared(graph, "input", preparation, dtype)
    result = writer.write(experiment.model, "", x)
    name, last = ("output", result) if raw else _in_own_units(graph, result, experiment)
    graph.node(name, "Identity", last, output=name)
    description = {**describe(experiment), "units": "prepared" if raw else "own"}
    metadata = {key: json.dumps(value, ensure_ascii=False) for key, value in description.items()}
    return writer.to_model({"input": (row.array.shape, dtype)}, name, metadata)


def _needs_double(normalizer: Normalizer) -> bool:
    """Whether float32 would round values visibly: those of a column that vary little, far from 0, such as dates."""
    shift, scale = _single(normalizer)
    rounded = np.abs(normalizer.shift) * 2.0**-24 > LOST * normalizer.scale
    return bool(rounded.any() or not np.isfinite([shift, scale]).all() or (scale == 0).any())


def _single(normalizer: Normalizer) -> tuple[Values, Values]:
    """Shift and scale in float32, infinite or 0 where they are too large or too small for it."""
    with np.errstate(over="ignore", under="ignore"):
        return normalizer.shift.astype(np.float32), normalizer.scale.astype(np.float32)


def _prepared(graph: Graph, x: str, preparation: Preparation, dtype: np.dtype[Any]) -> str:
    """Missing numbers filled in, (x - shift) / scale, as float32."""
    fills = [feature.fill for feature in preparation.features for _ in feature.input_names]
    numbers = np.array([fill if isinstance(fill, (int, float)) else np.nan for fill in fills], dtype)
    if not np.isnan(numbers).all():
        missing = graph.node("prepare", "IsNaN", x)
        x = graph.node("prepare", "Where", missing, graph.constant("prepare", numbers), x)
    normalizer = preparation.input_normalizer
    if normalizer.shift.any():
        x = graph.node("prepare", "Sub", x, graph.constant("prepare", normalizer.shift.astype(dtype)))
    if (normalizer.scale != 1).any():
        x = graph.node("prepare", "Div", x, graph.constant("prepare", normalizer.scale.astype(dtype)))
    x = x if dtype == np.float32 else graph.node("prepare", "Cast", x, to=FLOAT32)
    if preparation.channels is not None:
        for operation, of_channels in (("Sub", preparation.channels.mean), ("Div", preparation.channels.std)):
            by_channel = np.atleast_1d(of_channels).astype(np.float32)[:, None, None]
            x = graph.node("prepare", operation, x, graph.constant("prepare", by_channel))
    return x


def _in_own_units(graph: Graph, x: str, experiment: Experiment) -> tuple[str, str]:
    """The output's name and its value: predictions in the target's units, or probabilities."""
    if experiment.kind == "regression":
        shift, scale = _single(experiment.data.target_normalizer)
        if not np.isfinite([shift, scale]).all() or (scale == 0).any():
            raise UserError("the target's units are too large or too small for float32; export with --raw")
        if (scale != 1).any():
            x = graph.node("restore", "Mul", x, graph.constant("restore", scale))
        if shift.any():
            x = graph.node("restore", "Add", x, graph.constant("restore", shift))
        return "prediction", x
    if experiment.kind == "classification":
        return "probabilities", graph.node("restore", "Softmax", x, axis=1)
    is_probability = experiment.config.takes_probability
    return "probability", x if is_probability else graph.node("restore", "Sigmoid", x)


def to_bytes(model: Any) -> bytes:
    """The contents of the file. Raises `UserError` if it would be larger than the format allows."""
    size = model.ByteSize()
    if size > LARGEST:
        raise UserError(f"the model has {size / 1e9:.1f} GB; one ONNX file holds 2.1 GB at most")
    return bytes(model.SerializeToString(deterministic=True))


def values_of(model: Any) -> dict[str, dict[str, Any]]:
    """The name, element type and shape of the model's ``input`` and ``output``."""
    from onnx import helper

    def described(value: Any) -> dict[str, Any]:
        tensor = value.type.tensor_type
        shape = [dim.dim_param or dim.dim_value for dim in tensor.shape.dim]
        return {"name": value.name, "type": str(helper.tensor_dtype_to_np_dtype(tensor.elem_type)), "shape": shape}

    return {"input": described(model.graph.input[0]), "output": described(model.graph.output[0])}
