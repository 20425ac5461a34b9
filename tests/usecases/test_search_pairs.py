"""A scenario that searches the safe load is compared with its baseline, and never in pairs."""

from pathlib import Path

import pytest

from bench.errors import ConfigError
from bench.publish.trigger import Trigger
from bench.store import scenarios
from bench.usecases.job_plan import plan_job
from bench.usecases.paired_suite import select_scenarios
from bench.usecases.time_limit import expect_s
from bench.usecases.versions import refuse_unpaired
from tests.small_application import commit, git

SEARCH = """
name: room
purpose: The largest load that answers within ten seconds.
extends: quick
thresholds: {}
objectives: {e2e_ms: 10000}
capacity: {to: 50, budget: 5m}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a repository with a scenario that searches."""
    monkeypatch.chdir(tmp_path)
    Path("scenarios").mkdir()
    Path("scenarios/room.yaml").write_text(SEARCH)
    Path("scenarios/suites.yaml").write_text("both: [quick, room]\n")
    git(tmp_path, "init", "--quiet", "-b", "main")
    commit(tmp_path)


def test_a_suite_leaves_it_to_its_baseline() -> None:
    """`bench ab --suite` names the command that compares it."""
    selected = select_scenarios("both")
    assert selected.names == ("quick",)
    (reason,) = selected.skipped
    assert reason.endswith("it searches the safe load, which is compared with its baseline: bench check room")


def test_two_versions_of_it_are_refused() -> None:
    """`bench ab` and `bench check --against` explain why, before they measure."""
    with pytest.raises(ConfigError, match="'room' cannot run in pairs: it searches the safe load"):
        refuse_unpaired(["room"])


def test_a_job_of_a_pull_request_compares_it_with_its_baseline() -> None:
    """The other scenarios of the suite still run in pairs."""
    plan = plan_job("both", "main", Trigger(event="pull_request"), {})
    assert plan.paired == ("quick",)
    (alone,) = [row for row in plan.scenarios if row.scenario == "room"]
    assert alone.reason == "it searches the safe load, which is compared with its baseline"


def test_a_job_expects_the_budget_of_a_search() -> None:
    """The duration of a trial is not that of the search."""
    assert expect_s(scenarios.load("room").scenario) == 300.0
