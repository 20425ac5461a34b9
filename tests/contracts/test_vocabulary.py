"""No retired word comes back: each idea has one name in code, files, help and documentation."""

import ast
import io
import re
import tokenize
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = [path for folder in ("bench", "benchmarks", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]
PROGRAM = [path for path in CODE if not path.is_relative_to(ROOT / "tests")]
FILES = [
    path
    for folder in ("scenarios", "baselines")
    for path in sorted((ROOT / folder).rglob("*.*"))
    if "prompts" not in path.parts  # messages to a model
]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

# A retired name, and its replacement. Each pattern matches a complete identifier.
NAMES = {
    r"fixed_?users|FixedUsers|ramp_?users|RampUsers|UserTurns|ConstantRate|RampRate": "k6's executors",
    r"_?pause_s|Pause|grace_s|max_in_flight|from_users|to_users|from_rps|to_rps|extra_users": "k6's fields",
    r"Stage|_Stage|Workload": "Phase, prompts",
    r"_?beside\w*": "compare_with, against",
    r"_?(un)?certif(y|ied)|Certificate|_?certificate": "calibration, reliable",
    r"_?control|Control": "reference_workload",
    r"_?paces?|\w+_paces?": "machine speed",
    r"anchored\w*|Anchor|\w+_anchor": "pinned baseline",
    r"_?creep\w*|_?crept": "drift",
    r"_?brief|Brief": "RunSpec",
    r"_?presence|Presence|PlannedUsers": "active VUs",
    r"Standing\w*|_?visiting|Visited|by_hand": "persistent, attach, manual",
    r"_?undecided|UNDECIDED|_?unjudged": "inconclusive",
    r"_?hops?|_?hop_\w+|\w+_hops?|HOPS?": "tier time",
}
# Words that any variable could have as its name, and functions that are not named by their action.
VAGUE = r"_?(told|heard|said|asked|found|known|usual|whole|each)"
PARTICIPLES = re.compile(r"_?(judged|drawn|fetched|composed|told|heard|said|asked|found|known)")
FOREIGN = ("bench/measure/watch/docker_engine.py", "tests/measure/")  # certificates of TLS
# A retired word in a sentence, a key or an option.
WORDS = {
    r"\b(fixed-users|ramp-users|user-turns|constant-rate|ramp-rate)\b": "k6's executors",
    r"\b(duration_s|pause_s|grace_s|request_timeout_s|cancel_after_s|delay_abort_eval_s)\b": "a duration",
    r"\b(rate_rps|from_rps|to_rps|from_users|to_users|ramp_s|hold_s|max_in_flight)\b": "k6's fields",
    r"--target-url\b": "--url",
    r"--(no-)?certificate\b": "--calibration",
    r"\b(certif(y|ied)|uncertified|unjudged|undecided|crept|creep)\b": "a term of docs/glossary.md",
    r"\b(own|run's|generator's) certificate\b": "calibration",
    r"\b(a|its|their|no|without|with|every|the) controls?\b(?! (group|characters?))": "reference workload",
    r"\b(baseline's|baseline) anchor\b|\banchored\b|\bthe anchor\b": "pinned baseline",
    r"\bhops?\b": "tier time",
    r"\bstanding stacks?\b": "persistent stack",
    r"\bbeside\b": "compared with",
    r"\b(so many|whoever)\b": "the number of",
}


@cache
def _identifiers(path: Path) -> Sequence[tuple[int, str]]:
    """Every name of a file of code, with its line."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.NAME]


def _names_like(pattern: str, paths: Sequence[Path]) -> list[str]:
    expression = re.compile(pattern)
    problems = []
    for path in paths:
        place = path.relative_to(ROOT).as_posix()
        if path != Path(__file__) and not place.startswith(FOREIGN):
            names = [(line, name) for line, name in _identifiers(path) if expression.fullmatch(name)]
            problems += [f"{place}:{line}: {name}" for line, name in names]
    return problems


@pytest.mark.parametrize("pattern", NAMES)
def test_no_retired_name_is_in_the_code(pattern: str) -> None:
    """Identifiers have the glossary's names."""
    problems = _names_like(pattern, CODE)
    assert not problems, f"use the name of {NAMES[pattern]}:\n" + "\n".join(problems)


def test_names_state_their_contents() -> None:
    """No variable of the program has a name that any other could have."""
    problems = _names_like(VAGUE, PROGRAM)
    assert not problems, "use the name of the contents:\n" + "\n".join(problems)


def test_functions_are_named_by_their_action() -> None:
    """A function is a verb: `judge`, not `judged`."""
    functions = [
        node.name
        for path in PROGRAM
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert not list(filter(PARTICIPLES.fullmatch, functions))


def test_no_retired_word_is_in_a_declaration() -> None:
    """Scenarios, targets, stacks and baselines have the glossary's words."""
    assert not _problems(FILES, WORDS)


def test_no_retired_word_is_in_the_documentation() -> None:
    """Pages, and with them the help of every command, have the glossary's words."""
    assert not _problems(PAGES, WORDS)


def _problems(paths: list[Path], words: dict[str, str]) -> list[str]:
    problems = []
    for path in paths:
        if path.suffix not in {".md", ".yaml", ".json"}:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for pattern, new in words.items():
                match = re.search(pattern, line, re.IGNORECASE)
                if match:
                    problems.append(f"{path.relative_to(ROOT)}:{number}: {match[0]} → {new}")
    return problems
