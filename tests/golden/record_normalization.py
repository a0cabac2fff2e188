"""Records what PyTorch's normalizations do: `python tests/golden/record_normalization.py`.

Each case is written once for both libraries and gets `torch` (or `mytorch` in its place). Tests without PyTorch compare
with `normalization.npz` and `normalization.json`; those in tests/parity run the same cases with the live PyTorch.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ARRAYS = Path(__file__).with_name("normalization.npz")
TEXTS = Path(__file__).with_name("normalization.json")

_random = np.random.default_rng(20240417)


def normals(*shape: int) -> np.ndarray:
    return np.round(_random.standard_normal(shape) * 2 + 0.5, 3)


Case = tuple[Callable[..., Any], tuple[np.ndarray, ...]]


def _case(name: str, *shapes: tuple[int, ...], **options: Any) -> Case:
    """A function of an input and, as far as shapes are given, weight and bias."""

    def run(torch: Any, x: Any, *parameters: Any) -> Any:
        named = dict(zip(("weight", "bias"), parameters, strict=False))
        return getattr(torch.nn.functional, name)(x, **named, **options)

    return run, tuple(normals(*shape) for shape in shapes)


def _evaluated(name: str, x: tuple[int, ...], **options: Any) -> Case:
    """With given running mean and variance, and weight and bias."""

    def run(torch: Any, x: Any, w: Any, b: Any) -> Any:
        mean = torch.tensor(np.cos(np.arange(w.shape[0])).tolist(), dtype=x.dtype)
        function = getattr(torch.nn.functional, name)
        return function(x, mean, mean * mean + 0.5, w, b, **options)

    return run, (normals(*x), normals(x[1]), normals(x[1]))


_BATCH = {"running_mean": None, "running_var": None, "training": True}

CASES: dict[str, Case] = {
    "batch features": _case("batch_norm", (6, 3), (3,), (3,), **_BATCH),
    "batch features many": _case("batch_norm", (40, 2), (2,), (2,), **_BATCH),
    "batch two rows": _case("batch_norm", (2, 3), (3,), **_BATCH, eps=0.1),
    "batch sequences": _case("batch_norm", (4, 3, 5), (3,), (3,), **_BATCH),
    "batch images": _case("batch_norm", (3, 2, 4, 3), (2,), (2,), **_BATCH),
    "batch images no bias": _case("batch_norm", (3, 2, 4, 3), (2,), **_BATCH),
    "batch images plain": _case("batch_norm", (16, 2, 2, 2), **_BATCH),
    "batch one image": _case("batch_norm", (1, 3, 3, 3), (3,), (3,), **_BATCH),
    "batch volumes": _case("batch_norm", (2, 3, 2, 2, 2), (3,), (3,), **_BATCH),
    "batch evaluated": _evaluated("batch_norm", (4, 3)),
    "batch images evaluated": _evaluated("batch_norm", (2, 3, 4, 2), eps=1e-3),
    "instance sequences": _case("instance_norm", (3, 2, 5)),
    "instance images": _case("instance_norm", (2, 3, 3, 4), (3,), (3,), eps=0.01),
    "instance volumes": _case("instance_norm", (2, 2, 2, 3, 2), (2,)),
    "instance evaluated": _evaluated("instance_norm", (2, 3, 4), use_input_stats=False),
    "group features": _case("group_norm", (3, 6), (6,), (6,), num_groups=2),
    "group images": _case("group_norm", (2, 6, 3, 2), (6,), (6,), num_groups=3, eps=0.01),
    "group one": _case("group_norm", (2, 4, 3), (4,), num_groups=1),
    "group each": _case("group_norm", (2, 4, 3), num_groups=4),
    "layer": _case("layer_norm", (5, 4), (4,), (4,), normalized_shape=[4]),
    "layer 3-d": _case("layer_norm", (8, 3, 4), (4,), (4,), normalized_shape=(4,), eps=0.1),
    "layer two dimensions": _case("layer_norm", (5, 3, 4), (3, 4), (3, 4), normalized_shape=[3, 4]),
    "layer weight": _case("layer_norm", (2, 3, 4), (4,), normalized_shape=[4]),
    "layer plain": _case("layer_norm", (2, 3, 4), normalized_shape=[3, 4]),
    "layer vector": _case("layer_norm", (7,), (7,), (7,), normalized_shape=[7]),
    "rms": _case("rms_norm", (5, 4), (4,), normalized_shape=[4]),
    "rms two dimensions": _case("rms_norm", (2, 3, 4), (3, 4), normalized_shape=[3, 4], eps=0.1),
    "rms plain": _case("rms_norm", (5, 4), normalized_shape=[4]),
    "local response": _case("local_response_norm", (2, 5, 3), size=3, alpha=0.5),
    "local response even": _case("local_response_norm", (2, 5, 2, 2), size=4, alpha=0.5, beta=0.5, k=2.0),
    "local response wide": _case("local_response_norm", (1, 2, 3), size=7, alpha=1.0),
    "normalize": _case("normalize", (4, 3)),
    "normalize dim": _case("normalize", (2, 3, 4), p=3.0, dim=-1),
    "normalize dims": _case("normalize", (2, 3, 4), dim=(0, 2)),
    "normalize eps": _case("normalize", (4, 3), eps=4.0),
}  # fmt: skip


def wave(x: np.ndarray, phase: float) -> np.ndarray:
    """Factors of the shape and type of x, no two alike."""
    return np.cos(phase + np.arange(x.size)).reshape(x.shape).astype(x.dtype)


def derivatives(torch: Any, case: Case, dtype: str = "float64", arrange: Any = np.array) -> list[np.ndarray]:
    """The result, its gradients, and those of a weighted sum of the gradients; `arrange` puts the input into memory."""
    function, arrays = case
    x, *others = [a.astype(dtype) for a in arrays]
    inputs = [torch.from_numpy(a).requires_grad_() for a in (arrange(x), *others)]
    out = function(torch, *inputs)
    g = torch.from_numpy(wave(out.detach().numpy(), 1.0)).requires_grad_()
    first = torch.autograd.grad(out, inputs, g, create_graph=True)
    weighed = [(v * torch.from_numpy(wave(v.detach().numpy(), 2.0))).sum() for v in first]
    second = torch.autograd.grad(sum(weighed), [*inputs, g], allow_unused=True)
    found = [out, *first, *second]
    return [np.zeros(()) if v is None else np.array(v.detach().numpy()) for v in found]


# --- layers that learn statistics -----------------------------------------------------------------------------------

STORIES: dict[str, tuple[str, tuple[int, ...]]] = {
    "batch": ("BatchNorm1d(3)", (5, 3)),
    "batch momentum": ("BatchNorm2d(3, momentum=0.3, eps=0.01)", (4, 3, 2, 3)),
    "batch cumulative": ("BatchNorm1d(3, momentum=None)", (4, 3, 2)),
    "batch still": ("BatchNorm3d(3, momentum=0.0, bias=False)", (2, 3, 2, 1, 2)),
    "batch untracked": ("BatchNorm1d(3, track_running_stats=False)", (5, 3)),
    "batch plain": ("BatchNorm2d(3, affine=False)", (4, 3, 2, 2)),
    "instance": ("InstanceNorm1d(3, affine=True, track_running_stats=True)", (4, 3, 5)),
    "instance one": ("InstanceNorm2d(3, track_running_stats=True, momentum=0.5)", (3, 2, 4)),
    "instance cumulative": ("InstanceNorm2d(3, track_running_stats=True, momentum=None)", (2, 3, 2, 2)),
}


def story(torch: Any, name: str) -> dict[str, np.ndarray]:
    """Three training steps, a look in evaluation, and one more step: results, weights' gradients and state."""
    text, shape = STORIES[name]
    layer = eval(f"nn.{text}", {"nn": torch.nn}).double()
    found = {}
    for step in range(5):
        layer.train(step != 3)
        x = torch.from_numpy(wave(np.zeros(shape), step) * (step + 1) + step)
        out = layer(x)
        found[f"out {step}"] = np.array(out.detach().numpy())
        if out.requires_grad:
            layer.zero_grad()
            (out * torch.from_numpy(wave(np.zeros(shape), 0.5))).sum().backward()
            with torch.no_grad():
                for p in layer.parameters():
                    p -= 0.1 * p.grad
        found |= {f"{key} {step}": np.array(v.numpy()) for key, v in layer.state_dict().items()}
    return found


# --- texts ----------------------------------------------------------------------------------------------------------

LAYERS = (
    "BatchNorm1d(3)", "BatchNorm2d(3, 1e-3, None, False)", "BatchNorm3d(3, track_running_stats=False, bias=False)",
    "BatchNorm1d(0)", "InstanceNorm1d(3)", "InstanceNorm2d(3, affine=True, track_running_stats=True)",
    "InstanceNorm3d(2, affine=True, bias=False)", "GroupNorm(2, 4)", "GroupNorm(2, 4, 1e-3, affine=False)",
    "GroupNorm(2, 4, bias=False)", "LayerNorm(3)", "LayerNorm([2, 3], bias=False)", "LayerNorm((2, 3), 1e-3)",
    "LayerNorm(3, elementwise_affine=False)", "RMSNorm(3)", "RMSNorm((2, 3), eps=1e-6, elementwise_affine=False)",
    "LocalResponseNorm(2)", "LocalResponseNorm(2, 1, 0.5, 2)", "BatchNorm1d(2, dtype=torch.float64)",
)  # fmt: skip

# Each is an expression with z for zeros, o for ones, F and nn.
ERRORS = (
    "F.batch_norm(z(2, 3, dtype=torch.int64), None, None, training=True)",
    "F.batch_norm(z(1, 3), None, None, training=True)",
    "F.batch_norm(z(1, 3, 1, 1), None, None, training=True)",
    "F.batch_norm(z(2, 3), None, None)",
    "F.batch_norm(z(2, 3), z(3), None)",
    "F.batch_norm(z(2, 3), z(4), o(4))",
    "F.batch_norm(z(2, 3), z(4), o(4), training=True)",
    "F.batch_norm(z(2, 3), z(3), o(4), training=True)",
    "F.batch_norm(z(2, 3), z(3), o(3), z(2))",
    "F.batch_norm(z(2, 3), z(3), o(3), z(3), z(2))",
    "F.batch_norm(z(2, 3), z(3), None, training=True)",
    "F.batch_norm(z(2, 3), None, z(3), training=True)",
    "F.batch_norm(z(3), None, None, training=True)",
    "F.batch_norm(z(2, 3), z(3), o(3), eps=-1.0)",
    "F.batch_norm(z(2, 3), z(3), o(3), training=True, eps=0.0)",
    "F.batch_norm(z(2, 3), z(3), o(3), z(3, dtype=torch.float64))",
    "F.batch_norm(z(2, 3).double(), z(3), o(3), training=True)",
    "F.layer_norm(z(2, 3, dtype=torch.int64), (3,))",
    "F.layer_norm(z(2, 3), (4,))",
    "F.layer_norm(z(2, 3), (2, 3, 4))",
    "F.layer_norm(z(2, 3), ())",
    "F.layer_norm(z(2, 3), 3)",
    "F.layer_norm(z(2, 3), [3], z(4))",
    "F.layer_norm(z(2, 3), [3], z(3), z(4))",
    "F.layer_norm(z(2, 3), [3], z(3).double())",
    "F.layer_norm(z(2, 3).double(), [3], z(3))",
    "F.layer_norm(z(()), [1])",
    "F.group_norm(z(2, 4, dtype=torch.int64), 2)",
    "F.group_norm(z(2, 4), 3)",
    "F.group_norm(z(4), 2)",
    "F.group_norm(z(2, 4), 2, z(3))",
    "F.group_norm(z(2, 4), -1)",
    "F.group_norm(z(1, 4), 4)",
    "F.group_norm(z(1, 1, 1), 1)",
    "F.group_norm(z(2, 4), 2, z(4).double())",
    "F.instance_norm(z(2, 3))",
    "F.instance_norm(z(2, 3, 1))",
    "F.instance_norm(z(2, 3, 4, dtype=torch.int64))",
    "F.instance_norm(z(2, 3, 4), weight=z(2))",
    "F.instance_norm(z(2, 3, 4), z(2), z(2))",
    "F.instance_norm(z(2, 3, 4), use_input_stats=False)",
    "F.instance_norm(z(2, 3, 4), z(3), None)",
    "F.rms_norm(z(2, 3), (4,))",
    "F.rms_norm(z(2, 3), ())",
    "F.rms_norm(z(2, 3), 3)",
    "F.rms_norm(z(2, 3), [3], z(4))",
    "F.rms_norm(z(2, 3, dtype=torch.int64), [3])",
    "F.normalize(z(3))",
    "F.normalize(z(2, 3), dim=3)",
    "nn.BatchNorm1d(3)(z(2, 3, 4, 5))",
    "nn.BatchNorm2d(3)(z(2, 3, 4))",
    "nn.BatchNorm3d(3)(z(2, 3, 4))",
    "nn.BatchNorm2d(3)(z(2, 4, 4, 4))",
    "nn.BatchNorm2d(3).eval()(z(2, 4, 4, 4))",
    "nn.BatchNorm1d(3)(z(1, 3))",
    "nn.InstanceNorm1d(3)(z(3))",
    "nn.InstanceNorm1d(3, affine=True)(z(2, 4, 5))",
    "nn.InstanceNorm2d(3, affine=True)(z(4, 5, 5))",
    "nn.InstanceNorm2d(3)(z(3, 4))",
    "nn.InstanceNorm3d(3)(z(3, 4))",
    "nn.GroupNorm(3, 4)",
    "nn.GroupNorm(2, 4)(z(2, 6, 3))",
    "nn.LayerNorm(3)(z(2, 4))",
    "nn.LayerNorm(3)(z(2, 3, dtype=torch.float64))",
    "nn.RMSNorm(3)(z(2, 4))",
)
WARNINGS = ("nn.InstanceNorm1d(3)(z(2, 4, 5))", "nn.InstanceNorm2d(3)(z(4, 5, 5))")


def build(torch: Any, layer: str) -> Any:
    return eval(f"nn.{layer}", {"torch": torch, "nn": torch.nn})


def run(torch: Any, text: str) -> Any:
    return eval(text, {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "z": torch.zeros, "o": torch.ones})


def error_of(torch: Any, text: str) -> list[str]:
    try:
        run(torch, text)
    except Exception as error:
        return [type(error).__name__, str(error)]
    raise AssertionError(f"{text} raised nothing")


def warnings_of(torch: Any, text: str) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run(torch, text)
    return [one for w in caught for one in (w.category.__name__, str(w.message))]


def state_of(layer: Any) -> dict[str, list[Any]]:
    return {k: [list(v.shape), str(v.dtype), v.sum().item()] for k, v in layer.state_dict().items()}


def record() -> None:
    import torch

    arrays = {f"{name}/{i}": v for name, case in CASES.items() for i, v in enumerate(derivatives(torch, case))}
    arrays |= {f"{name}/{key}": v for name in STORIES for key, v in story(torch, name).items()}
    np.savez_compressed(ARRAYS, **arrays)
    texts = {
        "reprs": {layer: repr(build(torch, layer)) for layer in LAYERS},
        "states": {layer: state_of(build(torch, layer)) for layer in LAYERS},
        "errors": {text: error_of(torch, text) for text in ERRORS},
        "warnings": {text: warnings_of(torch, text) for text in WARNINGS},
    }
    TEXTS.write_text(json.dumps(texts, indent=1) + "\n")
    print(f"{len(arrays)} arrays, {sum(map(len, texts.values()))} texts")


if __name__ == "__main__":
    record()
