from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.store import site

OLD = {"index.html": "one", "assets/site.css": "style", "mine/simulated/old.html": "old"}
NEW = {"index.html": "two", "assets/site.css": "style"}


def files(folder: Path) -> dict[str, str]:
    """Every file of a folder but the marker."""
    found = sorted(each for each in folder.rglob("*") if each.is_file() and each.name != site.MARKER)
    return {each.relative_to(folder).as_posix(): each.read_text() for each in found}


def test_a_site_is_written_and_written_again(tmp_path: Path) -> None:
    """What it no longer has is gone, what is not ours stays, and the same again is the same bytes."""
    folder = tmp_path / "site"
    site.write(folder, OLD)
    assert files(folder) == OLD
    (folder / "CNAME").write_text("bench.example")
    site.write(folder, NEW)
    assert files(folder) == NEW | {"CNAME": "bench.example"}
    marker = (folder / site.MARKER).read_bytes()
    site.write(folder, NEW)
    assert (folder / site.MARKER).read_bytes() == marker


def test_a_folder_that_is_no_site_is_left_alone(tmp_path: Path) -> None:
    """With other things in it, or a file in its place, nothing is written; an empty one will do."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.html").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("docs", "file"):
        with pytest.raises(StoreError, match="no site that bench wrote") as refused:
            site.write(tmp_path / name, NEW)
        assert "--folder" in (refused.value.hint or "")
    assert files(tmp_path) == {"docs/index.html": "mine", "file": "mine"}
    (tmp_path / "empty").mkdir()
    site.write(tmp_path / "empty", NEW)
    assert files(tmp_path / "empty") == NEW


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside", "", "link/outside"])
def test_nothing_outside_is_deleted_or_written(tmp_path: Path, name: str) -> None:
    """Whatever a marker names, and wherever a link leads."""
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


def test_a_page_that_cannot_be_deleted_is_said(tmp_path: Path) -> None:
    """Somebody put a folder in the place of a page: that is no error of ours, and the message names it."""
    folder = tmp_path / "site"
    site.write(folder, OLD)
    page = folder / "mine" / "simulated" / "old.html"
    page.unlink()
    page.mkdir()
    with pytest.raises(StoreError, match=r"cannot delete .*old\.html"):
        site.write(folder, NEW)
