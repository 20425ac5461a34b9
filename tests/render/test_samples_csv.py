import csv
import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.render.samples_csv import render_samples
from tests.factories import make_sample
from tests.render.reports import HOSTILE

STREAMED = make_sample(
    1, first_token_s=0.4, last_token_s=0.75, tokens=8, intercepted=False, connect_s=0.0002, latency_ms=500.0
)
FAILED = make_sample(
    2, outcome=Outcome.HTTP_ERROR, status=500, detail='=HYPERLINK("http://evil.example")', tier_times={}
)
DROPPED = make_sample(3, outcome=Outcome.DROPPED, status=None, sent_s=None, first_byte_s=None, tier_times={})


def _table(*samples: RequestSample, tiers: tuple[str, ...] = ("backend",)) -> list[dict[str, str]]:
    text = "".join(render_samples([Samples.of([sample]) for sample in samples], tiers))
    return list(csv.DictReader(io.StringIO(text), strict=True))


def test_requests_are_shown(golden: Callable[[str, str], None]) -> None:
    """Requests that succeeded, streamed, failed and were never sent have the approved rows."""
    samples = Samples.of([make_sample(0), STREAMED, FAILED, DROPPED])
    golden("samples.csv", "".join(render_samples([samples], samples.tiers)).replace("\r\n", "\n"))


def test_each_request_is_a_row_in_its_order() -> None:
    """For any pages, there is one row per request, below one row of names."""
    rows = _table(*(make_sample(seq) for seq in range(5)))
    assert [row["vu"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert "".join(render_samples([], ())).count("\n") == 1


def test_times_have_their_unit_in_the_name() -> None:
    """Moments are seconds, latencies are milliseconds, as in the report."""
    (row,) = _table(STREAMED)
    assert float(row["e2e_ms"]) == pytest.approx(
        1000 * (float(row["finished_s"]) - float(row["scheduled_s"])), abs=0.002
    )
    assert row["tier.backend_ms"] == "2.000"
    assert all(name.endswith(("_s", "_ms")) for name, text in row.items() if "." in text)


def test_unknown_values_are_empty_and_never_zero() -> None:
    """A failed request has no latency and no tier; an unsent one has no time of sending."""
    failed, dropped = _table(FAILED, DROPPED)
    assert (failed["status"], failed["e2e_ms"], failed["tier.backend_ms"]) == ("500", "", "")
    assert (dropped["status"], dropped["sent_s"], dropped["send_lag_ms"], dropped["detail"]) == (
        "",
        "",
        "",
        "",
    )


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        (" \t@SUM(A1)", "'  @SUM(A1)"),
        ("-2", "'-2"),
        ("\uff1d1", "'\uff1d1"),
        ("plain; text, with 'quotes' and \"more\"", "plain; text, with 'quotes' and \"more\""),
        ("two\r\nlines\x1b[2J", "two lines [2J"),
    ],
)
def test_a_text_is_never_a_formula(text: str, cell: str) -> None:
    """A text that a spreadsheet would compute begins with an apostrophe; control characters are spaces."""
    (row,) = _table(FAILED._replace(detail=text, prompt=text))
    assert row["detail"] == row["prompt"] == cell


@given(st.text(max_size=30) | st.just(HOSTILE))
def test_hostile_text_stays_in_its_cell(text: str) -> None:
    """For any prompt, detail and tier, the table has its shape and no formula in a text."""
    rows = _table(FAILED._replace(detail=text, prompt=text, tier_times={text: 1.0}), tiers=(text,))
    assert len(rows) == 1
    assert None not in rows[0]
    assert rows[0]["outcome"] == "http_error"
    for cell in (rows[0]["detail"], rows[0]["prompt"]):
        assert cell.strip()[:1] not in {"=", "+", "-", "@"}
