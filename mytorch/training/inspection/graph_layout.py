"""Places for the boxes, frames and arrows of a picture of a graph: all arrows lead down, and nothing lies on another.

The method is that of Sugiyama, Tagawa and Toda (1981): boxes are put into rows by the longest path that leads to them;
an arrow over several rows gets an empty place in each; the order within a row is improved by turns, every box going
to the mean of its neighbours in the row before (and behind); then the places are found in the same way, each time by
the least squares that keep the order and the distances. Labels of arrows are places in rows of their own, between
those of the boxes.

A frame is laid out by itself first and then is one large box; an arrow from inside leaves it at its lower edge. A
frame that would become too high is broken into columns where few arrows are cut.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from mytorch.training.inspection.graph_rows import Item, Segment, place_across, put_in_order

BESIDE = 26.0  # between a box and those that belong to it
STACK = 5.0  # between boxes above each other
FREE = 26.0  # between rows without labels between them
AROUND = 7.0  # above and below a row of labels
PADDING = 14.0  # within a frame
TITLE = 22.0  # the height of a frame's title
HIGH = 1250.0  # a frame that is higher is broken into columns
COLUMN = 36.0  # between columns
LANE = 9.0  # between arrows that go from one column to the next
SHAPE = 1.3  # the width of columns together, in heights


class Rect(NamedTuple):
    """Left, top, width and height, in pixels from the picture's upper left corner."""

    x: float
    y: float
    width: float
    height: float


Point = tuple[float, float]


@dataclass
class Box:
    """What is to be placed; `beside` are boxes at its left that arrows lead from to this one only."""

    key: str
    width: float
    height: float
    beside: list[Box] = field(default_factory=list)


@dataclass
class Frame:
    """Boxes and frames with a line around them and a title of that width."""

    key: str
    title_width: float
    members: list[Box | Frame] = field(default_factory=list)


@dataclass
class Link:
    """An arrow between boxes, neither of which is beside another, with a label of that size."""

    source: str
    target: str
    width: float = 0.0
    height: float = 0.0


@dataclass
class Layout:
    """The places: boxes and frames by key; for each link the points that it goes through, and its label's rectangle."""

    width: float
    height: float
    boxes: dict[str, Rect]
    frames: dict[str, Rect]
    routes: list[list[Point]]
    labels: list[Rect | None]


def lay_out(root: Frame, links: Sequence[Link]) -> Layout:
    """Place all; the root has no line and no title.

    Raises:
        ValueError: links lead in a circle, between boxes or between the frames of one frame.

    >>> picture = lay_out(Frame("", 0, [Box("a", 50, 20), Box("b", 50, 20)]), [Link("a", "b")])
    >>> picture.boxes["a"], picture.boxes["b"]
    (Rect(x=0.0, y=0.0, width=50, height=20), Rect(x=0.0, y=46.0, width=50, height=20))
    >>> picture.routes
    [[(25.0, 20.0), (25.0, 46.0)]]
    """
    level = _Level(root, links, is_root=True)
    layout = Layout(level.width, level.height, {}, {}, [[] for _ in links], [None for _ in links])
    level.write(layout, 0.0, 0.0)
    layout.routes = [_simplified(route) for route in layout.routes]
    return layout


def _simplified(route: list[Point]) -> list[Point]:
    """Without the points in the middle of a straight line."""
    points: list[Point] = []
    for point in route:
        if points and point == points[-1]:
            continue
        if len(points) > 1 and points[-2][0] == points[-1][0] == point[0]:
            points[-1] = point
        else:
            points.append(point)
    return points


@dataclass(eq=False)
class _Item(Item):
    """A thing in a row: a box, a frame, or a place that an arrow goes through."""

    box: Box | None = None
    inner: _Level | None = None
    is_label: bool = False
    y: float = 0.0  # of its upper edge

    def edge(self, side: int) -> float:
        """The upper (-1) or lower (1) edge of what arrows are tied to: the box itself, not those beside it."""
        height = self.height if self.box is None else self.box.height
        return self.y + self.height / 2 + side * height / 2


class _Level:
    """The layout of one frame."""

    def __init__(self, frame: Frame, links: Sequence[Link], is_root: bool) -> None:
        self.frame, self.links, self.is_root = frame, links, is_root
        self.member: dict[str, _Item] = {}  # by the key of a box in it, however deep
        self.items: list[_Item] = []
        for one in frame.members:
            self._add_member(one)
        self.chains: dict[int, list[Segment[_Item]]] = {}
        self.entries: dict[int, _Item] = {}
        self.exits: dict[int, _Item] = {}
        self._put_in_rows()
        put_in_order(self.rows)
        self._tie()
        place_across(self.rows, self.chains.values())
        self._place_down()

    def _add_member(self, one: Box | Frame) -> None:
        if isinstance(one, Frame):
            inner = _Level(one, self.links, is_root=False)
            item = _Item(inner.width / 2, inner.width / 2, inner.height, inner=inner)
            self.member.update(dict.fromkeys(inner.member, item))
        else:
            stack = sum(small.height + STACK for small in one.beside) - STACK
            beside = max((small.width + BESIDE for small in one.beside), default=0.0)
            item = _Item(one.width / 2 + beside, one.width / 2, max(one.height, stack), box=one)
            self.member[one.key] = item
        self.items.append(item)

    # --- rows -------------------------------------------------------------------------------------------------------

    def _put_in_rows(self) -> None:
        """Boxes into the even rows, labels into the odd ones, empty places into all that an arrow passes."""
        ends = {
            number: (self.member.get(link.source), self.member.get(link.target))
            for number, link in enumerate(self.links)
        }
        ends = {number: pair for number, pair in ends.items() if pair[0] is not pair[1]}
        comes_in = any(source is None for source, _ in ends.values())
        self._rank([(a, b) for a, b in ends.values() if a is not None and b is not None], 2 if comes_in else 0)
        last = max((item.row for item in self.items), default=0)
        goes_out = any(target is None for _, target in ends.values())
        self.rows: list[list[_Item]] = [[] for _ in range(last + (3 if goes_out else 1))]
        for item in self.items:
            self.rows[item.row].append(item)
        for number, (source, target) in ends.items():
            link = self.links[number]
            if source is None:
                source = self.entries[number] = self._pass(number, 0)
            if target is None:
                target = self.exits[number] = self._pass(number, len(self.rows) - 1)
            within = number not in self.entries and number not in self.exits
            chain = [source]
            for row in range(source.row + 1, target.row):
                item = self._pass(number, row)
                if within and row == source.row + 1 and link.height:
                    item.left, item.right, item.height, item.is_label = 5.0, link.width + 6.0, link.height, True
                chain.append(item)
            chain.append(target)
            weight = 4.0 if target.row - source.row == 2 else 1.0  # short arrows are rather straight than long ones
            self.chains[number] = [Segment(number, upper, lower, weight) for upper, lower in pairwise(chain)]
            for segment in self.chains[number]:
                segment.upper.below.append(segment)
                segment.lower.above.append(segment)

    def _pass(self, number: int, row: int) -> _Item:
        item = _Item(3.0, 3.0, link=number, row=row)
        self.rows[row].append(item)
        return item

    def _rank(self, pairs: list[tuple[_Item, _Item]], first: int) -> None:
        """Each item below all that lead to it, and what nothing leads to right above what it leads to."""
        behind: dict[int, list[_Item]] = {id(item): [] for item in self.items}
        waiting = {id(item): 0 for item in self.items}
        for a, b in pairs:
            behind[id(a)].append(b)
            waiting[id(b)] += 1
        for item in self.items:
            item.row = first
        free = [item for item in self.items if not waiting[id(item)]]
        starts, done = list(free), 0
        while free:
            item = free.pop()
            done += 1
            for other in behind[id(item)]:
                other.row = max(other.row, item.row + 2)
                waiting[id(other)] -= 1
                if not waiting[id(other)]:
                    free.append(other)
        if done < len(self.items):
            raise ValueError("the links lead in a circle")
        for item in starts:
            item.row = min((other.row for other in behind[id(item)]), default=first + 2) - 2

    # --- from left to right -----------------------------------------------------------------------------------------

    def _tie(self) -> None:
        """Where arrows are tied: to boxes side by side, in the order of their other ends; to frames as they enter."""
        for item in (one for row in self.rows for one in row):
            if item.inner is not None:
                for segment in item.above:
                    segment.end = item.inner.entries[segment.link].x - item.left
                for segment in item.below:
                    segment.start = item.inner.exits[segment.link].x - item.left
            elif item.box is not None:
                for above in (True, False):
                    segments = item.above if above else item.below
                    if not segments:
                        continue
                    other = self.rows[(segments[0].upper if above else segments[0].lower).row]
                    places = {id(one): place for place, one in enumerate(other)}
                    segments.sort(key=lambda s, above=above, places=places: places[id(s.upper if above else s.lower)])  # type: ignore[misc]
                    step = min(14.0, item.box.width * 0.7 / len(segments))
                    for index, segment in enumerate(segments):
                        offset = (index - (len(segments) - 1) / 2) * step
                        if above:
                            segment.end = offset
                        else:
                            segment.start = offset

    # --- from above to below ----------------------------------------------------------------------------------------

    def _place_down(self) -> None:
        tall = [max((item.height for item in row), default=0.0) for row in self.rows]
        free = [self._free_below(index) for index in range(len(self.rows))]
        columns = self._columns(tall, free)
        before = 0.0 if self.is_root else PADDING
        top = 0.0 if self.is_root else TITLE + PADDING / 2
        top += LANE * max((len(self._cut(end)) for _, end in columns[:-1]), default=-1) + LANE
        self.bottom = 0.0
        self.low = [0.0] * len(self.rows)  # the lower edges of rows
        self.high = [0.0] * len(self.rows)
        self.gutters: dict[int, float] = {}  # right of a column, by its last row
        self.ground: dict[int, float] = {}  # the lower edge of a column, by its last row
        self.top = top
        for start, end in columns:
            items = [item for row in self.rows[start : end + 1] for item in row]
            shift = before - min((item.x - item.left for item in items), default=0.0)
            y = top
            for index in range(start, end + 1):
                for item in self.rows[index]:
                    item.x += shift
                    item.y = y + (tall[index] - item.height) / 2
                self.high[index], self.low[index] = y, y + tall[index]
                y += tall[index] + free[index]
            before = max((item.x + item.right for item in items), default=before)
            self.gutters[end], self.ground[end] = before, self.low[end]
            cut = self._cut(end) if end + 1 < len(self.rows) else []
            for lane, segment in enumerate(sorted(cut, key=lambda s: -s.upper.x - s.start)):
                segment.lane = lane
            self.bottom = max(self.bottom, self.low[end] + LANE * len(cut))
            before += COLUMN + LANE * len(cut)
        width = before - COLUMN
        self.height = self.bottom + (0.0 if self.is_root else PADDING)
        self.width = width + (0.0 if self.is_root else PADDING)
        if not self.is_root:
            self._make_room_for_title()

    def _make_room_for_title(self) -> None:
        """It stands at the left of all arrows that come in."""
        crossed = min((item.x for item in self.entries.values()), default=math.inf)
        extra = max(0.0, self.frame.title_width - crossed)
        for item in (one for row in self.rows for one in row):
            item.x += extra
        self.gutters = {row: x + extra for row, x in self.gutters.items()}
        self.width = max(self.width + extra, self.frame.title_width)

    def _free_below(self, index: int) -> float:
        """The space below a row: enough for arrows that go far aside."""
        if index + 1 == len(self.rows):
            return 0.0
        aside = max(
            (abs(s.lower.x + s.end - s.upper.x - s.start) for item in self.rows[index] for s in item.below),
            default=0.0,
        )
        around = (*self.rows[index], *self.rows[index + 1])
        least = AROUND if any(item.is_label for item in around) else FREE / 2
        if (index < 2 and self.entries) or (index > len(self.rows) - 4 and self.exits):
            least = 0.0  # the frame has its own space there
        return max(least, min(10.0 + 0.15 * aside, 40.0) if aside > 1 else 0.0)

    def _cut(self, row: int) -> list[Segment[_Item]]:
        """The parts of arrows that go from a row to the next."""
        return [segment for item in self.rows[row] for segment in item.below]

    def _columns(self, tall: list[float], free: list[float]) -> list[tuple[int, int]]:
        """First and last row of each column."""
        last = len(self.rows) - 1
        ends = [0.0]
        for height, gap in zip(tall, free, strict=True):
            ends.append(ends[-1] + height + gap)
        total = ends[-1]
        width = max((row[-1].x + row[-1].right - row[0].x + row[0].left for row in self.rows if row), default=1.0)
        count = round(math.sqrt(SHAPE * total / (width + COLUMN))) if total > HIGH else 1
        breaks: list[int] = []
        for number in range(1, count):
            ideal = total * number / count
            near = [
                row
                for row in range(2 if self.entries else 0, last - (3 if self.exits else 1), 2)
                if abs(ends[row + 1] - ideal) < 0.35 * total / count and (not breaks or row > breaks[-1])
            ]
            if near:
                best = min(near, key=lambda row: (len(self._cut(row)), abs(ends[row + 1] - ideal)))
                if 0 < len(self._cut(best)) <= 3:
                    breaks.append(best)
        return list(zip([0, *(row + 1 for row in breaks)], [*breaks, last], strict=True))

    # --- the result -------------------------------------------------------------------------------------------------

    def write(self, layout: Layout, left: float, top: float) -> None:
        """Everything in this frame, whose upper left corner lies there, but arrows that come in or go out."""
        for item in self.items:
            x, y = left + item.x, top + item.y
            if item.inner is not None:
                layout.frames[item.inner.frame.key] = Rect(x - item.left, y, item.inner.width, item.inner.height)
            elif item.box is not None:
                middle = y + item.height / 2
                box = item.box
                layout.boxes[box.key] = Rect(x - box.width / 2, middle - box.height / 2, box.width, box.height)
                small_y = middle - (sum(small.height + STACK for small in box.beside) - STACK) / 2
                for small in box.beside:
                    small_x = x - box.width / 2 - BESIDE - small.width
                    layout.boxes[small.key] = Rect(small_x, small_y, small.width, small.height)
                    small_y += small.height + STACK
        for number, chain in self.chains.items():
            if number in self.entries or number in self.exits:
                continue  # the frame around asks for it by `write_part`
            self.write_part(layout, number, left, top)
            label, size = chain[0].lower, self.links[number]
            if label.is_label:
                middle = top + label.y + label.height / 2
                layout.labels[number] = Rect(left + label.x + 6.0, middle - size.height / 2, size.width, size.height)
        for item in self.items:
            if item.inner is not None:
                item.inner.write(layout, left + item.x - item.left, top + item.y)

    def write_part(self, layout: Layout, number: int, left: float, top: float) -> None:
        """The part of an arrow within this frame, and within those in it."""
        chain = self.chains[number]
        source, target = chain[0].upper, chain[-1].lower
        if source.inner is not None:
            source.inner.write_part(layout, number, left + source.x - source.left, top + source.y)
        layout.routes[number] += [(left + x, top + y) for x, y in self._points(number)]
        if target.inner is not None:
            target.inner.write_part(layout, number, left + target.x - target.left, top + target.y)

    def _points(self, number: int) -> Iterator[Point]:
        chain = self.chains[number]
        for segment in chain:
            upper, lower = segment.upper, segment.lower
            x, to = upper.x + segment.start, lower.x + segment.end
            if upper is chain[0].upper:
                yield x, 0.0 if number in self.entries else upper.edge(1)
            yield x, self.low[upper.row]
            if segment.lane is not None:
                count = len(self._cut(upper.row))
                down = self.ground[upper.row] + LANE * (segment.lane + 1)
                aside = self.gutters[upper.row] + COLUMN / 2 + LANE * (segment.lane + 0.5)
                up = self.top - LANE * (count - segment.lane)
                yield from ((x, down), (aside, down), (aside, up), (to, up))
            yield to, self.high[lower.row]
            if lower is chain[-1].lower:
                yield to, self.height if number in self.exits else lower.edge(-1)
