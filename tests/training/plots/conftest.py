"""What the tests of plots share: drawing to a file while the figure is kept, and a check that nothing is cut off."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from PIL import Image

Draw = Callable[..., Figure]


@pytest.fixture
def draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Draw:
    """Calls a plot function with ``path`` set and returns the figure that it wrote there."""
    saved: list[Figure] = []
    savefig = Figure.savefig

    def remember(figure: Figure, *arguments: Any, **options: Any) -> None:
        saved.append(figure)
        savefig(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", remember)

    def call(plot: Callable[..., None], *arguments: Any, **options: Any) -> Figure:
        plot(*arguments, path=tmp_path / "plot.png", **options)
        figure = saved.pop()
        assert not saved
        with Image.open(tmp_path / "plot.png") as image:
            image.load()
            assert image.format == "PNG"
            assert image.size == tuple(round(size) for size in figure.bbox.size)
        assert os.listdir(tmp_path) == ["plot.png"]
        return figure

    return call


@pytest.fixture
def inside() -> Callable[[Figure], None]:
    """Checks that everything that is drawn lies within the picture."""

    def check(figure: Figure) -> None:
        box = figure.get_tightbbox()
        assert box is not None
        width, height = figure.get_size_inches()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= width
        assert box.y1 <= height

    return check
