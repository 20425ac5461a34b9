import re
from pathlib import Path

import pytest

from benchmarks.documents.pages import PAGES, Command, File, find_need, read_page
from benchmarks.documents.reader import Reader

ROOT = Path(__file__).parents[2]
# Commands that read files only; `make docs-commands` runs the others too.
_QUICK = re.compile(r"bench (?:scenarios (?:check|show|plan)|schema) ")
_COMMANDS = [part for page in PAGES for part in read_page(page) if isinstance(part, Command)]
_FENCE = re.compile(r"^```sh[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_line_of_every_fence_belongs_to_a_command() -> None:
    """No line is lost on the way from a page to the shell."""
    for page in PAGES:
        shown = "".join(_FENCE.findall(page.read_text(encoding="utf-8"))).split()
        name = page.relative_to(ROOT).as_posix()
        assert " ".join(each.text for each in _COMMANDS if each.page == name).split() == shown, name


@pytest.mark.parametrize(
    ("text", "need"),
    [
        ("bench run quick", None),
        ("docker build --tag chatbench:ci .", "docker"),
        ("bench check quick --url https://chat.example.com", "network"),
        ("make test", "long"),
        ("bench mock --port 8080", "serves"),
        ("export JWT_SECRET=…", "yours"),
        ("bench baseline update --from-run 1234567890", "github"),
    ],
)
def test_a_need_shows_in_the_command(text: str, need: str | None) -> None:
    """A command runs in a clone unless it names something that a clone lacks."""
    assert find_need(text) == need


def _quick_pages() -> list[Path]:
    names = {each.page for each in _COMMANDS if each.need is None and _QUICK.match(each.text)}
    return [page for page in PAGES if page.relative_to(ROOT).as_posix() in names]


@pytest.mark.parametrize("page", _quick_pages(), ids=lambda page: page.name)
def test_the_quick_commands_of_a_page_work(page: Path, tmp_path: Path) -> None:
    """They work with the files that the page shows."""
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / ".venv").symlink_to(ROOT / ".venv")
    reader = Reader(clone, {})
    for part in read_page(page):
        if isinstance(part, File):
            (clone / part.path).parent.mkdir(parents=True, exist_ok=True)
            (clone / part.path).write_text(part.content, encoding="utf-8")
        elif part.need is None and _QUICK.match(part.text):
            assert reader.run(part) is None, str(part)
    reader.close()
