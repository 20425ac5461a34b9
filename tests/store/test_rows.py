"""Rows of data are read from CSV, JSON Lines and Parquet, and a wrong file is named with its line."""

import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from bench.errors import ConfigError
from bench.store.rows import read_rows


def test_a_thousand_rows_of_csv(tmp_path: Path) -> None:
    """The head names the columns; quotes keep commas and line breaks."""
    lines = ["email,note", '"a,b","two\nlines"', *(f"user{number}@example.com,x" for number in range(999))]
    (tmp_path / "users.csv").write_text("\ufeff" + "\r\n".join(lines) + "\r\n\r\n", encoding="utf-8")
    rows = read_rows(tmp_path / "users.csv")
    assert len(rows) == 1000
    assert rows[0] == {"email": "a,b", "note": "two\nlines"}


def test_json_lines_and_parquet_keep_types(tmp_path: Path) -> None:
    """Numbers and lists stay what they are."""
    expected = ({"n": 1, "tags": ["a"]}, {"n": 2, "tags": []})
    (tmp_path / "rows.jsonl").write_text('{"n": 1, "tags": ["a"]}\n\n{"n": 2, "tags": []}\n')
    parquet.write_table(pa.Table.from_pylist([*expected]), tmp_path / "rows.parquet")
    assert read_rows(tmp_path / "rows.jsonl") == expected
    assert read_rows(tmp_path / "rows.parquet") == expected


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "a,b\n1\n", "a.csv:2: the row has 1 columns, and the head has 2"),
        ("a.csv", "a,a\n1,2\n", "a.csv:1: two columns have the name 'a'"),
        ("a.csv", "a,\n1,2\n", "a.csv:1: a column has no name"),
        ("a.csv", 'a\n"1\n', "a.csv:2: no CSV"),
        ("a.csv", "a\n", "a.csv has no rows"),
        ("a.csv", b"\xff", "a.csv: the file is not text in UTF-8"),
        ("a.jsonl", "{}\n{", "a.jsonl:2: no JSON"),
        ("a.jsonl", "[1]\n", "a.jsonl:1: the line is no JSON object"),
        ("a.xlsx", "", "unknown format of rows"),
        ("a.parquet", "PAR0", "cannot read"),
        ("b.csv", None, "cannot read"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, name: str, content: str | bytes | None, words: str) -> None:
    """The message has the line where the format has lines."""
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=words.replace("(", r"\(")):
        read_rows(tmp_path / name)


def test_parquet_without_its_extra_names_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader is optional, because it is large."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError) as raised:
        read_rows(tmp_path / "a.parquet")
    assert raised.value.hint == "pip install 'chatbench[parquet]'"
