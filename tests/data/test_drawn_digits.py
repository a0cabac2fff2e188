"""Drawn digits: what the images look like, what each argument does to them, and that only the seed draws."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from mytorch.data import drawn_digits
from mytorch.data.drawn_digits import GLYPHS, curve, draw_digits, ink, strokes_of
from mytorch.data.generated import Digits

STRAIGHT = {"shift": 0.0, "scale": 0.0, "rotation": 0.0, "shear": 0.0, "bend": 0.0, "noise": 0.0}

# The first glyph of 2 as it is, without the empty rows above and below.
TWO = """\
...........######...........
..........########..........
.........###....###.........
........###......###........
.......###........##........
.......##.........##........
.......##.........##........
..................##........
..................##........
.................###........
................###.........
...............###..........
...............##...........
..............###...........
.............###............
............###.............
...........###..............
..........###...............
.........###................
........###.................
.......###############......
.......##############.......
"""


def drawn(**changes):
    arguments = {**vars(Digits(count=200)), **changes}
    images, digits = draw_digits(**arguments)
    return images[:, 0].astype(float) / 255, digits


def test_each_digit_equally_often_in_random_order():
    images, digits = draw_digits(**vars(Digits(count=203)))
    assert (images.shape, images.dtype, digits.dtype) == ((203, 1, 28, 28), np.uint8, np.int64)
    assert np.bincount(digits).tolist() == [21, 21, 21, 20, 20, 20, 20, 20, 20, 20]
    assert len(set(np.diff(digits[:50]).tolist())) > 5


def test_the_same_seed_gives_the_same_bytes_whatever_else_is_drawn():
    one = draw_digits(**vars(Digits(count=50)))
    np.random.seed(3)
    np.random.rand(5)
    other = draw_digits(**vars(Digits(count=50)))
    assert all((a == b).all() for a, b in zip(one, other, strict=True))
    assert (draw_digits(**vars(Digits(count=50, seed=1)))[0] != one[0]).any()


def test_the_bytes_do_not_depend_on_blas_or_on_the_threads():
    program = (
        "import zlib; from mytorch.data.generated import Digits; images, _ = Digits(count=300).arrays();"
        "print(zlib.crc32(images.tobytes()))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **settings},
        ).stdout
        for settings in ({}, {"OPENBLAS_CORETYPE": "Prescott", "OPENBLAS_NUM_THREADS": "2"})
    }  # fmt: skip
    assert len(told) == 1


def test_a_digit_as_it_is():
    image = picture(strokes_of(GLYPHS[2][0]))
    shown = "".join("".join("#" if pixel > 0.5 else "." for pixel in row) + "\n" for row in image[3:25])
    assert shown == TWO
    assert max(image[:3].max(), image[25:].max()) < 0.5
    images, digits = drawn(**STRAIGHT, stroke=2.2)
    here = (np.abs(image - images[digits == 2]).max((1, 2)) < 0.5).any()  # the pen's width varies, the places do not
    assert here


def test_no_two_glyphs_are_alike():
    """Each is farther from those of the other digits than a pen's width in some place, and none is outside its box."""
    pictures = {}
    for digit, ways in enumerate(GLYPHS):
        assert len(ways) >= 3
        for number, glyph in enumerate(ways):
            strokes = strokes_of(glyph)
            points = np.array([point for stroke in strokes for point in stroke])
            assert points.min() >= 0
            assert points.max() <= 100
            assert np.ptp(points[:, 1]) >= 90
            pictures[digit, number] = picture(strokes)
    for (digit, _), one in pictures.items():
        for (other, _), another in pictures.items():
            assert digit == other or np.abs(one - another).sum() > 20, (digit, other)


def picture(strokes):
    none = np.zeros((1, 7))
    wobble = np.zeros((1, 2, sum(map(len, strokes))))
    starts, ends = drawn_digits.pieces(strokes, none, np.zeros((1, 2, 6)), wobble)
    return ink(starts, ends, np.array([1.1], np.float32))[0]


@pytest.mark.parametrize(
    ("name", "small", "large", "figure"),
    [
        ("shift", 0.0, 5.0, lambda images: centers(images).std()),
        ("scale", 0.0, 0.4, lambda images: heights(images).std()),
        ("rotation", 0.0, 45.0, lambda images: slants(images).std()),
        ("shear", 0.0, 0.6, lambda images: slants(images).std()),
        ("stroke", 1.5, 4.0, lambda images: images.mean()),
        ("noise", 0.0, 0.3, lambda images: images[:, 0].mean()),
    ],
)
def test_what_an_argument_does(name, small, large, figure):
    assert figure(drawn(**{**STRAIGHT, name: large})[0]) > 1.3 * figure(drawn(**{**STRAIGHT, name: small})[0])


def test_bend_makes_images_of_a_digit_differ():
    images, digits = drawn(**STRAIGHT)
    bent, _ = drawn(**{**STRAIGHT, "bend": 0.06})
    assert spread(images[digits == 0]) < spread(bent[digits == 0])


def spread(images):
    return images.std(axis=0).mean()


def centers(images):
    return (images.sum(1) * np.arange(28)).sum(1) / images.sum((1, 2))


def heights(images):
    return np.array([np.ptp(np.flatnonzero(image.max(1) > 0.5)) for image in images])


def slants(images):
    """How far the upper half's center is to the side of the lower half's."""
    return centers(images[:, :14]) - centers(images[:, 14:])


def test_a_curve_goes_through_its_points():
    angle = np.arange(9) * (np.pi / 4)
    path = np.stack([np.cos(angle), 2 * np.sin(angle)], axis=1)
    for is_closed in (False, True):
        through = curve(path, is_closed)
        np.testing.assert_allclose(through[:: drawn_digits.PARTS], path, atol=1e-12)
    pieces = np.diff(through, axis=0)
    np.testing.assert_allclose(pieces[0] * [-1, 1], pieces[-1], atol=1e-12)  # a closed one is smooth at its ends too


def test_ink_is_where_the_distance_says():
    """Against the distance to the nearest of many points on each piece."""
    starts = np.array([[[3.0], [4.0]], [[20.0], [6.0]]], np.float32)
    ends = np.array([[[20.0], [6.0]], [[9.5], [22.0]]], np.float32)
    along = np.linspace(0, 1, 2001)[:, None]
    dense = np.concatenate([s[:, 0] + along * (e - s)[:, 0] for s, e in zip(starts, ends, strict=True)])
    y, x = np.mgrid[:28, :28]
    distance = np.sqrt(((x[..., None] - dense[:, 0]) ** 2 + (y[..., None] - dense[:, 1]) ** 2).min(-1))
    expected = np.clip(1.2 + 0.5 - distance, 0, 1)
    np.testing.assert_allclose(ink(starts, ends, np.array([1.2], np.float32))[0], expected, atol=2e-3)


def test_a_stroke_without_length_is_a_dot():
    point = np.array([[[14.0], [14.0]]], np.float32)
    dot = ink(point, point, np.array([1.0], np.float32))[0]
    assert dot[14, 14] == 1
    assert dot.sum() == pytest.approx(np.pi * 1.0**2, rel=0.3)
