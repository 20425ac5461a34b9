from dataclasses import replace
from typing import Any

import pytest

from bench.core.faults.fault_times import FaultTimes
from bench.core.report.fault_words import describe_faults, share_in_nines
from bench.core.report.report import make_report
from bench.core.report.suite import judge_suite
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult
from bench.core.verdict.compare import compare
from bench.render.document.document import make_document
from bench.render.document.results import make_results
from tests.core.faults.outage import fail, steady_requests
from tests.factories import make_recording, make_run, make_scenario, make_spec

KILL = {"at": "10s", "action": "kill", "service": "agent", "duration": "2s"}
TIMES = FaultTimes(fault=0, instances=("agent",), began_s=10.0, ended_s=12.5)


def run(recording: Recording, **changes: Any) -> RunResult:
    """A run of a scenario with one fault."""
    return make_run(recording, spec=make_spec(make_scenario(thresholds={}, **changes)))


def failed_over(until_s: float) -> Recording:
    """Forty seconds, in which requests fail from 10 s on."""
    lost = fail(steady_requests(40), 10.0, until_s)
    return make_recording([*lost], faults=(TIMES,), elapsed_s=40.0)


def test_a_fault_is_one_sentence() -> None:
    """The sentence has the lost requests, the recovery, the duration, and the outage that costs as much."""
    result = run(failed_over(13.0), faults=[KILL], claimed_availability="99.9%")
    fault, availability, claim = describe_faults(result.summary)
    assert fault == (
        "kill agent at 10.0 s: 30 requests lost, users were served as before after 3,000 ms, "
        "the fault lasted 2,500 ms, it cost as much as a complete outage of 3,000 ms"
    )
    assert availability.startswith(
        "availability 92.5 % (1.1 nines): 30 of 400 requests failed in 1 outage, 95 %"
    )
    assert claim == "availability of 99.9 %: refuted by 400 requests"


def test_a_run_without_a_loss_states_what_it_shows() -> None:
    """The claim of 99.9 % needs more requests, and the sentence has their number."""
    result = run(failed_over(10.0), faults=[KILL], claimed_availability="99.9%")
    assert describe_faults(result.summary) == (
        (
            "kill agent at 10.0 s: no request lost, users were served as before throughout, "
            "the fault lasted 2,500 ms"
        ),
        "availability: 0 of 400 requests failed, which shows at least 99.08 %",
        (
            "availability of 99.9 %: cannot tell, 0 of 400 lost allows 99.08 % and more; "
            "about 3,688 requests with the same share of failures would tell"
        ),
    )


def test_a_missing_recovery_is_explained() -> None:
    """A stack that stays down, and a fault that did not happen, are never silent."""
    dead = run(failed_over(40.0), faults=[KILL]).summary
    assert "no recovery within 30.0 s: the stack did not recover" in describe_faults(dead)[0]
    never = run(replace(failed_over(10.0), faults=()), faults=[KILL]).summary
    assert describe_faults(never)[0] == "kill agent, planned at 10 s, did not happen"


def test_every_report_has_the_sentences() -> None:
    """Results, reports and comments state the same; a scenario without faults has none of it."""
    result = run(failed_over(13.0), faults=[KILL])
    sentences = describe_faults(result.summary)
    report = make_report(result, compare(result, None))
    assert make_results(result).findings[: len(sentences)] == sentences
    assert make_document(report).findings[: len(sentences)] == sentences
    assert judge_suite([report]).reports
    plain = run(make_recording(), faults=[])
    assert describe_faults(plain.summary) == ()


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0.999, "99.9 %"), (0.99082, "99.08 %"), (0.999989, "99.9989 %"), (1.0, "100 %"), (0.5, "50 %")],
)
def test_an_availability_is_never_rounded_up(ratio: float, text: str) -> None:
    """99.99 % is not 100 %."""
    assert share_in_nines(ratio) == text


def test_a_claim_alone_is_judged() -> None:
    """A scenario without faults may claim an availability; a claim of 100 % is refused."""
    result = run(make_recording(steady_requests(400)), claimed_availability=0.999)
    assert describe_faults(result.summary)[1] == "availability of 99.9 %: supported by 4000 requests"
    with pytest.raises(ValueError, match="claimed_availability"):
        make_scenario(claimed_availability="100%")
