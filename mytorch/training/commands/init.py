"""`mytorch init`: the starter configs and their data, written where they can be trained and changed."""

from __future__ import annotations

import shlex
from pathlib import Path

from mytorch.backend import atomic
from mytorch.training.errors import UserError


def init(directory: Path) -> None:
    """Write the starter configs and their data into a directory, so that they can be trained and changed there."""
    files = starter_files()
    existing = [directory / relative for relative in files if (directory / relative).exists()]
    if existing:
        listed = "\n".join(f"  {path}" for path in existing)
        raise UserError(
            f"init does not write over files that are there:\n{listed}\nmove them away or choose another directory"
        )
    try:
        for relative, source in files.items():
            (directory / relative).parent.mkdir(parents=True, exist_ok=True)
            atomic.write_bytes(directory / relative, source.read_bytes())
    except OSError as error:
        raise UserError(f"cannot write to {directory}: {error.strerror or error}") from None
    print(f"wrote {len(files)} files to {directory}:")
    for relative in files:
        print(f"  {relative}")
    change = "" if directory.resolve() == Path.cwd() else f"  cd {shlex.quote(str(directory))}\n"
    print(f"next:\n{change}  mytorch train configs/boston.yaml")


def starter_files() -> dict[str, Path]:
    """The files that `init` writes, by their path in the new directory: from the package, or from its checkout."""
    package = Path(__file__).resolve().parents[2]
    root = package / "starter" if (package / "starter").is_dir() else package.parent
    kinds = (".yaml", ".py", ".csv", ".json")  # configs, and the layers, the data and the schema that they name
    configs = [path for path in sorted((root / "configs").rglob("*")) if path.suffix in kinds]
    data = [root / "datasets" / "boston.csv", root / "datasets" / "README.md"]
    return {path.relative_to(root).as_posix(): path for path in [*configs, *data]}
