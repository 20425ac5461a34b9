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
