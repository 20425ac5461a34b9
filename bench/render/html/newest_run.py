"""The numbers of a history's newest run, in words."""

from collections.abc import Iterable

from bench.core.history.history import HistoryPoint
from bench.core.report.load_change import describe_load_with_interval
from bench.core.report.run_costs import cpu_per_request_ms, memory_bytes, tokens_per_cpu_second
from bench.core.report.site_entry import success_of, typical_of, uses_of, wait_of
from bench.core.samples.sample import Outcome
from bench.core.values import wording


def newest_run_facts(run: HistoryPoint) -> tuple[tuple[str, str], ...]:
    """Return label and text of each known number of a run."""
    facts = (*_capacity(run), *_answers(run), *_costs(run), *_services(run), *_health(run))
    return tuple(filter(_is_known, facts))


def _is_known(fact: tuple[str, str]) -> bool:
    return fact[1] not in ("", wording.DASH)


def _capacity(run: HistoryPoint) -> Iterable[tuple[str, str]]:
    safe = run.safe_load
    if safe is not None:
        yield "safe load", describe_load_with_interval(safe)
        yield "ends in", (run.vitals.breaks_at or "") if run.vitals else ""


def _answers(run: HistoryPoint) -> Iterable[tuple[str, str]]:
    requests = run.ok + run.failed
    if run.safe_load is None:  # a search tries loads that fail
        yield "success", wording.short_share(success_of(run), requests)
        yield "failures", _errors(run)
        goodput = run.vitals.goodput_ratio if run.vitals else None
        yield "goodput", wording.short_share(goodput, requests)
    yield "response time", _percentiles(run, "e2e_ms")
    yield "time to first token", _percentiles(run, "ttft_ms")
    if run.vitals is not None:
        yield "load", run.vitals.load
        yield "answers", _rate(run.vitals.requests_rps)
        yield "tokens", _rate(run.vitals.tokens_tps)
        yield "crossed thresholds", ", ".join(run.vitals.crossed) or "none"


def _percentiles(run: HistoryPoint, key: str) -> str:
    wait = wait_of(run, key)
    parts = []
    if run.figures.get(key) is not None:
        parts.append(f"typical {typical_of(run, key)}")
    for name in ("p50", "p95", "p99"):
        if getattr(wait, name) is not None:
            parts.append(f"{name} {wait.text(name)}")
    return ", ".join(parts)


def _errors(run: HistoryPoint) -> str:
    errors = []
    for outcome, count in (run.vitals.outcomes if run.vitals else {}).items():
        if outcome is not Outcome.OK and count:
            errors.append(f"{count} {outcome.value}")
    if errors:
        return ", ".join(errors)
    return f"{run.failed}, of unknown kind" if run.failed else "none"


def _rate(per_second: float | None) -> str:
    return wording.DASH if per_second is None else f"{wording.rate(per_second)}/s"


def _costs(run: HistoryPoint) -> Iterable[tuple[str, str]]:
    yield "processor time per request", wording.duration(cpu_per_request_ms(run))
    size = memory_bytes(run)
    yield "memory", wording.DASH if size is None else wording.memory(round(size))
    tokens = tokens_per_cpu_second(run)
    yield "tokens per second of processor time", wording.DASH if tokens is None else wording.rate(tokens)


def _services(run: HistoryPoint) -> Iterable[tuple[str, str]]:
    for service, use in uses_of(run).items():
        size = f", {wording.memory(use.memory_bytes)}" if use.memory_bytes is not None else ""
        yield f"service {service}", f"{use.cpu_pct:.0f} % of a core{size}"


def _health(run: HistoryPoint) -> Iterable[tuple[str, str]]:
    if run.vitals is None:
        return
    for check, up_ratio in run.vitals.up.items():
        yield f"health check {check}", f"up {wording.percent(up_ratio)} of the time"
    if run.vitals.alerts is not None:
        yield "alerts", "; ".join(run.vitals.alerts) or "none"
