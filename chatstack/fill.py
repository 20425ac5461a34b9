"""`python -m chatstack users|forms add|remove`: adds and removes items of the store, JSON in and out."""

import json
from typing import Any

from chatstack.settings import Settings, SettingsError
from chatstack.stores.opening import open_store
from chatstack.stores.store import Store, TakenError


async def fill(settings: Settings, collection: str, action: str, text: str) -> str:
    """Add items to the store or remove them.

    Args:
        settings: Settings of the store.
        collection: `users` or `forms`.
        action: `add` expects a list of user documents or form ids, `remove` a list of ids.
        text: Text from stdin.

    Returns:
        `{"changed": N}`.

    Raises:
        SettingsError: The text is not such a list, a user exists already, or the store is missing.
    """
    content = _items(text, documents=(collection, action) == ("users", "add"))
    store = await open_store(settings)
    try:
        return json.dumps({"changed": await _change(store, collection, action, content)})
    finally:
        await store.close()


async def _change(store: Store, collection: str, action: str, content: list[Any]) -> int:
    match (collection, action):
        case ("users", "add"):
            try:
                await store.add_users(content)
            except TakenError as error:
                raise SettingsError(f"this user exists already: {error}") from error
        case ("forms", "add"):
            await store.add_forms(content)
        case ("users", _):
            return await store.remove_users(content)
        case _:
            return await store.remove_forms(content)
    return len(content)


def _items(text: str, *, documents: bool) -> list[Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"stdin is not JSON: {error}") from None
    if not isinstance(content, list):
        raise SettingsError("stdin must be a JSON list")
    for item in content:
        if documents and not _is_user(item):
            raise SettingsError("stdin must be a list of users with _id, username and email")
        if not documents and not isinstance(item, str):
            raise SettingsError("stdin must be a list of ids")
    return content


def _is_user(document: Any) -> bool:
    if not isinstance(document, dict):
        return False
    return all(isinstance(document.get(key), str) and document[key] for key in ("_id", "username", "email"))
