"""Where scenarios and baselines are: the user's own folder first, then what comes with the package."""

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


def shipped(name: str) -> Path:
    """A folder that comes with `bench`: inside the wheel, or beside the package in a source tree."""
    inside = _PACKAGE / "bundled" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def find(name: str, relative: str, near: Path | None = None) -> Path | None:
    """The first of the folders `near`, `./name` and the shipped one that has a file; None when none has."""
    for folder in (near, Path(name), shipped(name)):
        if folder is not None and (folder / relative).is_file():
            return folder / relative
    return None
