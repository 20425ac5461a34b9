"""The key of a cached answer."""

import hashlib
import unicodedata


def normalise(message: str) -> str:
    """Return a message without the differences that a cache ignores: case, outer white space, Unicode form.

    Messages with equal meaning and other words stay different.
    """
    composed = unicodedata.normalize("NFC", message)
    return unicodedata.normalize("NFC", composed.lower()).strip()


def message_digest(message: str) -> str:
    """Return the digest of a normalised message.

    It is SHA-256, and not MD5: two texts with the same MD5 digest can be made within seconds, and one of them
    would get the answer to the other.
    """
    return hashlib.sha256(normalise(message).encode(errors="surrogatepass")).hexdigest()


def cache_key(message: str, model: str, user_id: str | None = None) -> str:
    """Return the key of the answer to a message.

    Args:
        message: Text of the message.
        model: Name of the model.
        user_id: Id of the only user who gets the answer; `None` to share it among all users.
    """
    owner = "" if user_id is None else f"{user_id}@"
    return f"{message_digest(message)}:{owner}{model}"
