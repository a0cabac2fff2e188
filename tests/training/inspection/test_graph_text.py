"""Mermaid and DOT are read back by small parsers: the same nodes, groups and edges, whatever names hold."""

from __future__ import annotations

import re

import pytest

from mytorch.training.inspection.graph import Edge, Graph, Group, Node
from mytorch.training.inspection.graph_looks import COLORS
from mytorch.training.inspection.graph_text import to_dot, to_mermaid

NASTY = [
    '<script>alert("x")</script>',
    "a]b)}|c",
    'quote"end',
    "back\\slash\\n",
    "#35; & `code` *b* _i_",
    "끊김 ✂",
    "\x00\n\t",
]


@pytest.fixture(params=NASTY)
def graph(request):
    name = request.param
    nodes = [
        Node("a0", "inputs", ["inputs (2, 3)"], ["inputs"]),
        Node("n0", "operation", [name, "second"], [name, "output (2,)"]),
        Node("n1", "operation", ["relu"], ["relu"]),
        Node("n2", "loss", ["loss", "= 0.5"], ["loss"]),
        Node("w0", "parameter", ["weight: 3", "∇ 2"], ["parameter weight"], beside="n0"),
    ]
    inner = Group("0.a", f"0.a {name}", [nodes[1], nodes[4]], "g1")
    outer = Group("0", "0 Outer", [inner, nodes[2]], "g0")
    edges = [
        Edge("a0", "n0", (2, 3), "none"),
        Edge("w0", "n0", (3,), "flows", 2.0),
        Edge("n0", "n1", (2,), "flows", 0.02),
        Edge("a0", "n1", (2, 3), "detached"),
        Edge("n1", "n2", (2,), "zero", 0.0),
    ]
    return Graph(Group("", "", [nodes[0], outer, nodes[3]]), edges, name, "step 1")


def parsed_mermaid(text):
    """Nodes (id: lines), groups (id: title and members) and edges of a flowchart; any other line is an error."""

    def plain(quoted):
        assert '"' not in quoted
        lines = quoted.split("<br/>")
        assert not any(letter in "<>&`" for line in lines for letter in line)
        return [re.sub(r"#(\d+);", lambda found: chr(int(found[1])), line) for line in lines]

    lines = text.splitlines()
    assert lines[0] == lines[2] == "---"
    assert re.fullmatch(r'title: "(\\["\\]|\\n|[^"\\])*"', lines[1])
    assert lines[3] == "flowchart TD"
    nodes, groups, edges, styles, classes, open_groups = {}, {}, [], {}, {}, []
    for line in lines[4:]:
        word = line.strip()
        if found := re.fullmatch(r'subgraph (\w+)\["(.*)"\]', word):
            groups[found[1]] = (plain(found[2])[0], [])
            if open_groups:
                groups[open_groups[-1]][1].append(found[1])
            open_groups.append(found[1])
        elif word == "end":
            open_groups.pop()
        elif found := re.fullmatch(r'(\w+)(\[|\(\[|\()"(.*)"(\]|\]\)|\))', word):
            assert (found[2], found[4]) in [("[", "]"), ("([", "])"), ("(", ")")]
            nodes[found[1]] = plain(found[3])
            if open_groups:
                groups[open_groups[-1]][1].append(found[1])
        elif found := re.fullmatch(r'(\w+) (-->|-\.->)(?:\|"(.*)"\|)? (\w+)', word):
            edges.append((found[1], found[4], found[2], plain(found[3] or "")))
        elif found := re.fullmatch(r"linkStyle (\d+) stroke:(#\w{6}),stroke-width:([\d.]+)px", word):
            styles[int(found[1])] = (found[2], float(found[3]))
        elif found := re.fullmatch(r"class ([\w,]+) (\w+)", word):
            classes |= dict.fromkeys(found[1].split(","), found[2])
        else:
            assert re.fullmatch(r"classDef \w+ fill:#\w{6},stroke:#\w{6},color:#\w{6}", word), line
    assert not open_groups
    return nodes, groups, edges, styles, classes


def shown(text):
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def test_mermaid(graph):
    nodes, groups, edges, styles, classes = parsed_mermaid(to_mermaid(graph))
    assert nodes == {node.id: [shown(line) for line in node.lines] for node in graph.nodes()}
    assert groups == {group.id: (shown(group.title), [one.id for one in group.members]) for group in graph.groups()}
    assert edges == [
        ("a0", "n0", "-->", ["(2, 3)"]),
        ("w0", "n0", "-->", ["(3,)", "∇ 2"]),
        ("n0", "n1", "-->", ["(2,)", "∇ 0.02"]),
        ("a0", "n1", "-.->", ["(2, 3)", "✂ detached"]),
        ("n1", "n2", "-.->", ["(2,)", "∇ 0"]),
    ]
    assert sorted(styles) == list(range(5))
    assert styles[1][1] > styles[2][1] == styles[3][1]  # the larger gradient is wider
    assert len({styles[number][0] for number in (1, 2, 3, 4)}) == 4
    assert styles[3][0] == COLORS["grey"][0]
    assert classes == {"a0": "data", "n0": "operation", "n1": "operation", "n2": "loss", "w0": "parameter"}


TOKEN = re.compile(r'\s*("(?:\\.|[^"\\])*"|->|[{}\[\]=;,]|[A-Za-z_]\w*|[\d.]+)')


def parsed_dot(text):
    """As above, for the part of Graphviz's grammar that is used."""
    tokens, at = [], 0
    while text[at:].strip():
        found = TOKEN.match(text, at)
        assert found, text[at : at + 40]
        tokens.append(found[1])
        at = found.end()

    def value(token):
        if not token.startswith('"'):
            return token
        escapes = {"\\n": "\n", "\\\\": "\\", '\\"': '"'}
        return re.sub(r"\\.", lambda one: escapes[one[0]], token[1:-1])

    def attributes():
        found = {}
        while tokens[0] != "]":
            name, equals, text = tokens.pop(0), tokens.pop(0), tokens.pop(0)
            assert equals == "="
            found[name] = value(text)
            if tokens[0] == ",":
                tokens.pop(0)
        tokens.pop(0)
        return found

    nodes, groups, edges = {}, {}, []

    def body(name):
        members, own = [], {}
        assert tokens.pop(0) == "{"
        while tokens[0] != "}":
            word = tokens.pop(0)
            if word == "subgraph":
                inner = tokens.pop(0)
                body(inner)
                members.append(inner.removeprefix("cluster_"))
                continue
            sign = tokens.pop(0)
            if sign == "=":
                own[word] = value(tokens.pop(0))
            elif sign == "->":
                target, _ = tokens.pop(0), tokens.pop(0)
                edges.append((word, target, attributes()))
            else:
                assert sign == "["
                found = attributes()
                if word not in ("node", "edge"):
                    nodes[word] = found
                    members.append(word)
            assert tokens.pop(0) == ";"
        tokens.pop(0)
        groups[name] = (own["label"], members)

    assert tokens.pop(0) == "digraph"
    body("")
    assert not tokens
    return nodes, groups, edges


def test_dot(graph):
    nodes, groups, edges = parsed_dot(to_dot(graph))
    assert {key: one["label"].split("\n") for key, one in nodes.items()} == {
        node.id: [shown(line) for line in node.lines] for node in graph.nodes()
    }
    assert groups.pop("") == (f"{shown(graph.title)}\nstep 1\n", ["a0", "g0", "n2"])
    assert groups == {
        f"cluster_{group.id}": (shown(group.title), [one.id for one in group.members]) for group in graph.groups()
    }
    assert [(source, target, look["label"], look.get("style")) for source, target, look in edges] == [
        ("a0", "n0", "(2, 3)", None),
        ("w0", "n0", "(3,)\n∇ 2", None),
        ("n0", "n1", "(2,)\n∇ 0.02", None),
        ("a0", "n1", "(2, 3)\n✂ detached", "dashed"),
        ("n1", "n2", "(2,)\n∇ 0", "dotted"),
    ]
    widths = [float(look["penwidth"]) for _, _, look in edges]
    assert widths[1] > widths[2] == widths[3]
    assert nodes["w0"]["shape"] == nodes["a0"]["shape"] == "ellipse" != nodes["n0"]["shape"]
    assert "norm 2" in edges[1][2]["tooltip"]
