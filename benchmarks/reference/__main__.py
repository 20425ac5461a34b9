"""`make reference`: writes the pages of docs/reference, and the tokens and the mark of the documentation."""

import sys
from collections.abc import Callable
from pathlib import Path

from bench.cli.commands import app
from bench.cli.tree import SECTIONS
from bench.core.config.prompts import Prompts
from bench.core.config.scenario import Scenario
from bench.core.config.stack import Stack
from bench.core.config.target import Target
from bench.core.experiment.experiment import Experiment
from bench.render.html.assets import read_style
from bench.render.html.name_mark import draw_mark_file
from bench.render.html.tokens import light_tokens

from .answers import answers_page
from .commands import commands_page
from .fields import FieldPage
from .folders import with_folders
from .probes import probes_page
from .tables import exit_codes_page, metrics_page, outcomes_page

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
ASSETS = FOLDER.parent / "assets"
ARCHITECTURE = FOLDER.parent / "explanation" / "architecture.md"
_SCENARIO = """\
Which fields can a scenario file have?
A scenario declares a load, its target, and the limits that must hold; its file is `scenarios/NAME.yaml`.
[Write a scenario](../how-to/write-a-scenario.md) shows complete examples.
`bench scenarios check` reports each error with its file, line and field.
`bench schema scenario` prints the JSON Schema, so your editor can check and explain the fields.

A duration is a number with a unit, such as `500ms`, `30s`, `2m` or `1h30m`; a number alone means seconds.
A range of durations is written `5s..7s`; each value is drawn uniformly from the range.
"""
_TARGET = """\
Which fields can a target file have?
A target declares an interface of a service: how to send a request, and where values are in the response.
Its file is `scenarios/targets/NAME.yaml`; `bench schema target` prints the JSON Schema for your editor.

A path such as `usage.output_tokens` names nested fields, separated by dots.
A number in a path is a position in a list, from 0.
"""
_STACK = """\
Which fields can a stack file have?
A stack declares the services that run together, how they start, how test users look, how to monitor them, and
what they promise about requests that they must not serve.
Its file is `scenarios/stacks/NAME.yaml`; `bench schema stack` prints the JSON Schema for your editor.
[Benchmark your own stack](../how-to/benchmark-your-stack.md) shows complete examples.
"""
_PROMPTS = """\
Which fields can a prompts file have?
A prompts file lists the messages that VUs send, with their weights and expected responses.
A scenario names it in its field `prompts`; `bench schema prompts` prints the JSON Schema for your editor.

Messages are dealt like cards: a deck contains each message as often as its weight.
The seed of the scenario shuffles every deck.
"""
_EXPERIMENT = """\
Which fields can an experiment file have?
An experiment names a hypothesis, the versions that test it, the loads, and the claims.
Its file is `scenarios/experiments/NAME.yaml`.
[Test a claim](../how-to/test-a-claim.md) shows a complete example.
`bench schema experiment` prints the JSON Schema for your editor.

A version may be a text, as for `bench ab`, or a map.
"""
PAGES: dict[str, Callable[[], str]] = {
    "cli.md": lambda: commands_page(app, SECTIONS),
    "scenario.md": FieldPage("Scenario file", _SCENARIO, Scenario).text,
    "prompts.md": FieldPage("Prompts file", _PROMPTS, Prompts).text,
    "target.md": FieldPage("Target file", _TARGET, Target).text,
    "stack.md": FieldPage("Stack file", _STACK, Stack).text,
    "experiment.md": FieldPage("Experiment file", _EXPERIMENT, Experiment).text,
    "metrics.md": metrics_page,
    "exit-codes.md": exit_codes_page,
    "outcomes.md": outcomes_page,
    "answers.md": answers_page,
    "probes.md": probes_page,
}
ASSET_FILES: dict[str, Callable[[], str]] = {
    "tokens.css": lambda: read_style("tokens"),
    "name-mark.svg": lambda: draw_mark_file(light_tokens()["brand"], light_tokens()["raised"]),
}
"""Files of the documentation's theme that are the same as in pages."""
_NOTICE = "<!-- Written by `make reference`; change the code instead. -->\n\n"


def page(name: str) -> str:
    """Return a page as its file has it."""
    return f"{_NOTICE}{PAGES[name]().rstrip()}\n"


def asset(name: str) -> str:
    """Return a file of the theme as `docs/assets` has it."""
    return f"{ASSET_FILES[name]()}\n"


def main() -> int:
    """Write every page, the files of the theme, and the tables of folders in the page on architecture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in PAGES:
        (FOLDER / name).write_text(page(name), encoding="utf-8")
    for name in ASSET_FILES:
        (ASSETS / name).write_text(asset(name), encoding="utf-8")
    ARCHITECTURE.write_text(with_folders(ARCHITECTURE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
