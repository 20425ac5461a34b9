"""Results of the simulation in a folder, so that you can stop it and continue later."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_CODE = (
    "bench/core/verdict",
    "bench/core/calibration",
    "bench/core/values",
    "bench/core/report/suite.py",
    "benchmarks/verdicts",
)


def code_digest() -> str:
    """Return a digest of the rule and of the simulation: other code starts other results."""
    digest = hashlib.sha256()
    for name in _CODE:
        path = _ROOT / name
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


class Results:
    """The counts of each cell, in parts by their first seed.

    Args:
        folder: Folder of the results, one file for each cell.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def has(self, title: str, first: int) -> bool:
        """Return whether a part was simulated."""
        return str(first) in self._read(title)

    def add(self, title: str, first: int, counts: Counter[str]) -> None:
        """Store a part."""
        parts = self._read(title)
        parts[str(first)] = dict(counts)
        written = self._file(title).with_suffix(".new")
        written.write_text(json.dumps(parts, indent=1, sort_keys=True), encoding="utf-8")
        written.replace(self._file(title))

    def total(self, title: str) -> Counter[str]:
        """Return the sum of all parts."""
        total: Counter[str] = Counter()
        for counts in self._read(title).values():
            total.update(counts)
        return total

    def missing(self, titles: Iterable[str], firsts: Iterable[int]) -> list[tuple[str, int]]:
        """Return the parts that were not simulated: the first part of every cell, then the second."""
        titles = list(titles)
        parts: list[tuple[str, int]] = []
        for first in firsts:
            parts += [(title, first) for title in titles if not self.has(title, first)]
        return parts

    def _file(self, title: str) -> Path:
        named = title.replace("+", "plus ").replace("-", "minus ")
        name = "".join(letter if letter.isalnum() else "-" for letter in named)
        return self._folder / f"{name}.json"

    def _read(self, title: str) -> dict[str, dict[str, int]]:
        file = self._file(title)
        if not file.exists():
            return {}
        parts: dict[str, dict[str, int]] = json.loads(file.read_text(encoding="utf-8"))
        return parts
