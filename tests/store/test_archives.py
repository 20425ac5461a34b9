import stat
import struct
import zipfile
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.store import archives
from bench.store.archives import unpack


def make_archive(path: Path, **entries: bytes) -> Path:
    """Return an archive of these files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def test_files_and_folders_are_unpacked(tmp_path: Path) -> None:
    """Files in folders, empty folders and files at the top are unpacked."""
    archive = make_archive(
        tmp_path / "a.zip", **{"run/result.json": b"{}", "run/empty/": b"", "top.json": b"[]"}
    )
    unpack(archive, tmp_path / "out")
    assert (tmp_path / "out" / "run" / "result.json").read_bytes() == b"{}"
    assert (tmp_path / "out" / "top.json").read_bytes() == b"[]"


@pytest.mark.parametrize("name", ["../up.json", "run/../../up.json", "/etc/up.json", "run\\..\\up.json"])
def test_a_path_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    """No entry is written, not even the entries before it."""
    archive = make_archive(tmp_path / "a.zip", **{"good.json": b"{}", name: b"{}"})
    with pytest.raises(StoreError, match="an entry outside the folder"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.rglob("up.json"))


def test_a_link_is_refused(tmp_path: Path) -> None:
    """A link could point to any file of this machine."""
    entry = zipfile.ZipInfo("run/result.json")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(StoreError, match=r"not a file: 'run/result\.json'"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_an_archive_with_a_large_declared_size_is_refused(tmp_path: Path) -> None:
    """An archive of zeros unpacks to a thousand times its size."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(6):
            archive.writestr(f"{number}.json", bytes(100_000_000))
    assert (tmp_path / "a.zip").stat().st_size < 1_000_000
    with pytest.raises(StoreError, match=r"would unpack to 600 MB; at most 500 MB are allowed"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_an_archive_with_a_wrong_declared_size_is_refused(tmp_path: Path) -> None:
    """The real size counts, not the declared one."""
    archive = make_archive(tmp_path / "a.zip", **{"result.json": bytes(1_000_000)})
    content = archive.read_bytes()
    archive.write_bytes(content.replace(struct.pack("<I", 1_000_000), struct.pack("<I", 1_000)))
    with pytest.raises(StoreError, match=r"cannot be unpacked|larger than its archive declares"):
        unpack(archive, tmp_path / "out")


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    """The number of entries is limited, even if all of them are empty."""
    archive = make_archive(tmp_path / "a.zip", **{f"{n}.json": b"" for n in range(archives.MOST_ENTRIES + 1)})
    with pytest.raises(StoreError, match="has 2001 entries"):
        unpack(archive, tmp_path / "out")


def test_a_duplicate_entry_is_refused(tmp_path: Path) -> None:
    """The content of a duplicate entry would be ambiguous."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("result.json", "{}")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("result.json", "[]")
    with pytest.raises(StoreError, match="a duplicate entry"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    """The password is unknown."""
    archive = make_archive(tmp_path / "a.zip", **{"result.json": b"{}"})
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(StoreError, match="encrypted"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut off"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    """The error names the archive."""
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(StoreError, match=r"a\.zip cannot be unpacked"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_an_existing_file_is_not_replaced(tmp_path: Path) -> None:
    """A second archive with the same run is an error."""
    archive = make_archive(tmp_path / "a.zip", **{"result.json": b"{}"})
    unpack(archive, tmp_path / "out")
    with pytest.raises(StoreError, match="exists already"):
        unpack(archive, tmp_path / "out")
