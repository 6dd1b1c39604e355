"""How a run shows itself: a live bar on a terminal, plain lines when piped."""

import time
from collections.abc import Mapping
from typing import NamedTuple, Self, TextIO

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from resinc.duration import duration
from resinc.output import console
from resinc.train.evaluate import Result


class Pace(NamedTuple):
    """Of a log interval; 0 where nothing was timed yet."""

    images_per_second: float = 0.0
    input_share: float = 0.0  # Of the time, in which there was no batch to go on with.


class RunProgress:
    """Shows step, loss, error, images/s and time left; use as a context manager."""

    def __init__(self, name: str, start: int, steps: int, log: TextIO | None = None):
        """`log`: where lines go, in place of the terminal."""
        self._steps = steps
        self._start, self._begun = start, time.monotonic()
        self._console = console(file=log)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(name, total=steps, completed=start, text="compiling")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def say(self, line: str) -> None:
        self._console.print(line)

    def step(self, step: int) -> None:
        """Called every step; redraws by itself at most ten times a second."""
        self._bar.update(self._task, completed=step)

    def train(self, step: int, loss: float, error: float, lr: float, pace: Pace) -> None:
        """One log line. Error as a fraction."""
        speed, waited = pace
        text = f"loss {loss:.4f}  error {100 * error:5.2f} %  {speed:,.0f} images/s"
        if waited >= 0.01:
            text += f"  {waited:.0%} waiting for images"
        self._bar.update(self._task, text=text)
        if self._bar.disable:
            passed = time.monotonic() - self._begun
            left = passed / (step - self._start) * (self._steps - step)
            self.say(f"step {step:>6}/{self._steps}  {text}  lr {lr:g}  {duration(left)} left")

    def evaluation(self, step: int, results: Mapping[str, Result]) -> None:
        parts = [f"{split} {result}" for split, result in results.items()]
        self.say(f"step {step:>6}/{self._steps}  " + "  ".join(parts))


class Meter:
    """The pace of training, without the compile time of the first step and without evaluations."""

    def __init__(self, batch_size: int):
        self._batch_size = batch_size
        self._since: float | None = None
        self._step = 0
        self._waited = 0.0

    def start(self, step: int) -> None:
        if self._since is None:
            self.restart(step)

    def restart(self, step: int) -> None:
        self._since, self._step, self._waited = time.monotonic(), step, 0.0

    def waited(self, seconds: float) -> None:
        """For a batch."""
        self._waited += seconds

    def pace(self, step: int) -> Pace | None:
        """Since the last call; None where nothing was timed yet."""
        if self._since is None or step <= self._step:
            return None
        passed = time.monotonic() - self._since
        images = (step - self._step) * self._batch_size
        pace = Pace(images / passed, min(1.0, self._waited / passed))
        self.restart(step)
        return pace
