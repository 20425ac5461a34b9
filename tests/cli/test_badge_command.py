from pathlib import Path

from bench.errors import Exit
from bench.store import history, results
from tests.command import Bench
from tests.factories import make_history, make_recording, run_at


def store() -> str:
    """Store a run and return its folder."""
    return str(results.save(run_at(1.0, 0), make_recording([]), Path("results")))


def test_a_badge_is_printed_or_written(bench: Bench) -> None:
    """Without `--out` the SVG is the output; a file has the same bytes, and each verdict exits with 0."""
    run = store()
    printed = bench("badge", run)
    assert printed.code == Exit.PASS
    assert printed.out.startswith("<svg ")
    assert "<title>quick: cannot tell</title>" in printed.out
    written = bench("badge", run, "--out", "badges/quick.svg")
    assert (written.code, written.out) == (Exit.PASS, "")
    assert Path("badges/quick.svg").read_text(encoding="utf-8") == printed.out


def test_a_history_has_a_badge(bench: Bench) -> None:
    """The badge shows the judgement on the history; `--label` replaces the scenario."""
    for point in make_history([1.0] * 14):
        history.append(Path("history"), point)
    done = bench("badge", "history/embedded/simulated/quick.jsonl", "--label", "response time")
    assert done.code == Exit.PASS
    assert "<title>response time: pass</title>" in done.out


def test_a_missing_value_is_refused(bench: Bench) -> None:
    """The message names what the run lacks and how to get it; nothing is written."""
    run = store()
    refused = bench("badge", run, "--show", "safe-load", "--out", "badge.svg")
    assert refused.code == Exit.USAGE
    assert "has no safe load" in refused.err
    assert "bench capacity" in refused.err
    assert not Path("badge.svg").exists()
    unknown = bench("badge", run, "--show", "colour")
    assert unknown.code == Exit.USAGE
    assert "verdict, safe-load or p95" in unknown.err
    absent = bench("badge", "history/quick.jsonl")
    assert absent.code == Exit.MEASUREMENT


def test_a_badge_needs_the_name_of_a_file(bench: Bench) -> None:
    """`-` is stdout; a folder, or no name, is refused and nothing is written."""
    run = store()
    assert bench("badge", run, "--out", "-").out.startswith("<svg ")
    assert not Path("-").exists()
    for folder in ("", ".", "/", "results"):
        refused = bench("badge", run, "--out", folder)
        assert (refused.code, refused.out) == (Exit.MEASUREMENT, "")
        assert "it is a folder" in refused.err
