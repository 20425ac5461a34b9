"""The site shows a history of capacity searches: its charts, its table and its front page."""

import pytest

from bench.core.capacity.load_trial import LoadUnit
from bench.core.history.history import to_history_point
from bench.core.report.trend_page import trend_page
from bench.render.html.trend_charts import deciding_charts
from tests.searches import make_search


@pytest.mark.parametrize(("unit", "cell"), [("users", "17 users"), ("requests/s", "17 requests/s")])
def test_the_chart_of_the_safe_load_has_its_unit(unit: LoadUnit, cell: str) -> None:
    """The table next to the chart has the load of each run with its unit."""
    points = [to_history_point(make_search((17, 16, 18), number, unit)) for number in range(3)]
    (chart,) = deciding_charts(trend_page(points))
    assert chart.title == "Safe load"
    assert all(cell in row for row in chart.table.rows)


def test_the_chart_of_the_safe_load_has_the_interval_of_each_search() -> None:
    """The band is the interval of the searches; an open end is a gap."""
    points = [to_history_point(make_search(safe, number)) for number, safe in enumerate([(17, 15, 19)] * 3)]
    (chart,) = deciding_charts(trend_page(points))
    edges = {line.label: list(line.values) for line in chart.layers[0].lines if line.look == "edge"}
    assert edges == {
        "interval of each search, highest": [19.0] * 3,
        "interval of each search, lowest": [15.0] * 3,
    }
