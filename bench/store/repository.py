"""The files of a repository: those that show how its application starts, and those that `bench init` adds."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from bench.core.setup.drafts import FileDraft
from bench.core.setup.starts import COMPOSE_FILES, GO_FILES, NODE_FILES, OTHER_FILES, PYTHON_FILES, AppFiles
from bench.errors import ConfigError
from bench.store.files import write_text

SCHEMAS = "scenarios/.schemas"
"""Folder of the JSON Schemas for editors, relative to the repository."""

_LARGEST_FILE_BYTES = 200_000
_WIDTH = 100
_EXAMPLES = (".env.example", ".env.sample", "README.md")
_INTERPRETERS = (".venv/bin/python", "venv/bin/python")


class _Dumper(yaml.SafeDumper):
    """Writes short lists on one line, as people do, and long texts folded."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal values twice."""
        del data
        return True


def _represent_list(dumper: _Dumper, values: list[Any]) -> yaml.Node:
    is_short = all(isinstance(value, str | int) for value in values) and len(str(values)) < _WIDTH
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=is_short)


_Dumper.add_representer(list, _represent_list)


def read_repository(folder: Path) -> AppFiles:
    """Return the files that show how an application starts. Files that cannot be read are left out."""
    texts: dict[str, str] = {}
    for name in (*OTHER_FILES, *PYTHON_FILES, *NODE_FILES, *GO_FILES, *_EXAMPLES):
        text = _read(folder / name)
        if text is not None:
            texts[name] = text
    compose: dict[str, Any] = {}
    for name in COMPOSE_FILES:
        text = _read(folder / name)
        if text is not None:
            texts[name] = text
            compose[name] = _parse(text)
    python = next((name for name in _INTERPRETERS if os.access(folder / name, os.X_OK)), "python3")
    return AppFiles(texts, compose, python)


def find_existing(folder: Path, paths: Iterable[str]) -> tuple[str, ...]:
    """Return the paths that exist below a folder."""
    return tuple(path for path in paths if (folder / path).exists())


def write_drafts(folder: Path, drafts: Iterable[FileDraft]) -> None:
    """Write the files of a set-up.

    Raises:
        StoreError: A file cannot be written.
    """
    for draft in drafts:
        write_file(folder, draft.path, render_draft(draft))


def write_file(folder: Path, path: str, text: str) -> None:
    """Write a file below a folder, and create the folders of its path.

    Raises:
        ConfigError: A part of the path is a file.
        StoreError: The file cannot be written.
    """
    target = folder / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise ConfigError(f"{target.parent} is a file, so no folder can have its name") from error
    write_text(target, text)


def remove(folder: Path, path: str) -> None:
    """Remove a file, and the folders of its path that are empty then."""
    (folder / path).unlink(missing_ok=True)
    for parent in Path(path).parents:
        with suppress(OSError):
            (folder / parent).rmdir()


def render_draft(draft: FileDraft) -> str:
    """Return the text of a file, with the line by which an editor finds its schema."""
    depth = draft.path.count("/") - 1
    schema = ""
    if draft.schema is not None:
        schema = f"# yaml-language-server: $schema={'../' * depth}.schemas/{draft.schema}.json\n"
    return f"{schema}# {draft.comment}\n{render_yaml(draft.content)}"


def render_yaml(content: Mapping[str, Any]) -> str:
    """Return a mapping as YAML, in its order."""
    return yaml.dump(dict(content), Dumper=_Dumper, sort_keys=False, width=_WIDTH, allow_unicode=True)


def _read(path: Path) -> str | None:
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            return None
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _parse(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def find_root(folder: Path) -> Path | None:
    """Return the root of the git repository that contains a folder; None outside of one."""
    absolute = folder.resolve()
    for parent in (absolute, *absolute.parents):
        if (parent / ".git").exists():
            return parent
    return None


def add_ignored(folder: Path, patterns: Iterable[str]) -> bool:
    """Add patterns to .gitignore. Return whether any was missing; without a repository, none is added."""
    if find_root(folder) is None:
        return False
    text = _read(folder / ".gitignore") or ""
    missing = [pattern for pattern in patterns if pattern not in text.splitlines()]
    if missing:
        end = "" if not text or text.endswith("\n") else "\n"
        write_text(folder / ".gitignore", text + end + "".join(f"{pattern}\n" for pattern in missing))
    return bool(missing)
