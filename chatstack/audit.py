"""`python -m chatstack audit`: prints records of the audit log, JSON lines."""

import json
from dataclasses import asdict

from chatstack.settings import Settings, SettingsError
from chatstack.stores.opening import open_store


async def list_chats(settings: Settings, text: str) -> str:
    """Return the records of users.

    Args:
        settings: Settings of the store.
        text: Text from stdin: a JSON list of user ids, and `null` for requests without a user.

    Returns:
        One JSON object per line.

    Raises:
        SettingsError: The text is not such a list, or the store is missing.
    """
    try:
        user_ids = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"stdin is not JSON: {error}") from None
    if not isinstance(user_ids, list) or not all(isinstance(item, str | None) for item in user_ids):
        raise SettingsError("stdin must be a JSON list of user ids, and null for requests without a user")
    lines = []
    store = await open_store(settings)
    try:
        for user_id in user_ids:
            for record in await store.chat_records(user_id):
                lines.append(json.dumps(asdict(record) | {"at": record.at.isoformat()}))
    finally:
        await store.close()
    return "\n".join(lines)
