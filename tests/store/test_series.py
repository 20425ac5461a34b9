from pathlib import Path

import pytest

from bench.core.config.executors import OpenLoop
from bench.core.config.open_loops import ArrivalRateSeries, ArrivalTimes
from bench.errors import ConfigError
from bench.store import scenarios, series
from bench.store.series import read_rates, read_times

SCENARIO = """
name: traffic
purpose: A test.
target: chat
seed: 1
messages: [Hello]
executor: {executor}
{fields}
"""

AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:04.2319600,3180,8
"""


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rates.csv", "time,rate\n0,5\n60,7.5\n"),
        ("rates.csv", "at,Time ,RPS\nx,100,5\n\nx,160,7.5\n"),
        ("rates.csv", "timestamp_ms,requests\n5000,5\n65000,7.5\n"),
        ("rates.csv", "timestamp,rate\n2026-05-10 09:30:00,5\n2026-05-10T09:31:00Z,7.5\n"),
        ("rates.jsonl", '{"time": 0, "rate": 5}\n{"time": 60.0, "rate": "7.5"}\n'),
    ],
)
def test_rates_are_read_by_the_names_of_their_columns(tmp_path: Path, name: str, text: str) -> None:
    """Times may be seconds, milliseconds or dates; the series begins with its first row."""
    assert read_rates(_write(tmp_path, name, text)) == ((0.0, 5.0), (60.0, 7.5))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("azure.csv", AZURE),
        ("burst.csv", "Timestamp,Model,Request tokens\n5,ChatGPT,472\n5.252,GPT-4,1087\n"),
        ("mooncake.jsonl", '{"timestamp_ms": 27252, "input_length": 1}\n{"timestamp_ms": 27000}\n'),
        ("production.csv", "timestamp\n1718000000.25\n1718000000.502\n"),
    ],
)
def test_arrival_times_of_public_traces_are_read(tmp_path: Path, name: str, text: str) -> None:
    """Other columns are ignored; the rows may have any order."""
    assert read_times(_write(tmp_path, name, text)) == pytest.approx((0.0, 0.252))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "time,rate\n0,5\nsoon,5\n", "a.csv:3: time 'soon' is not a time"),
        ("a.csv", "time,rate\n0,5\n1,-1\n", "a.csv:3: rate '-1' is not a rate"),
        ("a.csv", "time,rate\n0,5\n\n1,many\n", "a.csv:4: rate 'many' is not a rate"),
        ("a.csv", "time,rate\n0,nan\n", "a.csv:2: rate 'nan' is not a rate"),
        ("a.csv", "time,rate\n5,5\n4,5\n", "a.csv:3: the time is before that of the row above"),
        ("a.csv", "when,rate\n5,5\n", "a.csv:2: no column has a time; columns: when, rate"),
        ("a.csv", "time,speed\n5,5\n", "a.csv:2: no column has a rate; columns: time, speed"),
        ("a.csv", "time,rate\n", "a.csv has no rows"),
        ("a.txt", "5\n", "a.txt: unknown format of rows"),
        ("a.jsonl", '{"time": 0, "rate": 5}\n{"time": 1}\n', "a.jsonl:2: rate '' is not a rate"),
        ("a.jsonl", '{"time": 0, "rate": 5}\n{"time": true, "rate": 5}\n', "a.jsonl:2: time 'True' is not"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    """The error shows the value, and the columns if none has a known name."""
    with pytest.raises(ConfigError) as caught:
        read_rates(_write(tmp_path, name, text))
    assert message in caught.value.message


def test_a_file_with_very_many_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its content would become a part of each result."""
    monkeypatch.setattr(series, "MOST_ROWS", 2)
    path = _write(tmp_path, "times.csv", "time\n1\n2\n3\n")
    with pytest.raises(ConfigError, match=r"times.csv has 3 rows; at most 2 are allowed"):
        read_times(path)


def _load(folder: Path, executor: str, fields: str) -> OpenLoop:
    path = _write(folder, "traffic.yaml", SCENARIO.format(executor=executor, fields=fields))
    phase = scenarios.load(str(path)).scenario.phases[0]
    assert isinstance(phase, OpenLoop)
    return phase


def test_a_scenario_has_the_content_of_its_file(tmp_path: Path) -> None:
    """The file is found next to the scenario, so its content is a part of the work that runs compare."""
    _write(tmp_path, "rates.csv", "time,rate\n0,5\n60,7\n")
    _write(tmp_path, "times.csv", "time\n0\n2\n1\n")
    rates = _load(tmp_path, "arrival-rate-series", "rates: rates.csv")
    assert isinstance(rates, ArrivalRateSeries)
    assert rates.points == ((0.0, 5.0), (60.0, 7.0))
    for fields, offsets_s in {"times: times.csv": (0, 1, 2), "times: [3, 7]": (0, 4)}.items():
        times = _load(tmp_path, "arrival-times", fields)
        assert isinstance(times, ArrivalTimes)
        assert times.offsets_s == offsets_s


@pytest.mark.parametrize(
    ("executor", "fields", "message"),
    [
        ("arrival-times", "times: none.csv", "traffic.yaml:8: times: there is no file none.csv"),
        ("arrival-rate-series", "rates: none.csv", "traffic.yaml:8: rates: there is no file none.csv"),
        ("arrival-times", "times: once.csv", "once.csv: all times are equal"),
        (
            "arrival-rate-series",
            "rates: rates.csv\nduration: 90s",
            "traffic.yaml:9: duration: is longer than the rates",
        ),
        ("arrival-rate-series", "rates: huge.csv", "huge.csv: input should be less than or equal to 1000000"),
    ],
)
def test_an_error_names_the_file_that_is_wrong(
    tmp_path: Path, executor: str, fields: str, message: str
) -> None:
    """Either that of the scenario, with its line, or that of the series."""
    _write(tmp_path, "once.csv", "time\n3\n3\n")
    _write(tmp_path, "rates.csv", "time,rate\n0,5\n60,7\n")
    _write(tmp_path, "huge.csv", "time,rate\n0,5\n60,7000000\n")
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, executor, fields)
    assert message in caught.value.message
