"""Measure all loads, tool after tool and round after round."""

import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .commands import Setup
from .loads import Row, Tool
from .server import Server
from .window import Measurement, Numbers, length_s, reset


@dataclass
class Rounds:
    """All numbers of a session: by row, tool and number, one value for each round."""

    rows: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    """Why a tool has no numbers, by row and tool."""

    def add(self, row: str, tool: str, numbers: Numbers) -> None:
        """Add the numbers of a round."""
        kept = self.rows.setdefault(row, {}).setdefault(tool, {})
        for name, value in numbers.items():
            kept.setdefault(name, []).append(value)

    def values(self, row: str, tool: str, number: str) -> list[float]:
        """Return one value for each round; empty if the tool did not take part."""
        return self.rows.get(row, {}).get(tool, {}).get(number, [])

    def median(self, row: str, tool: str, number: str) -> float | None:
        """Return the median over the rounds."""
        values = self.values(row, tool, number)
        return statistics.median(values) if values else None

    def ratio(self, row: str, number: str, tool: str, base: str) -> float | None:
        """Return the median over the rounds of the ratio within a round."""
        pairs = zip(self.values(row, tool, number), self.values(row, base, number), strict=False)
        ratios = [value / base_value for value, base_value in pairs if base_value]
        return statistics.median(ratios) if ratios else None


@dataclass(frozen=True)
class Cores:
    """One core for the server, another for the tools."""

    server: int
    tools: int


@dataclass(frozen=True)
class Session:
    """All loads, tool after tool and round after round."""

    server: Server
    programs: dict[str, Path]
    cores: Cores
    say: Callable[[str], None]

    def measure(self, rows: Sequence[Row], repeat: int) -> Rounds:
        """Measure the rows: in each round, each tool once."""
        rounds = Rounds()
        for row in rows:
            for number in range(repeat):
                self.say(f"{row.name}: round {number + 1} of {repeat}")
                for tool in row.tools:
                    self._measure_tool(row, tool, rounds)
        return rounds

    def _measure_tool(self, row: Row, tool: Tool, rounds: Rounds) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            setup = Setup(self.server, folder, self.programs)
            command = setup.command(tool, row.load, length_s(row.seconds))
            if command is None:
                return
            reset(self.server.journal)
            cores = [self.cores.server, self.cores.tools] if row.two_cores else [self.cores.tools]
            run = Measurement(command, cores, folder, self.server)
            try:
                rounds.add(row.name, tool, run.measure(row.seconds, with_memory=row.measures_memory))
            except RuntimeError as error:
                rounds.problems[f"{row.name}, {tool}"] = str(error)
