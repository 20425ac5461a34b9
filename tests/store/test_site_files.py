from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.store import site

OLD = {"index.html": "one", "assets/site.css": "style", "mine/simulated/old.html": "old"}
NEW = {"index.html": "two", "assets/site.css": "style"}


def write(folder: Path, texts: dict[str, str]) -> None:
    """Write a site of these files."""
    with site.rewrite(folder, texts) as written:
        for name, text in texts.items():
            written.write(name, text)


def files(folder: Path) -> dict[str, str]:
    """Return the text of every file of a folder, without the marker."""
    texts: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != site.MARKER:
            texts[path.relative_to(folder).as_posix()] = path.read_text()
    return texts


def test_a_site_is_written_and_written_again(tmp_path: Path) -> None:
    """Old pages are deleted, other files stay, and the same site has the same bytes."""
    folder = tmp_path / "site"
    write(folder, OLD)
    assert files(folder) == OLD
    (folder / "CNAME").write_text("bench.example")
    write(folder, NEW)
    assert files(folder) == NEW | {"CNAME": "bench.example"}
    marker = (folder / site.MARKER).read_bytes()
    write(folder, NEW)
    assert (folder / site.MARKER).read_bytes() == marker


def test_a_folder_with_other_files_is_not_changed(tmp_path: Path) -> None:
    """A folder with other files, and a file, are refused; an empty folder is accepted."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.html").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("docs", "file"):
        with pytest.raises(StoreError, match="not a site that bench wrote") as refused:
            write(tmp_path / name, NEW)
        assert "--folder" in (refused.value.hint or "")
    assert files(tmp_path) == {"docs/index.html": "mine", "file": "mine"}
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", NEW)
    assert files(tmp_path / "empty") == NEW


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside", "", "link/outside"])
def test_files_outside_the_folder_are_not_changed(tmp_path: Path, name: str) -> None:
    """The marker may name any path, and the folder may have a link."""
    folder, outside = tmp_path / "site", tmp_path / "outside"
    outside.write_text("mine")
    write(folder, NEW)
    (folder / "link").symlink_to(tmp_path)
    (folder / site.MARKER).write_text(f'{{"schema_version": 1, "files": ["{name}"]}}')
    with pytest.raises(StoreError):
        write(folder, NEW)
    with pytest.raises(StoreError):
        write(folder, {name: "ours"})
    assert outside.read_text() == "mine"


def test_the_error_for_a_page_that_cannot_be_deleted_names_it(tmp_path: Path) -> None:
    """A folder at the path of a page is an error with its path."""
    folder = tmp_path / "site"
    write(folder, OLD)
    page = folder / "mine" / "simulated" / "old.html"
    page.unlink()
    page.mkdir()
    with pytest.raises(StoreError, match=r"cannot delete .*old\.html"):
        write(folder, NEW)


def test_a_file_is_current_only_if_origin_and_content_are_unchanged(tmp_path: Path) -> None:
    """A file that was made from something else, was changed, deleted, or never recorded is written again."""
    with site.rewrite(tmp_path, ["page", "plain"]) as written:
        written.write("page", "text", made_from="origin", note="what it shows")
        written.write("plain", "text")
    with site.rewrite(tmp_path, ["page"]) as written:
        assert written.current("plain", "origin") is None
        assert written.current("page", "other origin") is None
        current = written.current("page", "origin")
        assert current is not None
        assert current.note == "what it shows"
        written.keep("page", current)
    assert files(tmp_path) == {"page": "text"}
    (tmp_path / "page").write_text("mine")
    with site.rewrite(tmp_path, ["page"]) as written:
        assert written.current("page", "origin") is None
        (tmp_path / "page").unlink()
        assert written.current("page", "origin") is None


def test_an_interrupted_site_still_knows_its_files(tmp_path: Path) -> None:
    """The next build deletes what the interrupted one wrote, and keeps the files of others."""

    def write_and_stop() -> None:
        with site.rewrite(tmp_path / "site", ["a"]) as written:
            written.write("a", "one")
            written.write("b", "not announced", made_from="origin")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_stop()
    (tmp_path / "site" / "CNAME").write_text("bench.example")
    write(tmp_path / "site", {"c": "two"})
    assert files(tmp_path / "site") == {"c": "two", "CNAME": "bench.example"}
