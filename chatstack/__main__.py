"""`python -m chatstack ROLE`: one service of the stack, or a command that fills or reads its store."""

import asyncio
import os
import sys

from chatstack.settings import Settings, SettingsError

ROLES = ("backend", "agent", "model")
COLLECTIONS = ("users", "forms")
USAGE = (
    f"usage: python -m chatstack {'|'.join(ROLES)}, model --engine simulated|llama-cpp, "
    f"{'|'.join(COLLECTIONS)} add|remove < JSON, or audit < JSON"
)


def main(arguments: list[str]) -> int:
    """Run a role until it is stopped, and return the exit code: 0, or 2 for wrong settings."""
    settings = Settings(os.environ)
    try:
        match arguments:
            case [role] if role in ROLES:
                _serve(role, settings)
            case ["model", "--engine", engine]:
                _serve("model", Settings({**os.environ, "MODEL_ENGINE": engine}))
            case [collection, ("add" | "remove") as action] if collection in COLLECTIONS:
                from chatstack.fill import fill  # noqa: PLC0415 - a role imports only what it needs

                print(asyncio.run(fill(settings, collection, action, sys.stdin.read())))
            case ["audit"]:
                from chatstack.audit import list_chats  # noqa: PLC0415 - likewise

                print(asyncio.run(list_chats(settings, sys.stdin.read())))
            case _:
                print(USAGE, file=sys.stderr)
                return 2
    except (SettingsError, OSError) as error:
        print(f"chatstack {' '.join(arguments)}: {error}", file=sys.stderr)
        return 2
    return 0


def _serve(role: str, settings: Settings) -> None:
    from chatstack.serve import serve  # noqa: PLC0415 - a role imports only what it needs

    match role:
        case "backend":
            from chatstack.backend import make_backend as make  # noqa: PLC0415 - likewise
        case "agent":
            from chatstack.agent import make_agent as make  # noqa: PLC0415 - likewise
        case _:
            from chatstack.model import make_model as make  # noqa: PLC0415 - likewise
    serve(role, make(settings), settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
