"""When the faults of a run really happened."""

from collections.abc import Iterable

from bench.core.values.record import Count, Number, Record


class FaultTimes(Record):
    """The measured times of one fault, in seconds since the start of the run."""

    fault: Count
    """Index of the fault in the scenario."""
    instances: tuple[str, ...]
    """Services or instances that had the fault."""
    began_s: Number
    """Just before the first signal or command."""
    active_s: Number | None = None
    """When all signals or commands had their effect; `None` if they did not."""
    lifted_s: Number | None = None
    """Just before `bench` began to end the fault; `None` if it did not."""
    ended_s: Number | None = None
    """When the services were ready again, or had their network or disk again; `None` if they did not."""


def shift_faults(faults: Iterable[FaultTimes], by_s: float) -> tuple[FaultTimes, ...]:
    """Return the same faults on a clock that is ahead by `by_s` seconds."""
    shifted = []
    for times in faults:
        later = {
            name: value + by_s
            for name, value in times.model_dump(include={"active_s", "lifted_s", "ended_s"}).items()
            if value is not None
        }
        shifted.append(times.model_copy(update={"began_s": times.began_s + by_s, **later}))
    return tuple(shifted)
