from pathlib import Path

import pytest

from bench.core.run.validity import Validity
from bench.core.verdict.levels import pin
from bench.errors import Exit
from bench.store import baselines, history, results
from tests.command import Bench
from tests.factories import NOON, make_baseline, make_fingerprint, make_history, make_recording, run_at

FOLDER = Path("history")
BUSY = "the load generator was late" + " and the machine was busy" * 9


def write_history(factors: list[float], **parts: object) -> None:
    """Write a history of runs with these factors."""
    for point in make_history(factors, **parts):
        history.append(FOLDER, point)


def test_all_histories_become_a_site(bench: Bench) -> None:
    """A front page, and a page for each history with the baseline; a repetition writes the same bytes."""
    baselines.save(pin(make_baseline(), reason="release 2.0", by="Tess", at=NOON))
    write_history([1.0] * 14)
    write_history([1.0] * 3, fingerprint=make_fingerprint(stack="mine"))
    done = bench("ci", "site", "--repository", "owner/name")
    assert (done.code, done.out) == (Exit.PASS, "site/index.html\n")
    page = Path("site/embedded/simulated/quick.html")
    assert "10 runs of the baseline" in page.read_text()
    assert "pinned baseline is of 2026-01-05" in page.read_text()
    assert "https://github.com/owner/name/commit/" in page.read_text()
    assert Path("site/mine/simulated/quick.html").is_file()
    before = {each: each.read_bytes() for each in Path("site").rglob("*") if each.is_file()}
    bench("ci", "site", "--repository", "owner/name")
    assert {each: each.read_bytes() for each in Path("site").rglob("*") if each.is_file()} == before


def test_results_without_a_page_are_one_line(bench: Bench) -> None:
    """However many there are: it counts them by reason and has the first one, shortened."""
    write_history([1.0] * 3)
    store_invalid(1)
    single = bench("ci", "site", "--results", "results").err.splitlines()
    (line,) = [line for line in single if line.startswith("no page: ")]
    assert "is invalid: the load generator was late" in line
    for number in range(2, 13):
        store_invalid(number)
    for number in range(3):
        damaged = Path(f"results/damaged-{number}/result.json")
        damaged.parent.mkdir()
        damaged.write_text("{}")
    many = bench("ci", "site", "--results", "results").err.splitlines()
    (line,) = [line for line in many if line.startswith("no page: ")]
    assert line.startswith("no page: 15 results, 12 invalid and 3 unreadable; the first: results/")
    assert len(line) < 300


def store_invalid(number: int) -> None:
    """Store a run of a busy machine."""
    run = run_at(1.0, number)
    invalid = run.model_copy(update={"validity": Validity(valid=False, reasons=(BUSY,))})
    results.save(invalid, make_recording(), Path("results"))


def test_a_job_links_to_its_own_repository(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub Actions names it; without a name there is no link, and a server without https is refused."""
    write_history([1.0] * 3)
    bench("ci", "site")
    assert "https://" not in Path("site/embedded/simulated/quick.html").read_text()
    monkeypatch.setenv("GITHUB_REPOSITORY", "owner/name")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://git.example")
    bench("ci", "site")
    assert "https://git.example/owner/name/commit/" in Path("site/embedded/simulated/quick.html").read_text()
    monkeypatch.setenv("GITHUB_SERVER_URL", "http://git.example")
    refused = bench("ci", "site")
    assert refused.code == Exit.USAGE
    assert "is not a GitHub server" in refused.err


def test_a_folder_with_other_files_is_refused(bench: Bench) -> None:
    """It stays unchanged; without a history there is no site."""
    empty = bench("ci", "site", "--folder", "elsewhere")
    assert empty.code == Exit.MEASUREMENT
    assert "bench ci history add" in empty.err
    write_history([1.0] * 3)
    Path("mine").mkdir()
    Path("mine/index.html").write_text("mine")
    refused = bench("ci", "site", "--folder", "mine")
    assert refused.code == Exit.MEASUREMENT
    assert "not a site that bench wrote" in refused.err
    assert [each.name for each in Path("mine").iterdir()] == ["index.html"]
