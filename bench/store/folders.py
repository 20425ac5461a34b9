"""Folders of scenarios and baselines: the user's folder first, then the one that comes with the package."""

from collections.abc import Iterator
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


def shipped(name: str) -> Path:
    """Return a folder that comes with `bench`: inside the wheel, or next to the package in a source tree."""
    bundled = _PACKAGE / "bundled" / name
    return bundled if bundled.is_dir() else _PACKAGE.parent / name


def find(name: str, relative: str, near: Path | None = None) -> Path | None:
    """Return a file from the first folder that has it: `near`, `./name`, then the shipped folder.

    Returns:
        None if no folder has the file.
    """
    for folder in _list_folders(name, near):
        if (folder / relative).is_file():
            return folder / relative
    return None


def list_names(name: str, pattern: str, near: Path | None = None) -> tuple[str, ...]:
    """Return the names, without ending, of the files that `find` can find for a pattern, sorted."""
    names: set[str] = set()
    for folder in _list_folders(name, near):
        names |= {path.stem for path in folder.glob(pattern)}
    return tuple(sorted(names))


def _list_folders(name: str, near: Path | None) -> Iterator[Path]:
    if near is not None:
        yield near
    yield Path(name)
    yield shipped(name)
