"""The plan of the probes that are single requests: tokens, input and headers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bench.core.config.promises import Promises
from bench.core.probe.chat_call import ChatCall, show_message
from bench.core.probe.exchange import ProbeRequest, TokenKind
from bench.core.probe.judge_answers import (
    FOREIGN_ORIGIN,
    Judge,
    judge_accepted,
    judge_cors,
    judge_headers,
    judge_large,
    judge_program_headers,
    judge_refused,
    judge_revoked,
    judge_unpromised,
    judge_user_data,
)

MESSAGE = "Say hello in five words."
"""A message that every chat answers."""
_MAX_CHARACTERS = 10_000
_LARGE_BODY = 10_000_000
_DEPTH = 10_000
_CONTROL_CHARACTERS = "a\x00b\x07c\x1b[31md\u202ee"
_WRONG_TYPES = (b"null", b"42", b'["a"]', b'{"$ne": null}')
_FORGED: Mapping[str, tuple[TokenKind, ...]] = {
    "auth-no-token": (TokenKind.NONE,),
    "auth-malformed": (TokenKind.MALFORMED,),
    "auth-wrong-key": (TokenKind.WRONG_KEY,),
    "auth-alg-none": (TokenKind.NO_ALGORITHM, TokenKind.NO_ALGORITHM_CAPITALS, TokenKind.NO_SIGNATURE),
    "auth-key-confusion": (TokenKind.OWN_KEY, TokenKind.EMPTY_KEY, TokenKind.OTHER_ALGORITHM),
    "auth-changed-claims": (TokenKind.CHANGED_CLAIMS,),
    "auth-expired": (TokenKind.EXPIRED,),
    "auth-not-yet-valid": (TokenKind.NOT_YET_VALID,),
}


@dataclass(frozen=True, slots=True)
class OtherUser:
    """A user whose data a probe asks for."""

    id: str
    """Id, which requests contain."""
    name: str
    """Name, which no request contains."""


@dataclass(frozen=True, slots=True)
class PlannedProbe:
    """The requests of a probe, and the judges of their answers."""

    judges: Mapping[str, Judge]
    """The judge of each rule, by the rule's id."""
    requests: tuple[ProbeRequest, ...]
    """The requests, one after the other, all of the same user."""


def plan_tokens(call: ChatCall, promises: Promises, other: OtherUser) -> Iterator[PlannedProbe]:
    """Yield the probes of tokens.

    Args:
        call: The chat, which needs tokens.
        promises: The promises of the stack.
        other: A user whose data the user of a probe must not get.
    """
    status = promises.statuses.unauthorized
    for rule, kinds in _FORGED.items():
        requests = tuple(ask(call, MESSAGE, token=kind) for kind in kinds)
        yield PlannedProbe({rule: judge_refused(status)}, requests)
    if promises.revocation is not None:
        revocation = ProbeRequest(
            promises.revocation.method, promises.revocation.path, TokenKind.VALID, is_chat=False
        )
        yield PlannedProbe({"auth-revoked": judge_revoked(status)}, (revocation, ask(call, MESSAGE)))
    if promises.user_data is not None:
        paths = _list_data_paths(promises.user_data.path, other.id)
        requests = tuple(ProbeRequest("GET", path, TokenKind.VALID, is_chat=False) for path in paths)
        yield PlannedProbe({"auth-other-user": judge_user_data(other.name)}, requests)


def plan_headers(call: ChatCall, promises: Promises) -> PlannedProbe:
    """Return the probe of headers: an ordinary request of a foreign page, and one that is refused."""
    request = replace(ask(call, MESSAGE), headers={"origin": FOREIGN_ORIGIN})
    refused = ask(call, MESSAGE, token=TokenKind.MALFORMED)
    judges: dict[str, Judge] = {
        "headers-promised": judge_headers(promises.headers),
        "headers-server": judge_program_headers,
        "headers-cors": judge_cors,
    }
    return PlannedProbe(judges, (request, refused) if call.has_token else (request,))


def plan_input(call: ChatCall, promises: Promises) -> Iterator[PlannedProbe]:
    """Yield the probes of bad input, the most harmful ones last."""
    statuses = promises.statuses
    judge_invalid = _judge(statuses.invalid, is_promised=statuses.invalid is not None)
    yield PlannedProbe({"input-empty": judge_invalid}, (ask(call, ""), ask(call, " \n\t ")))
    yield PlannedProbe(
        {"input-wrong-type": judge_invalid}, tuple(_ask_value(call, raw) for raw in _WRONG_TYPES)
    )
    yield PlannedProbe(
        {"input-control-characters": _judge_control(promises)}, (ask(call, _CONTROL_CHARACTERS),)
    )
    yield from _plan_lengths(call, promises)
    yield PlannedProbe(
        {"input-content-type": _judge(statuses.media_type, is_promised=statuses.media_type is not None)},
        (replace(ask(call, MESSAGE), headers={"content-type": "text/plain"}),),
    )
    yield PlannedProbe(
        {"input-method": _judge(statuses.method, is_promised=statuses.method is not None)},
        (
            ProbeRequest(
                "GET", call.path, TokenKind.VALID if call.has_token else TokenKind.NONE, is_chat=False
            ),
        ),
    )
    invalid_text = replace(_ask_value(call, b'"\xff\xfe\xc3("'), content="message in invalid UTF-8")
    yield PlannedProbe({"input-invalid-utf8": judge_invalid}, (invalid_text,))
    nested = b"[" * _DEPTH + b"]" * _DEPTH
    deep = replace(_ask_value(call, nested), content=f"message of {_DEPTH:,} nested lists")
    yield PlannedProbe({"input-deep-json": judge_invalid}, (deep,))
    large = ask(call, "a" * _LARGE_BODY)
    too_large = statuses.too_large or statuses.invalid
    judge = judge_large(_judge(too_large, is_promised=promises.max_body is not None))
    yield PlannedProbe({"input-large-body": judge}, (large,))
    # After all of them.
    yield PlannedProbe({"input-survives": judge_accepted}, (ask(call, MESSAGE),))


def ask(call: ChatCall, message: str, *, token: TokenKind = TokenKind.VALID) -> ProbeRequest:
    """Return a request with a message; a target without tokens gets none."""
    return ProbeRequest(
        call.method,
        call.path,
        token if call.has_token else TokenKind.NONE,
        call.with_message(message),
        show_message(message),
    )


def _ask_value(call: ChatCall, value: bytes) -> ProbeRequest:
    shown = f"message {value.decode(errors='replace')}"
    return replace(ask(call, ""), body=call.with_value(value), content=shown)


def _plan_lengths(call: ChatCall, promises: Promises) -> Iterator[PlannedProbe]:
    longest = promises.max_characters
    too_long = promises.statuses.too_long or promises.statuses.invalid
    message = "a" * ((longest or _MAX_CHARACTERS) + 1)
    judge = _judge(too_long, is_promised=longest is not None)
    yield PlannedProbe({"input-too-long": judge}, (ask(call, message),))
    if longest is not None:
        yield PlannedProbe({"input-longest": judge_accepted}, (ask(call, "a" * longest),))


def _judge(status: int | None, *, is_promised: bool) -> Judge:
    return judge_refused(status) if is_promised else judge_unpromised


def _judge_control(promises: Promises) -> Judge:
    match promises.control_characters:
        case "refused":
            return judge_refused(promises.statuses.invalid)
        case "accepted":
            return judge_accepted
        case None:
            return judge_unpromised


def _list_data_paths(path: str, other_id: str) -> tuple[str, ...]:
    """Return the paths that ask for the data of another user: in the path itself, or in the query."""
    if "${id}" in path:
        return (path.replace("${id}", other_id),)
    sign = "&" if "?" in path else "?"
    return (f"{path}{sign}userId={other_id}", f"{path}{sign}id={other_id}&user={other_id}")
