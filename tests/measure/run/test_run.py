import asyncio
import os
import re
import secrets
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest
from pydantic import SecretStr

from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.stack import Stack
from bench.core.load.progress import Progress
from bench.core.run.origin import Provenance
from bench.core.run.result import differences
from bench.core.samples.metrics import RECOVERY, tier_key
from bench.core.samples.sample import GENERATOR, HOST, Outcome, StopCause
from bench.errors import ConfigError, StoreError, TargetError
from bench.measure.persistent import detached
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.run.provenance import fingerprint, git_user, new_run_id, provenance
from bench.measure.run.recorder import record
from bench.measure.run.run import measure, prepare
from bench.measure.run.subject import Subject
from bench.measure.run.token_renewal import Tokens
from bench.measure.stacks.health import wait_until_ready
from bench.measure.watch.resources import ResourceSampler
from bench.store import scenarios, stacks
from tests.factories import make_scenario, make_spec, make_target

SHORT = {"executor": "constant-vus", "vus": 3, "duration_s": 1.0, "think_time_s": (0.05, 0.1)}
PATIENCE_S = 900.0
PLAIN = Conditions(calibrated=False)
ELSEWHERE = {"backend": "http://127.0.0.1:1"}
_SECRET = secrets.token_hex(32)
TIER_TIMES = ("auth", "backend", "agent", "queue", "prefill", "decode")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JWT_SECRET", raising=False)


def _short(**changes: Any) -> RunSpec:
    """Return `quick` with a duration of one second."""
    spec = scenarios.load("quick")
    content = spec.scenario.model_dump(mode="json") | {"phases": [SHORT], "thresholds": {}} | changes
    return spec.model_copy(update={"scenario": Scenario.model_validate(content)})


def _fast(**model: str) -> Stack:
    """Return the embedded stack with a faster model and longer timeouts."""
    content = stacks.load("embedded").model_dump(mode="json")
    content["services"]["model"]["environment"] |= {"MODEL_DECODE_TPS": "20000", **model}
    for tier in ("agent", "backend"):
        content["services"][tier]["environment"] |= {"UPSTREAM_TIMEOUT_S": str(PATIENCE_S)}
    return Stack.model_validate(content)


@pytest.fixture(scope="module")
def stack_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the folder of an embedded stack that is up for all runs that do not change it."""
    folder = tmp_path_factory.mktemp("stack")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        detached.up(_fast(), SecretStr(_SECRET), {})
    yield folder
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        detached.down(_fast())


@pytest.fixture
def running_stack(stack_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """Return the stack that is up, and work in its folder with its secret."""
    monkeypatch.chdir(stack_folder)
    monkeypatch.setenv("JWT_SECRET", _SECRET)
    return _fast()


class Events:
    """Records the events of a run."""

    def __init__(self, on_progress: Callable[[Progress], None] = lambda _: None) -> None:
        self.progress: list[Progress] = []
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self._on_progress = on_progress

    def listener(self) -> Listener:
        """Return the listener that fills it."""
        return Listener(progress=self._add, note=self.notes.append, warning=self.warnings.append)

    def _add(self, progress: Progress) -> None:
        self.progress.append(progress)
        self._on_progress(progress)


def _children() -> set[int]:
    found = psutil.Process().children(recursive=True)
    return {child.pid for child in found if child.status() != psutil.STATUS_ZOMBIE}


def test_a_run_measures_the_stack_and_ends_it() -> None:
    """Every request succeeds, every tier and process has values, and no process remains."""
    before = _children()
    events = Events()
    result, recording = measure(_short(), _fast(), PLAIN, events.listener())
    assert result.summary.outcomes == {Outcome.OK: len(recording.samples)}
    assert len(recording.samples) >= 3
    assert {tier_key(name) for name in TIER_TIMES} <= result.summary.metrics.keys()
    watched = {"backend", "agent", "model", GENERATOR}
    assert result.summary.resources.keys() - {HOST} == watched
    assert result.stop is None
    assert result.provenance.injections == {}
    assert result.fingerprint.simulated
    loads = [each for each in events.progress if each.is_load]
    assert loads
    assert all(each.vus in {0, 3} for each in loads)
    assert all(each.in_flight in range(4) for each in loads)
    steps = [each.step for each in events.progress if not each.is_load]
    assert steps[:2] == ["stack start", "health checks"]
    assert events.progress.index(loads[0]) >= 2
    assert {sample.source for each in events.progress for sample in each.resources} <= {"host", *watched}
    assert not [warning for warning in events.warnings if "crashed" in warning]
    assert _children() == before


def test_repeated_messages_are_hits_of_a_cache(tmp_path: Path) -> None:
    """The hit ratio by the stack's counters is the share of repeated messages, since the cache has room."""
    path = tmp_path / "scenarios" / "repeats.yaml"
    path.parent.mkdir()
    path.write_text(
        "extends: quick\npurpose: Messages repeat.\nrepeat: {zipf: 1.0, distinct: 15}\n"
        "executor: per-vu-iterations\nvus: 3\niterations: 10\nthink_time: 0s\n"
    )
    content = _fast().model_dump(mode="json")
    content["services"]["backend"]["environment"] |= {"CACHE_TTL_S": "3600"}
    result, _ = measure(scenarios.load("repeats"), Stack.model_validate(content), PLAIN, Events().listener())
    repeats = result.summary.repeats
    assert repeats is not None
    assert repeats.requests == result.summary.requests == result.summary.ok == 30
    assert repeats.distinct <= 15
    assert repeats.hit_ratio == pytest.approx(repeats.repeated_ratio)
    assert result.summary.work["model_calls"] == pytest.approx(repeats.distinct / 30, abs=1e-6)
    assert not [warning for warning in result.warnings if "were not sent" in warning]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no processor affinity here")
def test_the_load_and_the_stack_can_have_separate_cores() -> None:
    """The result contains the cores of both."""
    core = min(os.sched_getaffinity(0))
    held = replace(PLAIN, cores=((core,), (core,)))
    result, _ = measure(_short(), _fast(), held, Events().listener())
    assert result.host is not None
    assert result.host.pinned == {"load generator": (core,), "stack": (core,)}
    assert result.host.cores == len(os.sched_getaffinity(0))


def test_tier_times_add_up_to_at_most_the_response_time(running_stack: Stack) -> None:
    """The times that the tiers claim for themselves add up to no more than a user waited.

    They may to more than the service time: the moment of sending is noted when the system has taken the
    bytes, and a busy machine may let the other end read them before it lets us look at the clock.
    """
    _, recording = measure(_short(), running_stack, PLAIN, Events().listener())
    for sample in recording.samples:
        rounding_ms = 0.005 * len(sample.tier_times)
        assert (
            sum(sample.tier_times.values()) <= 1000 * (sample.finished_s - sample.scheduled_s) + rounding_ms
        )


def test_an_injected_delay_appears_in_its_tier() -> None:
    """The tier's time contains the complete delay, and the result contains the injection."""
    injections = {"backend.delay_ms": 80.0}
    result, recording = measure(
        _short(), _fast(), Conditions(injections=injections, calibrated=False), Events().listener()
    )
    assert all(sample.tier_times["backend"] >= 79.0 for sample in recording.samples)
    assert result.provenance.injections == injections


def test_a_dead_service_stops_the_run() -> None:
    """The reason names the service, and the recording contains the requests so far."""
    before, killed = _children(), list[int]()

    def kill_model(progress: Progress) -> None:
        if progress.finished and not killed:
            services = [
                child for child in psutil.Process().children(recursive=True) if child.pid not in before
            ]
            model = next(child for child in services if "model" in child.cmdline())
            killed.append(model.pid)
            model.kill()

    phase = {**SHORT, "duration_s": 60.0}
    result, recording = measure(_short(phases=[phase]), _fast(), PLAIN, Events(kill_model).listener())
    assert result.stop is not None
    assert result.stop.cause is StopCause.TARGET
    assert result.stop.reason.startswith("service 'model' ended by signal SIGKILL")
    assert recording.samples
    assert not result.validity.valid


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_was_measured(number: signal.Signals, running_stack: Stack) -> None:
    """Ctrl-C and SIGTERM end the run early, with its requests so far."""

    def interrupt(progress: Progress) -> None:
        if progress.finished:
            os.kill(os.getpid(), number)

    phase = {**SHORT, "duration_s": 60.0}
    result, recording = measure(_short(phases=[phase]), running_stack, PLAIN, Events(interrupt).listener())
    assert result.stop is not None
    assert result.stop.cause is StopCause.INTERRUPT
    assert any(sample.outcome is Outcome.OK for sample in recording.samples)


def test_an_interrupt_while_the_stack_stops_keeps_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The load was complete, so the run is, too; it knows of the interruption."""

    @contextmanager
    def interrupted(*values: Any, **named: Any) -> Iterator[Subject]:
        with prepare(*values, **named) as subject:
            yield subject
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.measure.run.run.prepare", interrupted)
    result, recording = measure(_short(), _fast(), PLAIN, Listener())
    assert result.stop is None
    assert recording.is_interrupted
    assert result.summary.requests > 0


def test_a_crossed_threshold_aborts_the_run() -> None:
    """A threshold with `abort_on_fail` stops the run when it is crossed."""
    urgent = {"threshold": "rate>0.95", "abort_on_fail": True, "delay_abort_eval_s": 0}
    phase = {**SHORT, "duration_s": 60.0}
    spec = _short(phases=[phase], thresholds={"success_ratio": [urgent]})
    result, _ = measure(
        spec,
        _fast(),
        Conditions(injections={"model.error_ratio": 0.5}, calibrated=False),
        Events().listener(),
    )
    assert result.stop is not None
    assert result.stop.cause is StopCause.THRESHOLD
    assert result.summary.outcomes[Outcome.HTTP_ERROR] > 0
    assert not any("ended early" in reason for reason in result.validity.reasons)


def test_a_stack_that_is_up_stays_up(running_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run uses it with a note, and adds and removes test users only."""
    events = Events()
    result, _ = measure(_short(), running_stack, PLAIN, events.listener())
    assert result.summary.outcomes.keys() == {Outcome.OK}
    assert events.notes == ["using the stack 'embedded', which is already up"]
    assert detached.is_up(running_stack)
    slower = replace(PLAIN, injections={"model.slowdown": 2.0})
    with pytest.raises(ConfigError, match="is already up without it"):
        measure(_short(), running_stack, slower, events.listener())
    monkeypatch.setenv("JWT_SECRET", secrets.token_hex(32))
    with pytest.raises(TargetError, match="answered 401 Unauthorized"):
        measure(_short(), running_stack, PLAIN, events.listener())


def test_settings_that_do_not_fit_a_stack_are_refused() -> None:
    """A local stack takes no address; one that runs elsewhere needs its address and its secret."""
    events = Events().listener()
    with pytest.raises(ConfigError, match="--url: stack 'embedded' runs on this machine"):
        measure(_short(), _fast(), Conditions(urls={"backend": "http://127.0.0.1:1"}), events)
    with pytest.raises(ConfigError, match="stack 'external' runs elsewhere"):
        measure(_short(), stacks.load("external"), PLAIN, events)
    with pytest.raises(ConfigError, match="JWT_SECRET is not set"):
        measure(_short(), stacks.load("external"), Conditions(urls={"backend": "http://127.0.0.1:1"}), events)


def test_a_target_with_tokens_needs_declared_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the stack."""
    monkeypatch.setenv("JWT_SECRET", secrets.token_hex(32))
    with pytest.raises(ConfigError, match="stack 'open' declares no users"):
        measure(
            _short(),
            Stack(name="open", purpose="x"),
            Conditions(urls=ELSEWHERE, calibrated=False),
            Events().listener(),
        )


def test_tokens_are_renewed_during_the_load() -> None:
    """With a lifetime of 2 s, a run of 3 s uses new tokens, and no request fails."""
    minted: list[str] = []

    def mint(number: int) -> str:
        minted.append(f"user-{number}-token-{len(minted)}")
        return minted[-1]

    phase = {"executor": "constant-vus", "vus": 2, "duration_s": 3.0, "think_time_s": (0.05, 0.05)}
    _Json.tokens.clear()
    with _open_server() as url:
        spec = make_spec(make_scenario(phases=[phase]), path="/ask")
        subject = Subject([url], Tokens(mint=mint, count=2, lifetime_s=2.0))
        recording = record(spec, subject, lambda _: None)
    assert {sample.outcome for sample in recording.samples} == {Outcome.OK}
    assert len(minted) >= 4
    headers = [f"Bearer {token}" for token in minted]
    assert _Json.tokens <= {*headers}
    assert _Json.tokens - {*headers[:2]}, "every request has one of the first two tokens"


class _Json(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    tokens: ClassVar[set[str | None]] = set()

    def do_POST(self) -> None:
        self.tokens.add(self.headers["authorization"])
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def do_GET(self) -> None:
        body = b'{"data": {"message": "hello"}}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _open_server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Json)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_target_without_authentication_needs_no_token() -> None:
    """Its address is enough, and no process of it is read."""
    spec = make_spec(make_scenario(phases=[SHORT]), auth="none", path="/ask")
    with _open_server() as url:
        result, _ = measure(
            spec,
            Stack(name="mine", purpose="x"),
            Conditions(urls={"backend": url}, calibrated=False),
            Events().listener(),
        )
    assert result.summary.outcomes.keys() == {Outcome.OK}
    assert result.summary.resources.keys() - {HOST} == {GENERATOR}


def test_a_target_without_authentication_needs_no_user_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model server needs neither a secret nor the stack's database."""
    monkeypatch.delenv("MONGODB_URI", raising=False)
    spec = make_spec(make_scenario(phases=[SHORT]), auth="none", path="/ask", service="model")
    with _open_server() as url:
        conditions = Conditions(urls={"model": url}, calibrated=False)
        result, _ = measure(spec, stacks.load("external"), conditions, Events().listener())
    assert result.summary.outcomes.keys() == {Outcome.OK}


def test_only_the_target_with_authentication_gets_tokens() -> None:
    """This holds if the second target (`compare_with`) needs a token and the first does not."""
    compare_with = make_target(name="guarded", service="guarded", path="/ask")
    scenario = make_scenario(
        phases=[{"executor": "per-vu-iterations", "vus": 1, "iterations": 2}], compare_with="guarded"
    )
    spec = make_spec(scenario, auth="none", path="/ask").model_copy(update={"compare_with": compare_with})
    _Json.tokens.clear()
    with _open_server() as url:
        subject = Subject([url, url], Tokens(mint=lambda _: "mine", count=1, lifetime_s=60.0))
        record(spec, subject, lambda _: None)
        assert _Json.tokens == {None, "Bearer mine"}
        with pytest.raises(ConfigError, match="JWT_SECRET is not set"):
            measure(spec, stacks.load("external"), Conditions(urls=ELSEWHERE), Events().listener())


def test_an_invalid_address_is_refused_immediately() -> None:
    """The run does not wait for it to answer."""
    with pytest.raises(ConfigError, match="invalid URL"):
        measure(
            _short(), stacks.load("external"), Conditions(urls={"backend": "host:1"}), Events().listener()
        )


def test_recording_restores_the_signal_handler() -> None:
    """Ctrl-C has its previous effect, and no event loop remains."""
    before = signal.getsignal(signal.SIGINT)
    with _open_server() as url:
        record(make_spec(make_scenario(phases=[SHORT])), Subject([url]), lambda _: None)
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_the_error_after_the_ready_timeout_contains_the_last_answer() -> None:
    """Here this is a refused connection."""
    with pytest.raises(TargetError, match=r"was not ready within 0\.2 s: it gave no answer \(ConnectError"):
        wait_until_ready("http://127.0.0.1:1/health", {}, 0.2)


def test_a_dead_service_ends_the_wait() -> None:
    """The wait ends before its timeout."""
    with pytest.raises(TargetError, match="the model died"):
        wait_until_ready("http://127.0.0.1:1/health", {}, 600.0, lambda: "the model died")


def test_an_ended_process_has_no_samples() -> None:
    """Other processes are still sampled."""
    with psutil.Popen(["sleep", "600"]) as child:
        sampler = ResourceSampler({"child": child.pid, "never": 2**22 + 1}, [os.getpid()])
        sampler.sample(0.0)
        assert {sample.source for sample in sampler.sample(0.5)} == {"child", GENERATOR}
        child.kill()
    (generator,) = sampler.sample(1.0)
    assert generator.source == GENERATOR
    assert generator.memory_bytes is not None
    assert generator.memory_bytes > 1_000_000


def test_the_cpu_use_needs_an_interval() -> None:
    """The first reading has none, and a reading soon after another one would consist of rounding."""
    sampler = ResourceSampler({}, [os.getpid()])
    assert sampler.sample(0.0) == []
    assert sampler.sample(0.01) == []
    assert len(sampler.sample(0.5)) == 1


def test_a_run_has_a_provenance(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no commit outside a repository. Two run ids differ and contain the scenario."""
    made = provenance(new_run_id("quick"), {"model.slowdown": 1.3})
    assert (made.commit, made.dirty) == (None, None)
    assert made.injections == {"model.slowdown": 1.3}
    assert made.run_id != new_run_id("quick")
    assert made.run_id.split("-")[1] == "quick"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("LOGNAME", "tess")
    assert git_user() == "tess"


def test_files_of_bench_do_not_make_a_run_dirty() -> None:
    """Results, locks, baselines and histories do not count as changes; other files do."""
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "usual"]):
        Path("code.py").touch()
        named = ["-c", "user.name=Tess Ter", "-c", "user.email=tess@bench.invalid"]
        subprocess.run(["git", *named, *arguments], check=True)
    for folder in (".bench", "results", "baselines", "history"):
        Path(folder).mkdir()
        Path(folder, "file").touch()
    assert provenance(new_run_id("quick"), {}).dirty is False
    Path("code.py").write_text("changed = True")
    assert provenance(new_run_id("quick"), {}).dirty is True
    assert provenance(new_run_id("quick"), {}).describe_changes() == "code.py"


def test_a_run_names_its_first_files_with_uncommitted_changes() -> None:
    """Staged, changed and new ones, below the top of the repository, on one line each; then a number."""
    Path("a folder").mkdir()
    for name in ("a folder/gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n.py", "changed.py"):
        Path(name).touch()
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "usual"]):
        named = ["-c", "user.name=Tess Ter", "-c", "user.email=tess@bench.invalid"]
        subprocess.run(["git", *named, *arguments], check=True)
    assert provenance(new_run_id("quick"), {}).changed_files == ()
    for name in ("a folder/gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n.py", "changed.py"):
        Path(name).write_text("changed = True")
    for name in ("1 two\n.py", "staged.py", "z1", "z2", "z3"):
        Path(name).touch()
    subprocess.run(["git", "add", "staged.py"], check=True)
    made = provenance(new_run_id("quick"), {})
    tracked = {"a folder/gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n.py", "changed.py", "staged.py"}
    assert tracked <= {*made.changed_files}
    assert len(made.changed_files) == 5
    assert made.more_changed_files == 2
    assert all("\n" not in name for name in made.changed_files)
    assert Provenance.model_validate_json(made.model_dump_json()) == made


def test_the_fingerprint_changes_with_the_work_and_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load, messages, stack and address change it; purpose and thresholds do not."""
    spec, stack = _short(), _fast()
    original = fingerprint(spec, stack)
    assert fingerprint(_short(purpose="Else.", thresholds={"e2e_ms": ["avg<1"]}), stack) == original
    assert fingerprint(spec.with_objectives({"e2e_ms": 1.0}), stack) == original
    labelled = [prompt.model_copy(update={"message_class": "chat"}) for prompt in spec.prompts]
    assert fingerprint(spec.model_copy(update={"prompts": tuple(labelled)}), stack) == original
    assert fingerprint(_short(seed=1), stack).work_digest != original.work_digest
    repeats = [_short(repeat={"zipf": zipf, "distinct": 20}) for zipf in (1.0, 1.1)]
    assert len({fingerprint(repeated, stack).work_digest for repeated in (spec, *repeats)}) == 3
    retries = [_short(retry={"attempts": attempts}) for attempts in (2, 3)]
    assert len({fingerprint(retried, stack).work_digest for retried in (spec, *retries)}) == 3
    assert fingerprint(spec, _fast(MODEL_SEED="2")).stack_digest != original.stack_digest
    assert fingerprint(spec, stack, {"backend": "http://x"}).stack_digest != original.stack_digest
    monkeypatch.setenv("ImageOS", "ubuntu24")
    monkeypatch.setenv("ImageVersion", "20260101.1")
    on_runner = fingerprint(spec, stack)
    assert (on_runner.image, on_runner.system) == ("ubuntu24-20260101.1", original.system)
    assert differences(on_runner, original) == ()
    system = re.fullmatch(r"[a-z]+(-\d+)?-(x86_64|aarch64|arm64)", original.system)
    assert system is not None, original.system


def test_a_journal_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    """No test user is added."""
    (tmp_path / ".bench").write_text("a file stands here")
    with pytest.raises(StoreError, match="cannot write"):
        measure(_short(), _fast(), PLAIN, Events().listener())


@pytest.mark.parametrize(
    "name", ["timeout", "agent-quick", "agent-interception", "agent-comparison", "conversation", "cancel"]
)
def test_every_kind_of_scenario_runs_on_the_embedded_stack(name: str, running_stack: Stack) -> None:
    """This covers cases, conversations, fixtures, expectations and the agent's own answers."""
    spec = scenarios.load(name)
    patient = spec.scenario.model_copy(update={"request_timeout_s": PATIENCE_S})
    spec = spec.model_copy(update={"scenario": patient})
    result, recording = measure(spec, running_stack, PLAIN, Events().listener())
    right = {Outcome.OK, Outcome.CANCELLED} if name == "cancel" else {Outcome.OK}
    assert [sample for sample in recording.samples if sample.outcome not in right] == []
    assert not any(threshold.crossed for threshold in result.thresholds)


def test_a_slot_that_is_not_freed_crosses_the_recovery_threshold() -> None:
    """A model that continues cancelled answers delays the next requests.

    The requests run one after another and take seconds, so that a busy machine does not matter.
    """
    calm = {"executor": "per-vu-iterations", "vus": 1, "iterations": 3, "duration_s": 600}
    cancelled = calm | {"vus": 10, "iterations": 1, "cancel_ratio": 1.0, "cancel_after_s": (0.5, 1.0)}
    spec = scenarios.load("cancel")
    content = spec.scenario.model_dump(mode="json") | {"phases": [calm, cancelled, calm]}
    spec = spec.model_copy(update={"scenario": Scenario.model_validate(content)})
    result, _ = measure(
        spec,
        _fast(MODEL_DECODE_TPS="30", OLLAMA_NUM_PARALLEL="1"),
        Conditions(injections={"model.keeps_slots": 1.0}, calibrated=False),
        Events().listener(),
    )
    (recovered,) = [each for each in result.thresholds if each.metric == RECOVERY]
    assert recovered.crossed
    assert result.summary.recovery is not None
    assert result.summary.recovery.cancelled >= 5


def test_a_streamed_answer_has_a_first_token(running_stack: Stack) -> None:
    """With server-sent events, the result contains token metrics and tier times."""
    spec = scenarios.load("chat-stream")
    content = spec.scenario.model_dump(mode="json") | {"phases": [SHORT], "thresholds": {}}
    short = spec.model_copy(update={"scenario": Scenario.model_validate(content)})
    result, recording = measure(short, running_stack, PLAIN, Events().listener())
    assert result.summary.outcomes.keys() == {Outcome.OK}
    assert {"ttft_ms", "tpot_ms", "tokens", "tier.decode_ms"} <= result.summary.metrics.keys()
    assert all((sample.tokens or 0) >= 24 for sample in recording.samples)


def test_the_overhead_of_the_agent_is_measured_against_its_model() -> None:
    """Both get the same messages; the overhead is the difference, with its interval."""
    injections = {"agent.delay_ms": 30.0}
    result, recording = measure(
        scenarios.load("agent-comparison"),
        _fast(),
        Conditions(injections=injections, calibrated=False),
        Events().listener(),
    )
    found = result.summary.overhead
    assert found is not None
    assert found.pairs == 40
    assert len(recording.samples) == 80
    assert result.summary.requests == 40
    assert found.mean_ms >= 30.0
    assert found.low_ms is not None
    assert found.high_ms is not None
    assert found.low_ms <= found.mean_ms <= found.high_ms
