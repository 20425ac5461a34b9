"""The explanation of one answer, and the findings about a set-up, for a terminal."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import groupby
from textwrap import wrap

import yaml

from bench.core.response.answer_content import AnswerContent
from bench.core.response.explanation import Explanation, PartReading, RecordedAnswer
from bench.core.samples.sample import Outcome
from bench.core.setup.findings import Finding
from bench.core.values import wording
from bench.core.values.escape import escape_terminal
from bench.core.values.units import ms

_WIDTH = 100
_CONTENT_WIDTH = 48
_JSON_BLANK = re.compile(r'(?<=["\]}\dels])([:,]) ')  # after a value: it only takes space
_GRADE_WIDTH = 9
_SHOWN_AT_ENDS = 3  # of a long series of equal parts
_HEADERS = {
    "content-type", "content-encoding", "transfer-encoding", "content-length", "server", "location",
    "retry-after", "www-authenticate", "server-timing", "via", "x-request-id",
}  # fmt: skip


def diagnosis_text(explanation: Explanation, refused: Mapping[str, str], *, is_given: bool) -> str:
    """Return the explanation as text.

    Args:
        explanation: The answer, and what its target reads of it.
        refused: Why other targets do not fit, by their names.
        is_given: Whether the user named the target.
    """
    lines = [*_connection(explanation), *_parts(explanation.readings), *_result(explanation)]
    lines += _advice(explanation, is_given=is_given)
    if refused:
        tried = ", ".join(f"{name} ({reason})" for name, reason in refused.items())
        lines += ["", *_fold(f"Also tried: {tried}.")]
    return "\n".join(lines) + "\n"


def findings_text(findings: Iterable[Finding]) -> str:
    """Return the findings of a check of a set-up as text, one line each, with the cure below a problem."""
    lines: list[str] = []
    for finding in findings:
        first = f"{finding.grade.value:{_GRADE_WIDTH}}{finding.subject}: {escape_terminal(finding.message)}"
        lines += wrap(first, _WIDTH, subsequent_indent=" " * _GRADE_WIDTH)
        if finding.cure is not None:
            indent = " " * _GRADE_WIDTH
            cure = f"hint: {escape_terminal(finding.cure)}"
            lines += wrap(cure, _WIDTH, initial_indent=indent, subsequent_indent=indent)
    return "\n".join(lines) + "\n"


def _connection(explanation: Explanation) -> Iterator[str]:
    answer = explanation.answer
    target = explanation.target
    method = "WebSocket" if target.is_websocket else target.method
    yield _cut(f"{method} {answer.url}  (target {target.name})")
    if answer.connect_s is None:
        return
    tls = "TLS" if answer.is_secure else "no TLS"
    version = f"HTTP/{answer.version}" if answer.version else "no answer"
    yield f"  connected in {_time(answer.connect_s)}: {version}, {tls}"
    if answer.status:
        yield f"  {_status(answer)}" + (f" after {_time(answer.parts[0].at_s)}" if answer.parts else "")
    for name, value in answer.headers:
        if name in _HEADERS:
            yield _cut(f"  {name}: {escape_terminal(value)}")


def _status(answer: RecordedAnswer) -> str:
    try:
        return f"{answer.status} {HTTPStatus(answer.status).phrase}"
    except ValueError:
        return str(answer.status)


def _parts(readings: Sequence[PartReading]) -> Iterator[str]:
    if not readings:
        return
    yield ""
    yield f"{'time':>10} {'bytes':>7}  {'part of the body':{_CONTENT_WIDTH}}  read as"
    for _, group in groupby(readings, key=_kind_of):
        series = [*group]
        hidden = len(series) - 2 * _SHOWN_AT_ENDS
        if hidden <= 1:
            yield from map(_part, series)
            continue
        yield from map(_part, series[:_SHOWN_AT_ENDS])
        size = sum(reading.size for reading in series[_SHOWN_AT_ENDS:-_SHOWN_AT_ENDS])
        yield f"{'…':>10} {size:7}  {wording.counted(hidden, 'more part')} like this"
        yield from map(_part, series[-_SHOWN_AT_ENDS:])


def _kind_of(reading: PartReading) -> str:
    """Return the part of a meaning that is equal for similar parts."""
    return reading.meaning.split(" ", 1)[0]


def _part(reading: PartReading) -> str:
    size = str(reading.size) if reading.size else ""
    text = _JSON_BLANK.sub(r"\1", reading.content.decode(errors="replace").strip())
    shown = escape_terminal(text.replace("\n", "\\n"))
    if len(shown) > _CONTENT_WIDTH:
        shown = shown[: _CONTENT_WIDTH - 1] + "…"
    return _cut(
        f"{_time(reading.at_s):>10} {size:>7}  {shown:{_CONTENT_WIDTH}}  {escape_terminal(reading.meaning)}"
    )


def _result(explanation: Explanation) -> Iterator[str]:
    yield ""
    outcome, detail = explanation.failure or (Outcome.OK, "")
    detail = detail.removeprefix(f"{outcome.value}: ")
    yield from _fold(f"A run reports: {outcome.value}" + (f": {escape_terminal(detail)}" if detail else ""))
    facts = [*_facts(explanation)]
    if facts:
        yield from _fold(f"  {', '.join(facts)}")
    for remark in explanation.content.remarks:
        yield from _fold(f"  The answer {escape_terminal(remark)}.")


def _facts(explanation: Explanation) -> Iterator[str]:
    """Yield the numbers of an answer."""
    content = explanation.content
    if content.tokens is not None:
        yield wording.counted(content.tokens, "token")
    elif content.token_times_s:
        yield f"{wording.counted(len(content.token_times_s), 'piece')} of text"
    yield from _moments(content)
    if content.finish_reason is not None:
        yield f"finish reason {escape_terminal(content.finish_reason)}"
    if content.tier_times:
        yield f"times of {wording.listing([*content.tier_times])}"


def _moments(content: AnswerContent) -> Iterator[str]:
    """Yield the times within an answer."""
    if content.token_times_s:
        yield f"first token after {_time(content.token_times_s[0])}"
    if content.first_reasoning_s is not None and content.first_answer_s is not None:
        yield f"first token of the answer after {_time(content.first_answer_s)}"
    if content.ended_s is not None:
        yield f"end mark after {_time(content.ended_s)}"
    for name, at_s in content.milestones.items():
        yield f"milestone {name} after {_time(at_s)}"


def _advice(explanation: Explanation, *, is_given: bool) -> Iterator[str]:
    name = explanation.target.name
    if explanation.advice:
        yield ""
        where = f"scenarios/targets/{name}.yaml"
        is_whole = "kind" in explanation.advice
        yield f"This would read the answer, in {where}:" if is_whole else f"This would read more, in {where}:"
        declaration = yaml.safe_dump({"answer": explanation.advice}, sort_keys=False, width=_WIDTH - 4)
        for line in declaration.splitlines():
            yield _cut(f"  {line}")
    elif explanation.is_complete and not is_given:
        yield ""
        yield f"The target {name} reads this answer completely: bench run SCENARIO --target {name} --url …"


def _time(seconds: float) -> str:
    return wording.duration(ms(seconds))


def _cut(line: str) -> str:
    line = line.rstrip()
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"


def _fold(text: str) -> Iterator[str]:
    """Yield a sentence in lines that are not too long, with the indentation of the first."""
    indent = " " * (len(text) - len(text.lstrip()))
    line = ""
    for word in text.split():
        if line and len(indent + line) + len(word) + 1 > _WIDTH:
            yield _cut(indent + line)
            line = "  " + word
        else:
            line = f"{line} {word}" if line else word
    if line:
        yield _cut(indent + line)
