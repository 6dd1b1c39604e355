"""What a sweep will take, before it is started: multiply-adds counted, their rate measured."""

import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from resinc import config as config_lib
from resinc.duration import duration
from resinc.launch.cell import Cell
from resinc.launch.launcher import Job, Launcher
from resinc.runs.fault import fault_of
from resinc.runs.log import last_words
from resinc.runs.metrics import read_timing
from resinc.runs.status import FOR_GOOD, CellState, read_status, state_of

CALIBRATION_STEPS, WINDOW = 12, 4  # The first window compiles; the last is what counts.
SHORT = 0.1  # Of the steps of the longest run that is left: below it a run is mostly its start.


@dataclass(frozen=True)
class Work:
    """What one cell has to do.

    Attributes:
      cell: with its name.
      state: of its folder.
      step: updates made.
      steps: updates asked for; 0 of a cell that trains nothing.
      batch_size: images of an update.
      multiply_adds: of the network for one image, forwards; 0 of a cell that trains nothing.
      seconds: spent on it so far.
      fault: why its folder cannot be read, and the sweep leaves it; "".
    """

    cell: Cell
    state: CellState
    step: int
    steps: int
    batch_size: int
    multiply_adds: int
    seconds: float
    fault: str = ""

    @property
    def ended(self) -> bool:
        return self.state in FOR_GOOD

    def amount(self, steps: int) -> float:
        """Multiply-adds of so many updates, counted forwards."""
        return float(steps) * self.batch_size * self.multiply_adds

    @property
    def left(self) -> float:
        return 0.0 if self.ended or self.fault else self.amount(self.steps - self.step)


class Rate(NamedTuple):
    """Multiply-adds (forwards) per second of one run while it trains.

    Attributes:
      value: per second; 0: unknown.
      source: what was measured, or why it is unknown.
    """

    value: float
    source: str


def read_work(cells: Sequence[Cell], root: Path, counted: Mapping[str, int]) -> list[Work]:
    """How the cells stand in the sweep's folder, which may not be there."""
    found = []
    for cell in cells:
        config = config_lib.load(cell.recipe, cell.flags_in(root))
        folder = root / cell.name
        state, status = state_of(folder), read_status(folder)
        trains = cell.name in counted
        found.append(
            Work(
                cell,
                state,
                int(status.get("step", 0)),
                config.steps if trains else 0,
                config.batch_size,
                counted.get(cell.name, 0),
                float(status.get("seconds", 0.0)),
                fault_of(folder) if state == CellState.UNREADABLE else "",
            )
        )
    return found


def rate_of_finished(work: Sequence[Work]) -> Rate | None:
    """Of the finished cells that are not short, compilation and evaluations included: the median.

    23 cells of one step each, 70 s of compiling, once made 78 h of a run of 4,000 that took 2.8.
    """
    longest = max((w.steps for w in work if w.left), default=0)
    rates = [
        w.amount(w.steps) / w.seconds
        for w in work
        if w.state == CellState.DONE
        and w.seconds
        and w.multiply_adds
        and w.steps >= SHORT * longest
    ]
    if not rates:
        return None
    cells = "1 finished cell" if len(rates) == 1 else f"{len(rates)} finished cells"
    return Rate(statistics.median(rates), f"median of {cells} of this folder")


def calibrate(work: Sequence[Work], make: Callable[[Path], Launcher]) -> Rate:
    """Train a few steps of the cell of median cost in a folder that is thrown away.

    Args:
      work: of which those that wait for no other are tried.
      make: the launcher, for a sweep's folder.
    """
    able = [w for w in work if w.multiply_adds and not w.cell.start and not w.cell.pilots]
    if not able:
        return Rate(0.0, "there is no cell that could be tried alone")
    tried = sorted(able, key=lambda w: w.multiply_adds)[len(able) // 2]
    with tempfile.TemporaryDirectory(prefix="resinc-calibration-") as folder:
        workdir = Path(folder) / "calibration"
        short = {
            "steps": CALIBRATION_STEPS,
            "log_every_steps": WINDOW,
            "eval_every_steps": -1,
            "checkpoint_every_steps": 0,
            "probes": "()",
            "probes_at_start": "()",
        }
        flags = [f"--config.{name}={value}" for name, value in short.items()]
        command = [*tried.cell.command(workdir), *flags]
        job = Job("calibration", workdir, lambda: command, lambda: [workdir])
        make(Path(folder)).submit([job], _Silent())
        speeds = [x.get("images_per_second", 0.0) for x in read_timing(workdir)]
        if not speeds:
            words = last_words(workdir) or "it said nothing"
            return Rate(0.0, f"a calibration of {tried.cell.name} ended without one: {words}")
    return Rate(
        speeds[-1] * tried.multiply_adds,
        f"a calibration of {CALIBRATION_STEPS} steps of {tried.cell.name}, without compilation and "
        "evaluations",
    )


class _Silent:
    """A listener that lets everything happen."""

    def ready(self, job: Job) -> bool:
        return True

    def admit(self, job: Job) -> bool:
        return True

    def waiting(self, why: Mapping[str, str]) -> None:
        pass

    def started(self, job: Job) -> None:
        pass

    def ended(self, job: Job, returncode: int) -> None:
        pass

    def tick(self) -> None:
        pass


def lines(work: Sequence[Work], rate: Rate) -> list[tuple[str, str, str, str, str]]:
    """A row per cell: name, state, steps, multiply-adds of an image, time left for it."""
    return [
        (
            w.cell.name,
            "not started" if w.state == CellState.NEW else w.state.value,
            f"{w.step:,} of {w.steps:,}" if w.steps else "–",
            f"{w.multiply_adds:,}" if w.multiply_adds else "–",
            span(w.left / rate.value) if rate.value and w.left else "–",
        )
        for w in work
    ]


def summary(work: Sequence[Work], rate: Rate, workers: int) -> list[str]:
    """What there is to do as a whole, and what the estimate rests on."""
    ended = [w for w in work if w.ended]
    left = sum(w.left for w in work)
    runs = "1 run" if workers == 1 else f"{workers} runs"
    progress = f"{len(ended)} of {len(work)} cells done"
    left_out = [f"left out: {w.cell.name} cannot be read ({w.fault})" for w in work if w.fault]
    if any(w.multiply_adds for w in work):
        progress += f"; {left:.3g} multiply-adds left (forwards, over all images)"
    if not rate.value:
        return [progress, *left_out, f"no estimate of the time: {rate.source}"]
    # The last runs leave workers idle, so no sweep is shorter than its longest cell.
    wall = max(left / workers, max((w.left for w in work), default=0.0)) / rate.value
    return [
        f"{progress}: {span(left / rate.value)} of one run, {span(wall)} with {runs} at a time",
        f"rate: {rate.value:.3g} multiply-adds a second, {rate.source}",
        *left_out,
    ]


def span(seconds: float) -> str:
    """e.g. "2.5 h", "140 h"; of less than an hour "12 min 5 s"."""
    hours = seconds / 3600
    return (
        duration(seconds) if hours < 1 else f"{hours:.1f} h" if hours < 100 else f"{hours:,.0f} h"
    )
