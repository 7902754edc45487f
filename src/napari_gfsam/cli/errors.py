"""What can go wrong in a command, each with the exit code that tells."""

from __future__ import annotations

OK, FAILED, USAGE, STOPPED = 0, 1, 2, 130


class CommandError(ValueError):
    """The command cannot do what was asked; the message is one sentence."""

    exit_code = FAILED


class UsageError(CommandError):
    """The words on the command line do not fit together; the message is one sentence."""

    exit_code = USAGE
