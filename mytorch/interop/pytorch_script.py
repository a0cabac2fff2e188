"""A run as one PyTorch script that trains the same config on the same data, with the same losses epoch by epoch.

The way out for those who have outgrown mytorch, and the proof that it computes what PyTorch does. The script needs
PyTorch and NumPy alone. Its parts are written by `script_data`, `script_model` and `script_loop`.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from pathlib import Path

from mytorch.interop.script_data import write_data
from mytorch.interop.script_loop import LoopWriter
from mytorch.interop.script_own_code import OwnCode
from mytorch.interop.script_source import Script, literal
from mytorch.training.building.experiment import Experiment
from mytorch.training.errors import UserError


def export_script(experiment: Experiment, path: Path) -> str:
    """The text of a PyTorch script that trains the experiment's config; `path` is where it will lie.

    The script finds the data by its path from there, if both lie in the current directory, else by its absolute path.

    Raises:
        UserError: the config has something that a script cannot have; names it.
    """
    script, own = Script(), OwnCode()
    script.constant("SEED", str(experiment.config.seed))
    data = write_data(script, experiment, path.parent)
    left_out = LoopWriter(script, own, experiment, data).write()
    shown = Script(imports=script.imports)
    own.write(shown)
    text = "\n".join([
        _docstring(experiment, path, left_out),
        "",
        _imports(script.imports),
        "",
        *script.constants,
        "",
        "",
        "\n\n\n".join([*shown.definitions, *script.definitions]),
        "",
        "",
        'if __name__ == "__main__":',
        "    main()",
        "",
    ])  # fmt: skip
    _refuse_clashes(text)
    return text


def _docstring(experiment: Experiment, path: Path, left_out: list[str]) -> str:
    name = literal(experiment.config.name)[1:-1]
    target = experiment.data.target_name.replace("\\", "\\\\").replace('"', "'")
    lines = [
        f'"""Trains the model "{name}" with PyTorch: {target!r} from {_what_it_sees(experiment)}.',
        "",
        f"    python {path.name}",
        "",
        "It needs torch and numpy. It was written by `mytorch export --to pytorch` and prints, up to rounding, the",
        "losses that mytorch reports. The weights go to a file beside it.",
    ]
    if left_out:
        lines += ["", f"Not computed here: {', '.join(left_out)}."]
    return "\n".join(lines) + '\n"""'


def _what_it_sees(experiment: Experiment) -> str:
    shape = experiment.data.train.inputs.shape[1:]
    return f"{shape[0]} inputs" if len(shape) == 1 else f"inputs of the shape {tuple(shape)}"


def _imports(statements: set[str]) -> str:
    """Import statements in the usual order: the standard library, then packages; `import` before `from`.

    >>> print(_imports({"from torch import nn", "import torch", "import csv", "from torch import optim"}))
    import csv
    <BLANKLINE>
    import torch
    from torch import nn, optim
    """
    modules: set[str] = set()
    names: dict[str, set[str]] = {}
    for statement in statements:
        start, _, imported = statement.partition(" import ")
        if imported:
            names.setdefault(start.removeprefix("from "), set()).update(imported.split(", "))
        else:
            modules.update(statement.removeprefix("import ").split(", "))
    lines = [(name, f"import {name}") for name in sorted(modules)]
    lines += [(module, f"from {module} import {', '.join(sorted(names[module]))}") for module in sorted(names)]
    blocks = [[line for module, line in lines if _is_standard(module) is standard] for standard in (True, False)]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _is_standard(module: str) -> bool:
    return module.split()[0].split(".")[0] in sys.stdlib_module_names


def _refuse_clashes(text: str) -> None:
    """Raise `UserError` if two things at the top of the script have the same name."""
    names = Counter(node.name for node in ast.parse(text).body if isinstance(node, (ast.ClassDef, ast.FunctionDef)))
    for name, count in names.items():
        if count > 1:
            raise UserError(
                f"the script would hold {name!r} {count} times: in your own code and in what the script itself needs, "
                "or in two of your files; give yours another name"
            )
