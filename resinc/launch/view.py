"""How a sweep shows itself: a live table on a terminal, plain lines when piped."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from resinc import output
from resinc.duration import duration
from resinc.runs.status import read_status

STYLES = {
    "done": "green",
    "diverged": "magenta",
    "failed": "red",
    "unreadable": "red",
    "stopped": "yellow",
    "unfinished": "yellow",
}


class SweepView:
    """One line per cell that starts or ends, above a row per running cell."""

    def __init__(self, total: int, workers: int, console: Console | None = None):
        self._console = console or output.console()
        self._total = total
        self._workers = workers
        self._counts: dict[str, int] = {}
        self._running: dict[str, tuple[Path, float, int]] = {}
        self._durations: list[float] = []
        self._waiting: dict[str, int] = {}
        self._told: dict[str, int] = {}  # The most that were said of each reason.
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live.is_started:
            self._live.stop()

    def skipped(self, name: str, state: str, why: str) -> None:
        """A cell that is not started; "done" ones are counted in one line by the caller."""
        self._end(state, f"{name}  {why}")

    def skip_done(self, count: int) -> None:
        self._counts["done"] = self._counts.get("done", 0) + count
        if count:
            self.say(f"{self._number()} {count} done already", "dim")

    def started(self, name: str, workdir: Path, resumed: int) -> None:
        """`resumed`: the step from which it goes on; 0 for a new run."""
        self._running[name] = (workdir, time.monotonic(), resumed)
        if not self._console.is_terminal:
            self.say(
                f"{self._number()} start     {name}" + f"  from step {resumed}" * (resumed > 0)
            )

    def waiting(self, why: Mapping[str, int]) -> None:
        """Of cells in a queue, how many it holds back for which reason."""
        told, self._waiting = self._told, dict(why)
        self._told = {reason: max(count, told.get(reason, 0)) for reason, count in why.items()}
        if self._console.is_terminal:
            return
        for reason, most in self._told.items():
            # A cluster holds jobs back one after the other: more than were told of are news.
            if most > told.get(reason, 0):
                self.say(f"{self._number()} waiting   {_held_back(reason, most)}")

    def ended(self, name: str, state: str, detail: list[str]) -> None:
        _, begun, _ = self._running.pop(name)
        seconds = time.monotonic() - begun
        if state == "done":
            self._durations.append(seconds)
        self._end(state, f"{name}  {duration(seconds)}", detail)

    def say(self, line: str, style: str = "") -> None:
        self._console.print(Text(line, style=style if self._console.is_terminal else ""))

    def tick(self) -> None:
        if self._live.is_started:
            self._live.update(self._draw(), refresh=True)

    def _end(self, state: str, text: str, detail: list[str] | None = None) -> None:
        self._counts[state] = self._counts.get(state, 0) + 1
        self.say(f"{self._number()} {state:<9} {text}", STYLES.get(state, ""))
        for line in detail or []:
            self.say(f"        {line}")

    def _number(self) -> str:
        width = len(str(self._total))
        return f"[{sum(self._counts.values()):>{width}}/{self._total}]"

    def _draw(self) -> Group:
        table = Table.grid(padding=(0, 1))
        left: list[float] = []
        for name, (workdir, begun, resumed) in self._running.items():
            step, steps, remaining = progress(read_status(workdir), begun, resumed)
            if remaining is not None:
                left.append(remaining)
            table.add_row(
                Text(name, no_wrap=True, overflow="ellipsis"),
                ProgressBar(total=max(steps, 1), completed=step, width=20),
                Text(f"{step:,}/{steps:,}" if steps else "starting", justify="right"),
                Text(f"{duration(remaining)} left" if remaining is not None else "", style="dim"),
            )
        counts = [f"{count} {state}" for state, count in self._counts.items()]
        waiting = self._total - sum(self._counts.values()) - len(self._running)
        counts += [f"{len(self._running)} running", f"{waiting} waiting"]
        total = self._left(left, waiting)
        if total is not None:
            counts.append(f"about {duration(total)} left")
        held_back = [Text(_held_back(*each), style="dim") for each in self._waiting.items()]
        return Group(table, Text(" · ".join(counts), style="bold"), *held_back)

    def _left(self, left: list[float], waiting: int) -> float | None:
        """From finished cells, else from the running ones; deep cells first overestimate it."""
        if waiting == 0:
            return max(left) if left and len(left) == len(self._running) else None
        if not self._durations:
            return None
        mean = sum(self._durations) / len(self._durations)
        return (sum(left) + waiting * mean) / self._workers


def _held_back(reason: str, count: int) -> str:
    return f"{count} in the queue: {reason}"


def progress(status: dict[str, Any], begun: float, resumed: int) -> tuple[int, int, float | None]:
    """(step, steps, seconds left or None), of a run that went on from step `resumed`."""
    step, steps = int(status.get("step", 0)), int(status.get("steps", 0))
    if step <= resumed:
        return step, steps, None
    return step, steps, (time.monotonic() - begun) / (step - resumed) * (steps - step)
