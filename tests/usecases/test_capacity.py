"""`bench capacity` against a real service whose safe load is known."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import bench
from bench.core.capacity.load_trial import SearchEnd
from bench.core.run import excluded_trials
from bench.core.run.recording import Recording
from bench.core.run.run_start import RunStart
from bench.errors import ConfigError, MeasurementError, TargetError
from bench.measure.run.conditions import Listener
from bench.measure.run.run import prepare_on
from bench.measure.run.subject import Subject
from bench.store import results
from bench.store.sample_files import read_start, write_start
from bench.usecases.recover import recover
from bench.usecases.search_options import SearchOptions

PLACES = 3
"""The service refuses a request while it answers this number."""
SUCCESS = ["success_ratio rate>0.9"]
SHORT_TRIALS = {"SHORTEST_S": 0.5, "SHORTEST_WARM_UP_S": 0.5, "FIRST_TRIALS_S": 2.0, "LATER_TRIALS_S": 2.0}
BRIEF = SearchOptions(lowest=1, highest=8, budget="8s")


class _Counted(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    active = 0
    is_down = False
    lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Counted

    def do_POST(self) -> None:
        """Answer after a short time, or refuse at once if all places are taken."""
        if self.server.is_down:
            self.close_connection = True
            return
        self.rfile.read(int(self.headers["content-length"]))
        with self.server.lock:
            self.server.active += 1
            is_refused = self.server.active > PLACES
        time.sleep(0.02)
        body = json.dumps({"message": "an answer"}).encode()
        with self.server.lock:
            self.server.active -= 1
        self.send_response(503 if is_refused else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def service() -> Iterator[_Counted]:
    """The service."""
    with _Counted(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def url(service: _Counted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its address, with short warm-ups, and without the judgement of the load generator of a busy machine."""
    monkeypatch.chdir(tmp_path)
    for name, value_s in SHORT_TRIALS.items():
        monkeypatch.setattr(f"bench.core.capacity.trial_length.{name}", value_s)
    monkeypatch.setattr(excluded_trials, "find_generator_limit", lambda *_: None)
    monkeypatch.setattr(excluded_trials, "find_disturbance", lambda *_: None)
    return f"http://127.0.0.1:{service.server_address[1]}/chat"


def search(url: str, listener: Listener = Listener(), **options: Any) -> bench.JudgedRun:
    """Search without calibration."""
    given = {"search": BRIEF, "thresholds": SUCCESS, "vus": 2, "calibration": False, **options}
    return bench.capacity(url, body='{"message": "${message}"}', text="message", listener=listener, **given)


def test_a_search_finds_the_places_of_a_service(url: str) -> None:
    """Loads up to the places of the service are met, so the answer is not far below or above them.

    The search is an ordinary run: its files are read, exported and reported again, with a run for each trial.
    """
    notes: list[str] = []
    judged = search(url, Listener(note=notes.append))
    result = judged.report.result
    capacity = result.capacity
    assert capacity is not None
    assert capacity.safe_load is not None
    assert capacity.safe_load.low <= PLACES + 1
    assert capacity.unit == "users"
    assert capacity.objectives == ("success ≥ 90 %",)
    assert result.thresholds == ()
    assert result.scenario.vus == max(trial.load for trial in capacity.trials)
    assert result.summary.requests >= sum(trial.counts[0].requests for trial in capacity.trials)
    assert [*map(len, (result.scenario.phases, capacity.trials))] == [len(capacity.trials)] * 2
    stored = bench.compare(judged.folder)
    assert stored.report.result.capacity == capacity
    assert bench.report(judged.folder).startswith(("Carries", "No safe load"))
    assert "<svg" in bench.report(judged.folder, "html")
    assert len("".join(bench.export(judged.folder, "csv")).splitlines()) > result.summary.requests
    for trial in capacity.trials:
        of_trial = results.load(judged.folder / str(trial.run))
        assert of_trial.scenario.vus == trial.load
        assert of_trial.capacity is None
    assert any(re.match(r"trial 1: 2 users; .*at most", note) for note in notes)


def test_a_search_starts_with_the_newest_answer(url: str) -> None:
    """The next search of the same objectives starts there, says so, and ignores it with `cold`."""
    first = search(url).report.result.capacity
    assert first is not None
    assert first.safe_load is not None
    notes: list[str] = []
    again = search(url, Listener(note=notes.append), search={**BRIEF, "budget": "2s"}).report.result.capacity
    assert again is not None
    assert again.trials[0].load == first.safe_load.load
    assert any("the search starts at" in note and "--cold" in note for note in notes)
    cold = search(url, cold=True, search={**BRIEF, "budget": "2s"}).report.result.capacity
    assert cold is not None
    assert cold.trials[0].load == 2


def test_a_slow_load_generator_makes_no_answer_of_the_stack(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial that the load generator limits does not count, and after two of them the search ends."""
    reasons: list[str] = []
    monkeypatch.setattr(excluded_trials, "find_generator_limit", lambda *_: next(iter(reasons), None))

    def limit_from_now_on(note: str) -> None:
        if note.startswith("trial 1:") and "at most" not in note:
            reasons.append("it was busy")

    patient = {**BRIEF, "budget": "10m"}
    result = search(url, Listener(note=limit_from_now_on), search=patient).report.result
    capacity = result.capacity
    assert capacity is not None
    assert len(capacity.trials) == 1
    assert capacity.ended is SearchEnd.LOAD_GENERATOR
    assert capacity.safe_load is None or capacity.safe_load.high is None
    assert any("load generator is the limit" in warning for warning in result.warnings)
    with pytest.raises(MeasurementError, match="it was busy"):
        search(url, search=patient, cold=True)


def test_a_smaller_load_follows_one_that_the_load_generator_cannot_send(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load generator that is too slow for the first load still measures the loads that it can send."""

    def limit(recording: Recording, _: object) -> str | None:
        return "it was busy" if len({*recording.samples.column("vu").tolist()}) > 2 else None

    monkeypatch.setattr(excluded_trials, "find_generator_limit", limit)
    notes: list[str] = []
    result = search(url, Listener(note=notes.append), vus=4, search={**BRIEF, "budget": "10m"}).report.result
    capacity = result.capacity
    assert capacity is not None
    assert capacity.ended is SearchEnd.LOAD_GENERATOR
    assert max(trial.load for trial in capacity.trials) <= 2
    assert capacity.safe_load is None or capacity.safe_load.high is None
    numbers = [int(note.split()[1].rstrip(":")) for note in notes if re.match(r"trial \d+: .*at most", note)]
    assert numbers == [*range(1, len(numbers) + 1)]


def test_a_service_that_ends_has_no_safe_load(
    url: str, service: _Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search ends after the first trial without an answer, instead of trying smaller loads."""

    def end_service(note: str) -> None:
        if note.startswith("trial 1:") and "at most" not in note:
            service.shutdown()
            service.server_close()
            service.is_down = True

    monkeypatch.setattr("bench.measure.stacks.health._ABSENT_S", 0.5)
    with pytest.raises(TargetError, match=r"no request succeeded.* refused"):
        search(url, Listener(note=end_service), objectives=["e2e<2s"], search={**BRIEF, "budget": "10m"})
    (path,) = Path("results").glob("*/result.json")
    result = results.load(path)
    assert result.capacity is not None
    assert result.capacity.ended is SearchEnd.INTERRUPTED
    assert len(result.capacity.trials) == 2
    assert not result.validity.valid


def test_ctrl_c_while_the_stack_stops_keeps_the_answer(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search had ended, so its answer is stored, and the message names it and the next step."""

    @contextmanager
    def interrupted(*values: Any, **named: Any) -> Iterator[Subject]:
        with prepare_on(*values, **named) as subject:
            yield subject
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.measure.run.capacity_run.prepare_on", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        search(url)
    (folder,) = Path("results").iterdir()
    assert str(caught.value).endswith(f"next: bench report {folder}")
    capacity = results.load(folder).capacity
    assert capacity is not None
    assert capacity.trials


def test_a_killed_search_is_joined_from_its_trials(url: str) -> None:
    """`bench recover` gives the answer of the complete trials, and the run counts as interrupted."""
    starts: list[RunStart] = []

    def keep_start(note: str) -> None:
        if note.startswith("trial 1:") and not starts:
            (path,) = Path("results").glob("*/run.json")
            starts.append(read_start(path.parent).model_copy(update={"owner": ""}))

    judged = search(url, Listener(note=keep_start))
    folder = judged.folder
    complete = judged.report.result
    assert complete.capacity is not None
    for name in ("result.json", "recording.json", "comparison.json"):
        (folder / name).unlink()
    write_start(folder, starts[0])
    (recovered,) = recover(folder)
    capacity = recovered.result.capacity
    assert capacity is not None
    assert capacity.ended is SearchEnd.INTERRUPTED
    assert recovered.result.stop is not None
    assert [trial.load for trial in capacity.trials] == [trial.load for trial in complete.capacity.trials]
    assert [trial.counts for trial in capacity.trials] == [trial.counts for trial in complete.capacity.trials]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"thresholds": []}, "has no objective"),
        ({"search": {"lowest": 9.0, "highest": 5.0}}, "must be larger than from"),
        ({"search": {"budget": "100ms"}}, "too short for one trial"),
        ({"duration": "9s"}, "--duration"),
    ],
)
def test_an_error_comes_before_the_first_trial(url: str, options: dict[str, Any], words: str) -> None:
    """It names the option that is wrong or missing."""
    with pytest.raises(ConfigError, match=words):
        search(url, **options)
    assert not [*Path("results").glob("*/runs")]


def test_spike_is_no_constant_load(url: str) -> None:
    """The error names the executors that a search can use."""
    assert url
    with pytest.raises(ConfigError, match="needs a constant load") as caught:
        bench.capacity("spike", objectives=["e2e<2s"])
    assert "constant-vus" in str(caught.value.hint)
