"""`mytorch trace`: one step told op by op, forward down and backward up, as tables or as a computation on paper."""

from __future__ import annotations

import math
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from mytorch.autograd.formulas import Formula, default_names, formulas, to_ascii
from mytorch.autograd.recording import Operation
from mytorch.training.console import print_json, show_bytes
from mytorch.training.inspection.recorded_step import LOSS, record_step
from mytorch.training.inspection.target import open_target
from mytorch.training.inspection.trace import Backward, Forward, Part, Pass, Trace, is_timed, trace_of

WHOLE = 64  # numbers of an array that is shown whole
CORNER = 4  # rows of one that is not
LINE = 88  # letters of a line of numbers
ROOM = 24  # letters for the gradients that leave, in a line of a table, at least
WIDE = 120  # letters of a terminal in which more columns have room
LETTERS = {"weight": "W", "bias": "b", "input": "x", "target": "t"}  # of inputs, in formulas


@dataclass
class Options:
    """What to show: tables, or with `values` each array; with `formula` also what each operation computes."""

    layer: str | None = None
    values: bool = False
    formula: bool = False


def trace(
    target: str,
    overrides: Sequence[str],
    options: Options,
    *,
    runs_dir: Path,
    step: int | None = None,
    split: str | None = None,
    rows: int | None = None,
    checkpoint: str | None = None,
    json: bool = False,
) -> None:
    """Send one batch forward and back and print what happened.

    Raises:
        UserError: there is no such target, step, split or layer.
        RunFailed: the model or the loss cannot take the batch.
    """
    opened = open_target(target, overrides, runs_dir=runs_dir, step=step, split=split, rows=rows, which=checkpoint)
    found = trace_of(opened, record_step(opened))
    layer = options.layer
    if layer is not None:
        layer = LOSS if layer == "loss" and layer not in found.layers else layer
        found = found.within(layer)
    if json:
        print_json(found.to_data(options.values))
        return
    lines = [*_top(found, layer), ""]
    for number, one in enumerate(found.passes, 1):
        of = f" of batch {number} of {len(found.passes)}" if len(found.passes) > 1 else ""
        lines += [*_told(one, found.layers, options, of), ""]
    lines += _bottom(found)
    for line in lines:
        _say(line)


def _top(trace: Trace, layer: str | None) -> list[str]:
    rows = "1 row" if trace.rows == 1 else f"{trace.rows} rows"
    lines = [f"{trace.about}: {rows}, loss {trace.loss:.6g}"]
    lines += trace.remarks
    if layer is not None:
        lines.append(f"only {_layer_name(layer, trace.layers)}")
    return lines


def _told(one: Pass, layers: dict[str, str], options: Options, of: str) -> Iterator[str]:
    yield f"forward{of}, from the top down"
    yield from _half(one.forward, layers, options, _forward_table, _forward_step, "nothing")
    yield ""
    yield f"backward{of}, from the bottom up"
    yield from _half(one.backward, layers, options, _backward_table, _backward_step, "no gradient comes here")


def _half(
    rows: Sequence[Any],
    layers: dict[str, str],
    options: Options,
    table: Callable[[Sequence[Any], dict[str, str], bool], Iterator[str]],
    step: Callable[[Any, bool], Iterator[str]],
    nothing: str,
) -> Iterator[str]:
    """The rows of one direction as a table, or layer by layer with their values."""
    if not rows:
        yield f"  {nothing}"
    elif options.values:
        for place, of_layer in groupby(rows, lambda row: row.operation.place):
            yield from ("", _layer_name(place, layers))
            for row in of_layer:
                yield from step(row, options.formula)
    else:
        yield from table(rows, layers, options.formula)


def _bottom(trace: Trace) -> list[str]:
    times = f"forward {_time(trace.forward_seconds)}, backward {_time(trace.backward_seconds)}"
    norm = f", norm of all gradients {_number(trace.gradient_norm)}" if trace.gradients else ""
    lines = [f"{times}, kept for backward {show_bytes(trace.kept_bytes)}{norm}"]
    if trace.without_gradient:
        lines.append(f"no gradient reaches {', '.join(trace.without_gradient)}")
    if trace.frozen:
        lines.append(f"frozen: {', '.join(trace.frozen)}")
    return lines


def _layer_name(place: str, layers: dict[str, str]) -> str:
    if place == LOSS:
        return f"loss {layers[place]}"
    return f"layer {place} {layers[place]}" if place else f"model {layers[place]}"


# --- tables ---------------------------------------------------------------------------------------------------------


@dataclass
class _Row:
    """Cells of a table by the titles of their columns; `notes` are lines beneath it."""

    place: str
    cells: dict[str, str]
    notes: list[str]


def _forward_table(rows: Sequence[Forward], layers: dict[str, str], formula: bool) -> Iterator[str]:
    table = []
    types = _types(row.outputs for row in rows)
    for row in rows:
        numbers, operation = row.statistics, row.operation
        first = [one for one in row.inputs if one.is_array][:1]
        cells = {
            "#": str(row.number),
            "op": operation.name,
            "of": " ".join(_sources(row)),
            "in": _shapes(first),
            "out": _shapes_and_type(row.outputs, types),
            "mean": _number(numbers.mean),
            "std": _number(numbers.std),
            "zero": _share(numbers.zeros),
            "not finite": _share(numbers.not_finite),
            "time": _time(operation.seconds) if is_timed(operation) else "-",
            "kept": show_bytes(operation.kept_bytes),
        }
        notes = _forward_formula(row) + _symbols_told(row) if formula else []
        table.append(_Row(operation.place, cells, notes + ([row.note] if row.note else [])))
    yield from _table(table, layers, {"op", "of", "in", "out"}, types)


def _backward_table(rows: Sequence[Backward], layers: dict[str, str], formula: bool) -> Iterator[str]:
    table = []
    types = _types(row.arriving for row in rows)
    for row in rows:
        numbers, operation = row.statistics, row.operation
        prefix = f"{operation.place}."
        leaving = [f"{one.name.removeprefix(prefix)} {_number(one.norm)}" for one in row.leaving]
        cells = {
            "#": str(row.number),
            "op": operation.name,
            "gradient": _shapes_and_type(row.arriving, types),
            "mean": _number(numbers.mean),
            "std": _number(numbers.std),
            "zero": _share(numbers.zeros),
            "not finite": _share(numbers.not_finite),
            "time": _time(row.seconds),
            "norm in": _number(row.norm_in),
            "norm out": ", ".join(leaving),
        }
        notes = _derivative_formulas(row) if formula else []
        table.append(_Row(operation.place, cells, notes))
    yield from _table(table, layers, {"op", "gradient", "norm out"}, types)


def _table(rows: Sequence[_Row], layers: dict[str, str], left: set[str], types: Sequence[str]) -> Iterator[str]:
    """Columns of text under their titles, the rows of a layer under its name. What all share is said at the end."""
    from rich.cells import cell_len

    shown = {title: [row.cells[title] for row in rows] for title in rows[0].cells}
    if not any(cell not in ("", "0", "-") for cell in shown["not finite"]):
        del shown["not finite"]
    terminal = shutil.get_terminal_size((100, 24)).columns
    if "norm out" in shown and terminal < WIDE:
        del shown["mean"]  # of a gradient it says least
    widths = {title: max(map(cell_len, [title, *cells])) for title, cells in shown.items()}
    if "in" in shown and sum(widths.values()) + 2 * len(widths) - 2 > terminal:
        del widths["in"]  # mostly that is what the operation before gave
    *others, last = widths
    used = sum(widths[title] + 2 for title in others)
    room = widths[last] = max(ROOM, terminal - used) if last in left else widths[last]

    def line(cells: dict[str, str]) -> str:
        texts = []
        for title, width in widths.items():
            space = " " * (width - cell_len(cells[title]))
            texts.append(cells[title] + space if title in left else space + cells[title])
        return "  ".join(texts).rstrip()

    yield line({title: title for title in widths})
    for place, group in groupby(rows, lambda row: row.place):
        yield _layer_name(place, layers)
        for row in group:
            first, *more = _folded(row.cells[last], room)
            yield line({**row.cells, last: first})
            yield from (" " * used + part for part in more)
            yield from (" " * (widths["#"] + 2) + note for note in row.notes)
    if types:
        said = f"all of them {types[0]}, and finite" if len(types) == 1 else f"all others {types[0]}, and all finite"
        yield said.partition(",")[0] if "not finite" in shown else said


def _types(results: Iterable[Sequence[Part]]) -> list[str]:
    """The element types, that of most first."""
    counts = Counter(str(one.value.dtype) for parts in results for one in parts)
    return [name for name, _ in counts.most_common()]


def _shapes_and_type(parts: Sequence[Part], types: Sequence[str]) -> str:
    """The shapes, and the element type where it is not that of most."""
    own = list(dict.fromkeys(str(one.value.dtype) for one in parts))
    return _shapes(parts) + ("" if own == [*types[:1]] or not own else f" {' '.join(own)}")


def _folded(text: str, room: int) -> list[str]:
    """Parts of a list that is told with commas, each of which has room in a line."""
    lines: list[str] = []
    for part in text.split(", "):
        if lines and len(lines[-1]) + len(part) + 3 <= room:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return lines


def _sources(row: Forward) -> list[str]:
    """Where the inputs come from, but for parameters and for what the operation before gave."""
    names = [one.name for one in (*row.inputs, *row.options.values()) if one.is_array]
    told = [name for name in names if name.startswith("#") or name in ("inputs", "targets", "weights")]
    return [] if told == [f"#{row.number - 1}"] else list(dict.fromkeys(told))


def _shapes(parts: Sequence[Part]) -> str:
    shapes = [_shape(one.shape) for one in parts]
    if len(shapes) > 2 and len(set(shapes)) == 1:
        return f"{len(shapes)} of {shapes[0]}"
    return ", ".join(shapes[:3]) + (", ..." if len(shapes) > 3 else "")


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) if shape else "number"


# --- steps on paper -------------------------------------------------------------------------------------------------


def _forward_step(row: Forward, formula: bool) -> Iterator[str]:
    operation = row.operation
    said = _forward_formula(row) if formula else []
    yield f"{row.number}. {operation.name}" + (f": {said[0]}" if said else "")
    yield from (f"   {line}" for line in said[1:])
    for symbol, part in zip(_symbols(row), row.inputs, strict=True):
        if part.is_array:
            yield from _shown(symbol or "", part.value, f" = {_origin(part)}")
        elif symbol is not None and not _is_number(symbol):
            yield f"   {symbol} = {part.value}"
    for name, part in row.options.items():
        yield from _shown(name, part.value, f" = {_origin(part)}")
    for index, part in enumerate(row.outputs, 1):
        yield from _shown(f"y{index}" if len(row.outputs) > 1 else "y", part.value, f" = {part.name}")
    if row.note:
        yield f"   {row.note}"


def _backward_step(row: Backward, formula: bool) -> Iterator[str]:
    operation = row.operation
    symbols = _symbols(row)
    found = _backward_formula(row) if formula else None
    yield f"{row.number}. {operation.name}"
    for index, part in enumerate(row.arriving, 1):
        symbol = "g" if len(row.arriving) == 1 else f"g{index}"
        yield from _shown(symbol, part.value, f" = ∂L/∂y, with y = {part.name}")
    if formula and found is None:
        yield f"   {_own(operation)}"
    if found:
        yield from (f"   {line}" for line in found.backward_where)
    for index, left in enumerate(row.by_input):
        if left is None:
            continue
        symbol = symbols[index] or "x"
        text = found.derivatives[index] if found and index < len(found.derivatives) else None
        name, _, right = (text or f"∂L/∂{symbol} = ").partition(" = ")
        yield from _shown(name, left.value, f" = {right}" if right else "", f", with {symbol} = {left.name}")


def _shown(symbol: str, value: Any, said: str = "", after: str = "") -> Iterator[str]:
    """An array under its name: whole if it is small, else its corner."""
    array = np.asarray(value)
    if array.ndim == 0:
        yield f"   {symbol}{said}{after}: {_exact(array[()])}"
        return
    yield f"   {symbol}{said}{after}, {_shape(array.shape)}:"
    yield from (f"      {line}" for line in shown_array(array))


def shown_array(array: np.ndarray[Any, Any]) -> list[str]:
    """The numbers of an array with at least one dimension in lines and columns, rounded to 6 digits.

    >>> shown_array(np.array([[1.0, -0.5], [1 / 3, 2e-7]]))
    ['       1      -0.5', '0.333333     2e-07']
    """
    if not array.size:
        return ["empty"]
    is_cut = array.size > WHOLE
    outer = array.shape[:-2]
    rows = CORNER if is_cut else None
    matrices = {place: array[place] for place in np.ndindex(*(1 if is_cut else size for size in outer))}
    if array.ndim == 1:
        matrices = {(): array[np.newaxis]}
    cut = {place: [[_exact(x) for x in line[:WHOLE]] for line in matrix[:rows]] for place, matrix in matrices.items()}
    width = max(len(text) for matrix in cut.values() for line in matrix for text in line)
    columns = max(1, LINE // (width + 2))
    lines = []
    for place, matrix in cut.items():
        if outer:
            lines.append(f"[{', '.join(map(str, place))}]")
        if array.ndim == 1:  # it goes on in the next line
            (numbers,) = matrix
            matrix = [numbers[at : at + columns] for at in range(0, len(numbers), columns)]
        for line in matrix:
            more = "  ..." if len(line) > columns else ""
            lines.append("  ".join(text.rjust(width) for text in line[:columns]) + more)
        if len(matrices[place]) > len(cut[place]):
            lines.append("...".rjust(width))
    if (is_cut and math.prod(outer) > 1) or (array.ndim == 1 and is_cut):
        lines.append("...")
    return lines


def _exact(number: Any) -> str:
    if isinstance(number, (np.floating, float)):
        return f"{float(number) + 0.0:.6g}"  # no -0
    return f"{number:.6g}" if isinstance(number, np.complexfloating) else str(number)


def _origin(part: Part) -> str:
    return f"{part.name}, cut off" if part.is_detached else part.name


# --- formulas -------------------------------------------------------------------------------------------------------


def _symbols(row: Forward | Backward) -> list[str | None]:
    """A letter for each input, as in books; a number stands for itself, None for an input that is not there."""
    operation = row.operation
    count = len(operation.inputs)
    names: list[str | None] = [] if operation.primitive is None else list(default_names(operation.primitive))
    if len(names) != count:
        names = ["x"] if count == 1 else [f"x{index}" for index in range(1, count + 1)]
    if names == ["x1", "x2"] and row.inputs[1].name == "targets":
        names = ["x", "t"]
    symbols = [LETTERS.get(name or "", name) for name in names]
    values = [one.value for one in operation.inputs]
    return [
        None if value is None else f"{value:g}" if isinstance(value, (int, float)) else symbol
        for symbol, value in zip(symbols, values, strict=True)
    ]


def _symbols_told(row: Forward) -> list[str]:
    """What `x1` and `x2` are, which tell nothing by themselves; of a single number its value."""
    told = [
        f"{symbol} = {_exact(part.value[()]) if part.is_constant_number else part.name}"
        for symbol, part in zip(_symbols(row), row.inputs, strict=True)
        if part.is_array and symbol in ("x1", "x2")
    ]
    return [", ".join(told)] if told else []


def _is_number(symbol: str) -> bool:
    try:
        float(symbol)
    except ValueError:
        return False
    return True


def _formula(row: Forward | Backward) -> Formula | None:
    """What the table says of an operation; None of a user's own function."""
    operation = row.operation
    return None if operation.primitive is None else formulas(operation.primitive, _symbols(row), _settings(operation))


def _backward_formula(row: Backward) -> Formula | None:
    """The same, with the sum that the engine adds where an input was stretched to the shape of the result."""
    found, operation = _formula(row), row.operation
    if found is not None and operation.outputs and len(found.derivatives) == len(operation.inputs) == 2:
        result = operation.outputs[0].shape
        for index, (text, one) in enumerate(zip(found.derivatives, operation.inputs, strict=True)):
            shape = np.shape(one.value)
            if text and "Σ" not in text and _is_stretched(shape, result):
                left, _, right = text.partition(" = ")
                found.derivatives[index] = f"{left} = Σ({right}) over what was stretched from {_shape(shape)}"
    return found


def _is_stretched(shape: tuple[int, ...], result: tuple[int, ...]) -> bool:
    try:
        return shape != result and np.broadcast_shapes(shape, result) == result
    except ValueError:
        return False


def _settings(operation: Operation) -> dict[str, Any]:
    """The options that a formula shows as values: numbers and words, and what is not there."""
    plain = (bool, int, float, str, type(None))
    return {name: one for name, one in operation.options.items() if isinstance(one, plain)}


def _forward_formula(row: Forward) -> list[str]:
    found = _formula(row)
    if found is None:
        return [_own(row.operation)]
    return [found.forward, *found.forward_where] if found.forward else []


def _derivative_formulas(row: Backward) -> list[str]:
    """The derivatives by those inputs that a gradient goes to."""
    found = _backward_formula(row)
    if found is None:
        return [_own(row.operation)]
    derivatives = [text for text, part in zip(found.derivatives, row.by_input, strict=False) if text and part]
    return derivatives + found.backward_where


def _own(operation: Operation) -> str:
    return f"own function {operation.name}: its forward and backward are in its class, not in the table of operations"


# --- numbers --------------------------------------------------------------------------------------------------------


def _number(value: float) -> str:
    return f"{value + 0.0:.3g}"


def _share(share: float) -> str:
    """A share as a percentage; never rounded to none or all if it is not.

    >>> _share(0.0), _share(0.25), _share(0.9999), _share(1.0)
    ('0', '25%', '>99%', '100%')
    """
    if math.isnan(share):
        return "-"
    if 0 < share < 0.01:
        return "<1%"
    if 0.99 < share < 1:
        return ">99%"
    return f"{100 * share:.0f}%" if share else "0"


def _time(seconds: float) -> str:
    """A short time.

    >>> _time(0.00012), _time(0.0042), _time(0.0999), _time(1.5)
    ('0.12 ms', '4.2 ms', '100 ms', '1.5 s')
    """
    if seconds >= 1:
        return f"{seconds:.3g} s"
    return f"{1000 * seconds:.2g} ms" if seconds < 0.01 else f"{1000 * seconds:.0f} ms"


def _say(line: str) -> None:
    """Print a line, with signs that the terminal has."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        line.encode(encoding)
    except UnicodeEncodeError:
        line = to_ascii(line).encode(encoding, "backslashreplace").decode(encoding)
    print(line)
