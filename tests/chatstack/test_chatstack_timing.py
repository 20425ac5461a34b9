import time

import httpx
import pytest

from chatstack.ollama import reported, reported_timing
from chatstack.timing import Stopwatch, server_timing

NS = 1_000_000_000
# The header has two decimals of a millisecond, so each part loses at most half of the last one.
ROUNDING_MS = 0.005


def _spin(duration_s: float) -> float:
    """Use the CPU for at least this time, and return the real time in seconds."""
    began_s = time.perf_counter()
    while time.perf_counter() - began_s < duration_s:
        pass
    return time.perf_counter() - began_s


def _parts_ms(header: str) -> dict[str, float]:
    return {name: float(value) for name, value in (entry.split(";dur=") for entry in header.split(", "))}


def test_the_parts_of_a_tier_do_not_overlap() -> None:
    """The own time of a tier excludes its named parts and the time in other tiers."""
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
    total_s = time.perf_counter() - began_s
    assert list(parts_ms) == ["auth", "backend"]
    assert parts_ms["auth"] >= 1000 * auth_s - ROUNDING_MS
    assert parts_ms["backend"] >= 1000 * own_s - ROUNDING_MS
    assert sum(parts_ms.values()) <= 1000 * (total_s - elsewhere_s) + 2 * ROUNDING_MS


def test_a_part_that_fails_is_counted() -> None:
    """A part counts its time even if its block raises an error."""
    watch = Stopwatch("backend")

    def fail() -> None:
        _spin(0.002)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), watch.part("auth"):
        fail()
    assert _parts_ms(watch.header())["auth"] >= 2 - ROUNDING_MS


def test_the_times_of_lower_tiers_follow() -> None:
    """The entries of lower tiers are passed on unchanged, and empty ones leave no comma."""
    watch = Stopwatch("agent")
    watch.pass_on("")
    watch.pass_on("queue;dur=1.00")
    watch.pass_on("")
    watch.pass_on('cache;desc="hit, warm"')
    own, _, below = watch.header().partition(", ")
    assert own.startswith("agent;dur=")
    assert below == 'queue;dur=1.00, cache;desc="hit, warm"'


def test_durations_are_written_in_milliseconds() -> None:
    """The header has milliseconds with two decimals in order; without parts it is empty."""
    assert server_timing({"queue": 0.0123, "load": 0}) == "queue;dur=12.30, load;dur=0.00"
    assert server_timing({}) == ""


def test_queue_time_is_the_rest_of_the_total() -> None:
    """Ollama does not report the queue time: it is the total without load, prefill and decode."""
    last = {
        "total_duration": 10 * NS,
        "load_duration": 1 * NS,
        "prompt_eval_duration": 2 * NS,
        "eval_duration": 3 * NS,
    }
    assert reported(last) == {"queue": 4.0, "load": 1.0, "prefill": 2.0, "decode": 3.0}
    assert reported_timing(last) == {"queue": 4000, "load": 1000, "prefill": 2000, "decode": 3000}


def test_queue_time_is_never_negative() -> None:
    """Durations that exceed the total give a queue time of 0."""
    assert reported({"total_duration": 1 * NS, "eval_duration": 2 * NS}) == {"queue": 0.0, "decode": 2.0}


@pytest.mark.parametrize("nonsense", [None, "1", -1, [], float("nan")])
def test_a_missing_duration_is_left_out(nonsense: object) -> None:
    """A missing or malformed duration is left out, and without a total there is no queue time."""
    assert reported({"total_duration": nonsense, "eval_duration": 2 * NS}) == {"decode": 2.0}
    assert reported({"eval_duration": nonsense}) == {}


@pytest.mark.parametrize("path", ["/health", "/metrics", "/nowhere", "/api/auth/me"])
def test_every_response_has_server_timing(backend_client: httpx.Client, path: str) -> None:
    """Every response of the backend has `Server-Timing`, errors included."""
    parts_ms = _parts_ms(backend_client.get(path).headers["server-timing"])
    assert list(parts_ms) == ["backend"]
