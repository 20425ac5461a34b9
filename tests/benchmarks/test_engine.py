"""The comparison of load generators: its server, its measurement from outside, and its tables."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest

from benchmarks.engine import peers
from benchmarks.engine.commands import Setup
from benchmarks.engine.document import whole_tool_section
from benchmarks.engine.goals import goals
from benchmarks.engine.journal import Timing
from benchmarks.engine.loads import ROWS, Load, Tool
from benchmarks.engine.page import PERFORMANCE, replace_section
from benchmarks.engine.processes import cpu_s, descriptors, memory_bytes, tree_of
from benchmarks.engine.server import HOST, Server, serving
from benchmarks.engine.session import Rounds
from benchmarks.truth.document import truth_section
from benchmarks.truth.measure import Errors, Truth
from benchmarks.truth.tools import TOOLS, Report
from tests.eventually import eventually

needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="the server is in C")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run the server in C."""
    with serving(tmp_path_factory.mktemp("engine"), core=0) as running:
        yield running


def _post(server: Server, path: str, body: str) -> bytes:
    connection = HTTPConnection(HOST, server.port)
    connection.request("POST", path, body)
    content = connection.getresponse().read()
    connection.close()
    return content


def _reset(server: Server, timing: Timing | None = None) -> None:
    """Reset the counters when no response of an earlier test is still to be counted."""
    eventually(lambda: server.journal.counters().responses == server.journal.counters().requests)
    server.journal.reset(timing)


@needs_compiler
def test_the_server_logs_each_token_of_a_stream(server: Server) -> None:
    """The journal has the request's user, and times in the order and with the gaps of the settings."""
    _reset(server, Timing(tokens=5, first_us=20_000, spread_us=0, gap_us=3_000))
    content = _post(server, "/v1/chat/completions", '{"stream": true, "user": "17"}')
    assert content.count(b'"content":" word"') == 5
    assert content.endswith(b"data: [DONE]\n\n")
    (stream,) = server.journal.streams()
    assert stream.user == 17
    assert len(stream.written_ns) == 5
    assert stream.first_token_ms >= 20
    assert stream.total_ms >= 32
    assert all(np.diff(stream.written_ns) > 0)


@needs_compiler
def test_the_server_counts_requests_of_the_load_only(server: Server) -> None:
    """What a client asks before its load is not counted."""
    _reset(server)
    for path in ("/health", "/v1/models", "/json", "/json"):
        _post(server, path, "{}")
    # The server counts a response after it has written it.
    eventually(lambda: server.journal.counters().responses == 2)
    counters = server.journal.counters()
    assert (counters.requests, counters.responses) == (2, 2)
    assert counters.first_ns < counters.last_ns


@needs_compiler
def test_each_token_can_be_a_write(server: Server) -> None:
    """The number of events is the requested one, with and without separate writes."""
    _reset(server)
    assert _post(server, "/writes?tokens=1234", "{}").count(b"word") == 1234
    assert _post(server, "/writes?tokens=1234&nagle=1", "{}").count(b"word") == 1234
    assert _post(server, "/flood?tokens=500", "{}").count(b"word") == 500
    eventually(lambda: server.journal.counters().written == 2 * 1234 + 500)


@needs_compiler
def test_a_large_response_is_complete(server: Server) -> None:
    """The response of 1 MB is one JSON document."""
    content = _post(server, "/large", "{}")
    assert len(content) == 1 << 20
    assert json.loads(content)["message"].startswith(" word")


def test_the_numbers_of_a_tool_contain_its_children() -> None:
    """CPU time, memory and descriptors are those of all processes."""
    child = f"{sys.executable} -c 'sum(range(3_000_000)); print(1, flush=True); input()'"
    with subprocess.Popen(
        ["sh", "-c", f"{child}; true"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as shell:
        assert shell.stdin is not None
        assert shell.stdout is not None
        shell.stdout.readline()
        pids = tree_of(shell.pid)
        assert len(pids) == 2
        for measure in (cpu_s, memory_bytes, descriptors):
            assert measure(pids) > measure(pids[:1])
        shell.stdin.close()
    assert tree_of(shell.pid) == []


def test_a_missing_peer_takes_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that cannot be installed is reported, and the others take part."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(peers, "_UV", "/nowhere/uv")
    lines: list[str] = []
    assert peers.install_peers(tmp_path, lines.append) == {}
    problems = [line for line in lines if "takes no part" in line]
    assert len(problems) == 8


@pytest.mark.parametrize("tool", Tool)
def test_a_tool_gets_a_command_or_is_left_out(tool: Tool, tmp_path: Path) -> None:
    """Each tool has a command for each row in which it takes part, if it is installed."""
    server = Server(1, 2, None, Path("certificate.pem"), 0)  # type: ignore[arg-type]
    missing = Setup(server, tmp_path, {})
    installed = Setup(server, tmp_path, {tool.program: Path("/usr/bin") / tool.program})
    for row in ROWS:
        if tool in row.tools:
            assert installed.command(tool, row.load, 2.0)
            if tool is not Tool.BENCH:
                assert missing.command(tool, row.load, 2.0) is None


def _rounds(bench_rps: float) -> Rounds:
    rounds = Rounds()
    for row, tools in (("50 users", {Tool.BENCH: bench_rps, Tool.HEY: 20_000.0, Tool.LOCUST: 4_000.0}),):
        for tool, rps in tools.items():
            for factor in (0.5, 1.0, 3.0):  # a busy machine slows down all tools of a round
                rounds.add(row, tool, {"rps": rps * factor, "us_cpu": 1e6 / rps})
    return rounds


@pytest.mark.parametrize(("rps", "reached"), [(40_000.0, True), (61_000.0, True), (30_000.0, False)])
def test_a_goal_is_a_rate_or_a_ratio(rps: float, reached: bool) -> None:
    """The goal of 50 users is 60,000 requests/s, or 1.8 times hey within a round."""
    (goal,) = [goal for goal in goals(_rounds(rps)) if goal.name == "requests/s on one core, 50 users"]
    assert goal.reached is reached


def test_the_page_shows_missed_and_unmeasured_goals() -> None:
    """A missed goal has its reason; a goal without its peer is not measured."""
    text = whole_tool_section(_rounds(30_000.0), {"date": "today"})
    rate = "30,000/s, 1.50 times hey, 1.50 times in the same CPU time"
    assert f"| requests/s on one core, 50 users | ≥ 60,000/s or 1.8 times hey | {rate} | **missed** |" in text
    ratio = "7.50 times, 7.50 times in the same CPU time"
    assert f"| requests/s compared with Locust, 50 users | ≥ 5 times | {ratio} | reached |" in text
    assert "| requests/s compared with k6 with checks, 50 users | ≥ 3 times |  | not measured |" in text
    assert "- **requests/s on one core, 50 users**: the profile" in text


def test_each_command_rewrites_its_own_section(tmp_path: Path) -> None:
    """The text around a section stays; an unknown section is an error."""
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- begin one -->\nold\n<!-- end one -->\nb\n", encoding="utf-8")
    replace_section(page, "one", r"new \1")
    assert page.read_text(encoding="utf-8") == "a\n<!-- begin one -->\n\nnew \\1\n\n<!-- end one -->\nb\n"
    with pytest.raises(ValueError, match="has no section 'two'"):
        replace_section(page, "two", "new")


def test_the_page_has_all_sections() -> None:
    """The page of the documentation has the sections that the commands rewrite."""
    text = PERFORMANCE.read_text(encoding="utf-8")
    for name in ("whole tool", "truth table", "soak", "transport"):
        assert text.count(f"<!-- begin {name} -->") == text.count(f"<!-- end {name} -->") == 1


def test_the_truth_table_shows_the_error_of_a_tool() -> None:
    """A tool that reports 20 ms too much at p99 has +20.0 there, and in the summary."""
    errors = Errors(
        first_token={"50": [0.1], "90": [0.2], "95": [0.3], "99": [19.0, 20.0, 90.0], "100": [200.0]}
    )
    text = truth_section(Truth(errors={"10": {"late": errors}}))
    assert "| late | +0.1 | +0.2 | +0.3 | +20.0 | +200.0 |" in text
    assert "| late | +20.0 |" in text


_GUIDELLM = {"percentiles": {"p50": 1.0, "p90": 2.0, "p95": 3.0, "p99": 4.0}, "max": 5.0}
_AIPERF = {"p50": 1.0, "p90": 2.0, "p95": 3.0, "p99": 4.0, "max": 5.0}
_K6 = {"p(50)": 1.0, "p(90)": 2.0, "p(95)": 3.0, "p(99)": 4.0, "max": 5.0}
_FILES = {
    "guidellm": (
        "guidellm.json",
        json.dumps(
            {
                "benchmarks": [
                    {
                        "metrics": {
                            "time_to_first_token_ms": {"successful": _GUIDELLM},
                            "request_latency": {"successful": _GUIDELLM},
                        }
                    }
                ]
            }
        ),
    ),
    "AIPerf": (
        "aiperf/profile_export_aiperf.json",
        json.dumps({"time_to_first_token": _AIPERF, "request_latency": _AIPERF}),
    ),
    "k6": (
        "k6.json",
        json.dumps({"metrics": {"http_req_waiting": _K6, "http_req_duration": _K6}}),
    ),
    "Locust": (
        "locust_stats.csv",
        "Type,Name,50%,90%,95%,99%,100%\nSSE,first token,1,2,3,4,5\nSSE,total,1,2,3,4,5\n",
    ),
}


@pytest.mark.parametrize("name", _FILES)
def test_the_report_of_a_tool_is_read(name: str, tmp_path: Path) -> None:
    """Percentiles and the maximum come from the file that the tool writes; all become milliseconds."""
    file, content = _FILES[name]
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(content, encoding="utf-8")
    read: dict[str, Callable[[Path], Report]] = {tool.name: tool.read for tool in TOOLS}
    report = read[name](tmp_path)
    assert report.first_token == {50.0: 1.0, 90.0: 2.0, 95.0: 3.0, 99.0: 4.0, 100.0: 5.0}
    factor = 1000 if name == "guidellm" else 1
    assert report.total == {quantile: value * factor for quantile, value in report.first_token.items()}


@needs_compiler
def test_the_whole_tool_runs_against_the_server(server: Server, tmp_path: Path) -> None:
    """The command of the comparison is one that `bench run` accepts, and the server receives its requests."""
    server.journal.reset()
    command = Setup(server, tmp_path, {}).command(Tool.BENCH, Load(users=2), 0.2)
    assert command is not None
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "answered" in done.stdout, done.stderr
    eventually(lambda: server.journal.counters().responses > 0)
