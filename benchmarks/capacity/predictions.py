"""How often the interval of a prediction contains the simulated truth.

Run `python -m benchmarks.capacity.predictions`. Each curve has trials of four slots in virtual time. It
predicts the safe load with two and with eight slots, and the slots that a larger load needs, with the number
of slots stated and without.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import NamedTuple

from bench.core.capacity.curve import fit_curve
from bench.core.capacity.curve_point import FittedValue
from bench.core.capacity.prediction import predict, predict_load
from tests.core.capacity.queue_stand import QueueStand, constant, exponential, lognormal

TRIAL_S = 150.0
TRUTH_S = 10_000.0
SLOTS = 4
OTHER_SLOTS = (2, 8)
_TRUTH_SEED = 99_999


class PredictionCell(NamedTuple):
    """A stand, and what is predicted from its curve."""

    title: str
    """Name of its rows."""
    stand: QueueStand
    """The queue."""
    loads: tuple[float, ...]
    """Loads of the trials."""
    load: float
    """The load whose slots are predicted."""
    objective_ms: float
    """Limit of the 95th percentile of the response time."""


class Predicted(NamedTuple):
    """An interval of a prediction."""

    low: float
    """Lower end."""
    value: float
    """Best estimate."""
    high: float
    """Upper end; infinity without one."""


_CLOSED = (2.0, 5.0, 10.0, 14.0, 17.0, 20.0, 24.0, 32.0)
CELLS = (
    PredictionCell("closed, exponential", QueueStand(SLOTS, exponential(2.0)), _CLOSED, 100.0, 10_000.0),
    PredictionCell("closed, constant", QueueStand(SLOTS, constant(2.0)), _CLOSED, 100.0, 10_000.0),
    PredictionCell("closed, lognormal", QueueStand(SLOTS, lognormal(2.0, 0.5)), _CLOSED, 100.0, 10_000.0),
    PredictionCell(
        "open, lognormal",
        QueueStand(SLOTS, lognormal(1.0, 0.5), unit="requests/s"),
        (0.5, 1.0, 2.0, 2.8, 3.2, 3.5, 3.7),
        12.0,
        3_000.0,
    ),
)


def find_true_load(cell: PredictionCell, slots: int) -> float:
    """Return the largest load that meets the objective: a number of users, or a rate to 1 %."""
    step = 1.0 if cell.stand.unit == "users" else 0.01 * slots
    return step * _find_last(lambda count: _meets(cell, slots, count * step))


def find_true_slots(cell: PredictionCell) -> float:
    """Return the smallest number of slots with which the load meets the objective."""
    return 1.0 + _find_last(lambda slots: not _meets(cell, slots, cell.load))


def _find_last(holds: Callable[[int], bool]) -> int:
    """Return the last number for which a condition holds."""
    last = 0
    end = 1
    while holds(end):
        last = end
        end *= 2
    while end - last > 1:
        middle = (last + end) // 2
        if holds(middle):
            last = middle
        else:
            end = middle
    return last


def _meets(cell: PredictionCell, slots: int, load: float) -> bool:
    stand = replace(cell.stand, slots=slots, seed=_TRUTH_SEED)
    p95_ms = stand.measure(load, TRUTH_S).p95_ms
    return p95_ms is not None and p95_ms <= cell.objective_ms


def predict_from(number: int, seed: int) -> list[Predicted | None]:
    """Return the predictions of a curve of a cell in the order of its rows, `None` for a refused one."""
    cell = CELLS[number]
    trials = replace(cell.stand, seed=seed).measure_all(cell.loads, TRIAL_S)
    fitted = fit_curve(trials, cell.stand.unit)
    if fitted is None:
        raise ValueError(f"seed {seed}: no trial had a request")
    predicted: list[Predicted | None] = []
    for stated in (SLOTS, None):
        for slots in OTHER_SLOTS:
            predicted.append(_read(predict_load(fitted, slots, cell.objective_ms, stated).load))
        needs = predict(fitted, cell.load, cell.objective_ms, stated)
        predicted.append(_read(needs.slots_ratio, SLOTS))
    return predicted


def _read(value: FittedValue | None, factor: float = 1.0) -> Predicted | None:
    if value is None:
        return None
    high = float("inf") if value.high is None else value.high
    return Predicted(value.low * factor, value.value * factor, high * factor)


def write_rows(cell: PredictionCell, curves: Sequence[Sequence[Predicted | None]]) -> None:
    """Print the rows of a stand."""
    truths = [*[find_true_load(cell, slots) for slots in OTHER_SLOTS], find_true_slots(cell)]
    names = [*[f"load of {slots} slots" for slots in OTHER_SLOTS], f"slots of {cell.load:g}"]
    for number, values in enumerate(zip(*curves, strict=True)):
        kind = number % len(truths)
        stated = "yes" if number < len(truths) else "no"
        made = [value for value in values if value is not None]
        row = [cell.title, names[kind], stated, f"{truths[kind]:g}", *_count(made, truths[kind])]
        sys.stdout.write(f"| {' | '.join(row)} | {len(values) - len(made)} |\n")
        sys.stdout.flush()


def _count(made: Sequence[Predicted], truth: float) -> list[str]:
    """Return the median prediction, and how many intervals contain the truth."""
    if not made:
        return ["none", "none"]
    covered = sum(value.low <= truth <= value.high for value in made)
    ends = [statistics.median(column) for column in zip(*made, strict=True)]
    return [f"{ends[1]:.3g} ({ends[0]:.3g} to {ends[2]:.3g})", f"{covered} of {len(made)}"]


def main() -> int:
    """Simulate all rows, and print each one when it is complete."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity.predictions", description=__doc__)
    parser.add_argument("--curves", type=int, default=40, help="curves per row (default: 40)")
    parser.add_argument("--cell", default="", help="only the rows with this text (default: all)")
    given = parser.parse_args()
    sys.stdout.write(
        f"{given.curves} curves per row, seeds 0 to {given.curves - 1}\n\n"
        "| stand | predicted | slots stated | truth | median prediction | contains it | refused |\n"
        "| :--- | :--- | :--- | ---: | ---: | ---: | ---: |\n"
    )
    sys.stdout.flush()
    with ProcessPoolExecutor() as pool:
        for number, cell in enumerate(CELLS):
            if given.cell in cell.title:
                seeds = range(given.curves)
                write_rows(cell, list(pool.map(predict_from, [number] * len(seeds), seeds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
