import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from bench.core.config import executors, open_loops, watching
from bench.core.config.executors import Phase
from bench.core.config.scenario import Scenario
from bench.core.config.stack import Stack
from bench.core.config.target import Target
from bench.core.values.duration import parse_duration
from bench.core.watch import alerts

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CODE = sorted([*(ROOT / "bench").rglob("*.py"), *(ROOT / "chatstack").rglob("*.py")])


def _tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [ROOT / line for line in done.stdout.splitlines() if (ROOT / line).is_file()]


def test_no_file_of_code_is_longer_than_four_hundred_lines() -> None:
    """A file that needs more is two files."""
    long = {str(path): n for path in CODE if (n := len(path.read_text().splitlines())) > 400}
    assert not long


@pytest.mark.parametrize(
    "name",
    [
        "requirements.txt",
        "requirements-build.txt",
        "requirements-cluster.txt",
        "requirements-dev.txt",
        "requirements-docs.txt",
        "requirements-local-model.txt",
    ],
)
def test_every_requirement_is_pinned_with_hashes_and_without_addresses(name: str) -> None:
    """A lock file has an exact version and a hash for each package, and names no host."""
    text = (ROOT / name).read_text(encoding="utf-8")
    pins = re.findall(r"^[a-z0-9][^\s]*==[^\s]+", text, re.MULTILINE | re.IGNORECASE)
    assert len(pins) >= 2
    assert text.count("--hash=sha256:") >= len(pins)
    assert not re.search(r"https?://|--index-url|--find-links", text)


def test_one_module_knows_github3() -> None:
    """Whoever reads or replaces how GitHub is asked has one file to look at, however many there will be."""
    found = [path for path in CODE if re.search(r"^\s*(import|from) github3", path.read_text(), re.MULTILINE)]
    assert found == [ROOT / "bench" / "publish" / "session.py"]


def test_every_dependency_is_locked_and_explained() -> None:
    """Each dependency of the project is in the lock file, and the page on architecture gives its reason."""
    locked = (ROOT / "requirements.txt").read_text(encoding="utf-8").lower()
    explained = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8").lower()
    for requirement in PROJECT["project"]["dependencies"]:
        name = re.split(r"[<>=\[ ]", requirement)[0].lower()
        locked_as = re.sub(r"[-_.]+", "-", name)
        assert re.search(rf"^{locked_as}==", locked, re.MULTILINE), name
        assert name in explained, name


def test_no_secret_and_no_generated_file_is_committed() -> None:
    """Results, environments and tokens stay out of the repository."""
    for path in _tracked():
        relative = path.relative_to(ROOT)
        assert relative.parts[0] not in {"results", ".venv", ".bench", "dist"}, relative
        if path.suffix in {".py", ".yaml", ".yml", ".md", ".json", ".toml", ".txt"}:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}\.", text), relative


def test_the_documents_limits_of_alerts_are_the_codes() -> None:
    """The page on monitoring has every limit with its default and every rule; its example is right."""
    text = (ROOT / "docs" / "reference" / "monitoring.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `[a-z]+` \| `([a-z_]+)` \| ([0-9.]+[ms]?) \|", text, re.MULTILINE)
    defaults = watching.AlertLimits().model_dump(by_alias=True)
    assert {name: parse_duration(value) for name, value in rows} == defaults
    assert all(f"`{rule}`" in text for rule in alerts.Rule)
    assert f"fewer than {alerts.FEWEST_REQUESTS} requests" in text
    (example,) = _yaml_of("how-to/monitor-a-stack.md")
    shown = Stack.model_validate(example)
    kinds = {each.kind for each in shown.checks.values()}
    assert kinds == set(re.findall(r'kind: Literal\["([a-z]+)"\]', Path(watching.__file__ or "").read_text()))


def _rows(name: str) -> dict[str, list[str]]:
    """The rows of a document's tables by their first cell."""
    lines = (ROOT / "docs" / name).read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {row[0]: row[1:] for row in cells}


def test_the_page_of_verdicts_names_each_missed_rate() -> None:
    """A required rate is met or missed by its measured number, and the summary counts and names both."""
    text = (ROOT / "docs" / "explanation" / "verdicts.md").read_text(encoding="utf-8")
    outcomes = Counter[str]()
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        outcome = cells[-1].strip("*")
        if outcome not in {"met", "missed"}:
            continue
        outcomes[outcome] += 1
        required, measured = cells[-4], float(cells[-3].split()[0])
        bounds = [float(number) for number in re.findall(r"[0-9.]+", required)]
        if required.startswith("≤"):
            reached = measured <= bounds[0]
        elif required.startswith("≥"):
            reached = measured >= bounds[0]
        else:
            reached = bounds[0] <= measured <= bounds[1]
        assert reached == (outcome == "met"), line
    assert outcomes["met"] > outcomes["missed"]
    assert f"{outcomes['met']} of {outcomes.total()} required rates are met." in text
    assert len(re.findall(r"^- Missed: ", text, flags=re.MULTILINE)) == outcomes["missed"]


def test_the_methodology_says_what_the_checks_of_the_embedded_stack_showed() -> None:
    """Checks, failures and places are those of docs/embedded.md."""
    said = _rows("explanation/methodology.md")
    for title, row in _rows("explanation/embedded.md").items():
        if row[0].isdigit():
            assert said[title] == [row[0], row[1], row[-1]]


def test_no_document_has_two_sentences_on_a_line() -> None:
    """One sentence a line, so that a change of a sentence is a change of a line."""
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        prose = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        prose = re.sub(r"`[^`]*`", "x", prose)
        for line in prose.splitlines():
            if not line.startswith("|"):
                assert not re.search(r"[a-z)][.!?] +[A-Z]", line), f"{path.name}: {line}"


def _yaml_of(name: str) -> list[Any]:
    """The YAML blocks of a document."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    return [
        yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    ]


def test_the_documents_examples_are_right() -> None:
    """A scenario, every kind of load, messages and a target: each block that is shown can be used."""
    blocks = _yaml_of("how-to/write-a-scenario.md")
    scenario = blocks[0]
    Scenario.model_validate(scenario)
    for block in blocks[1:]:
        _check_example(block, scenario)
    (lunch, _) = _yaml_of("tutorial.md")
    Scenario.model_validate(lunch)
    shown: set[str] = set()
    for block in blocks:
        if isinstance(block, list):
            shown |= {TypeAdapter(Phase).validate_python(each).executor for each in block}
    declared: set[str] = set()
    for module in (executors, open_loops):
        source = Path(module.__file__ or "").read_text(encoding="utf-8")
        declared |= set(re.findall(r'executor: Literal\["([a-z-]+)"\]', source))
    assert shown == declared


def _check_example(block: Any, scenario: dict[str, Any]) -> None:
    """Check a block by its kind. A part of a file is checked together with a whole example of its kind."""
    if "${env.USERS" in str(block):  # a number from a variable is read by the files, not by the models
        return
    target = {"name": "x", "service": "x", "path": "/x", "body": {}}
    match block:
        case list():
            phases = {"phases": block, "recovery_ratio": None}
            Scenario.model_validate({**_without_executor(scenario), **phases})
        case {"extends": _, **changes}:
            Scenario.model_validate(_without_prompts(scenario) | changes)
        case {"messages": _}:
            Scenario.model_validate(_without_prompts(scenario) | block)
        case {"phases": _}:
            Scenario.model_validate(block)
        case {"answer": _}:
            Target.model_validate(target | block)
        case {"layers": _} | {"service": _}:
            Stack.model_validate({"name": "x", "purpose": "x."} | block)
        case _:
            Scenario.model_validate(scenario | block)


def _without_executor(scenario: dict[str, Any]) -> dict[str, Any]:
    removed = {"executor", "vus", "duration", "think_time"}
    return {name: value for name, value in scenario.items() if name not in removed}


def _without_prompts(scenario: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in scenario.items() if name != "prompts"}


def test_every_shipped_target_is_in_the_documents() -> None:
    """Who looks for an interface finds it."""
    text = (ROOT / "docs" / "how-to" / "write-a-scenario.md").read_text(encoding="utf-8")
    for path in (ROOT / "scenarios" / "targets").glob("*.yaml"):
        assert f"`{path.stem}`" in text
