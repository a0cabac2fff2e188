"""The part of an exported script that draws generated data: the very functions that mytorch draws it with.

They need NumPy alone, so the script holds their source and what they use of their file. `random` is what PyTorch draws,
so the script lets PyTorch draw it.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mytorch.data.generated import GENERATED, RandomTensors
from mytorch.interop.script_own_code import comment_above, defined_names, names_in
from mytorch.interop.script_source import Script, bracketed, literal

DRAW_RANDOM = '''
    def draw_random(count, inputs, outputs, seed):
        """Standard normal inputs and targets, which have nothing to do with each other."""
        generator = torch.Generator().manual_seed(seed)
        drawn = [torch.randn(count, size, generator=generator) for size in (inputs, outputs)]
        return [tensor.numpy() for tensor in drawn]
    '''


def write_generated(script: Script, source: Any) -> list[str]:
    """Write the function that draws the data of a source; returns the lines that call it, for `inputs` and `target`."""
    assert type(source) in GENERATED
    if isinstance(source, RandomTensors):
        script.define(DRAW_RANDOM)
    else:
        write_function(script, type(source).draw)
    arguments = [f"{name}={literal(value)}" for name, value in vars(source).items()]
    return [bracketed(f"inputs, target = {type(source).draw.__name__}(", arguments, ")", before=4, indent=4)]


def write_function(script: Script, function: Callable[..., Any]) -> None:
    """Write a function with all that it uses of its file: other functions, constants, imports."""
    text = Path(inspect.getfile(function)).read_text(encoding="utf-8")
    lines, nodes = text.splitlines(), ast.parse(text).body
    by_name = {name: node for node in nodes for name in defined_names(node)}
    wanted = {function.__name__}
    waiting = [function.__name__]
    while waiting:
        more = {name for name in names_in(by_name[waiting.pop()]) if name in by_name} - wanted
        wanted |= more
        waiting += more
    for node in nodes:
        if wanted.isdisjoint(defined_names(node)):
            continue
        source = "\n".join([*comment_above(lines, node.lineno), *lines[node.lineno - 1 : node.end_lineno]])
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            script.imports.add(ast.unparse(node))
        elif isinstance(node, ast.FunctionDef):
            script.define(source)
        else:
            script.constants.append(source)
