"""The commands that have commands: one table for each of them, which `tree.py` puts under its headings."""

from typing import NamedTuple


class Command(NamedTuple):
    """A command: its function is imported when somebody calls it or asks for its help."""

    name: str
    function: str
    """`module:function`, below `bench.cli`."""
    summary: str
    """The first sentence of the function's docstring."""
    example: str
    arguments: str = ""
    """Arguments that `bench --help` shows after the name."""
    sends_load: bool = False
    """Whether it sends a load. Its load generator then starts before the command's own imports."""


class Group(NamedTuple):
    """A command that has commands."""

    name: str
    summary: str
    entries: "tuple[Command | Group, ...]"


BASELINE = (
    Command(
        "accept",
        "baseline:accept",
        "Add runs to the baseline of their scenario.",
        "bench baseline accept results/RUN --reason 'faster model'",
    ),
    Command(
        "update",
        "baseline_update:update",
        "Accept all runs of a suite, also slower ones.",
        "bench baseline update --suite pr --from-run 1234567890 --reason 'faster model'",
    ),
    Command("list", "baseline:list_", "List all baselines.", "bench baseline list"),
    Command(
        "show",
        "baseline:show",
        "Show the levels of a scenario's baselines, and draw them.",
        "bench baseline show quick",
    ),
    Command(
        "diff",
        "baseline:diff",
        "Show how two baselines differ.",
        "bench baseline diff old.json baselines/embedded/simulated/quick.json",
    ),
    Command(
        "pin",
        "baseline:pin",
        "Pin the current runs of a scenario's baselines, to detect drift.",
        "bench baseline pin quick --reason 'release 2.0'",
    ),
    Command(
        "prune",
        "baseline:prune",
        "Remove the oldest runs from a scenario's baselines.",
        "bench baseline prune quick --keep 10",
    ),
    Command("verify", "baseline:verify", "Check that every baseline is usable.", "bench baseline verify"),
    Command(
        "noise",
        "noise:noise",
        "Run a scenario repeatedly and measure how much its runs differ.",
        "bench baseline noise quick --runs 20",
    ),
)
"""Commands of `bench baseline`."""
STACK = (
    Command(
        "up",
        "stack:up",
        "Start a stack, wait until it answers, and leave it running.",
        "bench stack up --port backend=3000",
    ),
    Command("down", "stack:down", "Stop a stack and remove its files.", "bench stack down"),
    Command(
        "status",
        "stack:status",
        "Show which services of a stack are up.",
        "bench stack status --stack compose",
    ),
    Command(
        "scale",
        "stack:scale",
        "Start or end instances of a service that runs.",
        "bench stack scale backend=3 --stack scaled",
    ),
    Command(
        "restart",
        "stack:restart",
        "Restart the instances of a service that runs.",
        "bench stack restart backend --rolling --stack scaled",
    ),
    Command(
        "logs",
        "stack:logs",
        "Print the newest log lines of a stack's services.",
        "bench stack logs backend --stack compose --tail 20",
    ),
)
"""Commands of `bench stack`."""
WORKERS = (
    Command(
        "up",
        "workers:up",
        "Start a scheduler and load generators on this machine.",
        "bench workers up --count 3",
    ),
    Command(
        "join",
        "workers:join",
        "Turn this machine into a load generator of a scheduler.",
        "bench workers join dask://10.0.0.5:8786",
    ),
    Command(
        "list",
        "workers:list_",
        "List the load generators of a scheduler.",
        "bench workers list dask://127.0.0.1:8786 --wait 3",
    ),
    Command(
        "down",
        "workers:down",
        "End the scheduler and load generators of this folder.",
        "bench workers down",
    ),
    Command(
        "certificates",
        "workers:certificates",
        "Write a new certificate for the connections of load generators.",
        "bench workers certificates ~/.config/chatbench/workers",
    ),
    Command(
        "manifest",
        "workers:manifest",
        "Print a Kubernetes manifest of a scheduler and load generators.",
        "bench workers manifest --image registry.example.com/chatbench-workers:1.0 --count 4",
    ),
)
"""Commands of `bench workers`."""
_CI_ISSUE = (
    Command(
        "trend",
        "ci.issue:trend",
        "Keep an issue open while a scenario of a suite is worse.",
        "bench ci issue trend --suite nightly --history history",
    ),
    Command(
        "gate",
        "ci.issue:gate",
        "Keep an issue open while the gate decides nothing.",
        "bench ci issue gate --suite pr",
    ),
    Command(
        "schedule",
        "ci.issue:schedule",
        "Keep an issue open while a scheduled workflow does not run.",
        "bench ci issue schedule bench-nightly.yml=48 bench-weekly.yml=216",
    ),
)
_CI_HISTORY = (
    Command(
        "add",
        "ci.history:add",
        "Add runs to the history of their scenario.",
        "bench ci history add results/RUN",
    ),
    Command("list", "ci.history:list_", "List all histories.", "bench ci history list"),
)
CI = (
    Command(
        "measure",
        "ci.measure:measure",
        "Measure a suite in one job, as its event asks for it.",
        "bench ci measure --suite pr --against main",
    ),
    Command(
        "merge",
        "ci.merge:merge",
        "Judge runs of several scenarios together.",
        "bench ci merge results/RUN results/OTHER",
    ),
    Command(
        "publish",
        "ci.publish:publish",
        "Judge runs, show the check, and comment on the pull request.",
        "bench ci publish results/RUN --suite pr --dry-run",
    ),
    Command(
        "command",
        "ci.command:command",
        "Execute the /bench command of a pull-request comment.",
        "bench ci command  # in an issue_comment job",
    ),
    Group("issue", "Keep an issue open while a problem lasts.", _CI_ISSUE),
    Group("history", "Store runs in a history, and list the histories.", _CI_HISTORY),
    Command(
        "site",
        "ci.site:site",
        "Write web pages of all histories.",
        "bench ci site --history history --folder site",
    ),
)
"""Commands of `bench ci`."""
SCENARIOS = (
    Command(
        "list",
        "scenarios:list_",
        "List all scenarios with their load and purpose.",
        "bench scenarios list --suite nightly",
    ),
    Command(
        "check",
        "scenarios:check",
        "Check scenario files and the files that they name.",
        "bench scenarios check scenarios/quick.yaml",
    ),
    Command(
        "show",
        "scenarios:show",
        "Show a scenario with all inherited values, and its files.",
        "bench scenarios show quick",
    ),
    Command(
        "plan",
        "scenarios:plan",
        "Print the load of a scenario, its steps, and its first iterations.",
        "bench scenarios plan quick",
    ),
)
"""Commands of `bench scenarios`."""
AUTH = (
    Command(
        "token",
        "auth:token",
        "Print a token for a test user.",
        'curl -H "Authorization: Bearer $(bench auth token ID)" …/api/auth/me',
    ),
    Command("user", "auth:user", "Create test users, or remove them.", "bench auth user --count 3"),
)
"""Commands of `bench auth`."""
