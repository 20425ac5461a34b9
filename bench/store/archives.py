"""Zip archives that somebody else made: unpacked when they hold what runs hold, and nothing else."""

import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from bench.errors import StoreError
from bench.store.files import write_chunks

# A suite's runs with their samples have some megabytes; these are what a machine surely has room for.
MOST_BYTES = 500_000_000
MOST_ENTRIES = 2_000
_PART = 1 << 20
_ENCRYPTED = 0x1


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into a folder. Nothing is written outside of it, and no link is made.

    Args:
        archive: The zip file.
        folder: Where its files go; is made.

    Raises:
        StoreError: It is no zip file, is broken, has too much in it, or an entry that is no plain file in it.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            _check(archive, entries)
            left = MOST_BYTES
            for entry in entries:
                if not entry.is_dir():
                    left = _write(opened, entry, folder / PurePosixPath(entry.filename), left)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise StoreError(f"{archive.name} cannot be unpacked: {error}") from error


def _check(archive: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Look at all entries before the first is written."""
    if len(entries) > MOST_ENTRIES:
        raise StoreError(f"{archive.name} has {len(entries)} entries, and runs have at most {MOST_ENTRIES}")
    announced = sum(entry.file_size for entry in entries)
    if announced > MOST_BYTES:
        most = f"{MOST_BYTES / 1e6:.0f} MB"
        raise StoreError(f"{archive.name} would be {announced / 1e6:.0f} MB, and runs are at most {most}")
    seen = set()
    for entry in entries:
        path, mode = PurePosixPath(entry.filename), entry.external_attr >> 16
        if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in entry.filename:
            raise StoreError(f"{archive.name} has an entry that leads elsewhere: {entry.filename[:80]!r}")
        if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise StoreError(f"{archive.name} has an entry that is no file: {entry.filename[:80]!r}")
        if entry.flag_bits & _ENCRYPTED:
            raise StoreError(f"{archive.name} has an encrypted entry: {entry.filename[:80]!r}")
        if path in seen:
            raise StoreError(f"{archive.name} has an entry twice: {entry.filename[:80]!r}")
        seen.add(path)


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, left: int) -> int:
    """Write one file, by the bytes that come and not by those that are announced. Returns what is left."""
    if path.is_symlink() or path.exists():
        raise StoreError(f"{path} is there already", "unpack into an empty folder")
    size = 0

    def parts() -> Iterator[bytes]:
        nonlocal size
        with opened.open(entry) as file:
            while part := file.read(_PART):
                size += len(part)
                if size > min(left, entry.file_size):
                    raise StoreError(f"{entry.filename[:80]!r} is larger than its archive says")
                yield part

    write_chunks(path, parts())
    return left - size
