"""Unpack zip archives of unknown origin. Archives with other content than results are refused."""

import mmap
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bench.errors import StoreError
from bench.store.files import write_chunks

# The runs of a suite with their samples have some megabytes. Every machine has disk space for these limits.
MOST_BYTES = 500_000_000
MOST_ENTRIES = 10_000
_CHUNK_BYTES = 1 << 20
_HEADER = b"PK\x01\x02"
"""Start of the header of an entry in the directory of an archive."""
_ENCRYPTED = 0x1
_LONGEST_NAME = 80


@dataclass
class Allowance:
    """The size that the archives of one origin may still have together."""

    bytes_left: int = MOST_BYTES
    """Unpacked bytes."""
    entries_left: int = MOST_ENTRIES
    """Files and folders."""


def unpack(archive: Path, folder: Path, allowance: Allowance | None = None) -> None:
    """Unpack an archive into a folder, which is created. Files outside the folder and links are refused.

    Args:
        archive: The archive.
        folder: The folder.
        allowance: Largest content. It becomes smaller, so that several archives can share it.

    Raises:
        StoreError: The file is not a zip archive, is damaged, is too large, or has an entry that is refused.
    """
    allowance = allowance or Allowance()
    try:
        _unpack(archive, folder, allowance)
    except StoreError:
        raise
    except Exception as error:
        raise _damaged(archive, error) from error


def _damaged(archive: Path, error: Exception) -> StoreError:
    """Return the refusal of an archive: a damaged one raises errors of any kind."""
    return StoreError(f"{archive.name} cannot be unpacked: {str(error) or type(error).__name__}")


def _unpack(archive: Path, folder: Path, allowance: Allowance) -> None:
    _check_number(archive, _count_headers(archive), allowance)
    with zipfile.ZipFile(archive) as opened:
        entries = opened.infolist()
        _check(archive, entries, allowance)
        allowance.entries_left -= len(entries)
        for entry in entries:
            if not entry.is_dir():
                path = folder / PurePosixPath(entry.filename)
                allowance.bytes_left -= _write(archive, opened, entry, path, allowance.bytes_left)


def _count_headers(archive: Path) -> int:
    """Return the largest number of entries that an archive can have, before memory is used for them."""
    if archive.stat().st_size == 0:
        return 0
    with archive.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        count = 0
        place = content.find(_HEADER)
        while place >= 0 and count <= MOST_ENTRIES:
            count += 1
            place = content.find(_HEADER, place + len(_HEADER))
        return count


def _check_number(archive: Path, number: int, allowance: Allowance) -> None:
    if number > allowance.entries_left:
        raise StoreError(
            f"{archive.name} has more entries than the {allowance.entries_left} that are allowed",
            f"all archives of a workflow run have at most {MOST_ENTRIES} entries together",
        )


def _check(archive: Path, entries: list[zipfile.ZipInfo], allowance: Allowance) -> None:
    """Check all entries before the first one is written."""
    _check_number(archive, len(entries), allowance)
    declared_bytes = sum(entry.file_size for entry in entries)
    if declared_bytes > allowance.bytes_left:
        size = f"{declared_bytes / 1e6:.0f} MB"
        limit = f"{allowance.bytes_left / 1e6:.0f} MB"
        raise StoreError(
            f"{archive.name} would unpack to {size}; at most {limit} are allowed",
            f"all archives of a workflow run have at most {MOST_BYTES / 1e6:.0f} MB together",
        )
    paths = set()
    for entry in entries:
        path = PurePosixPath(entry.filename)
        problem = "a duplicate entry" if path in paths else _find_problem(entry, path)
        if problem:
            raise StoreError(f"{archive.name} has {problem}: {_shorten(entry)}")
        paths.add(path)


def _find_problem(entry: zipfile.ZipInfo, path: PurePosixPath) -> str | None:
    if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in entry.filename:
        return "an entry outside the folder"
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "an entry that is not a file"
    return "an encrypted entry" if entry.flag_bits & _ENCRYPTED else None


def _write(
    archive: Path, opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, most_bytes: int
) -> int:
    """Write one file and return its size. The real size counts, not the declared one."""
    if path.is_symlink() or path.exists():
        raise StoreError(f"{path} exists already", "unpack into an empty folder")
    size_bytes = 0

    def read_chunks() -> Iterator[bytes]:
        nonlocal size_bytes
        for chunk in _read_chunks(archive, opened, entry):
            size_bytes += len(chunk)
            if size_bytes > min(most_bytes, entry.file_size):
                raise StoreError(f"{_shorten(entry)} is larger than its archive declares")
            yield chunk

    write_chunks(path, read_chunks())
    return size_bytes


def _read_chunks(archive: Path, opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the content of one file. An error here is one of the archive, not of the written file."""
    try:
        with opened.open(entry) as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    except Exception as error:
        raise _damaged(archive, error) from error


def _shorten(entry: zipfile.ZipInfo) -> str:
    return repr(entry.filename[:_LONGEST_NAME])
