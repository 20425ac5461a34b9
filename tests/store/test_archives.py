import stat
import struct
import zipfile
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.store import archives
from bench.store.archives import unpack


def zipped(path: Path, **entries: bytes) -> Path:
    """An archive of these files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def test_what_runs_hold_is_unpacked(tmp_path: Path) -> None:
    """Files in folders, and folders by themselves."""
    archive = zipped(tmp_path / "a.zip", **{"run/result.json": b"{}", "run/empty/": b"", "top.json": b"[]"})
    unpack(archive, tmp_path / "out")
    assert (tmp_path / "out" / "run" / "result.json").read_bytes() == b"{}"
    assert (tmp_path / "out" / "top.json").read_bytes() == b"[]"


@pytest.mark.parametrize("name", ["../up.json", "run/../../up.json", "/etc/up.json", "run\\..\\up.json"])
def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing is written, not even what stood before it."""
    archive = zipped(tmp_path / "a.zip", **{"good.json": b"{}", name: b"{}"})
    with pytest.raises(StoreError, match="leads elsewhere"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.rglob("up.json"))


def test_a_link_is_refused(tmp_path: Path) -> None:
    """A link to a file of this machine would be read as a result."""
    entry = zipfile.ZipInfo("run/result.json")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(StoreError, match=r"no file: 'run/result\.json'"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_an_archive_that_says_it_is_large_is_refused(tmp_path: Path) -> None:
    """A bomb of zeros is a thousandth of what it unpacks to."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(6):
            archive.writestr(f"{number}.json", bytes(100_000_000))
    assert (tmp_path / "a.zip").stat().st_size < 1_000_000
    with pytest.raises(StoreError, match=r"would be 600 MB, and runs are at most 500 MB"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_an_archive_that_hides_its_size_is_refused(tmp_path: Path) -> None:
    """What is announced is not believed."""
    archive = zipped(tmp_path / "a.zip", **{"result.json": bytes(1_000_000)})
    content = archive.read_bytes()
    archive.write_bytes(content.replace(struct.pack("<I", 1_000_000), struct.pack("<I", 1_000)))
    with pytest.raises(StoreError, match=r"cannot be unpacked|larger than its archive says"):
        unpack(archive, tmp_path / "out")


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    """A million empty files are a bomb as well."""
    archive = zipped(tmp_path / "a.zip", **{f"{n}.json": b"" for n in range(archives.MOST_ENTRIES + 1)})
    with pytest.raises(StoreError, match="has 2001 entries"):
        unpack(archive, tmp_path / "out")


def test_an_entry_that_comes_twice_is_refused(tmp_path: Path) -> None:
    """Which of them a reader takes is chance."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("result.json", "{}")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("result.json", "[]")
    with pytest.raises(StoreError, match="twice"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    """Nobody has its password."""
    archive = zipped(tmp_path / "a.zip", **{"result.json": b"{}"})
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(StoreError, match="encrypted"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut off"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    """With its name."""
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(StoreError, match=r"a\.zip cannot be unpacked"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """Two archives with the same run are not one."""
    archive = zipped(tmp_path / "a.zip", **{"result.json": b"{}"})
    unpack(archive, tmp_path / "out")
    with pytest.raises(StoreError, match="is there already"):
        unpack(archive, tmp_path / "out")
