"""A graph of a step as text for other programs: Mermaid, which GitHub draws, and DOT, which Graphviz draws.

Both have what the picture has: layers around what is in them, shapes and gradient norms at the arrows, widths and
colours by the norm, and detached arrows dashed and named so.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import dedent

from mytorch.training.inspection.graph import Edge, Graph, Group, Node
from mytorch.training.inspection.graph_looks import COLORS, FILLS, Scale, label_of, look_of, printable, tooltip_of

_MERMAID_SHAPES = {"inputs": ("([", "])"), "targets": ("([", "])"), "weights": ("([", "])"), "parameter": ("(", ")")}


def to_mermaid(graph: Graph) -> str:
    """The graph as a Mermaid flowchart."""
    scale = Scale.of(graph.edges)
    lines = ["---", f"title: {_quoted([f'{graph.title}: {graph.about}'])}", "---", "flowchart TD"]
    lines += _mermaid_members(graph.root, "  ")
    for edge in graph.edges:
        text = "<br/>".join(_mermaid_escaped(line) for line in label_of(edge))
        arrow = "-.->" if look_of(edge, scale)[2] else "-->"
        lines.append(f"  {edge.source} {arrow}" + (f'|"{text}"|' if text else "") + f" {edge.target}")
    for number, edge in enumerate(graph.edges):
        color, width, _ = look_of(edge, scale)
        lines.append(f"  linkStyle {number} stroke:{COLORS[color][0]},stroke-width:{width:.1f}px")
    for kind in dict.fromkeys(FILLS.values()):
        ids = [node.id for node in graph.nodes() if FILLS[node.kind] == kind]
        if ids:
            lines.append(
                f"  classDef {kind} fill:{COLORS[kind][0]},stroke:{COLORS['pale'][0]},color:{COLORS['ink'][0]}"
            )
            lines.append(f"  class {','.join(ids)} {kind}")
    return "\n".join(lines) + "\n"


def _mermaid_members(group: Group, indent: str) -> Iterator[str]:
    for one in group.members:
        if isinstance(one, Group):
            yield f'{indent}subgraph {one.id}["{_mermaid_escaped(one.title)}"]'
            yield from _mermaid_members(one, indent + "  ")
            yield f"{indent}end"
        else:
            before, behind = _MERMAID_SHAPES.get(one.kind, ("[", "]"))
            text = "<br/>".join(_mermaid_escaped(line) for line in one.lines)
            yield f'{indent}{one.id}{before}"{text}"{behind}'


def _mermaid_escaped(text: str) -> str:
    """Within quotes: what Mermaid, its Markdown or HTML would read as more than a letter becomes `#number;`."""
    return "".join(f"#{ord(letter)};" if letter in '"#&<>`\\*_' else letter for letter in printable(text))


def to_dot(graph: Graph) -> str:
    """The graph in Graphviz's language."""
    scale = Scale.of(graph.edges)
    names = {node.id: node.details[0] for node in graph.nodes()}
    heading = f'{_quoted([graph.title, graph.about])[:-1]}\\n"'
    lines = dedent(
        f"""\
        digraph {{
          label={heading}; labelloc=t; fontname="sans-serif";
          node [shape=box, style="filled,rounded", fontname="sans-serif", fontsize=12, color="{COLORS["pale"][0]}"];
          edge [fontname="sans-serif", fontsize=10, fontcolor="{COLORS["pale"][0]}"];"""
    ).splitlines()
    lines += _dot_members(graph.root, "  ")
    lines += [f"  {edge.source} -> {edge.target} [{_dot_look(edge, scale, names)}];" for edge in graph.edges]
    return "\n".join([*lines, "}", ""])


def _dot_members(group: Group, indent: str) -> Iterator[str]:
    for one in group.members:
        if isinstance(one, Group):
            yield f"{indent}subgraph cluster_{one.id} {{"
            yield f'{indent}  label={_quoted([one.title])}; labeljust=l; style="rounded,filled";'
            yield f'{indent}  color="{COLORS["line"][0]}"; fillcolor="{COLORS["frame"][0]}";'
            yield from _dot_members(one, indent + "  ")
            yield f"{indent}}}"
        else:
            yield f"{indent}{one.id} [{_dot_node(one)}];"


def _dot_node(node: Node) -> str:
    shape = "ellipse" if FILLS[node.kind] in ("data", "parameter") else "box"
    return (
        f'label={_quoted(node.lines)}, shape={shape}, fillcolor="{COLORS[FILLS[node.kind]][0]}", '
        f"tooltip={_quoted(node.details)}"
    )


def _dot_look(edge: Edge, scale: Scale, names: dict[str, str]) -> str:
    color, width, dashes = look_of(edge, scale)
    parts = [f"label={_quoted(label_of(edge))}"] if label_of(edge) else []
    parts += [f'color="{COLORS[color][0]}"', f"penwidth={width:.1f}"]
    parts += ["style=dashed" if edge.state == "detached" else "style=dotted"] if dashes else []
    return ", ".join([*parts, f"tooltip={_quoted(tooltip_of(edge, names).splitlines())}"])


def _quoted(lines: list[str]) -> str:
    """Lines as one string in quotes; a backslash would begin one of Graphviz's own signs."""
    return '"' + "\\n".join(printable(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines) + '"'
