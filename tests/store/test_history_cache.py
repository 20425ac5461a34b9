"""The columns of a history file that a cache keeps. The lines alone decide what a history is."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from bench.core.history.history import HistoryPoint
from bench.core.history.history_columns import RunColumns, make_columns
from bench.errors import StoreError
from bench.store import history, history_cache, history_file
from bench.store.history_file import HistoryFile, open_history
from tests.factories import make_fingerprint, make_point

OLD_NS = 1_600_000_000_000_000_000
OTHER = make_fingerprint(stack_digest="d" * 64)


@pytest.fixture(autouse=True)
def _cache_small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file has a cache, and counts as settled at once."""
    monkeypatch.setattr(history_file, "LEAST_CACHED", 1)
    monkeypatch.setattr(history_file, "_SETTLED_NS", 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A history of twelve runs under two conditions, whose columns are in the cache."""
    points = [make_point(number, fingerprint=OTHER) for number in range(4)]
    points += [make_point(number) for number in range(4, 12)]
    path = [history.append(tmp_path / "history", point)[0] for point in points][-1]
    read(path)
    return path


def cache_of(path: Path) -> Path:
    """Return the file of the cache."""
    return path.parents[2] / ".cache" / "embedded" / "simulated" / "quick.columns"


def as_text(columns: RunColumns) -> str:
    """Return columns as text that can be compared; NaN equals NaN."""
    values = [
        columns.run_ids,
        columns.commits,
        columns.examples,
        *(column.tolist() for column in (columns.started_us, columns.ok, columns.failed, columns.conditions)),
        {key: column.tolist() for key, column in columns.figures.items()},
    ]
    return repr(values)


def read(path: Path) -> tuple[str, str]:
    """Return the columns and the digest of a history file."""
    with open_history(path) as opened:
        return as_text(opened.columns), opened.digest


def from_scratch(path: Path) -> tuple[str, str]:
    """Return the same without the cache."""
    kept = cache_of(path).read_bytes()
    cache_of(path).unlink()
    result = read(path)
    cache_of(path).write_bytes(kept)
    return result


def rewrite(path: Path, lines: Iterable[str]) -> None:
    """Change a history file in place, as an editor does."""
    path.write_text("".join(lines))


def lines_of(path: Path) -> list[str]:
    """Return the lines of a history file."""
    return path.read_text().splitlines(keepends=True)


def test_columns_are_those_of_the_lines(path: Path) -> None:
    """Columns from the cache, from the lines, and of the runs in memory are equal."""
    assert cache_of(path).is_file()
    assert read(path) == from_scratch(path)
    assert read(path)[0] == as_text(make_columns(history.read(path)))


def test_an_unchanged_file_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state of the file and the cache are enough for its digest and its columns."""
    before = read(path)

    def refuse(_: HistoryFile) -> bytes:
        raise AssertionError("the content was read")

    monkeypatch.setattr(HistoryFile, "_content", property(refuse))
    assert read(path) == before


def test_an_added_line_is_the_only_one_that_is_parsed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cached columns and the new line make the columns from scratch."""
    history.append(path.parents[2], make_point(12, fingerprint=OTHER, figures={"ttft_ms": 3.0}))
    parsed: list[HistoryPoint] = []
    parse = history_file._parse_line

    def count(line: bytes, where: str) -> HistoryPoint:
        parsed.append(parse(line, where))
        return parsed[-1]

    monkeypatch.setattr(history_file, "_parse_line", count)
    added = read(path)
    assert [point.run_id for point in parsed] == ["run-012"]
    assert added == from_scratch(path)
    assert read(path) == added


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[0].replace('"ok":100', '"ok":777'), *lines[1:]],
        lambda lines: lines[:-1],
        lambda lines: lines[1:],
        lambda lines: [*reversed(lines)],
        lambda lines: [
            lines[0].replace('"ok":100', '"ok":777'),
            *lines[1:],
            lines[1].replace("run-001", "run-099"),
        ],
    ],
    ids=["a changed line", "the last line removed", "the first line removed", "another order", "two changes"],
)  # fmt: skip
def test_a_changed_file_is_noticed(path: Path, change: object) -> None:
    """It has the columns from scratch, whatever its size and its time of change are."""
    before = read(path)
    assert callable(change)
    rewrite(path, change(lines_of(path)))
    os.utime(path, ns=(OLD_NS, OLD_NS))
    changed = read(path)
    assert changed != before
    assert changed == from_scratch(path)


def test_a_changed_line_is_an_error_again(path: Path) -> None:
    """A cache does not hide a line that became invalid, or that repeats a cached run."""
    lines = lines_of(path)
    rewrite(path, [lines[0].replace('"ok":100', '"okay":1'), *lines[1:]])
    with pytest.raises(StoreError, match=r"quick\.jsonl:1 .*"):
        read(path)
    rewrite(path, [*lines, lines[3]])
    with pytest.raises(StoreError, match=r"quick\.jsonl:13 repeats run run-003 of line 4"):
        read(path)


@pytest.mark.parametrize("place", [0, 40, 200, -1, -200])
def test_a_damaged_cache_is_not_believed(path: Path, place: int) -> None:
    """A flipped bit anywhere, or a file that was cut off, costs time and changes nothing."""
    before = read(path)
    whole = bytearray(cache_of(path).read_bytes())
    damaged = bytearray(whole)
    damaged[place] ^= 1
    for content in (damaged, whole[: len(whole) // 2], b"", b"\n", b"{}\n{}"):
        cache_of(path).write_bytes(content)
        assert read(path) == before


def test_the_cache_of_another_program_or_history_is_not_believed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither another version of bench nor the columns of another file are used."""
    stolen = cache_of(path).read_bytes()
    rewrite(path, lines_of(path)[:5])
    cache_of(path).write_bytes(stolen)
    assert read(path) == from_scratch(path)
    monkeypatch.setattr(history_cache, "columns_code", lambda: "another version")
    assert history_cache.read_header(path) is None


def test_a_fresh_change_is_checked_by_its_content(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that changed just now may change again without another state, so the cache keeps none."""
    monkeypatch.setattr(history_file, "_SETTLED_NS", 3_600_000_000_000)
    history.append(path.parents[2], make_point(12))
    read(path)
    header = history_cache.read_header(path)
    assert header is not None
    assert header.state is None
    assert read(path) == from_scratch(path)


def test_a_folder_that_cannot_be_written_has_no_cache(path: Path) -> None:
    """Reading works without a cache, and the cache is ignored by Git."""
    assert (path.parents[2] / ".cache" / ".gitignore").read_text().endswith("*\n")
    before = read(path)
    cache_of(path).unlink()
    cache_of(path).parent.rmdir()
    cache_of(path).parent.write_text("a file at the place of a folder")
    assert read(path) == before
    assert history.paths(path.parents[2]) == (path,)
