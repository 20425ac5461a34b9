"""The files whose changes a suite measures."""

import pytest

from bench.core.config.path_filter import matches
from bench.core.config.suites import Suite


@pytest.mark.parametrize(
    ("path", "patterns", "included"),
    [
        ("src/app.py", ("src/**",), True),
        ("src/deep/app.py", ("src/**",), True),
        ("src/deep/app.py", ("src/*",), False),
        ("app.py", ("**.py",), True),
        ("a/b/app.py", ("**/app.py",), True),
        ("app.py", ("**/app.py",), True),
        ("ab.py", ("a?.py",), True),
        ("a/.py", ("a?.py",), False),
        ("aXb", ("a.b",), False),
        ("docs/a.md", ("!docs/**",), False),
        ("src/a.md", ("!docs/**",), True),
        ("src/a.md", ("src/**", "!**.md"), False),
        ("src/keep.md", ("src/**", "!**.md", "src/keep.md"), True),
        ("a\nb", ("a*",), True),
    ],
)
def test_the_last_pattern_that_matches_decides(
    path: str, patterns: tuple[str, ...], *, included: bool
) -> None:
    """Patterns are GitHub's; those that only exclude list exceptions."""
    assert matches(path, patterns) is included


def test_a_suite_without_patterns_measures_every_change() -> None:
    """With patterns, one file is enough, and a change of the scenarios never hides itself."""
    assert Suite(scenarios=("quick",)).measures([])
    suite = Suite(scenarios=("quick",), paths=("src/**",))
    assert not suite.measures(["docs/a.md"])
    assert suite.measures(["docs/a.md", "src/app.py"])
    assert suite.measures(["scenarios/suites.yaml"])
    assert suite.measures(["perf/scenarios/suites.yaml"], "perf/scenarios/")
