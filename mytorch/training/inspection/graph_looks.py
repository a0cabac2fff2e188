"""How nodes and edges look, in whatever form a graph is written: colours, widths, dashes and what is told of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mytorch.training.inspection.graph import STATES, Edge, Kind, State

LEVELS = 7
# From the smallest gradient to the largest; each can be seen on white and on black.
_LEVEL_COLORS = ("#4C78C8", "#6A6FD0", "#8E63C7", "#B055A8", "#CB4E7F", "#DB5A4E", "#E2711D")
COLORS: dict[str, tuple[str, str]] = {  # by what it is for: light, dark
    "page": ("#FFFFFF", "#15181D"),
    "ink": ("#222222", "#E8E8E8"),
    "pale": ("#666666", "#A6ACB5"),
    "frame": ("#F4F5F7", "#1D2127"),
    "line": ("#B9BEC6", "#4B525C"),
    "grey": ("#9AA0A8", "#757C87"),
    "layer": ("#DCE9F7", "#22384F"),
    "operation": ("#FFFFFF", "#2A2F37"),
    "loss": ("#F6DDE6", "#54283A"),
    "data": ("#DDF1E4", "#1E4531"),
    "parameter": ("#FBEBC8", "#4D3D14"),
    "buffer": ("#E8E8EC", "#33373E"),
    **{f"level{number}": (color, color) for number, color in enumerate(_LEVEL_COLORS)},
    "zero": ("#C58A00", "#E0A820"),
    "bad": ("#D0021B", "#FF5C6C"),
}
FILLS: dict[Kind, str] = {
    "inputs": "data",
    "targets": "data",
    "weights": "data",
    "constant": "buffer",
    "layer": "layer",
    "operation": "operation",
    "loss": "loss",
    "parameter": "parameter",
    "buffer": "buffer",
}
DASHES: dict[State, tuple[float, ...]] = {"detached": (7, 4), "unreached": (2, 3), "zero": (2, 3), "none": ()}


def printable(text: str) -> str:
    """Without control characters, which names of layers might hold and no form of a graph can."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def label_of(edge: Edge) -> list[str]:
    """What stands at an edge, in lines."""
    shape = "" if edge.shape is None else str(tuple(map(int, edge.shape)))
    return [text for text in (shape, edge.gradient) if text]


@dataclass
class Scale:
    """From the norm of a gradient to one of the `LEVELS`, by equal ratios; over a factor of 100 at least."""

    low: float
    high: float

    @classmethod
    def of(cls, edges: Sequence[Edge]) -> Scale:
        """Over the norms of all edges.

        >>> Scale.of([Edge("a", "b", None, "flows", 2.0), Edge("b", "c", None, "zero", 0.0)])
        Scale(low=0.02, high=2.0)
        """
        norms = [edge.norm for edge in edges if edge.state == "flows" and edge.norm is not None]
        if not norms:
            return cls(1.0, 1.0)
        return cls(min(min(norms), max(norms) / 100), max(norms))

    def level(self, norm: float) -> int:
        """0 for the smallest.

        >>> [Scale(0.01, 100.0).level(norm) for norm in (0.01, 0.2, 1.0, 100.0)]
        [0, 2, 3, 6]
        """
        if self.high == self.low:
            return LEVELS - 1
        share = (math.log(norm) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return round(share * (LEVELS - 1))

    def middle(self, level: int) -> float:
        """The norm that a level stands for."""
        share = level / (LEVELS - 1)
        return math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))


def look_of(edge: Edge, scale: Scale) -> tuple[str, float, tuple[float, ...]]:
    """The name of an edge's colour, its width and its dashes."""
    if edge.state == "flows" and edge.norm is not None:
        level = scale.level(edge.norm)
        return f"level{level}", 1.3 + 0.75 * level, ()
    color = {"zero": "zero", "not finite": "bad"}.get(edge.state, "grey")
    return color, 3.0 if edge.state == "not finite" else 1.3, DASHES.get(edge.state, ())


def tooltip_of(edge: Edge, names: dict[str, str]) -> str:
    """All that is known of an edge, in lines."""
    lines = [f"{names[edge.source]} → {names[edge.target]}"]
    if edge.shape is not None:
        lines.append(f"shape {tuple(map(int, edge.shape))}")
    if edge.state == "flows":
        lines.append(f"gradient that flows back: norm {edge.norm:.6g}")
    else:
        lines.append(STATES[edge.state])
    return "\n".join(lines)
