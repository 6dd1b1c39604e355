"""SIGTERM, SIGHUP and Ctrl-C ask a run to save and stop; asked twice, it stops at once."""

import contextlib
import signal
import threading
from collections.abc import Iterator


class Stop:
    """`requested` is the signal received, or None."""

    requested: signal.Signals | None = None


@contextlib.contextmanager
def stop_on_signal() -> Iterator[Stop]:
    """Inside, they only set a flag; a second one acts as it used to.

    A terminal that closes may say so twice, from the shell and from the kernel: once is enough to
    save, the second is ignored. What was started with nohup goes on.
    """
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
        if number == signal.SIGHUP:
            signal.signal(number, signal.SIG_IGN)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            old[number] = signal.signal(number, request)
    try:
        yield stop
    finally:
        restore()
