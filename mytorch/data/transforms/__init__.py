"""Transforms of images by torchvision's names: random crops, flips, rotations and so on, a whole batch at a time.

They take tensors of the shape (batch, channels, height, width), or one image (channels, height, width). Each image of a
batch gets random numbers of its own; there is no loop over the images. A class of one's own derives from `Transform`.
"""

from __future__ import annotations

from mytorch.data.transforms.affine import RandomAffine, RandomRotation
from mytorch.data.transforms.base import Compose, Normalize, Transform
from mytorch.data.transforms.moving import RandomCrop, RandomErasing, RandomHorizontalFlip, RandomVerticalFlip

__all__ = [
    "TRANSFORMS",
    "Compose",
    "Normalize",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomVerticalFlip",
    "Transform",
]

# Those that a config can name.
TRANSFORMS: dict[str, type[Transform]] = {
    kind.__name__: kind
    for kind in (
        RandomCrop,
        RandomHorizontalFlip,
        RandomVerticalFlip,
        RandomRotation,
        RandomAffine,
        RandomErasing,
        Normalize,
    )
}
