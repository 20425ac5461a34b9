import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.owners.locks import lock_file
from bench.store import history
from tests.factories import make_fingerprint, make_point
from tests.store.test_files import full_disk


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for histories that does not exist yet."""
    return tmp_path / "history"


@pytest.fixture
def path(folder: Path) -> Path:
    """A history of three runs."""
    return [history.append(folder, make_point(number))[0] for number in range(3)][-1]


def test_a_history_has_a_line_per_run_in_order_of_time(folder: Path) -> None:
    """The oldest run is first, in whatever order runs are added."""
    path = folder / "embedded" / "simulated" / "quick.jsonl"
    appended = [history.append(folder, make_point(number)) for number in (2, 0, 1)]
    assert appended == [(path, 1), (path, 2), (path, 3)]
    assert [json.loads(line)["run_id"] for line in path.read_text().splitlines()] == [
        "run-000", "run-001", "run-002",
    ]  # fmt: skip
    assert history.read(path) == tuple(make_point(number) for number in range(3))
    assert [file.name for file in path.parent.iterdir()] == ["quick.jsonl"]
    assert history.paths(folder) == (path,)


def test_a_run_is_in_a_history_once(folder: Path, path: Path) -> None:
    """Adding a run again does not change the file."""
    before = path.read_bytes()
    assert history.append(folder, make_point(1, 9.0)) == (path, 3)
    assert path.read_bytes() == before


def test_lines_in_another_order_are_read_by_time(path: Path) -> None:
    """A merge of branches may reorder the lines."""
    before = history.read(path)
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    assert history.read(path) == before


def _change_second_line(path: Path, old: str, new: str) -> None:
    lines = path.read_text().splitlines(keepends=True)
    assert old in lines[1]
    path.write_text("".join([lines[0], lines[1].replace(old, new, 1), *lines[2:]]))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"figures":{"e2e_ms":500.0', '"figures":{"e2e_ms":NaN', "finite number"),
        ('"figures":{"e2e_ms":500.0', '"figures":{"e2e_ms":Infinity', "finite number"),
        ('"figures":{"e2e_ms":500.0', '"figures":{"e2e_ms":1e999', "finite number"),
        ('"figures":{"e2e_ms"', '"figures":{"e3e_ms"', "there is no metric 'e3e_ms'"),
        ('"schema_version":1', '"schema_version":2', "this version of bench reads version 1"),
        ('"scenario":"quick"', '"scenario":"heavy"', "belongs to embedded/simulated/heavy"),
        ('"run_id":"run-001"', '"run_id":"run-000"', "repeats run run-000 of line 1"),
        ('"ok":100', '"okay":100', "ok is missing"),
        ("}\n", "\n", "is not complete JSON"),
        ('"2026-01-06T12:00:00Z"', '"2026-01-06T12:00:00"', "timezone"),
    ],
)  # fmt: skip
def test_the_error_for_a_wrong_line_names_file_and_line(path: Path, old: str, new: str, message: str) -> None:
    """The error has the file, the line and the problem."""
    _change_second_line(path, old, new)
    with pytest.raises(StoreError) as caught:
        history.read(path)
    assert f"{path}:2 " in caught.value.message
    assert message in caught.value.message


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_file_is_refused(path: Path, text: str) -> None:
    """A file that lost its lines is an error, not a history without runs."""
    path.write_text(text)
    with pytest.raises(StoreError, match=r"is empty|not complete JSON"):
        history.read(path)


def test_append_does_not_replace_a_damaged_history(folder: Path, path: Path) -> None:
    """If the history cannot be read, the file stays as it is."""
    path.write_text(path.read_text()[:-40])
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"quick\.jsonl:3 is not complete JSON") as caught:
        history.append(folder, make_point(9))
    assert caught.value.hint is not None
    assert path.read_bytes() == before


def test_a_full_disk_does_not_change_the_history(folder: Path, path: Path) -> None:
    """If the new file cannot be written, the old one stays."""
    before = path.read_bytes()
    with full_disk(), pytest.raises(StoreError, match="cannot write"):
        history.append(folder, make_point(9))
    assert path.read_bytes() == before


def test_the_error_for_an_impossible_folder_names_it(folder: Path) -> None:
    """A file at the folder's path is an error that names the path."""
    folder.write_text("not a folder")
    with pytest.raises(StoreError, match=r"cannot write .*history: File exists"):
        history.append(folder, make_point())


def test_concurrent_appends_lose_no_run(folder: Path) -> None:
    """The second writer waits for the first one."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: history.append(folder, make_point(number)), range(24)))
    (path,) = history.paths(folder)
    assert len(history.read(path)) == 24


def test_a_history_is_selected_by_scenario_and_stack(folder: Path, path: Path) -> None:
    """By default all stacks are selected; the error lists the existing histories."""
    other, _ = history.append(folder, make_point(fingerprint=make_fingerprint(stack="mine", simulated=False)))
    assert other == folder / "mine" / "linux-x86_64-2cpu" / "quick.jsonl"
    assert history.of(folder, "quick") == (path, other)
    assert history.of(folder, "quick", ["mine"]) == (other,)
    with pytest.raises(StoreError, match="no history of 'quick' on yours or theirs") as caught:
        history.of(folder, "quick", ["yours", "theirs"])
    assert (
        caught.value.hint
        == "histories: quick on embedded, quick on mine; add a run with bench ci history add RUN"
    )
    with pytest.raises(StoreError, match="no history of 'quick'"):
        history.of(folder / "none", "quick")


def test_the_error_for_an_impossible_lock_names_its_file(tmp_path: Path) -> None:
    """A lock file below a file cannot be created."""
    (tmp_path / "file").write_text("not a folder")
    with (
        pytest.raises(StoreError, match=r"cannot lock .*file.lock: ") as caught,
        lock_file(tmp_path / "file" / "lock"),
    ):
        pass
    assert caught.value.hint == "work in a folder that you can write to"


def test_an_error_under_the_lock_is_passed_on_and_ends_the_lock(tmp_path: Path) -> None:
    """Only the lock's own errors become errors of the store."""
    path = tmp_path / "new" / "lock"
    for _ in range(2):
        with pytest.raises(FileNotFoundError), lock_file(path):
            (tmp_path / "missing").read_text()
