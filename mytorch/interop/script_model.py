"""The parts of an exported script that make the model, the loss, the optimizer and the schedule, as calls of PyTorch.

A call has the arguments that are not PyTorch's default: a layer's sizes by position, the rest by name. The classes
of the user's own files are copied into the script (`script_own_code`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.interop.script_own_code import OwnCode
from mytorch.interop.script_source import Script, bracketed, is_plain, literal, on_lines
from mytorch.tensor import Tensor
from mytorch.training.branches import Parallel, Residual
from mytorch.training.building.experiment import Experiment
from mytorch.training.building.losses import LossSum, WeightedLoss
from mytorch.training.building.model import ROWS_TO_TRY, output_size
from mytorch.training.config.components import OF_CHANNELS, OUTPUT_SIZES, Component, parameters_of
from mytorch.training.loop.scoring import predict
from mytorch.training.random_streams import keeping_streams
from mytorch.training.steps import EveryStep, LastStep

RESIDUAL = '''
    class Residual(nn.Module):
        """Layers, and what came in added to what they give."""

        def __init__(self, layers, shortcut=None):
            super().__init__()
            self.layers = layers
            self.shortcut = nn.Identity() if shortcut is None else shortcut

        def forward(self, x):
            return self.layers(x) + self.shortcut(x)
    '''

PARALLEL = '''
    class Parallel(nn.Module):
        """Branches that all get the same input, and whose outputs are joined."""

        def __init__(self, branches, join="cat", dim=1):
            super().__init__()
            self.branches = nn.ModuleDict(branches)
            self.join = join
            self.dim = dim

        def forward(self, x):
            outputs = [branch(x) for branch in self.branches.values()]
            if self.join == "cat":
                return torch.cat(outputs, self.dim)
            return functools.reduce(torch.add if self.join == "add" else torch.mul, outputs)
    '''

LAST_STEP = '''
    class LastStep(nn.Module):
        """The state of a recurrent layer after its last step, of both directions if there are two."""

        def forward(self, results):
            outputs, states = results
            h = states[0] if isinstance(states, tuple) else states
            directions = outputs.shape[-1] // h.shape[-1]
            return torch.cat([h[-place] for place in range(directions, 0, -1)], 1)
    '''

EVERY_STEP = '''
    class EveryStep(nn.Module):
        """The outputs of a recurrent layer."""

        def forward(self, results):
            return results[0]
    '''

NAMESPACES = {
    "layer": "nn.",
    "loss": "nn.",
    "optimizer": "torch.optim.",
    "scheduler": "torch.optim.lr_scheduler.",
}


class ModelWriter:
    """Writes the model of an experiment as it stands in `main()`."""

    def __init__(self, own: OwnCode, script: Script, experiment: Experiment) -> None:
        self.own, self.script, self.experiment = own, script, experiment
        self.shapes = _input_shapes(experiment)

    def source(self) -> str:
        """The call that makes the model."""
        model, module = self.experiment.config.model, self.experiment.model
        if isinstance(model, Component):
            return self._layer(model, module, indent=4, before=12)
        return self._sequential(model, module, indent=4)

    def _sequential(self, components: Sequence[Component], module: nn.Module, *, indent: int) -> str:
        """A `Sequential` of the components; `module` is what was built of them."""
        layers = [
            self._layer(component, built, indent=indent + 4, before=indent + 5)
            for component, built in zip(components, module.children(), strict=True)
        ]
        return on_lines("nn.Sequential(", layers, ")")

    def _layer(self, component: Component, module: Any, *, indent: int, before: int) -> str:
        if component.target is nn.Sequential:
            return self._sequential(component.layers, module, indent=indent)
        if component.target is Residual:
            self.script.define(RESIDUAL)
            parts = [self._sequential(component.layers, module.layers, indent=indent + 4)]
            if component.shortcut:
                parts.append(self._sequential(component.shortcut, module.shortcut, indent=indent + 4))
            return on_lines("Residual(", parts, ")")
        if component.target is Parallel:
            return self._parallel(component, module, indent)
        if component.target in (LastStep, EveryStep):
            self.script.imports.add("import torch")
            self.script.define(LAST_STEP if component.target is LastStep else EVERY_STEP)
            return f"{component.type}()"
        sizes = self._sizes(component, module)
        return component_source(self.own, component, sizes, indent=indent, before=before)

    def _parallel(self, component: Component, module: Any, indent: int) -> str:
        self.script.imports |= {"import functools", "import torch"}
        self.script.define(PARALLEL)
        branches = [
            f"{literal(name)}: {self._sequential(layers, module.branches[name], indent=indent + 8)}"
            for name, layers in component.branches.items()
        ]
        parts = [on_lines("{", branches, "}")]
        if module.join != "cat":
            parts.append(f"join={literal(module.join)}")
        elif module.dim != 1:
            parts.append(f"dim={module.dim}")
        return on_lines("Parallel(", parts, ")")

    def _sizes(self, component: Component, module: nn.Module) -> dict[str, Any]:
        """The arguments that the data decided."""
        sizes = {}
        for name in component.left_out:
            if name in OUTPUT_SIZES:
                sizes[name] = output_size(self.experiment.data)
            else:
                shape = self.shapes[id(module)]
                sizes[name] = shape[1] if name in OF_CHANNELS else shape[-1]
        return sizes


def _input_shapes(experiment: Experiment) -> dict[int, tuple[int, ...]]:
    """The shape of what each module gets, by its identity; found by sending zeros through the model."""
    shapes: dict[int, tuple[int, ...]] = {}

    def look(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if isinstance(inputs[0], Tensor):  # what stands behind a recurrent layer gets a tuple
            shapes.setdefault(id(module), tuple(inputs[0].shape))

    hooks = [module.register_forward_pre_hook(look) for module in experiment.model.modules()]
    shape = experiment.data.train.inputs.shape[1:]
    try:
        with keeping_streams():
            predict(experiment.model, np.zeros((ROWS_TO_TRY, *shape), np.float32))
    finally:
        for hook in hooks:
            hook.remove()
    return shapes


def component_source(
    own: OwnCode,
    component: Component,
    supplied: Mapping[str, Any] | None = None,
    first: Sequence[str] = (),
    *,
    before: int = 0,
    indent: int = 0,
    changed: Mapping[str, str] | None = None,
) -> str:
    """The call that makes a component.

    `supplied` are values that the config left out, `first` source texts of arguments that stand in front of all others,
    `changed` source texts that stand for the values of arguments.
    """
    by_position, by_name = list(first), []
    changed = changed or {}
    for name, parameter in parameters_of(component.target).items():
        if name in changed:
            by_name.append(f"{name}={changed[name]}")
            continue
        if name in component.arguments:
            value = parameter.convert(component.arguments[name])
        elif supplied and name in supplied:
            value = supplied[name]
        else:
            continue
        if not parameter.required and _same(value, parameter.default):
            continue
        # What is no plain value when it was converted, such as an iterator, is written as the config has it.
        text = literal(value if is_plain(value) else component.arguments[name])
        if parameter.required and component.kind == "layer" and not by_name:
            by_position.append(text)
        else:
            by_name.append(f"{name}={text}")
    name = name_of(own, component)
    return bracketed(f"{name}(", [*by_position, *by_name], ")", before=before, indent=indent)


def _same(value: Any, default: Any) -> bool:
    """Whether a value is the default; 0.0 is 0, but 1 is not True."""
    return isinstance(value, bool) is isinstance(default, bool) and is_plain(value) and bool(value == default)


def name_of(own: OwnCode, component: Component) -> str:
    """How a script calls the class of a component: PyTorch's, or the user's own, which is then copied."""
    if component.target.__module__.startswith("mytorch."):
        return NAMESPACES[component.kind] + component.type
    return own.use(component)


def loss_lines(own: OwnCode, experiment: Experiment) -> list[str]:
    """The lines that make `loss_function`, of one loss or several, with weights of the rows where there are any."""
    terms = experiment.config.loss_terms
    weighted = experiment.data.train.weights is not None
    is_sum = not isinstance(experiment.config.loss, Component)
    built = list(experiment.loss.losses) if isinstance(experiment.loss, LossSum) else [experiment.loss]
    lines = []
    if any(term.component.balanced for term in terms):
        lines.append("# The weights balance the classes, as counted among the training rows.")
    if not weighted and not is_sum:
        return [*lines, f"loss_function = {_loss(own, terms[0].component, built[0], before=20)}"]
    names = ["each_loss"] if len(terms) == 1 else [f"loss_{number}" for number in range(1, len(terms) + 1)]
    for name, term, module in zip(names, terms, built, strict=True):
        lines.append(f"{name} = {_loss(own, term.component, module, before=len(name) + 7)}")
    arguments = "outputs, targets" + (", weights" if weighted else "")
    parts = []
    for name, term in zip(names, terms, strict=True):
        value = f"{name}(outputs, targets)"
        value = f"mean_of_rows({value}, weights)" if weighted else value
        parts.append(value if term.factor == 1 else f"{literal(term.factor)} * {value}")
    total = " + ".join(parts)
    if len(total) > 70:
        total = "(\n            " + "\n            + ".join(parts) + "\n        )"
    return [*lines, "", f"def loss_function({arguments}):", f"    return {total}", ""]


def _loss(own: OwnCode, component: Component, module: nn.Module, *, before: int) -> str:
    """One loss; without the mean over the rows where these have weights."""
    changed = {}
    if isinstance(module, WeightedLoss):
        changed["reduction"] = '"none"'
        module = module.loss
    changed |= {name: literal(getattr(module, name)) for name in component.balanced}
    return component_source(own, component, before=before, indent=4, changed=changed)


def scheduler_source(own: OwnCode, experiment: Experiment, *, steps: str) -> str:
    """The schedule, told of the training's length where the config left that to the program.

    `steps` is source text for how often it is stepped in an epoch.
    """
    scheduler = experiment.config.scheduler
    assert scheduler is not None
    per_batch = experiment.config.train.scheduler_step == "batch"
    total = "EPOCHS" if steps == "1" else f"EPOCHS * {steps}"
    texts = {"epochs": "EPOCHS", "steps_per_epoch": steps}
    changed = {
        name: texts.get(name, total) for name in scheduler.schedule_length(epochs=2, batches=3, per_batch=per_batch)
    }
    return component_source(own, scheduler, first=["optimizer"], before=16, indent=4, changed=changed)
