"""A site of static pages: a folder of ours, in which nothing is touched that is not."""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from bench.core.values.record import Record
from bench.errors import StoreError
from bench.store.files import read_model, write_text

MARKER = ".bench-site.json"
SCHEMA_VERSION = 1


class _Marker(Record):
    """Says that a folder is a site of ours, and which files of it are."""

    schema_version: int = SCHEMA_VERSION
    files: tuple[str, ...]


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write a site. Pages of the one before that it no longer has are deleted; files that are not ours stay.

    Args:
        folder: Where; it is made when it is not there.
        files: Texts by their paths in it.

    Raises:
        StoreError: The folder has other things and is no site, or it cannot be written.
    """
    before = _ours(folder)
    # Whoever interrupts this leaves a folder that is known as ours.
    _mark(folder, before | files.keys())
    for name, text in files.items():
        write_text(_inside(folder, name), text)
    for name in before - files.keys():
        _delete(_inside(folder, name))
    _mark(folder, files.keys())


def _ours(folder: Path) -> set[str]:
    if (folder / MARKER).is_file():
        return set(read_model(folder / MARKER, _Marker, SCHEMA_VERSION).files)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(
            f"{folder} is there, and no site that bench wrote", "name another folder: --folder site"
        )
    return set()


def _mark(folder: Path, names: Iterable[str]) -> None:
    write_text(folder / MARKER, _Marker(files=tuple(sorted(names))).model_dump_json(indent=1) + "\n")


def _delete(page: Path) -> None:
    try:
        page.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"cannot delete {page}: {error.strerror}", "delete it, and try again") from error


def _inside(folder: Path, name: str) -> Path:
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or PurePosixPath(name).is_absolute():
        raise StoreError(f"{folder / MARKER} names a file elsewhere: {name}", "delete the folder")
    path = folder.joinpath(*parts)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise StoreError(f"{path} leads out of {folder}", "delete the folder")
    return path
