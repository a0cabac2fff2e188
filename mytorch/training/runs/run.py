"""The run directory: where one training's files lie, how a new one is made and how an old one is found.

    runs/boston/20260131-142501/        one run; a second one of the same second gets 20260131-142501-2
        config.yaml                     what was really used
        metrics.csv                     a row an epoch: losses and metrics
        gradients.csv                   a row for each layer and logging step: how gradients, weights and outputs are
        predictions.csv                 what the best weights say of each row
        images.safetensors              of data that are images: some of them, and the filters of the first layer
        summary.json, eval.json         the results
        report.html                     all of it on one page
        checkpoints/best.safetensors, checkpoints/last.safetensors      weights
        checkpoints/state-00000900.safetensors, ...     all of the training's state after that step
        plots/loss.png, predictions.png or confusion.png, and others
        tensorboard/                    if the config has log: [tensorboard]
        lock                            while it is being trained
        failure.json                    why its training failed, until it is gone on with
    runs/latest                         the newest run: a symbolic link, or a text file that names it

Several trainings of one config are a series (`training.commands.several`), whose runs lie below each other:

    runs/boston/20260131-142501/seed-0/, seed-1/, ...

What the files hold that are tables and JSON is in `files`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mytorch.backend import atomic
from mytorch.training.errors import UserError
from mytorch.training.runs.files import write_summary

LATEST = "latest"
_STAMP = re.compile(r"(\d{8}-\d{6})(?:-(\d+))?")
SERIES = "series.json"  # marks the directory of a series
# Windows refuses these names and characters; a runs directory should be one that can be copied there.
_RESERVED_NAMES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10)),
}
_RESERVED_CHARACTERS = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_LISTED = 12  # how many runs an error message lists


@dataclass(frozen=True)
class Run:
    """One run's directory and the names of the files in it.

    >>> run = Run(Path("runs/boston/20260131-142501"))
    >>> run.name, run.best_checkpoint.as_posix()
    ('boston', 'runs/boston/20260131-142501/checkpoints/best.safetensors')
    """

    path: Path

    @classmethod
    def create(cls, runs_dir: str | os.PathLike[str], name: str) -> Run:
        """Make a directory of its own, ``runs_dir/name/<local time>``, and let ``latest`` name it.

        Raises `UserError` for a ``name`` that is no plain folder name (so that it cannot leave ``runs_dir``)
        and when the directory cannot be made.

        >>> with tempfile.TemporaryDirectory() as runs_dir:
        ...     run = Run.create(runs_dir, "boston")
        ...     run.checkpoints.is_dir(), Run.find(runs_dir, None) == run
        (True, True)
        """
        runs_dir = Path(runs_dir)
        with _making(runs_dir, name) as folder:
            run = cls(_make_unique(folder, datetime.now().strftime("%Y%m%d-%H%M%S")))
            run._make_folders()
            point_latest(runs_dir, run)
        return run

    @classmethod
    def create_series(cls, runs_dir: str | os.PathLike[str], name: str, members: Sequence[str]) -> list[Run]:
        """Make a directory as `create` does and in it one for each of several runs, under these names.

        >>> with tempfile.TemporaryDirectory() as runs_dir:
        ...     runs = Run.create_series(runs_dir, "boston", ["seed-0", "seed-1"])
        ...     [run.name for run in runs], [run.path.name for run in Run.all(runs_dir)]
        (['boston', 'boston'], ['seed-0', 'seed-1'])
        """
        runs_dir = Path(runs_dir)
        with _making(runs_dir, name) as folder:
            path = _make_unique(folder, datetime.now().strftime("%Y%m%d-%H%M%S"))
            write_summary(path / SERIES, {"members": list(members)})
            runs = [cls(path / member) for member in members]
            for run in runs:
                run.path.mkdir()
                run._make_folders()
            point_latest(runs_dir, runs[0])
        return runs

    def _make_folders(self) -> None:
        self.checkpoints.mkdir()
        self.plots.mkdir()

    @classmethod
    @contextlib.contextmanager
    def throwaway(cls, name: str) -> Iterator[Run]:
        """A run in the system's temporary folder, removed when the ``with`` block ends.

        >>> with Run.throwaway("smoke") as run:
        ...     run.path.is_dir()
        True
        >>> run.path.exists()
        False
        """
        with tempfile.TemporaryDirectory(prefix="mytorch-", ignore_cleanup_errors=True) as runs_dir:
            yield cls.create(runs_dir, name)

    @classmethod
    def find(cls, runs_dir: str | os.PathLike[str], selector: str | None) -> Run:
        """The run that ``selector`` means.

        ``None`` or ``latest`` is the latest run; a run directory's path is that run; ``boston`` is the newest
        run of that name; ``bos`` too, if only one name begins so; ``boston/2026`` is the run of that name
        whose time begins so. Raises `UserError` with what there is, when nothing or more than one run fits.
        """
        runs_dir = Path(runs_dir)
        if selector is None or selector == LATEST:
            return _find_latest(runs_dir)
        path = Path(selector)
        if _is_run(path):
            return cls(_follow_latest(path) or path)
        if path.exists() and path.resolve() in (runs_dir.resolve(), (runs_dir / LATEST).resolve()):
            return _find_latest(runs_dir)
        if path.is_dir() and path.resolve().is_relative_to(runs_dir.resolve()):
            # runs/boston/, as a shell completes it
            selector = path.resolve().relative_to(runs_dir.resolve()).as_posix()
        return _find_by_name(runs_dir, selector)

    @classmethod
    def all(cls, runs_dir: str | os.PathLike[str]) -> list[Run]:
        """Every run, the newest last; those of one second by number and name. Raises `UserError` if there is none."""
        paths = [path for of_name in _existing_runs(Path(runs_dir)).values() for path in of_name]
        return [cls(path) for path in sorted(paths, key=_age_key)]

    def __str__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        """The name under which the run was made: that of the folder around it, or around its series."""
        return self.path.absolute().parents[1 if self.is_member else 0].name

    @property
    def label(self) -> str:
        """The name and what tells it apart from others of that name, such as `boston/20260131-142501`."""
        return f"{self.name}/{_stamp_of(self.path.absolute())}"

    @property
    def is_member(self) -> bool:
        """Whether the run is one of a series."""
        return (self.path.absolute().parent / SERIES).is_file()

    @property
    def quoted(self) -> str:
        """The path as it is typed in a shell."""
        return shlex.quote(str(self.path))

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def existing_config(self) -> Path:
        """The same, which is read next. Raises `UserError` if it is not there."""
        if not self.config.is_file():
            raise UserError(f"{self} has no config.yaml: its training was stopped before it began; nothing is lost")
        return self.config

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def gradients(self) -> Path:
        return self.path / "gradients.csv"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def predictions(self) -> Path:
        return self.path / "predictions.csv"

    @property
    def images(self) -> Path:
        return self.path / "images.safetensors"

    @property
    def summary(self) -> Path:
        return self.path / "summary.json"

    @property
    def eval(self) -> Path:
        return self.path / "eval.json"

    @property
    def failure(self) -> Path:
        return self.path / "failure.json"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def best_checkpoint(self) -> Path:
        return self.checkpoints / "best.safetensors"

    @property
    def last_checkpoint(self) -> Path:
        return self.checkpoints / "last.safetensors"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def plots(self) -> Path:
        return self.path / "plots"


# --- making a run -------------------------------------------------------------------------------------------


def _check_name(name: str) -> None:
    problem = None
    if not name or name != name.strip():
        problem = "it is empty or begins or ends with a space"
    elif name.startswith(".") or name.endswith("."):
        problem = "it begins or ends with a dot"
    elif found := _RESERVED_CHARACTERS.search(name):
        problem = f"it contains {found.group()!r}"
    elif name.lower() in _RESERVED_NAMES | {LATEST}:
        problem = "the name has a meaning of its own"
    elif len(os.fsencode(name)) > 100:
        problem = "it is longer than 100 bytes"
    if problem:
        raise UserError(f"{name!r} cannot name a run: {problem}; use a plain folder name such as 'boston-wide'")


@contextlib.contextmanager
def _making(runs_dir: Path, name: str) -> Iterator[Path]:
    """The folder of the runs of this name, made if it is not there; `UserError` if nothing can be made in it."""
    _check_name(name)
    folder, pointer = runs_dir / name, runs_dir / LATEST
    if pointer.is_dir() and not pointer.is_symlink():
        raise UserError(f"{pointer} is a directory, but that name is kept for the link to the newest run; move it away")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not folder.resolve().is_relative_to(runs_dir.resolve()):
            raise UserError(f"{folder} is a link that leads out of {runs_dir}; choose another name for the run")
        yield folder
    except OSError as error:
        raise UserError(
            f"cannot make a run directory in {folder}: {error.strerror or error}; "
            "is it a directory that you may write in? (--runs-dir chooses another)"
        ) from None


def _make_unique(folder: Path, stamp: str) -> Path:
    """Make ``folder/stamp``, or ``stamp-2``, ...; ``mkdir`` lets exactly one caller have each of them."""
    number = 1
    while True:
        path = folder / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            path.mkdir()
            return path
        except FileExistsError:
            number += 1


def point_latest(runs_dir: Path, run: Run) -> None:
    """Let ``runs_dir/latest`` name the run, in one step, so that it names a whole run at every moment."""
    pointer = runs_dir / LATEST
    target = run.path.relative_to(runs_dir)
    # Windows cannot replace a link to a directory in one step, and lets few users make one.
    if os.name != "nt":
        temporary = atomic.temporary_name(pointer)
        try:
            temporary.symlink_to(target)
            temporary.replace(pointer)
            return
        except OSError:  # a file system without links: the text file below, or its clear error
            temporary.unlink(missing_ok=True)
    atomic.write_text(pointer, target.as_posix() + "\n")


# --- finding a run ------------------------------------------------------------------------------------------


def _is_run(path: Path) -> bool:
    return (path / "config.yaml").is_file() or (path / "checkpoints").is_dir()


def _stamp_of(path: Path) -> str:
    """What tells a run apart from others of its name: its time, and in a series which one it is."""
    return f"{path.parent.name}/{path.name}" if (path.parent / SERIES).is_file() else path.name


def _age_key(path: Path) -> tuple[str, int, list[tuple[str, int]]]:
    """Sorts runs by their time, then by the number that tells apart those of one second, then within a series."""
    stamp, _, member = _stamp_of(path).partition("/")
    found = _STAMP.fullmatch(stamp)
    numbers = [(word, int(number)) for word, number in re.findall(r"(\D*)(\d+)", member)]
    return (found.group(1), int(found.group(2) or 1), numbers) if found else (stamp, 0, numbers)


def _runs_by_name(runs_dir: Path) -> dict[str, list[Path]]:
    """Every name with its runs, oldest first."""
    runs: dict[str, list[Path]] = {}
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for folder in sorted(runs_dir.iterdir()):
            if folder.name != LATEST and folder.is_dir():
                found = [path for path in folder.iterdir() if _STAMP.fullmatch(path.name) and path.is_dir()]
                of_series = [path for series in found if (series / SERIES).is_file() for path in series.iterdir()]
                if of_name := [path for path in [*found, *of_series] if _is_run(path)]:
                    runs[folder.name] = sorted(of_name, key=_age_key)
    return runs


def _existing_runs(runs_dir: Path) -> dict[str, list[Path]]:
    runs = _runs_by_name(runs_dir)
    if not runs:
        raise UserError(f"there are no runs in {runs_dir} yet; make one with: mytorch train configs/boston.yaml")
    return runs


def _follow_latest(pointer: Path) -> Path | None:
    """The run that a ``latest`` link or file names, under its own path; None if it is not there."""
    try:
        target = os.readlink(pointer) if pointer.is_symlink() else pointer.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    run = pointer.parent / target
    return run if target and _is_run(run) else None


def _find_latest(runs_dir: Path) -> Run:
    runs = _existing_runs(runs_dir)
    newest = max((paths[-1] for paths in runs.values()), key=_age_key)
    # The pointer decides: it knows the order of runs within a second. Without it, or when its run was
    # deleted, the newest of those that are there is the latest.
    return Run(_follow_latest(runs_dir / LATEST) or newest)


def _find_by_name(runs_dir: Path, selector: str) -> Run:
    runs = _existing_runs(runs_dir)
    name_part, slash, stamp_part = selector.partition("/")
    names = [name_part] if name_part in runs else [name for name in runs if name_part and name.startswith(name_part)]
    if not names:
        raise _nothing_matches(runs_dir, selector, runs)
    if len(names) > 1:
        raise UserError(f"{selector!r} fits more than one name in {runs_dir}: {', '.join(names)}; write more of it")
    of_name = runs[names[0]]
    matches = [path for path in of_name if _stamp_of(path).startswith(stamp_part)]
    exact = [path for path in of_name if _stamp_of(path) == stamp_part]
    if not matches:
        raise _nothing_matches(runs_dir, selector, runs)
    if slash and stamp_part and not exact and len(matches) > 1:
        listed = "\n".join(f"  {names[0]}/{_stamp_of(path)}" for path in matches[::-1][:_LISTED])
        raise UserError(
            f"{selector!r} fits {len(matches)} runs in {runs_dir}, newest first:\n{listed}\nwrite more of it"
        )
    return Run((exact or matches)[-1])


def _nothing_matches(runs_dir: Path, selector: str, runs: dict[str, list[Path]]) -> UserError:
    lines = [f"  {name}/{_stamp_of(paths[-1])}" + (f" and {len(paths) - 1} older" if len(paths) > 1 else "")
             for name, paths in runs.items()]  # fmt: skip
    left = len(lines) - _LISTED
    more = [f"  and {left} more name{'s' * (left > 1)}"] if left > 0 else []
    return UserError(
        "\n".join([f"no run {selector!r}, neither as a path nor in {runs_dir}; there is:", *lines[:_LISTED], *more])
    )
