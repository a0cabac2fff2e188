"""A graph of a step as a picture, SVG or PNG: the same drawing on two canvases.

An arrow leads from what made an array to what uses it; its width and colour tell the norm of the gradient that flows
back along it. The SVG has a light and a dark look, tells more where the mouse rests, and needs nothing from elsewhere.
"""

from __future__ import annotations

import math
import os
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from mytorch.training.inspection.graph import STATES, Edge, Graph, Group, Node
from mytorch.training.inspection.graph_layout import Box, Frame, Layout, Link, Point, Rect, lay_out
from mytorch.training.inspection.graph_looks import (
    COLORS,
    FILLS,
    LEVELS,
    Scale,
    label_of,
    look_of,
    printable,
    tooltip_of,
)
from mytorch.training.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Command = tuple[str, list[Point]]  # of a path, as SVG names them
_FILL_NAMES = {
    "layer": "layer",
    "operation": "operation",
    "loss": "loss",
    "data": "data",
    "parameter": "parameters",
    "buffer": "constant or buffer",
}
_TITLE, _TEXT, _SMALL = 17.0, 12.0, 10.0  # sizes of letters
_LONGEST = 40  # name, in letters
_MARGIN = 24.0
_LEGEND_ROW = 22.0
_LARGEST_PNG = 4000  # pixels a side that a picture is enlarged to at most
_LIMIT_PNG = 20000  # and that it is made smaller for


def to_svg(graph: Graph) -> str:
    """The picture as the text of an SVG file."""
    picture = _Picture(graph)
    canvas = _Svg(picture.width, picture.height, graph.title, picture.summary())
    picture.draw(canvas)
    return canvas.finished()


def write_png(graph: Graph, path: str | os.PathLike[str]) -> None:
    """The picture as a PNG file, in the light look; small ones are drawn with two pixels for one."""
    picture = _Picture(graph)
    largest = max(picture.width, picture.height)
    scale = max(1.0, min(2.0, _LARGEST_PNG / largest)) if largest < _LIMIT_PNG else _LIMIT_PNG / largest
    width, height = round(picture.width * scale), round(picture.height * scale)
    with style.picture(path) as figure:
        axes = style.add_axes(figure, (width, height), (0, 0, width, height))
        axes.set(xlim=(0, picture.width), ylim=(picture.height, 0))
        axes.set_axis_off()
        figure.set_facecolor(COLORS["page"][0])
        picture.draw(_Png(axes, scale))


def text_width(text: str, size: float) -> float:
    """About how wide a text is in letters of that size, in pixels; rather too wide, as fonts differ."""
    return size * sum(_letter_width(letter) for letter in text)


def _letter_width(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.02
    if letter in "ijlI.,:;|!'()[] ft":
        return 0.4
    return 0.95 if letter in "mwMW@%✂" else 0.72 if letter.isupper() else 0.64


# --- what is drawn ----------------------------------------------------------------------------------------------------


class _Canvas(Protocol):
    """What can be drawn on; colours are names of `COLORS`, and "" is none."""

    def begin(self, tooltip: str) -> None: ...

    def end(self) -> None: ...

    def rectangle(self, rect: Rect, radius: float, fill: str, line: str, dashes: tuple[float, ...] = ()) -> None: ...

    def curve(self, path: Sequence[Command], color: str, width: float, dashes: tuple[float, ...]) -> None: ...

    def triangle(self, points: Sequence[Point], color: str) -> None: ...

    def text(self, x: float, y: float, text: str, size: float, color: str, bold: bool, centered: bool) -> None: ...


class _Picture:
    """Sizes and places of all that is drawn."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes = {node.id: node for node in graph.nodes()}
        self.scale = Scale.of(graph.edges)
        beside: dict[str, list[Box]] = {}
        for node in self.nodes.values():
            if node.beside is not None:
                beside.setdefault(node.beside, []).append(_box_of(node, []))
        root = _frame_of(graph.root, beside)
        self.straight = [edge for edge in graph.edges if self.nodes[edge.source].beside is None]
        self.layout: Layout = lay_out(root, [_link_of(edge) for edge in self.straight])
        self.width = max(self.layout.width + 2 * _MARGIN, 560.0)
        self.legend = list(self._legend())
        self.about = textwrap.wrap(graph.about, int((self.width - 2 * _MARGIN) / 7))
        rows = 1 + max((row for row, _, _ in self.legend), default=-1)
        self.top = _MARGIN + 30 + 16 * len(self.about) + 8 + _LEGEND_ROW * rows + 14
        self.left = (self.width - self.layout.width) / 2
        self.height = self.top + self.layout.height + _MARGIN

    def summary(self) -> str:
        """The picture in words, for who cannot see it."""
        counts = {name: sum(edge.state == state for edge in self.graph.edges) for state, name in STATES.items()}
        told = "; ".join(f"{name}: {count}" for name, count in counts.items() if count)
        return f"{self.graph.about}. {len(self.nodes)} nodes, {len(self.graph.edges)} edges ({told})."

    def draw(self, canvas: _Canvas) -> None:
        canvas.rectangle(Rect(0, 0, self.width, self.height), 0, "page", "")
        self._draw_heading(canvas)
        for group in self.graph.groups():
            rect = self._moved(self.layout.frames[group.id])
            canvas.rectangle(rect, 8, "frame", "line")
            canvas.text(rect.x + 10, rect.y + 16, _short(group.title), 11.0, "pale", True, False)
        names = {node.id: node.details[0] for node in self.nodes.values()}
        routes = dict(zip(map(id, self.straight), self.layout.routes, strict=True))
        labels = dict(zip(map(id, self.straight), self.layout.labels, strict=True))
        for edge in self.graph.edges:
            color, width, dashes = look_of(edge, self.scale)
            canvas.begin(tooltip_of(edge, names))
            beside = id(edge) not in routes
            route = self._route_beside(edge) if beside else routes[id(edge)]
            _draw_arrow(canvas, [(x + self.left, y + self.top) for x, y in route], color, width, dashes, beside)
            label = labels.get(id(edge))
            if label is not None:
                rect = self._moved(label)
                for index, text in enumerate(label_of(edge)):
                    special = edge.state in ("detached", "unreached", "zero", "not finite") and text == edge.gradient
                    canvas.text(rect.x, rect.y + 10 + 12 * index, text, _SMALL, "ink" if special else "pale",
                                special, False)  # fmt: skip
            canvas.end()
        for node in self.nodes.values():
            self._draw_node(canvas, node)

    def _moved(self, rect: Rect) -> Rect:
        return rect._replace(x=rect.x + self.left, y=rect.y + self.top)

    def _draw_node(self, canvas: _Canvas, node: Node) -> None:
        rect = self._moved(self.layout.boxes[node.id])
        canvas.begin("\n".join(node.details))
        fill = FILLS[node.kind]
        radius = {"layer": 6.0, "operation": 3.0, "loss": 6.0}.get(node.kind, min(rect.height / 2, 11.0))
        canvas.rectangle(rect, radius, fill, "pale" if node.kind in ("layer", "operation", "loss") else "line")
        size = _size_of(node)
        middle = rect.y + rect.height / 2
        for index, line in enumerate(node.lines):
            y = middle + (index - (len(node.lines) - 1) / 2) * 13.5 + 0.36 * size
            bold = index == 0 and size == _TEXT
            canvas.text(rect.x + rect.width / 2, y, _short(line), size, "ink", bold, True)
        canvas.end()

    def _route_beside(self, edge: Edge) -> list[Point]:
        small, large = self.layout.boxes[edge.source], self.layout.boxes[edge.target]
        all_of = [node.id for node in self.nodes.values() if node.beside == edge.target]
        y = small.y + small.height / 2
        if len(all_of) == 1:
            return [(small.x + small.width, y), (large.x, y)]
        at = large.y + large.height * (all_of.index(edge.source) + 1) / (len(all_of) + 1)
        return [(small.x + small.width, y), (large.x, at)]

    def _draw_heading(self, canvas: _Canvas) -> None:
        longest = int((self.width - 2 * _MARGIN) / (0.6 * _TITLE))
        title = style.shorten(self.graph.title, max(longest, 10))
        canvas.text(_MARGIN, _MARGIN + 14, title, _TITLE, "ink", True, False)
        y = _MARGIN + 34
        for line in self.about:
            canvas.text(_MARGIN, y, line, 11.0, "pale", False, False)
            y += 16
        y += 8
        for row, x, item in self.legend:
            at = y + row * _LEGEND_ROW
            if isinstance(item, Edge):
                color, width, dashes = look_of(item, self.scale)
                canvas.curve([("M", [(x, at)]), ("L", [(x + 24, at)])], color, width, dashes)
                canvas.text(x + 30, at + 4, _legend_text(item), 10.5, "ink", False, False)
            elif item in _FILL_NAMES:
                canvas.rectangle(Rect(x + 4, at - 6, 18, 12), 3, item, "line")
                canvas.text(x + 30, at + 4, _FILL_NAMES[item], 10.5, "ink", False, False)
            else:
                canvas.text(x, at + 4, item, 10.5, "ink", True, False)

    def _legend(self) -> Iterator[tuple[int, float, Edge | str]]:
        """Row, place and what: an edge as a sample, a fill, or a text."""
        found = {edge.state for edge in self.graph.edges}
        fills = {FILLS[node.kind] for node in self.nodes.values()}
        items: list[Edge | str] = []
        if "flows" in found:
            items.append("norm of the gradient")
            levels = range(0, LEVELS, 2) if self.scale.high > self.scale.low else [LEVELS - 1]
            items += [Edge("", "", None, "flows", self.scale.middle(level)) for level in levels]
        items += [Edge("", "", None, state) for state in STATES if state in found and state != "flows"]
        items += [fill for fill in _FILL_NAMES if fill in fills]
        row, x = 0, _MARGIN
        for item in items:
            text = _legend_text(item) if isinstance(item, Edge) else _FILL_NAMES.get(item, item)
            wide = text_width(text, 10.5) + (16 if text == item and item not in _FILL_NAMES else 48)
            if x > _MARGIN and x + wide > self.width - _MARGIN + 16:
                row, x = row + 1, _MARGIN
            yield row, x, item
            x += wide


def _legend_text(edge: Edge) -> str:
    return f"{edge.norm:.2g}" if edge.norm is not None else STATES[edge.state]


def _size_of(node: Node) -> float:
    return _TEXT if node.kind in ("layer", "operation", "loss", "inputs") else _SMALL


def _short(text: str) -> str:
    return style.shorten(text, _LONGEST)


def _box_of(node: Node, beside: list[Box]) -> Box:
    size = _size_of(node)
    width = max(text_width(_short(line), size * (1.08 if size == _TEXT else 1.0)) for line in node.lines)
    return Box(node.id, max(width + 18, 44.0), 13.5 * len(node.lines) + (13 if size == _TEXT else 6), beside)


def _frame_of(group: Group, beside: dict[str, list[Box]]) -> Frame:
    frame = Frame(group.id, text_width(_short(group.title), 12.0) + 20)
    for one in group.members:
        if isinstance(one, Group):
            frame.members.append(_frame_of(one, beside))
        elif one.beside is None:
            frame.members.append(_box_of(one, beside.get(one.id, [])))
    return frame


def _link_of(edge: Edge) -> Link:
    lines = label_of(edge)
    return Link(edge.source, edge.target, max(text_width(line, _SMALL) for line in lines), 12.0 * len(lines) + 2)


def _draw_arrow(
    canvas: _Canvas, route: list[Point], color: str, width: float, dashes: tuple[float, ...], sideways: bool
) -> None:
    """Along the route, with a head that points down, or to the right."""
    length, half = 6.0 + width, 3.0 + 0.75 * width
    x, y = route[-1]
    if sideways:
        corners = [(x - length, y - half), (x - length, y + half), (x, y)]
        route = [*route[:-1], (x - length + 1, y)]
    else:
        corners = [(x - half, y - length), (x + half, y - length), (x, y)]
        if y - length + 1 > route[-2][1]:
            route = [*route[:-1], (x, y - length + 1)]
    canvas.curve(list(_curve(route, sideways)), color, width, dashes)
    canvas.triangle(corners, color)


def _curve(route: Sequence[Point], sideways: bool = False) -> Iterator[Command]:
    """A line through points as the commands of a path: slanted parts swing, right angles are rounded."""
    yield "M", [route[0]]
    for index, ((x0, y0), (x1, y1)) in enumerate(pairwise(route)):
        if x0 != x1 and y0 != y1:
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            yield "C", [*([(x, y0), (x, y1)] if sideways else [(x0, y), (x1, y)]), (x1, y1)]
            continue
        after = route[index + 2] if index + 2 < len(route) else None
        if after is not None and ((y0 == y1 and x1 == after[0]) or (x0 == x1 and y1 == after[1])):
            radius = min(6.0, abs(x1 - x0 + y1 - y0) / 2, abs(after[0] - x1 + after[1] - y1) / 2)
            yield "L", [_towards((x1, y1), (x0, y0), radius)]
            yield "Q", [(x1, y1), _towards((x1, y1), after, radius)]
        else:
            yield "L", [(x1, y1)]


def _towards(start: Point, end: Point, distance: float) -> Point:
    """The point so far from the start of a part that is level or upright."""
    x, y = end[0] - start[0], end[1] - start[1]
    return start[0] + math.copysign(min(distance, abs(x)), x), start[1] + math.copysign(min(distance, abs(y)), y)


# --- canvases ---------------------------------------------------------------------------------------------------------


class _Svg:
    """Writes the elements of an SVG file. Whatever comes from outside goes through `escape`."""

    def __init__(self, width: float, height: float, title: str, summary: str) -> None:
        fonts = "'DejaVu Sans', Verdana, 'Noto Sans', 'Noto Sans KR', 'Malgun Gothic', sans-serif"
        self.lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-labelledby="graph-title graph-summary">',
            f'<title id="graph-title">{_escaped(title)}</title>',
            f'<desc id="graph-summary">{_escaped(summary)}</desc>',
            "<style>",
            f"text {{ font-family: {fonts}; }}",
            "path { fill: none; }",
            *_rules(0),
            "@media (prefers-color-scheme: dark) {",
            *_rules(1),
            "}",
            "</style>",
        ]

    def text(
        self, x: float, y: float, text: str, size: float, color: str, bold: bool, centered: bool
    ) -> None:  # fmt: skip
        more = (' font-weight="bold"' if bold else "") + (' text-anchor="middle"' if centered else "")
        self.lines.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" class="fill-{color}"{more}>{_escaped(text)}</text>'
        )

    def begin(self, tooltip: str) -> None:
        self.lines.append(f"<g><title>{_escaped(tooltip)}</title>")

    def end(self) -> None:
        self.lines.append("</g>")

    def rectangle(self, rect: Rect, radius: float, fill: str, line: str, dashes: tuple[float, ...] = ()) -> None:
        shown = f"fill-{fill}" + (f" line-{line}" if line else "")
        self.lines.append(
            f'<rect x="{rect.x:.1f}" y="{rect.y:.1f}" width="{rect.width:.1f}" height="{rect.height:.1f}" '
            f'rx="{radius:g}" class="{shown}"{_dashed(dashes)}/>'
        )

    def curve(self, path: Sequence[Command], color: str, width: float, dashes: tuple[float, ...]) -> None:
        parts = [command + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) for command, points in path]
        self.lines.append(
            f'<path d="{" ".join(parts)}" class="line-{color}" stroke-width="{width:.2f}"{_dashed(dashes)}/>'
        )

    def triangle(self, points: Sequence[Point], color: str) -> None:
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.lines.append(f'<polygon points="{corners}" class="fill-{color}"/>')

    def finished(self) -> str:
        return "\n".join([*self.lines, "</svg>", ""])


def _rules(look: int) -> Iterator[str]:
    for name, colors in COLORS.items():
        yield f".fill-{name} {{ fill: {colors[look]}; }} .line-{name} {{ stroke: {colors[look]}; }}"


def _dashed(dashes: tuple[float, ...]) -> str:
    return f' stroke-dasharray="{" ".join(f"{dash:g}" for dash in dashes)}"' if dashes else ""


def _escaped(text: str) -> str:
    """As XML can hold it."""
    return escape("\n".join(map(printable, text.split("\n"))))


class _Png:
    """Draws on matplotlib axes whose units are the pixels of the SVG."""

    def __init__(self, axes: Axes, scale: float) -> None:
        self.axes, self.point = axes, 0.72 * scale  # a pixel in points, at 100 pixels an inch

    def begin(self, tooltip: str) -> None:
        pass

    def end(self) -> None:
        pass

    def rectangle(self, rect: Rect, radius: float, fill: str, line: str, dashes: tuple[float, ...] = ()) -> None:
        from matplotlib.patches import FancyBboxPatch

        self.axes.add_patch(
            FancyBboxPatch(
                (rect.x, rect.y),
                rect.width,
                rect.height,
                boxstyle=f"round,pad=0,rounding_size={radius}" if radius else "square,pad=0",
                facecolor=COLORS[fill][0],
                edgecolor=COLORS[line][0] if line else "none",
                linewidth=self.point,
                linestyle=(0, dashes) if dashes else "-",
            )
        )

    def curve(self, path: Sequence[Command], color: str, width: float, dashes: tuple[float, ...]) -> None:
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        kinds = {"M": Path.MOVETO, "L": Path.LINETO, "Q": Path.CURVE3, "C": Path.CURVE4}
        points, codes = [], []
        for command, some in path:
            points += some
            codes += [kinds[command]] * len(some)
        self.axes.add_patch(
            PathPatch(
                Path(points, codes),
                facecolor="none",
                edgecolor=COLORS[color][0],
                linewidth=width * self.point,
                linestyle=(0, [dash / width for dash in dashes]) if dashes else "-",
                capstyle="butt",
            )
        )

    def triangle(self, points: Sequence[Point], color: str) -> None:
        from matplotlib.patches import Polygon

        self.axes.add_patch(Polygon(list(points), closed=True, facecolor=COLORS[color][0], edgecolor="none"))

    def text(
        self, x: float, y: float, text: str, size: float, color: str, bold: bool, centered: bool
    ) -> None:  # fmt: skip
        self.axes.text(
            x,
            y,
            text,
            fontsize=size * self.point,
            color=COLORS[color][0],
            fontweight="bold" if bold else "normal",
            horizontalalignment="center" if centered else "left",
            verticalalignment="baseline",
        )
