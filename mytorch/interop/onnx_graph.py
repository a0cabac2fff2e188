"""From a module to an ONNX graph: one walk over the module tree, in which each layer writes its own nodes.

First the model is run once on zeros while the shapes that every module is called with are noted. So all sizes but that
of the batch are known when the nodes are written, and need not be computed in the graph. How a layer is written is in
`mytorch.interop.onnx_layers`; a layer of a user's own can say it itself, in a method `to_onnx`.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.autograd.array import DifferentiableArray
from mytorch.nn.hooks import register_module_forward_hook
from mytorch.tensor import Tensor
from mytorch.training.errors import UserError
from mytorch.training.loop.scoring import evaluation_mode

OPSET = 18  # of 2022: what runtimes in use know, and the first with Mish, Col2Im and Resize along some axes
IR_VERSION = 8  # the file format of that opset
ROWS_TO_TRY = 3

Shape = tuple[int, ...]
Input = Any  # of a node: a value's name, None, a tensor of the model, an array, or a number in the layer's type
Emitter = Callable[..., Any]  # returns a name, or as many names as the module's forward returns tensors
SEVERAL_RESULTS = (nn.RNNBase, nn.LSTMCell)  # what stands behind them in a model chooses among these


@dataclass(frozen=True)
class Call:
    """With which shapes a module was called, and what came out; the first size is `ROWS_TO_TRY`."""

    inputs: tuple[tuple[Shape, np.dtype[Any]], ...]
    outputs: tuple[tuple[Shape, np.dtype[Any]], ...]


def record_calls(model: nn.Module, inputs: Sequence[Tensor]) -> dict[int, deque[Call]]:
    """Run the model and note the calls of each of its modules, by the module's `id`, in their order."""
    calls: dict[int, deque[Call]] = defaultdict(deque)

    def note(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        calls[id(module)].append(Call(_described((*arguments, *named.values())), _described((result,))))

    with evaluation_mode(model):
        handle = register_module_forward_hook(note, with_kwargs=True)
        try:
            model(*inputs)
        finally:
            handle.remove()
    return calls


def _described(values: Sequence[Any]) -> tuple[tuple[Shape, np.dtype[Any]], ...]:
    """Shape and type of every tensor; results of a layer may lie in tuples within the tuple."""
    found: list[tuple[Shape, np.dtype[Any]]] = []
    for value in values:
        if isinstance(value, DifferentiableArray):
            found.append((value.array.shape, value.array.dtype))
        elif isinstance(value, tuple):
            found += _described(value)
    return tuple(found)


class Graph:
    """An ONNX graph that is being written: its nodes, in order, and its constants.

    Values are known by their names. A parameter or buffer of the model keeps the name that it has in the state.
    """

    def __init__(self, model: nn.Module) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray[Any, Any]] = {}
        self._names: dict[int, str] = {}
        for name, tensor in model.state_dict(keep_vars=True).items():
            self._names.setdefault(id(tensor), name)
        self._used: Counter[str] = Counter()

    def node(self, place: str, op: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node and return the name of its result."""
        name = self._unique(f"{place}/{op}")
        return self._add(name, op, inputs, [name if output is None else output], attributes)[0]

    def results(self, place: str, op: str, *inputs: str, count: int, **attributes: Any) -> list[str]:
        """Add a node with several results and return their names."""
        name = self._unique(f"{place}/{op}")
        return self._add(name, op, inputs, [f"{name}:{number}" for number in range(count)], attributes)

    def _add(
        self, name: str, op: str, inputs: Sequence[str], outputs: list[str], attributes: Mapping[str, Any]
    ) -> list[str]:
        from onnx import helper

        self.nodes.append(helper.make_node(op, inputs, outputs, name=name, **attributes))
        return outputs

    def weight(self, place: str, tensor: Tensor) -> str:
        """The name of a parameter or buffer as a constant of the graph."""
        name = self._names.get(id(tensor))
        if name is None:
            return self.constant(place, tensor.array)
        self.constants[name] = tensor.array
        return name

    def constant(self, place: str, values: Any) -> str:
        """Add a constant that is no weight and return its name."""
        name = self._unique(f"{place}/constant")
        self.constants[name] = np.asarray(values)
        return name

    def _unique(self, name: str) -> str:
        self._used[name] += 1
        return name if self._used[name] == 1 else f"{name}_{self._used[name]}"

    def to_model(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any], metadata: Mapping[str, str]) -> Any:
        """The `onnx.ModelProto`, checked; inputs and outputs are given by name as (shape, dtype)."""
        import onnx
        from onnx import helper, numpy_helper

        from mytorch.version import __version__

        def info(name: str, shape: Shape, dtype: Any) -> Any:
            return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), ["batch", *shape[1:]])

        graph = helper.make_graph(
            self.nodes,
            "mytorch",
            [info(name, *described) for name, described in inputs.items()],
            [info(name, *described) for name, described in outputs.items()],
            [numpy_helper.from_array(np.asarray(a, order="C"), name) for name, a in self.constants.items()],
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="mytorch",
            producer_version=__version__,
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        return model


class Writer:
    """Writes the modules of a model into a graph."""

    def __init__(self, model: nn.Module, inputs: Sequence[Tensor]) -> None:
        self.graph = Graph(model)
        self._calls = record_calls(model, inputs)
        self._of_model = self._calls[id(model)][0]
        self._own: list[str] = []  # the places of layers that wrote themselves

    def write(self, module: nn.Module, place: str, *inputs: str) -> str:
        """Write a module, called on the values `inputs`, and return the name of its result.

        Raises:
            UserError: it has no counterpart in ONNX.
        """
        from mytorch.interop.onnx_layers import emitter_of

        emit, calls = emitter_of(module), self._calls[id(module)]
        if not calls:
            raise UserError(f"layer {place}: a to_onnx writes it more often than forward calls it")
        layer = Layer(self, module, place, calls.popleft())
        if hasattr(module, "to_onnx"):
            self._own.append(place or "model")
        if emit is None:
            raise layer.cannot(
                "there is no rule for writing it. A layer of your own can say how: give it a method "
                "to_onnx(self, layer, input), see docs/export.md"
            )
        if module._hooks is not None and (module._hooks.forward or module._hooks.forward_pre):
            raise layer.cannot("it has a forward hook, which a graph cannot hold")
        has_children = any(True for _ in module.children())
        if not has_children and not (place and isinstance(module, SEVERAL_RESULTS)):
            layer.check_results()
        result = emit(layer, module, *inputs)
        if has_children:  # afterwards, so that the child is named that is to blame
            layer.check_results()
        return result

    def to_model(self, inputs: Mapping[str, Any], output: str, metadata: Mapping[str, str]) -> Any:
        """The `onnx.ModelProto` of what was written, checked; inputs are given by name as (shape, dtype).

        Raises:
            UserError: what a layer's own `to_onnx` wrote is not valid.
        """
        from onnx.checker import ValidationError
        from onnx.shape_inference import InferenceError

        try:
            return self.graph.to_model(inputs, {output: self._of_model.outputs[0]}, metadata)
        except (ValidationError, InferenceError) as error:
            if not self._own:
                raise
            raise UserError(f"with to_onnx of layer {', '.join(self._own)} the graph is not valid: {error}") from None


class Layer:
    """One call of a module while it is written: what its shapes are, and how it adds nodes.

    Shapes have `ROWS_TO_TRY` in the place of the batch, whose size is open in the graph.
    """

    def __init__(self, writer: Writer, module: nn.Module, place: str, call: Call) -> None:
        self.call = call
        self.place = place
        self._writer = writer
        self._type = type(module).__name__
        self.shapes = tuple(shape for shape, _ in call.inputs)

    @property
    def shape(self) -> Shape:
        """The shape of the first input."""
        return self.shapes[0]

    @property
    def out_shape(self) -> Shape:
        """The shape of the result."""
        return self.call.outputs[0][0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The element type of the result."""
        return self.call.outputs[0][1]

    def node(self, op: str, *inputs: Input, **attributes: Any) -> str:
        """Add a node. Inputs are names of values, tensors of the model, arrays, numbers, or None for one left out."""
        return self._writer.graph.node(self.place, op, *self._all_names(inputs), **attributes)

    def results(self, op: str, *inputs: Input, count: int, **attributes: Any) -> list[str]:
        """Add a node with so many results, see `node`."""
        return self._writer.graph.results(self.place, op, *self._all_names(inputs), count=count, **attributes)

    def _all_names(self, inputs: Sequence[Input]) -> list[str]:
        names = [self._name(value) for value in inputs]
        while names and not names[-1]:
            names.pop()
        return names

    def _name(self, value: Input) -> str:
        if value is None or isinstance(value, str):
            return value or ""
        if isinstance(value, DifferentiableArray):
            return self._writer.graph.weight(self.place, value)  # type: ignore[arg-type]
        values = np.asarray(value) if isinstance(value, np.ndarray) else np.asarray(value, self.dtype)
        return self._writer.graph.constant(self.place, values)

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        """Give `x` another shape; its first size, that of the batch, stays what it is."""
        return self.node("Reshape", x, ints(0, *shape[1:]))

    def child(self, name: str, module: nn.Module, *inputs: str) -> str:
        """Write a module inside of this one."""
        return self._writer.write(module, f"{self.place}.{name}" if self.place else name, *inputs)

    def check_results(self) -> None:
        """Raise `UserError` unless there is one result with a row for each that came in."""
        if len(self.call.outputs) != 1:
            raise self.cannot("it returns several results; only one can be written (return_indices must be false)")
        if self.out_shape[:1] != (ROWS_TO_TRY,):
            raise self.cannot("it changes the number of rows, which must stay open in the graph")
        if 0 in self.out_shape:
            raise self.cannot(f"its result is empty, {' x '.join(map(str, self.out_shape[1:]))} numbers a row")

    def check_batched(self, ndim: int) -> None:
        """Raise `UserError` if the input has fewer than `ndim` dimensions, the batch and the channels included."""
        if len(self.shape) < ndim:
            raise self.cannot(f"its input has {len(self.shape)} dimensions: the rows would be taken for channels")

    def cannot(self, why: str) -> UserError:
        """The error that this layer cannot be exported."""
        return UserError(
            f"layer {self.place or 'model'} ({self._type}) cannot be exported to ONNX: {why}\n"
            "mytorch export --to safetensors writes the weights of every model"
        )


def ints(*values: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Whole numbers as ONNX takes shapes and axes.

    >>> ints(0, -1).dtype
    dtype('int64')
    """
    return np.array(values, np.int64)


def example(shape: Sequence[int], dtype: Any = np.float32) -> Tensor:
    """Rows of zeros to find shapes with; `shape` is that of one row."""
    from mytorch.creation.from_data import from_numpy

    return from_numpy(np.zeros((ROWS_TO_TRY, *shape), dtype))
