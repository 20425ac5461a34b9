"""The commands that measure a run again."""

import shlex
from typing import Any

import pytest

from bench.core.config.capacity_search import CapacitySearch
from bench.core.limits.threshold import Threshold
from bench.core.report.report import Report
from bench.core.report.reproduce import describe_reproduction
from tests.render.capacities import capacities, drawn_with
from tests.render.drawn import HOSTILE
from tests.render.reports import reports

REPORTS = reports()
COMMIT = "c" * 40


def changed(report: Report | None = None, **parts: dict[str, Any]) -> Report:
    """Return a report, by default that of a regression, with other fields of parts of its result."""
    report = report or REPORTS["regression"]
    result = report.result
    updates: dict[str, Any] = parts.pop("result", {})
    for name, fields in parts.items():
        updates[name] = getattr(result, name).model_copy(update=fields)
    return report.model_copy(update={"result": result.model_copy(update=updates)})


def command(report: Report) -> str:
    """Return the last command."""
    return describe_reproduction(report).commands[-1]


def test_a_compared_run_is_checked_at_its_commit() -> None:
    """The first command checks out the commit, the second one measures and compares."""
    assert describe_reproduction(REPORTS["regression"]).commands == (
        f"git checkout {COMMIT}",
        "bench check quick",
    )


def test_a_run_without_a_comparison_is_only_measured() -> None:
    """No command asks for a baseline that does not exist."""
    assert command(REPORTS["no-baseline"]) == "bench run quick"


@pytest.mark.parametrize(
    ("parts", "end"),
    [
        ({"provenance": {"injections": {"model.slowdown": 1.3}}}, " --inject model.slowdown=1.3"),
        ({"provenance": {"injections": {"model.slowdown": 2.0}}}, " --inject model.slowdown=2"),
        ({"fingerprint": {"stack": "compose"}}, " --stack compose"),
        ({"fingerprint": {"stack": "external"}}, " --url URL"),
        ({"result": {"overrides": ("--vus 5", "--set body.text=a b")}}, " --vus 5 --set 'body.text=a b'"),
    ],
)
def test_known_options_are_repeated(parts: dict[str, Any], end: str) -> None:
    """Injected faults, the stack and other options of the run; each value is one word of the shell."""
    assert command(changed(**parts)) == f"bench check quick{end}"


def test_pairs_of_commits_are_compared_with_the_base_commit() -> None:
    """The pairs are measured with the files of the other commit."""
    assert command(REPORTS["long-messages"]) == f"bench check quick --against {'d' * 40}"


def test_pairs_of_variables_name_the_base_and_leave_the_head_open() -> None:
    """The result does not contain the name of the head, so a note asks for it."""
    comparison = REPORTS["long-messages"].comparison.model_copy(update={"base_name": "embedded+MODEL=a"})
    report = REPORTS["long-messages"].model_copy(update={"comparison": comparison})
    assert command(report) == "bench ab embedded+MODEL=a HEAD --scenario quick"
    assert any("HEAD" in note for note in describe_reproduction(report).notes)


def test_an_address_is_not_invented() -> None:
    """The load of an address comes from the command line, and results do not contain the address."""
    report = changed(fingerprint={"stack": "external"}, scenario={"name": "http", "target": "http"})
    assert command(report) == "bench run ADDRESS"
    assert any("ADDRESS" in note for note in describe_reproduction(report).notes)


def test_a_search_repeats_its_limits() -> None:
    """Options with their default are left out; the end of the name that the search added is removed."""
    report, _ = drawn_with(capacities()["narrow"])
    search = CapacitySearch.model_validate(
        {"from": 2, "to": 40, "budget": "5m", "width": "10%", "predict": [50, 100]}
    )
    success = (Threshold.model_validate({"threshold": "rate>0.99"}),)
    limits = {"objectives": {"e2e_ms": 200.0}, "thresholds": {"success_ratio": success}}
    searched = changed(report, scenario={"name": "quick-capacity", "capacity": search, **limits})
    assert command(searched) == (
        "bench capacity quick --objective 'e2e<200ms' --threshold 'success_ratio rate>0.99' "
        "--from 2 --to 40 --budget 5m --width 0.1 --predict 50 --predict 100"
    )
    assert any("quick-capacity" in note for note in describe_reproduction(searched).notes)


def test_what_the_commands_lack_is_said() -> None:
    """Uncommitted changes, an unknown commit and the seed."""
    notes = describe_reproduction(changed(provenance={"dirty": True})).notes
    assert any(note.endswith("uncommitted changes, which the commit does not contain.") for note in notes)
    named = describe_reproduction(
        changed(provenance={"dirty": True, "changed_files": ("a.py", "b.py")})
    ).notes
    assert any(note.endswith("the commit does not contain: a.py and b.py.") for note in named)
    without = describe_reproduction(changed(provenance={"commit": None}))
    assert len(without.commands) == 1
    assert any("commit is unknown" in note for note in without.notes)
    assert any(str(REPORTS["regression"].result.scenario.seed) in note for note in notes)


def test_names_from_outside_are_one_word_of_the_shell() -> None:
    """A hostile name and a hostile option start no other command."""
    report = changed(scenario={"name": HOSTILE}, result={"overrides": (f"--set x={HOSTILE}",)})
    words = shlex.split(command(report))
    assert words == ["bench", "check", HOSTILE, "--set", f"x={HOSTILE}"]


@pytest.mark.parametrize("text", ["-f", "main", "$(x)", "a;rm -rf ~", "HEAD\nrm", ""])
def test_a_commit_that_is_no_digest_is_in_no_command(text: str) -> None:
    """`git checkout -f` would discard the reader's changes; a note states that the commit is unknown."""
    known = describe_reproduction(changed(provenance={"commit": text}))
    assert known.commands == ("bench check quick",)
    assert any("its commit is unknown" in note for note in known.notes)
    pair = REPORTS["long-messages"]
    comparison = pair.comparison.model_copy(update={"newest_baseline_commit": text, "base_name": text})
    words = shlex.split(command(pair.model_copy(update={"comparison": comparison})))
    assert words[:2] == ["bench", "ab"]
    assert words[2] == ("BASE" if text.startswith("-") else text)


@pytest.mark.parametrize("text", ["a;rm\t-rf", "--vus;x 5", "$(x)", "x 5", "-rf ~"])
def test_an_override_that_is_no_option_is_in_no_command(text: str) -> None:
    """The name of an option is not quoted, so only a name of letters is repeated."""
    assert command(changed(result={"overrides": (text, "--vus 5")})) == "bench check quick --vus 5"
