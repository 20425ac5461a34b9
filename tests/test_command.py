from pathlib import Path

import pytest

from tests.command import environment, fork, start


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("scenarios", "list"),
        ("run", "unknown"),
        ("compare", "results/none"),
        ("check", "quick", "--no-such-option"),
    ],
    ids=" ".join,
)
def test_a_forked_command_does_the_same_as_a_started_one(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Both print the same and exit with the same code; tests fork because a start takes a second."""
    env = environment(NO_COLOR="1")
    assert fork(*arguments, cwd=tmp_path, env=env) == start(*arguments, cwd=tmp_path, env=env)


def test_a_forked_command_has_its_own_folder_and_variables(tmp_path: Path) -> None:
    """It neither sees nor changes those of the test or of an earlier command."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    (first / "scenarios").mkdir()
    (first / "scenarios" / "mine.yaml").write_text("name: mine\n")
    seen = fork("scenarios", "check", "scenarios/mine.yaml", cwd=first, env=environment())
    unseen = fork("scenarios", "check", "scenarios/mine.yaml", cwd=second, env=environment())
    assert "purpose is missing" in seen.err
    assert "purpose is missing" not in unseen.err
