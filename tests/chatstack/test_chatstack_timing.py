import time

import httpx
import pytest

from chatstack.ollama import reported, reported_timing
from chatstack.timing import Stopwatch, server_timing

NS = 1_000_000_000
# Two digits of a millisecond are written: half of the last is lost at most, a part.
ROUNDING_MS = 0.005


def _spin(duration_s: float) -> float:
    """Be busy for at least that long; returns for how long."""
    began_s = time.perf_counter()
    while time.perf_counter() - began_s < duration_s:
        pass
    return time.perf_counter() - began_s


def _parts_ms(header: str) -> dict[str, float]:
    return {name: float(value) for name, value in (each.split(";dur=") for each in header.split(", "))}


def test_parts_are_disjoint() -> None:
    """A tier's own share leaves out its named parts and what it waited for others: together they are no
    more than the time that passed.
    """
    began_s = time.perf_counter()
    watch = Stopwatch("backend")
    with watch.part("auth"):
        auth_s = _spin(0.002)
    with watch.elsewhere():
        elsewhere_s = _spin(0.003)
    with watch.part("auth"):
        auth_s += _spin(0.002)
    own_s = _spin(0.002)
    parts_ms = _parts_ms(watch.header())
    passed_s = time.perf_counter() - began_s
    assert list(parts_ms) == ["auth", "backend"]
    assert parts_ms["auth"] >= 1000 * auth_s - ROUNDING_MS
    assert parts_ms["backend"] >= 1000 * own_s - ROUNDING_MS
    assert sum(parts_ms.values()) <= 1000 * (passed_s - elsewhere_s) + 2 * ROUNDING_MS


def test_a_part_ends_with_its_error() -> None:
    """Time is counted although the block that takes it fails."""
    watch = Stopwatch("backend")

    def fail() -> None:
        _spin(0.002)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), watch.part("auth"):
        fail()
    assert _parts_ms(watch.header())["auth"] >= 2 - ROUNDING_MS


def test_what_is_below_follows() -> None:
    """The tiers below follow in their own words, and who says nothing leaves no comma."""
    watch = Stopwatch("agent")
    watch.pass_on("")
    watch.pass_on("queue;dur=1.00")
    watch.pass_on("")
    watch.pass_on('cache;desc="hit, warm"')
    own, _, below = watch.header().partition(", ")
    assert own.startswith("agent;dur=")
    assert below == 'queue;dur=1.00, cache;desc="hit, warm"'


def test_durations_are_written_in_milliseconds() -> None:
    """The header is milliseconds with two digits, in order, and nothing for nothing."""
    assert server_timing({"queue": 0.0123, "load": 0}) == "queue;dur=12.30, load;dur=0.00"
    assert server_timing({}) == ""


def test_waiting_is_what_the_others_leave() -> None:
    """Ollama reports no waiting: it is the total without loading, reading and writing."""
    last = {
        "total_duration": 10 * NS,
        "load_duration": 1 * NS,
        "prompt_eval_duration": 2 * NS,
        "eval_duration": 3 * NS,
    }
    assert reported(last) == {"queue": 4.0, "load": 1.0, "prefill": 2.0, "decode": 3.0}
    assert reported_timing(last) == {"queue": 4000, "load": 1000, "prefill": 2000, "decode": 3000}


def test_waiting_is_never_negative() -> None:
    """Durations that are more than the total leave no waiting."""
    assert reported({"total_duration": 1 * NS, "eval_duration": 2 * NS}) == {"queue": 0.0, "decode": 2.0}


@pytest.mark.parametrize("nonsense", [None, "1", -1, [], float("nan")])
def test_what_is_not_reported_is_left_out(nonsense: object) -> None:
    """A duration that is missing or no number is left out, never zero; without a total there is no
    waiting.
    """
    assert reported({"total_duration": nonsense, "eval_duration": 2 * NS}) == {"decode": 2.0}
    assert reported({"eval_duration": nonsense}) == {}


@pytest.mark.parametrize("path", ["/health", "/metrics", "/nowhere", "/api/auth/me"])
def test_every_answer_says_where_its_time_went(asking: httpx.Client, path: str) -> None:
    """`Server-Timing` is on every answer of the backend, errors included."""
    parts_ms = _parts_ms(asking.get(path).headers["server-timing"])
    assert list(parts_ms) == ["backend"]
