"""Run every cell of a sweep that is not finished; what is finished is checked and left alone."""

import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resinc import config as config_lib
from resinc.config import NOT_COMPARED
from resinc.errors import InputError
from resinc.file_paths import writing
from resinc.launch import LAUNCHERS
from resinc.launch.cell import Cell, check_cells, seeds_in_turn
from resinc.launch.count import check_networks
from resinc.launch.launcher import Job, Request
from resinc.launch.pack import check_pack, pack_command, pack_folder, packs
from resinc.launch.pilot import chosen_rate
from resinc.launch.queue.request import DEFAULTS, Queue
from resinc.launch.stop import SAVED
from resinc.launch.view import SweepView
from resinc.registry import lookup
from resinc.runs.cell import write_labels
from resinc.runs.config import config_differences
from resinc.runs.fault import fault_of
from resinc.runs.init_from import InitFrom, relative
from resinc.runs.log import last_words, log_path
from resinc.runs.queue import read_ticket
from resinc.runs.status import EXIT_DIVERGED, CellState, read_status, state_of, write_failure
from resinc.runs.sweep import write_plan
from resinc.stop_signals import SIGNALS

STOPPED = (*SAVED, *(-number for number in SIGNALS))


@dataclass
class Summary:
    """Names of cells by how the sweep left them."""

    done: list[str] = field(default_factory=list)  # Including those that were done before.
    diverged: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)  # See `fault_of`; left as they are.
    running: list[str] = field(default_factory=list)  # In processes of somebody else, or queued.
    stopped: list[str] = field(default_factory=list)  # One by one: by a signal, or by its queue.
    unfinished: list[str] = field(default_factory=list)  # Stopped, or never started.
    stopped_by: signal.Signals | None = None

    @property
    def exit_code(self) -> int:
        """0, or 128 + the signal that stopped the sweep, or 1 where cells failed, were stopped or
        cannot be read.

        What is left is then done by the same command: `until resinc sweep ...; do sleep 60; done`.
        """
        left = self.failed or self.stopped or self.unreadable
        return 128 + self.stopped_by if self.stopped_by else int(bool(left))


def run_sweep(
    cells: Sequence[Cell],
    root: str | Path,
    workers: int = 0,
    devices: Sequence[str] | None = None,
    launcher: str = "local",
    about: Mapping[str, Any] | None = None,
    pack: int = 1,
    command: Callable[[Cell, Path], list[str]] = Cell.command,
    queue: Queue = DEFAULTS,
) -> Summary:
    """Run every cell in `root/<name>`: resume the unfinished, retry the failed, skip the rest.

    Args:
      cells: the longest first; they start in this order, but see `seeds_in_turn`.
      root: folder of the sweep; created if need be.
      workers: processes at a time; 0: one per device, or without devices one per CPU core.
      devices: CUDA device ids, one process each, of an id that is given n times n of them; None:
        those that are visible, if JAX can use them.
      launcher: a key of LAUNCHERS.
      about: written to sweep.json for the report, e.g. {"command": ..., "experiment": ...}.
      pack: cells, at most, that one process trains in one program; see `launch.pack.packs`.
      command: what starts a cell that is alone in its process.
      queue: what each process asks of a cluster's queue.

    Raises:
      InputError: what `check_pack` or `check_cells` refuses, a bad recipe, or a folder that holds
        another config; nothing was started.
    """
    check_cells(cells)
    root = Path(root).absolute()
    check_configs(cells, root)
    left = [cell for cell in cells if state_of(root / cell.name) != CellState.DONE]
    check_networks(left, root)
    chosen = lookup(LAUNCHERS, launcher, "launcher")(Request(root, workers, devices, queue))
    check_pack(pack, chosen)
    with writing(root, "sweep folder"):
        root.mkdir(parents=True, exist_ok=True)
        _write_about(cells, root, about or {}, command)

    summary = Summary()
    with SweepView(len(cells), chosen.workers * pack) as view:
        todo = []
        for cell in seeds_in_turn(cells):
            state = state_of(root / cell.name)
            if state == CellState.DONE:
                summary.done.append(cell.name)
            elif state == CellState.UNREADABLE:
                summary.unreadable.append(cell.name)
            else:
                todo.append(cell)
        view.skip_done(len(summary.done))
        for name in summary.unreadable:
            view.skipped(name, "unreadable", _left_as_it_is(root / name))
        book = _Book(summary, view, root, packs(todo, root, pack), command)
        summary.stopped_by = chosen.submit(book.jobs, book)
        ended = {*summary.done, *summary.diverged, *summary.failed, *summary.unreadable}
        begun = {*ended, *summary.running}
        summary.unfinished = [cell.name for cell in cells if cell.name not in begun]
        if not summary.stopped_by:
            book.tell_left(todo)
    return summary


def check_configs(cells: Sequence[Cell], root: Path) -> None:
    """Check that every recipe loads and that no folder holds a run of another config.

    Raises:
      InputError: names the cell and the differing fields.
    """
    for cell in cells:
        config_lib.check(config_lib.load(cell.recipe, cell.flags_in(root)))
        folder = root / cell.name
        if fault_of(folder):
            continue  # The sweep says it of this cell, and goes on with the others.
        # A pilot that has not ended, or cannot be read any more, leaves the rate open.
        open_rate = cell.pilots and chosen_rate(root, cell.pilots) is None
        ignore = (*NOT_COMPARED, "optimizer.lr") if open_rate else NOT_COMPARED
        differing = config_differences(folder, _config_in(cell, root), ignore)
        if differing:
            raise InputError(
                f"{str(folder)!r} holds a run of another config ({'; '.join(differing)}): "
                "choose another sweep folder, or give the same settings"
            )


def _config_in(cell: Cell, root: Path) -> dict[str, Any]:
    """The config.json that a run of the cell writes in the sweep's folder."""
    config = config_lib.to_dict(config_lib.load(cell.recipe, cell.flags_in(root)))
    if cell.start:
        config["init_from"] = relative(InitFrom(root / cell.start), root / cell.name)
    return config


class _Book:
    """Keeps the summary and the view while a launcher runs; of a pack, cell by cell.

    Attributes:
      jobs: for the launcher, one for each group of cells.
    """

    def __init__(
        self,
        summary: Summary,
        view: SweepView,
        root: Path,
        groups: Sequence[Sequence[Cell]],
        command: Callable[[Cell, Path], list[str]],
    ):
        """`command`: what starts a cell that is alone in its group."""
        self._summary = summary
        self._view = view
        self._root = root
        # Of each job; once it is admitted, those that it starts.
        self._cells: dict[str, tuple[Cell, ...]] = {}
        self.jobs = [self._job(group, command) for group in groups]

    def _job(self, group: Sequence[Cell], command: Callable[[Cell, Path], list[str]]) -> Job:
        alone = len(group) == 1
        folder = self._root / group[0].name if alone else pack_folder(group, self._root)
        self._cells[folder.name] = tuple(group)

        def start() -> list[str]:
            cells = self._cells[folder.name]
            return command(cells[0], folder) if alone else pack_command(cells, self._root, folder)

        def runs() -> list[Path]:
            return [self._root / cell.name for cell in self._cells[folder.name]]

        return Job(folder.name, folder, start, runs)

    def ready(self, job: Job) -> bool:
        return not any(map(self._awaited, self._cells[job.name]))

    def _awaited(self, cell: Cell) -> str:
        """The first cell that it still waits for; a pilot that diverged has said what it can."""
        done, ended = set(self._summary.done), {*self._summary.done, *self._summary.diverged}
        start = [cell.start] if cell.start and cell.start not in done else []
        return next(iter([*start, *(name for name in cell.pilots if name not in ended)]), "")

    def admit(self, job: Job) -> bool:
        self._cells[job.name] = tuple(filter(self._admits, self._cells[job.name]))
        return bool(self._cells[job.name])

    def _admits(self, cell: Cell) -> bool:
        name, workdir = cell.name, self._root / cell.name
        state = state_of(workdir)  # Again: another sweep may have taken it since.
        if state == CellState.RUNNING:
            self._summary.running.append(name)
            self._view.skipped(name, "running", "in another process, left alone")
        elif state == CellState.QUEUED:
            self._summary.running.append(name)
            why = f"in a queue ({read_ticket(workdir)}), left alone"
            self._view.skipped(name, "queued", why)
        elif state == CellState.UNREADABLE:
            self._summary.unreadable.append(name)
            self._view.skipped(name, "unreadable", _left_as_it_is(workdir))
        elif state == CellState.DIVERGED:
            self._summary.diverged.append(name)
            reason = read_status(workdir).get("message") or "diverged before"
            self._view.skipped(name, "diverged", f"{reason}, left as it is")
        elif state == CellState.DONE:
            self._summary.done.append(name)
            self._view.skipped(name, "done", "by another process")
        else:
            return self._takes_labels(cell, workdir)
        return False

    def _takes_labels(self, cell: Cell, workdir: Path) -> bool:
        """Whether the folder can be written; of one that cannot, its cell has failed."""
        try:
            write_labels(workdir, cell.labels)
        except OSError as error:
            self._summary.failed.append(cell.name)
            self._view.skipped(cell.name, "failed", f"cannot be written: {error.strerror or error}")
            return False
        return True

    def waiting(self, why: Mapping[str, str]) -> None:
        cells = Counter(why[name] for name in why for _ in self._cells[name])
        self._view.waiting({reason: count for reason, count in cells.items() if reason})

    def started(self, job: Job) -> None:
        for cell in self._cells[job.name]:
            workdir = self._root / cell.name
            self._view.started(cell.name, workdir, int(read_status(workdir).get("step", 0)))

    def ended(self, job: Job, returncode: int) -> None:
        for cell in self._cells[job.name]:
            self._ended(cell.name, self._root / cell.name, job.workdir, returncode)

    def _ended(self, name: str, workdir: Path, process: Path, returncode: int) -> None:
        """`process`: folder of the log of the process, which is the cell's where it was alone."""
        state = state_of(workdir)
        # Whatever became of this process: refused, since another one had the folder and is done.
        if state == CellState.DONE:
            self._summary.done.append(name)
            self._view.ended(name, "done", [])
        elif returncode == EXIT_DIVERGED or state == CellState.DIVERGED:
            self._summary.diverged.append(name)
            reason = read_status(workdir).get("message") or last_words(workdir)
            self._view.ended(name, "diverged", [reason])
        elif state == CellState.UNREADABLE:
            self._summary.unreadable.append(name)
            self._view.ended(name, "unreadable", [_left_as_it_is(workdir)])
        elif state == CellState.RUNNING:
            self._summary.running.append(name)
            self._view.ended(name, "running", ["in another process, left alone"])
        elif returncode in STOPPED:
            self._summary.stopped.append(name)
            self._view.ended(name, "stopped", [])
        else:
            words = last_words(workdir)
            place = workdir if words else process
            words = words or last_words(process)
            if returncode < 0:
                words, place = f"killed by {signal.Signals(-returncode).name}", process
            self._summary.failed.append(name)
            self._view.ended(name, "failed", [words, f"log: {log_path(place)}"])
            write_failure(workdir, words)

    def tick(self) -> None:
        self._view.tick()

    def tell_left(self, cells: Sequence[Cell]) -> None:
        """Say why cells that wait for another were never started."""
        for cell in cells:
            if cell.name in self._summary.unfinished and (other := self._awaited(cell)):
                state = state_of(self._root / other)
                why = "has not started" if state == CellState.NEW else f"is {state}"
                self._view.skipped(cell.name, "unfinished", f"waits for {other}, which {why}")


def _left_as_it_is(workdir: Path) -> str:
    return f"{fault_of(workdir) or 'it could not be read'}, left as it is"


def _write_about(
    cells: Sequence[Cell],
    root: Path,
    about: Mapping[str, Any],
    command: Callable[[Cell, Path], list[str]],
) -> None:
    listed = [
        {
            "name": cell.name,
            "recipe": cell.recipe,
            "flags": cell.flags_in(root),
            "labels": dict(cell.labels),
            "config": _config_in(cell, root),
        }
        for cell in cells
    ]
    write_plan(root, about, listed)
