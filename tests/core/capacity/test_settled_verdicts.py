import pytest

from bench.core.capacity.load_trial import SafeLoad, TrialVerdict
from bench.core.capacity.settled_verdicts import guess_verdicts, settle_verdicts
from tests.render.capacities import make_trials

SAFE = SafeLoad(load=17, low=15, high=19, confidence=0.9)
OPEN_ABOVE = SAFE.model_copy(update={"high": None})


@pytest.mark.parametrize(
    ("safe", "verdicts"),
    [
        (SAFE, ["met", "met", "open", "open", "broken", "broken"]),
        (OPEN_ABOVE, ["met", "met", "open", "open", "open", "broken"]),
        (None, ["open", "open", "open", "open", "open", "broken"]),
    ],
)
def test_the_interval_decides_the_trials_that_could_not_tell(
    safe: SafeLoad | None, verdicts: list[str]
) -> None:
    """Loads up to the lower end are met, loads above the upper end are broken, and verdicts stay."""
    trials = [
        trial.model_copy(update={"verdict": TrialVerdict.OPEN}) for trial in make_trials(8, 15, 17, 19, 20)
    ]
    trials.append(trials[0].model_copy(update={"load": 10.0, "verdict": TrialVerdict.BROKEN}))
    assert [trial.verdict.value for trial in settle_verdicts(trials, safe)] == verdicts


def test_a_guess_leaves_no_trial_open() -> None:
    """The best estimate of the safe load decides between met and broken."""
    trials = [trial.model_copy(update={"verdict": TrialVerdict.OPEN}) for trial in make_trials(17, 18)]
    assert [trial.verdict.value for trial in guess_verdicts(trials, SAFE)] == ["met", "broken"]
