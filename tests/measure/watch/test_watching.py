import asyncio
import errno
import gc
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench.core.config.stack import Stack
from bench.core.samples.sample import HOST, GaugeSample, Probe, ResourceSample
from bench.errors import StoreError, TargetError
from bench.measure.stacks.running_stack import RunningStack
from bench.measure.watch.gauges import sum_series
from bench.measure.watch.monitor import monitor
from bench.measure.watch.resources import HostReader, add_traffic
from bench.measure.watch.watching import Watch, WatchedStack, WatchSample, open_watch, probe_once
from tests.eventually import eventually
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


def _stack(urls: dict[str, str], **declared: object) -> RunningStack:
    content = {"name": "trial", "purpose": "A test.", **declared}
    return RunningStack(Stack.model_validate(content), {}, urls)


def _http(**changes: object) -> dict[str, object]:
    return {"kind": "http", "service": "backend", "path": "/health", **changes}


def _probe(
    running: RunningStack, token: Callable[[], str] | None = None
) -> tuple[dict[str, Probe], dict[str, str]]:
    probes, skipped = asyncio.run(probe_once(WatchedStack(running, token)))
    return {probe.check: probe for probe in probes}, skipped


def test_checks_run_as_declared() -> None:
    """The declared status means up, with the time of the answer; another one means down, with its text."""

    async def ask() -> tuple[list[Probe], dict[str, str], list[str]]:
        async with server([response(b"{}")]) as (good, seen), server([response(b"no", "503 No")]) as (bad, _):
            checks = {
                "plain": _http(),
                "user": _http(path="/me", auth="bearer"),
                "bad": _http(service="agent"),
                "odd": _http(service="agent", status=503),
            }
            live = _stack({"backend": good, "agent": bad}, checks=checks)
            found, skipped = await probe_once(WatchedStack(live, lambda: "a-token"))
            return found, skipped, seen.heads

    probes, skipped, heads = asyncio.run(ask())
    assert {probe.check: probe.detail for probe in probes} == {
        "plain": None, "user": None, "bad": "503 no", "odd": None,
    }  # fmt: skip
    assert all((probe.took_ms is not None) == probe.up for probe in probes)
    assert skipped == {}
    assert {head.split()[1]: "Bearer a-token" in head for head in heads} == {"/health": False, "/me": True}


@pytest.mark.parametrize("check", [_http(), {"kind": "tcp", "service": "backend"}], ids=["http", "tcp"])
def test_a_check_that_this_machine_cannot_send_is_no_outage(
    monkeypatch: pytest.MonkeyPatch, check: dict[str, object]
) -> None:
    """The service may be up, so the watch has a warning and no probe."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async def run() -> tuple[list[WatchSample], list[str]]:
        samples: list[WatchSample] = []
        running = _stack({"backend": "http://127.0.0.1:1"}, checks={"up": check})
        async with open_watch(WatchedStack(running)) as watch:
            with monkeypatch.context() as patch:
                patch.setattr(asyncio.get_running_loop(), "create_connection", refuse)
                watch.start(lambda: 0.0, samples.append)
                await asyncio.to_thread(eventually, lambda: bool(watch.warnings))
            return samples, [*watch.warnings.values()]

    samples, warnings = asyncio.run(run())
    assert not [sample for sample in samples if isinstance(sample, Probe)]
    assert [text for text in warnings if "a health check was not sent: Too many open files" in text]


def test_a_check_that_cannot_run_has_a_reason() -> None:
    """Without an address, a test user or a variable, a check is skipped and is not down."""
    checks = {
        "model": _http(service="model"),
        "chat": _http(auth="bearer"),
        "mongodb": {"kind": "mongodb", "uri": "${env.NOWHERE_URI}"},
    }
    probes, skipped = _probe(_stack({"backend": "http://127.0.0.1:1"}, checks=checks))
    assert {*probes} == {"backend"}  # its port, because no check names it
    assert skipped["model"] == "its address is not known: --url model=http://…"
    assert skipped["chat"] == "it needs a test user: the stack has none"
    assert skipped["mongodb"] == "checks.mongodb.uri: ${env.NOWHERE_URI} has no value"


def test_a_closed_port_is_down() -> None:
    """A refused connection is down for HTTP and TCP checks; an open port is up."""

    async def ask() -> list[Probe]:
        async with server([response(b"")]) as (good, _):
            checks = {
                "http": _http(),
                "tcp": {"kind": "tcp", "service": "backend"},
                "open": {"kind": "tcp", "service": "agent"},
            }
            live = _stack({"backend": "http://127.0.0.1:1", "agent": good}, checks=checks)
            return (await probe_once(WatchedStack(live)))[0]

    found = {probe.check: probe for probe in asyncio.run(ask())}
    assert {name: probe.up for name, probe in found.items()} == {"http": False, "tcp": False, "open": True}
    assert (found["http"].detail or "").startswith("ConnectError")
    assert found["tcp"].detail


def test_a_mongodb_that_refuses_is_down() -> None:
    """The detail is the type of the error, without the address, which may contain a password."""
    password = secrets.token_hex(8)
    uri = f"mongodb://user:{password}@127.0.0.1:1/?serverSelectionTimeoutMS=50"
    probes, _ = _probe(_stack({}, checks={"mongodb": {"kind": "mongodb", "uri": uri}}))
    assert not probes["mongodb"].up
    assert password not in (probes["mongodb"].detail or "")


@pytest.mark.parametrize("address", ["@127.0.0.1:1/", ":x@127.0.0.1/", "@127.0.0.1:x/"])
def test_a_check_with_an_invalid_address_is_skipped(address: str) -> None:
    """A password that is not encoded raises no exception, and the reason does not contain it."""
    password = secrets.token_hex(8)
    uri = f"mongodb://user:{password}@{password}{address}"
    probes, skipped = _probe(_stack({}, checks={"mongodb": {"kind": "mongodb", "uri": uri}}))
    assert probes == {}
    assert skipped["mongodb"].startswith("checks.mongodb.uri is not a valid address")
    assert password not in skipped["mongodb"]


def test_series_are_summed_by_name() -> None:
    """Series with labels are summed; a longer name is another series; NaN has no value."""
    assert sum_series(TEXT.decode(), {"waiting", "hits_total", "odd", "none"}) == {
        "waiting": 7.0,
        "hits_total": 12.0,
    }


def test_series_are_summed_by_labels() -> None:
    """Only series with the named labels count, summed over the other labels."""
    assert sum_series(TEXT.decode(), {'waiting{slot="a"}', 'waiting{slot="c"}', "waiting"}) == {
        'waiting{slot="a"}': 3.0,
        "waiting": 7.0,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  waiting 4\n\twaiting 1\n", 5.0),
        ("waiting 4\r\nother 1\r\n", 4.0),
        ("\ufeffwaiting 4\n", 4.0),
        ('waiting{model="/data/m odel}x"} 4\n', 4.0),
        (
            'waiting{model="a\u2028b"} 1\nwaiting{model="a\x85b"} 1\nwaiting{model="a\x0bb\x0cc\x1cd"} 2\n',
            4.0,
        ),
        ('waiting{model="a\\"b\\n\\\\",} 4\n', 4.0),
        ("waiting{} 4\nwaiting_created 1.7e9\n", 4.0),
        ("waiting 4 1395066363000\n", 4.0),
        ('# TYPE waiting counter\nwaiting 4 1520879607.789 # {trace_id="x"} 0.67\n# EOF\n', 4.0),
        ('waiting{le="0.01"} 4 # {id="x"} 0.002\n', 4.0),
        ('{"my.metric",a="b"} 2\nwaiting 4\nbroken line {\n', 4.0),
        ("waiting NaN\nwaiting +Inf\nwaiting 4\n", 4.0),
        ("waiting NaN\n", None),
        ("waiting 4\x85hits_total 5\n", None),
        ("waiting 0x10\nwaiting 4\n", None),
        ("<html>waiting</html>", None),
    ],
)
def test_odd_texts_have_the_value_of_the_format(text: str, expected: float | None) -> None:
    """Only a line feed ends a line, and an unreadable line takes the value of its own series only."""
    assert sum_series(text.removeprefix("\ufeff"), {"waiting"}).get("waiting") == expected
    values, _ = _read_gauge(text.encode())
    assert values == ([] if expected is None else [expected])


def test_lines_are_read_like_a_whole_text() -> None:
    """The values are those of the maintained parser, which reads the whole text."""
    text = TEXT.decode() + 'waiting{slot="x y"} 2 7\n# TYPE waiting gauge\nwaiting{slot="}"} 3 # {a="b"} 1\n'
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples if sample.name == "waiting"]
    assert sum_series(text, {"waiting"}) == {"waiting": sum(sample.value for sample in samples)}


def _read_gauge(text: bytes) -> tuple[list[float], dict[str, str]]:
    """Read the gauge `waiting` of a service once; return its values and the warnings."""

    async def run() -> tuple[list[float], dict[str, str]]:
        async with server([response(text)]) as (url, _):
            live = _stack({"backend": url}, gauges={"backend": {"read": {"queue_depth": "waiting"}}})
            async with open_watch(WatchedStack(live)) as watch:
                samples = await watch.readers["gauges backend"](0.0)
                return [sample.value for sample in samples if isinstance(sample, GaugeSample)], watch.warnings

    return asyncio.run(run())


def _watch(
    live: RunningStack, enough: Callable[[list[WatchSample]], bool]
) -> tuple[list[WatchSample], dict[str, str]]:
    """Return the samples up to the moment when `enough` is true, and the warnings."""

    async def run() -> tuple[list[WatchSample], dict[str, str]]:
        seen: list[WatchSample] = []
        done = asyncio.Event()

        def on_sample(sample: WatchSample) -> None:
            seen.append(sample)
            if enough(seen):
                done.set()

        async with open_watch(WatchedStack(live), 0.05) as watch:
            watch.start(asyncio.get_running_loop().time, on_sample)
            await done.wait()
            return seen, watch.warnings

    return asyncio.run(run())


def test_everything_that_a_stack_declares_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers, the host, checks and gauges are read repeatedly, each by its own reader."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'docker.sock'}")
    container = FakeContainer()

    async def run() -> list[WatchSample]:
        seen: list[WatchSample] = []
        done = asyncio.Event()

        def on_sample(sample: WatchSample) -> None:
            container.pass_time(1, cpu_s=0.5)
            seen.append(sample)
            sources = {(type(sample), getattr(sample, "source", None)) for sample in seen}
            if len(sources) == 4:
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
                watch.start(asyncio.get_running_loop().time, on_sample)
                await done.wait()
            assert watch.warnings == {}
        return seen

    seen = asyncio.run(run())
    assert {sample.source for sample in seen if isinstance(sample, ResourceSample)} == {"model", HOST}
    assert {sample.check for sample in seen if isinstance(sample, Probe)} == {"backend", "model (container)"}
    assert {(sample.name, sample.value) for sample in seen if isinstance(sample, GaugeSample)} == {
        ("queue_depth", 7.0)
    }


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (response(b"", "404 Not Found"), "HTTPStatusError"),
        (response(b"waiting x{ y"), "the line 'waiting x{ y' is not in Prometheus format"),
    ],
)
def test_unreadable_gauges_give_one_warning(answer: bytes, reason: str) -> None:
    """The warning appears once, and the other readers go on."""

    async def run() -> dict[str, str]:
        done = asyncio.Event()
        async with server([answer]) as (url, seen):
            live = _stack({"backend": url}, gauges={"backend": {"read": {"queue_depth": "waiting"}}})
            async with open_watch(WatchedStack(live), 0.02) as watch:
                watch.start(
                    lambda: float(len(seen.heads)), lambda _: done.set() if len(seen.heads) > 2 else None
                )
                await done.wait()
            return watch.warnings

    warnings = asyncio.run(run())
    assert [*warnings] == ["gauges backend"]
    assert reason in warnings["gauges backend"]


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("unix:///nowhere/docker.sock", "the socket does not exist"),
        ("ssh://me@far/run/docker.sock", "a socket path is not supported over ssh; run ssh -nNT -L"),
    ],
)
def test_an_engine_that_cannot_be_used_gives_a_warning(
    monkeypatch: pytest.MonkeyPatch, host: str, reason: str
) -> None:
    """Containers are not read; the warning appears once with a hint, and the host is still read."""
    monkeypatch.setenv("DOCKER_HOST", host)
    stack = Stack(name="trial", purpose="A test.")
    live = RunningStack(stack, {}, {}, containers={"model": "abc"})
    seen, warnings = _watch(live, lambda seen: len(seen) > 2)
    assert {type(sample) for sample in seen} == {ResourceSample}
    assert [*warnings] == ["containers"]
    assert reason in warnings["containers"]


def test_a_slow_reader_does_not_delay_others() -> None:
    """A reading of three intervals skips two of its own readings and does not catch up."""

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


def test_a_monitor_ends_if_its_samples_cannot_be_written() -> None:
    """A full disk ends it; it does not go on until Ctrl-C without writing."""

    def full(_: WatchSample) -> None:
        raise StoreError("cannot write seen.jsonl: No space left on device")

    ticks: list[float] = []
    with pytest.raises(StoreError, match="No space left"):
        monitor(None, 0.05, 20.0, full, lambda elapsed_s, _: ticks.append(elapsed_s))
    assert max(ticks, default=0.0) < 15.0


def test_connections_are_closed_after_a_bug() -> None:
    """A bug leaves no connection of another reader open; pymongo would warn."""

    async def run() -> None:
        def wrong(_: WatchSample) -> None:
            failed.set()
            raise ZeroDivisionError

        failed = asyncio.Event()
        check = {"kind": "mongodb", "uri": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50"}
        async with open_watch(WatchedStack(_stack({}, checks={"m": check})), 0.05) as watch:
            watch.start(asyncio.get_running_loop().time, wrong)
            await failed.wait()

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run())
    gc.collect()


def test_the_host_is_read() -> None:
    """CPU use is at most 100 % of all cores, and memory in use is at most the total."""
    reader = HostReader()
    samples: list[ResourceSample] = []
    while not samples:
        samples = reader.sample(1.0)
    (host,) = samples
    assert host.source == HOST
    assert 0.0 <= host.cpu_pct <= 100.0
    assert host.memory_limit_bytes is not None
    assert host.memory_bytes is not None
    assert 0 < host.memory_bytes < host.memory_limit_bytes


def test_traffic_of_a_removed_network_device_still_counts() -> None:
    """Its bytes remain in the total, and a new device counts from 0."""
    up = {"eth0": (1000, 100), "veth1": (500, 50)}
    assert add_traffic((0, 0), {}, up) == (1500, 150)
    gone = {"eth0": (1010, 102)}
    assert add_traffic((1500, 150), up, gone) == (1510, 152)
    assert add_traffic((1510, 152), gone, {"eth0": (1010, 102), "veth2": (7, 3)}) == (1517, 155)
    assert add_traffic((1510, 152), {"veth1": (500, 50)}, {"veth1": (2, 1)}) == (1512, 153)
