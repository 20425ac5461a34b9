"""What is wrong with a baseline is said, each in its own words, and nothing is a traceback."""

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


def elsewhere(content: Any) -> None:
    """Runs of a real stack on another machine."""
    for run in content["runs"]:
        run["fingerprint"] |= {"simulated": False, "cpu_model": "Another CPU"}


def figure(value: object) -> Change:
    """One figure of one run is this."""

    def change(content: Any) -> None:
        content["runs"][3]["figures"]["e2e_ms"]["greeting"] = value

    return change


def run_field(**fields: object) -> Change:
    """One run has these fields."""
    return lambda content: content["runs"][3].update(fields)


def field(**fields: object) -> Change:
    """The baseline has these fields."""
    return lambda content: content.update(fields)


# What is done to a good baseline, the exit code, and what is said.
INCONCLUSIVE = {
    "four runs": (
        lambda content: content.update(runs=content["runs"][:4]),
        "4 of the baseline's 4 runs are comparable, 5 are needed",
    ),
    "another machine": (elsewhere, "the newest differs in cpu_model: Another CPU → Test CPU"),
    "no runs": (field(runs=[]), "there is no baseline for this scenario and environment yet"),
    "another scenario": (field(scenario="medium"), "the baseline is of scenario 'medium'"),
}
REFUSED = {
    "a newer schema": (field(schema_version=99), "has schema version 99"),
    "a negative figure": (figure(-5), "runs[3].figures.e2e_ms.greeting must be 0 or more"),
    "a metric that nobody knows": (
        run_field(figures={"colour": {"greeting": 1.0}}),
        "runs[3].figures: there is no metric 'colour' compared",
    ),
    "a metric that is only shown": (
        run_field(figures={"tokens": {"greeting": 1.0}}),
        "there is no metric 'tokens' compared",
    ),
    "a text": (figure("fast"), "runs[3].figures.e2e_ms.greeting must be a number"),
    "not a number": (
        figure(float("nan")),
        "runs[3].figures.e2e_ms.greeting must be a finite number",
    ),
    "infinite": (figure(float("inf")), "runs[3].figures.e2e_ms.greeting must be a finite number"),
    "a negative count": (run_field(failed=-4), "runs[3].failed must be 0 or more"),
    "too many parts": (run_field(failed_blocks=77), "runs[3].failed_blocks"),
    "an unknown field": (run_field(colour="red"), "runs[3].colour is not a field"),
    "a run twice": (lambda content: content["runs"].append(content["runs"][0]), "appears twice"),
}


@pytest.fixture
def edited(bench: Bench) -> Callable[[Change], Any]:
    """Compares a good run with a baseline that was changed."""

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
def test_a_baseline_that_does_not_fit_decides_nothing(edited: Callable[[Change], Any], case: str) -> None:
    """Too few runs, another machine or another scenario: inconclusive, with the reason."""
    change, said = INCONCLUSIVE[case]
    done = edited(change)
    assert done.code == Exit.PASS
    assert done.out.startswith("INCONCLUSIVE")
    assert said in " ".join(done.out.split())


@pytest.mark.parametrize("case", REFUSED)
def test_a_baseline_that_is_none_is_refused(edited: Callable[[Change], Any], case: str) -> None:
    """What was edited to nonsense, or written by another version, is named with its place."""
    change, said = REFUSED[case]
    done = edited(change)
    assert done.code == Exit.MEASUREMENT
    assert said in done.err
    assert "quick.json" in done.err
    assert done.out == ""


def test_half_a_baseline_is_called_that(bench: Bench) -> None:
    """A file that was cut off is not taken for an empty one."""
    path = baselines.save(make_baseline())
    path.write_text(path.read_text()[:500])
    done = bench("compare", _keep(1.0))
    assert done.code == Exit.MEASUREMENT
    assert "is not complete JSON" in done.err


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"failed": range(100)}, "Success regressed from 100 % to 0 %."),
        ({"tier_times": {"agent": 1.0}}, "`queue` vanished"),
    ],
)
def test_a_run_without_what_the_baseline_has_fails(
    bench: Bench,
    parts: dict[str, Any],
    said: str,
) -> None:
    """No successful request, and a tier that is gone, are regressions and not missing data."""
    baselines.save(make_baseline())
    done = bench("compare", _keep(1.0, **parts))
    assert done.code == Exit.REGRESSION
    assert said in " ".join(done.out.split())
