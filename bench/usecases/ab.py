"""Run two versions alternately on this machine and compare them, without a baseline."""

from contextlib import ExitStack
from pathlib import Path
from typing import Unpack, cast

from bench.core.config.quick_load import is_address
from bench.core.verdict.pair_limits import choose_limits
from bench.measure.http.route import direct_route
from bench.measure.machine.host import choose_cores
from bench.measure.run.conditions import Conditions, Listener
from bench.store.folders import RESULTS
from bench.store.sample_files import FileStore
from bench.usecases.compare import JudgedRun
from bench.usecases.generators import choose_generators
from bench.usecases.merge import JudgedSuite
from bench.usecases.options import QUIET, PairOptions, RunOptions
from bench.usecases.paired import measure_pairs
from bench.usecases.paired_suite import select_scenarios
from bench.usecases.unfinished import mention_unfinished
from bench.usecases.versions import VersionPlanner, plan_addresses, plan_pairs


def ab(
    base: str,
    head: str,
    *,
    scenario: str | None = None,
    listener: Listener = QUIET,
    **options: Unpack[PairOptions],
) -> JudgedRun:
    """Run a scenario alternately on two versions, in the order ABBA, until the difference is known.

    Args:
        base: The version to compare with: STACK, STACK@COMMIT or STACK@./FOLDER, each with
            +VARIABLE=VALUE, or an address.
        head: The version to judge, written like `base`.
        scenario: Name of a scenario, or the path of its file; default: the load of the options for two
            addresses, else `quick`.
        listener: Receives progress, notes and warnings, and what is known after each pair.
        options: See `PairOptions`.

    Raises:
        BenchError: A version is unknown, did not start, or could not be measured. Complete pairs are stored.
        KeyboardInterrupt: Ctrl-C ended the runs. Complete pairs are stored; the message names their folder.
    """
    results = Path(options.get("results", RESULTS))
    mention_unfinished(results, listener)
    limits = choose_limits(options.get("pairs"))
    conditions = _make_conditions(options)
    with ExitStack() as files:
        if scenario is None and is_address(base) and is_address(head):
            versions = plan_addresses((base, head), options.get("ca"), conditions, options, listener)
        else:
            planner = VersionPlanner(
                [scenario or "quick"], _run_options(options), conditions, files, listener
            )
            versions = (planner.plan(base), planner.plan(head, options.get("inject", ())))
        measured = measure_pairs(plan_pairs(*versions, limits), results, listener)
    return measured.single


def ab_suite(
    base: str,
    head: str,
    suite: str,
    *,
    listener: Listener = QUIET,
    **options: Unpack[PairOptions],
) -> JudgedSuite:
    """Run all scenarios of a suite alternately on two versions, each until its difference is known.

    The scenarios take turns, pair by pair, on stacks that are up once. The error rates of the whole suite are
    those of one scenario.

    Args:
        base: The version to compare with, as for `ab`.
        head: The version to judge.
        suite: A suite of scenarios/suites.yaml.
        listener: Receives progress, notes and warnings, and what is known after each pair.
        options: See `PairOptions`.

    Raises:
        BenchError: As for `ab`, or the suite is unknown.
        KeyboardInterrupt: As for `ab`.
    """
    results = Path(options.get("results", RESULTS))
    mention_unfinished(results, listener)
    limits = choose_limits(options.get("pairs"))
    selected = select_scenarios(suite, allow_side_effects=options.get("allow_side_effects", False))
    with ExitStack() as files:
        planner = VersionPlanner(
            selected.names, _run_options(options), _make_conditions(options), files, listener
        )
        versions = (planner.plan(base), planner.plan(head, options.get("inject", ())))
        measured = measure_pairs(plan_pairs(*versions, limits), results, listener)
    return selected.judge(measured)


def _make_conditions(options: PairOptions) -> Conditions:
    workers, cluster = choose_generators(options.get("workers", 1))
    return Conditions(
        workers=workers,
        cluster=cluster,
        route=direct_route(options.get("ca")),
        cores=choose_cores(workers, pin=options.get("pin", True) and cluster is None),
        results=Path(options.get("results", RESULTS)),
        open_store=FileStore,
    )


def _run_options(options: PairOptions) -> RunOptions:
    """Return the options that also a run without a second version has."""
    return cast("RunOptions", {name: value for name, value in options.items() if name != "pairs"})
