"""How often a sweep was asked to stop."""

import signal

from resinc.stop_signals import SIGNALS

# Exit status of a run that was stopped by one of them and has saved: it is to be started again.
SAVED = tuple(sorted(128 + number for number in SIGNALS))


class Stopped:
    """Counts the signals heard; what the first and a second one mean, a launcher decides."""

    def __init__(self) -> None:
        self.first: signal.Signals | None = None
        self.count = 0

    def __call__(self, number: signal.Signals) -> None:
        self.first = self.first or number
        self.count += 1
