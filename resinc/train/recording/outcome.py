"""How a run ends."""

from typing import NamedTuple


class Outcome(NamedTuple):
    """Done, diverged, or interrupted by `signal_number`.

    Attributes:
      state: as in status.json; "running" before the end.
      step: that it ended at.
      message: why, where it is not done; one line.
      signal_number: 0 where none stopped it.
    """

    state: str
    step: int
    message: str = ""
    signal_number: int = 0


class Diverged(Exception):
    """The run holds numbers no longer."""

    def __init__(self, step: int, what: str):
        super().__init__(f"non-finite at step {step}: {what}")
        self.step = step
