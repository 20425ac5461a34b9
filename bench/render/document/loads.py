"""The results at each load, as tables and as a sentence."""

from bench.core.limits.judge import ThresholdResult
from bench.core.run.bottleneck import Bottleneck, LoadBand
from bench.core.samples.metrics import UNATTRIBUTED, label_and_unit
from bench.core.values import wording
from bench.render.document.table import Table

_OPERATORS = {"<=": "≤", ">=": "≥", "==": "=", "===": "=", "!=": "≠"}
_METHODS = {"avg": "mean", "med": "median", "min": "min", "max": "max"}
_UNITS = {"vus": ("VU", "VUs"), "requests in flight": ("request in flight", "requests in flight")}
"""The unit of a load: singular and plural."""


def load_tables(by_load: Bottleneck | None) -> tuple[Table, ...]:
    """Return the results and the tiers' shares at each load; no table if the run had one load."""
    if by_load is None or len(by_load.bands) == 1:
        return ()
    unit = load_unit(by_load)
    columns = (unit, "requests", "p50", "p95", "success", "requests/s", "slowest tier", "limits")
    tiers = _tiers(by_load)
    results = []
    shares = []
    for band in by_load.bands:
        results.append(_result_row(band, by_load.limit_count))
        percentages = [wording.percent(band.shares.get(tier)) for tier in tiers]
        shares.append((describe_band(band), *percentages))
    return (
        Table("At each load (?: too few requests for a reliable value)", columns, tuple(results)),
        Table("Shares of the time at each load", (unit, *tiers), tuple(shares) if tiers else ()),
    )


def _tiers(by_load: Bottleneck) -> list[str]:
    tiers: set[str] = set()
    for band in by_load.bands:
        tiers.update(band.shares)
    return sorted(tiers, key=lambda tier: (tier == UNATTRIBUTED, tier))


def _result_row(band: LoadBand, limits: int) -> tuple[str, ...]:
    verdict = wording.DASH
    if limits:
        verdict = ("crossed" if band.crossed else "kept") + ("" if band.certain else "?")
    return (
        describe_band(band),
        str(band.requests),
        _percentile(band, "p50", band.p50_ms),
        _percentile(band, "p95", band.p95_ms),
        wording.percent(band.success_ratio),
        _rate(band),
        band.tier or wording.DASH,
        verdict,
    )


def _percentile(band: LoadBand, name: str, value_ms: float | None) -> str:
    unreliable = value_ms is not None and name in band.unreliable
    text = wording.duration(value_ms, lower_bound=name in band.lower_bounds)
    return text + ("?" if unreliable else "")


def _rate(band: LoadBand) -> str:
    return wording.DASH if band.requests_rps is None else wording.rate(band.requests_rps)


def describe_band(band: LoadBand) -> str:
    """Return the loads of a band: `20`, `11 to 20`."""
    fewest, most = band.vus
    return str(most) if fewest == most else f"{fewest} to {most}"


def load_unit(by_load: Bottleneck, count: int = 2) -> str:
    """Return `VUs` or `requests in flight`, or the singular for a count of one."""
    singular, plural = _UNITS[by_load.load_unit]
    return singular if count == 1 else plural


def load_sentence(by_load: Bottleneck | None) -> str:
    """Name the slowest tier, the load at which a limit is crossed, and the load that saturates the stack."""
    if by_load is None:
        return ""
    parts = [_slowest_tier(by_load), _limits(by_load), _saturation(by_load), _unreached(by_load)]
    return "; ".join(filter(None, parts))


def _slowest_tier(by_load: Bottleneck) -> str:
    """Describe the highest load, and the lowest if another tier is the slowest there."""
    first = by_load.bands[0]
    last = by_load.bands[-1]
    if last.tier is None:
        return ""
    if first.tier is None or first.tier == last.tier:
        return f"{_takes(last, ' of the time')} at {_at(by_load, last)}"
    return f"{_takes(first, ' of the time')} at {_at(by_load, first)}, {_takes(last)} at {_at(by_load, last)}"


def _takes(band: LoadBand, of_the_time: str = "") -> str:
    """Return the largest share of a load; the time that no tier reports is no bottleneck by itself."""
    share = f"{_largest_share(band)}{of_the_time}"
    return f"no tier reports {share}" if band.tier == UNATTRIBUTED else f"{band.tier} takes {share}"


def _largest_share(band: LoadBand) -> str:
    return f"{100 * max(band.shares.values()):.0f} %"


def _at(by_load: Bottleneck, band: LoadBand) -> str:
    return f"{describe_band(band)} {load_unit(by_load, band.vus[1])}"


def _limits(by_load: Bottleneck) -> str:
    if not by_load.limit_count:
        return ""
    if by_load.broken_band is None:
        return _all_kept(by_load)
    band = by_load.bands[by_load.broken_band]
    several = len(band.crossed) > 1
    limits = wording.listing([describe_limit(threshold) for threshold in band.crossed])
    if by_load.broken_band == 0:
        place = f"already at {_at(by_load, band)}"
    else:
        kept_at = by_load.bands[by_load.broken_band - 1].vus[1]
        place = f"between {kept_at} and {band.vus[1]} {load_unit(by_load)}"
    text = f"{limits} {'are' if several else 'is'} crossed {place}{_hedge(band)}"
    kept_again = [later for later in by_load.bands[by_load.broken_band :] if not later.crossed]
    if kept_again:
        text += f", and kept again at {_at(by_load, kept_again[-1])}"
    return text


def _all_kept(by_load: Bottleneck) -> str:
    last = by_load.bands[-1]
    limits = "the limit is" if by_load.limit_count == 1 else "all limits are"
    if len(by_load.bands) == 1:
        return f"{limits} kept at {_at(by_load, last)}{_hedge(last)}"
    highest = last.vus[1]
    return f"{limits} kept at every load up to {highest} {load_unit(by_load, highest)}{_hedge(last)}"


def _hedge(band: LoadBand) -> str:
    return "" if band.certain else " (too few requests to be certain)"


def describe_limit(threshold: ThresholdResult) -> str:
    """Return a limit such as `p95 response time ≤ 10.0 s`."""
    limit = threshold.expression
    label, unit = label_and_unit(threshold.metric)
    method = _METHODS.get(limit.method, "")
    if limit.percentile is not None:
        method = f"p{limit.percentile:g}"
    sign = _OPERATORS.get(limit.operator, limit.operator)
    return " ".join(filter(None, [method, label, sign, wording.value(limit.limit, unit)]))


def _saturation(by_load: Bottleneck) -> str:
    if by_load.saturated_band is None:
        return ""
    band = by_load.bands[by_load.saturated_band]
    return f"throughput stops growing at {_at(by_load, band)} ({_rate(band)} requests/s)"


def _unreached(by_load: Bottleneck) -> str:
    highest = by_load.bands[-1].vus[1]
    if by_load.planned_vus is None or highest >= by_load.planned_vus:
        return ""
    return f"at most {highest} of the {by_load.planned_vus} planned VUs were active"
