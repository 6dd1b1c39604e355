"""The signals that stop a sweep."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Exit status of a run that was stopped by one of them and has saved: it is to be started again.
SAVED = tuple(sorted(128 + number for number in SIGNALS))


class Stopped:
    """Counts the signals received; what the first and a second one mean, a launcher decides."""

    def __init__(self) -> None:
        self.first: signal.Signals | None = None
        self.count = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP and self.count:
            return  # A terminal that closes says so twice, from the shell and from the kernel.
        self.first = self.first or signal.Signals(number)
        self.count += 1


@contextlib.contextmanager
def handling(stopped: Stopped) -> Iterator[None]:
    """Only the main thread may set handlers; elsewhere signals act as they used to."""
    old: dict[int, Any] = {}
    with contextlib.suppress(ValueError):
        for number in SIGNALS:
            # Under nohup a closed terminal stops nothing.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                old[number] = signal.signal(number, stopped)
    try:
        yield
    finally:
        for old_number, handler in old.items():
            signal.signal(old_number, handler)
