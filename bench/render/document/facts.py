"""What is said of a run beside its tables: a label and a line each."""

from collections.abc import Mapping

from bench.core.calibration.calibration import Calibration, Trial
from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.config.executors import in_words
from bench.core.report.report import Report
from bench.core.run.overhead import CONFIDENCE, Overhead
from bench.core.run.recovery import Recovery
from bench.core.run.result import environment
from bench.core.run.summary import Goodput, RunSummary, TokenGaps
from bench.core.samples.metrics import metric
from bench.core.values import wording
from bench.core.verdict.compare import Comparison, MachineComparison
from bench.core.watch.host import Cores, Host
from bench.core.watch.work import label
from bench.render.document import loads

_SAME = 0.005  # of a pace: a smaller difference is none


def facts(report: Report) -> tuple[tuple[str, str], ...]:
    """What is said, and its label; what is not known is left out."""
    result, comparison = report.result, report.comparison
    made, where = result.provenance, result.fingerprint
    injected = ", ".join(f"{knob}={value:g}" for knob, value in made.injections.items())
    said = {
        "load": in_words(result.scenario.phases),
        "answered": _answered(result.summary),
        "bottleneck": loads.sentence(result.summary.bottleneck),
        "for a message": _work(result.summary),
        "between tokens": _token_gaps(result.summary.itl),
        "recovery": _recovery(result.summary.recovery),
        "overhead": _overhead(result.summary.overhead),
        "goodput": _goodput(result.summary.goodput, result.scenario.objectives),
        "run": f"{made.run_id}, commit {_commit(made.commit, dirty=made.dirty is True)}",
        "made worse": injected,
        "baseline": _baseline(comparison),
        "measured again": comparison.confirmed_by or "",
        "stack": f"{where.stack} ({environment(where)})",
        "machine": f"{where.system}, {where.cpu_count} × {where.cpu_model}",  # noqa: RUF001 - times
        "host": _host(result.host),
        "calibration": _calibration(result.calibration),
        "reference_workload": _reference_workload(result.reference_workload, comparison.machine),
        "made with": f"bench {made.tool_version}, Python {made.python_version}",
    }
    return tuple((label, text) for label, text in said.items() if text)


def _host(host: Host | None) -> str:
    """How quiet the machine was, and who had which cores."""
    if host is None:
        return ""
    quota = "" if host.quota_cores is None else f" (quota {host.quota_cores:.3g})"
    cores = "" if host.cores is None else f"{wording.counted(host.cores, 'core')}{quota}"
    shares = {"stolen": host.stolen_ratio, "throttled": host.throttled_ratio, "too hot": host.hot_ratio}
    said = [
        cores,
        f"governor {wording.listing([*host.governors])}" if host.governors else "",
        "" if host.load_at_start is None else f"load {host.load_at_start:.3g} at the start",
        *(f"{wording.percent(share)} {what}" for what, share in shares.items() if share is not None),
        f"too hot {host.hot_count} times" if host.hot_count and host.hot_ratio is None else "",
        f"{host.swapped_pages:,} pages swapped" if host.swapped_pages else "",
        *(f"{who} on {_cores(cores)}" for who, cores in host.pinned.items()),
    ]
    return ", ".join(filter(None, said))


def _cores(cores: Cores) -> str:
    """`core 3`, `cores 0 to 2`, `cores 0, 2 and 5`."""
    first, last = cores[0], cores[-1]
    if len(cores) == 1:
        return f"core {first}"
    together = list(cores) == list(range(first, last + 1))
    return f"cores {first} to {last}" if together else f"cores {wording.listing([*map(str, cores)])}"


def _answered(summary: RunSummary) -> str:
    rates = [f"{summary.requests_rps:,.3g} requests/s"] if summary.requests_rps else []
    rates += [f"{summary.tokens_tps:,.3g} tokens/s"] if summary.tokens_tps else []
    return ", ".join([f"{summary.requests} requests in {summary.elapsed_s:.1f} s", *rates])


def _work(summary: RunSummary) -> str:
    """What a message makes the services do."""
    return ", ".join(f"{label(name)} {count:,.4g}" for name, count in summary.work.items())


def _token_gaps(gaps: TokenGaps | None) -> str:
    if gaps is None:
        return ""
    quantiles = {"mean": gaps.mean_ms, "p50": gaps.p50_ms, "p90": gaps.p90_ms, "p99": gaps.p99_ms}
    said = ", ".join(f"{name} {wording.duration(value)}" for name, value in quantiles.items())
    return f"{said} ({gaps.count:,} gaps)"


def _recovery(found: Recovery | None) -> str:
    if found is None:
        return ""
    change = f"{wording.duration(found.before_ms)} → {wording.duration(found.after_ms)}"
    cancelled = "1 request was" if found.cancelled == 1 else f"{found.cancelled} requests were"
    return f"{metric(found.metric).label} {change} after {cancelled} cancelled"


def _calibration(calibration: Calibration | None) -> str:
    """How far the load generator is off, which nobody need take on trust."""
    if calibration is None:
        return "none: how late the load generator is by itself is not known"
    trials = {"before": calibration.before, "after": calibration.after}
    said = [f"{when} {_off(trial)}" for when, trial in trials.items() if trial is not None]
    return f"first tokens of known time, {calibration.load}: {', '.join(said)}"


def _reference_workload(
    reference_workload: ReferenceWorkload | None, machine: MachineComparison | None
) -> str:
    """What pinned work took, and what that says of the machine beside the baseline's."""
    if reference_workload is None:
        return ""
    pace = [
        f"{name} {wording.duration(each_ms)}"
        for name, each_ms in sorted(reference_workload.before_ms.items())
    ]
    if machine is None:
        return f"the same work as ever took {wording.listing(pace)}"
    other = " slower" if machine.slower_ratio > 0 else " faster"
    size = (
        "as fast" if abs(machine.slower_ratio) < _SAME else wording.percent(abs(machine.slower_ratio)) + other
    )
    return f"this machine is {size} beside the baseline's ({wording.listing(pace)})"


def _off(trial: Trial) -> str:
    if trial.ttft is None:
        return "unanswered"
    return f"{wording.change_ms(trial.ttft.p50_ms)} (p95 {wording.change_ms(trial.ttft.p95_ms)})"


def _overhead(overhead: Overhead | None) -> str:
    if overhead is None:
        return ""
    low, high = wording.change_ms(overhead.low_ms), wording.change_ms(overhead.high_ms)
    interval = "" if overhead.low_ms is None else f", {CONFIDENCE:.0%} interval {low} to {high}"
    size = f"{wording.change_ms(overhead.mean_ms)} ({wording.change(overhead.ratio)})"
    pairs = wording.counted(overhead.pairs, "pair")
    return f"{size} against {overhead.compare_with}{interval}, {pairs}"


def _goodput(goodput: Goodput | None, objectives: Mapping[str, float]) -> str:
    if goodput is None:
        return ""
    limits = wording.listing(
        [f"{metric(key).label} {wording.duration(limit)}" for key, limit in objectives.items()]
    )
    return f"{wording.percent(goodput.ratio)} of the requests within {limits}"


def _baseline(comparison: Comparison) -> str:
    if not comparison.baseline_runs:
        return "none to compare with"
    commit = _commit(comparison.newest_baseline_commit, dirty=False)
    if comparison.base_name is not None:
        runs = f"{comparison.baseline_runs} runs, alternating with this run's"
        return f"{comparison.base_name}, commit {commit}, {runs}"
    when = f" ({comparison.newest_baseline_at:%Y-%m-%d})" if comparison.newest_baseline_at else ""
    return f"{comparison.baseline_runs} runs, the newest of commit {commit}{when}"


def _commit(commit: str | None, *, dirty: bool) -> str:
    if commit is None:
        return "unknown"
    return commit[:9] + (" with changes" if dirty else "")
