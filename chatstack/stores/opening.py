"""The choice of the store by the environment."""

from chatstack.settings import Settings
from chatstack.stores.store import OnOperation, Store, uncounted


async def open_store(settings: Settings, on_operation: OnOperation = uncounted) -> Store:
    """Open the store of the environment: MONGODB_URI, else SQLITE_PATH.

    Args:
        settings: Settings of the environment.
        on_operation: Called at every database operation.

    Raises:
        SettingsError: Neither variable is set, or the database cannot be opened.
    """
    uri = settings.optional("MONGODB_URI")
    if uri is not None:
        from chatstack.stores.mongo import MongoStore  # noqa: PLC0415 - only who has one pays for its import

        return await MongoStore.open(uri, on_operation)
    from chatstack.stores.sqlite import SqliteStore  # noqa: PLC0415 - likewise

    return await SqliteStore.open(settings.text("SQLITE_PATH"), on_operation)
