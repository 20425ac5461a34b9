import io
import json
from collections.abc import Callable

import pytest
from rich.console import Console

from bench.core.config.watching import AlertLimits
from bench.core.report.suite import judge_suite
from bench.core.samples.sample import GaugeSample, Probe
from bench.core.verdict.compare import Decision
from bench.core.watch.availability import Outage
from bench.core.watch.monitoring import Monitoring, Observation, Snapshot
from bench.render.comment import Origin, render_comment
from bench.render.document.watched import list_outages, source_name
from bench.render.monitor import health_lines, json_line, line, summary, view
from tests.factories import make_run, make_use
from tests.render.reports import HOSTILE, suites, watched_recording

Golden = Callable[[str, str], None]
NOTES = {"chat": "it needs a test user: JWT_SECRET is not set"}


def _moment(elapsed_s: float = 31.0, planned_s: float | None = 300.0) -> Snapshot:
    """Return a snapshot of the watched run's stack."""
    recording = watched_recording()
    state = Monitoring("embedded", planned_s, AlertLimits(error_window_s=20.0), 15.0)
    everything: list[Observation] = [*recording.resources, *recording.probes, *recording.gauges]
    for seen in sorted(everything, key=lambda each: each.at_s):
        state.add(seen)
        state.snapshot(seen.at_s)
    return state.snapshot(elapsed_s)


def _shown(moment: Snapshot, width: int = 100) -> str:
    buffer = io.StringIO()
    Console(file=buffer, width=width, color_system=None, highlight=False, emoji=False).print(
        view(moment, NOTES)
    )
    return "\n".join(each.rstrip() for each in buffer.getvalue().splitlines()) + "\n"


def test_the_live_view_looks_as_it_was_approved(golden: Golden) -> None:
    """The view contains resources, health, gauges and alerts of a failing stack."""
    golden("monitor-view.txt", _shown(_moment()))


def test_the_line_and_the_summary_look_as_they_were_approved(golden: Golden) -> None:
    """The line is for logs; the summary is printed at the end."""
    golden("monitor-line.txt", line(_moment()) + "\n")
    golden("monitor-summary.txt", summary(_moment()))


def test_a_snapshot_without_observations_is_short(golden: Golden) -> None:
    """Before the first reading there is no empty table and no alert."""
    nothing = Monitoring(None, None, AlertLimits()).snapshot(0.0)
    golden("monitor-nothing.txt", _shown(nothing) + line(nothing) + "\n" + summary(nothing))


def test_control_characters_do_not_reach_the_terminal() -> None:
    """A service's answer moves no cursor, neither in the view nor in lines."""
    state = Monitoring("embedded", None, AlertLimits())
    state.add(Probe(at_s=0.0, check="chat", up=False, detail=HOSTILE))
    moment = state.snapshot(1.0)
    for text in (_shown(moment), line(moment), summary(moment), health_lines([moment.checks[0].probe], {})):
        assert "\x1b" not in text
        assert "\nwww" not in text


def test_a_line_without_checks_has_only_resources() -> None:
    """If a stack declares no health check, the line does not mention checks."""
    state = Monitoring(None, None, AlertLimits())
    state.add(make_use("host", 1.0, cpu_pct=12.0, memory_bytes=4_000_000))
    assert line(state.snapshot(1.0)) == "1 s   machine 12 % 4 MB"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("host", "machine"),
        ("generator", "load generator"),
        ("generator-2", "load generator-2"),
        ("token-generator", "token-generator"),
    ],
)
def test_load_generators_and_the_machine_have_names(source: str, name: str) -> None:
    """The names are the same in every table and chart; a service keeps its name."""
    assert source_name(source) == name


def test_each_health_check_has_a_line() -> None:
    """An up check has its time, a down check its error, a check that did not run its reason."""
    probes = [
        Probe(at_s=0.0, check="backend", up=True, took_ms=3.14),
        Probe(at_s=0.0, check="agent", up=False, detail="503 busy"),
    ]
    assert health_lines(probes, {"chat": "no user"}) == (
        "backend  up      3.1 ms\n"
        "agent    down         –  503 busy\n"  # noqa: RUF001 - the dash that stands for no data
        "chat     –            –  not checked: no user\n"  # noqa: RUF001 - likewise
    )
    assert health_lines([], {}) == ""


def test_a_line_of_json_contains_an_observation() -> None:
    """It contains the kind and the known fields; alerts are lines too."""
    gauge = GaugeSample(at_s=1.5, service="model", name="queue_depth", value=3.0)
    assert json.loads(json_line(gauge)) == {"kind": "gauge", **gauge.model_dump()}
    probe = Probe(at_s=1.0, check="chat", up=True, took_ms=2.0)
    assert json.loads(json_line(probe)) == {
        "kind": "probe",
        "at_s": 1.0,
        "check": "chat",
        "up": True,
        "took_ms": 2.0,
    }
    moment = _moment()
    assert {json.loads(json_line(use.sample))["kind"] for use in moment.uses} == {"resource"}
    assert {json.loads(json_line(alert))["rule"] for alert in moment.alerts} >= {"memory", "queue"}


def test_a_list_of_outages_is_cut() -> None:
    """The list has the first three outages and the number of others."""
    outages = [Outage(from_s=float(at), to_s=at + 1.0) for at in range(5)]
    assert list_outages(outages) == "0.0 to 1.0 s, 1.0 to 2.0 s, 2.0 to 3.0 s and 2 more"
    assert list_outages(outages[:1]) == "0.0 to 1.0 s"
    assert list_outages([]) == ""


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (6, "- quick: model: 98.4 % of"),
        (11, "- 1 more note: see the page of this run"),
        (12, "- 2 more notes: see the page of this run"),
    ],
)
def test_alerts_of_passed_scenarios_stand_in_the_comment(count: int, said: str) -> None:
    """A scenario with only one line in the comment still shows its alerts."""
    whole = suites()["suite-failed"]
    alerts = ((make_run(watched_recording()).alerts or ()) * 2)[:count]
    each = [
        report.model_copy(update={"result": report.result.model_copy(update={"alerts": alerts})})
        if report.decision is Decision.PASS
        else report
        for report in whole.reports
    ]
    suite = judge_suite(each)
    assert suite.decision is whole.decision
    assert said in render_comment(suite, Origin(suite="pr", head_sha="c" * 40)).replace("\\", "")
