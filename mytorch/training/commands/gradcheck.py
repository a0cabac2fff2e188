"""`mytorch gradcheck`: whether the gradients of a config's or a run's model are right, and whose fault it is if not."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from mytorch.training.commands.step_bar import step_bar
from mytorch.training.console import print_folded, print_json, print_table
from mytorch.training.errors import RunFailed, some
from mytorch.training.inspection.differences import ArrayCheck, Element
from mytorch.training.inspection.gradient_check import GradientCheck, LayerCheck, check_gradients
from mytorch.training.inspection.target import Target, open_target

MOST_TOLD = 4  # sentences of a kind
WORDS = {
    "hidden": "too small to tell",
    "wrong": "WRONG",
    "no gradient": "NO GRADIENT",
    "nothing to check": "not checked",
}


def gradcheck(
    name: str,
    overrides: list[str],
    *,
    runs_dir: Path,
    step: int | None = None,
    split: str | None = None,
    rows: int = 8,
    checkpoint: str | None = None,
    samples: int = 20,
    seed: int = 0,
    json: bool = False,
) -> None:
    """Check the gradients on one batch of a config or a run; print a table of them, and what is wrong.

    Raises:
        UserError: there is no such target.
        RunFailed: a gradient is wrong, or nothing can be checked.
    """
    target = open_target(name, overrides, runs_dir=runs_dir, step=step, split=split, rows=rows, which=checkpoint)
    began = time.perf_counter()
    with step_bar("checking gradients", shown=not json) as tell:
        found = check_gradients(target, samples, seed, tell)
    if json:
        print_json(_to_data(target, found) | {"seconds": round(time.perf_counter() - began, 3)})
    else:
        _print(target, found)
    if not found.passed:
        raise RunFailed(_verdict(found))


def _verdict(found: GradientCheck) -> str:
    causes = " and ".join(layer.call.title for layer in found.layers)
    if not found.wrong:
        return f"a derivative within {causes} is wrong, although no gradient of this batch shows it"
    count, of_all = len(found.wrong), len(found.arrays)
    return f"{count} of {of_all} gradients {'is' if count == 1 else 'are'} wrong" + (
        f", because of {causes}" if causes else ""
    )


# --- for people -----------------------------------------------------------------------------------------------------


def _print(target: Target, found: GradientCheck) -> None:
    rows = f"{target.rows} row{'s' if target.rows > 1 else ''}"
    computed = f"loss {found.loss:.6g}, computed in {'float32' if found.refusal else 'float64'}"
    print_folded(f"{target.about}: {rows}, {computed}", indent="  ")
    for remark in target.remarks():
        print(remark)
    print()
    lines = [_cells(array) for array in found.arrays]
    lines += [[name, "", "", "", f"not checked: {reason}"] for name, reason in found.not_checked.items()]
    print_table(["tensor", "shape", "checked", "error", "verdict"], lines, right=(3,))
    print()
    for sentence in _sentences(found):
        print_folded(sentence, indent="  ")


def _cells(array: ArrayCheck) -> list[str]:
    size = math.prod(array.shape)
    checked = f"{len(array.elements)} of {size:,}" if array.elements else "-"
    kinks = len(array.judged("kink", "jump"))
    verdict = WORDS.get(array.verdict, array.verdict)
    if array.verdict == "kink":
        verdict = f"ok, {kinks} at kinks"
    error = "" if array.error is None or array.verdict in ("no gradient", "unused", "hidden") else f"{array.error:.1e}"
    return [array.name, str(array.shape), checked, error, verdict]


def _sentences(found: GradientCheck) -> list[str]:
    coarse = f"differences are coarse then, and errors up to {found.precision.tolerance:g} let pass"
    told = [_of_layer(layer) for layer in found.layers]
    told += _some([_of_array(array) for array in found.wrong], "wrong gradients")
    if found.wrong and not found.layers:
        told.append(
            "each layer, and the loss, is right when it is called alone: look at what the model does between them"
        )
    if found.refusal:
        told.append(f"the model cannot compute in float64: {found.refusal}; {coarse}")
    told += [f"{title} computes in float32 although its inputs are float64: {coarse}" for title in found.single]
    kinks = [(array, one) for array in found.arrays for one in array.judged("kink", "jump")]
    told += _some([_of_kink(array, one) for array, one in kinks], "kinks")
    told += _some([_of_array(array) for array in found.arrays if array.verdict == "unused"], "such tensors")
    if hidden := [array.name for array in found.arrays if array.verdict == "hidden"]:
        told.append(
            f"{some(hidden, MOST_TOLD)}: the derivatives are so small that rounding of the loss hides whether they are "
            "right; what is known of them is that each layer alone is"
        )
    if found.passed:
        right = [array for array in found.arrays if array.verdict in ("ok", "kink")]
        largest = max((array.error or 0.0 for array in right), default=0.0)
        told.append(
            f"{len(right)} gradients agree with finite differences; the largest relative error is {largest:.1e}, where "
            f"{found.precision.tolerance:g} is allowed"
        )
        told.append(f"each layer and the loss agree as well when called alone ({found.layer_calls} calls)")
    return told


def _some(sentences: list[str], what: str) -> list[str]:
    if len(sentences) <= MOST_TOLD:
        return sentences
    return [*sentences[: MOST_TOLD - 1], f"and {len(sentences) - MOST_TOLD + 1} more {what}"]


def _called(array: ArrayCheck, element: Element) -> str:
    """An element as Python would name it: `0.weight[3, 1]`."""
    return f"{array.name}[{', '.join(map(str, element.index))}]" if element.index else array.name


def _of_kink(array: ArrayCheck, one: Element) -> str:
    if one.judgement == "jump":
        return f"at {_called(array, one)} the loss jumps, so it has no derivative there; beside it, it is right"
    low, high = sorted((one.left, one.right))
    slopes = f"the slope is {one.left:.6g} to the left and {one.right:.6g} to the right"
    if low <= one.autograd <= high:
        return f"kink at {_called(array, one)}: {slopes}; autograd says {one.autograd:.6g}, which is between them"
    return f"kink at {_called(array, one)}: {slopes}; autograd says {one.autograd:.6g}, and is right beside it"


def _of_array(array: ArrayCheck) -> str:
    if array.verdict == "unused":
        return f"{array.name}: no gradient arrives, and the loss does not depend on it"
    worst = array.worst
    assert worst is not None
    at = f"{_called(array, worst)} has {worst.differences:.6g}"
    if array.verdict == "no gradient":
        return f"{array.name}: no gradient arrives although the loss depends on it: {at} by finite differences"
    return (
        f"{array.name} is wrong: {at} by finite differences, {worst.autograd:.6g} by autograd "
        f"({len(array.judged('wrong'))} of {len(array.elements)} that were checked are wrong)"
    )


def _of_layer(layer: LayerCheck) -> str:
    array, worst = layer.array, layer.array.worst
    assert worst is not None
    does = [f"applies {' and '.join(layer.functions)}"] if layer.functions else []
    does += [f"detaches what goes into {' and '.join(layer.cuts)}"] if layer.cuts else []
    which = f", which {' and '.join(does)}" if does else ""
    told = f"the mistake is in {layer.call.title}{which}, as is seen when it is called alone: "
    at = f"{_called(array, worst)} has {worst.differences:.6g} by finite differences"
    if array.verdict == "no gradient":
        why = "" if does else "; is something detached, or computed without autograd?"
        return f"{told}no gradient arrives at its {array.name} although its output depends on it: {at}{why}"
    return f"{told}{at}, {worst.autograd:.6g} by autograd (of a sum of its outputs, each times a random number)"


# --- for programs ---------------------------------------------------------------------------------------------------


def _to_data(target: Target, found: GradientCheck) -> dict[str, Any]:
    return {
        "about": target.about,
        "rows": target.rows,
        "loss": found.loss,
        "passed": found.passed,
        "precision": found.precision.name,
        "tolerance": found.precision.tolerance,
        "float64_refused": found.refusal,
        "layers_in_float32": found.single,
        "tensors": [_array_data(array) for array in found.arrays],
        "not_checked": found.not_checked,
        "layer_calls": found.layer_calls,
        "wrong_layers": [
            {
                "layer": layer.call.name,
                "type": type(layer.call.module).__name__,
                "functions": layer.functions,
                "cuts": layer.cuts,
                **_array_data(layer.array),
            }
            for layer in found.layers
        ],
    }


def _array_data(array: ArrayCheck) -> dict[str, Any]:
    return {
        "tensor": array.name,
        "shape": list(array.shape),
        "checked": len(array.elements),
        "error": array.error,
        "verdict": array.verdict,
        "kinks": [_element_data(one) for one in array.judged("kink", "jump")],
        "wrong": [_element_data(one) for one in array.judged("wrong")],
    }


def _element_data(one: Element) -> dict[str, Any]:
    return {
        "index": list(one.index),
        "autograd": one.autograd,
        "differences": one.differences,
        "left": one.left,
        "right": one.right,
        "judgement": one.judgement,
    }
