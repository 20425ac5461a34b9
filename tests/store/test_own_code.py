"""Derived files are made again if a module changes that decides what they contain."""

from pathlib import Path

import grimp
import pytest

from bench.store import own_code


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    """The imports of the package."""
    return grimp.build_graph("bench", cache_dir=None)


def files_of(modules: set[str]) -> set[str]:
    """Return the files of modules, relative to the package; a package without code has none."""
    files: set[str] = set()
    for module in modules:
        place = "/".join(module.split(".")[1:])
        if not (own_code._PACKAGE / place).is_dir():
            files.add(f"{place}.py")
    return files


def test_columns_depend_on_no_other_module(imports: grimp.ImportGraph) -> None:
    """Every module that the reader of histories imports, directly or not, is in the digest."""
    needed = files_of(imports.find_upstream_modules("bench.store.history_file"))
    assert "core/verdict/comparable.py" in needed
    assert needed <= set(own_code._list_files(own_code._COLUMNS, own_code._NEVER_IMPORTED))


def test_pages_depend_on_no_other_module(imports: grimp.ImportGraph) -> None:
    """So is every module that the writer of pages imports, and every template."""
    needed = files_of(imports.find_upstream_modules("bench.usecases.site_pages"))
    listed = set(own_code._list_files(own_code._PAGES))
    assert "core/report/trend_page.py" in needed
    assert needed <= listed
    assert "render/html/templates/site_history.html.j2" in listed
    assert not any(place.startswith("cli/") for place in listed)


def test_a_changed_file_changes_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contents and places count; files of other folders do not."""
    monkeypatch.setattr(own_code, "_PACKAGE", tmp_path)
    for part in ("core", "cli"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "a.py").write_text("1")
    first = own_code._digest(("core",))
    (tmp_path / "cli" / "a.py").write_text("2")
    assert own_code._digest(("core",)) == first
    (tmp_path / "core" / "a.py").write_text("2")
    second = own_code._digest(("core",))
    (tmp_path / "core" / "a.py").rename(tmp_path / "core" / "b.py")
    assert len({first, second, own_code._digest(("core",))}) == 3
