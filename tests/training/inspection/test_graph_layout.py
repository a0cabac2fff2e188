"""Places of boxes and arrows: nothing lies on another, arrows lead down, and the same graph always looks the same."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mytorch.training.inspection.graph_layout import HIGH, Box, Frame, Link, Rect, lay_out


@st.composite
def graphs(draw, most=14):
    """Boxes in a row, some in frames within frames, and links from earlier ones to later ones."""
    count = draw(st.integers(1, most))
    sizes = st.integers(20, 160)
    small = st.lists(st.integers(20, 60), max_size=3)
    boxes = [
        Box(
            f"b{i}",
            draw(sizes),
            draw(st.integers(15, 50)),
            [Box(f"s{i}.{j}", w, 20) for j, w in enumerate(draw(small))],
        )
        for i in range(count)
    ]
    numbers = iter(range(1000))

    def framed(members, depth):
        parts = []
        while members:
            size = draw(st.integers(1, len(members)))
            part, members = members[:size], members[size:]
            if depth < 3 and draw(st.booleans()):
                parts.append(Frame(f"f{next(numbers)}", draw(st.integers(10, 120)), framed(part, depth + 1)))
            else:
                parts += part
        return parts

    root = Frame("", 0, framed(boxes, 0))
    pairs = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=2 * count))
    links = [
        Link(f"b{min(a, b)}", f"b{max(a, b)}", draw(st.integers(0, 80)), draw(st.sampled_from([0, 14, 26])))
        for a, b in pairs
        if a != b
    ]
    return root, links


def apart(one, other, by=0.0):
    return (
        one.x + one.width + by <= other.x + 1e-6
        or other.x + other.width + by <= one.x + 1e-6
        or one.y + one.height + by <= other.y + 1e-6
        or other.y + other.height + by <= one.y + 1e-6
    )


def within(inner, outer):
    return (
        outer.x <= inner.x + 1e-6
        and outer.y <= inner.y + 1e-6
        and inner.x + inner.width <= outer.x + outer.width + 1e-6
        and inner.y + inner.height <= outer.y + outer.height + 1e-6
    )


def keys_in(frame):
    for one in frame.members:
        if isinstance(one, Frame):
            yield one.key
            yield from keys_in(one)
        else:
            yield one.key
            yield from (small.key for small in one.beside)


def all_frames(frame):
    for one in frame.members:
        if isinstance(one, Frame):
            yield one
            yield from all_frames(one)


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_nothing_lies_on_another(graph):
    root, links = graph
    found = lay_out(root, links)
    everything = {**found.boxes, **found.frames}
    whole = Rect(0, 0, found.width, found.height)
    assert all(within(rect, whole) for rect in everything.values())
    for one, other in combinations(found.boxes.values(), 2):
        assert apart(one, other, by=3.0)
    for frame in all_frames(root):
        inside = set(keys_in(frame))
        outer = found.frames[frame.key]
        assert outer.width >= frame.title_width
        for key, rect in everything.items():
            if key in inside:
                assert within(rect, outer)
            elif key != frame.key and frame.key not in holders(root, key):
                assert apart(rect, outer) or within(outer, rect)
    labels = [label for label in found.labels if label is not None]
    for one, other in combinations(labels, 2):
        assert apart(one, other)
    for label in labels:
        assert within(label, whole)
        assert all(apart(label, box) for box in found.boxes.values())


def holders(root, key):
    return {frame.key for frame in all_frames(root) if key in set(keys_in(frame))}


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_arrows_lead_from_lower_edges_down_to_upper_edges_and_through_no_box(graph):
    root, links = graph
    found = lay_out(root, links)
    for link, route in zip(links, found.routes, strict=True):
        source, target = found.boxes[link.source], found.boxes[link.target]
        (x, y), (to_x, to_y) = route[0], route[-1]
        assert y == pytest.approx(source.y + source.height)
        assert source.x <= x <= source.x + source.width
        assert to_y == pytest.approx(target.y)
        assert target.x <= to_x <= target.x + target.width
        if found.height < HIGH:  # in one column
            assert all(upper[1] <= lower[1] + 1e-6 for upper, lower in pairwise(route))
        for (ax, ay), (bx, by) in pairwise(route):
            if ax == bx:
                line = Rect(ax, min(ay, by), 0.0, abs(by - ay))
                for key, box in found.boxes.items():
                    assert apart(line, box) or key in (link.source, link.target)


@settings(max_examples=20, deadline=None)
@given(graphs())
def test_the_same_graph_looks_the_same(graph):
    assert lay_out(*graph) == lay_out(*graph)


def test_boxes_beside_another_stand_at_its_left():
    found = lay_out(Frame("", 0, [Box("a", 60, 30, [Box("w", 40, 20), Box("b", 30, 20)])]), [])
    a, w, b = (found.boxes[key] for key in "awb")
    assert w.x + w.width == b.x + b.width < a.x
    assert w.y + w.height < b.y
    assert (w.y + b.y + b.height) / 2 == pytest.approx(a.y + a.height / 2)


def test_a_chain_is_straight_and_its_order_is_that_of_the_links_not_of_the_boxes():
    boxes = [Box(key, 40 + 10 * index, 20) for index, key in enumerate("dbca")]
    found = lay_out(Frame("", 0, boxes), [Link("a", "b"), Link("b", "c"), Link("c", "d")])
    centers = {round(rect.x + rect.width / 2, 6) for rect in found.boxes.values()}
    assert len(centers) == 1
    assert sorted(found.boxes, key=lambda key: found.boxes[key].y) == list("abcd")
    assert all(len(route) == 2 for route in found.routes)


def test_two_branches_do_not_cross():
    boxes = [Box(key, 40, 20) for key in ("top", "a", "b", "c", "d", "end")]
    pairs = [("top", "a"), ("top", "b"), ("a", "d"), ("b", "c"), ("c", "end"), ("d", "end")]
    found = lay_out(Frame("", 0, boxes), [Link(*pair) for pair in pairs])
    x = {key: rect.x for key, rect in found.boxes.items()}
    assert (x["a"] < x["b"]) == (x["d"] < x["c"])


def test_a_long_chain_is_broken_into_columns():
    boxes = [Box(f"b{i}", 80, 30) for i in range(60)]
    links = [Link(f"b{i}", f"b{i + 1}", 60, 26) for i in range(59)]
    found = lay_out(Frame("", 0, boxes), links)
    assert 0.7 < found.width / found.height < 2
    columns = {round(rect.x) for rect in found.boxes.values()}
    assert 5 <= len(columns) <= 20
    turning = [route for route in found.routes if len(route) > 2]
    assert len(turning) == len(columns) - 1
    for one, other in combinations(found.boxes.values(), 2):
        assert apart(one, other)


def test_links_in_a_circle_are_refused():
    with pytest.raises(ValueError, match="circle"):
        lay_out(Frame("", 0, [Box("a", 9, 9), Box("b", 9, 9)]), [Link("a", "b"), Link("b", "a")])


def test_an_arrow_past_boxes_of_several_widths_is_straight():
    boxes = [Box(key, width, 20) for key, width in zip("abcde", (40, 200, 60, 240, 40), strict=True)]
    links = [Link(*pair) for pair in ("ab", "bc", "cd", "de")]
    found = lay_out(Frame("", 0, boxes), [*links, Link("a", "e", 50, 14)])
    assert len({x for x, _ in found.routes[-1][1:-1]} - {found.routes[-1][0][0], found.routes[-1][-1][0]}) == 1
