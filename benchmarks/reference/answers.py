"""The page of answers and their outcomes, from the examples of the tests."""

from benchmarks.answers.example import KINDS, Example, Kind, read_kind
from benchmarks.answers.messages import MessageExample, MessageKind, read_messages

from .markdown import code, table

_ANSWERS = """\
# Answers and their outcomes

What does `bench` make of the answer of your server?
Each row is an answer that the tests send, byte by byte, over both transports.
`tests/answers/` contains the bytes.
Most of them are known from public reports about model servers, proxies and load generators.
[Outcomes](outcomes.md) describes each outcome, and [the target file](target.md) the declarations.
"""
_TRANSPORTS = """\
## Differences between the transports

`--transport httpx` supports no WebSockets.
It reads each other answer of this page like the project's own transport{except_these}.
"""


def answers_page() -> str:
    """Return the page of all examples, grouped by kind."""
    kinds = [read_kind(name) for name in KINDS]
    return "\n".join([_ANSWERS, *map(_kind, kinds), _kind(read_messages()), _transports(kinds)])


def _kind(kind: Kind | MessageKind) -> str:
    rows = [[answer.name, _outcome(answer), answer.why] for answer in kind.answers]
    return f"## {kind.title}\n\n{kind.about}\n{table(['the server sends', 'outcome', 'reason'], rows)}"


def _outcome(answer: Example | MessageExample) -> str:
    if isinstance(answer, MessageExample) or answer.httpx is None:
        return code(answer.outcome.value)
    return f"{code(answer.outcome.value)} (httpx: {code(answer.httpx.outcome.value)})"


def _transports(kinds: list[Kind]) -> str:
    rows = [
        [answer.name, code(answer.outcome.value), code(answer.httpx.outcome.value), answer.httpx.reason]
        for kind in kinds
        for answer in kind.answers
        if answer.httpx is not None
    ]
    if not rows:
        return _TRANSPORTS.format(except_these="")
    head = ["the server sends", "own transport", "httpx", "reason"]
    return f"{_TRANSPORTS.format(except_these=', except for these')}\n{table(head, rows)}"
