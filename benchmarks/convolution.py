"""Convolution, pooling and batch norm layer by layer beside PyTorch, each part of the work by itself.

    python benchmarks/convolution.py [--runs N] [--threads N] [--only WORDS] [--json]

The shapes are those of LeNet-5, ResNet-20, a 64-channel layer on 32x32 images, and one of each other kind: strided,
dilated, grouped, depthwise, in one and three dimensions. A layer's output, the gradient of its input and that of its
weight are timed apart, without either library's engine: our table's kernels beside the functions of `torch.ops.aten`,
in turn, A B A B ..., in one process on float32. Results are compared before anything is timed. Each library gets its
images as its own layers leave them in memory: PyTorch's channels first, ours channels last (but the first layer's
input, which comes from data). Printed are medians of the threads' own time (of wall-clock time with several threads)
in milliseconds and the ratios (PyTorch's time / ours: above 1 we are faster). Needs the `bench` extra.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import mytorch  # noqa: I001 - it sets up BLAS before NumPy is loaded
import numpy as np
import torch

from benchmarks.report import conditions, environment
from mytorch.autograd.primitive import TABLE
from mytorch.ops.windows import Geometry, channels_first, channels_last

aten = torch.ops.aten


class Layer(NamedTuple):
    """A convolution: images (batch, channels, *space), the number of output channels, the kernel."""

    images: tuple[int, ...]
    outputs: int
    kernel: int
    padding: int = 0
    stride: int = 1
    dilation: int = 1
    groups: int = 1


LAYERS = {
    "cnn 1-16, 3x3, 28x28": Layer((64, 1, 28, 28), 16, 3),
    "cnn 16-32, 3x3, 13x13": Layer((64, 16, 13, 13), 32, 3),
    "lenet 1-6, 5x5, 28x28": Layer((64, 1, 28, 28), 6, 5, padding=2),
    "lenet 6-16, 5x5, 14x14": Layer((64, 6, 14, 14), 16, 5),
    "two layers 1-20, 5x5, 28x28": Layer((64, 1, 28, 28), 20, 5),
    "two layers 20-20, 5x5, 24x24": Layer((64, 20, 24, 24), 20, 5),
    "resnet 3-16, 3x3, 32x32": Layer((64, 3, 32, 32), 16, 3, padding=1),
    "resnet 16-16, 3x3, 32x32": Layer((64, 16, 32, 32), 16, 3, padding=1),
    "resnet 16-32, 3x3, stride 2": Layer((64, 16, 32, 32), 32, 3, padding=1, stride=2),
    "resnet 16-32, 1x1, stride 2": Layer((64, 16, 32, 32), 32, 1, stride=2),
    "resnet 32-32, 3x3, 16x16": Layer((64, 32, 16, 16), 32, 3, padding=1),
    "resnet 32-64, 3x3, stride 2": Layer((64, 32, 16, 16), 64, 3, padding=1, stride=2),
    "resnet 64-64, 3x3, 8x8": Layer((64, 64, 8, 8), 64, 3, padding=1),
    "wide 64-64, 3x3, 32x32": Layer((16, 64, 32, 32), 64, 3, padding=1),
    "wide 64-64, 1x1, 32x32": Layer((16, 64, 32, 32), 64, 1),
    "dilated 16-16, 3x3, 32x32": Layer((64, 16, 32, 32), 16, 3, padding=2, dilation=2),
    "grouped by 4, 64-64, 3x3, 32x32": Layer((16, 64, 32, 32), 64, 3, padding=1, groups=4),
    "depthwise 32, 3x3, 32x32": Layer((16, 32, 32, 32), 32, 3, padding=1, groups=32),
    "depthwise 64, 3x3, stride 2": Layer((16, 64, 32, 32), 64, 3, padding=1, stride=2, groups=64),
    "depthwise 96, 5x5, 16x16": Layer((16, 96, 16, 16), 96, 5, padding=2, groups=96),
    "1-d 32-64, 5, 512": Layer((32, 32, 512), 64, 5, padding=2),
    "3-d 8-16, 3x3x3, 16x16x16": Layer((8, 8, 16, 16, 16), 16, 3, padding=1),
}


# Images, kernel, stride, padding.
POOLING = (
    ((64, 16, 26, 26), 2, 2, 0),
    ((64, 20, 24, 24), 2, 2, 0),
    ((64, 32, 32, 32), 2, 2, 0),
    ((64, 32, 32, 32), 3, 2, 1),
)


class Part(NamedTuple):
    """One row: the same work on both sides."""

    name: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]


def lay(x: Any) -> Any:
    """The same images with the channels last in memory."""
    return channels_first(np.ascontiguousarray(channels_last(x)))


def layer_parts(name: str, layer: Layer) -> Iterator[Part]:
    """Output, gradient of the input and gradient of the weight of one convolution."""
    dims = len(layer.images) - 2
    random = np.random.default_rng(0)
    x = random.standard_normal(layer.images).astype(np.float32)
    w_shape = (layer.outputs, layer.images[1] // layer.groups, *[layer.kernel] * dims)
    w = (random.standard_normal(w_shape) / np.sqrt(np.prod(w_shape[1:]))).astype(np.float32)
    b = random.standard_normal(layer.outputs).astype(np.float32)
    stride, padding, dilation = ([n] * dims for n in (layer.stride, layer.padding, layer.dilation))
    tx, tw, tb = (torch.from_numpy(v) for v in (x, w, b))
    ty = aten.convolution(tx, tw, tb, stride, padding, dilation, False, [0] * dims, layer.groups)
    tg = torch.from_numpy(random.standard_normal(tuple(ty.shape)).astype(np.float32))

    def backward(*mask: bool) -> Any:
        found = aten.convolution_backward(
            tg, tx, tw, [layer.outputs], stride, padding, dilation, False, [0] * dims, layer.groups, mask
        )
        return found[mask.index(True)]

    geometry = Geometry(tuple(stride), tuple(padding), tuple(dilation))
    from_data = layer.images[1] in (1, 3)
    ours = x if from_data else lay(x)
    g = lay(tg.numpy())
    yield Part(
        f"{name}: forward",
        lambda: TABLE["convolution"].kernel(ours, w, b, tuple(ty.shape[2:]), geometry, layer.groups),
        lambda: aten.convolution(tx, tw, tb, stride, padding, dilation, False, [0] * dims, layer.groups),
    )
    if not from_data:
        yield Part(
            f"{name}: input gradient",
            lambda: TABLE["convolution_back"].kernel(g, w, None, layer.images[2:], geometry, layer.groups),
            lambda: backward(True, False, False),
        )
    yield Part(
        f"{name}: weight gradient",
        lambda: TABLE["convolution_kernel"].kernel(ours, g, w_shape[2:], geometry, layer.groups),
        lambda: backward(False, True, False),
    )


def pooling_parts(images: tuple[int, ...], kernel: int, stride: int, padding: int) -> Iterator[Part]:
    """Max and average pooling, forward and backward."""
    x = np.random.default_rng(0).standard_normal(images).astype(np.float32)
    tx, ours = torch.from_numpy(x), lay(x)
    window = [kernel] * 2, [stride] * 2, [padding] * 2
    k, geometry = (kernel,) * 2, Geometry((stride,) * 2, (padding,) * 2, (1, 1))
    ty, ti = aten.max_pool2d_with_indices(tx, *window)
    sizes = tuple(ty.shape[2:])
    tg = torch.from_numpy(np.random.default_rng(1).standard_normal(tuple(ty.shape)).astype(np.float32))
    g, y = lay(tg.numpy()), lay(ty.numpy())
    what = f"{kernel}x{kernel}, stride {stride}, {images[1]} of {images[2]}x{images[2]}"
    yield Part(
        f"max pool {what}: forward",
        lambda: TABLE["max_pool"].kernel(ours, sizes, k, geometry),
        lambda: aten.max_pool2d_with_indices(tx, *window)[0],
    )
    yield Part(
        f"max pool {what}: backward",
        lambda: TABLE["max_pool_back"].kernel(g, ours, y, k, geometry),
        lambda: aten.max_pool2d_with_indices_backward(tg, tx, *window, [1, 1], False, ti),
    )
    yield Part(
        f"average pool {what}: forward",
        lambda: TABLE["avg_pool"].kernel(ours, sizes, k, geometry, True, None),
        lambda: aten.avg_pool2d(tx, *window),
    )
    yield Part(
        f"average pool {what}: backward",
        lambda: TABLE["avg_pool_back"].kernel(g, images[2:], k, geometry, True, None),
        lambda: aten.avg_pool2d_backward(tg, tx, *window, False, True, None),
    )


def layer_by_layer_parts() -> Iterator[Part]:
    """What stands between convolutions, with autograd: forward and backward of one layer, as users call it."""
    x = np.random.default_rng(0).standard_normal((64, 32, 32, 32)).astype(np.float32)
    layers: tuple[tuple[str, Callable[[Any], Any]], ...] = (
        ("relu", lambda library: library.nn.ReLU()),
        ("batch norm", lambda library: library.nn.BatchNorm2d(32)),
        ("adaptive average pool to 1x1", lambda library: library.nn.AdaptiveAvgPool2d(1)),
        ("adaptive average pool to 7x7", lambda library: library.nn.AdaptiveAvgPool2d(7)),
        ("adaptive max pool to 7x7", lambda library: library.nn.AdaptiveMaxPool2d(7)),
        ("bilinear to 64x64", lambda library: library.nn.Upsample(scale_factor=2, mode="bilinear")),
        ("nearest to 64x64", lambda library: library.nn.Upsample(scale_factor=2)),
    )
    for name, make in layers:
        results: dict[str, list[Callable[[], Any]]] = {"forward": [], "forward and backward": []}
        for library, images in ((mytorch, lay(x)), (torch, x)):
            layer, tensor = make(library), library.from_numpy(images).requires_grad_()
            shape = tuple(layer(tensor).shape)
            slopes = np.cos(np.arange(np.prod(shape), dtype=np.float32)).reshape(shape)
            g = library.from_numpy(slopes if library is torch else lay(slopes))

            def both(layer: Any = layer, tensor: Any = tensor, g: Any = g) -> Any:
                tensor.grad = None
                layer(tensor).backward(g)
                return tensor.grad

            def forward(layer: Any = layer, tensor: Any = tensor) -> Any:
                return layer(tensor)

            results["forward"].append(forward)
            results["forward and backward"].append(both)
        for what, (ours, theirs) in results.items():
            yield Part(f"{name}: {what}", ours, theirs)


def all_parts() -> Iterator[Part]:
    """Every row of the table."""
    for name, layer in LAYERS.items():
        yield from layer_parts(name, layer)
    for pooling in POOLING:
        yield from pooling_parts(*pooling)
    yield from layer_by_layer_parts()


def as_array(result: Any) -> Any:
    """A result of either library as NumPy's."""
    return result if isinstance(result, np.ndarray) else result.detach().numpy()


def check(part: Part) -> None:
    """Both sides' results are equal, to float32 rounding of the largest number."""
    ours, theirs = as_array(part.ours()), as_array(part.theirs())
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5 * float(np.abs(theirs).max()), err_msg=part.name)


def measure(part: Part, runs: int, clock: Callable[[], float]) -> dict[str, float]:
    """Medians of both sides in ms and of the pairwise ratios, over runs in turn."""
    pairs = []
    for _ in range(runs + 2):
        times = []
        for work in (part.ours, part.theirs):
            started = clock()
            work()
            times.append(clock() - started)
        pairs.append(times)
    counted = pairs[2:]
    return {
        "ours_ms": statistics.median(a for a, _ in counted) * 1e3,
        "pytorch_ms": statistics.median(b for _, b in counted) * 1e3,
        "ratio": statistics.median(b / a for a, b in counted),
    }


def main() -> None:
    """Run and print the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=21, help="counted runs of each part (21)")
    parser.add_argument("--threads", type=int, default=1, help="threads of both libraries (1)")
    parser.add_argument("--only", default="", help="only parts with this text in their name")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    mytorch.set_num_threads(options.threads)
    clock = time.thread_time if options.threads == 1 else time.perf_counter
    about = environment(options.threads, options.runs, "cpu" if options.threads == 1 else "wall")
    if not options.json:
        print(conditions(about))
        print(f"\n{'part':52} {'ours ms':>9} {'PyTorch ms':>11} {'ratio':>6}")
    table = {}
    for part in all_parts():
        if options.only not in part.name:
            continue
        check(part)
        row = table[part.name] = measure(part, options.runs, clock)
        if not options.json:
            print(f"{part.name:52} {row['ours_ms']:9.3f} {row['pytorch_ms']:11.3f} {row['ratio']:6.2f}", flush=True)
    if options.json:
        print(json.dumps({"environment": about, "parts": table}, indent=2))


if __name__ == "__main__":
    main()
