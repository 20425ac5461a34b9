import pytest

from bench.core.samples.faults import most_common_fault
from bench.core.samples.sample import GeneratorFault, Outcome
from bench.core.samples.samples import Samples
from tests.factories import make_sample


def _samples(*details: str, outcome: Outcome = Outcome.NOT_SENT) -> Samples:
    return Samples.of(make_sample(seq, outcome=outcome, detail=detail) for seq, detail in enumerate(details))


def test_the_most_common_fault_is_found() -> None:
    """The fault is the first word of the detail; the system's words follow it."""
    files = "open_files: no connection to 127.0.0.1:80: Too many open files"
    samples = _samples("ports: none", files, files)
    words = "no connection to 127.0.0.1:80: Too many open files"
    assert most_common_fault(samples) == (GeneratorFault.OPEN_FILES, words)


@pytest.mark.parametrize("outcome", [Outcome.CONNECT_FAILED, Outcome.CANCELLED])
def test_other_outcomes_have_no_fault(outcome: Outcome) -> None:
    """The details of other outcomes come from elsewhere."""
    assert most_common_fault(_samples("ports: none", outcome=outcome)) is None


def test_an_unknown_word_is_no_fault() -> None:
    """A detail that names none of the faults is ignored."""
    assert most_common_fault(_samples("weather: rain")) is None
