"""The facts about a run: a label and a line for each."""

from collections.abc import Mapping, Sequence

from bench.core.calibration.calibration import Calibration, Trial
from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.config.load_words import scenario_in_words
from bench.core.report.report import Report
from bench.core.run.generator_reports import GeneratorReport
from bench.core.run.origin import Fingerprint, Provenance
from bench.core.run.overhead import CONFIDENCE, Overhead
from bench.core.run.recovery import Recovery
from bench.core.run.repeats import Repeats
from bench.core.run.result import RunResult, environment
from bench.core.run.retries import RetryCounts
from bench.core.run.summary import RunSummary
from bench.core.run.token_gaps import TokenGaps
from bench.core.samples.metrics import metric
from bench.core.values import wording
from bench.core.verdict.compare import Comparison, MachineComparison
from bench.core.watch.host import Cores, Host
from bench.core.watch.work import label
from bench.render.document.loads import load_sentence

_MOST_GENERATORS = 8
_SAME_SPEED_RATIO = 0.005
"""A smaller difference between two machines' speeds is reported as none."""


def facts(report: Report) -> tuple[tuple[str, str], ...]:
    """Return label and line of each known fact."""
    result = report.result
    comparison = report.comparison
    provenance = result.provenance
    place = result.fingerprint
    injections = ", ".join(f"{knob}={value:g}" for knob, value in provenance.injections.items())
    lines = {
        "load": scenario_in_words(result.scenario),
        **dict(measured_facts(result)),
        "run": f"{provenance.run_id}, commit {_commit(provenance.commit, dirty=provenance.dirty is True)}",
        "commit": _commit_words(provenance),
        "uncommitted changes": provenance.describe_changes(),
        "injected": injections,
        "baseline": _baseline(comparison),
        "pairs": _pairs(comparison),
        "level": comparison.level or "",
        "accepted": comparison.accepted or "",
        "confirmed by": comparison.confirmed_by or "",
        "stack": f"{place.stack} ({environment(place)})",
        "machine": _machine(place),
        "host": describe_host(result.host),
        "calibration": _calibration(result.calibration),
        "reference workload": _reference_workload(result.reference_workload, comparison.machine),
        "made with": f"bench {provenance.tool_version}, Python {provenance.python_version}",
        "HTTP": _http_versions(result.http_versions),
    }
    return _without_unknown(lines)


def measured_facts(result: RunResult) -> tuple[tuple[str, str], ...]:
    """Return label and line of each known fact that the load itself showed."""
    summary = result.summary
    return _without_unknown(
        {
            "answered": _throughput(summary),
            "bottleneck": load_sentence(summary.bottleneck),
            "corrected p99": _corrected_p99(summary),
            "work per message": _work(summary),
            "repeated messages": _repeats(summary.repeats),
            "retries": _retries(summary.retries),
            "between tokens": _token_gaps(summary.itl),
            "recovery": _recovery(summary.recovery),
            "overhead": _overhead(summary.overhead),
            "goodput": _goodput(summary, result.scenario.objectives),
            "interception": _interception(summary),
            **describe_generators(result.generators),
        }
    )


def _without_unknown(lines: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, line) for name, line in lines.items() if line)


def _http_versions(versions: Sequence[str]) -> str:
    """Return the versions of HTTP, unless the run used HTTP/1.1 only, as the own transport does."""
    return "" if set(versions) <= {"1.1"} else ", ".join(f"HTTP/{version}" for version in versions)


def describe_host(host: Host | None) -> str:
    """Return the known facts about the quietness of the machine and the division of its cores."""
    if host is None:
        return ""
    parts = []
    if host.cores is not None:
        quota = "" if host.quota_cores is None else f" (quota {host.quota_cores:.3g})"
        parts.append(f"{wording.counted(host.cores, 'core')}{quota}")
    if host.governors:
        parts.append(f"governor {wording.listing([*host.governors])}")
    if host.load_at_start is not None:
        parts.append(f"load {host.load_at_start:.3g} at the start")
    parts += _lost_time(host)
    if host.swapped_pages:
        parts.append(f"{host.swapped_pages:,} pages swapped")
    for process, cores in host.pinned.items():
        parts.append(f"{process} on {_cores(cores)}")
    return ", ".join(parts)


def _lost_time(host: Host) -> list[str]:
    shares = {
        "stolen": host.stolen_ratio,
        "throttled": host.throttled_ratio,
        "slowed by heat": host.hot_ratio,
    }
    parts = []
    for cause, ratio in shares.items():
        if ratio is not None:
            parts.append(f"{wording.percent(ratio)} {cause}")
    if host.hot_count and host.hot_ratio is None:
        parts.append(f"slowed by heat {wording.counted(host.hot_count, 'time')}")
    return parts


def _cores(cores: Cores) -> str:
    """Return `core 3`, `cores 0 to 2` or `cores 0, 2 and 5`."""
    first = cores[0]
    last = cores[-1]
    if len(cores) == 1:
        return f"core {first}"
    if list(cores) == list(range(first, last + 1)):
        return f"cores {first} to {last}"
    return f"cores {wording.listing([*map(str, cores)])}"


def _throughput(summary: RunSummary) -> str:
    requests = wording.counted(summary.requests, "request")
    parts = [f"{summary.ok} of {requests} in {summary.elapsed_s:.1f} s"]
    if summary.requests_rps:
        covered = summary.metrics.get("requests")
        is_part = covered is not None and covered.count < summary.requests
        parts.append(f"{wording.rate(summary.requests_rps)} {'messages' if is_part else 'requests'}/s")
    if summary.tokens_tps:
        parts.append(f"{wording.rate(summary.tokens_tps)} tokens/s")
    return ", ".join(parts)


def _corrected_p99(summary: RunSummary) -> str:
    """Return the p99 of the response time with and without the correction for coordinated omission."""
    row = summary.metrics.get("e2e_ms")
    if row is None or row.p99_corrected is None:
        return ""
    plain = wording.duration(row.p99, lower_bound="p99" in row.lower_bounds)
    corrected = wording.duration(row.p99_corrected)
    if corrected == plain:
        return f"{corrected}, as measured: no coordinated omission"
    return f"{corrected} for {plain}, with the requests that a closed loop omits (coordinated omission)"


def _work(summary: RunSummary) -> str:
    """Return the services' counters per message."""
    return ", ".join(f"{label(name)} {count:,.4g}" for name, count in summary.work.items())


def _repeats(repeats: Repeats | None) -> str:
    """Return the share of repeated messages, its expected value, and the hit ratio of the cache."""
    if repeats is None:
        return ""
    line = (
        f"{wording.percent(repeats.repeated_ratio)} of {wording.counted(repeats.requests, 'request')} "
        f"(expected: {wording.percent(repeats.expected_ratio)})"
    )
    if repeats.hit_ratio is None:
        return line
    return f"{line}; hit ratio of the cache {wording.percent(repeats.hit_ratio)}"


def _retries(counts: RetryCounts | None) -> str:
    """Return how many requests were sent again, how many of them succeeded, and their mean wait."""
    if counts is None:
        return ""
    if not counts.requests:
        return "no request was sent again"
    wait = wording.duration(1000 * counts.waited_s / counts.requests)
    retries = "1 retry" if counts.retries == 1 else f"{counts.retries:,} retries"
    return (
        f"{retries} of {wording.counted(counts.requests, 'request')}, {counts.rescued:,} of them succeeded; "
        f"the last attempt began {wait} after the planned start (mean)"
    )


def _token_gaps(gaps: TokenGaps | None) -> str:
    if gaps is None:
        return ""
    statistics = {"mean": gaps.mean, "p50": gaps.p50, "p95": gaps.p95, "p99": gaps.p99, "p99.9": gaps.p99_9}
    parts = []
    for name, value_ms in (statistics | {"max": gaps.max}).items():
        if value_ms is not None:
            parts.append(f"{name} {wording.duration(value_ms)}")
    counted = f"{gaps.count:,} gaps"
    if gaps.together:
        counted += f", {wording.percent(gaps.together / gaps.count)} in one read"
    return f"{', '.join(parts)} ({counted})"


def _recovery(recovery: Recovery | None) -> str:
    if recovery is None:
        return ""
    after = wording.duration(recovery.after_ms, lower_bound=recovery.lower_bound)
    change = f"{wording.duration(recovery.before_ms)} → {after}"
    requests = wording.counted(recovery.cancelled, "cancelled request")
    return f"{metric(recovery.metric).label} {change} after {requests}"


def _calibration(calibration: Calibration | None) -> str:
    """Return the error of the load generator against first tokens of known time."""
    if calibration is None:
        return "none: the error of the load generator is unknown"
    trials = {"before": calibration.before, "after": calibration.after}
    errors = []
    for moment, trial in trials.items():
        if trial is not None:
            errors.append(f"{moment} {_error(trial)}")
    line = f"first tokens of known time, {calibration.load}: {', '.join(errors)}"
    competition = calibration.competition
    return line if competition is None else f"{line}; not judged, because {competition}"


def describe_generators(reports: Sequence[GeneratorReport]) -> dict[str, str]:
    """Return a line for each load generator on another machine; of many, one line and the lost ones."""
    if len(reports) <= _MOST_GENERATORS:
        return {f"worker {report.name} on {report.host}": _describe_generator(report) for report in reports}
    largest_ms = max(report.clock.error_ms for report in reports)
    requests = sum(report.requests for report in reports)
    sent = f"{wording.counted(requests, 'request')}, clocks ±{wording.duration(largest_ms)} at most"
    lines = {"workers": f"{len(reports)} on other machines, {sent}"}
    for report in reports:
        if report.lost is not None:
            lines[f"worker {report.name} on {report.host}"] = _describe_generator(report)
    return lines


def _describe_generator(report: GeneratorReport) -> str:
    own, shares = report.share
    if report.is_lost_before:
        return "lost before the load, no share"
    parts = [f"share {own} of {shares}", wording.counted(report.requests, "request")]
    parts.append(f"clock ±{wording.duration(report.clock.error_ms)}")
    if report.after is not None:
        parts.append(f"first tokens {_error(report.after)}")
    if report.machine_cpu_pct is not None:
        parts.append(f"processors {report.machine_cpu_pct:.0f} % busy")
    if report.lost is not None:
        parts.append(f"lost after {wording.duration(1000 * max(0.0, report.lost.at_s))}")
    return ", ".join(parts)


def _error(trial: Trial) -> str:
    if trial.ttft is None:
        return "no answer"
    return f"{wording.change_ms(trial.ttft.p50_ms)} (p95 {wording.change_ms(trial.ttft.p95_ms)})"


def _machine(place: Fingerprint) -> str:
    """Return system, processors, image and kernel of the machine."""
    details = [place.system, f"{place.cpu_count} × {place.cpu_model}"]  # noqa: RUF001 - times
    if place.image is not None:
        details.append(f"image {place.image}")
    if place.kernel is not None:
        details.append(f"kernel {place.kernel}")
    return ", ".join(details)


def _reference_workload(workload: ReferenceWorkload | None, machine: MachineComparison | None) -> str:
    """Return the times of the reference workload, and the machine's speed compared with the baseline's."""
    if workload is None:
        return ""
    times = []
    for piece, time_ms in sorted((workload.before_ms or workload.after_ms).items()):
        times.append(f"{piece} {wording.duration(time_ms)}")
    listed = wording.listing(times)
    if machine is not None and machine.sd_ratio is not None:
        listed += f"; its own error is {wording.percent(machine.sd_ratio)}"
    if machine is None:
        return f"took {listed}"
    return f"{describe_machine(machine)} ({listed})"


def describe_machine(machine: MachineComparison) -> str:
    """Return the machine's speed compared with the baseline's, with the sd of the reference workload."""
    sd = "" if machine.sd_ratio is None else f" (± {wording.magnitude(machine.sd_ratio)})"
    difference_ratio = abs(machine.slower_ratio)
    if difference_ratio < _SAME_SPEED_RATIO:
        return f"the machine was as fast as the baseline's{sd}"
    direction = "slower" if machine.slower_ratio > 0 else "faster"
    return f"the machine was {wording.magnitude(difference_ratio)} {direction} than the baseline's{sd}"


def _overhead(overhead: Overhead | None) -> str:
    if overhead is None:
        return ""
    interval = ""
    if overhead.low_ms is not None:
        low = wording.change_ms(overhead.low_ms)
        high = wording.change_ms(overhead.high_ms)
        interval = f", {CONFIDENCE:.0%} interval {low} to {high}"
    size = f"{wording.change_ms(overhead.mean_ms)} ({wording.change(overhead.ratio)})"
    pairs = wording.counted(overhead.pairs, "pair")
    return f"{size} compared with {overhead.compare_with}{interval}, {pairs}"


def _goodput(summary: RunSummary, objectives: Mapping[str, float]) -> str:
    if summary.goodput is None:
        return ""
    limits = [f"{metric(key).label} {wording.duration(limit)}" for key, limit in objectives.items()]
    return f"{wording.share(summary.goodput.ratio, summary.requests)} within {wording.listing(limits)}"


def _interception(summary: RunSummary) -> str:
    """Return how many requests the agent answered without its model; failed requests count, too."""
    row = summary.metrics.get("interception_ratio")
    if row is None:
        return ""
    intercepted = round(row.mean * row.count)
    return f"{intercepted:,} of {wording.counted(row.count, 'request')} ({wording.percent(row.mean)})"


def _pairs(comparison: Comparison) -> str:
    if comparison.pairs is None:
        return ""
    end = f"; {comparison.stopped}" if comparison.stopped else ""
    return f"{wording.counted(comparison.pairs, 'pair')}{end}"


def _baseline(comparison: Comparison) -> str:
    if not comparison.baseline_runs:
        return "none"
    commit = _commit(comparison.newest_baseline_commit, dirty=False)
    if comparison.base_name is not None:
        pairs = wording.counted(comparison.pairs or comparison.baseline_runs, "pair")
        stopped = f"; {comparison.stopped}" if comparison.stopped else ""
        return f"{comparison.base_name}, commit {commit}, {pairs} of alternating runs{stopped}"
    day = f" ({comparison.newest_baseline_at:%Y-%m-%d})" if comparison.newest_baseline_at else ""
    level = ""
    if comparison.level_at is not None:
        level = f" of the level of {comparison.level_at:%Y-%m-%d} ({comparison.level_reason})"
    return f"{wording.counted(comparison.baseline_runs, 'run')}{level}, newest of commit {commit}{day}"


def _commit_words(provenance: Provenance) -> str:
    """Return the subject, the author and the branch of a commit, as far as they are known."""
    words = [] if provenance.subject is None else [provenance.subject]
    if provenance.author is not None:
        words.append(f"by {provenance.author}")
    if provenance.branch is not None:
        words.append(f"on branch {provenance.branch}")
    return ", ".join(words)


def _commit(commit: str | None, *, dirty: bool) -> str:
    if commit is None:
        return "unknown"
    return commit[:9] + (" with changes" if dirty else "")
