"""The part of an exported script that augments images: the same transforms, drawn from the same stream of numbers.

`normalize()` is for every image, also those that are scored; `augmented()` stands around the training batches.
"""

from __future__ import annotations

from typing import Any

from mytorch.data.transforms import (
    TRANSFORMS,
    Normalize,
    RandomAffine,
    RandomCrop,
    RandomRotation,
    Transform,
)
from mytorch.data.transforms.affine import as_range
from mytorch.data.transforms.moving import RandomFlip
from mytorch.interop.script_source import Script, indented, literal
from mytorch.training.building.experiment import Experiment
from mytorch.training.errors import UserError
from mytorch.training.random_streams import AUGMENTATION_SEED

FUNCTIONAL = "import torch.nn.functional as F"
PADDING_MODES = {"edge": "replicate", "reflect": "reflect"}  # what PyTorch calls them

NORMALIZE = '''
    def normalize(images):
        """What every image goes through, also those that are scored."""
        return (images - MEAN) / STD
    '''

RANDOM_CROP = '''
    def random_crop(images, height, width):
        """A piece of each image at a random place."""
        count, _, rows, columns = images.shape
        top = torch.randint(0, rows - height + 1, (count,), generator=STREAM)
        left = torch.randint(0, columns - width + 1, (count,), generator=STREAM)
        windows = images.unfold(2, height, 1).unfold(3, width, 1)
        return windows[torch.arange(count), :, top, left]
    '''

RANDOM_FLIP = '''
    def random_flip(images, p, dim):
        """Mirrors each image with probability p."""
        mirrored = torch.rand(len(images), generator=STREAM) < p
        return torch.where(mirrored[:, None, None, None], images.flip(dim), images)
    '''

RANDOM_AFFINE = '''
    def random_affine(images, degrees, translate=(), scale=None, shears=(), sign=1, **how):
        """Turns, moves, scales and shears each image at random."""
        count, _, height, width = images.shape

        def drawn(low, high):
            return torch.empty(count).uniform_(low, high, generator=STREAM).double()

        angles = sign * torch.deg2rad(drawn(*degrees))
        across, down, along_x, along_y = torch.zeros(4, count, dtype=torch.float64)
        for way, part, size in zip((across, down), translate, (width, height)):
            way.copy_(drawn(-part * size, part * size).round())
        scales = torch.ones(count).double() if scale is None else drawn(*scale)
        for shear, (low, high) in zip((along_x, along_y), shears):
            shear.copy_(torch.tan(torch.deg2rad(drawn(low, high))))
        sine, cosine, none, one = angles.sin(), angles.cos(), 0 * angles, 0 * angles + 1
        turn, shear_y, shear_x = (
            torch.stack(numbers, 1).reshape(-1, 2, 2)
            for numbers in (
                (cosine, -sine, sine, cosine),
                (one, none, -along_y, one),
                (one, -along_x, none, one),
            )
        )
        matrices = turn @ shear_y @ shear_x * scales[:, None, None]
        return moved(images, torch.linalg.inv(matrices), across, down, **how)
    '''

MOVED = '''
    def moved(images, inverse, across, down, center=None, bilinear=False, fill=0.0):
        """Looks up where each pixel came from; a frame of one pixel is all that lies outside."""
        _, channels, height, width = images.shape
        middle_x, middle_y = center or ((width - 1) / 2, (height - 1) / 2)
        pixels = F.pad(images, (1, 1, 1, 1), value=fill).flatten(2)
        x = torch.arange(width) - middle_x - across[:, None, None]
        y = torch.arange(height)[:, None] - middle_y - down[:, None, None]
        x, y = (row[:, 0, None, None] * x + row[:, 1, None, None] * y for row in inverse.unbind(1))
        x, y = (x + middle_x + 1).clamp(0, width + 1), (y + middle_y + 1).clamp(0, height + 1)

        def pixels_at(x, y):
            places = (y * (width + 2) + x).long().flatten(1)[:, None]
            return pixels.gather(2, places.expand(-1, channels, -1)).reshape(images.shape)

        if not bilinear:
            return pixels_at(x.round(), y.round())
        left, above = x.floor().clamp(max=width), y.floor().clamp(max=height)
        to_right, to_below = (x - left).float()[:, None], (y - above).float()[:, None]
        upper = torch.lerp(pixels_at(left, above), pixels_at(left + 1, above), to_right)
        lower = torch.lerp(pixels_at(left, above + 1), pixels_at(left + 1, above + 1), to_right)
        return torch.lerp(upper, lower, to_below)
    '''


def write_augmentation(script: Script, experiment: Experiment) -> None:
    """Write `augmented()`, and `normalize()` if there is a `Normalize`, with all that they need.

    Raises:
        UserError: a transform that a script cannot have; names its key.
    """
    transforms = experiment.augmentation.transforms
    if not transforms:
        return
    if any(not isinstance(transform, Normalize) for transform in transforms):
        comment = "what augmentation draws from"
        script.constant("STREAM", f"torch.Generator().manual_seed(SEED + {AUGMENTATION_SEED})", comment)
    height, width = experiment.data.train.inputs.shape[2:]
    lines: list[str] = []
    for index, transform in enumerate(transforms):
        try:
            lines += _lines(script, transform, height, width)
        except _CannotError as error:
            raise UserError(
                f"dataset.augment.{index}: {type(transform).__name__}: a script for PyTorch cannot do {error} yet; "
                "without it, it would train otherwise"
            ) from None
    what = "The batches as the model is trained on them; each image gets random numbers of its own."
    body = ["for inputs, *others in batches:", indented(lines), "    yield inputs, *others"]
    script.define(f'def augmented(batches):\n    """{what}"""\n{indented(body)}')


class _CannotError(Exception):
    """What a script cannot do."""


def _lines(script: Script, transform: Transform, height: int, width: int) -> list[str]:
    """What a transform does to `inputs`, images of this size."""
    if type(transform) not in TRANSFORMS.values():  # one's own, perhaps derived from one of these
        raise _CannotError("this")
    if isinstance(transform, Normalize):
        for name, values in (("MEAN", transform.mean), ("STD", transform.std)):
            of_channels = isinstance(values, list)
            script.constant(name, f"torch.tensor({literal(values)})[:, None, None]" if of_channels else literal(values))
        script.define(NORMALIZE)
        return ["inputs = normalize(inputs)"]
    if isinstance(transform, RandomCrop):
        return _crop(script, transform, height, width)
    if isinstance(transform, RandomFlip):
        script.define(RANDOM_FLIP)
        return [f"inputs = random_flip(inputs, {literal(transform.p)}, {transform.axis})"]
    if isinstance(transform, (RandomRotation, RandomAffine)):
        script.imports.add(FUNCTIONAL)
        script.define(MOVED)
        script.define(RANDOM_AFFINE)
        options = "".join(f", {name}={literal(value)}" for name, value in _affine_options(transform).items())
        return [f"inputs = random_affine(inputs, {literal(as_range('degrees', transform.degrees))}{options})"]
    raise _CannotError("this")


def _crop(script: Script, crop: RandomCrop, height: int, width: int) -> list[str]:
    (of_height, of_width), (left, top, right, bottom) = crop.sizes(height, width)
    lines = []
    if any((left, top, right, bottom)):
        script.imports.add(FUNCTIONAL)
        how = f"value={literal(_one_fill(crop.fill))}"
        if crop.padding_mode != "constant":
            if crop.padding_mode not in PADDING_MODES:
                raise _CannotError(f"padding_mode: {crop.padding_mode}")
            how = f"mode={literal(PADDING_MODES[crop.padding_mode])}"
        lines.append(f"inputs = F.pad(inputs, {(left, right, top, bottom)}, {how})")
    if (height + top + bottom, width + left + right) != (of_height, of_width):
        script.define(RANDOM_CROP)
        lines.append(f"inputs = random_crop(inputs, {of_height}, {of_width})")
    return lines


def _affine_options(transform: RandomRotation | RandomAffine) -> dict[str, Any]:
    """The arguments of `random_affine` that are not its defaults."""
    options: dict[str, Any] = {}
    if isinstance(transform, RandomRotation):
        options["sign"] = -1
    else:
        shears = tuple(transform.shears())
        of_affine = {"translate": transform.translate, "scale": transform.scale, "shears": shears}
        options |= {name: value for name, value in of_affine.items() if value}
    if transform.center is not None:
        options["center"] = (transform.center[0] - 0.5, transform.center[1] - 0.5)
    if transform.interpolation == "bilinear":
        options["bilinear"] = True
    fill = _one_fill(transform.fill)
    return {**options, "fill": fill} if fill else options


def _one_fill(fill: Any) -> Any:
    if isinstance(fill, list) and len(set(fill)) > 1:
        raise _CannotError("a fill for each channel")
    return fill[0] if isinstance(fill, list) else fill
