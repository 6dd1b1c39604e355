"""SIGTERM and Ctrl-C ask a run to save and stop; asked twice, it stops at once."""

import contextlib
import signal
import threading
from collections.abc import Iterator


class Stop:
    """`requested` is the signal received, or None."""

    requested: signal.Signals | None = None


@contextlib.contextmanager
def stop_on_signal() -> Iterator[Stop]:
    """Inside, SIGTERM and SIGINT only set a flag; a second one acts as it used to."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # Only the main thread may set handlers.
        return
    old: dict[int, object] = {}

    def restore() -> None:
        for number, handler in old.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def request(number: int, frame: object) -> None:
        stop.requested = signal.Signals(number)
        restore()

    for number in (signal.SIGTERM, signal.SIGINT):
        old[number] = signal.signal(number, request)
    try:
        yield stop
    finally:
        restore()
