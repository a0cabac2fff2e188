"""Sample images as PNG in data URIs, with what the model says of each."""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mytorch.training.loop.image_samples import ImageSamples
from mytorch.training.loop.prediction_table import Predictions

LARGEST_SIDE = 96  # pixels; larger images are reduced


def samples_of(samples: ImageSamples | None, predictions: Predictions | None) -> list[dict[str, Any]]:
    """Each sample: its picture, the truth, the prediction, how sure it was, whether it is wrong, its row."""
    if samples is None or predictions is None or not len(samples.places):
        return []
    part, names = predictions.parts[samples.split], predictions.class_names
    listed = []
    for place, picture in zip(samples.places.tolist(), _data_uris(samples.images), strict=True):
        target, prediction = part.target[place], part.prediction[place]
        if names is None or part.probabilities is None:
            true, said, sure, is_wrong = f"{target:.4g}", f"{prediction:.4g}", "", False
        else:
            true, said, is_wrong = names[target], names[prediction], bool(target != prediction)
            sure = f"{part.probabilities[place, prediction]:.0%}"
        row = int(part.rows[place])
        listed.append({"src": picture, "true": true, "said": said, "sure": sure, "wrong": is_wrong, "row": row})
    return listed


def _data_uris(images: NDArray[Any]) -> list[str]:
    """Images (n, channels, height, width) of any numbers, from black to white between the extremes of all."""
    from PIL import Image

    if images.dtype != np.uint8:
        values = np.nan_to_num(np.asarray(images, np.float64))
        low, high = values.min(), values.max()
        images = np.rint((values - low) * (255 / (high - low or 1.0))).astype(np.uint8)
    uris = []
    for image in images:
        picture = Image.fromarray(image.transpose(1, 2, 0) if len(image) == 3 else image[0])
        shrink = math.ceil(max(picture.size) / LARGEST_SIDE)
        if shrink > 1:
            picture = picture.reduce(shrink)
        file = io.BytesIO()
        picture.save(file, "PNG")
        uris.append(f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}")
    return uris
