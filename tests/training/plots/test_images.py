"""Pictures of images: samples with captions, and filters; their pixels are looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from mytorch.training import plots
from mytorch.training.plots import Caption

Draw = Callable[..., Figure]
Inside = Callable[[Figure], None]
ORANGE, BLUE = (0xD5, 0x5E, 0x00), (0x00, 0x72, 0xB2)


def pixels(folder: Path) -> np.ndarray:
    return np.asarray(Image.open(folder / "plot.png").convert("RGB"))


def has(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((picture == colour).all(axis=2).sum())


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def test_samples_with_captions_and_a_frame_around_mistakes(draw: Draw, inside: Inside, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (11, 1, 28, 28)).astype(np.uint8)
    captions = [Caption("cat", "dog 91%", True), *[Caption("dog", "80%")] * 10]
    figure = draw(plots.plot_samples, images, captions, title="animals: test", told="1 mistake in 11")
    assert texts(figure) == ["animals: test", "1 mistake in 11", "cat", "dog 91%", *["dog", "80%"] * 10]
    inside(figure)
    picture = pixels(tmp_path)
    # Each pixel is a square of 3 x 3; the upper left one of the second image stands behind the first, 84 + 10 further.
    second = picture[62 : 62 + 84, 30 + 94 : 30 + 94 + 84]
    assert (second[::3, ::3, 0] == images[1, 0]).all()
    assert (second[2::3, 2::3, 2] == images[1, 0]).all()
    first = picture[62 : 62 + 84, 30 : 30 + 84]
    assert has(first, ORANGE) == 84 * 84 - 78 * 78  # three pixels all around
    assert (first[3:-3:3, 3:-3:3, 1] == images[0, 0, 1:-1, 1:-1]).all()


def test_samples_in_colour_and_with_other_numbers(draw: Draw, tmp_path: Path) -> None:
    colours = np.zeros((1, 3, 8, 8), np.float32)
    colours[0, 0], colours[0, 2] = 5.0, -5.0  # red is the largest, blue the smallest
    draw(plots.plot_samples, colours, [Caption("a", "b")], title="t", told="u")
    assert has(pixels(tmp_path), (255, 128, 0)) == 80 * 80
    draw(plots.plot_samples, np.full((1, 1, 8, 8), 7.5), [Caption("a", "b")], title="t", told="u")
    assert has(pixels(tmp_path), (0, 0, 0)) >= 80 * 80


@pytest.mark.parametrize("shape", [(4, 4), (200, 300), (1000, 17), (17, 90), (84, 84), (85, 85)])
def test_images_of_any_size(draw: Draw, inside: Inside, shape: tuple[int, int]) -> None:
    images = np.random.default_rng(0).random((3, 1, *shape))
    captions = [Caption("Ankle boot of an endless name", "T-shirt/top of an endless name 100%", True)] * 3
    figure = draw(plots.plot_samples, images, captions, title="t" * 200, told="u")
    inside(figure)
    assert all("…" in text for text in texts(figure)[2:])


def test_large_images_become_the_means_of_blocks(draw: Draw, tmp_path: Path) -> None:
    image = np.zeros((1, 1, 168, 168), np.uint8)
    image[0, 0, ::2, ::2] = 200
    draw(plots.plot_samples, image, [Caption("a", "b")], title="t", told="u")
    assert has(pixels(tmp_path), (50, 50, 50)) >= 84 * 84


def test_filters(draw: Draw, inside: Inside, tmp_path: Path) -> None:
    weights = np.zeros((10, 1, 3, 3))
    weights[0, 0, 0, 1], weights[1, 0, 1, 1], weights[2, 0, 2, 2] = 2.0, -2.0, 1.0
    figure = draw(plots.plot_filters, weights, "Conv2d 0", title="digits")
    told = "10 filters of 3 x 3; white is 0, orange positive, blue negative, up to 2"
    assert texts(figure) == ["digits: Conv2d 0", told]
    inside(figure)
    picture = pixels(tmp_path)
    side = 56 // 3
    assert side * (side - 1) <= has(picture, ORANGE) <= side * side  # but for the frame
    assert has(picture, BLUE) == side * side
    assert side * (side - 2) <= has(picture, (234, 174, 128)) <= side * side  # half of it


def test_of_many_filters_the_largest(draw: Draw, inside: Inside) -> None:
    weights = np.zeros((100, 1, 5, 5))
    weights[30:] = 1
    figure = draw(plots.plot_filters, weights, "Linear 1", title="digits")
    assert texts(figure)[1].startswith("the 64 of 100 filters of 5 x 5 with the largest weights; white is 0")
    inside(figure)
    several = draw(plots.plot_filters, np.ones((4, 2, 5, 5)), "Conv2d 0", title="digits")
    assert texts(several)[1].startswith("8 filters of 5 x 5")


def test_filters_in_colour(draw: Draw, tmp_path: Path) -> None:
    weights = np.zeros((2, 3, 3, 3))
    weights[0, 0, 1, 1], weights[1, 2, 1, 1] = 1.0, -1.0
    figure = draw(plots.plot_filters, weights, "Conv2d 0", title="t", in_colour=True)
    assert texts(figure)[1] == "2 filters of 3 x 3; gray is 0"
    picture = pixels(tmp_path)
    assert has(picture, (255, 128, 128)) == has(picture, (128, 128, 0)) == 18 * 18


def test_what_cannot_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected images .* and n captions, got \(2, 1, 4, 4\) and 1"):
        plots.plot_samples(np.zeros((2, 1, 4, 4)), [Caption("a", "b")], tmp_path / "a.png", "t", "u")
    with pytest.raises(ValueError, match=r"expected filters .*, got \(0, 1, 3, 3\)"):
        plots.plot_filters(np.zeros((0, 1, 3, 3)), "Conv2d", tmp_path / "a.png", "t")
