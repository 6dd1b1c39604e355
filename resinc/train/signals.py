"""SIGTERM, SIGHUP and Ctrl-C ask a run to save and stop; asked twice, it stops at once.

Of several processes SIGTERM to one asks all of them, which agree on the step.
"""

import contextlib
import signal
from collections.abc import Iterator

from orbax.checkpoint import multihost

from resinc.stop_signals import hearing
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
    """Inside, they only set a flag; a second one acts as it used to, see `stop_signals.hearing`.

    Of several processes none has a handler of ours: it would take JAX's place.
    """
    if several():
        yield Agreed()
        return
    stop = Stop()

    def request(number: signal.Signals) -> None:
        stop.requested = number

    with hearing(request, once=True):
        yield stop
