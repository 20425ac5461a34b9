import asyncio
import gc
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.core.config.stack import Stack
from bench.core.samples.sample import HOST, GaugeSample, Probe, ResourceSample
from bench.errors import StoreError, TargetError
from bench.measure.stacks.running_stack import RunningStack
from bench.measure.watch.gauges import sum_series
from bench.measure.watch.monitor import monitor
from bench.measure.watch.resources import HostReader, add_traffic
from bench.measure.watch.watching import Watch, WatchedStack, WatchSample, open_watch, probe_once
from tests.measure.fake_engine import FakeContainer, engine
from tests.measure.loopback import response, server
from tests.virtual_time import run_virtually

TEXT = b"""# HELP waiting Requests that wait.
# TYPE waiting gauge
waiting{slot="a"} 3.0
waiting{slot="b"} 4.0
waiting_longest 77.0
hits_total 12.0
odd NaN
"""


def _live(urls: dict[str, str], **declared: object) -> RunningStack:
    content = {"name": "trial", "purpose": "A test.", **declared}
    return RunningStack(Stack.model_validate(content), {}, urls)


def _http(**changes: object) -> dict[str, object]:
    return {"kind": "http", "service": "backend", "path": "/health", **changes}


def _asked(
    live: RunningStack, token: Callable[[], str] | None = None
) -> tuple[dict[str, Probe], dict[str, str]]:
    probes, left_out = asyncio.run(probe_once(WatchedStack(live, token)))
    return {probe.check: probe for probe in probes}, left_out


def test_checks_are_asked_as_they_are_declared() -> None:
    """The status that is right makes it up, with its time; another one makes it down, with what was said."""

    async def ask() -> tuple[list[Probe], dict[str, str], list[str]]:
        async with server([response(b"{}")]) as (good, seen), server([response(b"no", "503 No")]) as (bad, _):
            checks = {
                "plain": _http(),
                "user": _http(path="/me", auth="bearer"),
                "bad": _http(service="agent"),
                "odd": _http(service="agent", status=503),
            }
            live = _live({"backend": good, "agent": bad}, checks=checks)
            found, left_out = await probe_once(WatchedStack(live, lambda: "a-token"))
            return found, left_out, seen.heads

    probes, left_out, heads = asyncio.run(ask())
    assert {probe.check: probe.detail for probe in probes} == {
        "plain": None, "user": None, "bad": "503 no", "odd": None,
    }  # fmt: skip
    assert all((probe.took_ms is not None) == probe.up for probe in probes)
    assert left_out == {}
    assert {head.split()[1]: "Bearer a-token" in head for head in heads} == {"/health": False, "/me": True}


def test_what_cannot_be_asked_is_left_out_with_a_reason() -> None:
    """Without an address, a test user or a variable a check is not down: it is not asked."""
    checks = {
        "model": _http(service="model"),
        "chat": _http(auth="bearer"),
        "mongodb": {"kind": "mongodb", "uri": "${env.NOWHERE_URI}"},
    }
    probes, left_out = _asked(_live({"backend": "http://127.0.0.1:1"}, checks=checks))
    assert probes == {}
    assert left_out["model"] == "its address is not known: --url model=http://…"
    assert left_out["chat"] == "it needs a test user: the stack has none"
    assert left_out["mongodb"] == "checks.mongodb.uri: ${env.NOWHERE_URI} has no value"


def test_what_nobody_listens_on_is_down() -> None:
    """A refused connection is down by HTTP and by TCP, an open port is up, and nothing is thrown."""

    async def ask() -> list[Probe]:
        async with server([response(b"")]) as (good, _):
            checks = {
                "http": _http(),
                "tcp": {"kind": "tcp", "service": "backend"},
                "open": {"kind": "tcp", "service": "agent"},
            }
            live = _live({"backend": "http://127.0.0.1:1", "agent": good}, checks=checks)
            return (await probe_once(WatchedStack(live)))[0]

    found = {probe.check: probe for probe in asyncio.run(ask())}
    assert {name: probe.up for name, probe in found.items()} == {"http": False, "tcp": False, "open": True}
    assert (found["http"].detail or "").startswith("ConnectError")
    assert found["tcp"].detail


def test_a_mongodb_that_is_not_there_is_down() -> None:
    """A refused ping is told by its kind, without the address, which may hold a password."""
    password = secrets.token_hex(8)
    uri = f"mongodb://user:{password}@127.0.0.1:1/?serverSelectionTimeoutMS=50"
    probes, _ = _asked(_live({}, checks={"mongodb": {"kind": "mongodb", "uri": uri}}))
    assert not probes["mongodb"].up
    assert password not in (probes["mongodb"].detail or "")


@pytest.mark.parametrize("address", ["@127.0.0.1:1/", ":x@127.0.0.1/", "@127.0.0.1:x/"])
def test_an_address_that_is_none_is_left_out_without_its_password(address: str) -> None:
    """A password with characters that an address must have encoded ends nothing, and is not told."""
    password = secrets.token_hex(8)
    uri = f"mongodb://user:{password}@{password}{address}"
    probes, left_out = _asked(_live({}, checks={"mongodb": {"kind": "mongodb", "uri": uri}}))
    assert probes == {}
    assert left_out["mongodb"].startswith("checks.mongodb.uri is not a valid address")
    assert password not in left_out["mongodb"]


def test_gauges_are_read_by_their_series() -> None:
    """A series with labels is added up, one of a longer name is another, what is no number is left out."""
    assert sum_series(TEXT.decode(), {"waiting", "hits_total", "odd", "none"}) == {
        "waiting": 7.0,
        "hits_total": 12.0,
    }


def test_a_series_is_read_by_its_labels() -> None:
    """Only what has the labels is added up, over those that are not named."""
    assert sum_series(TEXT.decode(), {'waiting{slot="a"}', 'waiting{slot="c"}', "waiting"}) == {
        'waiting{slot="a"}': 3.0,
        "waiting": 7.0,
    }


def _watch(
    live: RunningStack, enough: Callable[[list[WatchSample]], bool]
) -> tuple[list[WatchSample], dict[str, str]]:
    """What is seen until it is enough."""

    async def run() -> tuple[list[WatchSample], dict[str, str]]:
        seen: list[WatchSample] = []
        done = asyncio.Event()

        def find(each: WatchSample) -> None:
            seen.append(each)
            if enough(seen):
                done.set()

        async with open_watch(WatchedStack(live), 0.05) as watch:
            watch.start(asyncio.get_running_loop().time, find)
            await done.wait()
            return seen, watch.warnings

    return asyncio.run(run())


def test_a_stack_is_watched_with_all_that_it_declares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers, the machine, checks and gauges are read again and again, each by its own."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'docker.sock'}")
    container = FakeContainer()

    async def run() -> list[WatchSample]:
        seen: list[WatchSample] = []
        done = asyncio.Event()

        def find(each: WatchSample) -> None:
            container.pass_time(1, cpu_s=0.5)
            seen.append(each)
            kinds = {(type(one), getattr(one, "source", None)) for one in seen}
            if len(kinds) == 4:
                done.set()

        async with server([response(TEXT)]) as (url, _), engine(tmp_path / "docker.sock", {"abc": container}):
            live = RunningStack(
                Stack.model_validate(
                    {
                        "name": "trial",
                        "purpose": "A test.",
                        "checks": {"backend": _http()},
                        "gauges": {
                            "backend": {"read": {"queue_depth": "waiting"}},
                            "elsewhere": {"read": {"x": "y"}},
                        },
                    }
                ),
                {},
                {"backend": url},
                containers={"model": "abc"},
            )
            async with open_watch(WatchedStack(live), 0.05) as watch:
                watch.start(asyncio.get_running_loop().time, find)
                await done.wait()
            assert watch.warnings == {}
        return seen

    seen = asyncio.run(run())
    assert {each.source for each in seen if isinstance(each, ResourceSample)} == {"model", HOST}
    assert {each.check for each in seen if isinstance(each, Probe)} == {"backend", "model (container)"}
    assert {(each.name, each.value) for each in seen if isinstance(each, GaugeSample)} == {
        ("queue_depth", 7.0)
    }


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (response(b"", "404 Not Found"), "HTTPStatusError"),
        (response(b"waiting x{ y"), "not in Prometheus format"),
    ],
)
def test_gauges_that_cannot_be_read_are_told_once(answer: bytes, said: str) -> None:
    """A service without such a text costs one warning, and the rest is watched."""

    async def run() -> dict[str, str]:
        done = asyncio.Event()
        async with server([answer]) as (url, seen):
            live = _live({"backend": url}, gauges={"backend": {"read": {"queue_depth": "waiting"}}})
            async with open_watch(WatchedStack(live), 0.02) as watch:
                watch.start(
                    lambda: float(len(seen.heads)), lambda _: done.set() if len(seen.heads) > 2 else None
                )
                await done.wait()
            return watch.warnings

    warnings = asyncio.run(run())
    assert [*warnings] == ["gauges backend"]
    assert said in warnings["gauges backend"]


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("unix:///nowhere/docker.sock", "the socket does not exist"),
        ("ssh://me@far/run/docker.sock", "a socket path is not supported over ssh; run ssh -nNT -L"),
    ],
)
def test_an_engine_that_is_not_asked_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, host: str, said: str
) -> None:
    """Containers are not seen then; that is said once, with what to do, and the machine is still read."""
    monkeypatch.setenv("DOCKER_HOST", host)
    stack = Stack(name="trial", purpose="A test.")
    live = RunningStack(stack, {}, {}, containers={"model": "abc"})
    seen, warnings = _watch(live, lambda seen: len(seen) > 2)
    assert {type(each) for each in seen} == {ResourceSample}
    assert [*warnings] == ["containers"]
    assert said in warnings["containers"]


def test_a_slow_reader_delays_nobody_else() -> None:
    """Each reads in its own time; one that takes three intervals misses two of them and does not catch up."""

    async def run() -> dict[str, list[float]]:
        loop = asyncio.get_running_loop()
        began: dict[str, list[float]] = {"quick": [], "slow": []}

        async def quick(at_s: float) -> list[WatchSample]:
            began["quick"].append(at_s)
            return []

        async def slow(at_s: float) -> list[WatchSample]:
            began["slow"].append(at_s)
            await asyncio.sleep(5.0)
            raise TargetError(f"gave up at {at_s:g}")

        watch = Watch({"quick": quick, "slow": slow}, {}, {}, 2.0)
        watch.start(loop.time, lambda _: None)
        await asyncio.sleep(12.5)
        await watch.stop()
        assert watch.warnings == {"slow": "gave up at 0"}
        return began

    began = run_virtually(run())
    assert began == {"quick": [0, 2, 4, 6, 8, 10, 12], "slow": [0, 6, 12]}


def test_a_monitor_ends_when_nobody_takes_what_it_finds() -> None:
    """A full disk, or a reader of the pipe that has gone: it does not go on until Ctrl-C, writing nothing."""

    def full(_: WatchSample) -> None:
        raise StoreError("cannot write seen.jsonl: No space left on device")

    ticks: list[float] = []
    with pytest.raises(StoreError, match="No space left"):
        monitor(None, 0.05, 20.0, full, lambda elapsed_s, _: ticks.append(elapsed_s))
    assert max(ticks, default=0.0) < 15.0


def test_what_was_opened_is_closed_when_a_reader_failed() -> None:
    """A fault in one reader leaves no connection of another one open: pymongo would complain of it."""

    async def run() -> None:
        def wrong(_: WatchSample) -> None:
            failed.set()
            raise ZeroDivisionError

        failed = asyncio.Event()
        check = {"kind": "mongodb", "uri": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50"}
        async with open_watch(WatchedStack(_live({}, checks={"m": check})), 0.05) as watch:
            watch.start(asyncio.get_running_loop().time, wrong)
            await failed.wait()

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run())
    gc.collect()


def test_the_machine_is_read() -> None:
    """All cores together never use more than all, and memory in use is a part of what there is."""
    reader = HostReader()
    samples: list[ResourceSample] = []
    while not samples:
        samples = reader.sample(1.0)
    (host,) = samples
    assert host.source == HOST
    assert 0.0 <= host.cpu_pct <= 100.0
    assert host.memory_limit_bytes is not None
    assert 0 < host.memory_bytes < host.memory_limit_bytes


def test_a_network_device_that_goes_takes_nothing_back() -> None:
    """What went through it stays counted, and a new one is counted from nothing on."""
    up = {"eth0": (1000, 100), "veth1": (500, 50)}
    assert add_traffic((0, 0), {}, up) == (1500, 150)
    gone = {"eth0": (1010, 102)}
    assert add_traffic((1500, 150), up, gone) == (1510, 152)
    assert add_traffic((1510, 152), gone, {"eth0": (1010, 102), "veth2": (7, 3)}) == (1517, 155)
    assert add_traffic((1510, 152), {"veth1": (500, 50)}, {"veth1": (2, 1)}) == (1512, 153)
