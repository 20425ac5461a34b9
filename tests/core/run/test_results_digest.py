from bench.core.run.result import RunResult
from bench.core.run.results_digest import PATTERN, results_digest
from tests.factories import run_at

FIRST, SECOND = run_at(1.0, 1), run_at(1.0, 2)


def test_the_order_of_results_does_not_change_the_digest() -> None:
    """The artifacts of a workflow run have no order."""
    digest = results_digest([FIRST, SECOND])
    assert PATTERN.fullmatch(digest)
    assert digest == results_digest([SECOND, FIRST])


def test_a_stored_result_keeps_its_digest() -> None:
    """Whoever reads the files computes the digest that the comment shows."""
    stored = RunResult.model_validate_json(FIRST.model_dump_json(indent=2))
    assert results_digest([stored]) == results_digest([FIRST])


def test_other_results_have_another_digest() -> None:
    """One changed value, a missing result and a repeated result change it."""
    changed = FIRST.model_copy(update={"provenance": FIRST.provenance.model_copy(update={"run_id": "other"})})
    different = [[FIRST], [SECOND], [changed], [], [FIRST, SECOND], [FIRST, FIRST]]
    assert len({results_digest(results) for results in different}) == len(different)
