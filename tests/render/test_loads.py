from typing import Any

import pytest

from bench.core.limits.expression import parse
from bench.core.limits.judge import ThresholdResult
from bench.core.run.bottleneck import Bottleneck, LoadBand
from bench.core.watch.host import Host
from bench.render.document.facts import describe_host
from bench.render.document.loads import load_sentence, load_tables

SLOW = ThresholdResult(metric="e2e_ms", expression=parse("p(95)<=10000"), value=12_000.0, crossed=True)
FAILS = ThresholdResult(metric="success_ratio", expression=parse("rate>0.95"), value=0.9, crossed=True)


def band(vus: int, most: int | None = None, **changes: Any) -> LoadBand:
    """Return the results at a load without problems."""
    content: dict[str, Any] = {
        "vus": (vus, most or vus),
        "requests": 200,
        "p50_ms": 1000.0,
        "p95_ms": 2000.0,
        "success_ratio": 1.0,
        "requests_rps": 4.0,
        "shares": {"decode": 0.78, "unattributed": 0.22},
    }
    return LoadBand(**content | changes)


def limits_sentence(
    *bands: LoadBand, limit_count: int = 1, planned_vus: int | None = 50, **changes: Any
) -> str:
    """Return the sentence on these bands, without its first part on the tiers."""
    found = Bottleneck(load_unit="vus", bands=bands, planned_vus=planned_vus, limit_count=limit_count)
    return load_sentence(found.model_copy(update=changes)).partition("; ")[2]


def test_time_without_a_tier_is_not_a_slow_tier() -> None:
    """If no tier reports most of the time, the sentence states this and blames no network."""
    rest = band(50, shares={"decode": 0.08, "unattributed": 0.92})
    found = Bottleneck(load_unit="vus", bands=(band(1), rest), planned_vus=50, limit_count=0)
    expected = "decode takes 78 % of the time at 1 VU, no tier reports 92 % at 50 VUs"
    assert load_sentence(found) == expected
    alone = Bottleneck(load_unit="vus", bands=(rest,), planned_vus=50, limit_count=0)
    assert load_sentence(alone) == "no tier reports 92 % of the time at 50 VUs"


def test_the_sentence_names_the_slowest_tier_at_the_highest_load() -> None:
    """It names that of the lowest load too, if it is another one; without tier times it is empty."""
    queue = {"decode": 0.3, "queue": 0.7}
    found = Bottleneck(
        load_unit="vus", bands=(band(1), band(50, shares=queue)), planned_vus=50, limit_count=0
    )
    assert load_sentence(found) == "decode takes 78 % of the time at 1 VU, queue takes 70 % at 50 VUs"
    same = found.model_copy(update={"bands": (band(1), band(50))})
    assert load_sentence(same) == "decode takes 78 % of the time at 50 VUs"
    silent = found.model_copy(update={"bands": (band(1), band(50, shares={}))})
    assert load_sentence(silent) == ""
    assert load_sentence(None) == ""


def test_the_breaking_point_lies_between_two_loads() -> None:
    """The limit is crossed between the highest load that keeps it and the next one."""
    broken = band(30, crossed=(SLOW,))
    assert limits_sentence(band(20), broken, band(50)) == (
        "p95 response time ≤ 10.0 s is crossed between 20 and 30 VUs, and kept again at 50 VUs"
    )
    assert limits_sentence(band(20), broken, band(50, crossed=(SLOW,))) == (
        "p95 response time ≤ 10.0 s is crossed between 20 and 30 VUs"
    )
    several = band(30, crossed=(SLOW, FAILS))
    assert limits_sentence(band(20), several, band(50)).endswith("30 VUs, and kept again at 50 VUs")
    both = band(13, 18, crossed=(SLOW, FAILS), certain=False)
    assert limits_sentence(band(7, 12), both, planned_vus=18) == (
        "p95 response time ≤ 10.0 s and success > 95 % are crossed between 12 and 18 VUs"
        " (too few requests to be certain)"
    )
    assert (
        limits_sentence(band(10, crossed=(FAILS,)), planned_vus=10)
        == "success > 95 % is crossed already at 10 VUs"
    )


def test_limits_that_hold_are_kept() -> None:
    """Limits are kept at every load up to the highest, or at the only one."""
    assert limits_sentence(band(20), band(50)) == "the limit is kept at every load up to 50 VUs"
    assert limits_sentence(band(50, certain=False), limit_count=2) == (
        "all limits are kept at 50 VUs (too few requests to be certain)"
    )


def test_unreached_vus_are_reported() -> None:
    """A run that ended early reports the highest number of active VUs."""
    assert limits_sentence(band(20), band(40)).endswith("; at most 40 of the 50 planned VUs were active")
    flight = limits_sentence(band(1), planned_vus=None, load_unit="requests in flight")
    assert flight == "the limit is kept at 1 request in flight"


def test_saturation_is_reported_with_its_throughput() -> None:
    """The sentence names the load and the number of answers per second."""
    assert limits_sentence(band(20), band(50), limit_count=0, saturated_band=0) == (
        "throughput stops growing at 20 VUs (4 requests/s)"
    )


def test_a_table_of_loads_needs_two_loads() -> None:
    """With one load there is no table; unknown values are a dash."""
    found = Bottleneck(load_unit="vus", bands=(band(1),), planned_vus=1, limit_count=0)
    assert load_tables(found) == load_tables(None) == ()
    bare = band(50, requests_rps=None, p95_ms=None, unreliable=("p50", "p95"), shares={})
    numbers, shares = load_tables(found.model_copy(update={"bands": (band(1), bare)}))
    assert numbers.rows[1] == ("50", "200", "1,000 ms?", "–", "100 %", "–", "–", "–")  # noqa: RUF001 - dashes
    assert shares.columns == ("VUs", "decode", "unattributed")
    assert shares.rows[1] == ("50", "–", "–")  # noqa: RUF001 - likewise
    _, none = load_tables(found.model_copy(update={"bands": (bare, bare)}))
    assert none.rows == ()


@pytest.mark.parametrize(
    ("host", "text"),
    [
        (None, ""),
        (Host(), ""),
        (Host(hot_count=2), "slowed by heat 2 times"),
        (Host(cores=1, stolen_ratio=0.0), "1 core, 0 % stolen"),
        (
            Host(pinned={"load generator": (3,), "stack": (0, 1, 2)}),
            "load generator on core 3, stack on cores 0 to 2",
        ),
        (Host(pinned={"stack": (0, 2, 5)}), "stack on cores 0, 2 and 5"),
    ],
)
def test_known_facts_about_the_host_are_listed(host: Host | None, text: str) -> None:
    """Unknown values are omitted."""
    assert describe_host(host) == text
