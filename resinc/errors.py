"""The one exception that a user, not a programmer, is meant to read."""


class InputError(ValueError):
    """A mistake in what the user gave: one sentence that quotes the value and the rule.

    The command line prints it without a traceback and exits with status 2.
    """
