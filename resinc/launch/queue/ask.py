"""Ask a cluster by one of its own commands, as a person would type it."""

import functools
import subprocess
import time
from collections.abc import Callable
from typing import Any, TypeVar

from resinc.errors import InputError

ANSWER_SECONDS = 60
RECENT_SECONDS = 10.0

T = TypeVar("T")


def ask(*command: str, quoted: Callable[[str], str], given: str = "") -> str:
    """What a command prints.

    Args:
      command: with its arguments.
      quoted: of what it says where it fails, the words that tell why; "" where none do.
      given: on its standard input.

    Raises:
      InputError: it failed, or did not answer.
    """
    try:
        ran = subprocess.run(
            command,
            input=given,
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{command[0]} does not answer: {error}") from None
    if ran.returncode:
        raise InputError(f"{command[0]} refuses: {quoted(ran.stderr) or 'it does not say why'}")
    return ran.stdout


def recent(read: Callable[..., T]) -> Callable[..., T | None]:
    """What `read` gives, asked once in RECENT_SECONDS however often it is looked at; None where
    nobody answers."""

    @functools.lru_cache(maxsize=4)
    def within(period: int, *arguments: Any) -> T | None:
        try:
            return read(*arguments)
        except InputError:
            return None

    return lambda *arguments: within(int(time.monotonic() / RECENT_SECONDS), *arguments)
