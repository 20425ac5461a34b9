import re
import stat
import struct
import zipfile
from pathlib import Path
from random import Random

import pytest

from bench.errors import StoreError
from bench.store.archives import Allowance, unpack


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
    """An archive of zeros unpacks to a thousand times its size, so the declared size counts."""
    files = {f"{number}.json": bytes(1_000_000) for number in range(6)}
    archive = make_archive(tmp_path / "a.zip", **files)
    assert archive.stat().st_size < 100_000
    with pytest.raises(StoreError, match=r"would unpack to 6 MB; at most 5 MB are allowed"):
        unpack(archive, tmp_path / "out", Allowance(bytes_left=5_000_000))


def test_an_archive_with_a_wrong_declared_size_is_refused(tmp_path: Path) -> None:
    """The real size counts, not the declared one."""
    archive = make_archive(tmp_path / "a.zip", **{"result.json": bytes(1_000_000)})
    content = archive.read_bytes()
    archive.write_bytes(content.replace(struct.pack("<I", 1_000_000), struct.pack("<I", 1_000)))
    with pytest.raises(StoreError, match=r"cannot be unpacked|larger than its archive declares"):
        unpack(archive, tmp_path / "out")


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    """The number of entries is limited, even if all of them are empty."""
    files = {f"{number}.json": b"" for number in range(4)}
    archive = make_archive(tmp_path / "a.zip", **files)
    with pytest.raises(StoreError, match="has more entries than the 3 that are allowed"):
        unpack(archive, tmp_path / "out", Allowance(entries_left=3))
    unpack(archive, tmp_path / "out", Allowance(entries_left=4))
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_the_entries_are_counted_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory of a small archive can have entries that fill the memory."""
    archive = make_archive(tmp_path / "a.zip", **{f"{number}.json": b"" for number in range(4)})
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(StoreError, match="has more entries"):
        unpack(archive, tmp_path / "out", Allowance(entries_left=3))


def test_several_archives_share_an_allowance(tmp_path: Path) -> None:
    """Many archives below the limit of one are refused together: by their bytes, and by their entries."""
    for allowance, said in (
        (Allowance(bytes_left=25), "would unpack to"),
        (Allowance(entries_left=2), "more"),
    ):
        archive = make_archive(tmp_path / "a.zip", **{"a.json": bytes(10)})
        for number in range(2):
            unpack(archive, tmp_path / f"{said}-{number}", allowance)
        with pytest.raises(StoreError, match=said):
            unpack(archive, tmp_path / f"{said}-2", allowance)


def _mutate(content: bytes, seed: int) -> bytes:
    """Return an archive with some wrong bytes, most of them in its headers."""
    random = Random(seed)
    mutated = bytearray(content)
    places = [match.start() for match in re.finditer(rb"PK", content)]
    for _ in range(random.randint(1, 4)):
        start = random.choice(places) if random.random() < 0.8 else random.randrange(len(content))
        mutated[min(start + random.randrange(60), len(content) - 1)] = random.randrange(256)
    return bytes(mutated[: random.choice((len(content), len(content), random.randrange(len(content))))])


def test_a_damaged_archive_is_unpacked_or_refused(tmp_path: Path) -> None:
    """Each error of a damaged archive is a refusal that names it, and no file is written outside."""
    content = make_archive(
        tmp_path / "good.zip", **{"run/result.json": b'{"a": 1}' * 40, "run/b/c.json": b"x", "top": b""}
    ).read_bytes()
    refused: list[str] = []
    for seed in range(150):
        archive = tmp_path / f"{seed}.zip"
        archive.write_bytes(_mutate(content, seed))
        try:
            unpack(archive, tmp_path / "out" / str(seed))
        except StoreError as error:
            refused.append(f"{archive.name}: {error.message}")
    assert len(refused) > 50
    assert not [refusal for refusal in refused if "cannot write" in refusal]
    assert {path.parent for path in tmp_path.glob("*")} == {tmp_path}
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".zip" and path.name != "out"]


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
