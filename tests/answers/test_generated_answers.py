"""Generated answers are read as their generator knows them; `make bench-answers` reads many more."""

import asyncio
from collections.abc import Sequence

import pytest

from bench.core.samples.sample import Outcome
from benchmarks.answers.__main__ import composition, read_chunk, table
from benchmarks.answers.check import Fault, FaultKind, read_all
from benchmarks.answers.generate import GeneratedAnswer, generate
from benchmarks.answers.request import CONNECTIONS

READ_ALONE = 1000
PER_BLOCK = 100
OVER_CONNECTIONS = range(50)


def _shown(faults: Sequence[Fault]) -> list[str]:
    return [f"seed {fault.answer.seed}: {fault.kind.value}: {fault.description}" for fault in faults]


def _answers() -> list[GeneratedAnswer]:
    return [*map(generate, range(READ_ALONE))]


@pytest.mark.parametrize("start", range(0, READ_ALONE, PER_BLOCK))
def test_a_generated_answer_is_read_rightly(start: int) -> None:
    """No answer with an error, without its end or with other text is `ok`, and each right answer is."""
    assert not _shown(read_chunk(None, range(start, start + PER_BLOCK)))


@pytest.mark.parametrize("transport", CONNECTIONS)
def test_a_generated_answer_has_its_outcome_over_a_connection(transport: str) -> None:
    """Framing, encoding and cuts of the connection change no outcome."""
    assert not _shown(asyncio.run(read_all(OVER_CONNECTIONS, transport)))


def test_the_generator_makes_each_outcome() -> None:
    """Right answers, failures of each kind, cuts and encodings are all frequent."""
    answers = _answers()
    outcomes = [outcome for answer in answers for outcome in answer.truth.outcomes]
    assert outcomes.count(Outcome.OK) > 300
    assert outcomes.count(Outcome.BAD_STREAM) > 200
    reported = {Outcome.HTTP_ERROR, Outcome.RATE_LIMITED, Outcome.UNAUTHORIZED, Outcome.REPORTED_ERROR}
    for outcome in (*reported, Outcome.WRONG_CONTENT):
        assert outcomes.count(outcome) > 5
    assert sum(answer.is_cut for answer in answers) > 100
    assert sum(answer.encoding is not None for answer in answers) > 200


def test_a_seed_gives_one_answer() -> None:
    """A fault can be repeated from its seed."""
    assert _answers() == _answers()


def test_a_table_counts_faults_by_kind() -> None:
    """A row has the number of faults of each kind."""
    answer = generate(1)
    faults = [Fault(answer, FaultKind.FALSE_OK, "one"), Fault(answer, FaultKind.HANG, "two")]
    assert "| own | 1 | 0 | 0 | 0 | 0 | 1 |" in table({"own": faults}, 10)
    assert "| `ok` |" in composition(20)
