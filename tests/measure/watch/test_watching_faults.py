import asyncio

import pytest
from pymongo import AsyncMongoClient

from bench.core.config.stack import Stack
from bench.core.samples.sample import GaugeSample, Probe
from bench.errors import TargetError
from bench.measure.stacks.running_stack import RunningStack
from bench.measure.watch.watching import Watch, WatchedStack, WatchSample, open_watch
from tests.virtual_time import run_virtually


def _wrong(at_s: float) -> list[WatchSample]:
    raise ZeroDivisionError(f"a secret at {at_s:g}")


async def _break(at_s: float) -> list[WatchSample]:
    return _wrong(at_s)


def test_a_reader_with_a_bug_loses_only_its_own_samples(caplog: pytest.LogCaptureFixture) -> None:
    """It stops with a warning of type and place; its text, which may contain a secret, goes to stderr."""

    async def run() -> tuple[list[float], dict[str, str]]:
        loop = asyncio.get_running_loop()
        began: list[float] = []

        async def sound(at_s: float) -> list[WatchSample]:
            began.append(at_s)
            return []

        async def breaks(at_s: float) -> list[WatchSample]:
            return _wrong(at_s) if at_s else []

        watch = Watch({"broken": breaks, "sound": sound}, {}, {}, 2.0)
        watch.start(loop.time, lambda _: None)
        await asyncio.sleep(5.0)
        watch.check()
        await watch.stop()
        return began, watch.warnings

    began, warnings = run_virtually(run())
    assert began == [0, 2, 4]
    place = f"{_wrong.__module__}:{_wrong.__code__.co_firstlineno + 1}"
    prefix = "the reader 'broken' crashed after 2 s and was stopped: bug in bench: ZeroDivisionError at "
    assert [*warnings.values()] == [prefix + place]
    assert caplog.text.count("a secret at 2") == 1
    assert "Traceback" in caplog.text


def test_a_target_error_does_not_hide_a_bug() -> None:
    """A reader that fails and then crashes has both warnings."""

    async def run() -> list[str]:
        async def wrong(at_s: float) -> list[WatchSample]:
            if at_s == 0:
                raise TargetError("no answer")
            return _wrong(at_s)

        watch = Watch({"wrong": wrong}, {}, {}, 2.0)
        watch.start(asyncio.get_running_loop().time, lambda _: None)
        await asyncio.sleep(3.0)
        await watch.stop()
        return [*watch.warnings.values()]

    first, second = run_virtually(run())
    assert first == "no answer"
    assert "ZeroDivisionError" in second


def test_a_reader_that_loses_a_cancellation_ends_too() -> None:
    """A library can swallow the cancellation of a reading, and the end of a run must not wait for ever."""

    async def run() -> int:
        swallowed = 0

        async def deaf(_: float) -> list[WatchSample]:
            nonlocal swallowed
            try:
                await asyncio.sleep(0.5)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 2:
                    raise
            return []

        watch = Watch({"deaf": deaf}, {}, {}, 0.1)
        watch.start(asyncio.get_running_loop().time, lambda _: None)
        await asyncio.sleep(0.2)
        await watch.stop()
        return swallowed

    assert run_virtually(run()) == 3


@pytest.mark.parametrize("end", [KeyboardInterrupt, asyncio.CancelledError])
def test_an_interrupt_is_not_a_bug_of_a_reader(end: type[BaseException]) -> None:
    """Ctrl-C during a reading ends the run, as at other times."""

    async def run() -> dict[str, str]:
        async def interrupted(at_s: float) -> list[WatchSample]:
            raise end(at_s)

        watch = Watch({}, {"counters backend": interrupted}, {}, 2.0)
        try:
            await watch.read_counters()
        finally:
            assert watch.warnings == {}
        return watch.warnings

    with pytest.raises(end):
        run_virtually(run())


def test_counters_are_unknown_after_a_bug_in_one_of_them() -> None:
    """The sum of all services is unknown, and the run goes on."""

    async def run() -> tuple[list[GaugeSample] | None, dict[str, str]]:
        async def sound(at_s: float) -> list[WatchSample]:
            return [GaugeSample(at_s=at_s, service="agent", name="hits", value=1.0)]

        watch = Watch({}, {"counters agent": sound, "counters backend": _break}, {}, 2.0)
        return await watch.read_counters(3.0), watch.warnings

    found, warnings = run_virtually(run())
    assert found is None
    (warning,) = warnings.values()
    assert warning.startswith("the reader 'counters backend' crashed after 3 s")


def test_a_bug_ends_a_single_reading() -> None:
    """`bench health` has no data to lose, and must not report success if a check did not run."""

    async def run() -> list[Probe]:
        return await Watch({"check backend": _break}, {}, {}, 2.0).probe_all()

    with pytest.raises(ZeroDivisionError):
        run_virtually(run())


def test_a_watch_ends_if_all_readers_crashed() -> None:
    """A monitor without a reader would wait for Ctrl-C, so the last bug ends it."""

    async def run() -> None:
        watch = Watch({"one": _break, "other": _break}, {}, {}, 2.0)
        watch.start(lambda: 0.0, lambda _: None)
        await asyncio.sleep(1.0)
        watch.check()

    with pytest.raises(ZeroDivisionError):
        run_virtually(run())


def test_a_bug_in_closing_does_not_fail_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All samples exist by then, so the error goes to stderr only."""
    close = AsyncMongoClient[dict[str, object]].close

    async def wrong(client: AsyncMongoClient[dict[str, object]]) -> None:
        await close(client)
        raise ZeroDivisionError

    monkeypatch.setattr(AsyncMongoClient, "close", wrong)
    check = {"kind": "mongodb", "uri": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50"}
    stack = Stack.model_validate({"name": "trial", "purpose": "A test.", "checks": {"store": check}})

    async def run() -> list[Probe]:
        async with open_watch(WatchedStack(RunningStack(stack, {}, {}))) as watch:
            return await watch.probe_all()

    assert [probe.up for probe in asyncio.run(run())] == [False]
    assert "'check store'" in caplog.text
    assert "ZeroDivisionError" in caplog.text
