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
    """What is read of a service that says this: gauges, three times, then counters, and what is told."""

    async def run() -> tuple[dict[str, float], list[GaugeSample] | None, dict[str, str]]:
        seen: list[WatchSample] = []
        async with server([response(text)]) as (url, _):
            declared = {"backend": {"read": READ}}
            content = {"name": "trial", "purpose": "A test.", "gauges": declared, "counters": declared}
            live = RunningStack(Stack.model_validate(content), {}, {"backend": url})
            async with open_watch(WatchedStack(live)) as watch:
                for at_s in range(3):
                    seen += await watch.readers["gauges backend"](at_s)
                values = {each.name: each.value for each in seen if isinstance(each, GaugeSample)}
                return values, await watch.read_counters(), watch.warnings

    return asyncio.run(run())


def test_a_text_that_is_not_too_long_is_read_whole() -> None:
    """All of its series are there, and nothing is told."""
    values, counted, warnings = _watched(b"waiting 3\nhits_total 12")
    assert values == {"queue_depth": 3.0, "hits": 12.0}
    assert {each.name: each.value for each in counted or ()} == values
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
def test_a_text_is_not_cut_in_the_midst_of_a_number(half: bytes) -> None:
    """A series that goes on after the cut is not known, nor is the work; that it was cut is told once."""
    before = b"waiting 3\n# "
    text = before + b"x" * (gauges.MAX_BYTES - len(before) - len(half) - 1) + b"\n" + half
    assert len(text) == gauges.MAX_BYTES  # and so the cut is right after it
    values, counted, warnings = _watched(text + b"9\nlast 1\n")
    assert values == {"queue_depth": 3.0}
    assert counted is None
    assert [*warnings] == ["gauges backend", "counters backend"]
    for said in warnings.values():
        assert said.endswith("/metrics returns more than 5 MB: only the first 5 MB are read")


def test_a_text_of_one_endless_line_says_nothing() -> None:
    """There is no whole line in it, so nothing of it is known."""
    values, counted, warnings = _watched(b"waiting " + b"1" * (gauges.MAX_BYTES + 1))
    assert (values, counted, len(warnings)) == ({}, None, 2)
