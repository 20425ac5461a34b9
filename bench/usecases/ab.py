"""Run two versions alternately on this machine and compare them, without a baseline."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import Stack, parse_injections
from bench.core.config.version import Version, parse_version
from bench.core.report.report import make_report
from bench.core.verdict.ab import compare_pairs
from bench.errors import ConfigError
from bench.measure.http.route import direct_route
from bench.measure.machine.host import choose_cores
from bench.measure.run.alternate import Arm, ArmRuns, alternate
from bench.measure.run.run import Conditions, Listener
from bench.measure.run.version_files import provide_files
from bench.store import results as store
from bench.store import scenarios, stacks
from bench.usecases.compare import JudgedRun
from bench.usecases.report import store_judgement
from bench.usecases.run import QUIET, RunOptions, check_side_effects, load_spec

BASE = "base.json"
"""The result of the base version, in the folder of the head version's run."""


def ab(
    base: str,
    head: str,
    *,
    scenario: str = "quick",
    pairs: int = 6,
    target: str | None = None,
    model: str | None = None,
    settings: Sequence[str] = (),
    service: str | None = None,
    inject: Sequence[str] = (),
    ca: Path | None = None,
    workers: int = 1,
    pin: bool = True,
    allow_side_effects: bool = False,
    results: Path | str = store.FOLDER,
    listener: Listener = QUIET,
) -> JudgedRun:
    """Run a scenario alternately on two versions, in the order ABBA, and compare them.

    Args:
        base: The version to compare with: STACK, STACK@COMMIT or STACK@./FOLDER, each with
            +VARIABLE=VALUE, or an address.
        head: The version to judge, written like `base`.
        scenario: Name of a scenario, or the path of its file.
        pairs: Number of runs of each version, at least 4.
        target: Name of the target; default: the target of the scenario.
        model: Name of the model; a version's own `+MODEL=NAME` replaces it.
        settings: Values of the target's body such as `stream=false`, or of fields such as `target.path=/v2`.
        service: Service that gets the requests; default: the service of the stack for this target.
        inject: Knobs that make the head version slower, such as `model.slowdown=1.3`.
        ca: PEM file with certificates that are trusted as well as those of the system.
        workers: Processes that generate the load.
        pin: Give load and stack separate cores on machines with four or more cores.
        allow_side_effects: Run a scenario although its changes outlast the run.
        results: Folder of the stored runs.
        listener: Receives progress, notes and warnings.

    Raises:
        BenchError: A version is unknown, did not start, or could not be measured.
        KeyboardInterrupt: Ctrl-C ended the runs.
    """
    _check_one_target(scenario)
    chosen: RunOptions = {"target": target, "model": model, "settings": settings, "service": service}
    make_spec = partial(_make_spec, scenario, chosen)
    conditions = Conditions(
        workers=workers,
        route=direct_route(ca),
        cores=choose_cores(workers, pin=pin),
        results=Path(results),
    )
    with ExitStack() as files:
        base_arm = _make_arm(base, make_spec, (), conditions, files=files, listener=listener)
        head_arm = _make_arm(head, make_spec, inject, conditions, files=files, listener=listener)
        for arm in (base_arm, head_arm):
            check_side_effects(arm.spec.scenario, arm.stack, allowed=allow_side_effects)
        base_runs, head_runs = alternate(base_arm, head_arm, pairs, listener)
    return _judge(base, base_runs, head_runs, Path(results))


def _judge(base: str, base_runs: ArmRuns, head_runs: ArmRuns, results: Path) -> JudgedRun:
    """Compare the runs of two versions, and store the result."""
    comparison = compare_pairs(base_runs.runs, head_runs.runs, head_runs.combined, base)
    folder, problem = store.save_anywhere(head_runs.combined, head_runs.recording, results)
    judged = JudgedRun(make_report(head_runs.combined, comparison), folder)
    content = base_runs.combined.model_dump_json(indent=1) + "\n"
    return store_judgement(judged, problem, {BASE: content})


def _check_one_target(scenario: str) -> None:
    if scenarios.load(scenario).compare_with is not None:
        raise ConfigError(
            f"scenario '{scenario}' compares two targets itself", f"run it with: bench run {scenario}"
        )


def _make_spec(scenario: str, options: RunOptions, stack: Stack, variables: Mapping[str, str]) -> RunSpec:
    """Return the scenario for a version of a stack."""
    return load_spec(scenario, stack, options, variables)


def _make_arm(
    name: str,
    make_spec: Callable[[Stack, Mapping[str, str]], RunSpec],
    inject: Sequence[str],
    conditions: Conditions,
    *,
    files: ExitStack,
    listener: Listener,
) -> Arm:
    """Return one version, with its files for as long as `files` is open."""
    if name.startswith(("http://", "https://")):
        stack = stacks.load("external")
        spec = make_spec(stack, {})
        return Arm(name, spec, stack, replace(conditions, urls={spec.target.service: name}))
    version = parse_version(name)
    stack = stacks.load(version.stack, version.variables)
    _check_version(name, version, stack)
    spec = make_spec(stack, version.variables)
    injections = parse_injections(stack, tuple(inject))
    provided = files.enter_context(provide_files(name, version, stack, listener.note))
    conditions = replace(
        conditions,
        injections=injections,
        tree=provided.tree,
        state=provided.state,
        shared=False,
        variables=version.variables,
    )
    return Arm(name, spec, stack, conditions, provided.commit, is_elsewhere=version.folder is not None)


def _check_version(name: str, version: Version, stack: Stack) -> None:
    has_files = version.commit is not None or version.folder is not None
    if stack.compose is not None and has_files:
        source = "folder" if version.commit is None else "commit"
        raise ConfigError(
            f"{name}: bench cannot start containers from a {source}",
            f"name an image instead: {version.stack}+VARIABLE=IMAGE",
        )
    if stack.is_external and (has_files or version.variables):
        raise ConfigError(
            f"{name}: stack '{version.stack}' runs elsewhere, so bench cannot start a version of it",
            "name its address: http://HOST:PORT",
        )
