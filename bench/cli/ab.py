"""`bench ab`: two versions alternately on this machine, judged without a baseline."""

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import say
from bench.cli.judging import Strict, exit_code, keep, out_option, parse_outputs, write_outputs
from bench.cli.live import watching
from bench.cli.measuring import DEFAULT_RESULTS, Inject, Pin, ResultsFolder, Workers
from bench.render.formats import PAIR_FORMATS

if TYPE_CHECKING:
    from bench.measure.run.alternate import Arm
    from bench.measure.run.run import Conditions

Version = Annotated[str, typer.Argument(help="A stack, STACK@COMMIT, STACK+VARIABLE=IMAGE, or an address.")]
Pairs = Annotated[int, typer.Option("--pairs", min=4, max=100, help="How many runs of each.")]


def ab(
    base: Version,
    head: Version,
    *,
    scenario: Annotated[str, typer.Option("--scenario", help="A scenario's name or file.")] = "quick",
    pairs: Pairs = 6,
    inject: Inject = None,
    workers: Workers = 1,
    pin: Pin = True,
    strict: Strict = False,
    out: Annotated[list[str] | None, out_option(PAIR_FORMATS)] = None,
    results: ResultsFolder = DEFAULT_RESULTS,
) -> None:
    """Run two versions alternately and compare them.

    Exits with 0 when nothing regressed, 1 for a regression or a crossed threshold.
    """
    from bench.core.report.report import make_report
    from bench.core.verdict.ab import compare_pairs
    from bench.errors import ConfigError
    from bench.measure.machine.host import choose_cores
    from bench.measure.run.alternate import alternate
    from bench.measure.run.run import Conditions, Listener
    from bench.store import results as store
    from bench.store import scenarios
    from bench.store.files import write_text

    outputs = parse_outputs(out, PAIR_FORMATS)
    spec = scenarios.load(scenario)
    if spec.compare_with is not None:
        raise ConfigError(f"scenario '{scenario}' compares two targets itself", "bench run measures it")
    usual = Conditions(workers=workers, cores=choose_cores(workers, pin=pin))
    with watching(scenario, live=False) as show, ExitStack() as trees:
        listener = Listener(progress=show, note=say, warning=lambda text: say(f"warning: {text}"))
        arms = (
            _arm(base, spec.target.service, [], usual, trees),
            _arm(head, spec.target.service, inject or [], usual, trees),
        )
        one, other = alternate(spec, *arms, pairs, listener)
    report = make_report(other.whole, compare_pairs(one.runs, other.runs, other.whole, base))
    home = store.save(other.whole, other.recording, results)
    write_text(home / "base.json", one.whole.model_dump_json(indent=1) + "\n")
    write_outputs(report, outputs, home)
    keep(report, home)
    raise typer.Exit(exit_code(report, strict=strict))


def _arm(version: str, service: str, inject: list[str], usual: "Conditions", trees: ExitStack) -> "Arm":
    from bench.core.config.stack import parse_injections
    from bench.core.config.version import parse_version
    from bench.errors import ConfigError
    from bench.measure.run.alternate import Arm
    from bench.measure.run.checkout import checked_out, commit_of
    from bench.store import stacks

    if version.startswith(("http://", "https://")):
        return Arm(version, stacks.load("external"), replace(usual, urls={service: version}))
    wanted = parse_version(version)
    stack = stacks.load(wanted.stack)
    if wanted.variables and stack.compose is None:
        raise ConfigError(
            f"{version}: '{stack.name}' has no compose file", "only a compose file has variables"
        )
    if wanted.commit is not None and stack.compose is not None:
        raise ConfigError(
            f"{version}: containers are not started from a commit", f"{stack.name}+VARIABLE=IMAGE"
        )
    commit = commit_of(wanted.commit) if wanted.commit is not None else None
    tree = trees.enter_context(checked_out(wanted.commit)) if wanted.commit is not None else None
    conditions = replace(
        usual,
        injections=parse_injections(stack, tuple(inject)),
        tree=tree,
        shared=False,
        variables=wanted.variables,
    )
    return Arm(version, stack, conditions, commit)
