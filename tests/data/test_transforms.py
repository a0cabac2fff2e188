"""Transforms of images: each against a plain loop over the images, or against what must hold whatever was drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import mytorch
from mytorch.data.transforms import (
    TRANSFORMS,
    Compose,
    Normalize,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomRotation,
    RandomVerticalFlip,
    Transform,
)

SEEDS = st.integers(0, 2**32 - 1)
SHAPES = st.tuples(st.integers(1, 5), st.sampled_from([1, 2, 3]), st.integers(3, 8), st.integers(3, 8))
IMAGES = SHAPES.flatmap(lambda shape: arrays.arrays(np.float32, shape, elements=st.integers(1, 200).map(float)))
EXAMPLES = {
    "RandomCrop": RandomCrop(padding=2),
    "RandomHorizontalFlip": RandomHorizontalFlip(),
    "RandomVerticalFlip": RandomVerticalFlip(),
    "RandomRotation": RandomRotation(30, "bilinear"),
    "RandomAffine": RandomAffine(20, (0.2, 0.2), (0.8, 1.2), (-9, 9, -5, 5), "bilinear"),
    "RandomErasing": RandomErasing(p=0.8),
    "Normalize": Normalize(0.5, 2.0),
}


def applied(transform, images, seed=0):
    mytorch.manual_seed(seed)
    return transform(mytorch.from_numpy(images)).numpy()


def test_every_transform_of_a_config_has_an_example():
    assert set(EXAMPLES) == set(TRANSFORMS)


# --- what holds for all of them -----------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(IMAGES, SEEDS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_any_transform(name, images, seed):
    transform, before = EXAMPLES[name], images.copy()
    result = applied(transform, images, seed)
    assert (images == before).all()  # what came in is not changed
    assert result.shape == images.shape
    assert result.dtype == images.dtype
    assert np.isfinite(result).all()
    assert (applied(transform, images, seed) == result).all()
    one = applied(transform, images[:1], seed)
    assert (applied(transform, images[0], seed) == one[0]).all()  # one image is a batch of one


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_empty_batch_and_what_is_no_image(name):
    assert EXAMPLES[name](mytorch.zeros(0, 3, 8, 8)).shape == (0, 3, 8, 8)
    with pytest.raises(
        ValueError, match=rf"{name} expects images \(batch, channels, height, width\).*got the shape \(8, 8\)"
    ):
        EXAMPLES[name](mytorch.zeros(8, 8))
    with pytest.raises(TypeError, match=f"{name} expects a tensor, got ndarray"):
        EXAMPLES[name](np.zeros((1, 8, 8)))


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - {"Normalize"}))
def test_each_image_of_a_batch_gets_numbers_of_its_own(name):
    same = np.tile(np.random.default_rng(0).random((1, 1, 12, 12), np.float32), (40, 1, 1, 1))
    results = applied(EXAMPLES[name], same)
    different = {result.tobytes() for result in results}
    assert len(different) >= (2 if name.endswith("Flip") else 20)


def test_a_transform_of_ones_own_and_several_in_a_row():
    class Brighter(Transform):
        def __init__(self, by):
            self.by = by

        def forward(self, images):
            return images + self.by

    both = Compose([Brighter(1.0), Normalize([0, 1], [1, 2])])
    assert both(mytorch.ones(2, 3, 3))[:, 0, 0].tolist() == [2.0, 0.5]
    assert repr(both) == "Compose(transforms=[Brighter(by=1.0), Normalize(mean=[0, 1], std=[1, 2])])"
    with pytest.raises(NotImplementedError, match="Transform has no method forward"):
        Transform()(mytorch.ones(1, 2, 2))


# --- crops --------------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(IMAGES, SEEDS, st.integers(0, 2), st.sampled_from(["constant", "edge", "reflect", "symmetric"]), st.data())
def test_a_crop_is_a_piece_of_the_padded_image(images, seed, padding, mode, data):
    height, width = (data.draw(st.integers(1, size + 2 * padding)) for size in images.shape[2:])
    result = applied(RandomCrop((height, width), padding, padding_mode=mode), images, seed)
    padded = np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)), mode=mode)
    assert result.shape == (*images.shape[:2], height, width)
    for piece, whole in zip(result, padded, strict=True):
        assert any(
            (whole[:, top : top + height, left : left + width] == piece).all()
            for top in range(whole.shape[1] - height + 1)
            for left in range(whole.shape[2] - width + 1)
        )


def test_crops_reach_every_place():
    image = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    corners = {float(piece[0, 0, 0]) for piece in applied(RandomCrop(2), np.tile(image, (200, 1, 1, 1)))}
    assert corners == {0.0, 1.0, 3.0, 4.0}


def test_padding_of_different_sides_and_a_fill_for_each_channel():
    images = np.ones((1, 2, 2, 2), np.float32)
    whole = applied(RandomCrop((4, 6), padding=(3, 2, 1, 0), fill=[5.0, 7.0]), images)[0]
    expected = np.stack([np.pad(np.ones((2, 2)), ((2, 0), (3, 1)), constant_values=fill) for fill in (5.0, 7.0)])
    assert (whole == expected).all()
    assert applied(RandomCrop((2, 6), padding=(2, 0)), images).shape == (1, 2, 2, 6)
    assert applied(RandomCrop(5, pad_if_needed=True), images).shape == (1, 2, 5, 5)


def test_what_a_crop_refuses():
    with pytest.raises(ValueError, match="size or padding is needed"):
        RandomCrop()
    with pytest.raises(ValueError, match=r"padding: expected 1, 2 or 4 numbers of at least 0, got \(1, 2, 3\)"):
        RandomCrop(4, (1, 2, 3))
    with pytest.raises(ValueError, match="size: expected at least 1 pixel, got 0"):
        RandomCrop(0)
    with pytest.raises(ValueError, match="padding_mode: expected constant, edge, reflect or symmetric, got 'wrap'"):
        RandomCrop(4, padding_mode="wrap")
    with pytest.raises(ValueError, match="a piece of 9 x 9 is larger than the image of 8 x 8"):
        RandomCrop(9)(mytorch.zeros(1, 8, 8))
    with pytest.raises(ValueError, match="reflect needs less than the image's size, 8 x 8"):
        RandomCrop(padding=8, padding_mode="reflect")(mytorch.zeros(1, 8, 8))
    with pytest.raises(ValueError, match="fill has numbers for 2 channels, and the images have 3"):
        RandomCrop(padding=1, fill=[1, 2])(mytorch.zeros(3, 8, 8))


# --- flips --------------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(IMAGES, SEEDS)
@pytest.mark.parametrize(("kind", "axis"), [(RandomHorizontalFlip, -1), (RandomVerticalFlip, -2)])
def test_a_flip_mirrors_or_leaves(kind, axis, images, seed):
    for before, after in zip(images, applied(kind(), images, seed), strict=True):
        assert (after == before).all() or (after == np.flip(before, axis)).all()
    assert (applied(kind(1.0), images) == np.flip(images, axis)).all()
    assert (applied(kind(0.0), images) == images).all()


@pytest.mark.parametrize("kind", [RandomHorizontalFlip, RandomVerticalFlip])
def test_how_often_a_flip_mirrors(kind):
    images = np.zeros((4000, 1, 2, 2), np.float32)
    images[:, 0, 0, 0] = 1
    moved = (applied(kind(0.3), images)[:, 0, 0, 0] == 0).mean()
    assert 0.27 < moved < 0.33
    with pytest.raises(ValueError, match=r"p is a probability from 0 to 1, got 1\.5"):
        kind(1.5)


# --- rotations and affine maps ------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(arrays.arrays(np.float32, (3, 2, 6, 6), elements=st.integers(0, 200).map(float)), st.integers(-3, 3))
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_quarter_turns_are_exact(interpolation, images, quarters):
    result = applied(RandomRotation((90 * quarters, 90 * quarters), interpolation), images)
    np.testing.assert_allclose(result, np.rot90(images, quarters, (2, 3)), atol=1e-4)


def by_hand(image, matrix, way, fill, interpolation):
    """One channel of an image through a matrix about its middle, pixel by pixel."""
    height, width = image.shape
    middle = np.array([(width - 1) / 2, (height - 1) / 2])

    def pixel(x, y):
        return float(image[y, x]) if 0 <= x < width and 0 <= y < height else fill

    result = np.empty_like(image)
    for row in range(height):
        for column in range(width):
            x, y = np.linalg.solve(matrix, np.array([column, row]) - middle - way) + middle
            if interpolation == "nearest":
                result[row, column] = pixel(round(x), round(y))
                continue
            left, above = math.floor(x), math.floor(y)
            across, down = x - left, y - above
            result[row, column] = (1 - down) * ((1 - across) * pixel(left, above) + across * pixel(left + 1, above)) + (
                down * ((1 - across) * pixel(left, above + 1) + across * pixel(left + 1, above + 1))
            )
    return result


@settings(max_examples=30, deadline=None)
@given(
    arrays.arrays(np.float32, (1, 5, 7), elements=st.integers(1, 99).map(float)),
    st.integers(-180, 180), st.integers(6, 15), st.integers(-40, 40), st.integers(-40, 40),
)  # fmt: skip
def test_an_affine_map_is_that_of_the_formula(image, degrees, tenths, shear_x, shear_y):
    """Rotation, then shears, as torchvision's documentation gives the matrix in closed form."""
    scale = tenths / 10
    transform = RandomAffine(
        (degrees, degrees), None, (scale, scale), (shear_x, shear_x, shear_y, shear_y), "bilinear", fill=7.0
    )
    a, sx, sy = np.radians([degrees, shear_x, shear_y])
    matrix = scale * np.array([
        [np.cos(a - sy) / np.cos(sy), -np.cos(a - sy) * np.tan(sx) / np.cos(sy) - np.sin(a)],
        [np.sin(a - sy) / np.cos(sy), -np.sin(a - sy) * np.tan(sx) / np.cos(sy) + np.cos(a)],
    ])  # fmt: skip
    expected = by_hand(image[0], matrix, np.zeros(2), 7.0, "bilinear")
    np.testing.assert_allclose(applied(transform, image)[0], expected, atol=2e-3)


@settings(max_examples=20, deadline=None)
@given(IMAGES, SEEDS)
def test_an_image_is_moved_by_whole_pixels(images, seed):
    height, width = images.shape[2:]
    for before, after in zip(images, applied(RandomAffine(0, translate=(0.4, 0.3)), images, seed), strict=True):
        most = round(0.4 * width), round(0.3 * height)
        padded = np.pad(before, ((0, 0), (most[1],) * 2, (most[0],) * 2))
        assert any(
            (after == padded[:, top : top + height, left : left + width]).all()
            for top in range(2 * most[1] + 1)
            for left in range(2 * most[0] + 1)
        )


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_the_middle_of_a_turn_can_be_another(interpolation):
    image = np.zeros((1, 4, 4), np.float32)
    image[0, 0, 1] = 1.0
    turned = applied(RandomRotation((180, 180), interpolation, center=(1.0, 1.0), fill=2.0), image)[0]
    np.testing.assert_allclose(turned, [[0, 0, 2, 2], [1, 0, 2, 2], [2] * 4, [2] * 4], atol=1e-6)


def test_integers_are_turned_and_not_mixed():
    image = mytorch.arange(9).reshape(1, 3, 3)
    assert RandomRotation((90, 90))(image).dtype == mytorch.int64
    with pytest.raises(TypeError, match="bilinear needs images of floating-point numbers, got int64"):
        RandomRotation(10, "bilinear")(image)
    with pytest.raises(TypeError, match="Normalize expects images of floating-point numbers, got int64"):
        Normalize(0, 1)(image)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomRotation(-5), r"degrees: one number is at least 0 and stands for \(-degrees, degrees\), got -5"),
        (lambda: RandomRotation((5, -5)), "degrees: expected the smallest and the largest"),
        (lambda: RandomRotation(5, "cubic"), "interpolation: expected nearest or bilinear, got 'cubic'"),
        (
            lambda: RandomAffine(5, translate=(0.1, 1.1)),
            "translate: expected two parts of width and height from 0 to 1",
        ),
        (lambda: RandomAffine(5, scale=(0, 1)), "scale: expected 0 < low <= high"),
        (lambda: RandomAffine(5, shear=90), "shear: expected angles between -90 and 90"),
        (lambda: RandomErasing(scale=(0.5, 0.2)), "scale: expected two parts of the area"),
        (lambda: RandomErasing(ratio=(0, 1)), "ratio: expected 0 < low <= high"),
        (lambda: RandomErasing(value="noise"), "value: expected a number, one for each channel, or 'random'"),
        (lambda: Normalize([0, 0], [1, 1, 1]), "mean has 2 channels and std has 3"),
        (lambda: Normalize(0, 0), "expected finite numbers, std not zero"),
    ],
)
def test_settings_that_make_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- erasing and normalising --------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(IMAGES, SEEDS)
def test_what_is_erased_is_a_rectangle_of_a_size_that_was_asked_for(images, seed):
    height, width = images.shape[2:]
    result = applied(RandomErasing(p=1.0, scale=(0.1, 0.4), ratio=(0.5, 2.0), value=-1.0), images, seed)
    for before, after in zip(images, result, strict=True):
        erased = (after == -1).any(axis=0)
        assert (after[:, ~erased] == before[:, ~erased]).all()
        if not erased.any():  # no rectangle fitted in ten attempts
            continue
        rows, columns = np.flatnonzero(erased.any(axis=1)), np.flatnonzero(erased.any(axis=0))
        h, w = len(rows), len(columns)
        assert (after[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] == -1).all()
        assert erased.sum() == h * w
        assert (h - 0.5) * (w - 0.5) <= 0.4 * height * width  # sides are rounded
        assert (h + 0.5) * (w + 0.5) >= 0.1 * height * width


def test_erasing_paints_noise_and_leaves_the_others():
    images = np.full((500, 2, 8, 8), 9.0, np.float32)
    result = applied(RandomErasing(p=0.4, value="random"), images)
    changed = (result != images).any(axis=(1, 2, 3))
    assert 0.3 < changed.mean() < 0.5
    noise = result[result != images]
    assert abs(noise.mean()) < 0.05
    assert abs(noise.std() - 1) < 0.05
    assert (applied(RandomErasing(p=1.0, value=[1.0, 2.0]), images).min(axis=(0, 2, 3)) == [1, 2]).all()


@settings(max_examples=20, deadline=None)
@given(IMAGES)
def test_normalize_is_the_formula(images):
    mean, std = np.arange(1.0, images.shape[1] + 1).tolist(), np.linspace(0.5, 3, images.shape[1]).tolist()
    result = applied(Normalize(mean, std), images)
    for channel in range(images.shape[1]):
        np.testing.assert_allclose(result[:, channel], (images[:, channel] - mean[channel]) / std[channel], rtol=1e-5)
