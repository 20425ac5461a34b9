import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.render.formats import RUN_FORMATS, SUITE_FORMATS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *PAGES]
ZENSICAL = Path(sys.executable).with_name("zensical")


def _prose(path: Path) -> str:
    """Return a page without its code, in which brackets are no links."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "x", text)


def _anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site write them."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _links() -> Iterator[tuple[Path, str]]:
    for document in DOCUMENTS:
        for link in re.findall(r"\]\(([^)\s]+)\)", _prose(document)):
            if not link.startswith(("https://", "http://")):
                yield document, link


def test_the_reports_reference_has_every_format() -> None:
    """The table of formats has the names and files of the code."""
    text = (DOCS / "reference" / "reports.md").read_text(encoding="utf-8")
    cells = r"^\| [^|]+ \| [^|]+ \| `(\w+)` \| `([\w.]+)` \| (?:`([\w.]+)`|–) \|$"  # noqa: RUF001 - a dash
    rows = re.findall(cells, text, re.MULTILINE)
    expected = []
    for name, form in RUN_FORMATS.items():
        suite = SUITE_FORMATS.get(name)
        expected.append((name, form.file, suite.file if suite else ""))
    assert rows == expected


def test_every_relative_link_leads_somewhere() -> None:
    """Each link and picture names a file of the repository, and each anchor a heading of that page."""
    broken = []
    for document, link in _links():
        name, _, anchor = link.partition("#")
        page = document.parent / name if name else document
        if not page.is_file() or (anchor and anchor not in _anchors(page)):
            broken.append(f"{document.relative_to(ROOT)}: {link}")
    assert not broken


def test_the_site_needs_no_file_outside_the_folder_of_documents() -> None:
    """A page links to pages of docs/ only, because the site contains no other file."""
    for document, link in _links():
        if DOCS in document.parents:
            assert (document.parent / link.partition("#")[0]).resolve().is_relative_to(DOCS), link


def _pages_of(nav: list[Any]) -> Iterator[str]:
    for entry in nav:
        if isinstance(entry, str):
            yield entry
        else:
            for value in entry.values():
                yield from _pages_of(value) if isinstance(value, list) else [value]


def test_every_page_is_in_the_navigation() -> None:
    """A reader reaches each page of docs/ from the menu of the site, and finds it there once."""
    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    assert sorted(_pages_of(site["project"]["nav"])) == [page.relative_to(DOCS).as_posix() for page in PAGES]


def test_the_readme_is_short() -> None:
    """The README has at most 120 lines, one picture and links to the rest."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    assert text.count("![") == 1


@pytest.mark.skipif(not ZENSICAL.exists(), reason="`make docs` installs zensical")
def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    """No link or anchor is broken, and no page loads a font, style, script or image from another host."""
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    command = [str(ZENSICAL), "build", "--strict"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    built = sorted((tmp_path / "site-docs").rglob("*.html"))
    assert len(built) >= len(PAGES)
    for page in built:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=[\"']?(https?:)?//", text), page.name
        assert 'class="mermaid"' not in text, f"{page.name}: the site would load mermaid from a CDN"
