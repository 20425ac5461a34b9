import json
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.core.values.record import Record
from bench.errors import Exit, StoreError
from bench.store.files import read_model, read_text, write_text


class Note(Record):
    """A small model."""

    schema_version: int = 1
    text: str
    ratio: float = 0.5


@contextmanager
def full_disk() -> Iterator[None]:
    """Limit files to a kilobyte: writes fail in the middle, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_written_text_can_be_read(tmp_path: Path) -> None:
    """The read text is the written one; missing folders are created."""
    path = tmp_path / "a" / "b" / "note.txt"
    write_text(path, "ein Grüßchen\n")
    assert read_text(path) == "ein Grüßchen\n"


def test_other_accounts_may_read_a_file(tmp_path: Path) -> None:
    """A file has the usual permissions."""
    path = tmp_path / "note.txt"
    write_text(path, "x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_full_disk_does_not_change_the_old_file(tmp_path: Path) -> None:
    """If a write fails in the middle, the old file stays, and no temporary file does."""
    path = tmp_path / "note.txt"
    write_text(path, "old")
    with full_disk(), pytest.raises(StoreError, match=r"cannot write .*note\.txt: File too large") as caught:
        write_text(path, "new" * 10_000)
    assert caught.value.exit_code is Exit.MEASUREMENT
    assert caught.value.hint is not None
    assert read_text(path) == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_the_error_for_an_impossible_folder_names_it(tmp_path: Path) -> None:
    """A file at the path of a folder is an error with the path."""
    (tmp_path / "taken").write_text("x")
    with pytest.raises(StoreError, match="cannot write"):
        write_text(tmp_path / "taken" / "note.txt", "x")


def test_the_error_for_an_unreadable_file_names_it(tmp_path: Path) -> None:
    """A missing file and a file that is not text are errors with the path."""
    with pytest.raises(StoreError, match="No such file"):
        read_text(tmp_path / "none.txt")
    (tmp_path / "image").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StoreError, match="not text in UTF-8"):
        read_text(tmp_path / "image")


def test_a_model_is_read(tmp_path: Path) -> None:
    """A complete file of this version becomes the model."""
    path = tmp_path / "note.json"
    path.write_text('{"schema_version": 1, "text": "hello"}')
    assert read_model(path, Note, 1) == Note(text="hello")


@pytest.mark.parametrize("content", ['{"text": "hel', "", "[1, 2", '{"text": "a"} trailing'])
def test_an_incomplete_file_is_an_error(tmp_path: Path, content: str) -> None:
    """The error has the path, and the hint the next step."""
    path = tmp_path / "note.json"
    path.write_text(content)
    with pytest.raises(StoreError, match=r"note\.json is not complete JSON") as caught:
        read_model(path, Note, 1)
    assert caught.value.hint is not None
    assert "cut off" in caught.value.hint


def test_the_error_for_a_newer_schema_suggests_an_upgrade(tmp_path: Path) -> None:
    """A file of a newer version is refused before its unknown fields are."""
    path = tmp_path / "note.json"
    path.write_text('{"schema_version": 7, "text": "hello", "future": true}')
    with pytest.raises(StoreError, match="schema version 7; this version") as caught:
        read_model(path, Note, 1)
    assert caught.value.hint is not None
    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"text": 3}, "text must be text, not 3"),
        ({"text": "a", "ratio": "x"}, "ratio must be a number, not 'x'"),
        ({}, "text is missing"),
        ({"text": "a", "extra": 1}, "extra is not a field"),
        ([1], "not a note"),
    ],
)
def test_the_error_for_a_wrong_field_names_it(tmp_path: Path, content: object, message: str) -> None:
    """Each wrong field has a line in the message."""
    path = tmp_path / "note.json"
    path.write_text(json.dumps(content))
    with pytest.raises(StoreError) as caught:
        read_model(path, Note)
    assert message in caught.value.message


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_not_finite_are_refused(tmp_path: Path, number: str) -> None:
    """NaN and infinity are refused."""
    path = tmp_path / "note.json"
    path.write_text(f'{{"text": "a", "ratio": {number}}}')
    with pytest.raises(StoreError):
        read_model(path, Note)
