"""Repairs headers that the parser refuses although their meaning is certain; curl and httpx read them too."""

import re

_START = b"HTTP/1."
_INFORMATIONAL = re.compile(rb"HTTP/1\.[01] 1[0-9][0-9]")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(rb"\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_CONTROL = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LENGTH = re.compile(rb"content-length:[ \t]*([0-9]+(?:[ \t]*,[ \t]*[0-9]+)*)[ \t]*", re.IGNORECASE)


def repair_head(received: bytes) -> bytes | None:
    """Return a reply with a head that the parser accepts, or without a change; `None` if the end is missing.

    It joins folded lines, replaces control characters of values by spaces, and leaves one of several equal
    lengths. Lengths that differ stay as they are, because the end of the reply is then unknown.

    Args:
        received: The reply from its first byte on.
    """
    if not received.startswith(_START):
        return received
    end = _HEAD_END.search(received)
    if end is None:
        return None
    head = received[: end.start()]
    if _INFORMATIONAL.match(head):
        following = repair_head(received[end.end() :])
        return None if following is None else received[: end.end()] + following
    status_line, line_end, fields = head.partition(b"\n")
    return status_line + line_end + _repair_fields(fields) + received[end.start() :]


def _repair_fields(fields: bytes) -> bytes:
    """Return the header lines after the status line, repaired."""
    lines: list[bytes] = []
    has_length = False
    for line in _LINE_END.split(_FOLD.sub(b" ", fields)):
        length = _LENGTH.fullmatch(line)
        if length is None:
            lines.append(_CONTROL.sub(b" ", line))
            continue
        lengths = {int(number) for number in length.group(1).split(b",")}
        merged = b"content-length: %d" % lengths.pop() if len(lengths) == 1 else line
        if not has_length or merged not in lines:
            lines.append(merged)
        has_length = True
    return b"\r\n".join(lines)
