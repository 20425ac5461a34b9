import asyncio

import pytest

from bench.core.config.stack import Stack
from bench.core.samples.sample import GaugeSample
from bench.measure.stacks.running_stack import RunningStack
from bench.measure.watch import gauges
from bench.measure.watch.watching import WatchedStack, WatchSample, open_watch
from tests.measure.loopback import response, server

READ = {"queue_depth": "waiting", "hits": "hits_total"}


def _watched(text: bytes) -> tuple[dict[str, float], list[GaugeSample] | None, dict[str, str]]:
    """Read the gauges of a service three times, then its counters; return both and the warnings."""

    async def run() -> tuple[dict[str, float], list[GaugeSample] | None, dict[str, str]]:
        seen: list[WatchSample] = []
        async with server([response(text)]) as (url, _):
            declared = {"backend": {"read": READ}}
            content = {"name": "trial", "purpose": "A test.", "gauges": declared, "counters": declared}
            running = RunningStack(Stack.model_validate(content), {}, {"backend": url})
            async with open_watch(WatchedStack(running)) as watch:
                for at_s in range(3):
                    seen += await watch.readers["gauges backend"](at_s)
                values = {sample.name: sample.value for sample in seen if isinstance(sample, GaugeSample)}
                return values, await watch.read_counters(), watch.warnings

    return asyncio.run(run())


def test_a_short_text_is_read_completely() -> None:
    """All of its series have values, without a warning."""
    values, counted, warnings = _watched(b"waiting 3\nhits_total 12")
    assert values == {"queue_depth": 3.0, "hits": 12.0}
    assert {sample.name: sample.value for sample in counted or ()} == values
    assert warnings == {}


@pytest.mark.parametrize(
    "half",
    [
        b"hits_total 12345678",
        b'hits_total{path="/a"} 1\nhits_total{path="/b"} 2',
        b'hits_total{path="/a"} 1\nhits_to',
        b'hits_total{path="/a"} 1\n',
    ],
)
def test_a_long_text_is_not_cut_inside_a_number(half: bytes) -> None:
    """A series at the cut has no value, nor have the counters; the warning appears once."""
    before = b"waiting 3\n# "
    text = before + b"x" * (gauges.MAX_BYTES - len(before) - len(half) - 1) + b"\n" + half
    assert len(text) == gauges.MAX_BYTES  # and so the cut is right after it
    values, counted, warnings = _watched(text + b"9\nlast 1\n")
    assert values == {"queue_depth": 3.0}
    assert counted is None
    assert [*warnings] == ["gauges backend", "counters backend"]
    for warning in warnings.values():
        assert warning.endswith("/metrics returns more than 5 MB: only the first 5 MB are read")


def test_a_text_of_one_endless_line_has_no_values() -> None:
    """It contains no complete line."""
    values, counted, warnings = _watched(b"waiting " + b"1" * (gauges.MAX_BYTES + 1))
    assert (values, counted, len(warnings)) == ({}, None, 2)
