"""The site of all histories is built incrementally. What it shows depends on the histories alone."""

import shutil
import tracemalloc
from pathlib import Path

import pytest

from bench.core.history.levels import MAX_TREND_RUNS
from bench.store import history, history_file
from bench.store import site as sites
from bench.usecases.badge import badge
from bench.usecases.site import site
from bench.usecases.trend import trend
from tests.factories import make_fingerprint, make_history, make_point

FOLDER = Path("history")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder; every history has a cache that is trusted at once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(history_file, "LEAST_CACHED", 1)
    monkeypatch.setattr(history_file, "_SETTLED_NS", 0)


def write_history(scenario: str, runs: int = 3) -> Path:
    """Write a history file at once."""
    points = make_history([1.0] * runs, scenario=scenario)
    path, _ = history.append(FOLDER, points[0])
    path.write_text("".join(f"{point.model_dump_json()}\n" for point in points))
    return path


def files_of(folder: str) -> dict[str, bytes]:
    """Return the files of a site, without its marker."""
    files: dict[str, bytes] = {}
    for path in Path(folder).rglob("*"):
        if path.is_file() and path.name != sites.MARKER:
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
    return files


def scratch() -> dict[str, bytes]:
    """Return the files of a site that is built without a cache and without a previous site."""
    shutil.rmtree(FOLDER / ".cache", ignore_errors=True)
    site(folder="scratch", repository="owner/name")
    files = files_of("scratch")
    shutil.rmtree("scratch")
    return files


def test_an_incremental_site_is_the_site_from_scratch() -> None:
    """After new runs, a new scenario, a removed scenario, and damaged pages, each byte is the same."""
    path = write_history("quick", MAX_TREND_RUNS + 20)
    gone = write_history("gone")
    write_history("heavy")
    assert site(repository="owner/name").unchanged == 0
    assert site(repository="owner/name").unchanged == 3
    history.append(FOLDER, make_point(900))
    write_history("new")
    gone.unlink()
    assert site(repository="owner/name").unchanged == 1
    assert files_of("site") == scratch()
    assert "site/embedded/simulated/gone.html" not in files_of("site")
    Path("site/embedded/simulated/quick.html").write_text("changed by hand")
    Path("site/embedded/simulated/heavy/2026.csv").unlink()
    assert site(repository="owner/name").unchanged == 1
    assert files_of("site") == scratch()
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    site(repository="owner/name")
    assert files_of("site") == scratch()


def test_a_history_has_badges_next_to_its_page() -> None:
    """A README can link to them; they are those of `bench badge`, and a damaged one is drawn again."""
    path = write_history("quick", 14)
    site()
    badge_file = Path("site/embedded/simulated/quick/verdict.svg")
    assert badge_file.read_text(encoding="utf-8") == badge(path)
    badge_file.write_text("changed by hand")
    assert site().unchanged == 0
    assert badge_file.read_text(encoding="utf-8") == badge(path)
    assert site().unchanged == 1
    assert (
        'href="../../embedded/simulated/quick/verdict.svg"'
        in badge_file.parent.with_suffix(".html").read_text()
    )


def test_a_page_depends_on_its_name_and_links() -> None:
    """A second stack renames a history, and another repository changes its links; both make pages again."""
    write_history("quick")
    site(repository="owner/name")
    assert site(repository="owner/other").unchanged == 0
    history.append(FOLDER, make_point(fingerprint=make_fingerprint(stack="mine")))
    assert site(repository="owner/other").unchanged == 0
    assert b"quick on embedded" in files_of("site")["embedded/simulated/quick.html"]


def test_a_new_run_keeps_the_files_of_older_years() -> None:
    """Only the page, the year of the run and the front page are written again."""
    write_history("quick", 400)
    site()
    past = Path("site/embedded/simulated/quick/2026.csv")
    before = past.stat().st_ino
    history.append(FOLDER, make_point(401))
    site()
    assert past.stat().st_ino == before
    newest = Path("site/embedded/simulated/quick/2027.csv").read_text().splitlines()
    assert newest[0].startswith("started_at,run_id,commit,ok,failed,e2e_ms")
    assert newest[-1].startswith("2027-02-10T12:00:00.000Z,run-401,")


def test_a_page_of_thousands_of_runs_stays_small() -> None:
    """The page of 3,000 runs is hardly larger than that of 300, and the files next to it have all runs."""
    write_history("long", 3000)
    write_history("short", 300)
    site()
    files = files_of("site")
    long = files["embedded/simulated/long.html"]
    assert len(long) < 1.3 * len(files["embedded/simulated/short.html"])
    assert len(long) < 400_000
    rows = [text for name, text in files.items() if name.startswith("embedded/simulated/long/")]
    assert sum(text.count(b"\nrun-") + text.count(b",run-") for text in rows) == 3000


def test_memory_does_not_grow_with_the_number_of_histories() -> None:
    """Nine histories need hardly more memory than three: one is in memory at a time."""
    peaks: list[int] = []
    for number in range(9):
        write_history(f"s{number}", MAX_TREND_RUNS)
        if number in (0, 2, 8):  # the first build imports modules
            tracemalloc.start()
            site(folder=f"site-{number}")
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[2] < 1.6 * peaks[1]


def test_a_trend_reads_only_the_histories_of_its_scenario() -> None:
    """A history of another scenario may be damaged."""
    write_history("quick", 14)
    write_history("heavy").write_text("damaged\n")
    (judged,) = trend("quick")
    assert judged.runs == 14
