"""`bench scenarios show`: which files take part in a scenario, and the values that they have together."""

from pathlib import Path

import yaml

from bench.errors import Exit
from bench.store.folders import shipped
from tests.command import Bench


def write(name: str, text: str) -> None:
    """Write a file in the user's folder of scenarios."""
    path = Path("scenarios", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_scenario_is_shown_with_its_files_and_inherited_values(bench: Bench) -> None:
    """The output is YAML, one document for each file; comments name the files."""
    write("lunch.yaml", "extends: quick\nvus: ${env.USERS:-3}\nmessages: [Hello]\n")
    write("targets/chat.yaml", "extends: chat\npath: /mine\n")
    done = bench("scenarios", "show", "lunch")
    assert done.code == Exit.PASS
    folder = shipped("scenarios")
    assert [line for line in done.out.splitlines() if line.startswith("#")] == [
        "# scenario: scenarios/lunch.yaml",
        f"# extends: {folder}/quick.yaml",
        "# target: scenarios/targets/chat.yaml, instead of the shipped one",
        f"# extends: {folder}/targets/chat.yaml",
    ]
    scenario, target = yaml.safe_load_all(done.out)
    assert (scenario["name"], scenario["vus"], scenario["messages"]) == ("lunch", "3", ["Hello"])
    assert (scenario["seed"], "extends" in scenario, "prompts" in scenario) == (2025, False, False)
    assert (target["path"], target["auth"]) == ("/mine", "bearer")


def test_a_shipped_scenario_shows_that_a_users_file_replaces_a_shipped_one(bench: Bench) -> None:
    """Files of messages are counted, not shown."""
    write("prompts/forms.yaml", "messages: [a, b]\n")
    lines = bench("scenarios", "show", "quick").out.splitlines()
    assert lines[-2:] == [
        "# prompts: scenarios/prompts/forms.yaml, instead of the shipped one",
        "# 2 messages",
    ]
    assert f"# target: {shipped('scenarios')}/targets/chat.yaml" in lines


def test_an_error_is_shown_instead_of_a_wrong_scenario(bench: Bench) -> None:
    """It names the file that inherits the wrong value, too."""
    write("base.yaml", "extends: quick\nvus: -1\n")
    write("lunch.yaml", "extends: base\n")
    done = bench("scenarios", "show", "lunch")
    assert done.code == Exit.USAGE
    assert "scenarios/base.yaml:2: vus must be above 0" in done.err
    assert (
        "scenarios/lunch.yaml inherits it; another value there replaces it, and null removes it" in done.err
    )
