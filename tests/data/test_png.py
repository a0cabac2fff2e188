"""PNG images of every kind, in the shapes that models take."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mytorch.data.png import ImageShape, read_png
from mytorch.data.table import DataError

GRAY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
COLOURS = np.stack([GRAY, GRAY + 1, 255 - GRAY], axis=-1)


@pytest.fixture
def save(tmp_path):
    def save(pixels: np.ndarray | Image.Image, name: str = "a.png") -> Path:
        image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        image.save(tmp_path / name)
        return tmp_path / name

    return save


@pytest.mark.parametrize("shape", [(3, 4), (1, 3, 4), (3, 4, 1), (12,)])
def test_gray_in_every_shape(save, shape):
    np.testing.assert_array_equal(read_png(save(GRAY), ImageShape(shape)), GRAY.reshape(shape))


def test_colours_first_and_last(save):
    path = save(COLOURS)
    np.testing.assert_array_equal(read_png(path, ImageShape((3, 3, 4))), np.moveaxis(COLOURS, -1, 0))
    tall = save(np.zeros((5, 4, 3), np.uint8))
    assert read_png(tall, ImageShape((5, 4, 3))).shape == (5, 4, 3)


def test_gray_from_colours_and_colours_from_gray(save):
    gray = read_png(save(np.stack([GRAY] * 3, axis=-1)), ImageShape((3, 4)))
    np.testing.assert_array_equal(gray, GRAY)
    np.testing.assert_array_equal(read_png(save(GRAY), ImageShape((3, 3, 4))), np.stack([GRAY] * 3))


def test_palette_and_black_and_white(save):
    palette = Image.fromarray(COLOURS).quantize(12)
    np.testing.assert_array_equal(
        read_png(save(palette), ImageShape((3, 3, 4))), np.moveaxis(np.asarray(palette.convert("RGB")), -1, 0)
    )
    bits = Image.fromarray(GRAY).convert("1")
    assert set(np.unique(read_png(save(bits), ImageShape((3, 4)))).tolist()) <= {0, 255}


def test_16_bits(save):
    deep = GRAY.astype(np.uint16) * 256
    np.testing.assert_array_equal(read_png(save(deep), ImageShape((1, 3, 4))), deep[None])
    with pytest.raises(DataError, match="gray with 16 bits a pixel, expected 3 channels"):
        read_png(save(deep), ImageShape((3, 3, 4)))


def test_what_one_can_see_through(save):
    solid = np.dstack([COLOURS, np.full((3, 4), 255, np.uint8)])
    np.testing.assert_array_equal(read_png(save(solid), ImageShape((3, 3, 4))), np.moveaxis(COLOURS, -1, 0))
    np.testing.assert_array_equal(read_png(save(solid), ImageShape((4, 3, 4))), np.moveaxis(solid, -1, 0))
    solid[0, 0, 3] = 254
    with pytest.raises(DataError, match="has pixels one can see through"):
        read_png(save(solid), ImageShape((3, 3, 4)))


@pytest.mark.parametrize(
    ("shape", "told"), [((3, 3), "expected 3 x 3 pixels"), ((1, 5, 7), "expected 7 x 5 pixels"), ((13,), "13 pixels")]
)
def test_another_size_names_both(save, shape, told):
    with pytest.raises(DataError, match=r"is an image of 4 x 3 pixels \(width x height\), expected") as caught:
        read_png(save(GRAY), ImageShape(shape))
    assert told in str(caught.value)


def test_what_is_no_image(save, tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_png(tmp_path / "no.png", ImageShape((3, 4)))
    jpeg = tmp_path / "jpeg.png"
    Image.fromarray(GRAY).save(jpeg, format="JPEG")
    with pytest.raises(DataError, match="is no PNG image"):
        read_png(jpeg, ImageShape((3, 4)))
    with pytest.raises(DataError, match="the image cannot be read"):
        read_png(tmp_path, ImageShape((3, 4)))


def test_cut_short_anywhere_and_changed_anywhere(save):
    path = save(COLOURS)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:  # the last bytes hold no pixels
            np.testing.assert_array_equal(read_png(path, ImageShape((3, 3, 4))), np.moveaxis(COLOURS, -1, 0))
        except DataError as error:
            told = str(error)
            if not told.startswith(f"{path}: "):
                raise
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            read_png(path, ImageShape((3, 3, 4)))
        except DataError as error:
            if not str(error).startswith(f"{path}: "):
                raise


def test_a_huge_image_is_refused_before_it_is_unpacked(tmp_path):
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    path = tmp_path / "huge.png"
    size = struct.pack(">2I5B", 100_000, 100_000, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(1000))))
    with pytest.raises(DataError, match="has far more pixels than expected"):
        read_png(path, ImageShape((3, 4)))


def test_samples_that_are_no_images():
    with pytest.raises(ValueError, match=r"the shape \(2, 3, 5\), which are no images"):
        ImageShape((2, 3, 5))
