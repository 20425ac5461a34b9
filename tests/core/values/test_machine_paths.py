import pytest

from bench.core.values.machine_paths import shorten_paths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('File "/home/runner/work/name/name/agent/main.py", line 3', 'File "…/agent/main.py", line 3'),
        ("/Users/runner/work/name/name/a.py:7: error", "…/name/a.py:7: error"),
        (r"D:\a\name\name\agent\main.py", "…/agent/main.py"),
        ("file:///tmp/bench-x/tree/agent/main.py", "…/agent/main.py"),
        ("cannot open /opt/hostedtoolcache/Python/3.12/x64/lib/json.py", "cannot open …/lib/json.py"),
        ("in /tmp/x", "in …/x"),
        ("POST /api/chat/message", "POST /api/chat/message"),
        ("https://host.example/home/runner/x", "https://host.example/home/runner/x"),
        ("in /app/agent/main.py", "in /app/agent/main.py"),
        ("10:30, ratio 1:2, C: and /", "10:30, ratio 1:2, C: and /"),
    ],
)
def test_paths_of_a_machine_are_shortened(text: str, expected: str) -> None:
    """The last two parts stay; an address, a path of an API and a path in a container are no such paths."""
    assert shorten_paths(text) == expected
