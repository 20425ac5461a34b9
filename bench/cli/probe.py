"""`bench probe`: probe the safeguards of a chat service."""

from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import say, warn
from bench.cli.outputs import out_option, parse_outputs, write_outputs
from bench.core.probe.probe_result import ProbeReport, ProbeStatus
from bench.core.probe.probe_rules import Severity
from bench.errors import Exit
from bench.measure.probe.sender import ProbeLimits
from bench.measure.run.conditions import Listener
from bench.render.document.format import ProbeInput
from bench.render.formats import PROBE_FORMATS
from bench.usecases import probe as use_case

Target = Annotated[
    str, typer.Option("--target", metavar="NAME|FILE", help="Probe the chat that this target describes.")
]
FailOn = Annotated[
    Severity, typer.Option("--fail-on", help="Exit 1 for a finding of at least this severity.")
]
MaxRequests = Annotated[
    int, typer.Option("--max-requests", metavar="N", min=1, max=10_000, help="Send at most N requests.")
]
MaxTime = Annotated[str, typer.Option("--max-time", metavar="TIME", help="Send no request after this time.")]
Timeout = Annotated[
    str, typer.Option("--timeout", metavar="TIME", help="Wait at most this time for one answer.")
]
RuleIds = Annotated[
    list[str] | None,
    typer.Option("--rule", metavar="ID", help="Probe only this rule; repeatable (default: all)."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="HOST", help="Probe this public host, which you may test; repeatable."),
]
Out = Annotated[list[str] | None, out_option(PROBE_FORMATS)]


def probe(
    *,
    stack: options.StackName = None,
    url: options.Urls = None,
    target: Target = use_case.DEFAULT_TARGET,
    service: options.ServiceName = None,
    model: options.Model = None,
    rule: RuleIds = None,
    fail_on: FailOn = Severity.LOW,
    max_requests: MaxRequests = 400,
    max_time: MaxTime = "5m",
    timeout: Timeout = "30s",
    allow: Allow = None,
    ca: options.Ca = None,
    out: Out = None,
) -> None:
    """Probe the safeguards of a chat service.

    Sends a limited number of safe requests: tokens that must be refused, bad input, cancelled streams, more
    requests than the rate limit permits. The promises of the stack file decide what is a finding.
    Exits with 1 after a finding, and with 3 if a promise could not be probed.
    """
    outputs = parse_outputs(out, PROBE_FORMATS)
    limits = ProbeLimits(
        requests=max_requests,
        time_s=options.parse_time("--max-time", max_time, at_least_s=1.0),
        answer_s=options.parse_time("--timeout", timeout, at_least_s=0.1),
    )
    report = use_case.probe(
        stack,
        urls=url or (),
        target=target,
        service=service,
        model=model,
        rules=rule or (),
        limits=limits,
        allow=allow or (),
        ca=ca,
        listener=Listener(note=say, warning=warn),
    )
    write_outputs(
        outputs,
        lambda form, terminal: form.render(ProbeInput(report, terminal)),
        folder=None,
        default=PROBE_FORMATS["text"],
    )
    raise typer.Exit(_exit_code(report, fail_on))


def _exit_code(report: ProbeReport, fail_on: Severity) -> Exit:
    if report.fails(fail_on):
        return Exit.REGRESSION
    return Exit.INCONCLUSIVE if report.list_results(ProbeStatus.CANNOT_TELL) else Exit.PASS
