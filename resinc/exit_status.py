"""How every command of ours ends: its status, and one sentence where something is wrong."""

import sys
from collections.abc import Callable

from resinc.errors import InputError, outside_sentence
from resinc.output import surviving_output

EXIT_FAILED = 1
EXIT_INPUT = 2
EXIT_INTERRUPTED = 130


def exit_status(name: str, main: Callable[[], int]) -> int:
    """That of `main`, or 1 where the machine failed it (a full disk), 2 after a mistake in the
    input, 130 after Ctrl-C: each in one sentence on stderr.

    Args:
      name: of the command, before the sentence.
      main: gives the status itself where nothing is wrong. What it prints to a closed pipe is lost
        and stops nothing.

    Raises:
      Exception: whatever else `main` raises, which is a fault of ours.
    """
    with surviving_output():
        try:
            return main()
        except InputError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return EXIT_INPUT
        except KeyboardInterrupt:
            print(f"{name}: stopped by Ctrl-C", file=sys.stderr)
            return EXIT_INTERRUPTED
        except Exception as error:
            if not (sentence := outside_sentence(error)):
                raise
            print(f"{name}: {sentence}", file=sys.stderr)
            return EXIT_FAILED
