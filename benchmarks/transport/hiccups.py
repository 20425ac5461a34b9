"""Time that other processes take from a core: the lower limit of every measured delay."""

import time

from .parts import percentile

_GAP_S = 50e-6  # reading the clock takes a hundredth of that


def hiccups(seconds: float) -> dict[str, float]:
    """Read the clock in a loop; return the delay at a random time and the share of lost time."""
    clock = time.perf_counter
    began_s = last_s = clock()
    gaps_s = []
    while last_s < began_s + seconds:
        now_s = clock()
        if now_s - last_s > _GAP_S:
            gaps_s.append(now_s - last_s)
        last_s = now_s
    late_ms = [0.0] * 1000  # at a thousand moments of the run, evenly spread
    for gap_s in gaps_s:
        moments = round(gap_s / seconds * len(late_ms))
        late_ms.extend(gap_s * 1000 * (index + 0.5) / moments for index in range(moments))
        del late_ms[:moments]
    return {
        "late_p99_ms": percentile(late_ms, 99),
        "longest_ms": max(gaps_s, default=0.0) * 1000,
        "taken_pct": sum(gaps_s) / seconds * 100,
    }
