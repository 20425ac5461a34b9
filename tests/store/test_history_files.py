import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.store import history
from bench.store.lock import locked
from tests.factories import make_fingerprint, make_point
from tests.store.test_files import full_disk


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for histories that is not there yet."""
    return tmp_path / "history"


@pytest.fixture
def path(folder: Path) -> Path:
    """A history of three runs."""
    return [history.append(folder, make_point(number))[0] for number in range(3)][-1]


def test_a_history_is_a_line_for_each_run_in_their_order(folder: Path) -> None:
    """Whatever the order in which runs are added, the oldest is first."""
    path = folder / "embedded" / "simulated" / "quick.jsonl"
    found = [history.append(folder, make_point(number)) for number in (2, 0, 1)]
    assert found == [(path, 1), (path, 2), (path, 3)]
    assert [json.loads(line)["run_id"] for line in path.read_text().splitlines()] == [
        "run-000", "run-001", "run-002",
    ]  # fmt: skip
    assert history.read(path) == tuple(make_point(number) for number in range(3))
    assert [each.name for each in path.parent.iterdir()] == ["quick.jsonl"]


def test_a_run_is_in_a_history_once(folder: Path, path: Path) -> None:
    """Adding it again changes no byte."""
    before = path.read_bytes()
    assert history.append(folder, make_point(1, 9.0)) == (path, 3)
    assert path.read_bytes() == before


def test_lines_in_another_order_are_read_by_time(path: Path) -> None:
    """Branches that met may have mixed them."""
    before = history.read(path)
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    assert history.read(path) == before


def _second(path: Path, old: str, new: str) -> None:
    lines = path.read_text().splitlines(keepends=True)
    assert old in lines[1]
    path.write_text("".join([lines[0], lines[1].replace(old, new, 1), *lines[2:]]))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"figures":{"e2e_ms":500.0', '"figures":{"e2e_ms":NaN', "finite number"),
        ('"figures":{"e2e_ms":500.0', '"figures":{"e2e_ms":Infinity', "finite number"),
        ('"figures":{"e2e_ms":500.0', '"figures":{"e2e_ms":1e999', "finite number"),
        ('"figures":{"e2e_ms"', '"figures":{"e3e_ms"', "there is no metric 'e3e_ms'"),
        ('"schema_version":1', '"schema_version":2', "was written by a newer version: schema 2"),
        ('"scenario":"quick"', '"scenario":"heavy"', "is of embedded/simulated/heavy"),
        ('"run_id":"run-001"', '"run_id":"run-000"', "has run run-000, as line 1 has"),
        ('"ok":100', '"okay":100', "ok is missing"),
        ("}\n", "\n", "is not whole JSON"),
        ('"2026-01-06T12:00:00Z"', '"2026-01-06T12:00:00"', "timezone"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(path: Path, old: str, new: str, said: str) -> None:
    """File and line, and what is wrong with it."""
    _second(path, old, new)
    with pytest.raises(StoreError) as caught:
        history.read(path)
    assert f"{path}:2 " in caught.value.message
    assert said in caught.value.message


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_file_is_no_history(path: Path, text: str) -> None:
    """A file that lost its lines is not taken for one that never had any."""
    path.write_text(text)
    with pytest.raises(StoreError, match=r"is empty|not whole JSON"):
        history.read(path)


def test_a_line_that_was_cut_off_stops_what_would_be_added(folder: Path, path: Path) -> None:
    """Nothing is written over a history that cannot be read."""
    path.write_text(path.read_text()[:-40])
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"quick\.jsonl:3 is not whole JSON") as caught:
        history.append(folder, make_point(9))
    assert caught.value.hint is not None
    assert path.read_bytes() == before


def test_a_full_disk_leaves_the_history_whole(folder: Path, path: Path) -> None:
    """What could not be added is said, and what was there is still there."""
    before = path.read_bytes()
    with full_disk(), pytest.raises(StoreError, match="cannot write"):
        history.append(folder, make_point(9))
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_one_sentence(folder: Path) -> None:
    """A file in its place is named."""
    folder.write_text("a file stands here")
    with pytest.raises(StoreError, match=r"cannot write .*history: File exists"):
        history.append(folder, make_point())


def test_those_who_add_at_once_lose_nothing(folder: Path) -> None:
    """Whoever comes second waits for the first."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: history.append(folder, make_point(number)), range(24)))
    (path,) = history.paths(folder)
    assert len(history.read(path)) == 24


def test_a_history_is_found_by_scenario_and_stack(folder: Path, path: Path) -> None:
    """All stacks, or those that are named; what there is, is said when there is none."""
    other, _ = history.append(folder, make_point(fingerprint=make_fingerprint(stack="mine", simulated=False)))
    assert other == folder / "mine" / "linux-x86-64-2cpu" / "quick.jsonl"
    assert history.of(folder, "quick") == (path, other)
    assert history.of(folder, "quick", ["mine"]) == (other,)
    with pytest.raises(StoreError, match="no history of 'quick' on yours or theirs") as caught:
        history.of(folder, "quick", ["yours", "theirs"])
    assert caught.value.hint is not None
    assert "quick on embedded, quick on mine" in caught.value.hint
    with pytest.raises(StoreError, match="no history of 'quick'"):
        history.of(folder / "none", "quick")


def test_a_lock_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    """It names the file, and says where it could be."""
    (tmp_path / "file").write_text("a file stands here")
    with (
        pytest.raises(StoreError, match=r"cannot lock .*file.lock: ") as caught,
        locked(tmp_path / "file" / "lock"),
    ):
        pass
    assert caught.value.hint == "run in a folder of yours"
