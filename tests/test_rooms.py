"""The map of rooms in docs/architecture.md, checked: a room imports only from its own floor and from those below."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mytorch"
FLOORS = {
    "version": 0,
    "backend": 0,
    "cuda": 0,
    "autograd": 1,
    "ops": 2,
    "tensor": 3,
    "out_variants": 5,
    "creation": 3,
    "queries": 3,
    "settings": 3,
    "random": 3,
    "inplace_functions": 3,
    "linalg": 3,
    "special": 3,
    "nn": 4,
    "optim": 4,
    "data": 4,
    "utils": 4,
    "first_names": 4,
    "serialization": 5,
    "training": 5,
    "interop": 6,
}
# The rooms and files within mytorch/training. Those of one floor do not import each other.
TRAINING = PACKAGE / "training"
TRAINING_FLOORS = {
    "errors": 0,
    "own_code": 0,
    "random_streams": 0,
    "branches": 0,
    "steps": 0,
    "stopping": 1,
    "metrics": 1,
    "plots": 2,
    "runs": 2,
    "console": 3,
    "config": 4,
    "callbacks": 5,
    "building": 6,
    "diagnostics": 6,
    "loop": 7,
    "inspection": 8,
    "prediction": 8,
    "report": 8,
    "commands": 9,
}
# A config names callbacks as it names layers: the tables of names look upward, when a config is read.
LOOKS_UPWARD = {"config/components.py": "callbacks", "config/imports.py": "callbacks"}
FILES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem in FLOORS)


def room_of(module: str) -> str:
    return module.split(".")[1]


def imports_of(path: Path) -> set[str]:
    """The mytorch modules that a file imports, but for those that only a type checker sees."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "mytorch":
            if node.module == "mytorch":
                found.update(f"mytorch.{alias.name}" for alias in node.names)
            else:
                found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(a.name for a in node.names if a.name.startswith("mytorch."))
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_only_from_floors_below(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for module in imports_of(path):
        other = room_of(module)
        assert other in FLOORS, f"{path} imports {module}, which is in no room of the map"
        assert other == room or FLOORS[other] <= FLOORS[room], (
            f"{path} (floor {FLOORS[room]}) imports {module} (floor {FLOORS[other]})"
        )


@pytest.mark.parametrize("path", sorted(TRAINING.rglob("*.py")), ids=lambda p: p.relative_to(TRAINING).as_posix())
def test_within_training_too(path):
    relative = path.relative_to(TRAINING)
    room = relative.parts[0].removesuffix(".py")
    others = {module.split(".")[2] for module in imports_of(path) if module.startswith("mytorch.training.")}
    others -= {room, LOOKS_UPWARD.get(relative.as_posix())}
    for other in others:
        assert TRAINING_FLOORS[other] < TRAINING_FLOORS[room], (
            f"{path} (floor {TRAINING_FLOORS[room]}) imports {other} (floor {TRAINING_FLOORS[other]})"
        )


def test_every_file_belongs_to_a_room():
    rooms = {p.relative_to(PACKAGE).parts[0].removesuffix(".py") for p in PACKAGE.rglob("*.py")}
    assert rooms - {"__init__", "starter"} <= set(FLOORS)


def test_the_core_does_not_know_pytorch():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            assert not any(n.split(".")[0] == "torch" for n in names), f"{path} imports torch"
