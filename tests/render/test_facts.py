"""The facts about a run."""

import pytest

from bench.core.report.report import Report, make_report
from bench.core.run.repeats import Repeats
from bench.core.run.retries import RetryCounts
from bench.core.samples.sample import Culprit, Outcome
from bench.core.verdict.compare import MachineComparison
from bench.render.document.facts import facts
from bench.render.text import run_text
from tests.factories import make_provenance, make_recording, make_run, make_sample
from tests.render.reports import reports

REPORTS = reports()


def _with_machine(slower_ratio: float) -> Report:
    """Return a report with a reference workload, on a machine of another speed."""
    report = REPORTS["slower-machine"]
    machine = MachineComparison(slower_ratio=slower_ratio, environment_shift=False)
    return report.model_copy(update={"comparison": report.comparison.model_copy(update={"machine": machine})})


@pytest.mark.parametrize(
    ("slower_ratio", "text"),
    [
        (0.004, "the machine was as fast as the baseline's ("),
        (0.1, "the machine was 10 % slower than the baseline's ("),
        (-0.1, "the machine was 10 % faster than the baseline's ("),
    ],
)
def test_the_machines_speed_is_compared_with_the_baselines(slower_ratio: float, text: str) -> None:
    """A difference below half a per cent is none."""
    assert dict(facts(_with_machine(slower_ratio)))["reference workload"].startswith(text)


def test_a_calibration_before_the_run_only_has_one_trial() -> None:
    """An interrupted run has no second trial."""
    report = REPORTS["reliable"]
    calibration = report.result.calibration
    assert calibration is not None
    once = report.result.model_copy(update={"calibration": calibration.model_copy(update={"after": None})})
    text = dict(facts(report.model_copy(update={"result": once})))["calibration"]
    assert "before " in text
    assert "after" not in text
    assert "after no answer" in dict(facts(report))["calibration"]


def test_unknown_facts_are_omitted() -> None:
    """A run without injections, recovery, goodput or token times has no such lines."""
    labels = dict(facts(REPORTS["pass"]))
    assert not {"injected", "recovery", "goodput", "between tokens", "host"} & set(labels)
    assert labels["baseline"].startswith("10 runs of the level of 2026-01-06 (usual), newest of commit ")


@pytest.mark.parametrize(
    ("versions", "text"),
    [((), None), (("1.1",), None), (("2",), "HTTP/2"), (("1.1", "2"), "HTTP/1.1, HTTP/2")],
)
def test_the_http_version_is_shown_if_it_is_not_the_usual_one(
    versions: tuple[str, ...], text: str | None
) -> None:
    """The own transport uses HTTP/1.1 only, so only another version is a fact to mention."""
    report = REPORTS["pass"]
    result = report.result.model_copy(update={"http_versions": versions})
    assert dict(facts(report.model_copy(update={"result": result}))).get("HTTP") == text


def test_the_share_of_intercepted_answers_is_a_fact() -> None:
    """The number counts all requests, also those that failed."""
    samples = [make_sample(seq, intercepted=seq < 3) for seq in range(12)]
    report = make_report(make_run(make_recording(samples)), REPORTS["pass"].comparison)
    assert "3 of 12 requests (25 %)" in dict(facts(report)).values()


def test_an_outcome_with_several_culprits_names_each_with_its_number() -> None:
    """A time-out may be the target's or the network's."""
    failed = {"outcome": Outcome.TIMEOUT}
    samples = [make_sample(seq, culprit=Culprit.TARGET, **failed) for seq in range(3)]
    samples.append(make_sample(3, culprit=Culprit.NETWORK, **failed))
    report = make_report(make_run(make_recording(samples)), REPORTS["pass"].comparison)
    assert "target (3) and network (1)" in run_text(report, width=100, colour=False)


def test_repeated_messages_have_a_line() -> None:
    """The hit ratio of a cache follows if the stack counts it."""
    report = REPORTS["pass"]
    counted = Repeats(requests=200, distinct=80, expected_ratio=0.62, repeated_ratio=0.6)
    for hit_ratio, words in ((None, ""), (0.595, "; hit ratio of the cache 59.5 %")):
        repeats = counted.model_copy(update={"hit_ratio": hit_ratio})
        summary = report.result.summary.model_copy(update={"repeats": repeats})
        result = report.result.model_copy(update={"summary": summary})
        line = dict(facts(report.model_copy(update={"result": result})))["repeated messages"]
        assert line == f"60 % of 200 requests (expected: 62 %){words}"


def test_retries_have_a_line() -> None:
    """It has the retries, their success, and how late the last attempts were."""
    report = REPORTS["pass"]
    lines = []
    for numbers in ((0, 0, 0, 0.0), (2, 3, 1, 1.0)):
        counts = RetryCounts(**dict(zip(RetryCounts.model_fields, numbers, strict=True)))
        summary = report.result.summary.model_copy(update={"retries": counts})
        result = report.result.model_copy(update={"summary": summary})
        lines.append(dict(facts(report.model_copy(update={"result": result})))["retries"])
    late = "the last attempt began 500 ms after the planned start (mean)"
    assert lines == ["no request was sent again", f"3 retries of 2 requests, 1 of them succeeded; {late}"]


def test_a_run_names_its_commit_in_words() -> None:
    """Subject, author and branch stand in one fact; a run without them has no such fact."""
    texts = {"branch": "main", "subject": "Cache the prompt", "author": "Tess Ter"}
    report = REPORTS["pass"]
    named = report.result.model_copy(update={"provenance": make_provenance(**texts)})
    shown = dict(facts(report.model_copy(update={"result": named})))
    assert shown["commit"] == "Cache the prompt, by Tess Ter, on branch main"
    assert "commit" not in dict(facts(report))
