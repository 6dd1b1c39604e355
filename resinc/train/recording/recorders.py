"""The recorders of all runs that a program trains at once, told as one."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import jax

from resinc.train.evaluate import Result
from resinc.train.recording.outcome import Diverged, Outcome
from resinc.train.recording.recorder import Recorder
from resinc.train.replica.state import State
from resinc.train.replica.step import Report


class Recorders:
    """What is told goes to those that still go on.

    A context manager, as each of them is. One that diverges ends with its lock, and the others go
    on; the last one's end is the end of the block.
    """

    def __init__(self, locks: Mapping[Recorder, contextlib.ExitStack]):
        """`locks`: recorder, in the order of the members -> what holds its folder."""
        self._all = tuple(locks)
        self._going_on = dict(locks)

    @property
    def outcomes(self) -> list[Outcome]:
        """How each ended, in the order of the members."""
        return [recorder.outcome for recorder in self._all]

    def begin(self, advice: str = "") -> None:
        self._tell(lambda recorder: recorder.begin(advice))

    def say(self, line: str) -> None:
        self._tell(lambda recorder: recorder.say(line))

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Around the wait for batches."""
        begun = time.monotonic()
        yield
        self._tell(lambda recorder: recorder.waited(time.monotonic() - begun))

    def report(self, steps: range, reports: Report) -> None:
        """See `Recorder.report`; of n members the reports are [k, n]."""
        self._tell(lambda recorder: recorder.report(steps, reports))

    def settle(self) -> None:
        self._tell(Recorder.settle)

    def evaluation(self, step: int, results: Sequence[Mapping[str, Result]]) -> None:
        """Log the results of each member by split."""
        self._tell(lambda recorder: recorder.evaluation(step, results[recorder.member or 0]))

    def correct(self, split: str, results: Sequence[Mapping[str, Result]], digest: str) -> None:
        """Which examples of a split each member got right; `digest`: of the examples."""

        def tell(recorder: Recorder) -> None:
            recorder.correct(split, results[recorder.member or 0][split].errors == 0, digest)

        self._tell(tell)

    def unusable(self, named: Mapping[str, str], last: bool = False) -> None:
        self._tell(lambda recorder: recorder.unusable(named, last))

    def measurements(self, step: int, measure: Callable[[int | None], Mapping[str, Any]]) -> None:
        """Add what `measure` gives for a member, or for the only run (None)."""
        self._tell(lambda recorder: recorder.measurements(step, measure(recorder.member)))

    def save(self, state: State) -> None:
        """Begin a checkpoint of each; of n members the state is [n, ...]."""
        here = jax.device_get(state)  # Once for all of them.
        self._tell(lambda recorder: recorder.save(here))

    def end(
        self, state: str, step: int, message: str = "", number: signal.Signals | None = None
    ) -> None:
        self._tell(lambda recorder: recorder.end(state, step, message, number or 0))

    def __enter__(self) -> Self:
        for recorder, lock in self._going_on.items():
            lock.enter_context(recorder)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        ends = contextlib.ExitStack()
        for lock in self._going_on.values():
            ends.push(lock)
        return bool(ends.__exit__(kind, error, traceback))

    def _tell(self, tell: Callable[[Recorder], None]) -> None:
        for recorder in tuple(self._going_on):
            try:
                tell(recorder)
            except Diverged as error:
                if len(self._going_on) == 1:
                    raise  # Nothing is left to train.
                lock = self._going_on.pop(recorder)
                lock.__exit__(Diverged, error, error.__traceback__)
