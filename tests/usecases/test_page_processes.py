"""Many pages of a site are written by several processes. The result is that of one process."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bench.core.watch.host import MachineState
from bench.errors import StoreError
from bench.store.site import MARKER
from bench.usecases import page_processes
from bench.usecases.site import site
from bench.usecases.site_pages import PageTask, WrittenPage
from tests.usecases.test_site import FOLDER, write_history


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, on a machine with two cores, and start processes after one page."""
    monkeypatch.chdir(tmp_path)
    use_cores(monkeypatch, MachineState(cores=(0, 1)))
    monkeypatch.setattr(page_processes, "MADE_ALONE", 1)
    for number in range(6):
        write_history(f"scenario-{number}", 3 + number)


def use_cores(monkeypatch: pytest.MonkeyPatch, machine: MachineState) -> None:
    """Let the site be written on another machine."""
    monkeypatch.setattr(page_processes, "read_machine", lambda: machine)


def files_of(folder: str) -> dict[str, bytes]:
    """Return the files of a site, with its marker."""
    files: dict[str, bytes] = {}
    for path in Path(folder).rglob("*"):
        if path.is_file():
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
    return files


def refuse() -> None:
    """Fail if a process would be started."""
    raise AssertionError("a process was started")


def started_processes(before: list[psutil.Process]) -> list[psutil.Process]:
    """Return the child processes that are new; other tests of this process may have left some."""
    return [child for child in psutil.Process().children() if child not in before]


def test_several_processes_write_the_files_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte of the pages and of the marker is the same, also after one history changed."""
    site(folder="several")
    write_history("scenario-4", 9)
    write_history("scenario-1", 9)
    assert site(folder="several").unchanged == 4
    use_cores(monkeypatch, MachineState(cores=(0,)))
    monkeypatch.setattr(page_processes, "_start_process", refuse)
    site(folder="one")
    assert files_of("several") == files_of("one")
    assert MARKER in files_of("one")


def test_few_changed_pages_need_no_other_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that are up to date do not count."""
    monkeypatch.setattr(page_processes, "_start_process", refuse)
    with monkeypatch.context() as patch:
        patch.setattr(page_processes, "MADE_ALONE", 6)
        site()
    write_history("scenario-5", 12)
    assert site().unchanged == 5


def test_the_error_is_that_of_the_first_damaged_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message and the hint do not depend on the number of processes, and no process remains."""
    before = psutil.Process().children()
    for number in (5, 3):
        path = FOLDER / "embedded" / "simulated" / f"scenario-{number}.jsonl"
        path.write_text(path.read_text().replace('"ok":100', '"okay":100'))
    with pytest.raises(StoreError) as caught:
        site()
    assert not started_processes(before)
    use_cores(monkeypatch, MachineState(cores=(0,)))
    with pytest.raises(StoreError) as alone:
        site(folder="alone")
    assert (caught.value.message, caught.value.hint) == (alone.value.message, alone.value.hint)
    assert "scenario-3.jsonl:1 " in caught.value.message


def test_an_interruption_ends_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is passed on, no process remains, and the next site is complete."""
    before = psutil.Process().children()
    write = page_processes.write_pages

    def interrupt(given: list[PageTask]) -> Iterator[WrittenPage]:
        pages = write(given)
        for number, page in enumerate(pages):
            if number == 2:
                assert len(started_processes(before)) == 2
                pages.throw(KeyboardInterrupt)
            yield page

    with monkeypatch.context() as patch:
        patch.setattr("bench.usecases.site.write_pages", interrupt)
        with pytest.raises(KeyboardInterrupt):
            site()
    assert not started_processes(before)
    use_cores(monkeypatch, MachineState(cores=(0,)))
    site()
    site(folder="scratch")
    assert files_of("site") == files_of("scratch")


def test_a_process_that_ends_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """For example if memory runs out; the message names the history."""
    monkeypatch.setattr(page_processes, "_MODULE", "bench.no_such_module")
    with pytest.raises(StoreError, match=r"the page of .*scenario-1\.jsonl ended") as caught:
        site()
    assert caught.value.hint == "check the free memory, and try again"


@pytest.mark.parametrize(
    ("machine", "cores"),
    [
        (MachineState(cores=(4, 7, 9)), 3),
        (MachineState(cores=(0, 1, 2, 3), quota_cores=1.5), 2),
        (MachineState(cores=(0, 1), quota_cores=0.5), 1),
    ],
)
def test_processes_use_the_cores_that_they_may_use(
    monkeypatch: pytest.MonkeyPatch, machine: MachineState, cores: int
) -> None:
    """The affinity of the process and the quota of its control group both count."""
    use_cores(monkeypatch, machine)
    assert page_processes._count_cores() == cores
