"""A site of static pages in a folder of its own. Other files in the folder stay."""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from bench.core.values.record import Record
from bench.errors import StoreError
from bench.store.files import read_model, write_text

MARKER = ".bench-site.json"
SCHEMA_VERSION = 1


class _Marker(Record):
    """The file that marks a folder as a site of `bench`."""

    schema_version: int = SCHEMA_VERSION
    """Version of the file's format."""
    files: tuple[str, ...]
    """Files of the site, relative to the folder."""


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write a site, and delete the files of the previous site that the new one does not have.

    Args:
        folder: Folder of the site; it is created if it does not exist.
        files: Text of each file, by its path in the folder.

    Raises:
        StoreError: The folder has files but no site of `bench`, or is not writable.
    """
    previous = _read_marker(folder)
    # If the write is interrupted, the marker already has all files.
    _write_marker(folder, previous | files.keys())
    for name, text in files.items():
        write_text(_inside(folder, name), text)
    for name in previous - files.keys():
        _delete(_inside(folder, name))
    _write_marker(folder, files.keys())


def _read_marker(folder: Path) -> set[str]:
    if (folder / MARKER).is_file():
        return set(read_model(folder / MARKER, _Marker, SCHEMA_VERSION).files)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(
            f"{folder} exists and is not a site that bench wrote", "name another folder: --folder site"
        )
    return set()


def _write_marker(folder: Path, names: Iterable[str]) -> None:
    write_text(folder / MARKER, _Marker(files=tuple(sorted(names))).model_dump_json(indent=1) + "\n")


def _delete(page: Path) -> None:
    try:
        page.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"cannot delete {page}: {error.strerror}", "delete it, and try again") from error


def _inside(folder: Path, name: str) -> Path:
    """Return the path of a file of the site; refuse a path outside the folder."""
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or PurePosixPath(name).is_absolute():
        raise StoreError(f"{folder / MARKER} names a file outside the folder: {name}", "delete the folder")
    path = folder.joinpath(*parts)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise StoreError(f"{path} is a link to a file outside {folder}", "delete the folder")
    return path
