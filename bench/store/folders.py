"""Folders of scenarios and baselines: the user's folder first, then the one that comes with the package."""

from collections.abc import Iterator
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_ENDINGS = (".yaml", ".yml")
SCENARIOS = "scenarios"
"""Name of the folder of scenarios, targets, messages and stacks."""
RESULTS = Path("results")
"""Folder of the stored runs, if no option names another one."""


def shipped(name: str) -> Path:
    """Return a folder that comes with `bench`: inside the wheel, or next to the package in a source tree."""
    bundled = _PACKAGE / "bundled" / name
    return bundled if bundled.is_dir() else _PACKAGE.parent / name


def is_shipped(path: Path, name: str) -> bool:
    """Return whether a file comes with `bench`, in this folder or below it."""
    return path.resolve().is_relative_to(shipped(name).resolve())


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


def find_extended(path: Path, name: str, folder: str) -> Path | None:
    """Return the file that another one extends: a path relative to it, or the first other file of this name.

    Args:
        path: The file that extends the other one.
        name: Name of the other file, or its path with its ending.
        folder: Folder of the kind of file below `scenarios`; empty for scenarios.

    Returns:
        None if there is no such file.
    """
    if name.endswith(_ENDINGS):
        return path.parent / name if (path.parent / name).is_file() else None
    for place in _list_places(path, folder):
        candidate = place / f"{name}.yaml"
        # A file may extend the shipped one that it hides.
        if candidate.is_file() and candidate.resolve() != path.resolve():
            return candidate
    return None


def list_extendable(path: Path, folder: str) -> tuple[str, ...]:
    """Return the names of the files that a file can extend; see `find_extended`."""
    names: set[str] = set()
    for place in _list_places(path, folder):
        names |= {other.stem for other in place.glob("*.yaml") if other.resolve() != path.resolve()}
    return tuple(sorted(names))


def hides_shipped(path: Path, relative: str) -> bool:
    """Return whether a file is used instead of a shipped one, by its path in the folder of scenarios."""
    hidden = shipped(SCENARIOS) / relative
    return hidden.is_file() and hidden.resolve() != path.resolve()


def _list_places(path: Path, folder: str) -> tuple[Path, ...]:
    return (path.parent, Path(SCENARIOS) / folder, shipped(SCENARIOS) / folder)


def _list_folders(name: str, near: Path | None) -> Iterator[Path]:
    """Yield the folders in their order of precedence. The user's folder precedes a shipped one."""
    if near is not None and near.resolve() != shipped(name).resolve():
        yield near
    yield Path(name)
    yield shipped(name)
