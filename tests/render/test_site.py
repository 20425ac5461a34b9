import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin

import pytest

from bench.core.history.levels import MAX_TREND_RUNS
from bench.core.report.dashboard import Dashboard, dashboard
from bench.core.report.trend_page import trend_page
from bench.core.values.escape import escape_html
from bench.core.verdict.compare import Decision
from bench.render.html.links import Links
from bench.render.html.parts import Parts
from bench.render.html.site import FRONT, POLICY, SCRIPT, STYLE, path_of, render_site
from bench.render.html.trend_charts import SPARK_HEIGHT, SPARK_WIDTH, places, spark, sparked
from tests.factories import make_point
from tests.render.drawn import HOSTILE
from tests.render.histories import LINKS, history, several, vitals, worse

PARTS = Parts(style="/* the style */", script="/* the library, and the script */")
QUICK = "embedded/simulated/quick.html"
BOARD = several()
FILES = render_site(BOARD, LINKS, PARTS)


def hostile() -> Dashboard:
    """Histories whose every text is somebody's."""
    names = ("../../etc/passwd", HOSTILE, "..", "a b/c?d#e", "Größe")
    said = vitals(
        load=HOSTILE, crossed=(HOSTILE,), alerts=(HOSTILE,), up={HOSTILE: 0.5},
        uses={HOSTILE: {"cpu_pct": 1.0, "memory_bytes": 1}},
    )  # fmt: skip
    return dashboard(
        [
            trend_page(
                [
                    each.model_copy(update={"commit": HOSTILE if number % 2 else "javascript:alert(1)"})
                    for number, each in enumerate(history([1.0] * 14 + [1.4] * 8, scenario=name, vitals=said))
                ]
            )
            for name in names
        ]
    )


class _Read(HTMLParser):
    """What a browser would load or follow, and the ids that there are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.follows: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"href", "src"}:
                self.follows.append(value or "")
            if name == "id":
                self.ids.append(value or "")
            assert not name.startswith("on")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("front", FRONT),
        ("worse", QUICK),
        ("few", "embedded/simulated/heavy.html"),
    ],
)
def test_pages_look_as_they_were_approved(name: str, path: str, golden: Callable[[str, str], None]) -> None:
    """A page of each kind is made, but for style and script, as it was last approved."""
    golden(f"site-{name}.html", FILES[path])


def test_every_page_can_be_reached_and_leads_back() -> None:
    """Every address in a page is a file of the site, a place in it, or one of the repository's."""
    for path, text in FILES.items():
        if not path.endswith(".html"):
            continue
        read = _Read(text)
        assert len(read.ids) == len(set(read.ids))
        for address in read.follows:
            whole = urljoin(f"https://site/{path}", address)
            if whole.startswith("https://site/"):
                target, _, place = whole.removeprefix("https://site/").partition("#")
                assert unquote(target) in FILES
                assert not place or place in read.ids
            else:
                assert address == "data:," or address.startswith(f"{LINKS.repository}/")
    front = {urljoin("https://site/", each) for each in _Read(FILES[FRONT]).follows}
    assert {f"https://site/{path_of(each.page)}" for each in BOARD.entries} <= front


def test_the_judgement_comes_first() -> None:
    """On the front page and on each other one, before any table and any chart."""
    for path, said in ((FRONT, BOARD.headline), (QUICK, "Response time became worse")):
        body = FILES[path].partition("<body>")[2]
        assert body.index(said) < body.index("<table")
        assert FILES[path].partition("<title>")[2].startswith("FAIL ")
    order = [each.trend.decision for each in BOARD.entries]
    assert order == sorted(order, key=[Decision.FAIL, Decision.INCONCLUSIVE, Decision.PASS].index)


def test_the_same_histories_make_the_same_bytes() -> None:
    """No time, no order of a set, nothing of the machine gets in."""
    assert render_site(several(), LINKS, PARTS) == FILES


def test_hostile_text_stays_text() -> None:
    """No element, attribute, address or file comes out of names, commits, limits, alerts or checks."""
    files = render_site(hostile(), LINKS, PARTS)
    assert len(files) == 5 + 3
    for path, text in files.items():
        assert ".." not in path.split("/")
        assert "\\" not in path
        if not path.endswith(".html"):
            continue
        read = _Read(text)
        assert read.tags.count("script") == (0 if path == FRONT else 2)
        assert "img" not in read.tags
        assert "<!--" not in text
        assert not set("\u2028\u2029\u202e\x1b") & set(text)
        for address in read.follows:
            assert not address.lower().startswith(("javascript", "//", "http:"))
            whole = urljoin(f"https://site/{path}", address)
            if whole.startswith("https://site/"):
                assert unquote(whole.removeprefix("https://site/").partition("#")[0]) in files
            else:
                assert address == "data:," or address.startswith(
                    "https://github.com/owner/name/actions/runs/7"
                )


def test_without_a_repository_nothing_leads_elsewhere() -> None:
    """No address of another server stands in any page."""
    for path, text in render_site(BOARD, Links(), PARTS).items():
        assert not re.search(r"https?:", text), path


def test_a_browser_may_load_nothing_from_elsewhere() -> None:
    """Each page says so, has its style and script beside it, and no script or style in it."""
    for path, text in FILES.items():
        if path.endswith(".html"):
            assert escape_html(POLICY) in text
            assert "<style" not in text
            assert not re.search(r"<script>", text)
    assert "uPlot" in render_site(BOARD)[SCRIPT]
    assert ".tiles" in render_site(BOARD)[STYLE]


def test_a_change_point_is_marked_and_leads_to_its_commits() -> None:
    """In the chart at the run that begins the level, in words, and as an address."""
    page = worse()
    (change,) = next(each.change_points for each in page.metrics if each.key == "e2e_ms")
    text = FILES[QUICK]
    (data,) = re.findall(r'<script type="application/json" id="charts">(.*?)</script>', text)
    chart = json.loads(data)["decides2"]  # after success
    assert chart["marks"] == [[places(page)[change.position], "bad"]]
    assert f"{LINKS.repository}/compare/{change.last_commit}...{change.commit}" in text
    assert f"{LINKS.repository}/actions/runs/{page.newest.workflow_run}" in text
    labels = [line["label"] for line in chart["layers"][0]["lines"]]
    assert labels == [
        "10 runs of the baseline, highest",
        "10 runs of the baseline, lowest",
        "pinned",
        "a run",
        "level",
    ]


@pytest.mark.parametrize(("commit", "said"), [("a" * 40, "at commit aaaaaaa"), (None, "commits unknown")])
def test_a_change_without_two_commits_is_said_to_be_that(commit: str | None, said: str) -> None:
    """Both levels have runs of one commit, or nobody knows of which; then there is nothing to lead to."""
    page = trend_page(history([1.0] * 14 + [1.4] * 8, commit=commit))
    text = render_site(dashboard([page]), LINKS)[QUICK]
    assert f", {said}: " in text
    assert "/compare/" not in text


def test_a_change_with_one_commit_has_none_between() -> None:
    """One of the two runs was made outside a repository: `no commit` is no name of one."""
    points = history([1.0] * 14 + [1.4] * 8)
    outside = points[13].model_copy(update={"commit": None, "dirty": None})
    page = trend_page([*points[:13], outside, *points[14:]])
    text = render_site(dashboard([page]), LINKS)[QUICK]
    assert ", commits unknown: " in text
    assert "between commits no commit" not in text


def test_few_runs_are_not_said_to_have_changed_nothing() -> None:
    """That no change was seen can only be said where one could have been."""
    for count, said in ((3, "There are too few runs to see a change"), (14, "No change of a level was seen")):
        assert f"<p>{said}" in render_site(dashboard([trend_page(history([1.0] * count))]))[QUICK]


def test_what_is_not_shown_is_counted() -> None:
    """Of a long history the older runs, and of another load those that do not compare."""
    long = trend_page([make_point(number) for number in range(MAX_TREND_RUNS + 7)])
    assert "7 runs that could be compared are older, and not shown" in render_site(dashboard([long]))[QUICK]
    assert "are older, and not shown" not in FILES[QUICK]


def test_runs_of_one_moment_have_places_of_their_own() -> None:
    """A chart needs its places in order, each once."""
    page = trend_page([make_point(0, run_id="a"), make_point(0, run_id="b"), make_point(0, run_id="c")])
    first, *others = places(page)
    assert others == [first + 1.0, first + 2.0]


def test_a_spark_stays_in_its_field() -> None:
    """Whatever the values are, one alone and nothing but noughts too; noise stays small."""
    for factors in ([1.0], [1.0, 5.0, 0.1], [1.0] * 30):
        points = spark(sparked(trend_page(history(factors)))).split(" ")
        assert len(points) == len(factors)
        for point in points:
            x, y = map(float, point.split(","))
            assert 0 <= x <= SPARK_WIDTH
            assert 0 <= y <= SPARK_HEIGHT
    nothing = trend_page([make_point(number, ok=0, failed=9, figures={}) for number in range(3)])
    assert sparked(nothing).key == "success_ratio"
    assert len(spark(sparked(nothing)).split(" ")) == 3
    heights = [
        float(each.split(",")[1]) for each in spark(sparked(trend_page(history([1.0] * 30)))).split(" ")
    ]
    assert max(heights) - min(heights) < SPARK_HEIGHT / 2


def test_a_run_without_a_known_commit_or_kept_vitals_has_dashes() -> None:
    """A line of an older version makes a page like any other, with changes said where there were any."""
    older = [make_point(number, commit=None, dirty=None) for number in range(2)]
    text = render_site(dashboard([trend_page([*older, make_point(2, dirty=True)])]), LINKS)[QUICK]
    assert "no commit" in text
    assert "with changes" in text
    failed = trend_page([make_point(number, ok=0, failed=9, figures={}, vitals=None) for number in range(3)])
    front = render_site(dashboard([failed]))[FRONT]
    assert "never answered" in front
    assert "of unknown kinds" in front
