"""What `bench run` and `bench check` share: measure, keep, and say how it ended."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import say
from bench.cli.live import watching
from bench.errors import Exit, TargetError

if TYPE_CHECKING:
    from bench.core.config.stack import Stack
    from bench.core.run.result import RunResult
    from bench.measure.run.run import Conditions

ScenarioName = Annotated[str, typer.Argument(help="A scenario's name, or the path of its file.")]
TargetName = Annotated[
    str | None, typer.Option("--stack", help="The stack to measure: embedded, compose, external, or yours.")
]
TargetUrl = Annotated[
    list[str] | None,
    typer.Option("--url", help="Address of a running stack; SERVICE=URL for another service."),
]
Inject = Annotated[
    list[str] | None,
    typer.Option("--inject", help="Make the stack worse, for example model.slowdown=1.3."),
]
Objective = Annotated[
    list[str] | None,
    typer.Option("--objective", help="What a good answer takes at most, in ms: ttft:2000, e2e:20000."),
]
ResultsFolder = Annotated[Path, typer.Option("--results", help="Folder that runs are written to.")]
Workers = Annotated[
    int, typer.Option("--workers", min=1, max=64, help="Processes that give the load, when one is too busy.")
]
Calibration = Annotated[
    bool,
    typer.Option(
        "--calibration/--no-calibration", help="Drive a server of known timing before and after the run."
    ),
]


Pin = Annotated[
    bool,
    typer.Option("--pin/--no-pin", help="Give load and stack separate cores on four or more cores."),
]


class TransportName(StrEnum):
    """Who speaks HTTP."""

    OWN = "own"
    HTTPX = "httpx"


TransportOption = Annotated[
    TransportName,
    typer.Option("--transport", help="httpx is slower and less exact, and knows proxies and HTTP/2."),
]
DEFAULT_RESULTS = Path("results")


@dataclass(frozen=True)
class How:
    """The options of measuring, as they are given."""

    target: str | None = None
    urls: list[str] | None = None
    inject: list[str] | None = None
    workers: int = 1
    transport: TransportName = TransportName.OWN
    calibration: bool = True
    objectives: list[str] | None = None
    live: bool = False
    pin: bool = True


def measure_and_keep(scenario: str, how: How, results: Path) -> tuple["RunResult", Path]:
    """Measure a scenario, write its files, and return the result with its folder.

    Raises:
        BenchError: It could not be measured, or not kept.
        SystemExit: The user interrupted it; what was measured is kept.
    """
    from bench.core.config.executors import in_words
    from bench.core.config.objective import parse_objectives
    from bench.core.samples.sample import StopCause
    from bench.measure.run.run import Listener, measure
    from bench.store import results as store
    from bench.store import scenarios, stacks

    stack = stacks.load(how.target or ("external" if how.urls else "embedded"))
    spec = scenarios.load(scenario).with_thresholds(stack.thresholds)
    spec = spec.with_objectives(parse_objectives(how.objectives or []))
    load, conditions = spec.scenario, _conditions(how, stack, spec.target.service)
    say(f"{load.name} on {stack.name}: {in_words(load.phases)}; Ctrl-C keeps what there is")
    with watching(load.name, live=how.live) as show:
        listener = Listener(progress=show, note=say, warning=lambda text: say(f"warning: {text}"))
        result, recording = measure(spec, stack, conditions, listener)
    home = store.save(result, recording, results)
    if result.stop is not None and result.stop.cause is StopCause.INTERRUPT:
        say(f"interrupted; {result.summary.requests} requests are kept in {home}")
        raise SystemExit(Exit.INTERRUPTED)
    if result.stop is not None and result.stop.cause is StopCause.TARGET:
        raise TargetError(
            f"{result.stop.reason}; {result.summary.requests} requests are kept in {home}",
            "the run cannot be judged; look at the service's log",
        )
    return result, home


def _conditions(how: How, stack: "Stack", service: str) -> "Conditions":
    from bench.core.config.stack import parse_injections
    from bench.measure.load.messages import TransportChoice
    from bench.measure.machine.host import choose_cores
    from bench.measure.run.run import Conditions

    return Conditions(
        urls=by_service(how.urls or [], service),
        injections=parse_injections(stack, tuple(how.inject or ())),
        workers=how.workers,
        transport=TransportChoice(how.transport.value),
        certified=how.calibration,
        cores=choose_cores(how.workers, pin=how.pin),
    )


def by_service(urls: list[str], usual: str) -> dict[str, str]:
    """`http://…` is the address of the target's own service, `agent=http://…` that of another."""
    found = {}
    for url in urls:
        service, separator, address = url.partition("=")
        named = bool(separator) and "/" not in service
        found[service if named else usual] = address if named else url
    return found
