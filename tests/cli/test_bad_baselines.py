"""Every fault of a baseline has a message of its own, and no fault ends in a traceback."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.errors import Exit
from bench.store import baselines, results
from tests.command import Bench
from tests.factories import make_baseline, make_recording, run_at

Change = Callable[[Any], Any]


def on_another_machine(content: Any) -> None:
    """Return runs of a real stack on another machine."""
    for run in _runs(content):
        run["fingerprint"] |= {"simulated": False, "system": "debian-12-aarch64"}


def _runs(content: Any) -> Any:
    """The runs of the only level."""
    (level,) = content["levels"]
    return level["runs"]


def set_level(change_runs: Change) -> Change:
    """Return an edit that replaces the runs of the only level."""

    def change(content: Any) -> None:
        content["levels"][0]["runs"] = change_runs(_runs(content))

    return change


def set_figure(value: object) -> Change:
    """Return an edit that sets one figure of one run."""

    def change(content: Any) -> None:
        _runs(content)[3]["figures"]["e2e_ms"]["greeting"] = value

    return change


def set_run_fields(**fields: object) -> Change:
    """Return an edit that sets fields of one run."""
    return lambda content: _runs(content)[3].update(fields)


def set_fields(**fields: object) -> Change:
    """Return an edit that sets fields of the baseline."""
    return lambda content: content.update(fields)


# What is done to a good baseline, the exit code, and what is said.
INCONCLUSIVE = {
    "four runs": (
        set_level(lambda runs: runs[:4]),
        "4 of the baseline's 4 runs are comparable, 5 are needed",
    ),
    "another machine": (on_another_machine, "the newest differs in system: debian-12-aarch64 → Linux-x86_64"),
    "another scenario": (set_fields(scenario="medium"), "the baseline is of scenario 'medium'"),
}
REFUSED = {
    "no runs": (set_level(lambda _: []), "levels[0].runs"),
    "no levels": (set_fields(levels=[]), "levels"),
    "a newer schema": (set_fields(schema_version=99), "has schema version 99"),
    "an older schema": (
        lambda content: content.update(schema_version=1, runs=content.pop("levels")[0]["runs"]),
        "has schema version 1; this version of bench reads version 2",
    ),
    "no figures": (set_run_fields(figures={}), "has successful requests, but no figures"),
    "a metric without values": (set_run_fields(figures={"e2e_ms": {}}), "e2e_ms has no value"),
    "a level without a reason": (
        lambda content: content["levels"][0].pop("reason"),
        "levels[0].reason is missing",
    ),
    "a level that nobody knows": (
        lambda content: content["levels"][0].update(colour="red"),
        "levels[0].colour is not a field",
    ),
    "a run in two levels": (lambda content: content["levels"].append(content["levels"][0]), "appears twice"),
    "a negative figure": (set_figure(-5), "levels[0].runs[3].figures.e2e_ms.greeting must be 0 or more"),
    "a metric that nobody knows": (
        set_run_fields(figures={"colour": {"greeting": 1.0}}),
        "levels[0].runs[3].figures: there is no compared metric 'colour'",
    ),
    "a metric that is only shown": (
        set_run_fields(figures={"tokens": {"greeting": 1.0}}),
        "there is no compared metric 'tokens'",
    ),
    "a cost that nobody knows": (
        set_run_fields(costs={"service.gateway.colour": {"all": 1.0}}),
        "runs[3].costs: there is no cost 'service.gateway.colour'",
    ),
    "a negative cost": (
        set_run_fields(costs={"requests_rps": {"all": -1.0}}),
        "runs[3].costs.requests_rps.all must be 0 or more",
    ),
    "half a request": (
        set_run_fields(messages={"greeting": {"message_class": "short", "requests": 0.5}}),
        "runs[3].messages.greeting.requests",
    ),
    "a text": (set_figure("fast"), "levels[0].runs[3].figures.e2e_ms.greeting must be a number"),
    "not a number": (
        set_figure(float("nan")),
        "levels[0].runs[3].figures.e2e_ms.greeting must be a finite number",
    ),
    "infinite": (
        set_figure(float("inf")),
        "levels[0].runs[3].figures.e2e_ms.greeting must be a finite number",
    ),
    "a negative count": (set_run_fields(failed=-4), "levels[0].runs[3].failed must be 0 or more"),
    "too many parts": (set_run_fields(failed_blocks=77), "levels[0].runs[3].failed_blocks"),
    "an unknown field": (set_run_fields(colour="red"), "levels[0].runs[3].colour is not a field"),
    "a run twice": (set_level(lambda runs: [*runs, runs[0]]), "appears twice"),
}


@pytest.fixture
def compare_with_edited(bench: Bench) -> Callable[[Change], Any]:
    """Compare a good run with an edited baseline."""

    def compare(change: Change) -> Any:
        path = baselines.save(make_baseline())
        content = copy.deepcopy(json.loads(path.read_text()))
        change(content)
        path.write_text(json.dumps(content))
        return bench("compare", _keep(1.0))

    return compare


def _keep(factor: float, **parts: Any) -> str:
    return str(results.save(run_at(factor, 50, **parts), make_recording(), Path("results")))


@pytest.mark.parametrize("case", INCONCLUSIVE)
def test_an_unsuitable_baseline_is_inconclusive(
    compare_with_edited: Callable[[Change], Any], case: str
) -> None:
    """Too few runs, another machine or another scenario: inconclusive, with the reason."""
    change, said = INCONCLUSIVE[case]
    done = compare_with_edited(change)
    assert done.code == Exit.INCONCLUSIVE
    assert done.out.startswith("? CANNOT TELL:")
    assert said in " ".join(done.out.split())


@pytest.mark.parametrize("case", REFUSED)
def test_an_invalid_baseline_is_refused(compare_with_edited: Callable[[Change], Any], case: str) -> None:
    """A field with a senseless value, or another version, is an error with its place."""
    change, said = REFUSED[case]
    done = compare_with_edited(change)
    assert done.code == Exit.MEASUREMENT
    assert said in done.err
    assert "quick.json" in done.err
    assert done.out == ""


def test_a_truncated_baseline_is_refused(bench: Bench) -> None:
    """A truncated file is not treated as an empty one."""
    path = baselines.save(make_baseline())
    path.write_text(path.read_text()[:500])
    done = bench("compare", _keep(1.0))
    assert done.code == Exit.MEASUREMENT
    assert "is not complete JSON" in done.err


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (
            {"failed": range(100)},
            "Fewer requests succeeded: 0 % of 100 requests, compared with 100 % of 1,000 requests.",
        ),
        ({"tier_times": {"agent": 1.0}}, "`queue` vanished"),
    ],
)
def test_a_run_that_lacks_a_metric_of_the_baseline_fails(
    bench: Bench,
    parts: dict[str, Any],
    said: str,
) -> None:
    """No successful request, and a missing tier, are regressions and not missing data."""
    baselines.save(make_baseline())
    done = bench("compare", _keep(1.0, **parts))
    assert done.code == Exit.REGRESSION
    assert said in " ".join(done.out.split())
