"""Images of the digits 0 to 9 that look written by hand, drawn from a seed: images to train on without a download.

A digit is a few strokes of a pen, smooth curves through the points of a glyph. For each image the glyph is bent,
turned, slanted, scaled and moved, and there is ink where a pixel is nearer to a stroke than half the pen's width.

All sums are elementwise, none goes through BLAS, and the result is rounded to bytes, so that the same seed gives the
same images on every machine. The file needs NumPy alone: exported scripts hold its functions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["draw_digits"]

SIZE = 28  # pixels in a row and in a column
BOX = 20.0  # pixels that a glyph is high
AT_ONCE = 64  # images of one glyph whose arrays fit into the processor's cache
PARTS = 3  # straight pieces between two points of a curve

# The ways in which each digit is written: strokes, with | between them, and the points of each as x,y in percent of the
# box, x to the right and y down. Two points are a straight line, more a curve through them.
GLYPHS = (
    # 0: round; narrow; begun at the top and not quite closed
    (
        "50,0 26,14 17,50 26,86 50,100 74,86 83,50 74,14 50,0",
        "52,0 36,15 30,50 34,85 50,100 65,85 70,50 66,15 52,0",
        "60,6 36,6 18,40 22,80 45,100 74,85 84,50 74,12 46,1",
    ),
    # 1: a line; with a flag; with a flag and a foot
    (
        "50,0 50,100",
        "30,24 54,0 | 54,0 52,100",
        "32,20 52,0 | 52,0 52,100 | 28,100 76,100",
    ),
    # 2: with a straight foot; with a loop in the corner; with a wave for a foot
    (
        "20,24 34,4 60,2 76,22 68,48 20,100 | 20,100 84,98",
        "22,20 44,0 72,12 70,45 40,86 20,96 20,80 42,84 60,98 84,90",
        "24,14 54,0 76,18 62,54 18,94 50,90 80,100",
    ),
    # 3: two bows; with a flat top; with a small loop between the bows
    (
        "22,12 50,0 74,16 66,40 42,47 | 42,47 70,54 80,76 56,100 20,90",
        "22,2 76,2 | 76,2 44,40 | 44,40 72,48 80,74 56,100 20,90",
        "24,10 54,0 74,20 52,46 40,48 44,42 70,54 78,80 50,100 20,86",
    ),
    # 4: open at the top; closed; open, with a round corner
    (
        "30,2 20,58 | 20,58 84,56 | 66,0 62,100",
        "64,0 16,66 | 16,66 86,66 | 64,0 64,100",
        "26,0 20,40 36,56 68,50 | 74,4 68,50 | 68,50 64,100",
    ),
    # 5: with corners; in one curve; with a bar that is set apart
    (
        "78,2 30,2 | 30,2 26,42 | 26,42 54,36 78,54 76,82 50,100 20,92",
        "76,2 42,6 28,36 56,46 74,70 54,98 20,92",
        "30,10 26,46 | 26,46 56,42 76,64 62,94 24,96 | 32,6 80,0",
    ),
    # 6: a bow down into a loop; a straight back; a large loop
    (
        "70,2 38,20 20,62 34,96 64,96 76,72 56,54 24,70",
        "56,0 24,62 | 24,62 26,92 54,100 76,80 60,58 24,70",
        "62,0 30,24 18,70 46,100 80,80 70,48 40,46 20,70",
    ),
    # 7: two lines; with a bar across; with a hook and a bent stem
    (
        "18,2 80,2 | 80,2 40,100",
        "20,4 80,2 | 80,2 42,100 | 34,50 76,48",
        "20,18 24,2 | 24,2 82,4 | 82,4 56,44 46,100",
    ),
    # 8: in one curve; two rings; in one curve that begins at the side and leaves a gap
    (
        "50,48 26,28 50,0 74,26 50,48 22,76 50,100 78,76 50,48",
        "50,0 28,22 50,45 72,22 50,0 | 50,45 22,72 50,100 78,72 50,45",
        "72,14 42,0 28,24 62,56 74,84 46,100 26,80 50,46 76,20",
    ),
    # 9: a ring and a straight stem; a ring and a bow; in one curve
    (
        "74,24 50,2 24,24 44,50 74,24 | 74,14 68,100",
        "76,26 50,0 24,26 46,52 76,26 | 76,20 76,76 54,100 24,92",
        "72,18 46,2 24,30 50,48 74,16 70,50 48,100",
    ),
)


def draw_digits(
    count: int,
    seed: int,
    shift: float,
    scale: float,
    rotation: float,
    shear: float,
    bend: float,
    stroke: float,
    noise: float,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Images (count, 1, 28, 28) of white ink, 255, on black, and their digits, each equally often as far as it goes.

    `shift` (pixels), `scale`, `rotation` (degrees) and `shear` are the most that a digit is off; `bend` and `noise` are
    standard deviations, of the curves' points and of the pixels; `stroke` is the width of the pen in pixels.

    >>> images, digits = draw_digits(20, 0, 2.5, 0.2, 15, 0.3, 0.06, 2.2, 0.15)
    >>> images.shape, images.dtype, digits.tolist()[:8]
    ((20, 1, 28, 28), dtype('uint8'), [4, 9, 6, 2, 3, 6, 3, 1])
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    digits = generator.permutation(count) % len(GLYPHS)
    glyphs = generator.integers(0, 1 << 30, count)  # the rest of a division says which of a digit's glyphs
    limits = np.array([shift, shift, scale, scale, np.radians(rotation), shear, 0.4])
    chosen = generator.uniform(-1, 1, (count, len(limits))) * limits
    bends = generator.standard_normal((count, 2, 6)) * bend
    images = np.empty((count, 1, SIZE, SIZE), np.uint8)
    for digit, ways in enumerate(GLYPHS):
        for number, glyph in enumerate(ways):
            rows = np.flatnonzero((digits == digit) & (glyphs % len(ways) == number))
            strokes = strokes_of(glyph)
            for start in range(0, len(rows), AT_ONCE):
                some = rows[start : start + AT_ONCE]
                wobble = generator.standard_normal((len(some), 2, sum(map(len, strokes))))
                starts, ends = pieces(strokes, chosen[some], bends[some], wobble * (bend / 2))
                radius = stroke / 2 * (1 + chosen[some, 6])
                values = ink(starts, ends, radius.astype(np.float32))
                values += generator.standard_normal(values.shape, np.float32) * np.float32(noise)
                images[some, 0] = np.rint(np.clip(values, 0, 1) * 255)
    return images, digits


def strokes_of(glyph: str) -> list[list[tuple[int, int]]]:
    """The points of each stroke.

    >>> strokes_of("30,24 54,0 | 54,0 52,100")
    [[(30, 24), (54, 0)], [(54, 0), (52, 100)]]
    """
    numbers = [[point.split(",") for point in stroke.split()] for stroke in glyph.split("|")]
    return [[(int(x), int(y)) for x, y in stroke] for stroke in numbers]


def pieces(
    strokes: list[list[tuple[int, int]]],
    chosen: npt.NDArray[np.float64],
    bends: npt.NDArray[np.float64],
    wobble: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The straight pieces of a glyph in pixels, as it is for each of n images: starts and ends (pieces, 2, n)."""
    x, y = np.array([point for stroke in strokes for point in stroke]).T / 100 - 0.5
    u, v = 2 * x, 2 * y
    points = np.array([x, y]) + wobble
    for number, power in enumerate((u * v, u * u, v * v, u * v * v, v * u * u, v * v * v)):
        points += bends[:, :, number, None] * power
    moved_x, moved_y, wider, higher, angle, slant, _ = chosen.T[:, :, None]
    x, y = points[:, 0], points[:, 1]
    x, y = (x - slant * y) * (1 + wider), y * (1 + higher)
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = cos * x - sin * y, sin * x + cos * y
    middle = (SIZE - 1) / 2
    placed = np.array([x * BOX + middle + moved_x, y * BOX + middle + moved_y])
    starts, ends, first = [], [], 0
    for stroke in strokes:
        path = placed[:, :, first : first + len(stroke)].transpose(2, 0, 1)
        first += len(stroke)
        if len(stroke) > 2:
            path = curve(path, is_closed=stroke[0] == stroke[-1])
        starts.append(path[:-1])
        ends.append(path[1:])
    return np.concatenate(starts).astype(np.float32), np.concatenate(ends).astype(np.float32)


def curve(path: npt.NDArray[np.float64], is_closed: bool) -> npt.NDArray[np.float64]:
    """A smooth curve through the points (Catmull-Rom), `PARTS` straight pieces from each to the next."""
    before, after = (path[-2], path[1]) if is_closed else (path[0], path[-1])
    a, b, c, d = (np.concatenate([[before], path, [after]])[i : len(path) + i - 1] for i in range(4))
    result = np.empty((PARTS * (len(path) - 1) + 1, *path.shape[1:]))
    result[0] = path[0]
    for part in range(1, PARTS + 1):
        t = part / PARTS
        value = b + t / 2 * ((c - a) + t * ((2 * a - 5 * b + 4 * c - d) + t * (3 * (b - c) + d - a)))
        result[part::PARTS] = value
    return result


def ink(
    starts: npt.NDArray[np.float32], ends: npt.NDArray[np.float32], radius: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Images (n, 28, 28) of strokes: 1 up to `radius` (n,) from a piece's nearest point, falling to 0 within a pixel.

    With s from start to end and p the pixel seen from the start, the nearest point is at t = p.s / s.s, between 0
    and 1, and its distance squared is p.p - t (2 p.s - t s.s). Sums p.p and p.s fall apart into one of x and one of y.
    """
    pixel = np.arange(SIZE, dtype=np.float32)
    nearest = np.full((len(radius), SIZE, SIZE), np.inf, np.float32)
    distance, along, both = (np.empty_like(nearest) for _ in range(3))
    for start, end in zip(starts, ends, strict=True):
        step = end - start
        length = np.maximum(step[0] * step[0] + step[1] * step[1], np.float32(1e-6))
        x, y = pixel - start[:, :, None]  # (n, 28) each
        x, y = x[:, None], y[:, :, None]
        (step_x, step_y), length = step[:, :, None, None], length[:, None, None]
        np.add(x * step_x, y * step_y, out=along)
        np.add(x * x, y * y, out=distance)
        t = np.clip(along / length, 0, 1, out=both)
        along *= 2
        along -= t * length
        along *= t
        distance -= along
        np.minimum(nearest, distance, out=nearest)
    distance = np.sqrt(np.maximum(nearest, 0, out=nearest), out=nearest)
    return np.clip(radius[:, None, None] + np.float32(0.5) - distance, 0, 1)
