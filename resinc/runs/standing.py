"""How a run stands at this moment, for those who watch it: cheap to read again and again."""

from pathlib import Path
from typing import Any, NamedTuple

from resinc.runs.config import read_config
from resinc.runs.fault import fault_of
from resinc.runs.folder import METRICS, TIMING
from resinc.runs.holder import read_holder
from resinc.runs.log import last_lines
from resinc.runs.metrics import read_lines
from resinc.runs.provenance import read_provenance
from resinc.runs.queue import read_ticket
from resinc.runs.shape import fits
from resinc.runs.status import ENDED, CellState, read_status, state_of

TAIL_BYTES = 4096
LOG_LINES = 12


class Standing(NamedTuple):
    """What a table of runs shows.

    Attributes:
      name: of the folder.
      state: see CellState.
      step: updates made.
      steps: updates asked for; 0: unknown yet.
      error: newest, as a fraction; None before there is one.
      error_of: "train" for a window of training, else the split that was evaluated.
      images_per_second: newest; None before there is one.
      seconds_left: at that speed, evaluations aside; None of a run that is not running.
      host: where it runs, with the scheduler's job, or where it ran last; of one that is queued,
        the job; "" of none.
      seconds: spent on it over all starts.
      message: why it did not end well, or cannot be read.
      log: of one that failed, the last lines.
    """

    name: str
    state: CellState
    step: int = 0
    steps: int = 0
    error: float | None = None
    error_of: str = ""
    images_per_second: float | None = None
    seconds_left: float | None = None
    host: str = ""
    seconds: float = 0.0
    message: str = ""
    log: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        return self.state in ENDED


def read_standing(workdir: Path) -> Standing:
    """Of a run, in whatever state; what is missing or damaged leaves gaps."""
    state = state_of(workdir)
    if state == CellState.NEW:
        return Standing(workdir.name, state)
    if state == CellState.UNREADABLE:
        return Standing(workdir.name, state, message=fault_of(workdir))
    status = read_status(workdir)
    step, steps = int(status.get("step", 0)), int(status.get("steps", 0))
    measured = [
        line
        for line in read_lines(workdir / METRICS, TAIL_BYTES)
        if fits(line, {"step": int, "kind": str, "error": float})
    ]
    timed = [
        line
        for line in read_lines(workdir / TIMING, TAIL_BYTES)
        if fits(line, {"images_per_second": float})
    ]
    speed = timed[-1]["images_per_second"] if timed else None
    running = state == CellState.RUNNING
    holder = read_holder(workdir) if running else None
    ticket = read_ticket(workdir) if state == CellState.QUEUED else None
    start = {} if holder else read_provenance(workdir)
    newest = measured[-1] if measured else {}
    place = _place(
        *((holder.host, holder.job) if holder else (start.get("host"), start.get("job")))
    )
    return Standing(
        workdir.name,
        state,
        step,
        steps,
        newest.get("error"),
        str(newest.get("split", newest.get("kind", ""))),
        speed,
        _left(workdir, steps - step, speed) if running else None,
        str(ticket) if ticket else place,
        float(status.get("seconds", 0.0)),
        status.get("message", ""),
        tuple(last_lines(workdir, LOG_LINES)) if state == CellState.FAILED else (),
    )


def _left(workdir: Path, steps: int, speed: float | None) -> float | None:
    batch = read_config(workdir).get("batch_size")
    return steps * batch / speed if speed and isinstance(batch, int) else None


def _place(host: Any, job: Any) -> str:
    return f"{host} ({job})" if host and job else str(host or "")
