"""Prepare a release: its notes from the changelog, and its bill of materials from the lock file.

It needs only the standard library, so that the release workflow installs nothing for it.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


class ReleaseError(Exception):
    """The files do not agree with the tag."""


def check_tag(tag: str, repository: str, root: Path = _ROOT) -> str:
    """Check that a tag, the version of the project and its address agree; return the version.

    Args:
        tag: Tag such as `v1.2.3`.
        repository: `owner/name` of the repository that releases.
        root: Folder of the project.

    Raises:
        ReleaseError: They do not agree.
    """
    project = _read_project(root)
    version = str(project["version"])
    if tag != f"v{version}":
        raise ReleaseError(f"the tag is {tag}, but pyproject.toml has version {version}")
    wanted = f"https://github.com/{repository}"
    address = project.get("urls", {}).get("Repository")
    if address != wanted:
        message = f"pyproject.toml: [project.urls] has Repository = {address!r}; bench init needs {wanted!r}"
        raise ReleaseError(message)
    return version


def write_notes(version: str, root: Path = _ROOT) -> str:
    """Return the section of a version in the changelog.

    Raises:
        ReleaseError: The changelog has no section of the version, or an empty one.
    """
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = rf"^## \[?{re.escape(version)}\]?(?: - [^\n]*)?$"
    match = re.search(rf"{heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    notes = match[1].strip() if match else ""
    if not notes:
        raise ReleaseError(f"CHANGELOG.md has no section '## {version}', or an empty one")
    return f"{notes}\n"


def write_bill_of_materials(root: Path = _ROOT) -> str:
    """Return the packages that an installation needs, as CycloneDX in JSON."""
    project = _read_project(root)
    name = str(project["name"])
    version = str(project["version"])
    pins = _PIN.findall((root / "requirements.txt").read_text(encoding="utf-8"))
    components = [_make_component(package, pinned) for package, pinned in pins]
    own = {**_make_component(name, version), "type": "application"}
    own["licenses"] = [{"license": {"id": project["license"]}}]
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": own},
        "components": components,
        "dependencies": [
            {"ref": own["bom-ref"], "dependsOn": [component["bom-ref"] for component in components]}
        ],
    }
    return json.dumps(content, indent=1) + "\n"


def _make_component(name: str, version: str) -> dict[str, Any]:
    address = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"
    return {"type": "library", "bom-ref": address, "name": name, "version": version, "purl": address}


def _read_project(root: Path) -> dict[str, Any]:
    content = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    project: dict[str, Any] = content["project"]
    return project
