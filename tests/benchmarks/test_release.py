import json
from pathlib import Path

import pytest

from benchmarks.release import ReleaseError, check_tag, write_bill_of_materials, write_notes

PROJECT = """
[project]
name = "chatbench"
version = "1.2.3"
license = "MIT"
[project.urls]
Repository = "https://github.com/owner/chatbench"
"""
CHANGELOG = """# Changelog

## Unreleased

- later

## 1.2.3 - 2026-11-27

### Added

- this

## 1.2.2

- before
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a small project."""
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    locked = (
        "docker[ssh]==7.2.0 \\\n    --hash=sha256:0\n    # via chatbench (x==1)\nPy_YAML==6.0.3 ; os == 'x'\n"
    )
    (tmp_path / "requirements.txt").write_text(locked)
    return tmp_path


def test_the_tag_the_version_and_the_address_agree(root: Path) -> None:
    """Otherwise bench init would name another version, or another repository."""
    assert check_tag("v1.2.3", "owner/chatbench", root) == "1.2.3"
    with pytest.raises(ReleaseError, match=r"the tag is v1.2.4, but pyproject.toml has version 1.2.3"):
        check_tag("v1.2.4", "owner/chatbench", root)
    with pytest.raises(ReleaseError, match=r"bench init needs 'https://github.com/fork/chatbench'"):
        check_tag("v1.2.3", "fork/chatbench", root)
    (root / "pyproject.toml").write_text(PROJECT.partition("[project.urls]")[0])
    with pytest.raises(ReleaseError, match="Repository = None"):
        check_tag("v1.2.3", "owner/chatbench", root)


def test_the_notes_are_the_section_of_the_version(root: Path) -> None:
    """Neither unreleased entries nor those of the version before."""
    assert write_notes("1.2.3", root) == "### Added\n\n- this\n"
    assert write_notes("1.2.2", root) == "- before\n"
    for missing in ("1.2.4", "1.2", "1x2x3"):
        with pytest.raises(ReleaseError, match="no section"):
            write_notes(missing, root)


def test_the_bill_of_materials_has_every_locked_package(root: Path) -> None:
    """Each package has one entry with its address; comments are no packages."""
    content = json.loads(write_bill_of_materials(root))
    addresses = ["pkg:pypi/docker@7.2.0", "pkg:pypi/py-yaml@6.0.3"]
    assert [each["purl"] for each in content["components"]] == addresses
    assert content["dependencies"] == [{"ref": "pkg:pypi/chatbench@1.2.3", "dependsOn": addresses}]
    assert content["metadata"]["component"]["licenses"] == [{"license": {"id": "MIT"}}]


def test_the_bill_of_this_project_is_complete() -> None:
    """The lock file has as many packages as pins."""
    lines = (Path(__file__).parents[2] / "requirements.txt").read_text().splitlines()
    pins = [line for line in lines if "==" in line and not line.startswith((" ", "#"))]
    assert len(json.loads(write_bill_of_materials())["components"]) == len(pins) > 20
