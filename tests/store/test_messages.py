from pathlib import Path

import pytest

from bench.core.config.message_rows import MOST_ROWS
from bench.errors import ConfigError
from bench.store.messages import read_messages

CONTENTS = {
    "a.txt": "One\n\n Two, \n",
    "a.csv": 'id,prompt\n1,One\n2,"Two,"\n',
    "a.jsonl": '{"message": "One"}\n\n{"message": "Two,"}\n',
}


@pytest.mark.parametrize("name", CONTENTS)
def test_the_ending_of_a_file_decides_its_format(name: str, tmp_path: Path) -> None:
    """Every other file has a message in each line; empty lines are skipped."""
    (tmp_path / name).write_text(CONTENTS[name])
    prompts, count = read_messages(tmp_path / name)
    assert [prompt.text for prompt in prompts] == ["One", "Two,"]
    assert count == 2


def test_a_large_file_is_not_read_completely(tmp_path: Path) -> None:
    """The number of its rows is returned, so that a command can report it."""
    path = tmp_path / "many.txt"
    path.write_text("hello\n" * (MOST_ROWS + 5))
    prompts, count = read_messages(path)
    assert (len(prompts), count) == (MOST_ROWS, MOST_ROWS + 5)
    assert len({prompt.id for prompt in prompts}) == MOST_ROWS


@pytest.mark.parametrize("name", ["none.txt", "empty.txt", "no.csv"])
def test_a_file_without_messages_is_an_error(name: str, tmp_path: Path) -> None:
    """It names the file."""
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "no.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match=name):
        read_messages(tmp_path / name)
