"""The signals that ask to stop, heard alike by a run and by a sweep."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def hearing(hear: Callable[[signal.Signals], None], once: bool = False) -> Iterator[None]:
    """Inside, a signal of SIGNALS does nothing but call `hear`.

    A terminal that closes may say so twice, from the shell and from the kernel: after any signal
    SIGHUP is no longer heard. Under nohup it is not heard at all. Only the main thread may set
    handlers; elsewhere signals act as they used to.

    Args:
      hear: is given the signal.
      once: after the first one SIGINT and SIGTERM act as they used to.
    """
    old: dict[int, Any] = {}
    heard = False

    def handler(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        if heard and number == signal.SIGHUP:
            return
        heard = True
        if once:
            restore(signal.SIGINT, signal.SIGTERM)
        hear(signal.Signals(number))

    def restore(*numbers: int) -> None:
        for number in numbers:
            signal.signal(number, old[number])

    with contextlib.suppress(ValueError):
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                old[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        restore(*old)
