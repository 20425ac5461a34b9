"""The site of all histories. `tests/pages` opens it in a browser."""

import re
from dataclasses import replace
from functools import cache
from urllib.parse import unquote, urljoin

import pytest

from bench.core.history.history import to_history_point
from bench.core.history.levels import MAX_TREND_RUNS
from bench.core.report.dashboard import Dashboard
from bench.core.report.newest_needs import advise_history, name_verdict
from bench.core.report.trend_page import TrendPage, trend_page
from bench.core.report.trend_wording import commit
from bench.core.report.words import DECISIONS, FAILS_THRESHOLD
from bench.core.verdict.compare import Decision
from bench.render.document.trend import make_trend_document
from bench.render.html.assets import Assets
from bench.render.html.front import OPEN_ROWS
from bench.render.html.links import Links
from bench.render.html.newest_run import newest_run_facts
from bench.render.html.site_files import FILTER, FRONT, POLICY, SCRIPT, STYLE, path_of, render_shared
from bench.render.html.sparkline import SPARK_HEIGHT, SPARK_WIDTH, draw_spark, spark_points
from bench.render.html.trend_charts import cost_charts, deciding_charts, run_times, tier_charts
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
from tests.searches import make_search

COMMIT_TEXTS = ("branch", "subject", "author")
ASSETS = Assets(style="/* the style */", script="/* the library, and the script */")
QUICK = "embedded/simulated/quick.html"
PATHS = (
    "embedded/simulated/chat-stream.html",
    QUICK,
    "embedded/simulated/medium.html",
    "embedded/simulated/spike.html",
    "embedded/simulated/heavy.html",
    "compose/simulated/medium.html",
)


@cache
def histories() -> list[TrendPage]:
    """Return each kind of history."""
    return several()


@cache
def board() -> Dashboard:
    """Return the front page of the histories."""
    return board_of(histories())


@cache
def files() -> dict[str, str]:
    """Return the files of the site."""
    return site_of(histories(), LINKS, ASSETS)


@cache
def pages() -> list[str]:
    """Return the paths of the pages."""
    return [path for path in files() if path.endswith(".html")]


@cache
def entries() -> dict[str, TrendPage]:
    """Return the history of each path."""
    found = {path_of(page.where): page for page in histories()}
    assert tuple(found) == PATHS
    return found


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
                [
                    run.model_copy(update={"commit": sha, **dict.fromkeys(COMMIT_TEXTS, HOSTILE[:120])})
                    for run, sha in zip(runs, commits, strict=True)
                ]
            )
        )
    return pages


def many_histories() -> list[TrendPage]:
    """Return more histories than the front page shows open."""
    page = trend_page(history([1.0] * 3))
    return [replace(page, where=f"embedded/simulated/s{number:03}") for number in range(120)]


def parsed(path: str) -> Element:
    """Return a page of the site, whose structure is checked."""
    return check_page(files()[path], POLICY)


def addresses(page: Element) -> list[str]:
    """Return each address that a browser follows or loads."""
    attributes = [element.attributes for element in page.walk()]
    return [each[name] for each in attributes for name in ("href", "src") if name in each]


def test_the_front_page_has_tiles_and_one_list() -> None:
    """The judgement comes first, then the tiles with their rows, and one list of all scenarios."""
    page = parsed(FRONT)
    header = page.find("header")
    heading = heading_of(DECISIONS[board().decision], board().headline)
    assert header.find("h1").text == shown(heading)
    assert header.find("p", class_="next").text == shown(board().next_step)
    findings = [f"{finding.entry.name}: {shown(finding.text)}" for finding in board().findings]
    assert [row.text[2:] for row in header.find("ul", class_="findings").find_all("li")] == findings
    assert len(findings) == 2
    assert len(board().tiles) == 4
    for tile, item in zip(board().tiles, page.find_all("li", class_="site-tile"), strict=True):
        assert item.find("h2").text.endswith(f"{tile.title} {tile.status}")
        assert item.find("p", class_="figure").text == shown(f"{tile.figure} {tile.unit}")
        bars = [bar.attributes["class"] for bar in item.find_all("rect")][1::2]
        looks = []
        for row in tile.rows:
            looks.append(("full" if row.share >= 1.0 else "over") if row.is_bad else "part")
        assert bars == looks
        texts = [bar.text for bar in item.find_all("span", class_="value")]
        assert texts == [shown(row.text) for row in tile.rows]
        links = [link.attributes["href"] for link in item.find_all("a")]
        assert links == [path_of(row.entry.summary.where) for row in tile.rows]
    assert headings_of(page)[len(board().tiles) :] == ["Scenarios, the worst first"]
    assert len(page.find_all("table")) == 1


def test_the_front_page_lists_each_history() -> None:
    """Each row has a link, the verdict as a word with its sign, the change, the line, and the newest run."""
    rows = parsed(FRONT).find("table", class_="scenarios").find("tbody").find_all("tr")
    verdicts = {
        DECISIONS[Decision.FAIL]: "✕ worse",
        FAILS_THRESHOLD: "✕ fails a threshold crossed threshold e2e_ms p(95)<800",
        DECISIONS[Decision.INCONCLUSIVE]: "? cannot tell",
        DECISIONS[Decision.PASS]: "✓ not worse",
    }
    for entry, row in zip(board().entries, rows, strict=True):
        link = row.find("th").find("a")
        assert link.attributes["href"] == path_of(entry.summary.where)
        assert link.text == entry.name
        assert row.find("td", class_="verdict-cell").text == verdicts[name_verdict(entry.summary)]
        spark = draw_spark(entry.summary.line, entry.trend)
        assert [path.attributes["d"] for path in row.find_all("path")][-1] == spark.path
        dot = row.find("circle").attributes
        assert (int(dot["cx"]), int(dot["cy"])) == spark.last
        newest = row.find("td", class_="newest")
        assert f"{entry.newest.started_at:%Y-%m-%d}" in newest.text
        assert newest.find("span").attributes["title"] == f"{entry.newest.subject}, by {entry.newest.author}"
        assert row.attributes["data-branch"] == "main"
    changes = {row.find("th").find("a").text: row.find("td", class_="change").text for row in rows}
    assert changes["chat-stream"] == "none in 34 runs"
    assert changes["heavy"] == "too few runs 4 of 12 runs needed"
    assert re.fullmatch(r"\+2\d % response time since 2026-01-25, in decode", changes["quick"])
    assert re.fullmatch(r"−\d\d % response time since 2026-01-27", changes["medium on embedded"])  # noqa: RUF001


def test_a_search_shows_its_safe_load_and_a_run_its_costs() -> None:
    """One column has both; it is left out if no scenario has a value."""
    searches = [to_history_point(make_search(safe, number)) for number, safe in enumerate([(17, 15, 19)] * 3)]
    front = check_page(site_of([trend_page(searches)])[FRONT], POLICY)
    text = front.find("td", class_="limits").text
    assert [head.text for head in front.find_all("th", scope="col")][4:6] == ["safe load now", "safe load"]
    heads = [head.text for head in parsed(FRONT).find_all("th", scope="col")]
    assert heads[4:6] == ["response time now", "cost"]
    mixed = check_page(site_of([trend_page(searches), worse()])[FRONT], POLICY)
    assert [head.text for head in mixed.find_all("th", scope="col")][4:6] == ["level now", "safe load, cost"]
    assert text == "safe load 17 users (15 to 19, 90 % certain)"
    costs = parsed(FRONT).find_all("td", class_="limits")[0].text
    assert re.fullmatch(r"\d+ ms processor time per request ?4\d MB memory", costs)
    assert 'class="limits"' not in site_of([trend_page([make_point(0)])])[FRONT]


def test_a_filter_has_the_values_of_the_rows() -> None:
    """Stacks and branches are listed if there are two or more; verdicts always."""
    other = [run.model_copy(update={"branch": "fix"}) for run in history([1.0] * 3, scenario="fixed")]
    page = check_page(site_of([*histories(), trend_page(other)], assets=ASSETS)[FRONT], POLICY)
    options = {
        select.attributes["name"]: [option.attributes["value"] for option in select.find_all("option")]
        for select in page.find_all("select")
    }
    assert options == {"stack": ["", "compose", "embedded"], "branch": ["", "fix", "main"]}
    verdicts = [each.attributes["value"] for each in page.find_all("input", name="verdict")]
    assert verdicts == ["", "worse", "fails a threshold", "cannot tell", "not worse"]
    assert [each.attributes["name"] for each in parsed(FRONT).find_all("select")] == ["stack"]


def test_pages_of_runs_are_linked() -> None:
    """The newest run leads to its page, on the front page, among the answers and in the list of runs."""
    page = worse()
    newest, older = page.runs[-1].run_id, page.runs[-2].run_id
    files = site_of([page], run_pages={newest: "runs/new.html", older: "runs/old.html"})
    assert addresses(check_page(files[FRONT], POLICY)).count("runs/new.html") == 1
    linked = addresses(check_page(files[QUICK], POLICY))
    assert linked.count("../../runs/new.html") == 2
    assert linked.count("../../runs/old.html") == 1


@pytest.mark.parametrize("path", PATHS)
def test_the_page_of_a_history_contains_its_document(path: str) -> None:
    """Judgement, next step, warnings, each table and each fact; the sections stand in order."""
    page = parsed(path)
    entry = entries()[path]
    document = make_trend_document(entry.trend)
    header = page.find("header")
    heading = heading_of(name_verdict(entry.summary), document.headline)
    assert header.find("h1").text == shown(heading)
    questions = [question.text for question in header.find_all("dt")]
    answers = dict(zip(questions, header.find_all("dd"), strict=True))
    assert answers["What now"].text.startswith(shown(advise_history(entry.summary)).split(": bench")[0])
    is_worse = entry.trend.decision is Decision.FAIL
    assert ("Affected" in answers) == is_worse
    assert ("Newest run" in answers) == (name_verdict(entry.summary) is FAILS_THRESHOLD)
    titles = ["Run by run", "Cost", "Tier by tier", "Changes", "Newest run", "Runs and environment"]
    assert headings_of(page) == ["Response time", *titles]
    for table in document.judged:
        columns, rows = table_of(page, table.title)
        expected = cells(table)
        width = len(expected[0])
        assert (columns[:width], [row[:width] for row in rows]) == expected
    facts = [*newest_run_facts(entry.newest), *document.facts]
    assert facts_of(page, "facts") == {label: visible(text) for label, text in facts}
    _, runs = table_of(page, "The newest runs")
    assert len(runs) == min(20, len(entry.runs))
    assert runs[0][0] == f"{entry.newest.started_at:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize("path", PATHS)
def test_the_page_of_a_history_contains_each_chart_as_data_and_as_a_table(path: str) -> None:
    """The deciding metrics come first, then the tiers; the table has the newest run first."""
    page = parsed(path)
    trend = entries()[path]
    main, *others = deciding_charts(trend)
    charts = {"main": main} | {f"deciding{number}": chart for number, chart in enumerate(others, 1)}
    charts |= {f"cost{number}": chart for number, chart in enumerate(cost_charts(trend), 1)}
    charts |= {f"tier{number}": chart for number, chart in enumerate(tier_charts(trend), 1)}
    assert list(charts_of(page)) == list(charts)
    for name, chart in charts.items():
        figure = page.find("figure", id=name)
        assert figure.find(id=f"{name}-title").text == chart.title
        assert figure.find(id=f"{name}-text").text == chart.text
        assert table_of(figure, chart.table.title) == cells(chart.table)
        data = charts_of(page)[name]
        assert data["marks"] == [[mark.at, mark.tone, mark.text] for mark in chart.marks]
        lines = [(line.label, list(line.values)) for line in chart.layers[0].lines]
        assert [(line["label"], line["values"]) for line in data["layers"][0]["lines"]] == lines


def test_a_table_of_a_tier_has_the_newest_runs() -> None:
    """A deciding metric has all runs in its table, the newest first; a tier and a cost have the newest 20."""
    page = worse()
    (main, *_), (tier, *_) = deciding_charts(page), tier_charts(page)
    moments = [f"{run.started_at:%Y-%m-%d %H:%M}" for run in reversed(page.runs)]
    assert [row[0] for row in main.table.rows] == moments
    assert [row[0] for row in tier.table.rows] == moments[:20]
    assert tier.table.title.endswith(", run by run: the newest 20")
    assert not main.table.title.endswith("the newest 20")


def test_every_page_can_be_reached_and_leads_back() -> None:
    """Every address in a page is a file of the site, a place in it, or an address of the repository."""
    for path in pages():
        page = parsed(path)
        ids = [element.attributes.get("id") for element in page.walk()]
        for address in addresses(page):
            absolute = urljoin(f"https://site/{path}", address)
            if absolute.startswith("https://site/"):
                target, _, place = absolute.removeprefix("https://site/").partition("#")
                assert unquote(target) in files()
                assert not place or place in ids
            else:
                assert address == ICON or address.startswith(f"{LINKS.repository}/")
    front = {urljoin("https://site/", address) for address in addresses(parsed(FRONT))}
    assert {f"https://site/{path}" for path in entries()} <= front


def test_the_judgement_comes_first() -> None:
    """The judgement stands above each table and chart, and the histories that fail come first."""
    for path, headline in ((FRONT, board().headline), (QUICK, "Response time became worse")):
        body = files()[path].partition("<body>")[2]
        assert body.index(headline) < body.index("<table")
        assert files()[path].partition("<title>")[2].startswith("FAIL ")
    order = [name_verdict(entry.summary) for entry in board().entries]
    worst_first = [Decision.FAIL, Decision.INCONCLUSIVE, Decision.PASS]
    words = [DECISIONS[decision] for decision in worst_first]
    assert order == sorted(order, key=[words[0], FAILS_THRESHOLD, *words[1:]].index)


def test_the_same_histories_make_the_same_bytes() -> None:
    """A site depends on no clock, no order of a set and no property of the machine."""
    assert site_of(several(), LINKS, ASSETS) == files()


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
        assert len(page.find_all("script")) == (1 if path == FRONT else 2)
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
    for path, text in site_of(histories(), Links(), ASSETS).items():
        assert not re.search(r"https?:", text), path


def test_a_page_loads_only_the_sites_files() -> None:
    """Each page has the policy, links the shared style and script, and contains no other style or script."""
    for path in pages():
        page = parsed(path)
        home = "../" * path.count("/")
        assert page.find("link", rel="stylesheet").attributes["href"] == f"{home}{STYLE}"
        assert page.find_all("style") == []
        scripts = [script.attributes.get("src") for script in page.find_all("script")]
        assert scripts == ([FILTER] if path == FRONT else [None, f"{home}{SCRIPT}"])
    assert "uPlot" in render_shared()[SCRIPT]
    assert ".site-tiles" in render_shared()[STYLE]


def test_a_change_point_is_marked_and_leads_to_its_commits() -> None:
    """The chart marks the first run of the new level; the text names the commits and links them."""
    page = worse()
    (change,) = next(row.change_points for row in page.metrics if row.key == "e2e_ms")
    html = parsed(QUICK)
    chart = charts_of(html)["main"]  # the charts with an unresolved change come first
    ((at_s, tone, text),) = chart["marks"]
    assert (at_s, tone) == (run_times(page)[change.position], "bad")
    first, last = page.runs[change.position], page.runs[change.position - 1]
    worse_since, of_first, of_last = text.split("\n")
    assert worse_since.startswith("Worse since 2026-01-25: 43")
    assert of_first == f"First run: {commit(first.commit)}, {first.subject}, by {first.author}"
    assert of_last == f"Last run before: {commit(last.commit)}, {last.subject}, by {last.author}"
    columns, rows = table_of(html, "Change points")
    assert columns[-1] == "first commit of the new level"
    assert rows[0][-1] == f"{first.subject}, by {first.author}"
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
    assert len(charts["main"]["layers"][0]["at"]) == MAX_TREND_RUNS
    assert "All comparable runs" not in files()[QUICK]


def test_a_front_page_of_many_scenarios_folds_them() -> None:
    """The first rows are open, the others are folded, and none is left out."""
    many = many_histories()
    front = check_page(site_of(many, assets=ASSETS)[FRONT], POLICY)
    open_rows, folded_rows = front.find_all("table", class_="scenarios")
    assert len(open_rows.find("tbody").find_all("tr")) == OPEN_ROWS
    assert len(folded_rows.find("tbody").find_all("tr")) == len(many) - OPEN_ROWS
    links = [
        row.find("a").attributes["href"]
        for row in front.find("div", id="rows").find_all("tr")
        if row.find_all("a")
    ]
    assert sorted(links) == sorted(path_of(each.where) for each in many)


def test_runs_of_one_moment_have_different_places() -> None:
    """The places of a chart ascend strictly."""
    page = trend_page([make_point(0, run_id="a"), make_point(0, run_id="b"), make_point(0, run_id="c")])
    first, *others = run_times(page)
    assert others == [first + 1.0, first + 2.0]


def test_a_small_line_stays_in_its_field() -> None:
    """Each point is inside the field: for one run, for extreme values, and for zeros; noise stays small."""
    for factors in ([1.0], [1.0, 5.0, 0.1], [1.0] * 30):
        points = spark_points(trend_page(history(factors)).summary.line.values)
        assert len(points) == len(factors)
        for x, y in points:
            assert 0 <= x <= SPARK_WIDTH
            assert 0 <= y <= SPARK_HEIGHT
    failed = trend_page([make_point(number, ok=0, failed=9, figures={}) for number in range(3)])
    line = failed.summary.line
    assert line.key == "success_ratio"
    assert len(spark_points(line.values)) == 3
    heights = [y for _, y in spark_points(trend_page(history([1.0] * 30)).summary.line.values)]
    assert max(heights) - min(heights) < SPARK_HEIGHT / 2


def test_a_small_line_marks_the_newest_change() -> None:
    """The mark stands at the first run of the new level, and the path leads to the newest run."""
    page = worse()
    spark = draw_spark(page.summary.line, page.trend)
    points = spark_points(page.summary.line.values)
    assert spark.change == points[20][0]
    x, y = 0, 0
    for step in re.findall(r"[Ml](-?\d+) (-?\d+)", spark.path):
        x, y = x + int(step[0]), y + int(step[1])
    assert (x, y) == points[-1] == spark.last
    assert draw_spark(trend_page(history([1.0] * 30)).summary.line, page.trend).change is not None
    steady = trend_page(history([1.0] * 30))
    assert draw_spark(steady.summary.line, steady.trend).change is None


def test_a_run_without_a_commit_or_vitals_has_dashes() -> None:
    """A run of an older version has a page like any other, and uncommitted changes are named."""
    older = [make_point(number, commit=None, dirty=None) for number in range(2)]
    text = site_of([trend_page([*older, make_point(2, dirty=True)])], LINKS)[QUICK]
    assert "no commit" in text
    assert "with changes" in text
    failed = trend_page([make_point(number, ok=0, failed=9, figures={}, vitals=None) for number in range(3)])
    facts = facts_of(check_page(site_of([failed])[QUICK], POLICY), "facts")
    assert facts["failures"] == "9, of unknown kind"
    assert "alerts" not in facts


def test_the_list_of_runs_has_no_column_of_dashes() -> None:
    """A metric that no run has, a workflow run without a repository and an unknown subject are left out."""
    page = trend_page([make_point(number) for number in range(3)])
    columns, _ = table_of(check_page(site_of([page])[QUICK], POLICY), "The newest runs")
    assert columns == ("run", "success", "response time", "commit")


def test_a_small_line_skips_runs_without_the_metric() -> None:
    """A run without a value of the metric has no point, and the other points keep their places."""
    complete = (436.0, 440.0, 431.0, 450.0, 428.0)
    points = spark_points((*complete[:2], None, *complete[3:]))
    places = [x for x, _ in spark_points(complete)]
    assert [x for x, _ in points] == [*places[:2], *places[3:]]
