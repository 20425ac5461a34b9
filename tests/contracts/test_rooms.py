import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("room", ["core", "measure"])
def test_every_module_of_a_large_room_is_in_one_group(room: str) -> None:
    """Who looks for something finds its module in docs/architecture.md, once, and none that is gone."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition(f"### Inside `bench/{room}`\n")[2].partition("\n#")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(
        path.stem for path in (ROOT / "bench" / room).glob("*.py") if path.stem != "__init__"
    )
