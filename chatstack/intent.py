"""Requests to publish a form: the agent's question to the model, and the simulated model's answer."""

import json
import re

TRIGGERS = ("publish", "deploy", "register")
_QUESTION = (
    'Does the message below ask to publish a form? Answer with JSON only: {{"publish": true or false, '
    '"form_id": the id of the form or null}}.\n\nMessage: """{text}"""'
)
_MESSAGE = re.compile(r'Message: """(.*)"""', re.DOTALL)
_FORM_ID = re.compile(
    r"\bform(?:\s{1,9}id)?\s{0,9}[:#]?\s{0,9}([A-Za-z0-9_-]{0,64}?\d[A-Za-z0-9_-]{0,64})", re.IGNORECASE
)


def triggers(text: str) -> bool:
    """Check whether a text has a word that makes the agent ask the model."""
    lowered = text.lower()
    return any(word in lowered for word in TRIGGERS)


def extraction_prompt(text: str) -> str:
    """Return the agent's question about a text."""
    return _QUESTION.format(text=text)


def extraction_answer(prompt: str) -> str:
    """Return the simulated model's answer to that question: the first form id in the message."""
    message = _MESSAGE.search(prompt)
    found = _FORM_ID.search(message[1]) if message and triggers(message[1]) else None
    return json.dumps({"publish": found is not None, "form_id": found[1] if found else None})


def form_to_publish(answer: str) -> str | None:
    """Return the form id in a model's answer; `None` without an id or without JSON."""
    try:
        content = json.loads(answer)
    except ValueError:
        return None
    if not isinstance(content, dict) or content.get("publish") is not True:
        return None
    form_id = content.get("form_id")
    return form_id if isinstance(form_id, str) and form_id else None
