"""The words, icons and tones of verdicts and decisions: one table for every output format."""

from enum import StrEnum
from typing import NamedTuple

from bench.core.experiment.claim_range import ClaimVerdict
from bench.core.samples.metric import Better
from bench.core.samples.metrics import metric
from bench.core.verdict.compare import Decision
from bench.core.verdict.verdict import Verdict


class Tone(StrEnum):
    """The meaning of a colour. Each format has its own colour for a tone."""

    BAD = "bad"
    """Red: worse."""
    CAUTION = "caution"
    """Amber: not a failure, but it needs a look; the words next to it name the reason."""
    GOOD = "good"
    """Green: better, or a pass."""
    UNSURE = "unsure"
    """Violet: the data are valid, but too noisy or too few for an answer."""
    INVALID = "invalid"
    """A dashed frame without a colour: the measurement is not valid, so it is neither good nor bad."""
    QUIET = "quiet"
    """Grey: nothing to do."""


ICONS = {
    Tone.BAD: "🔴",
    Tone.CAUTION: "🟠",
    Tone.GOOD: "🟢",
    Tone.UNSURE: "🟣",
    Tone.INVALID: "⚫",
    Tone.QUIET: "⚪",
}
"""A coloured sign of each tone, for formats without colours."""
SIGNS = {
    Tone.BAD: "✕",
    Tone.CAUTION: "△",
    Tone.GOOD: "✓",
    Tone.UNSURE: "?",
    Tone.INVALID: "!",
    Tone.QUIET: "=",
}
"""A sign of each tone, because some readers cannot tell colours apart."""


class Word(NamedTuple):
    """A result as people read it."""

    text: str
    """The word."""
    tone: Tone
    """Its tone."""
    of_times: str = ""
    """The word for a duration, if it is another one."""


VERDICTS = {
    Verdict.WORSE: Word("worse", Tone.BAD),
    Verdict.WITHIN_TOLERANCE: Word("worse, within tolerance", Tone.CAUTION, "slower, within tolerance"),
    Verdict.UNCHANGED: Word("no change", Tone.QUIET),
    Verdict.BETTER: Word("better", Tone.GOOD, "faster"),
    Verdict.INCONCLUSIVE: Word("cannot tell", Tone.UNSURE),
    Verdict.MISSING: Word("missing", Tone.BAD),
    Verdict.NEW: Word("new", Tone.QUIET),
}
"""The verdict on one metric or message."""
DECISIONS = {
    Decision.PASS: Word("pass", Tone.GOOD),
    Decision.FAIL: Word("fail", Tone.BAD),
    Decision.INCONCLUSIVE: Word("cannot tell", Tone.UNSURE),
    Decision.INVALID: Word("invalid", Tone.INVALID),
}
"""The decision on a run or a suite."""
CLAIM_WORDS = {
    ClaimVerdict.SUPPORTED: Word("supported", Tone.GOOD),
    ClaimVerdict.REFUTED: Word("refuted", Tone.BAD),
    ClaimVerdict.INCONCLUSIVE: Word("cannot tell", Tone.UNSURE),
}
"""The verdict on a claim of an experiment."""
PROVEN = frozenset({Verdict.WORSE, Verdict.WITHIN_TOLERANCE, Verdict.BETTER})
"""Verdicts on a change that is not by chance, so that it must not look like 0."""
_SLOWER = Word("slower", Tone.CAUTION)
"""A proven change of a message or a tier that is within its own tolerance."""
NOT_MEASURED = Word("not measured", Tone.INVALID)
"""The result of a scenario without a measurement."""
_TOLERATED_PASS = Word("pass, but worse", Tone.CAUTION, "pass, but slower")
"""A pass with a change for the worse that is within the tolerance."""
NEEDS_LOOK = Word("needs a look", Tone.CAUTION)
"""A history that is not worse, whose newest run failed requests, was down, or raised an alert."""
FAILS_THRESHOLD = Word("fails a threshold", Tone.BAD)
"""A history that is not worse, whose newest run crossed its own threshold: the page of that run fails."""
_UNANSWERED = frozenset({Tone.UNSURE, Tone.INVALID})
CROSSED = Word("crossed", Tone.BAD)
"""The result of a threshold that the run crossed."""
KEPT = Word("kept", Tone.QUIET)
"""The result of a threshold that the run kept."""
OTHERS = (
    CROSSED,
    KEPT,
    Word("fixed", Tone.QUIET),
    Word("old", Tone.QUIET),
    Word("was down", Tone.BAD),
    Word("no answers", Tone.BAD),
    Word("met", Tone.GOOD),
    Word("broken", Tone.BAD),
    Word("likely met", Tone.UNSURE),
    Word("likely broken", Tone.UNSURE),
)
"""Further results in the last column of a table: of thresholds, change points, services and trials."""


def is_duration(key: str) -> bool:
    """Return whether lower values of a metric are faster."""
    row = metric(key)
    return row.unit == "ms" and row.better is Better.LOWER and not key.startswith("service.")


def tolerated_pass(key: str) -> Word:
    """Return the decision on a run that passed with a tolerated change of a metric: `pass, but slower`."""
    return Word(_text_for(_TOLERATED_PASS, key), _TOLERATED_PASS.tone)


def sign_unanswered(word: Word) -> str:
    """Return the sign of a decision that is no answer, with a blank; empty for an answer.

    Texts have it before the decision, so that `! INVALID` and `? CANNOT TELL` cannot be taken for a failure.
    """
    return f"{SIGNS[word.tone]} " if word.tone in _UNANSWERED else ""


def verdict_text(key: str, verdict: Verdict) -> str:
    """Return the verdict on a metric for people, such as `slower, within tolerance`."""
    return _text_for(VERDICTS[verdict], key)


def _text_for(word: Word, key: str) -> str:
    """Return the text of a word about a metric, which has words of its own for times."""
    return word.of_times if word.of_times and is_duration(key) else word.text


def part_verdict_text(key: str, verdict: Verdict) -> str:
    """Return the verdict on a message, a class or a tier for people, such as `slower`.

    A part has a wider tolerance than the metric of the run, so its verdict does not name the
    tolerance: a run that is too slow does not become tolerable because each of its messages is.
    """
    is_slower = verdict is Verdict.WITHIN_TOLERANCE and is_duration(key)
    return _SLOWER.text if is_slower else verdict_text(key, verdict)


def find_word(text: str) -> Word | None:
    """Return the word of a result in a table; None for any other text."""
    return _BY_TEXT.get(text)


def _list_words() -> dict[str, Word]:
    words: dict[str, Word] = {}
    for word in (_SLOWER, *OTHERS, *CLAIM_WORDS.values(), *VERDICTS.values()):
        words[word.text] = word
        if word.of_times:
            words[word.of_times] = word
    return words


_BY_TEXT = _list_words()
