"""A session: all rows, client after client and round after round."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from .contenders import OURS, PROFILES, ROWS, Row, Runner

Key = str  # a measure and its number of users


@dataclass
class Results:
    """All numbers of a session.

    Attributes:
        rounds: By measure and users, contender and number: one value a round.
        hiccups: What the machine took from the clients' core, before each round of a row.
        profiles: By title: share of the time by function.
        facts: When, where and with what it was measured.
    """

    rounds: dict[Key, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    hiccups: dict[Key, list[dict[str, float]]] = field(default_factory=dict)
    profiles: dict[str, dict[str, float]] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    def values(self, key: Key, contender: str, number: str) -> list[float]:
        """Return one value per round; empty if the contender did not take part."""
        return self.rounds[key].get(contender, {}).get(number, [])

    def median(self, key: Key, contender: str, number: str) -> float | None:
        """Return the median over the rounds."""
        values = self.values(key, contender, number)
        return statistics.median(values) if values else None

    def ratio(self, key: Key, contender: str, number: str, base: str = OURS) -> float | None:
        """Return the median over the rounds of the ratio within a round."""
        pairs = zip(self.values(key, contender, number), self.values(key, base, number), strict=False)
        ratios = [value / base_value for value, base_value in pairs if base_value]
        return statistics.median(ratios) if ratios else None


def session(runner: Runner, repeat: int, say: Callable[[str], None]) -> Results:
    """Measure all rows."""
    results = Results()
    for row in ROWS:
        key = f"{row.measure} {row.users}"
        results.rounds[key] = {}
        results.hiccups[key] = []
        for number in range(repeat):
            say(f"{key}: round {number + 1} of {repeat}")
            results.hiccups[key].append(runner.hiccups())
            _one_round(runner, row, results)
    for title, (measure, contender, users) in PROFILES.items():
        results.profiles[title] = runner.profile(measure, contender, users)
    return results


def _one_round(runner: Runner, row: Row, results: Results) -> None:
    kept = results.rounds[f"{row.measure} {row.users}"]
    for contender in row.contenders:
        numbers = runner.run(row, contender)
        for name, value in numbers.items():
            kept.setdefault(contender, {}).setdefault(name, []).append(value)
