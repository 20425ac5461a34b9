import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.config.tier_sources import Durations
from bench.core.response.tier_times import TierReader, parse_server_timing
from bench.core.values.limited_names import MOST_TIERS
from tests.laws import READING_LAW

DAY_MS = 86_400_000.0


@pytest.mark.parametrize(
    ("text", "tier_times"),
    [
        ("", {}),
        ("agent;dur=53.2", {"agent": 53.2}),
        ("auth;dur=1, backend;dur=2.5,model;dur=400", {"auth": 1.0, "backend": 2.5, "model": 400.0}),
        ("  agent ; dur = 5 ", {"agent": 5.0}),
        ("agent;DUR=5", {"agent": 5.0}),
        ("agent;dur=0", {"agent": 0.0}),
        ("agent;dur=1.5e2", {"agent": 150.0}),
        ("a.b-c_9;dur=1", {"a.b-c_9": 1.0}),
    ],
)
def test_durations_are_milliseconds_by_tier(text: str, tier_times: dict[str, float]) -> None:
    """Each valid entry is the name of a tier and its milliseconds."""
    assert parse_server_timing(text) == tier_times


@pytest.mark.parametrize(
    ("text", "tier_times"),
    [
        ('agent;dur="53.2"', {"agent": 53.2}),
        ('agent;desc="cached, twice";dur=5, queue;dur=1', {"agent": 5.0, "queue": 1.0}),
        (r'agent;desc="said \", dur=9";dur=5', {"agent": 5.0}),
        ('agent;dur=5;desc="late"', {"agent": 5.0}),
    ],
)
def test_commas_in_quotes_are_no_separators(text: str, tier_times: dict[str, float]) -> None:
    """A quoted description may contain commas and escaped quotes."""
    assert parse_server_timing(text) == tier_times


def test_a_tier_that_occurs_twice_adds_up() -> None:
    """The times of two entries with one name are added."""
    assert parse_server_timing("model;dur=100, auth;dur=1, model;dur=50.5") == {"model": 150.5, "auth": 1.0}


@pytest.mark.parametrize(
    "text",
    [
        "agent",
        "agent;desc=cached",
        "agent;dur",
        "agent;dur=",
        "agent;dur=fast",
        "agent;dur=5ms",
        "agent;dur=--5",
        "agent;dur=1.2.3",
        "agent;duration=5",
        ";dur=5",
        ",,;;,",
        '"',
        'agent;dur="5',
    ],
)
def test_invalid_entries_are_skipped(text: str) -> None:
    """An entry that cannot be read is skipped, and it is not an error."""
    tier_times = parse_server_timing(text)
    assert tier_times in ({}, {"agent": 5.0}) if text.endswith('"5') else tier_times == {}


def test_further_names_of_one_header_are_summed_up() -> None:
    """A header with thousands of names makes no more tiers than the limit, and no time is lost."""
    tier_times = parse_server_timing(",".join(f"tier-{number};dur=1.5" for number in range(4000)))
    assert len(tier_times) == MOST_TIERS
    assert sum(tier_times.values()) == 6000.0


def test_one_invalid_entry_does_not_affect_the_others() -> None:
    """Valid entries next to an invalid one are kept."""
    assert parse_server_timing("miss, agent;dur=x, model;dur=7") == {"model": 7.0}


@pytest.mark.parametrize("number", ["inf", "-inf", "nan", "1e999", "-1", "-0.001", "-1e999"])
def test_impossible_durations_are_skipped(number: str) -> None:
    """Infinite, undefined and negative durations are skipped."""
    assert parse_server_timing(f"agent;dur={number}, model;dur=1") == {"model": 1.0}


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "<script>",
        "../../etc",
        "`rm`",
        "a|b",
        "a\nb",
        "ä",
        "x" * 41,
        "",
        '"quoted"',
        "a=b",
        "[link](x)",
        "@team",
    ],
)
def test_hostile_names_are_skipped(name: str) -> None:
    """Names occur in reports and in keys, so only short plain ones are accepted."""
    assert parse_server_timing(f"{name};dur=5") == {}


def test_a_name_may_be_forty_characters_long() -> None:
    """The longest accepted name has forty characters."""
    assert parse_server_timing(f"{'x' * 40};dur=5") == {"x" * 40: 5.0}


_PIECES = st.sampled_from(
    [";", ",", '"', "\\", "=", "dur", "dur=", "agent", " ", "5", "-", "e9", ".", "\n", "é"]
)


@READING_LAW
@given(st.one_of(st.text(max_size=200), st.lists(_PIECES, max_size=40).map("".join)))
def test_no_header_can_break_the_parser(text: str) -> None:
    """Any text gives plain names with finite durations from 0, and never an error."""
    for name, duration_ms in parse_server_timing(text).items():
        assert name
        assert name.isascii()
        assert name.replace(".", "").replace("_", "").replace("-", "").isalnum() or not name.strip("._-")
        assert math.isfinite(duration_ms)
        assert 0.0 <= duration_ms <= DAY_MS


@READING_LAW
@given(
    st.dictionaries(
        st.text("abcXYZ019._-", min_size=1, max_size=40),
        st.floats(0, DAY_MS),
        max_size=8,
    )
)
def test_standard_entries_are_read_exactly(tier_times: dict[str, float]) -> None:
    """Entries in the standard's form are read back exactly."""
    header = ", ".join(f'{name};desc="a, b";dur={duration_ms!r}' for name, duration_ms in tier_times.items())
    assert parse_server_timing(header) == tier_times


@pytest.mark.parametrize("number", ["86400000.1", "1e9", "1e308"])
def test_a_duration_above_a_day_is_skipped(number: str) -> None:
    """No request takes more than a day, so a longer duration is skipped."""
    assert parse_server_timing(f"agent;dur={number}, model;dur=1") == {"model": 1.0}


@READING_LAW
@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 1e308)), max_size=20))
def test_a_sum_is_at_most_a_day(visits: list[tuple[str, float]]) -> None:
    """Two entries of a day each are a day, so that sums stay finite."""
    tier_times = parse_server_timing(", ".join(f"{name};dur={duration_ms!r}" for name, duration_ms in visits))
    assert all(duration_ms <= DAY_MS for duration_ms in tier_times.values())
    assert parse_server_timing("a;dur=86400000, a;dur=86400000") == {"a": DAY_MS}


@pytest.mark.parametrize(
    ("text", "tier_times"),
    [
        ('agent;desc="x;dur=99";dur=5', {"agent": 5.0}),
        (r'agent;desc="\";dur=99";dur=5', {"agent": 5.0}),
        ('agent;desc="x;dur=99;y";dur=5', {"agent": 5.0}),
        ('agent;desc="x;dur=99;y"', {}),
    ],
)
def test_semicolons_in_quotes_are_no_separators(text: str, tier_times: dict[str, float]) -> None:
    """A quoted description may contain text that looks like a parameter."""
    assert parse_server_timing(text) == tier_times


@pytest.mark.parametrize(
    "text", ['ag"ent;dur=5', 'agent;desc="open; x;dur=9, evil;dur=7', 'agent;dur=5"', 'agent;dur="5']
)
def test_a_quote_without_end_makes_no_tier(text: str) -> None:
    """An entry is not read from a quote without its end."""
    assert parse_server_timing(text) == {}


def test_entries_before_a_quote_without_end_are_read() -> None:
    """Complete entries before such a quote are kept."""
    assert parse_server_timing('auth;dur=1, ag"ent;dur=5') == {"auth": 1.0}


def read_headers(durations: dict[str, Any], *headers: tuple[str, str]) -> dict[str, float]:
    """The tier times of an answer without times in its body."""
    reader = TierReader(Durations.model_validate(durations))
    return reader.read([(name.encode(), value.encode()) for name, value in headers], {})


@pytest.mark.parametrize(
    ("unit", "value", "time_ms"),
    [
        ("ms", "12.5", 12.5),
        ("s", "0.0125", 12.5),
        ("us", "12500", 12.5),
        ("ns", "12500000", 12.5),
        ("s", "12.5ms", 12.5),
        ("ms", " 2 s ", 2000.0),
        ("ms", "1e2", 100.0),
        ("ms", "0", 0.0),
    ],
)
def test_a_header_holds_a_tiers_time(unit: str, value: str, time_ms: float) -> None:
    """The number of a declared header is a tier's time; a unit in the header has priority."""
    durations = {"unit": unit, "tiers": {"model": {"header": "X-Model-Time"}}}
    assert read_headers(durations, ("x-model-time", value)) == {"model": pytest.approx(time_ms)}


@pytest.mark.parametrize("value", ["", "fast", "-1", "1.2.3", "nan", "inf", "1e300", "12 h", "--"])
def test_an_invalid_header_has_no_time(value: str) -> None:
    """A value that is no duration up to a day is skipped, and it is remarked as missing."""
    durations = {"unit": "ms", "tiers": {"model": {"header": "x-time"}}}
    assert read_headers(durations, ("x-time", value)) == {}
    remarks = TierReader(Durations.model_validate(durations)).find_missing({})
    assert remarks == ["had no duration in the header `x-time` for the tier `model`"]


def test_several_headers_of_a_name_add_up() -> None:
    """A header that occurs twice stands for two passages, as in `Server-Timing`."""
    durations = {"unit": "ms", "tiers": {"model": {"header": "x-time"}}}
    assert read_headers(durations, ("x-time", "5"), ("x-other", "9"), ("x-time", "7")) == {"model": 12.0}


def test_the_sources_of_one_answer_join() -> None:
    """Server-Timing, declared headers and the body report tiers together."""
    reader = TierReader(Durations.model_validate({"unit": "ms", "tiers": {"agent": {"header": "x-agent"}}}))
    headers = [(b"server-timing", b"auth;dur=1"), (b"x-agent", b"50"), (b"server-timing", b"db;dur=2")]
    assert reader.read(headers, {"model": 40.0}) == {"auth": 1.0, "db": 2.0, "agent": 50.0, "model": 40.0}


def test_a_tier_keeps_its_own_time() -> None:
    """A time that includes other tiers loses their times, and never falls below 0."""
    agent = {"header": "x-agent", "includes": ["model", "db"]}
    durations = {"unit": "ms", "tiers": {"agent": agent, "model": {"header": "x-model"}, "db": "db"}}
    both = [("x-agent", "50"), ("x-model", "45")]
    assert read_headers(durations, *both) == {"agent": 5.0, "model": 45.0}
    assert read_headers(durations, ("x-agent", "50"), ("x-model", "60"))["agent"] == 0.0
    assert read_headers(durations, ("x-model", "45")) == {"model": 45.0}


def test_each_missing_place_has_a_remark() -> None:
    """A declared place that has no time is remarked with its name, and only then."""
    durations = Durations.model_validate({"unit": "ms", "tiers": {"load": "t.load"}, "total": "t.all"})
    reader = TierReader(durations)
    assert reader.find_missing({"load": 1.0, "queue": 0.0}) == []
    assert reader.find_missing({"load": 1.0}) == ["had no duration at `t.all` for the tier `queue`"]
    assert TierReader(None).find_missing({}) == []
