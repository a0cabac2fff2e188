"""The user's own classes in an exported script: their files, with PyTorch's name in place of mytorch's.

A file that `imports:` names may hold metrics and helpers too; what a script does not need and could not run (what
builds on `mytorch.training` or `mytorch.data`) stays out.
"""

from __future__ import annotations

import ast
import inspect
import io
import tokenize
from pathlib import Path

from mytorch.interop.script_source import Script
from mytorch.training.config.components import Component
from mytorch.training.errors import UserError

# What PyTorch has under the same name. Its own `autograd.Function` is that of ours.
SHARED = ("mytorch.nn", "mytorch.optim", "mytorch.autograd", "mytorch.utils", "mytorch.linalg", "mytorch.special")


class OwnCode:
    """Gathers the files that the components of a script come from."""

    def __init__(self) -> None:
        self.wanted: dict[Path, dict[str, str]] = {}  # the names of the classes by file, each with what it is

    def use(self, component: Component) -> str:
        """Copy the class of a component; returns its name.

        Raises:
            UserError: it comes from no file.
        """
        name = component.target.__name__
        try:
            file = Path(inspect.getfile(component.target))
        except (OSError, TypeError):
            raise UserError(
                f"{component.kind} {component.type} comes from no file, so a script cannot hold it"
            ) from None
        self.wanted.setdefault(file, {})[name] = f"{component.kind} {component.type}"
        return name

    def write(self, script: Script) -> None:
        """Put the files into the script: imports at its top, the rest among its definitions."""
        for file, names in self.wanted.items():
            _write_file(script, file, names)


def _write_file(script: Script, file: Path, wanted: dict[str, str]) -> None:
    text = file.read_text(encoding="utf-8")
    tree = ast.parse(text)
    lines = text.splitlines()
    absent: dict[str, str] = {}  # names that a script cannot have, and where they come from
    for position, node in enumerate(tree.body):
        start = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
        source = "\n".join(lines[start - 1 : node.end_lineno])
        defined = defined_names(node)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = getattr(node, "module", None) or node.names[0].name
            if isinstance(node, ast.ImportFrom) and node.level:
                absent |= dict.fromkeys(defined, "a relative import")
            elif module.split(".")[0] == "mytorch" and not _is_shared(module):
                absent |= dict.fromkeys(defined, module)
            elif module != "__future__":
                script.imports.add(_with_torch(ast.unparse(node)).replace("import torch as torch", "import torch"))
            continue
        if position == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # the file's docstring
        used = next((name for name in names_in(node) if name in absent), None)
        if used is None:
            comment = comment_above(lines, start)
            script.define("\n".join([*comment, _with_torch(source)]))
            continue
        for name in defined:
            if name in wanted:
                raise UserError(
                    f"{wanted[name]} ({file}:{node.lineno}) uses {used} of {absent[used]}, which PyTorch has not: "
                    "there is no script for PyTorch of it"
                )
        absent |= dict.fromkeys(defined, absent[used])


def _is_shared(module: str) -> bool:
    return module == "mytorch" or any(module == one or module.startswith(f"{one}.") for one in SHARED)


def defined_names(node: ast.stmt) -> list[str]:
    """The names that a statement at the top of a file gives a meaning."""
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [alias.asname or alias.name.split(".")[0] for alias in node.names]
    return [each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]


def names_in(node: ast.AST) -> list[str]:
    return [each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)]


def comment_above(lines: list[str], start: int) -> list[str]:
    """The lines of comment directly above line `start`, counted from 1."""
    first = start - 1
    while first > 0 and lines[first - 1].startswith("#"):
        first -= 1
    return lines[first : start - 1]


def _with_torch(source: str) -> str:
    """The source with the name `mytorch` replaced wherever it stands as a name; strings and comments stay.

    >>> _with_torch("from mytorch import nn  # mytorch's")
    "from torch import nn  # mytorch's"
    """
    lines = source.splitlines(keepends=True)
    tokens = [
        token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.NAME and token.string == "mytorch"
    ]
    for token in reversed(tokens):
        row, column = token.start
        line = lines[row - 1]
        lines[row - 1] = line[:column] + "torch" + line[column + len("mytorch") :]
    return "".join(lines)
