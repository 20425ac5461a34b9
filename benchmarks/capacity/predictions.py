"""How often the predicted load of another number of slots contains the simulated truth.

Run `python -m benchmarks.capacity.predictions`. Each search measures eight loads of four slots in
virtual time, and predicts the safe load with two and with eight slots.
"""

import sys
from collections.abc import Mapping

from bench.core.capacity.curve import fit_curve
from bench.core.capacity.prediction import predict_load
from tests.core.capacity.queue_stand import Draw, QueueStand, constant, exponential, lognormal

LOADS = (2, 5, 10, 14, 17, 20, 24, 32)
TRIAL_S = 150.0
SEARCHES = 40
OBJECTIVE_MS = 10_000.0
MEASURED_SLOTS = 4
SERVICES: Mapping[str, Draw] = {
    "exponential": exponential(2.0),
    "constant": constant(2.0),
    "lognormal": lognormal(2.0, 0.5),
}


def true_safe_load(slots: int, service: Draw) -> int:
    """Return the largest number of users whose p95 meets the objective, from a long simulation."""
    users = 1
    while (QueueStand(slots, service, seed=99).measure(users + 1, 4000.0).p95_ms or 0.0) <= OBJECTIVE_MS:
        users += 1
    return users


def main() -> None:
    """Print a row for each distribution of the time in a slot and each number of slots."""
    sys.stdout.write("| time in a slot | slots | truth | predicted | interval contains it | refused |\n")
    for name, service in SERVICES.items():
        for slots in (2, 8):
            truth = true_safe_load(slots, service)
            covered = 0
            values: list[float] = []
            for seed in range(SEARCHES):
                trials = QueueStand(MEASURED_SLOTS, service, seed=seed).measure_all(LOADS, TRIAL_S)
                curve = fit_curve(trials, "users")
                if curve is None:
                    continue
                load = predict_load(curve, trials, slots, OBJECTIVE_MS, MEASURED_SLOTS).load
                if load is None:
                    continue
                values.append(load.value)
                covered += load.low <= truth <= (load.high or truth)
            median = sorted(values)[len(values) // 2]
            refused = SEARCHES - len(values)
            row = f"| {name} | {slots} | {truth} | {median:g} | {covered} of {len(values)} | {refused} |"
            sys.stdout.write(f"{row}\n")


if __name__ == "__main__":
    main()
