"""`bench ci command`: execute the /bench command of a pull-request comment."""

from bench.cli.console import say
from bench.usecases.comment_command import execute_comment_command


def command() -> None:
    """Execute the /bench command of a pull-request comment.

    The job must have the event issue_comment and GITHUB_TOKEN. A comment without a command changes nothing.
    """
    say(execute_comment_command() or "the comment has no command")
