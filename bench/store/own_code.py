"""Digests of the program: files that another version derived are made again.

Folders count as they are, because a list of single modules would be wrong after the next import.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_ENDINGS = (".py", ".j2", ".css", ".js")
_NEVER_IMPORTED = ("core/report/", "core/experiment/")
_COLUMNS = ("core", "store", "owners", "errors.py")
_PAGES = (*_COLUMNS, "render", "usecases")


@cache
def columns_code() -> str:
    """Return the digest of the files of `bench` that decide the columns of a history."""
    return _digest(_COLUMNS, _NEVER_IMPORTED)


@cache
def pages_code() -> str:
    """Return the digest of the files of `bench` that decide the pages of a site."""
    return _digest(_PAGES)


def _digest(parts: Sequence[str], without: tuple[str, ...] = ()) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for place in _list_files(parts, without):
        digest.update(f"{place}\0".encode())
        digest.update(hashlib.blake2b((_PACKAGE / place).read_bytes()).digest())
    return digest.hexdigest()


def _list_files(parts: Sequence[str], without: tuple[str, ...] = ()) -> list[str]:
    """Return the files of some folders of the package, relative to it."""
    places: list[str] = []
    for part in parts:
        path = _PACKAGE / part
        for file in path.rglob("*") if path.is_dir() else (path,):
            place = file.relative_to(_PACKAGE).as_posix()
            if file.suffix in _ENDINGS and not place.startswith(without):
                places.append(place)
    return sorted(places)
