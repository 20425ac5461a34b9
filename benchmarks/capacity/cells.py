"""The rows of the tables: a stand, the declared search, and the previous result."""

from dataclasses import dataclass, field, replace

from bench.core.capacity.load_trial import SafeLoad, SearchEnd
from bench.core.config.capacity_search import CapacitySearch

from .stand import Service, Stand, Think


@dataclass(frozen=True, slots=True)
class CapacityCell:
    """One row."""

    title: str
    """Name of the row."""
    stand: Stand
    """The queue."""
    settings: CapacitySearch = field(default_factory=lambda: _declare(5.0))
    """The declared search."""
    previous_factor: float | None = None
    """Safe load of the earlier run, in true safe loads; None without one."""
    end: SearchEnd | None = None
    """The right end of a search whose interval has no truth; None if the safe load is in the range."""

    def previous(self, truth: float) -> SafeLoad | None:
        """Return the result of the earlier run."""
        if self.previous_factor is None:
            return None
        load = truth * self.previous_factor
        load = load if self.stand.is_open else float(round(load))
        return SafeLoad(load=load, low=0.9 * load, high=1.1 * load, confidence=0.9)


def _declare(lowest: float, highest: float | None = None) -> CapacitySearch:
    return CapacitySearch(lowest=lowest, highest=highest)


_CLOSED = Stand(Service.EXPONENTIAL, servers=4, service_s=2.0, limit_s=10.0, think=Think.UNIFORM)
_OPEN = Stand(Service.EXPONENTIAL, servers=4, service_s=0.5, limit_s=2.0)
_FROM_ONE = _declare(1.0)

STANDS: tuple[CapacityCell, ...] = (
    CapacityCell("closed M/M/4//N, think time 5 to 7 s", _CLOSED),
    CapacityCell("closed M/M/4//N, exponential think time", replace(_CLOSED, think=Think.EXPONENTIAL)),
    CapacityCell("closed M/D/4//N", replace(_CLOSED, service=Service.CONSTANT)),
    CapacityCell("closed, lognormal service", replace(_CLOSED, service=Service.LOGNORMAL)),
    CapacityCell("closed M/M/16//N", replace(_CLOSED, servers=16)),
    CapacityCell("open M/M/4", _OPEN, _FROM_ONE),
    CapacityCell("open M/D/4", replace(_OPEN, service=Service.CONSTANT), _FROM_ONE),
    CapacityCell("open, lognormal service", replace(_OPEN, service=Service.LOGNORMAL), _FROM_ONE),
    CapacityCell("open M/M/4, limit of ten service times", replace(_OPEN, limit_s=5.0), _FROM_ONE),
)
"""Queues, searched from the same smallest load on as the staircase."""

CASES: tuple[CapacityCell, ...] = (
    CapacityCell("warm start, right", _CLOSED, previous_factor=1.0),
    CapacityCell("warm start, three times too high", _CLOSED, previous_factor=3.0),
    CapacityCell("warm start, three times too low", _CLOSED, previous_factor=1 / 3),
    CapacityCell("2 % of the requests fail", replace(_CLOSED, failed_ratio=0.02)),
    CapacityCell("30 % slower for random seconds", replace(_CLOSED, slow_factor=1.3)),
    CapacityCell("safe load below `from`", _CLOSED, _declare(40.0), end=SearchEnd.NONE_MET),
    CapacityCell("safe load above `to`", _CLOSED, _declare(5.0, 12.0), end=SearchEnd.ALL_MET),
    CapacityCell(
        "never missed", replace(_CLOSED, limit_s=600.0), _declare(5.0, 100.0), end=SearchEnd.ALL_MET
    ),
)
"""The closed M/M/4//N under other conditions."""
