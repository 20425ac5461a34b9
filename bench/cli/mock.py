"""`bench mock`: serve a mock model with exact times and known faults."""

from typing import Annotated, Any

import typer

from bench.cli import options
from bench.mock.behaviour import MockBehaviour
from bench.usecases.mock import DEFAULT_MODEL, DEFAULT_PORT, DEFAULTS, serve_mock


def _count(name: str, meaning: str, low: int = 0, high: int | None = None) -> Any:
    return typer.Option(name, metavar="N", min=low, max=high, help=meaning)


def _share(name: str, meaning: str) -> Any:
    return typer.Option(name, metavar="SHARE", min=0.0, max=1.0, help=meaning)


def _time(name: str, meaning: str) -> Any:
    return typer.Option(name, metavar="TIME", help=meaning)


Port = Annotated[int, _count("--port", "Listen on this port; 0 is a free one.", high=65_535)]
Host = Annotated[
    str, typer.Option("--host", metavar="ADDRESS", help="Listen on this address of the machine.")
]
Ttft = Annotated[str, _time("--ttft", "Set the time to the first token.")]
Gap = Annotated[str, _time("--gap", "Set the time between tokens.")]
Tokens = Annotated[int, _count("--tokens", "Set the number of tokens of an answer.", low=1)]
Reasoning = Annotated[int, _count("--reasoning", "Send this number of reasoning tokens first.")]
Tools = Annotated[int, _count("--tools", "Call this number of tools instead of a text.")]
TokensPerWrite = Annotated[int, _count("--tokens-per-write", "Send this number of tokens together.", low=1)]
ErrorRatio = Annotated[float, _share("--error-ratio", "Fail this share of requests, like 0.05.")]
ErrorStatus = Annotated[int, _count("--error-status", "Set the HTTP status of these errors.", 400, 599)]
StreamErrorRatio = Annotated[
    float, _share("--stream-error-ratio", "Send an error in mid-stream in this share.")
]
CutRatio = Annotated[float, _share("--cut-ratio", "Cut this share of connections in mid-stream.")]
HangRatio = Annotated[float, _share("--hang-ratio", "Let this share of answers hang in mid-stream.")]
Parallel = Annotated[int, _count("--parallel", "Answer this number at once; 0 is unlimited.")]
MaxQueue = Annotated[int, _count("--max-queue", "Let this number of requests wait.")]
Seed = Annotated[int, _count("--seed", "Set the seed of texts and faults.")]
Vary = Annotated[bool, typer.Option("--vary", help="Answer equal requests with different texts.")]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", metavar="NAME", help="List this model name; repeatable (default: mock)."),
]


def mock(
    *,
    port: Port = DEFAULT_PORT,
    host: Host = "127.0.0.1",
    ttft: Ttft = "100ms",
    gap: Gap = "10ms",
    tokens: Tokens = DEFAULTS.tokens,
    reasoning: Reasoning = DEFAULTS.reasoning_tokens,
    tools: Tools = DEFAULTS.tool_calls,
    tokens_per_write: TokensPerWrite = DEFAULTS.tokens_per_write,
    error_ratio: ErrorRatio = DEFAULTS.error_ratio,
    error_status: ErrorStatus = DEFAULTS.error_status,
    stream_error_ratio: StreamErrorRatio = DEFAULTS.stream_error_ratio,
    cut_ratio: CutRatio = DEFAULTS.cut_ratio,
    hang_ratio: HangRatio = DEFAULTS.hang_ratio,
    parallel: Parallel = DEFAULTS.parallel,
    max_queue: MaxQueue = DEFAULTS.max_queue,
    seed: Seed = DEFAULTS.seed,
    vary: Vary = False,
    model: Models = None,
) -> None:
    """Serve a mock model with exact times and known faults.

    It serves the APIs of OpenAI (/v1), Ollama (/api) and Anthropic (/v1/messages). The options are defaults:
    a model name such as mock-ttft20-gap5-n31 states its own behaviour. Ctrl-C or SIGTERM ends the server.
    """
    behaviour = MockBehaviour(
        ttft_s=options.parse_time("--ttft", ttft, at_least_s=0.0),
        gap_s=options.parse_time("--gap", gap, at_least_s=0.0),
        tokens=tokens,
        reasoning_tokens=reasoning,
        tool_calls=tools,
        tokens_per_write=tokens_per_write,
        error_ratio=error_ratio,
        error_status=error_status,
        stream_error_ratio=stream_error_ratio,
        cut_ratio=cut_ratio,
        hang_ratio=hang_ratio,
        parallel=parallel,
        max_queue=max_queue,
        seed=seed,
        vary=vary,
    )
    names = model or [DEFAULT_MODEL]
    serve_mock(host, port, behaviour, names, lambda url: print(f"mock model on {url}", flush=True))
