"""Read the audit log of a stack."""

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, assert_never

from bench.core.config.inherited_variables import inherit_environment
from bench.core.config.placeholders import expand
from bench.core.config.promises import AuditCollection, AuditCommand
from bench.core.probe.observed import TEXT_LEAK, TOKEN_LEAK, AuditObservation
from bench.errors import BenchError, TargetError
from bench.measure.users.mongo_errors import describe_error

_FIELD = "promises.audit.source"
_COMMAND_TIMEOUT_S = 30.0
_TIMEOUT_MS = 5_000
_MOST_ENTRIES = 10_000
_WITHIN_S = 3.0
"""Time in which the log is read until it is complete: a service may write it later."""
_PAUSE_S = 0.25
"""Time between two readings."""


async def observe_audit(
    source: AuditCommand | AuditCollection,
    values: Mapping[str, str],
    sent: Mapping[str, int],
    texts: Collection[str],
    tokens: Collection[str],
) -> AuditObservation:
    """Read the entries until each request has one, for a few seconds.

    Args:
        source: Place of the entries.
        values: Values of the stack's placeholders.
        sent: Chat requests by user.
        texts: Messages that no entry may contain.
        tokens: Tokens that no entry may contain.
    """
    start_s = time.monotonic()
    while True:
        try:
            lines = await asyncio.to_thread(_read, source, values, tuple(sent))
        except BenchError as error:
            return AuditObservation(sent, {}, problem=f"the log cannot be read: {error.message}")
        entries = {user: sum(user in line for line in lines) for user in sent}
        is_complete = all(entries[user] >= count for user, count in sent.items())
        if is_complete or time.monotonic() - start_s > _WITHIN_S:
            break
        await asyncio.sleep(_PAUSE_S)
    leaks = []
    if _contains(lines, texts):
        leaks.append(TEXT_LEAK)
    if _contains(lines, tokens):
        leaks.append(TOKEN_LEAK)
    return AuditObservation(sent, entries, tuple(leaks))


def _contains(lines: Sequence[str], texts: Collection[str]) -> bool:
    return any(text in line for line in lines for text in texts)


def _read(
    source: AuditCommand | AuditCollection, values: Mapping[str, str], users: Sequence[str]
) -> Sequence[str]:
    match source:
        case AuditCommand():
            return _run(source, values, users)
        case AuditCollection():
            return _find(source, values, users)
        case _:
            assert_never(source)


def _run(source: AuditCommand, values: Mapping[str, str], users: Sequence[str]) -> Sequence[str]:
    environment = dict(inherit_environment(os.environ))
    for name, text in source.environment.items():
        environment[name] = expand(text, values, f"{_FIELD}.environment.{name}")
    try:
        completed = subprocess.run(
            [expand(part, values, f"{_FIELD}.command") for part in source.command],
            input=json.dumps(users),
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TargetError(str(error)) from error
    if completed.returncode != 0:
        last = completed.stderr.strip().splitlines() or [f"exit code {completed.returncode}"]
        raise TargetError(last[-1])
    return completed.stdout.splitlines()


def _find(source: AuditCollection, values: Mapping[str, str], users: Sequence[str]) -> Sequence[str]:
    from bson import ObjectId  # noqa: PLC0415 - only stacks with a MongoDB pay for its import
    from pymongo import MongoClient  # noqa: PLC0415 - likewise
    from pymongo.errors import PyMongoError  # noqa: PLC0415 - likewise

    uri = expand(source.uri, values, f"{_FIELD}.uri")
    ids = [*users, *(ObjectId(user) for user in users if ObjectId.is_valid(user))]
    try:
        client = MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=_TIMEOUT_MS)
        with client:
            collection = client.get_default_database()[source.collection]
            documents = collection.find({source.user: {"$in": ids}}).limit(_MOST_ENTRIES)
            return [json.dumps(document, default=str) for document in documents]
    except (PyMongoError, ValueError, OSError) as error:
        raise TargetError(describe_error(error, uri).sentence) from None
