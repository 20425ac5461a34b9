"""Unpack zip archives of unknown origin. Archives with other content than results are refused."""

import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from bench.errors import StoreError
from bench.store.files import write_chunks

# The runs of a suite with their samples have some megabytes. Every machine has disk space for these limits.
MOST_BYTES = 500_000_000
MOST_ENTRIES = 2_000
_CHUNK_BYTES = 1 << 20
_ENCRYPTED = 0x1
_LONGEST_NAME = 80


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into a folder, which is created. Files outside the folder and links are refused.

    Raises:
        StoreError: The file is not a zip archive, is damaged, is too large, or has an entry that is refused.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            _check(archive, entries)
            left_bytes = MOST_BYTES
            for entry in entries:
                if not entry.is_dir():
                    path = folder / PurePosixPath(entry.filename)
                    left_bytes -= _write(opened, entry, path, left_bytes)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise StoreError(f"{archive.name} cannot be unpacked: {error}") from error


def _check(archive: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Check all entries before the first one is written."""
    if len(entries) > MOST_ENTRIES:
        raise StoreError(f"{archive.name} has {len(entries)} entries; at most {MOST_ENTRIES} are allowed")
    declared_bytes = sum(entry.file_size for entry in entries)
    if declared_bytes > MOST_BYTES:
        size = f"{declared_bytes / 1e6:.0f} MB"
        limit = f"{MOST_BYTES / 1e6:.0f} MB"
        raise StoreError(f"{archive.name} would unpack to {size}; at most {limit} are allowed")
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


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, left_bytes: int) -> int:
    """Write one file and return its size. The real size counts, not the declared one."""
    if path.is_symlink() or path.exists():
        raise StoreError(f"{path} exists already", "unpack into an empty folder")
    size_bytes = 0

    def read_chunks() -> Iterator[bytes]:
        nonlocal size_bytes
        with opened.open(entry) as file:
            while chunk := file.read(_CHUNK_BYTES):
                size_bytes += len(chunk)
                if size_bytes > min(left_bytes, entry.file_size):
                    raise StoreError(f"{_shorten(entry)} is larger than its archive declares")
                yield chunk

    write_chunks(path, read_chunks())
    return size_bytes


def _shorten(entry: zipfile.ZipInfo) -> str:
    return repr(entry.filename[:_LONGEST_NAME])
