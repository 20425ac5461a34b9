"""The `bench` command."""


def main() -> None:
    """Run the command line."""
