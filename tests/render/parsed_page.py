"""An HTML page as a tree of elements, with the checks that every page must pass."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

from bench.render.html.parts import ENVIRONMENT

ICON = str(ENVIRONMENT.globals["icon"])
"""Address of the icon of every page: the name mark."""
VOID = frozenset({"input", "meta", "link"})
"""Elements without an end tag."""
SHAPES = frozenset({"rect", "line", "circle", "polyline", "path"})
"""Elements of SVG, which may end in `/>`."""
TAGS = (
    VOID
    | SHAPES
    | frozenset(
        [
            "defs",
            "pattern",
            "g",
            "text",
            "tspan",
            "pre",
            "html",
            "label",
            "form",
            "fieldset",
            "legend",
            "select",
            "option",
            "head",
            "title",
            "style",
            "script",
            "body",
            "main",
            "header",
            "nav",
            "article",
            "section",
            "h1",
            "h2",
            "h3",
            "h4",
            "p",
            "ul",
            "ol",
            "li",
            "dl",
            "div",
            "dt",
            "dd",
            "b",
            "strong",
            "span",
            "code",
            "i",
            "a",
            "button",
            "textarea",
            "details",
            "summary",
            "figure",
            "figcaption",
            "table",
            "caption",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "svg",
        ]
    )
)
"""All elements of our templates; an element that text from outside started would be another one."""
HEADINGS = ("h1", "h2", "h3", "h4")
_REFERENCES = ("aria-labelledby", "aria-describedby", "data-copies", "data-chart")


@dataclass
class Element:
    """An element of a page."""

    tag: str
    attributes: dict[str, str]
    children: list["Element | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Text of the element and its children, with single spaces."""
        return " ".join(self.raw_text.split())

    @property
    def raw_text(self) -> str:
        """Text of the element and its children."""
        return "".join(child if isinstance(child, str) else child.raw_text for child in self.children)

    def walk(self) -> Iterator["Element"]:
        """Yield the element, then its descendants in the order of the page."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def find_all(self, *tags: str, **attributes: str) -> list["Element"]:
        """Return the descendants with one of these tags, and these attributes; `class_` is a single class."""
        found = []
        for element in self.walk():
            if element is self or (tags and element.tag not in tags):
                continue
            if all(element.has(name, value) for name, value in attributes.items()):
                found.append(element)
        return found

    def find(self, *tags: str, **attributes: str) -> "Element":
        """Return the only such descendant."""
        (element,) = self.find_all(*tags, **attributes)
        return element

    def has(self, name: str, value: str) -> bool:
        """Check an attribute's value, or that `class` contains a class."""
        if name == "class_":
            return value in self.attributes.get("class", "").split()
        return self.attributes.get(name.replace("_", "-")) == value


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]
        self.doctype = ""

    def handle_decl(self, decl: str) -> None:
        self.doctype = decl

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a page has no comment, but this one: {data!r}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"<{tag}> has an attribute twice"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SHAPES, f"<{tag}/> ends itself"
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> ends <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse_page(text: str) -> Element:
    """Return the element `html`. Each element must end where its parent allows it."""
    parser = _Parser()
    parser.feed(text)
    parser.close()
    assert parser.doctype == "doctype html"
    assert len(parser.open) == 1, f"<{parser.open[-1].tag}> has no end"
    return parser.root.find("html")


def check_page(text: str, policy: str) -> Element:
    """Return the parsed page if its structure is valid, accessible and safe.

    Args:
        text: The page.
        policy: The expected content security policy.
    """
    page = parse_page(text)
    _check_head(page, policy)
    _check_safety(page, text)
    _check_references(page)
    _check_headings(page)
    for table in page.find_all("table"):
        _check_table(table)
    _check_charts(page)
    return page


def _check_head(page: Element, policy: str) -> None:
    assert page.attributes["lang"] == "en"
    metas = [meta.attributes for meta in page.find("head").find_all("meta")]
    assert metas == [
        {"charset": "utf-8"},
        {"http-equiv": "Content-Security-Policy", "content": policy},
        {"name": "viewport", "content": "width=device-width, initial-scale=1"},
        {"name": "color-scheme", "content": "light dark"},
    ]
    assert page.find("head").find("title").text
    assert page.find("link", rel="icon").attributes["href"] == ICON


def _check_safety(page: Element, text: str) -> None:
    """Check that no text from outside became an element, an attribute or an invisible character."""
    for element in page.walk():
        assert element.tag in TAGS
        for name in element.attributes:
            assert not name.startswith("on"), f"<{element.tag}> has {name}"
            assert name != "style"
        if element.tag != "link":
            address = element.attributes.get("href", "")
            is_file = address.startswith("data:application/gzip;base64,") and "download" in element.attributes
            assert is_file or address.startswith("https:") or ":" not in address.split("/")[0], address
    # The data of the charts and of the requests, and the script that draws them. The front page of a site
    # has no charts, and the script that filters its rows.
    scripts = [script.attributes.get("src") for script in page.find_all("script")]
    assert len(scripts) in {0, 2, 3} or scripts == ["assets/filter.js"]
    assert not set("\x1b\u2028\u2029\u202e\u200b") & set(text)


def _check_references(page: Element) -> None:
    ids = [element.attributes["id"] for element in page.walk() if "id" in element.attributes]
    assert len(ids) == len(set(ids)), "an id occurs twice"
    for element in page.walk():
        for name in _REFERENCES:
            for target in element.attributes.get(name, "").split():
                assert target in ids, f"{name}={target} has no target"
        address = element.attributes.get("href", "")
        if address.startswith("#"):
            assert address[1:] in ids, f"{address} has no target"


def _check_headings(page: Element) -> None:
    """Check that there is one h1, that no level is skipped, and that each section is named by its heading."""
    levels = [int(heading.tag[1]) for heading in page.find_all(*HEADINGS)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    for level, following in pairwise(levels):
        assert following <= level + 1, f"h{following} follows h{level}"
    for section in page.find_all("section", "article"):
        heading = section.find_all(*HEADINGS)[0]
        assert heading.attributes["id"] == section.attributes["aria-labelledby"]
        assert heading.text


def _check_table(table: Element) -> None:
    """Check caption, heads and the number of cells of each row."""
    assert table.find("caption").text
    heads = table.find("thead").find("tr").find_all("th", "td")
    assert heads[0].attributes["scope"] == "col"
    for row in table.find("tbody").find_all("tr"):
        cells = row.find_all("th", "td")
        assert len(cells) == len(heads), f"{table.find('caption').text}: {row.text}"
        assert [cell.attributes.get("scope") for cell in cells if cell.tag == "th"] == ["row"]
        assert cells[0].tag == "th"


def _check_charts(page: Element) -> None:
    """Check that each chart has a title, a text, data for the script, and its values as a table."""
    data = charts_of(page)
    figures = page.find_all("figure", class_="chart")
    assert [figure.attributes["id"] for figure in figures] == list(data)
    for figure in figures:
        name = figure.attributes["id"]
        assert figure.find(id=f"{name}-title").text
        assert figure.find(id=f"{name}-text").text
        assert figure.find("div", data_chart=name).attributes["class"] == "plot"
        lines = []
        for layer in data[name]["layers"]:
            for line in layer["lines"]:
                lines.append(line["label"])
                assert len(line["values"]) == len(layer["at"])
        assert lines, f"{name} has no line"
        assert figure.attributes["data-download"], f"{name} cannot be downloaded"
        tables = figure.find_all("table") or _shared_tables(page, figure)
        for table in tables:
            assert len(table.find("tbody").find_all("tr")) >= 1
            assert len(table.find("thead").find_all("th")) > 1
        assert tables, f"{name} has no table"


def _shared_tables(page: Element, figure: Element) -> list[Element]:
    """Return the tables of the section that a small chart is part of."""
    for section in page.find_all("section", class_="resources"):
        if figure in section.find_all("figure"):
            return section.find_all("table")
    return []


def charts_of(page: Element) -> dict[str, Any]:
    """Return the data of the charts, by the ids of their figures."""
    charts: dict[str, Any] = {}
    for script in page.find_all("script", id="charts"):
        data = json.loads(script.raw_text)
        for name, chart in data["charts"].items():
            for key in ("phases", "spans"):
                chart[key] = data["shared"][chart[key]]
            for layer in chart["layers"]:
                layer["at"] = data["shared"][layer["at"]]
            charts[name] = chart
    return charts


def table_of(page: Element, title: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the heads and the rows of a table, without the drawn intervals."""
    tables = [table for table in page.find_all("table") if table.find("caption").text == title]
    (table,) = tables
    heads = tuple(head.text for head in table.find("thead").find_all("th"))
    rows = []
    for row in table.find("tbody").find_all("tr"):
        cells = [cell for cell in row.find_all("th", "td") if not cell.has("class_", "interval")]
        rows.append(tuple(cell.text for cell in cells))
    return heads, rows


def headings_of(page: Element) -> list[str]:
    """Return the texts of all headings of level 2."""
    return [heading.text for heading in page.find_all("h2")]


def facts_of(page: Element, class_: str) -> dict[str, str]:
    """Return the terms of lists of definitions with their texts."""
    facts = {}
    for listed in page.find_all("dl", class_=class_):
        for entry in listed.find_all("div"):
            facts[entry.find("dt").text] = entry.find("dd").text
    return facts
