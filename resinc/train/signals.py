"""SIGTERM, SIGHUP and Ctrl-C ask a run to save and stop; asked twice, it stops at once.

Of several processes SIGTERM to one asks all of them, which agree on the step.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator

from orbax.checkpoint import multihost

from resinc.train.distributed.processes import several


class Stop:
    """`requested` is the signal received, or None."""

    requested: signal.Signals | None = None

    def poll(self) -> None:
        """Bring `requested` up to date; to be called at the same places in all processes."""


class Agreed(Stop):
    """Of several processes: JAX hears SIGTERM in any of them, and all get to know at one poll."""

    def __init__(self) -> None:
        self._polls = 0

    def poll(self) -> None:
        # Polls are counted, not steps: JAX names the next number that nobody has come to yet, and
        # nobody may leave it out.
        self._polls += 1
        if multihost.reached_preemption(self._polls):
            self.requested = signal.SIGTERM


@contextlib.contextmanager
def stop_on_signal() -> Iterator[Stop]:
    """Inside, they only set a flag; a second one acts as it used to.

    Of several processes none has a handler of ours: it would take JAX's place.

    A terminal that closes may say so twice, from the shell and from the kernel: once is enough to
    save, the second is ignored. What was started with nohup goes on.
    """
    if several():
        yield Agreed()
        return
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
