"""The pictures: valid SVG that tells all, with nothing run and nothing from elsewhere; PNG of a readable size."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from mytorch.training.inspection.graph import Edge, Graph, Group, Node
from mytorch.training.inspection.graph_drawing import text_width, to_svg, write_png
from mytorch.training.inspection.graph_looks import COLORS

SVG = "{http://www.w3.org/2000/svg}"


def chain(count, name="layer"):
    """So many layers with their parameters, a shortcut around each third, and gradients that shrink by ten each."""
    members, edges = [Node("a0", "inputs", ["inputs (8, 3)"], ["inputs"])], []
    for index in range(count):
        members.append(Node(f"n{index}", "layer", [f"{index} {name}"], [f"{index} {name}", "output (8, 16, 28, 28)"]))
        members.append(
            Node(f"w{index}", "parameter", ["weight: 16", "∇ 0.5"], ["parameter weight"], beside=f"n{index}")
        )
        edges.append(Edge(f"w{index}", f"n{index}", (16,), "flows", 0.5))
        source = f"n{index - 1}" if index else "a0"
        edges.append(
            Edge(source, f"n{index}", (8, 16, 28, 28), "flows" if index else "none", 10.0**-index if index else None)
        )
        if index % 3 == 2:
            edges.append(Edge(f"n{index - 2}", f"n{index}", (8, 16, 28, 28), "flows", 1.0))
    return Graph(Group("", "", members), edges, "net", "step 1 of net.yaml")


def states():
    """An edge of each kind."""
    nodes = [Node(f"n{i}", "operation", [f"op{i}"], [f"op{i}"]) for i in range(6)]
    edges = [
        Edge("n0", "n1", (2,), "flows", 1.0),
        Edge("n1", "n2", (2,), "zero", 0.0),
        Edge("n2", "n3", (2,), "not finite", float("nan")),
        Edge("n3", "n4", (2,), "detached"),
        Edge("n4", "n5", (2,), "unreached"),
        Edge("n0", "n5", (2,), "none"),
    ]
    return Graph(Group("", "", [Group("0", "0 Net", nodes, "g0")]), edges, "net", "step 1")


def test_every_node_and_edge_has_a_tooltip_that_tells_all():
    graph = states()
    tree = ElementTree.fromstring(to_svg(graph))
    told = [group.find(f"{SVG}title").text for group in tree.iter(f"{SVG}g")]
    assert told == [
        "op0 → op1\nshape (2,)\ngradient that flows back: norm 1",
        "op1 → op2\nshape (2,)\ngradient is zero",
        "op2 → op3\nshape (2,)\ngradient is not finite",
        "op3 → op4\nshape (2,)\ndetached: the gradient is cut off",
        "op4 → op5\nshape (2,)\nno gradient arrives",
        "op0 → op5\nshape (2,)\ntakes no gradient",
        *(f"op{i}" for i in range(6)),
    ]


def test_each_kind_of_edge_can_be_told_from_the_others_and_is_in_the_legend():
    text = to_svg(states())
    tree = ElementTree.fromstring(text)
    looks = []
    for group in list(tree.iter(f"{SVG}g"))[:6]:
        path = group.find(f"{SVG}path")
        looks.append((path.get("class"), path.get("stroke-dasharray")))
    assert len(set(looks)) == 6
    words = [one.text for one in tree.iter(f"{SVG}text")]
    for word in (
        "gradient is zero",
        "gradient is not finite",
        "detached: the gradient is cut off",
        "takes no gradient",
    ):
        assert words.count(word) == 1
    assert "✂ detached" in words
    assert "no gradient arrives" in words


def test_the_width_of_an_edge_is_its_gradient():
    tree = ElementTree.fromstring(to_svg(chain(8)))
    widths = {}
    for group in tree.iter(f"{SVG}g"):
        if group.find(f"{SVG}path") is not None and (
            found := re.search(r"norm ([\d.e-]+)", group.find(f"{SVG}title").text)
        ):
            widths[float(found[1])] = float(group.find(f"{SVG}path").get("stroke-width"))
    ordered = [widths[norm] for norm in sorted(widths)]
    assert ordered == sorted(ordered)
    assert ordered[-1] > 3 * ordered[0]


def test_an_accessible_file_for_light_and_dark_that_needs_nothing():
    text = to_svg(chain(2, "<script>alert('x')</script>"))
    tree = ElementTree.fromstring(text)
    assert tree.get("role") == "img"
    labelled = tree.get("aria-labelledby").split()
    assert [next(one for one in tree.iter() if one.get("id") == key).text for key in labelled] == [
        "net",
        "step 1 of net.yaml. 5 nodes, 4 edges (gradient flows: 3; takes no gradient: 1).",
    ]
    assert "prefers-color-scheme: dark" in text
    assert {one.tag.removeprefix(SVG) for one in tree.iter()} == {
        "svg", "title", "desc", "style", "rect", "text", "g", "path", "polygon",
    }  # fmt: skip
    assert "<script" not in text
    assert not re.search(r"href|url\(|@import|on\w+=", text)
    for name in re.findall(r'class="([\w -]+)"', text):
        for part in name.split():
            assert part.partition("-")[2] in COLORS


@pytest.mark.parametrize("name", ['"]}>&\x00\x1b[31m', "끊김" * 20, "x" * 300, "]]>", "$a$ \\b"])
def test_any_name_gives_valid_files(name, tmp_path):
    graph = chain(2, name)
    graph.title = graph.about = name
    words = [one.text for one in ElementTree.fromstring(to_svg(graph)).iter(f"{SVG}text")]
    assert any(word.startswith("0 ") for word in words)
    assert max(map(len, words)) < 300
    write_png(graph, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"


def test_names_fit_into_their_boxes():
    for text in ("12.layers.3 BatchNorm2d", "끊김 레이어", "mmmWWW", "in_proj_weight (48, 16)"):
        assert text_width(text, 12) > 12 * 0.5 * len(text) * 0.8
    assert text_width("끊김", 12) > text_width("ab", 12)
    tree = ElementTree.fromstring(to_svg(chain(3, "끊김" * 8)))
    for group in list(tree.iter(f"{SVG}g")):
        box = group.find(f"{SVG}rect")
        for text in group.findall(f"{SVG}text") if box is not None else []:
            assert text_width(text.text, float(text.get("font-size"))) < float(box.get("width"))


@pytest.mark.parametrize(("count", "least"), [(1, 500), (60, 2000)])
def test_a_png_is_readable_and_not_too_large(count, least, tmp_path):
    write_png(chain(count), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert least < max(image.size) <= 4000
        red, green, blue = np.asarray(image.convert("RGB"), dtype=np.int32)[::2, ::2].transpose(2, 0, 1)
    found = (red << 16) + (green << 8) + blue
    for kind in ("layer", "parameter", "data", "page", "level6"):
        assert (found == int(COLORS[kind][0][1:], 16)).any(), kind


def test_an_svg_has_the_size_in_which_its_letters_can_be_read():
    tree = ElementTree.fromstring(to_svg(chain(90)))
    width, height = float(tree.get("width")), float(tree.get("height"))
    assert tree.get("viewBox") == f"0 0 {width:.0f} {height:.0f}"
    assert max(width, height) < 4000
    assert min(float(one.get("font-size")) for one in tree.iter(f"{SVG}text")) >= 10
    for box in tree.iter(f"{SVG}rect"):
        assert float(box.get("x")) >= 0
        assert float(box.get("x")) + float(box.get("width")) <= width + 0.5
        assert float(box.get("y")) + float(box.get("height")) <= height + 0.5
