from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.store import site

OLD = {"index.html": "one", "assets/site.css": "style", "mine/simulated/old.html": "old"}
NEW = {"index.html": "two", "assets/site.css": "style"}


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
    site.write(folder, OLD)
    assert files(folder) == OLD
    (folder / "CNAME").write_text("bench.example")
    site.write(folder, NEW)
    assert files(folder) == NEW | {"CNAME": "bench.example"}
    marker = (folder / site.MARKER).read_bytes()
    site.write(folder, NEW)
    assert (folder / site.MARKER).read_bytes() == marker


def test_a_folder_with_other_files_is_not_changed(tmp_path: Path) -> None:
    """A folder with other files, and a file, are refused; an empty folder is accepted."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.html").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("docs", "file"):
        with pytest.raises(StoreError, match="not a site that bench wrote") as refused:
            site.write(tmp_path / name, NEW)
        assert "--folder" in (refused.value.hint or "")
    assert files(tmp_path) == {"docs/index.html": "mine", "file": "mine"}
    (tmp_path / "empty").mkdir()
    site.write(tmp_path / "empty", NEW)
    assert files(tmp_path / "empty") == NEW


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside", "", "link/outside"])
def test_files_outside_the_folder_are_not_changed(tmp_path: Path, name: str) -> None:
    """The marker may name any path, and the folder may have a link."""
    folder, outside = tmp_path / "site", tmp_path / "outside"
    outside.write_text("mine")
    site.write(folder, NEW)
    (folder / "link").symlink_to(tmp_path)
    (folder / site.MARKER).write_text(f'{{"schema_version": 1, "files": ["{name}"]}}')
    with pytest.raises(StoreError):
        site.write(folder, NEW)
    with pytest.raises(StoreError):
        site.write(folder, {name: "ours"})
    assert outside.read_text() == "mine"


def test_the_error_for_a_page_that_cannot_be_deleted_names_it(tmp_path: Path) -> None:
    """A folder at the path of a page is an error with its path."""
    folder = tmp_path / "site"
    site.write(folder, OLD)
    page = folder / "mine" / "simulated" / "old.html"
    page.unlink()
    page.mkdir()
    with pytest.raises(StoreError, match=r"cannot delete .*old\.html"):
        site.write(folder, NEW)
