"""Options and arguments that several commands have."""

from collections.abc import Callable
from copy import copy
from enum import StrEnum
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer

from bench.core.values.duration import parse_duration
from bench.errors import ConfigError


class TransportChoice(StrEnum):
    """The HTTP clients that `--transport` accepts."""

    OWN = "own"
    HTTPX = "httpx"


class HttpChoice(StrEnum):
    """The HTTP versions that `--http` accepts."""

    HTTP_1_1 = "1.1"
    HTTP_2 = "2"


class ArrivalsChoice(StrEnum):
    """The intervals between requests that `--arrivals` accepts."""

    EVEN = "even"
    POISSON = "poisson"
    GAMMA = "gamma"


ScenarioName = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="Name of a scenario, or the path of its file.")
]
ScenarioOrAddress = Annotated[
    str,
    typer.Argument(metavar="SCENARIO", help="Name or file of a scenario, or the address of a service."),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or its result.json.")]
RunFolders = Annotated[
    list[Path], typer.Argument(metavar="RUN...", help="Folders of runs, or their result.json files.")
]
OptionalRunFolders = Annotated[
    list[Path] | None, typer.Argument(metavar="[RUN]...", help="Folders of runs, or their result.json files.")
]
StackName = Annotated[
    str | None, typer.Option("--stack", metavar="NAME", help="Use this stack (default: embedded).")
]
LocalStack = Annotated[str, typer.Option("--stack", metavar="NAME", help="Use this stack.")]
Urls = Annotated[
    list[str] | None,
    typer.Option("--url", metavar="[SERVICE=]URL", help="Use a running stack at this address; repeatable."),
]
TargetName = Annotated[
    str | None,
    typer.Option("--target", metavar="NAME", help="Send requests to this target (default: the scenario's)."),
]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="Use this model (default: MODEL, else the target's)."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Set a value of the body, like stream=false; repeatable."
    ),
]
ServiceName = Annotated[
    str | None,
    typer.Option("--service", metavar="NAME", help="Send requests to this service (default: the stack's)."),
]
Vus = Annotated[
    int | None,
    typer.Option("--vus", metavar="N", min=1, help="Set the number of VUs (default: the scenario's)."),
]
Duration = Annotated[
    str | None,
    typer.Option("--duration", metavar="TIME", help="Set the duration, like 30s (default: the scenario's)."),
]
Rate = Annotated[
    float | None,
    typer.Option("--rate", metavar="N", help="Set the rate per time unit (default: the scenario's)."),
]
SpawnRate = Annotated[
    float | None,
    typer.Option("--spawn-rate", metavar="N", help="Start N VUs per second (default: all at once)."),
]
Arrivals = Annotated[
    ArrivalsChoice | None,
    typer.Option("--arrivals", help="Set the intervals between requests (default: even)."),
]
Burstiness = Annotated[
    float | None,
    typer.Option("--burstiness", metavar="N", help="Set the shape of gamma arrivals; below 1 is bursty."),
]
Rates = Annotated[
    Path | None,
    typer.Option("--rates", metavar="FILE", help="Follow the rates in this file: columns time and rate."),
]
Times = Annotated[
    Path | None, typer.Option("--times", metavar="FILE", help="Send requests at the times in this file.")
]
Speed = Annotated[
    float | None, typer.Option("--speed", metavar="N", help="Replay --times N times as fast (default: 1).")
]
Inject = Annotated[
    list[str] | None,
    typer.Option(
        "--inject", metavar="KNOB=N", help="Slow down the stack, like model.slowdown=1.3; repeatable."
    ),
]
Objective = Annotated[
    list[str] | None,
    typer.Option(
        "--objective",
        metavar="METRIC:MS",
        help="Set the time limit of a good response: ttft:2000, 'e2e<10s'; repeatable.",
    ),
]
Threshold = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        metavar="'METRIC LIMIT'",
        help="Exit 1 beyond this limit: 'e2e_ms p(95)<2000'.",
    ),
]
Message = Annotated[
    list[str] | None,
    typer.Option("--message", metavar="TEXT", help="Send this message to the address; repeatable."),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="FILE", help="Send the messages of this text, CSV or JSONL file."),
]
Header = Annotated[
    list[str] | None,
    typer.Option(
        "--header", "-H", metavar="'NAME: VALUE'", help="Send this header to the address; repeatable."
    ),
]
Body = Annotated[
    str | None,
    typer.Option("--body", metavar="JSON", help="Send this body with ${message} (default: common ones)."),
]
TextPath = Annotated[
    str | None,
    typer.Option("--text", metavar="PATH", help="Read the text of answers here, like data.message."),
]
ThinkTime = Annotated[
    str | None,
    typer.Option("--think-time", metavar="TIME", help="Pause before a VU's next message, like 1s..2s."),
]
Timeout = Annotated[
    str | None,
    typer.Option("--timeout", metavar="TIME", help="Wait at most this time for an answer (default: 2m)."),
]
Workers = Annotated[
    str,
    typer.Option(
        "--workers",
        metavar="N|dask://HOST",
        help="Generate load in N processes, or on several machines (default: 1).",
    ),
]
Transport = Annotated[
    TransportChoice,
    typer.Option("--transport", help="Choose the HTTP client; httpx supports proxies and HTTP/2."),
]
Http = Annotated[
    HttpChoice | None,
    typer.Option("--http", help="Require this HTTP version of httpx (default: the highest)."),
]
Ca = Annotated[
    Path | None,
    typer.Option("--ca", metavar="FILE", help="Trust the certificates in this PEM file too."),
]
Otlp = Annotated[
    int | None,
    typer.Option("--otlp", metavar="PORT", min=1, max=65535, help="Receive spans of OpenTelemetry at PORT."),
]
Calibration = Annotated[
    bool,
    typer.Option(
        "--calibration/--no-calibration", help="Measure the load generator's error next to the load."
    ),
]
Pin = Annotated[
    bool, typer.Option("--pin/--no-pin", help="Give load and stack separate cores, from four cores on.")
]
AllowSideEffects = Annotated[
    bool,
    typer.Option("--allow-side-effects", help="Run a scenario although its changes outlast the run."),
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print all numbers instead of at most 25 lines.")
]
Live = Annotated[bool, typer.Option("--live", help="Show VUs, response times and processes during the run.")]
ResultsFolder = Annotated[
    Path, typer.Option("--results", metavar="FOLDER", help="Store runs in this folder.")
]
Pairs = Annotated[
    str | None,
    typer.Option(
        "--pairs", metavar="N", help="End after N pairs at the latest, or LEAST..MOST (default: 12)."
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 if the result is inconclusive (default: 3).")]
BaselineFile = Annotated[
    Path | None,
    typer.Option("--baseline", metavar="FILE", help="Compare with this file (default: under baselines/)."),
]
HistoryFolder = Annotated[
    Path, typer.Option("--history", metavar="FOLDER", help="Use the histories in this folder.")
]
FromRun = Annotated[
    int | None,
    typer.Option(
        "--from-run", metavar="N", min=1, help="Read the artifacts of the workflow run with this id."
    ),
]
SuiteName = Annotated[
    str | None,
    typer.Option("--suite", metavar="NAME", help="Name the measured suite (default: the job's)."),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Record why this is acceptable.")]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Record who decides this (default: git's user.name)."),
]
NewLevel = Annotated[
    bool, typer.Option("--new-level", help="Start a new level, also if the runs do not differ.")
]
PrintEffect = Annotated[
    bool, typer.Option("--dry-run", help="Print the effect on the next runs and change no file.")
]
DEFAULT_RESULTS = Path("results")
DEFAULT_HISTORY = Path("history")


def _declare_load_options(
    *,
    target: TargetName = None,
    model: Model = None,
    settings: Settings = None,
    vus: Vus = None,
    duration: Duration = None,
    rate: Rate = None,
    spawn_rate: SpawnRate = None,
    arrivals: Arrivals = None,
    burstiness: Burstiness = None,
    rates: Rates = None,
    times: Times = None,
    speed: Speed = None,
    objectives: Objective = None,
    thresholds: Threshold = None,
) -> None:
    """Declare the options of a load, with the names of `LoadOptions`."""


def _declare_run_options(
    *,
    stack: StackName = None,
    service: ServiceName = None,
    urls: Urls = None,
    inject: Inject = None,
    workers: Workers = "1",
    transport: Transport = TransportChoice.OWN,
    http: Http = None,
    ca: Ca = None,
    otlp: Otlp = None,
    calibration: Calibration = True,
    pin: Pin = True,
    allow_side_effects: AllowSideEffects = False,
    results: ResultsFolder = DEFAULT_RESULTS,
) -> None:
    """Declare the options of a measurement, with the names of `RunOptions`."""


def _declare_address_options(
    *,
    messages: Message = None,
    data: Data = None,
    headers: Header = None,
    body: Body = None,
    text: TextPath = None,
    think_time: ThinkTime = None,
    timeout: Timeout = None,
) -> None:
    """Declare the options of a load at an address, with the names of `LoadOptions`."""


def with_run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a measurement, which it receives as `**given`.

    An option that is left out, and has no default, is not given.
    """
    return _with_options(command, _declare_load_options, _declare_run_options)


def with_address_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a measurement, and those of a load at an address."""
    return _with_options(command, _declare_load_options, _declare_run_options, _declare_address_options)


def with_load_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a load at an address, which it receives as `**given`."""
    return _with_options(command, _declare_load_options, _declare_address_options)


def show_first(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that moves parameters to the beginning of the help of a command.

    Args:
        names: Names of the parameters, the first one first.
    """

    def move(command: Callable[..., None]) -> Callable[..., None]:
        parameters = signature(command).parameters
        first = [parameters[name] for name in names]
        others = [parameter for name, parameter in parameters.items() if name not in names]
        command.__signature__ = Signature([*first, *others])  # type: ignore[attr-defined]
        return command

    return move


def hide(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that leaves options out of the help of a command, which refuses them with a hint.

    Args:
        names: Names of the parameters.
    """

    def leave_out(command: Callable[..., None]) -> Callable[..., None]:
        parameters: list[Parameter] = []
        for name, parameter in signature(command).parameters.items():
            parameters.append(_hide(parameter) if name in names else parameter)
        command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        return command

    return leave_out


def _hide(parameter: Parameter) -> Parameter:
    kind, option = get_args(parameter.annotation)
    hidden = copy(option)
    hidden.hidden = True
    return parameter.replace(annotation=Annotated[kind, hidden])


def _with_options(command: Callable[..., None], *declarations: Callable[..., None]) -> Callable[..., None]:
    own = signature(command).parameters.values()
    shared: list[Parameter] = []
    annotations = get_type_hints(command, include_extras=True)
    for declaration in declarations:
        shared += signature(declaration).parameters.values()
        annotations |= get_type_hints(declaration, include_extras=True)
    arguments = [parameter for parameter in own if parameter.kind is Parameter.POSITIONAL_OR_KEYWORD]
    options = [parameter for parameter in own if parameter.kind is Parameter.KEYWORD_ONLY]

    names = {parameter.name for parameter in shared}

    @wraps(command)
    def call(**values: Any) -> None:
        given: dict[str, Any] = {}
        for name, value in values.items():
            if name not in names:
                given[name] = value
            elif value is not None:
                given[name] = value.value if isinstance(value, StrEnum) else value
        command(**given)

    call.__signature__ = Signature([*arguments, *shared, *options])  # type: ignore[attr-defined]
    call.__annotations__ = annotations
    return call


def parse_time(option: str, text: str, *, at_least_s: float, at_most_s: float | None = None) -> float:
    """Return the seconds of an option, such as `30s` or `2m`; a plain number is seconds.

    Raises:
        ConfigError: The text is not a duration, or is out of range.
    """
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"{option}: {error}", f"{option} 30s") from error
    too_long = at_most_s is not None and seconds > at_most_s
    if seconds < at_least_s or too_long:
        most = "" if at_most_s is None else f" and at most {at_most_s:g} s"
        raise ConfigError(f"{option} {text}: must be at least {at_least_s:g} s{most}", f"{option} 30s")
    return seconds
