import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.errors import StoreError, TargetError
from bench.owners.process import Owner
from bench.owners.temporary import (
    find_root,
    list_stray_folders,
    list_strays,
    own_name,
    remove,
    temporary_folder,
)


@pytest.fixture(autouse=True)
def _root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def _dead_name(title: str) -> str:
    """Return the name of a folder or file whose owner has ended."""
    current = Owner.current()
    dead = Owner(current.pid, current.start - 1, current.place, current.boot)
    return own_name(title).replace(str(current), str(dead))


def test_a_temporary_folder_exists_during_its_block(tmp_path: Path) -> None:
    """Its name contains the purpose and the owner, and only its user can read it."""
    with temporary_folder("shop") as folder:
        assert folder.parent == tmp_path
        assert folder.name.startswith(f"bench-shop.{Owner.current()}.")
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "file").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_killed_process_is_a_stray(tmp_path: Path) -> None:
    """It belongs to its owner as long as the owner lives."""
    program = """if True:
        from bench.owners.temporary import temporary_folder
        with temporary_folder("shop") as folder:
            print(folder, flush=True)
            input()
    """
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        folder = Path(owner.stdout.readline().strip())
        assert folder.is_dir()
        assert list_stray_folders() == []
        owner.kill()
        owner.wait()
        assert list_stray_folders() == [folder]
    remove(folder)
    assert list(tmp_path.iterdir()) == []


def test_other_folders_and_links_are_no_strays(tmp_path: Path) -> None:
    """Neither those of other programs, nor a link that somebody put there."""
    (tmp_path / "bench-kept").mkdir()
    (tmp_path / "bench-shop-x7k2").mkdir()
    (tmp_path / own_name("bench-shop")).mkdir()
    (tmp_path / _dead_name("other-shop")).mkdir()
    (tmp_path / _dead_name("bench-shop")).symlink_to(tmp_path / "bench-kept")
    assert list_stray_folders() == []


def test_files_of_dead_processes_are_found_by_their_title(tmp_path: Path) -> None:
    """A living process keeps its file."""
    dead = tmp_path / _dead_name(".result.json")
    for path in (dead, tmp_path / own_name(".result.json"), tmp_path / _dead_name(".other.json")):
        path.write_text("half")
    assert list_strays(tmp_path, ".result.json.") == [dead]
    remove(dead)
    remove(dead)
    assert not dead.exists()
    assert list_strays(tmp_path / "none") == []


def test_an_error_names_a_folder_for_temporary_files_that_does_not_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tool does not silently use another one, which may be on another disk."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    with pytest.raises(StoreError, match=rf"TMPDIR={tmp_path}/none is not a folder") as caught:
        find_root()
    assert caught.value.hint == "create it, or unset TMPDIR"
    assert list_stray_folders() == []


def test_an_error_names_a_folder_for_temporary_files_that_is_not_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hint has the variable to change."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StoreError, match=rf"TMPDIR={tmp_path} is not writable") as caught:
        find_root()
    assert "unset TMPDIR" in (caught.value.hint or "")


def test_an_error_names_a_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system refuses the new folder."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with (
        pytest.raises(StoreError, match=rf"cannot write TMPDIR={tmp_path}: Read-only file system"),
        temporary_folder("shop"),
    ):
        pass


def test_the_folder_of_the_system_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without one that is writable, the error names the variable that chooses another one."""
    monkeypatch.delenv("TMPDIR")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert find_root() == tmp_path

    def fail() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", fail)
    with pytest.raises(StoreError, match="no folder for temporary files is writable") as caught:
        find_root()
    assert "TMPDIR=" in (caught.value.hint or "")


def test_a_full_folder_for_temporary_files_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names it and its variable, and no folder remains."""
    _fill(monkeypatch)
    with pytest.raises(StoreError, match=rf"^TMPDIR={tmp_path} is full$"), temporary_folder("shop"):
        raise AssertionError("the block must not run")
    assert list(tmp_path.iterdir()) == []


def test_an_error_explains_that_the_folder_became_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the system is replaced; another one gets a line, because it may have another cause."""

    def run(error: Exception) -> None:
        monkeypatch.undo()
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        with temporary_folder("shop"):
            _fill(monkeypatch)
            raise error

    with pytest.raises(StoreError, match=rf"^TMPDIR={tmp_path} is full$"):
        run(OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(TargetError) as caught:
        run(TargetError("service 'shop' did not start", "run it manually"))
    assert caught.value.message == f"service 'shop' did not start\nTMPDIR={tmp_path} is full"
    assert "TMPDIR=" in (caught.value.hint or "")


def test_an_error_without_a_full_disk_stays_as_it_is() -> None:
    """Also one of the system."""
    with pytest.raises(TargetError, match=r"^no$"), temporary_folder("shop"):
        raise TargetError("no")
    with pytest.raises(PermissionError), temporary_folder("shop"):
        raise PermissionError(errno.EACCES, "Permission denied")


def _fill(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every disk be full, except for a few bytes."""
    numbers = list(os.statvfs("/"))
    numbers[4] = 3
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(numbers))
