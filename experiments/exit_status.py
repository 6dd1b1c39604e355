"""How a module that is started with `python -m` ends."""

import sys
from collections.abc import Callable

from resinc.errors import InputError


def exit_status(name: str, main: Callable[[], int]) -> int:
    """That of `main`; 2 after one sentence on a mistake in the input, 130 after Ctrl-C.

    Args:
      name: stands before the sentence.
      main: gives the status itself where nothing is wrong.
    """
    try:
        return main()
    except InputError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
