"""Repeated messages of a run, compared with the counters of a cache."""

from typing import Any

import pytest

from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.run.recording import Recording
from bench.core.run.repeats import Repeats, count_repeats
from bench.core.samples.sample import Outcome
from bench.core.values.zipf import expected_repeats, zipf_shares
from tests.factories import PROMPTS, make_recording, make_sample, make_scenario, make_spec, make_target


def _recording(ids: str, **changes: Any) -> Recording:
    """Return a recording of the messages with these numbers, from 0."""
    samples = [make_sample(seq, prompt=PROMPTS[int(digit)]) for seq, digit in enumerate(ids)]
    return make_recording(samples, **changes)


def _count(spec: RunSpec, recording: Recording) -> Repeats | None:
    return count_repeats(spec, recording, recording.samples)


def _spec(**changes: Any) -> RunSpec:
    return make_spec(make_scenario(repeat={"zipf": 1.0, "distinct": 4}, **changes))


def test_a_message_that_was_sent_before_is_a_repeat() -> None:
    """The expected share belongs to the number of requests, and the hit ratio to the counters."""
    work = {"cache_hits": 2.0, "cache_misses": 4.0, "cache_shared": 2.0, "model_calls": 9.0}
    repeats = _count(_spec(), _recording("01020003", work=work))
    assert repeats is not None
    assert (repeats.requests, repeats.distinct, repeats.repeated_ratio) == (8, 4, 0.5)
    assert repeats.expected_ratio == pytest.approx(expected_repeats(zipf_shares(4, 1.0), 8))
    assert repeats.hit_ratio == 0.5


@pytest.mark.parametrize(
    ("work", "hit_ratio"),
    [
        ({}, None),
        ({"cache_hits": 3.0}, None),
        ({"cache_hits": 0.0, "cache_misses": 0.0}, None),
        ({"cache_hits": 3.0, "cache_misses": 1.0}, 0.75),
    ],
)
def test_a_hit_ratio_needs_counters_that_counted(work: dict[str, float], hit_ratio: float | None) -> None:
    """Without them, the expected share is reported alone."""
    repeats = _count(_spec(), _recording("0101", work=work))
    assert repeats is not None
    assert repeats.hit_ratio == hit_ratio


def test_cancelled_requests_are_not_counted() -> None:
    """Neither is a request that has no message of the scenario."""
    samples = [make_sample(0), make_sample(1, outcome=Outcome.CANCELLED), make_sample(2, prompt="login")]
    repeats = _count(_spec(), make_recording(samples))
    assert repeats is not None
    assert (repeats.requests, repeats.distinct) == (1, 1)


def test_a_scenario_without_repeats_or_without_messages_has_none() -> None:
    """Decks are not repeats by a law."""
    assert _count(make_spec(), _recording("0000")) is None
    assert _count(_spec(), make_recording([make_sample(0, prompt="login")])) is None


def test_a_second_target_has_counters_of_its_own() -> None:
    """The sum over two targets is no hit ratio of one of them."""
    recording = _recording("0101", work={"cache_hits": 3.0, "cache_misses": 1.0})
    compared = _spec(compare_with="agent").model_copy(update={"compare_with": make_target(name="agent")})
    repeats = _count(compared, recording)
    assert repeats is not None
    assert repeats.hit_ratio is None


def test_equal_texts_of_two_messages_are_one_message() -> None:
    """A cache does not know ids."""
    prompts = tuple(Prompt(id=name, text="Hello") for name in PROMPTS)
    spec = RunSpec(scenario=_spec().scenario, target=make_target(), prompts=prompts)
    repeats = _count(spec, _recording("0123"))
    assert repeats is not None
    assert (repeats.requests, repeats.distinct) == (4, 1)
