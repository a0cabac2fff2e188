"""`mytorch doctor`: what this installation runs on, how quick it is, and what about it should be looked into.

Each function looks at one thing, returns what it found, and adds to the findings what is questionable or broken, with
what to do about it.
"""

from __future__ import annotations

import importlib.metadata
import locale
import os
import platform
import secrets
import shutil
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mytorch.backend import allocator, atomic, blas
from mytorch.backend.products import matmul
from mytorch.settings import get_num_threads
from mytorch.training.console import print_folded, print_json, show_bytes
from mytorch.training.errors import RunFailed
from mytorch.version import __version__

REQUIRED = ("numpy", "typer", "pyyaml", "rich", "matplotlib", "pydantic", "safetensors", "pillow", "pooch", "jinja2")
# What else can be used, and what brings it.
OPTIONAL = {
    "onnx": "pip install 'mytorch[onnx]'",
    "tensorboardX": "pip install 'mytorch[tensorboard]'",
    "torch": "pip install 'mytorch[parity]'",
}
FLAGS_SHOWN = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")

AVX512_KERNELS = ("SkylakeX", "Cooperlake", "SapphireRapids")

SIZE = 1024  # of the matrices that are multiplied
SECONDS_FOR_PRODUCTS = 0.2  # with BLAS alone, and again on all threads
SLOW_PRODUCTS = 5.0  # GFLOP/s: a single core of the last fifteen years is quicker with any good BLAS
CHECKPOINT_BYTES = 1 << 20
SLOW_WRITE = 0.2  # seconds for one such file
LITTLE_SPACE = 1 << 30
LITTLE_MEMORY = 1 << 30


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be, and what to do about it."""

    level: Literal["questionable", "broken"]
    what: str
    advice: str


@dataclass
class Findings:
    """All of them."""

    found: list[Finding] = field(default_factory=list)

    def question(self, what: str, advice: str) -> None:
        """Note something that should be looked into."""
        self.found.append(Finding("questionable", what, advice))

    def broken(self, what: str, advice: str) -> None:
        """Note something with which no training would work."""
        self.found.append(Finding("broken", what, advice))

    @property
    def is_broken(self) -> bool:
        """Whether any of them is of that kind."""
        return any(finding.level == "broken" for finding in self.found)


def doctor(*, runs_dir: Path, json: bool = False) -> None:
    """Look at everything and print it.

    Raises:
        RunFailed: something is broken, so that no training would work.
    """
    findings = Findings()
    report = {
        "versions": _versions(),
        "packages": _packages(findings),
        "cpu": _cpu(findings),
        "memory": _memory(findings),
        "blas": _blas(findings),
        "threads": _threads(),
        "products": _products(findings),
        "runs": _runs(runs_dir, findings),
        "terminal": _terminal(findings),
    }
    if json:
        state = "broken" if findings.is_broken else "questionable" if findings.found else "well"
        print_json({"state": state, **report, "findings": [vars(finding) for finding in findings.found]})
    else:
        _print(report, findings)
    if findings.is_broken:
        raise RunFailed("; ".join(finding.what for finding in findings.found if finding.level == "broken"))


# --- what it runs on ------------------------------------------------------------------------------------------------


def _versions() -> dict[str, str]:
    return {
        "mytorch": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "os": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "executable": sys.executable,
    }


def _packages(findings: Findings) -> dict[str, str | None]:
    """The version of each package, None if it is missing."""
    versions = {name: _version(name) for name in (*REQUIRED, *OPTIONAL)}
    for name in REQUIRED:
        if versions[name] is None:
            findings.broken(f"the package {name} is missing", f"pip install {name}")
    return versions


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu(findings: Findings) -> dict[str, Any]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    if load is not None and load > 1.5 * cores:
        findings.question(
            f"the load is {load:.1f} on {cores} core{'s' if cores > 1 else ''}: other processes are busy",
            "trainings and the rate of products are slower than this machine can be; see who it is with: top",
        )
    flags = blas.cpu_flags()
    return {
        "name": blas.cpu_name(),
        "cores": cores,
        "features": [name for name in FLAGS_SHOWN if name in flags],
        "load": load,
    }


def _memory(findings: Findings, path: str = "/proc/meminfo") -> dict[str, int | bool | None]:
    """Bytes, None where the system does not tell; and whether freed memory is kept for the next step."""
    sizes: dict[str, int] = {}
    try:
        with open(path, encoding="ascii") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                sizes[name] = int(value.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    available = sizes.get("MemAvailable")
    if available is not None and available < LITTLE_MEMORY:
        findings.question(f"only {show_bytes(available)} of memory are free", "end other programs")
    return {"total": sizes.get("MemTotal"), "available": available, "kept_when_freed": allocator.kept}


# --- matrix products ------------------------------------------------------------------------------------------------


def _blas(findings: Findings) -> dict[str, Any]:
    """The library, the kernel that it uses, and who decided on it."""
    built: Any = np.show_config(mode="dicts")
    library = built["Build Dependencies"]["blas"]
    if not library.get("found"):
        findings.question("NumPy was built without a BLAS library", "pip install --force-reinstall numpy")
    kernel, asked = blas.kernel(), blas.settings.get(blas.CORETYPE)
    if asked is not None and kernel is not None and kernel.lower() != asked.lower():
        findings.question(
            f"OpenBLAS uses its {kernel} kernels, not those for {asked} that this CPU could run",
            f"this NumPy may have been built without them; compare: {blas.CORETYPE}={asked} mytorch doctor",
        )
    given = os.environ.get(blas.CORETYPE)
    if given is not None and given not in AVX512_KERNELS and blas.cpu_flags() >= blas.NEEDED:
        findings.question(
            f"{blas.CORETYPE}={given} in the environment; this CPU has AVX-512, whose kernels are up to twice as fast",
            f"unset {blas.CORETYPE}, unless you need the same bits as on a machine without AVX-512",
        )
    return {
        "library": library.get("name"),
        "version": library.get("version"),
        "kernel": kernel,
        "kernel_because": _because(blas.CORETYPE, "this CPU has AVX-512, which OpenBLAS does not always notice"),
    }


def _threads() -> dict[str, Any]:
    """How many threads large computations have, and who decided on it."""
    given = next((f"{name}={os.environ[name]}" for name in blas.THREADS if name in os.environ), None)
    because = "one for each core that this process may use, at most 4; --threads and train.threads set another"
    if given is not None:
        because = f"{given} in the environment: BLAS shares products out itself, all else runs on one"
    return {"count": get_num_threads(), "because": because}


def _because(names: str | tuple[str, ...], reason: str) -> str:
    """Who decided on a setting of OpenBLAS."""
    for name in [names] if isinstance(names, str) else names:
        if name in blas.settings:
            return f"mytorch set {name}={blas.settings[name]}: {reason}"
        if name in os.environ:
            return f"{name}={os.environ[name]} in the environment"
    return "OpenBLAS's own choice"


def _products(findings: Findings) -> dict[str, float]:
    """The rate of products of two float32 matrices, in GFLOP/s: a median; on one thread, and as trainings compute them.

    The numbers are small integers, so that every product is exact and can be checked.
    """
    generator = np.random.Generator(np.random.PCG64(0))
    a, b = (generator.integers(-8, 9, (SIZE, SIZE)).astype(np.float32) for _ in range(2))
    product = a @ b
    alone, together = _rate(np.matmul, a, b, product), _rate(matmul, a, b, product)
    x = generator.integers(-8, 9, SIZE)
    if not np.array_equal(product.astype(np.int64) @ x, a.astype(np.int64) @ (b.astype(np.int64) @ x)):
        findings.broken(
            "NumPy's matrix products are wrong on this machine",
            f"try another kernel, such as {blas.CORETYPE}=Haswell mytorch doctor, and another build of NumPy",
        )
    if together < SLOW_PRODUCTS:
        findings.question(
            f"matrix products run at {together:.3g} GFLOP/s only",
            "is the machine busy, or NumPy without a good BLAS? pip install --force-reinstall numpy",
        )
    return {"size": SIZE, "gflops_alone": round(alone, 1), "gflops": round(together, 1)}


def _rate(multiply: Any, a: Any, b: Any, out: Any) -> float:
    """GFLOP/s, the median over some time."""
    seconds: list[float] = []
    began = time.perf_counter()
    while not seconds or time.perf_counter() - began < SECONDS_FOR_PRODUCTS:
        start = time.perf_counter()
        multiply(a, b, out)
        seconds.append(time.perf_counter() - start)
    return 2 * SIZE**3 / statistics.median(seconds) / 1e9


# --- files and terminal ---------------------------------------------------------------------------------------------


def _runs(runs_dir: Path, findings: Findings) -> dict[str, Any]:
    """Whether runs can be written, and how long a checkpoint takes; where there is none yet, in the folder above."""
    folder = runs_dir.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    found: dict[str, Any] = {"path": runs_dir, "exists": runs_dir.is_dir(), "writable": False}
    probe = folder / f".mytorch-doctor-{secrets.token_hex(4)}"
    began = time.perf_counter()
    try:
        found["free_bytes"] = shutil.disk_usage(folder).free
        began = time.perf_counter()
        atomic.write_bytes(probe, os.urandom(CHECKPOINT_BYTES))
        found |= {"writable": True, "write_seconds": round(time.perf_counter() - began, 6)}
        probe.unlink()
    except OSError as error:
        findings.broken(
            f"runs cannot be written to {folder}: {error.strerror or error}", "choose another place with --runs-dir"
        )
        return found
    if found["free_bytes"] < LITTLE_SPACE:
        findings.question(
            f"only {show_bytes(found['free_bytes'])} are free where runs go ({folder})",
            "remove old runs, or choose another place with --runs-dir",
        )
    if found["write_seconds"] > SLOW_WRITE:
        findings.question(
            f"a file of {show_bytes(CHECKPOINT_BYTES)} takes {found['write_seconds']:.2f} s to be safe on the disk",
            "write checkpoints more rarely (checkpoint: {every_minutes: 10}), or put runs on another disk (--runs-dir)",
        )
    return found


def _terminal(findings: Findings) -> dict[str, Any]:
    encoding = (sys.stdout.encoding or "").lower()
    if not encoding.startswith("utf"):
        findings.question(
            f"the output's encoding is {encoding or 'not known'}: names with other letters cannot be printed",
            "export PYTHONUTF8=1",
        )
    size = shutil.get_terminal_size()
    before = locale.setlocale(locale.LC_CTYPE)
    name: str | None = None
    try:
        name = locale.setlocale(locale.LC_CTYPE, "")
    except locale.Error:
        wanted = next((f"{key}={os.environ[key]}" for key in ("LC_ALL", "LC_CTYPE", "LANG") if os.environ.get(key)), "")
        findings.question(f"the locale {wanted} is not installed", "export LC_ALL=C.UTF-8")
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return {
        "is_terminal": sys.stdout.isatty(),
        "columns": size.columns,
        "lines": size.lines,
        "encoding": encoding,
        "locale": name,
    }


# --- for people -----------------------------------------------------------------------------------------------------


def _print(report: dict[str, Any], findings: Findings) -> None:
    versions, packages, cpu = report["versions"], report["packages"], report["cpu"]
    memory, library, threads = report["memory"], report["blas"], report["threads"]
    products, runs, terminal = report["products"], report["runs"], report["terminal"]
    _say("mytorch", f"{versions['mytorch']}, Python {versions['python']}, {versions['os']} ({versions['machine']})")
    _say("packages", _listed(packages, REQUIRED))
    _say("optional", _listed(packages, OPTIONAL))
    for name, command in OPTIONAL.items():
        if packages[name] is None:
            _say("", f"{name} is not there: {command}")
    _say("cpu", f"{cpu['name']}, {cpu['cores']} core{'s' if cpu['cores'] > 1 else ''}, {' '.join(cpu['features'])}")
    if memory["total"] is not None:
        _say("memory", f"{show_bytes(memory['available'] or 0)} free of {show_bytes(memory['total'])}")
    if memory["kept_when_freed"]:
        _say("", "mytorch told the C library to keep freed memory for the next step")
    kernels = f", {library['kernel']} kernels" if library["kernel"] else ""
    _say("blas", f"{library['library']} {library['version']}{kernels}")
    _say("", f"kernels: {library['kernel_because']}")
    _say("threads", f"{threads['count']}: {threads['because']}")
    both = f", {products['gflops']:g} on {threads['count']} threads" if threads["count"] > 1 else ""
    _say("products", f"{products['gflops_alone']:g} GFLOP/s{both} (float32, {SIZE} x {SIZE})")
    if runs["writable"]:
        there = "" if runs["exists"] else " (not there yet)"
        seconds = f"{show_bytes(CHECKPOINT_BYTES)} safe on the disk in {1000 * runs['write_seconds']:.3g} ms"
        _say("runs", f"{runs['path']}{there}, {show_bytes(runs['free_bytes'])} free, {seconds}")
    where = f"{terminal['columns']} x {terminal['lines']}" if terminal["is_terminal"] else "no terminal"
    _say("output", f"{where}, {terminal['encoding']}, locale {terminal['locale']}")
    print()
    for finding in findings.found:
        print_folded(finding.what, first=f"{finding.level}: ", indent="  ")
        print_folded(finding.advice, first="  ", indent="  ")
    if not findings.found:
        print("all is well")


def _say(name: str, text: str) -> None:
    print_folded(text, first=f"{name:<10}", indent=" " * 10)


def _listed(packages: dict[str, str | None], names: Any) -> str:
    return ", ".join(f"{name} {packages[name]}" for name in names if packages[name] is not None) or "none"
