"""What `bench baseline update` and the command in a comment share: baselines with runs more."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.core.run.result import RunResult

Texts = dict[str, str]


def updated(
    results: "Sequence[RunResult]", suite: str, read: Callable[[str], str | None], *, reason: str, by: str
) -> Texts:
    """The baseline files that change, by their paths in the repository.

    Args:
        results: The runs to accept.
        suite: Whose scenarios they are: runs of others are refused, for nobody asked for them.
        read: Gives the text of a file of the repository, None when there is none.
        reason: Why.
        by: Who accepts them.

    Raises:
        ConfigError: A run is of another suite, or must not join its baseline.
        MeasurementError: A run is invalid, broken off, or without any success.
        StoreError: A baseline cannot be read.
    """
    from datetime import UTC, datetime

    from bench.core.verdict.acceptance import accept_all
    from bench.core.verdict.baseline import SCHEMA_VERSION, Baseline, baseline_json, baseline_path
    from bench.errors import ConfigError
    from bench.store import baselines, scenarios
    from bench.store.files import parse_model

    wanted = scenarios.of_suite(suite)
    if others := sorted({each.scenario.name for each in results} - set(wanted)):
        raise ConfigError(f"suite '{suite}' has no scenario {', '.join(others)}", "name their suite")
    before = {}
    for place in {baseline_path(each) for each in results}:
        path = f"{baselines.FOLDER}/{place}"
        if (text := read(path)) is not None:
            before[place] = parse_model(text, path, Baseline, SCHEMA_VERSION)
    after = accept_all(before, results, reason=reason, by=by, at=datetime.now(UTC))
    return {f"{baselines.FOLDER}/{place}": baseline_json(each) for place, each in sorted(after.items())}


def proposed(results: "Sequence[RunResult]", suite: str, *, reason: str, by: str) -> str:
    """Open a pull request that accepts runs, and say where it is.

    Raises:
        BenchError: As `updated`, or GitHub refused or does not answer.
    """
    from bench.cli.fetching import repository
    from bench.cli.publishing import api
    from bench.publish.branches import Branches, Proposal
    from bench.publish.github import GitHub

    name, connection = repository(), api()
    branches, default = Branches(name, connection), GitHub(name, connection).default_branch()
    at = branches.head(default)
    files = updated(results, suite, lambda path: branches.text(path, at or default), reason=reason, by=by)
    if not files:
        return "all of them were accepted before"
    title = f"Accept what was measured of suite {suite}: {reason}"
    branch = f"bench-baseline/{suite}-{results[0].provenance.run_id}"
    body = f"{len(results)} runs, as `{by}` asked for."
    return branches.propose(Proposal(branch, default, at, title, body), files, f"{title}\n\n{by}\n")
