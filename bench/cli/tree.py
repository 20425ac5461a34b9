"""The tree of commands: one table with the name, the function, the summary and an example of each command.

`bench --help` needs no other module. The module of a command is imported when the command is called.
"""

from collections.abc import Sequence
from typing import NamedTuple

from bench.cli.groups import AUTH, BASELINE, CI, SCENARIOS, STACK, WORKERS, Command, Group

Entry = Command | Group


class Section(NamedTuple):
    """Commands under one heading of `bench --help`."""

    heading: str
    entries: tuple[Entry, ...]


SECTIONS = (
    Section(
        "Measure",
        (
            Command(
                "doctor",
                "doctor:doctor",
                "Check the set-up, or show how one answer is read.",
                "bench doctor --url http://127.0.0.1:8000",
            ),
            Command(
                "run",
                "run:run",
                "Run a scenario, store the result and print it.",
                "bench run http://127.0.0.1:8000 --vus 20 --duration 30s",
                "SCENARIO",
                sends_load=True,
            ),
            Command(
                "check",
                "check:check",
                "Run a scenario and judge it against its baseline.",
                "bench check quick --against main",
                "[SCENARIO]",
                sends_load=True,
            ),
            Command(
                "capacity",
                "capacity:capacity",
                "Search for the largest load that meets the objectives.",
                "bench capacity quick --objective 'e2e<10s' --budget 10m",
                "SCENARIO",
                sends_load=True,
            ),
            Command(
                "recover",
                "recover:recover",
                "Finish runs whose process was killed.",
                "bench recover results/RUN",
                "[RUN]",
            ),
            Command(
                "ab",
                "ab:ab",
                "Run two versions alternately and compare them.",
                "bench ab embedded@main embedded --scenario quick",
                "BASE HEAD",
                sends_load=True,
            ),
            Command(
                "experiment",
                "experiment:experiment",
                "Test claims about variants of a stack.",
                "bench experiment queue --dry-run",
                "[NAME]",
                sends_load=True,
            ),
        ),
    ),
    Section(
        "Judge",
        (
            Command(
                "compare",
                "compare:compare",
                "Judge a stored run against its baseline.",
                "bench compare results/RUN --strict",
                "RUN",
            ),
            Command(
                "report",
                "report:report",
                "Write the report of one stored run, or of several.",
                "bench report results/RUN --out html=report.html",
                "RUN...",
            ),
            Command(
                "export",
                "export:export",
                "Print the requests of a stored run.",
                "bench export results/RUN --format csv",
                "RUN",
            ),
            Command(
                "badge",
                "badge:badge",
                "Draw a badge of a stored run or of a history.",
                "bench badge results/RUN --out badge.svg",
                "RUN",
            ),
            Command(
                "trend",
                "trend:trend",
                "Show when the metrics of a scenario changed.",
                "bench trend quick",
                "SCENARIO",
            ),
        ),
    ),
    Section("Baselines", (Group("baseline", "Accept, show and maintain baselines.", BASELINE),)),
    Section(
        "Stacks",
        (
            Group("stack", "Start and stop a stack on this machine.", STACK),
            Command(
                "health",
                "health:health",
                "Run the health checks of a stack once.",
                "bench health --url http://127.0.0.1:3000",
            ),
            Command(
                "monitor",
                "monitor:monitor",
                "Watch a stack or this machine without load.",
                "bench monitor --duration 5m --health-checks",
            ),
            Command(
                "probe",
                "probe:probe",
                "Probe the safeguards of a chat service.",
                "bench probe --stack embedded --out sarif=probe.sarif",
            ),
            Command(
                "mock",
                "mock:mock",
                "Serve a mock model with exact times and known faults.",
                "bench mock --port 8080 --ttft 20ms --gap 5ms",
            ),
        ),
    ),
    Section("Workers", (Group("workers", "Start load generators on several machines.", WORKERS),)),
    Section("CI", (Group("ci", "Run the steps of a workflow.", CI),)),
    Section(
        "Set-up",
        (
            Command(
                "init",
                "init:init",
                "Write the files that measure this folder's application.",
                "bench init --command 'npm start'",
            ),
            Group("scenarios", "List, check, show and plan scenarios.", SCENARIOS),
            Command(
                "schema",
                "schema:schema",
                "Print the JSON Schema of a kind of file.",
                "bench schema result > result.schema.json",
                "NAME",
            ),
            Group("auth", "Create tokens and test users.", AUTH),
        ),
    ),
)
HELP_OPTIONS = frozenset({"-h", "--help"})
SUMMARY = "Benchmark a chat stack, compare it with its baseline, and report regressions."


def sends_load(arguments: Sequence[str]) -> bool:
    """Return whether the arguments call a command that sends a load from this machine, not for its help."""
    if not arguments or not HELP_OPTIONS.isdisjoint(arguments):
        return False
    if any(argument.removeprefix("--workers=").startswith("dask://") for argument in arguments):
        return False
    for section in SECTIONS:
        for entry in section.entries:
            if entry.name == arguments[0]:
                return isinstance(entry, Command) and entry.sends_load
    return False
