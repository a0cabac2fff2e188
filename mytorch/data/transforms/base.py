"""What all transforms have in common, and the two that draw nothing: `Compose` and `Normalize`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mytorch.autograd.application import wrap
from mytorch.tensor import Tensor

Images = npt.NDArray[Any]  # (batch, channels, height, width)
Fill = float | list[float]  # one number for all channels, or one for each


class Transform:
    """Turns images into other images; a subclass has `forward`, which gets a batch of them.

    Call it with a tensor (batch, channels, height, width) or with one image (channels, height, width). What it draws
    comes from the default random stream. No gradients flow back through the transforms of this package.

    Raises:
        TypeError: for anything but a tensor.
        ValueError: for a tensor of another number of dimensions.

    >>> import mytorch
    >>> class Invert(Transform):
    ...     def forward(self, images):
    ...         return 1 - images
    >>> Invert()(mytorch.zeros(1, 2, 2)).tolist()
    [[[1.0, 1.0], [1.0, 1.0]]]
    """

    def __call__(self, images: Tensor) -> Tensor:
        if not isinstance(images, Tensor):
            raise TypeError(f"{type(self).__name__} expects a tensor, got {type(images).__name__}")
        if images.ndim not in (3, 4):
            raise ValueError(
                f"{type(self).__name__} expects images (batch, channels, height, width) or one image (channels, "
                f"height, width), got the shape {tuple(images.shape)}"
            )
        if images.ndim == 4:
            return self.forward(images)
        return self.forward(images.unsqueeze(0)).squeeze(0)

    def forward(self, images: Tensor) -> Tensor:
        """The batch of images that comes of a batch; to be written by each subclass."""
        raise NotImplementedError(f"{type(self).__name__} has no method forward(self, images)")

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if not name.startswith("_"))
        return f"{type(self).__name__}({settings})"


class ArrayTransform(Transform):
    """A transform that works on the raw array of a batch: a subclass has `transform`."""

    def forward(self, images: Tensor) -> Tensor:
        """What `transform` makes of the batch."""
        return wrap(self.transform(images.array)) if images.numel() else images

    def transform(self, images: Images) -> Images:
        """The array of images that comes of one; it may be the same, but its numbers stay as they are."""
        raise NotImplementedError


class Compose(Transform):
    """Several transforms, one after the other, as `torchvision.transforms.Compose`.

    >>> import mytorch
    >>> Compose([Normalize(0.5, 0.5), Normalize(1, 2)])(mytorch.ones(1, 1, 2)).tolist()
    [[[0.0, 0.0]]]
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = list(transforms)

    def forward(self, images: Tensor) -> Tensor:
        """All of them on a batch."""
        for transform in self.transforms:
            images = transform(images)
        return images


class Normalize(ArrayTransform):
    """``(image - mean) / std``, channel by channel, as `torchvision.transforms.Normalize`.

    Args:
        mean: a number for each channel, or one for all of them.
        std: likewise; not zero.

    Raises:
        ValueError: a std is zero or not finite; on a call, for images of another number of channels.
        TypeError: on a call, for images whose pixels are integers.

    >>> import mytorch
    >>> Normalize(mean=[0.5, 1.0], std=[0.5, 2.0])(mytorch.ones(2, 1, 1)).ravel().tolist()
    [1.0, 0.0]
    """

    def __init__(self, mean: Fill, std: Fill) -> None:
        self.mean, self.std = mean, std
        means, stds = np.atleast_1d(mean).astype(np.float64), np.atleast_1d(std).astype(np.float64)
        if not np.isfinite(means).all() or not np.isfinite(stds).all() or (stds == 0).any():
            raise ValueError(f"expected finite numbers, std not zero, got mean {mean} and std {std}")
        if len(means) != len(stds) and 1 not in (len(means), len(stds)):
            raise ValueError(f"mean has {len(means)} channels and std has {len(stds)}")

    def transform(self, images: Images) -> Images:
        """Computed in the images' own type."""
        if images.dtype.kind not in "fc":
            raise TypeError(f"Normalize expects images of floating-point numbers, got {images.dtype}")
        mean, std = (by_channel(name, getattr(self, name), images) for name in ("mean", "std"))
        result = images - mean
        result /= std
        return result


def by_channel(name: str, values: Fill, images: Images) -> Images:
    """A number or one for each channel, so that it broadcasts against the images. ValueError for another number."""
    array = np.atleast_1d(values).astype(images.dtype)
    if array.ndim != 1 or len(array) not in (1, images.shape[1]):
        raise ValueError(f"{name} has numbers for {len(array)} channels, and the images have {images.shape[1]}")
    return array[:, None, None]


def check_probability(p: float) -> None:
    """Raise ValueError for a number that is no probability."""
    if not 0 <= p <= 1:
        raise ValueError(f"p is a probability from 0 to 1, got {p}")
