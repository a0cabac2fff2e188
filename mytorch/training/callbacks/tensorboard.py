"""`log: [tensorboard]`: what TensorBoard shows of a training, in `tensorboard/` in the run's directory.

Everything stands at the number of steps taken so far. A training that goes on from a checkpoint tells TensorBoard to
forget the steps after it, which are taken again. The files are written by tensorboardX (extra `tensorboard`), which is
imported when a training begins.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mytorch import nn
from mytorch.data.prepare import PreparedData
from mytorch.training.callbacks.base import Callback, TrainingView
from mytorch.training.config.comparing import flatten
from mytorch.training.config.yaml_source import dump

POINTS = 1000  # of the loss, over the whole training
HISTOGRAMS = 50  # of a parameter, over the whole training
BINS = 64  # of a histogram; TensorBoard shows 30


class TensorBoard(Callback):
    """Scalars, histograms, texts and images for TensorBoard: `tensorboard --logdir runs`.

    `every_steps`: steps between two points of the loss (about 1000 in all, if left out). `histograms`: epochs between
    two histograms of the weights and gradients of each layer (about 50 in all, if left out), 0 for none. `images`: how
    many training samples are shown, of data that are images. `plots`: whether the run's plots are added at the end.

    Raises:
        ValueError: `every_steps` is less than 1, `histograms` or `images` less than 0.
    """

    NEEDS: ClassVar[Mapping[str, str]] = {"tensorboardX": "pip install 'mytorch[tensorboard]'"}

    def __init__(
        self, every_steps: int | None = None, histograms: int | None = None, images: int = 16, plots: bool = True
    ) -> None:
        limits = (("every_steps", every_steps, 1), ("histograms", histograms, 0), ("images", images, 0))
        for name, value, least in limits:
            if value is not None and value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        self.every_steps, self.histograms, self.images, self.plots = every_steps, histograms, images, plots

    def on_train_begin(self, training: TrainingView) -> None:
        steps = training.epochs * training.steps_per_epoch
        self.loss_every = max(steps // POINTS, 1) if self.every_steps is None else self.every_steps
        self.histograms_every = max(training.epochs // HISTOGRAMS, 1) if self.histograms is None else self.histograms
        folder = training.directory / "tensorboard"
        folder.mkdir(exist_ok=True)
        is_new = not any(folder.glob("events.*"))
        self.file = EventFile(folder, training.step)
        if is_new:
            self._describe(training)
        else:
            self.file.forget_from(training.step + 1)

    def _describe(self, training: TrainingView) -> None:
        """What stays as it is: the config, the layers, some samples."""
        self.file.add("text", "config", _indented(dump(training.config)), step=training.step)
        self.file.add("text", "layers", layer_table(training.model), step=training.step)
        samples = sample_images(training.data, self.images)
        if samples is not None:
            self.file.add("image", "samples", image_grid(samples), step=training.step)

    def on_step_end(self, training: TrainingView, loss: float, gradient_norm: float) -> None:
        if training.step == 1 or training.step % self.loss_every == 0:
            values = {"loss": loss, "gradient_norm": gradient_norm, "learning_rate": training.learning_rate}
            for name, value in values.items():
                self.file.add("scalar", f"step/{name}", value, step=training.step)

    def on_epoch_end(self, training: TrainingView, row: Mapping[str, float | None]) -> None:
        for name, value in row.items():
            if value is not None and name != "seconds":
                self.file.add("scalar", _tag(name), value, step=training.step)
        if self.histograms_every and (training.epoch == 1 or training.epoch % self.histograms_every == 0):
            for name, values in _arrays(training.model):
                if values.size and np.isfinite(values).all():
                    self.file.add("histogram", name, values, bins=BINS, step=training.step)
        self.file.flush()

    def on_checkpoint(self, training: TrainingView, path: Path) -> None:
        self.file.flush()  # what is behind the checkpoint is written again after a crash, what is before it is not

    def on_train_end(self, training: TrainingView, result: Mapping[str, Any]) -> None:
        if result["state"] == "finished":
            if self.plots:
                self._add_plots(training)
            keys, scores = _hyperparameters(training, result)
            self.file.add("hparams", keys, scores, step=training.step)
            for name, value in scores.items():
                self.file.add("scalar", name, value, step=training.step)
        self.file.close()

    def _add_plots(self, training: TrainingView) -> None:
        from matplotlib.image import imread

        for path in sorted((training.directory / "plots").glob("*.png")):
            pixels = imread(path)[..., :3]
            self.file.add("image", f"plots/{path.stem}", pixels, dataformats="HWC", step=training.step)


class EventFile:
    """A file of events in TensorBoard's format, written at once.

    tensorboardX's own `SummaryWriter` writes in a thread, which a full disk ends, and then waits for it for ever.
    """

    def __init__(self, folder: Path, step: int) -> None:
        from tensorboardX.event_file_writer import EventsWriter

        # The name has only seconds, and a run may be gone on with within one.
        self._writer = EventsWriter(str(folder / "events"), f".{step:09d}.{os.getpid()}")
        self.flush, self.close = self._writer.flush, self._writer.close

    def add(self, kind: str, *what: Any, step: int, **options: Any) -> None:
        """Add what tensorboardX's function `kind` makes of the arguments: a scalar, histogram, image, text, hparams."""
        from tensorboardX import summary
        from tensorboardX.proto.event_pb2 import Event

        made = getattr(summary, kind)(*what, **options)
        for one in made if isinstance(made, tuple) else (made,):
            try:
                self._writer.write_event(Event(wall_time=time.time(), step=step, summary=one))
            except OSError:
                with contextlib.suppress(OSError):
                    self.close()
                raise

    def forget_from(self, step: int) -> None:
        """Tell TensorBoard that the steps from this one on, which it has read, are taken again."""
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        start = SessionLog(status=SessionLog.START)
        self._writer.write_event(Event(wall_time=time.time(), step=step, session_log=start))


def _tag(column: str) -> str:
    """`validation_loss` of metrics.csv as `loss/validation`, so that TensorBoard shows it beside `loss/train`."""
    part, _, metric = column.partition("_")
    return f"{metric}/{part}" if part in ("train", "validation") and metric else f"epoch/{column}"


def _arrays(model: nn.Module) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, parameter in model.named_parameters():
        yield f"weights/{name}", parameter.array
        if parameter.grad is not None:
            yield f"gradients/{name}", parameter.grad.array


def _indented(text: str) -> str:
    """Markdown's way to show a text as it is."""
    return "".join(f"    {line}\n" for line in text.splitlines())


def layer_table(model: nn.Module) -> str:
    """The model's layers as a table in Markdown.

    >>> print(layer_table(nn.Sequential(nn.Linear(2, 3), nn.ReLU())))
    | name | layer | parameters |
    |---|---|---:|
    | 0 | Linear(in_features=2, out_features=3, bias=True) | 9 |
    | 1 | ReLU() | 0 |
    """
    lines = ["| name | layer | parameters |", "|---|---|---:|"]
    for name, module in model.named_modules():
        if not any(True for _ in module.children()):
            count = sum(parameter.numel() for parameter in module.parameters())
            lines.append(f"| {name} | {module} | {count:,} |")
    return "\n".join(lines)


def sample_images(data: PreparedData, count: int) -> NDArray[np.float32] | None:
    """The first training samples, of shape (n, 1 or 3, height, width); None if the data are no such images."""
    shape = data.train.inputs.shape
    if count == 0 or len(shape) not in (3, 4) or (len(shape) == 4 and shape[1] not in (1, 3)):
        return None
    images = np.asarray(data.train.inputs[:count], np.float32)
    return images if images.ndim == 4 else images[:, None]


def image_grid(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images beside and below each other in one, of shape (channels, height, width), from 0 (darkest) to 1.

    >>> image_grid(np.arange(12, dtype=np.float32).reshape(3, 1, 2, 2)).shape
    (1, 5, 5)
    """
    count, channels, height, width = images.shape
    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    low, high = float(images.min()), float(images.max())
    grid = np.ones((channels, down * (height + 1) - 1, across * (width + 1) - 1), np.float32)
    for index, image in enumerate(images):
        top, left = index // across * (height + 1), index % across * (width + 1)
        grid[:, top : top + height, left : left + width] = (image - low) / ((high - low) or 1.0)
    return grid


def _hyperparameters(training: TrainingView, result: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, float]]:
    """The config's numbers and words, and the best scores by which TensorBoard compares runs."""
    keys = {key: value for key, value in flatten(training.config).items() if isinstance(value, (bool, int, float, str))}
    best = flatten(result["best"])
    return keys, {f"best/{name.replace('.', '_', 1)}": float(value) for name, value in best.items()}
