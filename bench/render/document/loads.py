"""A run by load, in tables and in a sentence."""

from bench.core.limits.judge import ThresholdResult
from bench.core.run.bottleneck import Bottleneck, LoadBand
from bench.core.samples.metrics import UNATTRIBUTED, label_and_unit
from bench.core.values import wording
from bench.render.document.table import Table

_OPERATORS = {"<=": "≤", ">=": "≥", "==": "=", "===": "=", "!=": "≠"}
_UNITS = {"vus": ("VU", "VUs"), "requests in flight": ("request in flight", "requests in flight")}
"""What a load is counted in, as one and as several."""
_METHODS = {"avg": "mean", "med": "median", "min": "min", "max": "max"}


def loads(found: Bottleneck | None) -> tuple[Table, ...]:
    """Two tables; none where there was one load only, which all other tables are of."""
    if found is None or len(found.bands) == 1:
        return ()
    columns = (unit_of(found), "requests", "p50", "p95", "success", "requests/s", "most in", "limits")
    rows = tuple(_numbers(band, found.limit_count) for band in found.bands)
    named = {tier for band in found.bands for tier in band.shares}
    tiers = sorted(named, key=lambda tier: (tier == UNATTRIBUTED, tier))
    shares = tuple(
        (_vus(band), *(wording.percent(band.shares.get(tier)) for tier in tiers)) for band in found.bands
    )
    return (
        Table("At each load (? has too few requests to be certain)", columns, rows),
        Table("Shares of the time at each load", (unit_of(found), *tiers), shares if tiers else ()),
    )


def _numbers(band: LoadBand, limits: int) -> tuple[str, ...]:
    kept = "broken" if band.crossed else "kept"
    return (
        _vus(band),
        str(band.requests),
        *(
            wording.duration(value) + ("?" if value is not None and name in band.unreliable else "")
            for name, value in (("p50", band.p50_ms), ("p95", band.p95_ms))
        ),
        wording.percent(band.success_ratio),
        _rps(band),
        band.tier or wording.DASH,
        kept + ("" if band.certain else "?") if limits else wording.DASH,
    )


def _rps(band: LoadBand) -> str:
    return wording.DASH if band.requests_rps is None else f"{band.requests_rps:,.3g}"


def _vus(band: LoadBand) -> str:
    fewest, most = band.vus
    return str(most) if fewest == most else f"{fewest} to {most}"


def sentence(found: Bottleneck | None) -> str:
    """Which tier the time goes to, where the first limit breaks, and where throughput stops growing."""
    if found is None:
        return ""
    parts = [_time(found), _limits(found), _saturation(found), _never_reached(found)]
    return "; ".join(filter(None, parts))


def _time(found: Bottleneck) -> str:
    """Of the largest load, and of the smallest where that is another tier's."""
    first, last = found.bands[0], found.bands[-1]
    if last.tier is None:
        return ""
    shown = [first, last] if first.tier not in {None, last.tier} else [last]
    texts = [
        f"{band.tier} takes {100 * max(band.shares.values()):.0f} %{of_the_time} at {_at(band, found)}"
        for band, of_the_time in zip(shown, (" of the time", ""), strict=False)
    ]
    return ", ".join(texts)


def _at(band: LoadBand, found: Bottleneck) -> str:
    return f"{_vus(band)} {unit_of(found, band.vus[1])}"


def unit_of(found: Bottleneck, count: int = 2) -> str:
    """Return `VUs` or `requests in flight`, or the singular for a count of one."""
    one, several = _UNITS[found.load_unit]
    return one if count == 1 else several


def _limits(found: Bottleneck) -> str:
    if not found.limit_count:
        return ""
    number, last = found.broken_band, found.bands[-1]
    if number is None:
        where = f"at {_at(last, found)}"
        if len(found.bands) > 1:
            where = f"at every load up to {last.vus[1]} {unit_of(found, last.vus[1])}"
        return f"{'the limit is' if found.limit_count == 1 else 'all limits are'} kept {where}{_hedge(last)}"
    band = found.bands[number]
    what = wording.listing([_limit(each) for each in band.crossed])
    if number == 0:
        where = f"already at {_at(band, found)}"
    else:
        fewest = found.bands[number - 1].vus[1]
        where = f"between {fewest} and {band.vus[1]} {unit_of(found, band.vus[1])}"
    again = [each for each in found.bands[number:] if not each.crossed]
    verbs = ("breaks", "is kept") if len(band.crossed) == 1 else ("break", "are kept")
    kept = f", and {verbs[1]} again at {_at(again[-1], found)}" if again else ""
    return f"{what} {verbs[0]} {where}{_hedge(band)}{kept}"


def _hedge(band: LoadBand) -> str:
    return "" if band.certain else " (too few requests to be certain)"


def _limit(each: ThresholdResult) -> str:
    """`response time p95 ≤ 10.0 s`."""
    limit, (label, unit) = each.expression, label_and_unit(each.metric)
    method = f"p{limit.percentile:g}" if limit.percentile is not None else _METHODS.get(limit.method, "")
    sign = _OPERATORS.get(limit.operator, limit.operator)
    return " ".join(filter(None, [label, method, sign, wording.value(limit.limit, unit)]))


def _saturation(found: Bottleneck) -> str:
    if found.saturated_band is None:
        return ""
    band = found.bands[found.saturated_band]
    return f"from {_at(band, found)} on, more bring no more answers ({_rps(band)} requests/s)"


def _never_reached(found: Bottleneck) -> str:
    most = found.bands[-1].vus[1]
    if found.planned_vus is None or most >= found.planned_vus:
        return ""
    return f"the run never reached more than {most} of the {found.planned_vus} planned VUs"
