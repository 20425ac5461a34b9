"""Scenarios whose changes outlast a run start only if the user allows it."""

import json
from pathlib import Path

import pytest

from bench.errors import Exit
from bench.store import results
from tests.command import Bench, short_scenario
from tests.factories import make_recording, make_run

EFFECT = "It sends an invoice to each customer."
OPTION = "--allow-side-effects"
NOWHERE = "http://127.0.0.1:9"
# A later error, which shows that a run was allowed.
WRONG_KNOB = "model.colour=2"


def write_scenario() -> str:
    """Write a scenario with a side effect, and return its path."""
    path = short_scenario(Path("scenarios"))
    path.write_text(f"{path.read_text()}side_effects: {EFFECT}\n")
    return str(path)


@pytest.fixture(autouse=True)
def _suite(tmp_path: Path) -> None:
    """A suite of one scenario without side effects and one with them."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "suites.yaml").write_text("both: [quick, short]\n")


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_run_with_side_effects_needs_permission(bench: Bench, command: str) -> None:
    """The error names the effect and the option; the option lets the run continue."""
    scenario = write_scenario()
    refused = bench(command, scenario, "--url", NOWHERE)
    assert refused.code == Exit.USAGE
    assert f"scenario 'short' has side effects on stack 'external': {EFFECT}" in refused.err
    assert OPTION in refused.err
    allowed = bench(command, scenario, "--url", NOWHERE, OPTION, "--inject", WRONG_KNOB)
    assert EFFECT not in allowed.err
    assert WRONG_KNOB in allowed.err or "has no knobs" in allowed.err


@pytest.mark.parametrize("versions", [("embedded", NOWHERE), (NOWHERE, "embedded")])
def test_both_versions_of_a_comparison_need_permission(bench: Bench, versions: tuple[str, str]) -> None:
    """One version that is not simulated is enough to ask for permission."""
    scenario = write_scenario()
    refused = bench("ab", *versions, "--scenario", scenario)
    assert refused.code == Exit.USAGE
    assert f"scenario 'short' has side effects on stack 'external': {EFFECT}" in refused.err


def test_a_simulated_stack_needs_no_permission(bench: Bench) -> None:
    """Its changes end with it."""
    done = bench("run", write_scenario(), "--stack", "embedded", "--no-calibration", "--no-pin")
    assert EFFECT not in done.err
    assert list(Path("results").glob("*/result.json"))


def test_a_merged_suite_reports_what_was_skipped(bench: Bench) -> None:
    """A skipped scenario is named and not missing; with the option, it is missing."""
    write_scenario()
    run = make_run(make_recording())
    folder = str(results.save(run, make_recording(), Path("results")))
    skipped = json.loads(bench("ci", "merge", folder, "--suite", "both", "--out", "json").out)
    assert skipped["not_measured"] == []
    assert any(reason.startswith("short was skipped") for reason in skipped["reasons"])
    required = json.loads(bench("ci", "merge", folder, "--suite", "both", OPTION, "--out", "json").out)
    assert [row["scenario"] for row in required["not_measured"]] == ["short"]
