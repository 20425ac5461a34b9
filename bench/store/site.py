"""A site of static pages in a folder of its own. Other files in the folder stay."""

import hashlib
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from bench.core.values.record import Record
from bench.errors import StoreError
from bench.store.files import read_model, write_text

MARKER = ".bench-site.json"
SCHEMA_VERSION = 1


class DerivedFile(Record):
    """A file of a site whose origin is recorded, so that it is written again only if that has changed."""

    made_from: str
    """Digest of everything that the file was made from."""
    content: str
    """Digest of the file."""
    note: str = ""
    """What the writer needs when it does not make the file again."""


class _Marker(Record):
    """The file that marks a folder as a site of `bench`."""

    schema_version: int = SCHEMA_VERSION
    """Version of the file's format."""
    files: tuple[str, ...]
    """Files of the site, relative to the folder."""
    derived: dict[str, DerivedFile] = {}
    """The recorded origins, by file."""


class SiteFolder:
    """A site that is written again. Files that you neither write nor keep are deleted at the end."""

    def __init__(self, folder: Path, old: Mapping[str, DerivedFile]) -> None:
        self.files: set[str] = set()
        self.derived: dict[str, DerivedFile] = {}
        self._folder = folder
        self._old = old
        self._names = sorted(old)

    def current(self, name: str, made_from: str) -> DerivedFile | None:
        """Return a file's record if the folder has the file, unchanged, and it was made from the same."""
        derived = self.recorded(name)
        return None if derived is None or derived.made_from != made_from else derived

    def recorded(self, name: str) -> DerivedFile | None:
        """Return a file's record if the folder has the file, unchanged."""
        derived = self._old.get(name)
        if derived is None:
            return None
        try:
            content = _inside(self._folder, name).read_bytes()
        except OSError:
            return None
        return derived if _digest(content) == derived.content else None

    def keep(self, name: str, derived: DerivedFile) -> None:
        """Keep a file as it is."""
        self.files.add(name)
        self.derived[name] = derived

    def join(self, files: Mapping[str, DerivedFile]) -> None:
        """Keep files that a part of this folder wrote or kept."""
        self.files.update(files)
        self.derived.update(files)

    def recorded_in(self, folder: str) -> dict[str, DerivedFile]:
        """Return the records of the files of a folder that the site has, unchanged, by their paths."""
        records: dict[str, DerivedFile] = {}
        for name in self._names_in(folder):
            derived = self.recorded(name)
            if derived is not None:
                records[name] = derived
        return records

    def part(self, name: str) -> "SiteFolder":
        """Return the folder without written files, for a file and the files in the folder of its name."""
        names = [*self._names_in(name.rpartition(".")[0]), *({name} & self._old.keys())]
        return SiteFolder(self._folder, {name: self._old[name] for name in names})

    def _names_in(self, folder: str) -> list[str]:
        ends = (bisect_left(self._names, f"{folder}/"), bisect_left(self._names, f"{folder}/\U0010ffff"))
        return self._names[slice(*ends)]

    def write(self, name: str, text: str, made_from: str | None = None, note: str = "") -> None:
        """Write a file.

        Args:
            name: Path of the file in the folder.
            text: The content.
            made_from: Digest of everything that the file was made from; `None` to write it each time.
            note: What you need when you do not make the file again.

        Raises:
            StoreError: The path leads out of the folder, or the folder is not writable.
        """
        self.files.add(name)
        write_text(_inside(self._folder, name), text, is_durable=False)
        if made_from is not None:
            content = _digest(text.encode())
            self.derived[name] = DerivedFile(made_from=made_from, content=content, note=note)


@contextmanager
def rewrite(folder: Path, names: Collection[str]) -> Iterator[SiteFolder]:
    """Write a site again, and delete the files of the previous site that the new one does not have.

    Args:
        folder: Folder of the site; it is created if it does not exist.
        names: Files that will be written. If the program is killed, the marker already has them.

    Raises:
        StoreError: The folder has files but no site of `bench`, or is not writable.
    """
    marker = _read_marker(folder)
    previous = set(marker.files)
    _write_marker(folder, previous.union(names), marker.derived)
    site = SiteFolder(folder, marker.derived)
    try:
        yield site
    except BaseException:
        _write_marker(folder, previous.union(names, site.files), marker.derived | site.derived)
        raise
    for name in previous - site.files:
        _delete(_inside(folder, name))
    _write_marker(folder, site.files, site.derived)


def _read_marker(folder: Path) -> _Marker:
    if (folder / MARKER).is_file():
        return read_model(folder / MARKER, _Marker, SCHEMA_VERSION)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(
            f"{folder} exists and is not a site that bench wrote", "name another folder: --folder site"
        )
    return _Marker(files=())


def _write_marker(folder: Path, names: Iterable[str], derived: Mapping[str, DerivedFile]) -> None:
    marker = _Marker(files=tuple(sorted(names)), derived=dict(sorted(derived.items())))
    write_text(folder / MARKER, marker.model_dump_json(indent=1) + "\n")


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


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
