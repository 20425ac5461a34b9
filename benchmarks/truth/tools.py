"""The tools of the truth table: how each is started, and which percentiles it reports."""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.store.results import load
from benchmarks.engine.commands import BENCH, Setup, write_scenario
from benchmarks.engine.loads import Tool

QUANTILES = (50.0, 90.0, 95.0, 99.0, 100.0)
_HERE = Path(__file__).parent
_CHAT = "/v1/chat/completions"
Reported = dict[float, float]


@dataclass(frozen=True)
class Report:
    """Percentiles in milliseconds as a tool reports them, by per cent; 100 is the maximum."""

    first_token: Reported
    total: Reported


@dataclass(frozen=True)
class Streams:
    """A closed loop: each of `users` streams `iterations` responses, one after the other."""

    users: int
    iterations: int

    @property
    def requests(self) -> int:
        """Number of all streams."""
        return self.users * self.iterations


@dataclass(frozen=True)
class TruthTool:
    """A tool of the table."""

    name: str
    program: str | None
    """Name of the peer; None for the project itself."""
    command: Callable[[Setup, Streams], list[str]]
    read: Callable[[Path], Report]
    environment: Mapping[str, str]


def _bench_command(setup: Setup, streams: Streams) -> list[str]:
    # Each request has a message of its own, which is also its user, so that the server's times find it again.
    messages = [{"id": str(number), "text": str(number)} for number in range(streams.requests)]
    target = {
        "body": {"model": "bench", "stream": True, "user": "${message}", "messages": "${conversation}"},
        "answer": {
            "kind": "sse", "text": "choices.0.delta.content", "done_data": "[DONE]",
            "tokens": "usage.completion_tokens",
        },
    }  # fmt: skip
    executor = {"executor": "per-vu-iterations", "vus": streams.users, "iterations": streams.iterations}
    write_scenario(setup, executor, _CHAT, target, messages=messages)
    options = ["--stack", "bare", "--url", setup.server.url(), "--no-calibration", "--no-pin"]
    return [BENCH, "run", "load", *options]


def _read_bench(folder: Path) -> Report:
    metrics = load(run_folder(folder)).summary.metrics
    names = {50.0: "p50", 90.0: "p90", 95.0: "p95", 99.0: "p99", 100.0: "max"}

    def percentiles(metric: str) -> Reported:
        return {q: float(getattr(metrics[metric], name)) for q, name in names.items()}

    return Report(percentiles("ttft_ms"), percentiles("e2e_ms"))


def run_folder(folder: Path) -> Path:
    """Return the folder of the only run in a working directory."""
    (result,) = (folder / "results").glob("*/result.json")
    return result.parent


def _guidellm_command(setup: Setup, streams: Streams) -> list[str]:
    return [
        str(setup.programs["guidellm"]), "run",
        "--backend", f"kind=openai_http,target={setup.server.url()},model=bench",
        "--profile", f"kind=concurrent,streams={streams.users}",
        "--constraint", f"kind=max_requests,count={streams.requests}",
        "--tokenizer", f"kind=hf_auto,model={_tokenizer(setup)}",
        "--data", "kind=synthetic_text,prompt_tokens=8,output_tokens=40",
        "--output", f"kind=json,path={setup.folder / 'guidellm.json'}",
        "--disable-console-interactive",
    ]  # fmt: skip


def _read_guidellm(folder: Path) -> Report:
    report = json.loads((folder / "guidellm.json").read_text(encoding="utf-8"))
    metrics = report["benchmarks"][0]["metrics"]

    def percentiles(metric: str, factor: float) -> Reported:
        values = metrics[metric]["successful"]
        reported = {q: values["percentiles"][f"p{q:.0f}"] * factor for q in QUANTILES[:-1]}
        return {**reported, 100.0: values["max"] * factor}

    return Report(percentiles("time_to_first_token_ms", 1), percentiles("request_latency", 1000))


def _aiperf_command(setup: Setup, streams: Streams) -> list[str]:
    return [
        str(setup.programs["aiperf"]), "profile", "-m", "bench", "--url", setup.server.url(),
        "--endpoint-type", "chat", "--streaming", "--concurrency", str(streams.users),
        "--request-count", str(streams.requests), "--tokenizer", _tokenizer(setup),
        "--isl", "8", "--ui", "none", "--artifact-dir", str(setup.folder / "aiperf"),
    ]  # fmt: skip


def _read_aiperf(folder: Path) -> Report:
    report = json.loads((folder / "aiperf" / "profile_export_aiperf.json").read_text(encoding="utf-8"))

    def percentiles(metric: str) -> Reported:
        return {**{q: report[metric][f"p{q:.0f}"] for q in QUANTILES[:-1]}, 100.0: report[metric]["max"]}

    return Report(percentiles("time_to_first_token"), percentiles("request_latency"))


def _locust_command(setup: Setup, streams: Streams) -> list[str]:
    users = ["-u", str(streams.users), "-r", str(streams.users), "--iterations", str(streams.iterations)]
    output = ["--csv", str(setup.folder / "locust"), "--headless", "--only-summary"]
    script = str(_HERE / "locust_streams.py")
    return [str(setup.programs["locust"]), "-f", script, "-H", setup.server.url(), *users, *output]


def _read_locust(folder: Path) -> Report:
    with (folder / "locust_stats.csv").open(encoding="utf-8") as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}

    def percentiles(name: str) -> Reported:
        return {q: float(rows[name][f"{q:.0f}%"]) for q in QUANTILES}

    return Report(percentiles("first token"), percentiles("total"))


def _k6_command(setup: Setup, streams: Streams) -> list[str]:
    given = {"URL": setup.server.url() + _CHAT, "USERS": streams.users, "ITERATIONS": streams.iterations}
    options = [option for name, value in given.items() for option in ("-e", f"{name}={value}")]
    summary = ["--summary-export", str(setup.folder / "k6.json")]
    trend = ["--summary-trend-stats", "p(50),p(90),p(95),p(99),max"]
    return [
        setup.program(Tool.K6),
        "run",
        "--quiet",
        *summary,
        *trend,
        *options,
        str(_HERE / "k6_streams.js"),
    ]


def _read_k6(folder: Path) -> Report:
    metrics = json.loads((folder / "k6.json").read_text(encoding="utf-8"))["metrics"]

    def percentiles(metric: str) -> Reported:
        return {q: metrics[metric]["max" if q == 100.0 else f"p({q:.0f})"] for q in QUANTILES}  # noqa: PLR2004 - 100 is the maximum

    return Report(percentiles("http_req_waiting"), percentiles("http_req_duration"))


def _tokenizer(setup: Setup) -> str:
    """Write a tokenizer of a few words, because tokenizers of models are not part of the tools."""
    vocabulary = {word: number for number, word in enumerate(["<unk>", "word", *map(str, range(1000))])}
    tokenizer: dict[str, object] = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
    }  # fmt: skip
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "eos_token": "<unk>"}
    setup.file("tokenizer/tokenizer.json", json.dumps(tokenizer))
    setup.file("tokenizer/tokenizer_config.json", json.dumps(settings))
    return str(setup.folder / "tokenizer")


TOOLS = (
    TruthTool("bench", None, _bench_command, _read_bench, {}),
    TruthTool("k6", "k6", _k6_command, _read_k6, {}),
    TruthTool(
        "guidellm", "guidellm", _guidellm_command, _read_guidellm,
        # By default it starts ten processes, each of which imports PyTorch.
        {"HF_HUB_OFFLINE": "1", "GUIDELLM__MAX_WORKER_PROCESSES": "1"},
    ),
    TruthTool("AIPerf", "aiperf", _aiperf_command, _read_aiperf, {}),
    TruthTool("Locust", "locust", _locust_command, _read_locust, {}),
)  # fmt: skip
