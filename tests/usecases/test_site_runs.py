"""The site has the pages of the newest runs, and its other pages link them."""

from pathlib import Path

import pytest

from bench.core.history.history import history_key, to_history_point
from bench.core.run.result import RunResult
from bench.core.verdict.baseline import baseline_json
from bench.store import history, results
from bench.usecases import site_runs
from bench.usecases.site import WrittenSite, site
from bench.usecases.site_runs import SkippedResult, SkipReason
from tests.factories import make_baseline, make_recording, run_at

RESULTS = Path("results")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make(number: int, scenario: str = "quick") -> RunResult:
    """Return a run, `number` hours after the first."""
    run = run_at(1.0, number)
    named = run.scenario.model_copy(update={"name": scenario})
    origin = run.provenance.model_copy(update={"run_id": f"{run.provenance.run_id}-{scenario}"})
    return run.model_copy(update={"scenario": named, "provenance": origin})


def store(number: int, scenario: str = "quick") -> RunResult:
    """Add a run to its history, and keep its result."""
    run = make(number, scenario)
    history.append(Path("history"), to_history_point(run))
    results.save(run, make_recording(), RESULTS)
    return run


def build() -> WrittenSite:
    """Write the site with the pages of runs."""
    return site(results=RESULTS)


def pages() -> list[str]:
    """Return the names of the pages of runs."""
    return sorted(path.stem for path in Path("site/runs").glob("*.html"))


def page_of(run: RunResult) -> Path:
    """Return the page of a run."""
    return Path("site/runs") / f"{run.provenance.run_id}.html"


def test_the_newest_runs_of_each_history_have_a_page() -> None:
    """A bounded number of runs has one; the front page and the history link them."""
    runs = [store(number) for number in range(5)]
    other = store(9, "heavy")
    assert build().runs == site_runs.MOST_OF_HISTORY + 1
    newest = [run.provenance.run_id for run in (*runs[-site_runs.MOST_OF_HISTORY :], other)]
    assert pages() == sorted(newest)
    assert f'href="runs/{newest[-2]}.html"' in Path("site/index.html").read_text()
    text = Path(f"site/{history_key(to_history_point(runs[0]))}.html").read_text()
    assert all(f'href="../../runs/{run_id}.html"' in text for run_id in newest[:-1])
    assert f"{runs[0].provenance.run_id}.html" not in text
    address = f"../{history_key(to_history_point(other))}.html"
    assert f'<a href="{address}">History of heavy</a>' in page_of(other).read_text()
    assert (page_of(other).parent / address).exists()


def test_the_number_of_pages_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """If there are too many histories, the newest runs of all have pages."""
    monkeypatch.setattr(site_runs, "MOST_PAGES", 2)
    runs = [store(number, f"s{number}") for number in range(4)]
    build()
    assert pages() == [run.provenance.run_id for run in runs[-2:]]


def test_a_page_stays_when_its_result_is_gone() -> None:
    """Each night has only its own results; a page stays until newer runs replace it, and is then deleted."""
    first = store(0)
    build()
    before = page_of(first).read_bytes()
    for file in (RESULTS / first.provenance.run_id).iterdir():
        file.unlink()
    store(1)
    assert build().runs == 2
    assert page_of(first).read_bytes() == before
    assert site().runs == 2  # also without the option
    for number in range(2, 2 + site_runs.MOST_OF_HISTORY):
        store(number)
    build()
    assert not page_of(first).exists()


def test_a_page_that_was_edited_is_made_again_or_removed() -> None:
    """A file that bench did not write so is never published."""
    first = store(0)
    build()
    page_of(first).write_text("<script>")
    build()
    assert "<title>" in page_of(first).read_text()
    page_of(first).write_text("<script>")
    assert site().runs == 0
    assert not page_of(first).exists()


def test_an_unchanged_page_is_not_made_again() -> None:
    """The page of the history depends on the pages of its runs."""
    store(0)
    build()
    written = build()
    assert written.unchanged == 1
    inode = next(Path("site/runs").iterdir()).stat().st_ino
    store(1)
    build()
    assert inode in {path.stat().st_ino for path in Path("site/runs").iterdir()}


def test_a_run_is_not_compared_with_itself() -> None:
    """The nightly run may already be part of the baseline when the site is built."""
    run = store(0)
    place = Path("baselines") / f"{history_key(to_history_point(run))}.json"
    place.parent.mkdir(parents=True)
    baseline = make_baseline()
    own = baseline.runs[-1].model_copy(update={"run_id": run.provenance.run_id})
    level = baseline.newest.model_copy(update={"runs": (own,)})
    place.write_text(baseline_json(baseline.model_copy(update={"levels": (level,)})))
    build()
    assert "there is no baseline" in page_of(run).read_text()


@pytest.mark.parametrize("kind", ["damaged", "link", "large", "unusable"])
def test_a_result_that_cannot_be_read_has_no_page(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The site is complete without it, and the reason is named."""
    store(0)
    bad = store(1)
    folder = RESULTS / bad.provenance.run_id
    if kind == "damaged":
        (folder / "result.json").write_text("{}")
    elif kind == "link":
        (folder / "recording.json").unlink()
        (folder / "recording.json").symlink_to("/etc/passwd")
    elif kind == "large":
        monkeypatch.setattr(site_runs, "_MOST_BYTES", 1)
    else:
        origin = bad.provenance.model_copy(update={"injections": {"model.slowdown": 2.0}})
        text = bad.model_copy(update={"provenance": origin}).model_dump_json()
        (folder / "result.json").write_text(text)
    written = build()
    assert written.pages == 1
    assert bad.provenance.run_id not in pages()
    (skipped,) = [each for each in written.skipped if bad.provenance.run_id in each.text]
    assert skipped.reason is (SkipReason.INJECTED if kind == "unusable" else SkipReason.UNREADABLE)


def test_a_run_of_no_history_has_no_page() -> None:
    """Nothing would lead to it."""
    store(0)
    results.save(make(5, "unknown"), make_recording(), RESULTS)
    assert build().runs == 1


def test_a_folder_of_runs_that_is_a_link_or_missing_is_named() -> None:
    """A link to runs elsewhere is not followed, and a folder that does not exist is reported."""
    run = store(0)
    elsewhere = Path("elsewhere")
    RESULTS.rename(elsewhere)
    missing = build()
    assert missing.runs == 0
    assert missing.skipped == (SkippedResult(SkipReason.NO_FOLDER, "results: there is no such folder"),)
    RESULTS.mkdir()
    (RESULTS / "pair").symlink_to("../elsewhere")
    followed = build()
    assert followed.runs == 0
    assert [
        each for each in followed.skipped if run.provenance.run_id in each.text and "is a link" in each.text
    ]
    RESULTS.rename("other")
    RESULTS.symlink_to("elsewhere")  # the reader's own choice
    assert build().runs == 1
