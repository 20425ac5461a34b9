"""Run two versions alternately on this machine and compare them, without a baseline."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Unpack, cast

from bench.core.config.quick_load import is_address
from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import Stack, parse_injections
from bench.core.config.version import Version, parse_version
from bench.core.report.report import make_report
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult
from bench.core.verdict.ab import compare_pairs
from bench.errors import ConfigError, StoreError
from bench.measure.http.route import direct_route
from bench.measure.machine.host import choose_cores
from bench.measure.run.alternate import Arm, ArmRuns, RunPlace, alternate
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.run.version_files import provide_files
from bench.store import results as store
from bench.store import scenarios, stacks
from bench.store.folders import RESULTS
from bench.store.sample_files import FileStore
from bench.usecases.compare import JudgedRun
from bench.usecases.options import QUIET, LoadOptions, RunOptions
from bench.usecases.plan_run import (
    ADDRESS_OPTIONS,
    check_side_effects,
    load_spec,
    plan_address,
    refuse_options,
)
from bench.usecases.report import store_judgement
from bench.usecases.unfinished import mention_unfinished

MakeSpec = Callable[[Stack, Mapping[str, str]], RunSpec]
"""Reads a scenario for a stack and the variables of its version."""


def ab(
    base: str,
    head: str,
    *,
    scenario: str | None = None,
    pairs: int = 6,
    service: str | None = None,
    inject: Sequence[str] = (),
    ca: Path | None = None,
    workers: int = 1,
    pin: bool = True,
    allow_side_effects: bool = False,
    results: Path | str = RESULTS,
    listener: Listener = QUIET,
    **load: Unpack[LoadOptions],
) -> JudgedRun:
    """Run a scenario alternately on two versions, in the order ABBA, and compare them.

    Args:
        base: The version to compare with: STACK, STACK@COMMIT or STACK@./FOLDER, each with
            +VARIABLE=VALUE, or an address.
        head: The version to judge, written like `base`.
        scenario: Name of a scenario, or the path of its file; default: the load of the options for two
            addresses, else `quick`.
        pairs: Number of runs of each version, at least 4.
        service: Service that gets the requests; default: the service of the stack for this target.
        inject: Knobs that make the head version slower, such as `model.slowdown=1.3`.
        ca: PEM file with certificates that are trusted as well as those of the system.
        workers: Processes that generate the load.
        pin: Give load and stack separate cores on machines with four or more cores.
        allow_side_effects: Run a scenario although its changes outlast the run.
        results: Folder of the stored runs.
        listener: Receives progress, notes and warnings.
        load: Options of the load, see `LoadOptions`.

    Raises:
        BenchError: A version is unknown, did not start, or could not be measured.
        KeyboardInterrupt: Ctrl-C ended the runs.
    """
    conditions = Conditions(
        workers=workers,
        route=direct_route(ca),
        cores=choose_cores(workers, pin=pin),
        results=Path(results),
        open_store=FileStore,
    )
    mention_unfinished(Path(results), listener)
    with ExitStack() as files:
        if scenario is None and is_address(base) and is_address(head):
            base_arm, head_arm = _plan_addresses((base, head), ca, conditions, load, listener)
        else:
            make_spec = _prepare_scenario(scenario or "quick", service, load)
            base_arm = _make_arm(base, make_spec, (), conditions, files=files, listener=listener)
            head_arm = _make_arm(head, make_spec, inject, conditions, files=files, listener=listener)
        for arm in (base_arm, head_arm):
            check_side_effects(arm.spec.scenario, arm.stack, allowed=allow_side_effects)
        base_runs, head_runs = alternate(base_arm, head_arm, pairs, listener, _storing(Path(results)))
    return _judge(base, base_runs, head_runs, Path(results))


def _storing(results: Path) -> Callable[[RunPlace, RunResult, Recording], None]:
    """Return a function that stores a single run in its own folder."""

    def store_run(place: RunPlace, result: RunResult, recording: Recording) -> None:
        with suppress(StoreError):  # the joined runs are stored again, and the error is reported there
            store.save_in(result, recording, results / place.folder)

    return store_run


def _judge(base: str, base_runs: ArmRuns, head_runs: ArmRuns, results: Path) -> JudgedRun:
    """Compare the runs of two versions, and store the result."""
    comparison = compare_pairs(base_runs.runs, head_runs.runs, head_runs.combined, base)
    folder, problem = store.save_anywhere(head_runs.combined, head_runs.recording, results)
    judged = JudgedRun(make_report(head_runs.combined, comparison), folder)
    content = base_runs.combined.model_dump_json(indent=1) + "\n"
    return store_judgement(judged, problem, {store.BASE: content})


def _check_one_target(scenario: str) -> None:
    if scenarios.load(scenario).compare_with is not None:
        raise ConfigError(
            f"scenario '{scenario}' compares two targets itself", f"run it with: bench run {scenario}"
        )


def _prepare_scenario(name: str, service: str | None, load: LoadOptions) -> MakeSpec:
    """Return a function that reads a scenario for a version.

    Raises:
        ConfigError: The scenario or an option is wrong.
    """
    refuse_options(
        load, ADDRESS_OPTIONS, "needs two addresses without --scenario", "change the scenario's file"
    )
    _check_one_target(name)
    chosen = cast("RunOptions", {**load, "service": service})

    def make_spec(stack: Stack, version: Mapping[str, str]) -> RunSpec:
        return load_spec(name, stack, chosen, version)

    return make_spec


def _plan_addresses(
    addresses: tuple[str, str], ca: Path | None, conditions: Conditions, load: LoadOptions, listener: Listener
) -> tuple[Arm, Arm]:
    """Return the load at two addresses, which must have the same interface.

    Raises:
        ConfigError: An address or an option is wrong, or the interfaces differ.
        TargetError: An interface was not recognised.
    """
    arms: list[Arm] = []
    for address in addresses:
        plan = plan_address(address, cast("RunOptions", {**load, "ca": ca}), listener)
        own = replace(conditions, urls=plan.conditions.urls, is_ready=True)
        arms.append(Arm(address.partition("?")[0], plan.spec, plan.stack, own))
    base, head = arms
    if base.spec.target != head.spec.target:
        raise ConfigError(
            f"the two addresses have different interfaces or models: {base.spec.target.name} and "
            f"{head.spec.target.name}",
            "name the model (--model NAME), or one target for both (--target NAME)",
        )
    return base, head


def _make_arm(
    name: str,
    make_spec: MakeSpec,
    inject: Sequence[str],
    conditions: Conditions,
    *,
    files: ExitStack,
    listener: Listener,
) -> Arm:
    """Return one version, with its files for as long as `files` is open."""
    if is_address(name):
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
