"""The answer of a capacity search, as results and baselines store it."""

from bench.core.capacity.curve import CapacityCurve
from bench.core.capacity.load_trial import LoadTrial, LoadUnit, SafeLoad, SearchEnd
from bench.core.capacity.overload import OverloadReport
from bench.core.capacity.prediction import Prediction
from bench.core.capacity.zones import CapacityZones
from bench.core.values.record import NotNegative, Record


class CapacityResult(Record):
    """The safe load of a stack: the largest load that meets the objectives."""

    unit: LoadUnit
    """Unit of all loads."""
    objectives: tuple[str, ...]
    """The objectives in words."""
    safe_load: SafeLoad | None
    """The safe load; null if even the smallest load breaks an objective."""
    ended: SearchEnd
    """Why the search ended."""
    trials: tuple[LoadTrial, ...]
    """The trials in their order."""
    breaks_at: str | None = None
    """Tier that grows most from the safe load to the first load that breaks an objective; null without tier
    times or without such a load."""
    throughput_rps: NotNegative | None = None
    """Successful requests per second at the safe load; null without one."""
    no_gain_from: NotNegative | None = None
    """Load from which on more load brings no more throughput; null if none was tried."""
    curve: CapacityCurve | None = None
    """The curve over the load, and the models that explain it; null without a trial that has requests."""
    zones: CapacityZones | None = None
    """The loads to run at, to watch and to avoid; null without a trial that has requests."""
    predictions: tuple[Prediction, ...] = ()
    """What the loads need that were asked for."""
    overload: OverloadReport | None = None
    """The behaviour beyond the safe load; null if it was not measured."""
