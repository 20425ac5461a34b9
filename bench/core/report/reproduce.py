"""The commands that measure a run again, as far as its result knows them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from bench.core.config.capacity_search import NAME_SUFFIX, CapacitySearch
from bench.core.report.report import ADDRESS_STACK, Report, known_commit
from bench.core.run.result import RunResult
from bench.core.samples.sample import is_generator
from bench.core.values import wording
from bench.core.values.duration import format_duration
from bench.core.verdict.compare import Comparison

_USUAL_STACK = "embedded"
_OPTION = re.compile(r"--[a-z][a-z-]*")


@dataclass(frozen=True, slots=True)
class Reproduction:
    """How to measure a run again."""

    commands: tuple[str, ...]
    """Commands of a shell, in their order."""
    notes: tuple[str, ...]
    """What the commands do not contain, a sentence each."""


def describe_reproduction(report: Report) -> Reproduction:
    """Return the commands that measure a run again, and what the result does not know about it.

    For example: `git checkout 5e511ed79`, `bench check quick --inject model.slowdown=1.3`.
    """
    result = report.result
    commit = known_commit(result.provenance.commit)
    checkout = [] if commit is None else [f"git checkout {commit}"]
    command = " ".join([*_command(report), *_options(result)])
    return Reproduction(commands=(*checkout, command), notes=tuple(_notes(report)))


def _command(report: Report) -> list[str]:
    """Return the command with its arguments, without options that any command has."""
    result = report.result
    comparison = report.comparison
    name = shlex.quote(result.scenario.name)
    if result.capacity is not None:
        return [
            "bench capacity",
            shlex.quote(_searched_name(result)),
            *_limits(result),
            *_search_options(result.scenario.capacity),
        ]
    if _is_address(result):
        return ["bench run ADDRESS"]
    if comparison.base_name is None:
        return [f"bench {'check' if comparison.baseline_runs else 'run'} {name}"]
    base_commit = known_commit(comparison.newest_baseline_commit)
    if _compares_commits(result, comparison) and base_commit is not None:
        return [f"bench check {name} --against {base_commit}"]
    base_name = "BASE" if comparison.base_name.startswith("-") else shlex.quote(comparison.base_name)
    return [f"bench ab {base_name} HEAD --scenario {name}"]


def _is_address(result: RunResult) -> bool:
    """Return whether the command line described the load, so that no file of a scenario exists."""
    return result.fingerprint.stack == ADDRESS_STACK and result.scenario.name == result.scenario.target


def _compares_commits(result: RunResult, comparison: Comparison) -> bool:
    """Return whether the versions of a pair are two commits, and not variables or addresses of one commit."""
    base = comparison.newest_baseline_commit
    name = comparison.base_name or ""
    return base is not None and base != result.provenance.commit and "+" not in name and "://" not in name


def _searched_name(result: RunResult) -> str:
    return result.scenario.name.removesuffix(NAME_SUFFIX)


def _limits(result: RunResult) -> Iterator[str]:
    """Yield the limits of a search: without them, a scenario that declares none cannot be searched."""
    for key, limit_ms in result.scenario.objectives.items():
        name = key.removesuffix("_ms")
        yield f"--objective {shlex.quote(f'{name}<{limit_ms:g}ms')}"
    for key, thresholds in result.scenario.thresholds.items():
        for threshold in thresholds:
            yield f"--threshold {shlex.quote(f'{key} {threshold.expression}')}"


def _search_options(search: CapacitySearch | None) -> Iterator[str]:
    """Yield the options of a search that differ from their defaults."""
    declared = {} if search is None else search.model_dump(by_alias=True, exclude_defaults=True)
    for field, value in declared.items():
        if field == "budget":
            yield f"--budget {format_duration(value)}"
        elif field == "predict":
            yield from [f"--predict {load:g}" for load in value]
        else:
            yield f"--{field} {value:g}"


def _options(result: RunResult) -> Iterator[str]:
    """Yield the options of any command that the result knows."""
    stack = result.fingerprint.stack
    if stack == ADDRESS_STACK and not _is_address(result):
        yield "--url URL"
    elif stack not in {_USUAL_STACK, ADDRESS_STACK}:
        yield f"--stack {shlex.quote(stack)}"
    for override in result.overrides:
        name, space, value = override.partition(" ")
        if _OPTION.fullmatch(name):
            yield f"{name} {shlex.quote(value)}" if space else name
    for knob, factor in result.provenance.injections.items():
        yield f"--inject {shlex.quote(f'{knob}={_exact(factor)}')}"
    generators = [source for source in result.summary.resources if is_generator(source)]
    if len(generators) > 1 and not result.generators:
        yield f"--workers {len(generators)}"


def _exact(value: float) -> str:
    """Return a number without rounding it."""
    return repr(value).removesuffix(".0")


def _notes(report: Report) -> Iterator[str]:
    yield from _unknown_version(report)
    yield from _unknown_names(report)
    yield from _surroundings(report)


def _unknown_version(report: Report) -> Iterator[str]:
    provenance = report.result.provenance
    if known_commit(provenance.commit) is None:
        yield "The run was started outside a repository, so its commit is unknown."
    if provenance.dirty:
        files = provenance.describe_changes()
        named = f": {files}" if files else ""
        yield f"The run had uncommitted changes, which the commit does not contain{named}."
    if _command(report)[0].startswith("bench ab "):
        yield "Replace HEAD with the version that this run measured; its result does not contain the name."


def _unknown_names(report: Report) -> Iterator[str]:
    result = report.result
    name = result.scenario.name
    if result.fingerprint.stack == ADDRESS_STACK:
        place = "ADDRESS" if _is_address(result) else "URL"
        yield f"Replace {place} with the address of the service; the result does not contain it."
    if result.capacity is not None and name.endswith(NAME_SUFFIX):
        yield f"If a scenario is named {wording.shorten(name)}, write this name."
    yield "The result does not contain these options: --target, --service, --url, --transport and --otlp."


def _surroundings(report: Report) -> Iterator[str]:
    """Yield the seed, the machine, and the job that measured."""
    result = report.result
    yield f"The seed of the scenario is {result.scenario.seed}."
    if report.comparison.confirmed_by is not None:
        yield "A second run confirmed the result; bench check measures it by itself."
    workflow = result.provenance.workflow
    if workflow is not None:
        yield f"Attempt {workflow.attempt} of workflow run {workflow.run} measured it."
    if result.generators:
        machines = wording.counted(len(result.generators), "load generator")
        yield f"The load came from {machines} on other machines: name their scheduler with --workers."
    if not result.fingerprint.simulated:
        place = result.fingerprint
        yield f"Use a machine like this one: {place.system}, {place.cpu_count} × {place.cpu_model}."  # noqa: RUF001
