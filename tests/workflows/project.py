"""This project as the measured repository: a copy with a short suite, and branches that change it."""

from pathlib import Path

from tests.workflows.origin import Origin

WORKFLOWS = ".github/workflows"
_USED = ("bench.yml", "bench-pr.yml", "bench-publish.yml")
_SUITES = "pr: [short]\n"
_SHORT = """\
name: short
purpose: Five VUs chat for six seconds.
target: chat
seed: 2025
prompts: prompts/forms.yaml
executor: constant-vus
vus: 5
duration: 6s
think_time: 0.5s..1s
"""
_STACK = "scenarios/stacks/embedded.yaml"
_AGENT = "chatstack/agent.py"
_KNOBS = 'Knobs.of(settings, "AGENT")'
_SERVES = "def make_agent(settings: Settings) -> Starlette:\n"
_DOCSTRING_END = '_*."""\n'
SLOWDOWN = "Ask the database twice"
OUTAGE = "the vault is down"
CRASH = "the database refused the password"


def shorten(origin: Origin, stack: str = "embedded") -> None:
    """Commit the short suite to the default branch, and remove all workflows that do not measure."""
    files: dict[str, str | None] = {"scenarios/suites.yaml": _SUITES, "scenarios/short.yaml": _SHORT}
    for path in origin.paths("main", f"{WORKFLOWS}/"):
        text = origin.read("main", path)
        files[path] = text.replace("stack: compose", f"stack: {stack}") if path.endswith(_USED) else None
    origin.change("main", files, "Shorten the suite")


def depend_on_machine(origin: Origin) -> None:
    """Commit a stack whose results belong to one kind of machine, as those of a real stack do."""
    text = origin.read("main", _STACK)
    machine = text.replace("simulated: true\n", "")
    assert machine != text
    origin.change("main", {_STACK: machine}, "Keep a baseline for each kind of machine")


def branch_unchanged(origin: Origin, name: str = "feature") -> None:
    """Create a branch whose change has no effect on the time of a message."""
    text = origin.read("main", _AGENT)
    origin.change(name, {_AGENT: f"{text}\n# A comment.\n"}, "Comment the agent", start=origin.head("main"))


def branch_slower(origin: Origin, seconds: float, name: str = "feature") -> None:
    """Create a branch in which the agent waits before each answer."""
    text = origin.read("main", _AGENT)
    slower = text.replace(_KNOBS, f"Knobs(delay_s={seconds})")
    assert slower != text
    origin.change(name, {_AGENT: slower}, SLOWDOWN, start=origin.head("main"))


def branch_crashing(origin: Origin, name: str = "feature") -> None:
    """Create a branch in which the agent exits at its start."""
    exits = f"import sys\n\nprint({CRASH!r}, file=sys.stderr)\nsys.exit(7)\n"
    origin.change(name, {_AGENT: exits}, "Sign in with a new password", start=origin.head("main"))


def depend_on(origin: Origin, file: Path) -> None:
    """Commit an agent to the default branch that starts only while a file exists, like a service it needs."""
    text = origin.read("main", _AGENT)
    check = (
        f"\n\nif not __import__('pathlib').Path({str(file)!r}).exists():\n    raise SystemExit({OUTAGE!r})\n"
    )
    origin.change("main", {_AGENT: text + check}, "Read the password from the vault")
