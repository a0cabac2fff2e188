"""A report as its reader's browser takes it apart, so that tests look at what is there and not at how it is written."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

EMPTY = {"meta", "img", "input", "br", "path", "circle"}


class Page(HTMLParser):
    """The elements of a page in order, each with its attributes and the text that stands in it."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.source = path.read_text(encoding="utf-8")
        self.elements: list[tuple[str, dict, list[str]]] = []
        self.open: list[tuple[str, dict, list[str]]] = []
        self.feed(self.source)
        self.close()
        assert not self.open, "every element is closed"

    def handle_starttag(self, tag, attrs):
        if tag not in ("bdi", "b", "span", "i"):
            self.handle_data(" ")  # which starts a line or a cell of its own
        element = (tag, dict(attrs), [])
        self.elements.append(element)
        if tag not in EMPTY:
            self.open.append(element)

    def handle_endtag(self, tag):
        if tag not in EMPTY:
            assert self.open.pop()[0] == tag, "elements are nested"

    def handle_data(self, data):
        for _, _, texts in self.open:
            texts.append(data)

    def all(self, tag, **having):
        """The elements of a kind; `class_` matches one of several."""
        wanted = {name.rstrip("_"): value for name, value in having.items()}
        return [
            e for e in self.elements if e[0] == tag and all(v in (e[1].get(n) or "").split() for n, v in wanted.items())
        ]

    def text(self, tag, **having):
        """The text of the first such element, spaces as one sees them."""
        return " ".join("".join(self.all(tag, **having)[0][2]).split())

    def table(self, caption):
        """The rows of cells of the table whose caption begins so."""
        start = next(i for i, e in enumerate(self.elements) if e[0] == "caption" and "".join(e[2]).startswith(caption))
        rows = []
        for tag, _, texts in self.elements[start + 1 :]:
            if tag == "caption":
                break
            if tag == "tr":
                rows.append([])
            elif tag in ("td", "th"):
                rows[-1].append(" ".join("".join(texts).split()))
        return rows

    @property
    def data(self):
        """The numbers of the charts."""
        return json.loads("".join(self.all("script", id="data")[0][2]))["charts"]


@pytest.fixture(scope="session")
def read_page():
    return Page


@pytest.fixture
def page_of(report_runs):
    """The report that a training wrote, by the run's name."""
    return lambda name: Page(next((report_runs / "runs" / name).iterdir()) / "report.html")
