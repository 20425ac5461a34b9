"""The site of all histories. `tests/pages` opens it in a browser."""

import re
from dataclasses import replace
from urllib.parse import unquote, urljoin

import pytest

from bench.core.history.levels import MAX_TREND_RUNS
from bench.core.report.dashboard import Entry
from bench.core.report.trend_page import TrendPage, trend_page
from bench.core.report.words import DECISIONS
from bench.core.verdict.compare import Decision
from bench.render.document.trend import make_trend_document
from bench.render.html.assets import Assets
from bench.render.html.front import OPEN_ROWS, front_tables
from bench.render.html.links import Links
from bench.render.html.site import FRONT, POLICY, SCRIPT, SEARCH, STYLE, path_of, render_shared
from bench.render.html.trend_charts import (
    SPARK_HEIGHT,
    SPARK_WIDTH,
    deciding_charts,
    run_times,
    spark_points,
    tier_charts,
)
from tests.factories import make_point
from tests.render.drawn import HOSTILE
from tests.render.histories import LINKS, board_of, history, several, site_of, vitals, worse
from tests.render.parsed_page import (
    ICON,
    Element,
    charts_of,
    check_page,
    facts_of,
    headings_of,
    table_of,
)
from tests.render.test_page import cells, heading_of, shown, visible

ASSETS = Assets(style="/* the style */", script="/* the library, and the script */")
QUICK = "embedded/simulated/quick.html"
HISTORIES = several()
BOARD = board_of(HISTORIES)
FILES = site_of(HISTORIES, LINKS, ASSETS)
PAGES = [path for path in FILES if path.endswith(".html")]
ENTRIES = {path_of(page.where): page for page in HISTORIES}


def hostile() -> list[TrendPage]:
    """Return histories whose texts are all hostile."""
    names = ("../../etc/passwd", HOSTILE, "..", "a b/c?d#e", "Größe")
    hostile_vitals = vitals(
        load=HOSTILE, crossed=(HOSTILE,), alerts=(HOSTILE,), up={HOSTILE: 0.5},
        usage={HOSTILE: {"cpu_pct": 1.0, "memory_bytes": 1}},
    )  # fmt: skip
    pages = []
    for name in names:
        runs = history([1.0] * 14 + [1.4] * 8, scenario=name, vitals=hostile_vitals)
        commits = (HOSTILE if number % 2 else "javascript:alert(1)" for number in range(len(runs)))
        pages.append(
            trend_page(
                [run.model_copy(update={"commit": sha}) for run, sha in zip(runs, commits, strict=True)]
            )
        )
    return pages


def many_histories() -> list[TrendPage]:
    """Return more histories than the front page shows open."""
    page = trend_page(history([1.0] * 3))
    return [replace(page, where=f"embedded/simulated/s{number:03}") for number in range(OPEN_ROWS + 20)]


def parsed(path: str) -> Element:
    """Return a page of the site, whose structure is checked."""
    return check_page(FILES[path], POLICY)


def addresses(page: Element) -> list[str]:
    """Return each address that a browser follows or loads."""
    attributes = [element.attributes for element in page.walk()]
    return [each[name] for each in attributes for name in ("href", "src") if name in each]


def test_the_front_page_has_tiles_and_their_tables() -> None:
    """The judgement comes first, then regressions, four tiles, all scenarios, and a table for each tile."""
    page = parsed(FRONT)
    header = page.find("header")
    heading = heading_of(DECISIONS[BOARD.decision], BOARD.headline)
    assert header.find("h1").text == shown(heading)
    assert header.find("p", class_="next").text == shown(BOARD.next_step)
    failed = [entry for entry in BOARD.entries if entry.trend.decision is Decision.FAIL]
    assert [item.find("a").text for item in header.find("nav").find_all("li")] == [
        entry.name for entry in failed
    ]
    for tile, item in zip(BOARD.tiles, page.find_all("li", class_="tile"), strict=True):
        assert item.has("class_", tile.status)
        assert item.find("h2").text.endswith(f"{tile.title} {tile.status}")
        assert [paragraph.text for paragraph in item.find_all("p")] == [shown(tile.figure), shown(tile.text)]
    titles = [tile.title for tile in BOARD.tiles]
    assert headings_of(page)[len(titles) :] == ["Scenarios", *titles]
    for front_table in front_tables(BOARD, _name):
        assert table_of(page, front_table.table.title) == cells(front_table.table)


def _name(entry: Entry) -> str:
    return entry.name


def test_the_front_page_lists_each_history_with_a_small_line() -> None:
    """Each row has a link, the level, the line with a dot at its end, the newest run and the judgement."""
    rows = parsed(FRONT).find("table", class_="scenarios").find("tbody").find_all("tr")
    for entry, row in zip(BOARD.entries, rows, strict=True):
        document = make_trend_document(entry.trend)
        points = spark_points(entry.summary.line.values)
        last_x, last_y = points.split(" ")[-1].split(",")
        assert row.find("a").attributes["href"] == path_of(entry.summary.where)
        assert row.find("a").text == entry.name
        assert row.find("polyline").attributes["points"] == points
        dot = row.find("circle").attributes
        assert (dot["cx"], dot["cy"]) == (last_x, last_y)
        assert row.find("td", class_="headline").text == shown(document.headline)
        assert f"{entry.newest.started_at:%Y-%m-%d}" in row.text


@pytest.mark.parametrize("path", ENTRIES)
def test_the_page_of_a_history_contains_its_document(path: str) -> None:
    """Judgement, next step, warnings, each table and each fact; the sections stand in order."""
    page = parsed(path)
    entry = ENTRIES[path]
    document = make_trend_document(entry.trend)
    header = page.find("header")
    heading = heading_of(document.word, document.headline)
    assert header.find("h1").text == shown(heading)
    assert header.find("p", class_="next").text.removesuffix(" Show these commits.") == shown(
        document.next_step
    )
    assert headings_of(page) == ["Run by run", "Changes", "Tier by tier", "Runs and environment"]
    for table in document.judged:
        assert table_of(page, table.title) == cells(table)
    facts = {label: visible(text) for label, text in document.facts}
    assert facts_of(page, "facts") == facts
    _, runs = table_of(page, "The newest runs")
    assert len(runs) == min(20, len(entry.runs))
    assert runs[0][0] == f"{entry.newest.started_at:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize("path", ENTRIES)
def test_the_page_of_a_history_contains_each_chart_as_data_and_as_a_table(path: str) -> None:
    """The deciding metrics come first, then the tiers; the table has the newest run first."""
    page = parsed(path)
    trend = ENTRIES[path]
    charts = {f"deciding{number}": chart for number, chart in enumerate(deciding_charts(trend), 1)}
    charts |= {f"tier{number}": chart for number, chart in enumerate(tier_charts(trend), 1)}
    assert list(charts_of(page)) == list(charts)
    for name, chart in charts.items():
        figure = page.find("figure", id=name)
        assert figure.find(id=f"{name}-title").text == chart.title
        assert figure.find(id=f"{name}-text").text == chart.text
        assert table_of(figure, chart.table.title) == cells(chart.table)
        data = charts_of(page)[name]
        assert data["marks"] == [[mark.at, mark.tone] for mark in chart.marks]
        lines = [(line.label, list(line.values)) for line in chart.layers[0].lines]
        assert [(line["label"], line["values"]) for line in data["layers"][0]["lines"]] == lines


def test_every_page_can_be_reached_and_leads_back() -> None:
    """Every address in a page is a file of the site, a place in it, or an address of the repository."""
    for path in PAGES:
        page = parsed(path)
        ids = [element.attributes.get("id") for element in page.walk()]
        for address in addresses(page):
            absolute = urljoin(f"https://site/{path}", address)
            if absolute.startswith("https://site/"):
                target, _, place = absolute.removeprefix("https://site/").partition("#")
                assert unquote(target) in FILES
                assert not place or place in ids
            else:
                assert address == ICON or address.startswith(f"{LINKS.repository}/")
    front = {urljoin("https://site/", address) for address in addresses(parsed(FRONT))}
    assert {f"https://site/{path}" for path in ENTRIES} <= front


def test_the_judgement_comes_first() -> None:
    """The judgement stands above each table and chart, and the histories that fail come first."""
    for path, headline in ((FRONT, BOARD.headline), (QUICK, "Response time became worse")):
        body = FILES[path].partition("<body>")[2]
        assert body.index(headline) < body.index("<table")
        assert FILES[path].partition("<title>")[2].startswith("FAIL ")
    order = [entry.trend.decision for entry in BOARD.entries]
    assert order == sorted(order, key=[Decision.FAIL, Decision.INCONCLUSIVE, Decision.PASS].index)


def test_the_same_histories_make_the_same_bytes() -> None:
    """A site depends on no clock, no order of a set and no property of the machine."""
    assert site_of(several(), LINKS, ASSETS) == FILES


def test_hostile_text_stays_text() -> None:
    """Names, commits, limits, alerts and checks start no element, attribute, address or file."""
    files = site_of(hostile(), LINKS, ASSETS)
    assert len(files) == 5 + 4
    for path, text in files.items():
        assert ".." not in path.split("/")
        assert "\\" not in path
        if not path.endswith(".html"):
            continue
        page = check_page(text, POLICY)
        assert len(page.find_all("script")) == (0 if path == FRONT else 2)
        assert page.find_all("img") == []
        assert "<!--" not in text
        for address in addresses(page):
            assert not address.lower().startswith(("javascript", "//", "http:"))
            absolute = urljoin(f"https://site/{path}", address)
            if absolute.startswith("https://site/"):
                assert unquote(absolute.removeprefix("https://site/").partition("#")[0]) in files
            else:
                runs = "https://github.com/owner/name/actions/runs/7"
                assert address == ICON or address.startswith(runs)


def test_without_a_repository_no_link_leaves_the_site() -> None:
    """No address of another server stands in any page."""
    for path, text in site_of(HISTORIES, Links(), ASSETS).items():
        assert not re.search(r"https?:", text), path


def test_a_page_loads_only_the_sites_files() -> None:
    """Each page has the policy, links the shared style and script, and contains no other style or script."""
    for path in PAGES:
        page = parsed(path)
        home = "../" * path.count("/")
        assert page.find("link", rel="stylesheet").attributes["href"] == f"{home}{STYLE}"
        assert page.find_all("style") == []
        scripts = [script.attributes.get("src") for script in page.find_all("script")]
        assert scripts == ([] if path == FRONT else [None, f"{home}{SCRIPT}"])
    assert "uPlot" in render_shared()[SCRIPT]
    assert ".tiles" in render_shared()[STYLE]


def test_a_change_point_is_marked_and_leads_to_its_commits() -> None:
    """The chart marks the first run of the new level; the text names the commits and links them."""
    page = worse()
    (change,) = next(row.change_points for row in page.metrics if row.key == "e2e_ms")
    html = parsed(QUICK)
    chart = charts_of(html)["deciding2"]  # after success
    assert chart["marks"] == [[run_times(page)[change.position], "bad"]]
    assert f"{LINKS.repository}/compare/{change.last_commit}...{change.commit}" in addresses(html)
    assert f"{LINKS.repository}/actions/runs/{page.newest.workflow_run}" in addresses(html)
    labels = [line["label"] for line in chart["layers"][0]["lines"]]
    assert labels == [
        "10 runs of the baseline, highest",
        "10 runs of the baseline, lowest",
        "pinned baseline",
        "a run",
        "level",
    ]


@pytest.mark.parametrize(("commit", "text"), [("a" * 40, "at commit aaaaaaa"), (None, "commits unknown")])
def test_a_change_without_two_commits_has_no_link(commit: str | None, text: str) -> None:
    """If both levels have the same commit, or none is known, there is no range of commits to show."""
    page = trend_page(history([1.0] * 14 + [1.4] * 8, commit=commit))
    html = site_of([page], LINKS)[QUICK]
    assert f", {text}: " in html
    assert "/compare/" not in html


def test_a_change_with_one_unknown_commit_has_no_range() -> None:
    """One of the two runs was made outside a repository, so the commits between them are unknown."""
    points = history([1.0] * 14 + [1.4] * 8)
    outside = points[13].model_copy(update={"commit": None, "dirty": None})
    page = trend_page([*points[:13], outside, *points[14:]])
    html = site_of([page], LINKS)[QUICK]
    assert ", commits unknown: " in html
    assert "between commits no commit" not in html


def test_few_runs_do_not_show_an_unchanged_level() -> None:
    """A page reports an unchanged level only if there are enough runs to detect a change."""
    for count, text in (
        (3, "Too few runs to detect a change of a level."),
        (14, "No change of a level detected."),
    ):
        html = site_of([trend_page(history([1.0] * count))])[QUICK]
        assert f"<p>{text}</p>" in html


def test_a_long_history_shows_all_comparable_runs() -> None:
    """The charts of the newest runs are followed by charts of all; a shorter history has no such section."""
    long = trend_page([make_point(number) for number in range(MAX_TREND_RUNS + 7)])
    page = check_page(site_of([long])[QUICK], POLICY)
    assert "All comparable runs" in headings_of(page)
    charts = charts_of(page)
    text = page.find(id="all1-text").text
    assert text.startswith(f"{MAX_TREND_RUNS + 7} runs as measured, in {MAX_TREND_RUNS + 7} groups")
    assert len(charts["all1"]["layers"][0]["at"]) == MAX_TREND_RUNS + 7
    assert len(charts["deciding1"]["layers"][0]["at"]) == MAX_TREND_RUNS
    assert "All comparable runs" not in FILES[QUICK]


def test_a_front_page_of_many_scenarios_folds_and_searches_them() -> None:
    """Up to a limit all rows are open and there is no search; more rows are folded, and none is left out."""
    many = many_histories()
    front = check_page(site_of(many, assets=ASSETS)[FRONT], POLICY)
    open_rows, folded_rows = front.find_all("table", class_="scenarios")
    assert len(open_rows.find("tbody").find_all("tr")) == OPEN_ROWS
    assert len(folded_rows.find("tbody").find_all("tr")) == 20
    assert [script.attributes["src"] for script in front.find_all("script")] == [SEARCH]
    links = [link.attributes["href"] for link in front.find("div", id="scenarios-rows").find_all("a")]
    assert sorted(links) == sorted(path_of(each.where) for each in many)
    assert len(FILES[FRONT].split('id="search"')) == 1


def test_runs_of_one_moment_have_different_places() -> None:
    """The places of a chart ascend strictly."""
    page = trend_page([make_point(0, run_id="a"), make_point(0, run_id="b"), make_point(0, run_id="c")])
    first, *others = run_times(page)
    assert others == [first + 1.0, first + 2.0]


def test_a_small_line_stays_in_its_field() -> None:
    """Each point is inside the field: for one run, for extreme values, and for zeros; noise stays small."""
    for factors in ([1.0], [1.0, 5.0, 0.1], [1.0] * 30):
        points = spark_points(trend_page(history(factors)).summary.line.values).split(" ")
        assert len(points) == len(factors)
        for point in points:
            x, y = map(float, point.split(","))
            assert 0 <= x <= SPARK_WIDTH
            assert 0 <= y <= SPARK_HEIGHT
    failed = trend_page([make_point(number, ok=0, failed=9, figures={}) for number in range(3)])
    line = failed.summary.line
    assert line.key == "success_ratio"
    assert len(spark_points(line.values).split(" ")) == 3
    points = spark_points(trend_page(history([1.0] * 30)).summary.line.values).split(" ")
    heights = [float(point.split(",")[1]) for point in points]
    assert max(heights) - min(heights) < SPARK_HEIGHT / 2


def test_a_run_without_a_commit_or_vitals_has_dashes() -> None:
    """A run of an older version has a page like any other, and uncommitted changes are named."""
    older = [make_point(number, commit=None, dirty=None) for number in range(2)]
    text = site_of([trend_page([*older, make_point(2, dirty=True)])], LINKS)[QUICK]
    assert "no commit" in text
    assert "with changes" in text
    failed = trend_page([make_point(number, ok=0, failed=9, figures={}, vitals=None) for number in range(3)])
    page = check_page(site_of([failed])[FRONT], POLICY)
    assert table_of(page, "Services in the newest runs")[1][0][-1] == "no answers"
    assert table_of(page, "Results for users in the newest runs")[1][0][-1] == "unknown"


def test_a_small_line_skips_runs_without_the_metric() -> None:
    """A run without a value of the metric has no point, and the other points keep their places."""
    complete = (436.0, 440.0, 431.0, 450.0, 428.0)
    points = spark_points((*complete[:2], None, *complete[3:])).split(" ")
    assert len(points) == 4
    assert [point.split(",")[0] for point in points] == [
        point.split(",")[0] for index, point in enumerate(spark_points(complete).split(" ")) if index != 2
    ]
