"""The glossary defines the project's own terms, each once, and each is used."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
MOST_TERMS = 40


def _entries() -> dict[str, str]:
    """The text of each term."""
    parts = re.split(r"^### (.+)$", GLOSSARY.read_text(encoding="utf-8"), flags=re.MULTILINE)
    bodies = [re.split(r"^## ", body, flags=re.MULTILINE)[0] for body in parts[2::2]]
    return dict(zip(parts[1::2], bodies, strict=True))


def test_the_glossary_stays_small() -> None:
    """At most forty terms of our own, each defined once."""
    headings = re.findall(r"^### (.+)$", GLOSSARY.read_text(encoding="utf-8"), re.MULTILINE)
    assert 0 < len(headings) <= MOST_TERMS
    assert len(set(headings)) == len(headings)


def test_every_term_has_a_definition_an_example_and_a_link() -> None:
    """A reader learns what a term means, sees it in use, and can read on."""
    for term, text in _entries().items():
        lines = [line for line in text.splitlines() if line]
        assert len(lines) >= 3, term
        assert any(line.startswith("Example: ") for line in lines), term
        assert lines[-1].startswith("See ") and "](" in lines[-1], term  # noqa: PT018 - one property


def test_every_term_is_used() -> None:
    """A term that neither the code nor another page uses is removed."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    code = [path for folder in ("bench", "scenarios") for path in (ROOT / folder).rglob("*.*")]
    texts = [
        path.read_text(encoding="utf-8").lower()
        for path in [*pages, *code]
        if path != GLOSSARY and path.suffix in {".md", ".py", ".yaml", ".j2"}
    ]
    for term in _entries():
        words = "[ _-]".join(map(re.escape, term.lower().split()))
        spoken = re.compile(rf"\b{words}s?\b")
        assert any(spoken.search(text) for text in texts), term
