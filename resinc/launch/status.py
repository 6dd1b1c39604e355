"""`resinc status`: how the runs of a sweep stand, once or until all have ended."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from resinc import output
from resinc.duration import duration
from resinc.launch.gke import kubectl
from resinc.launch.queue.queued import GONE
from resinc.launch.slurm import squeue
from resinc.launch.view import STYLES
from resinc.runs.queue import read_ticket
from resinc.runs.standing import Standing, read_standing
from resinc.runs.status import FOR_GOOD, STANDS, CellState
from resinc.runs.sweep import Folder, read_folder

POLL_SECONDS = 2.0
COLUMNS = ("run", "state", "step", "error", "images/s", "time left", "host")
# Who looks wants to see what moves or failed; what has ended or not begun is counted.
ORDER = (
    CellState.RUNNING,
    CellState.QUEUED,
    CellState.UNREADABLE,
    CellState.FAILED,
    CellState.UNFINISHED,
    CellState.DIVERGED,
    CellState.NEW,
    CellState.DONE,
)
WORDS = {CellState.NEW: "not started"}
FRAME_LINES = 12  # Of a screen, for all but the rows.
MOST_FAILURES = 3  # That are told while the table moves; at the end all are, with their logs.

Look = tuple[Folder, list[Standing]]


def look(root: Path, before: Sequence[Standing] = ()) -> Look:
    """The sweep, and its runs as they stand now, those that move first.

    Args:
      root: of the sweep.
      before: what was seen before; what had ended for good then is not read again.

    Raises:
      InputError: there is no sweep.
    """
    folder = read_folder(root)
    known = {run.name: run for run in before if run.state in FOR_GOOD}
    found = [known.get(name) or _standing(root / name) for name in folder.names]
    return folder, sorted(found, key=lambda run: ORDER.index(run.state))


def _standing(workdir: Path) -> Standing:
    """Of a run, and of one that seems to be queued whether it still is, and why."""
    run = read_standing(workdir)
    ticket = read_ticket(workdir) if run.state == CellState.QUEUED else None
    place = (squeue.find(ticket) or kubectl.find(ticket)) if ticket else None
    if place == GONE:
        why = f"{ticket} has left the queue: the same `resinc sweep` queues it again"
        return run._replace(state=CellState.UNFINISHED, message=why)
    return run._replace(message=place.why) if place else run


def follow(root: Path, once: bool, shown: Callable[[Look], None] = lambda seen: None) -> Look:
    """Show the runs once, or until all have ended or Ctrl-C is pressed.

    On a terminal the table stays in place; into a pipe goes a line for every run that changes its
    state, and the table at the end.

    Args:
      root: of the sweep.
      once: whether to look a single time.
      shown: called with all that was seen, every time.

    Raises:
      InputError: there is no sweep.
    """
    console = output.console()
    seen = look(root)
    shown(seen)
    with contextlib.suppress(KeyboardInterrupt), _shown_by(console, once) as show:
        while not once and not all(run.ended for run in seen[1]):
            show(seen)
            time.sleep(POLL_SECONDS)
            seen = look(root, seen[1])
            shown(seen)
        show(seen)
    output.print_table(console, draw(seen))
    return seen


@contextlib.contextmanager
def _shown_by(console: Console, once: bool) -> Iterator[Callable[[Look], None]]:
    """What shows one look after another: a table in its place, or lines."""
    if console.is_terminal and not once:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            rows = max(4, console.height - FRAME_LINES)
            yield lambda seen: live.update(draw(seen, rows), refresh=True)
        return
    before: dict[str, CellState] = {}

    def lines(seen: Look) -> None:
        for run in seen[1]:
            if before.get(run.name, run.state) != run.state:
                console.print(Text(f"{_word(run)}  {run.name}  {run.message}".rstrip()))
            before[run.name] = run.state

    yield lines


def draw(seen: Look, rows: int = 0) -> Group:
    """The table, headed by what the sweep is and followed by its failures.

    Args:
      seen: by `look`.
      rows: at most so many; 0: all.
    """
    folder, runs = seen
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for column in table.columns[2:6]:
        column.justify = "right"
    shown = runs[:rows] if rows else runs
    for run in shown:
        table.add_row(*(Text(text) for text in cells_of(run)), style=STYLES.get(run.state, ""))
    parts = [Text(line, style="bold") for line in heading(folder, runs)]
    parts.append(table)  # type: ignore[arg-type]
    if hidden := Counter(_word(run) for run in runs[len(shown) :]):
        parts.append(Text("and " + ", ".join(f"{n} {word}" for word, n in hidden.items()), "dim"))
    for run in failures(runs)[: MOST_FAILURES if rows else None]:
        why = run.message or "without a word"
        parts.append(Text(f"\n{run.name} {STANDS[run.state]}: {why}", "red"))
        parts += [Text(f"  {line}", style="dim") for line in run.log if not rows]
    return Group(*parts)


def heading(folder: Folder, runs: Sequence[Standing]) -> list[str]:
    """What the sweep is called, and how many runs are in which state."""
    counts = Counter(_word(run) for run in runs)
    total = ", ".join(f"{n} {word}" for word, n in counts.items() if word != CellState.DONE)
    done = f"{counts[CellState.DONE]} of {len(runs)} runs done"
    tags = "".join(f"  [{tag}]" for tag in folder.plan.about.get("tags", ()))
    note = folder.plan.about.get("note", "")
    return [
        f"{folder.root}{tags}",
        *([note] if note else []),
        done + (f", {total}" if total else ""),
    ]


def cells_of(run: Standing) -> list[str]:
    """Below COLUMNS."""
    error = "" if run.error is None else f"{run.error_of} {100 * run.error:.2f} %"
    speed = "" if run.images_per_second is None else f"{run.images_per_second:,.0f}"
    left = "" if run.seconds_left is None else duration(run.seconds_left)
    step = f"{run.step:,}/{run.steps:,}" if run.steps else ""
    queued = run.state == CellState.QUEUED and run.message
    host = f"{run.host}: {run.message}" if queued else run.host
    return [run.name, _word(run), step, error, speed, left, host]


def failures(runs: Sequence[Standing]) -> list[Standing]:
    """What a person has to look after."""
    return [run for run in runs if run.state in (CellState.FAILED, CellState.UNREADABLE)]


def _word(run: Standing) -> str:
    return WORDS.get(run.state, run.state.value)
