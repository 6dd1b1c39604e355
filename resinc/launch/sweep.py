"""Run every cell of a sweep that is not finished; what is finished is checked and left alone."""

import functools
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resinc import config as config_lib
from resinc.errors import InputError
from resinc.launch import LAUNCHERS
from resinc.launch.cell import Cell, check_cells, seeds_in_turn
from resinc.launch.count import check_networks
from resinc.launch.launcher import Job, Request
from resinc.launch.view import SweepView
from resinc.registry import lookup
from resinc.runs.cell import write_labels
from resinc.runs.config import config_differences
from resinc.runs.log import last_words, log_path
from resinc.runs.source import Source, relative
from resinc.runs.status import CellState, read_status, state_of, write_failure
from resinc.runs.sweep import write_plan

_ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOPPED = (*(128 + number for number in _ASKED), *(-number for number in _ASKED))


@dataclass
class Summary:
    """Names of cells by how the sweep left them."""

    done: list[str] = field(default_factory=list)  # Including those that were done before.
    diverged: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)  # In processes of somebody else.
    unfinished: list[str] = field(default_factory=list)  # Stopped, or never started.
    stopped_by: signal.Signals | None = None

    @property
    def exit_code(self) -> int:
        """0 unless a cell failed (1) or a signal stopped the sweep (128 + its number)."""
        return 128 + self.stopped_by if self.stopped_by else int(bool(self.failed))


def run_sweep(
    cells: Sequence[Cell],
    root: str | Path,
    workers: int = 0,
    devices: Sequence[str] | None = None,
    launcher: str = "local",
    about: Mapping[str, Any] | None = None,
    command: Callable[[Cell, Path], list[str]] = Cell.command,
) -> Summary:
    """Run every cell in `root/<name>`: resume the unfinished, retry the failed, skip the rest.

    Args:
      cells: the longest first; they start in this order, but see `seeds_in_turn`.
      root: folder of the sweep; created if need be.
      workers: processes at a time; 0: one per device, or without devices one per CPU core.
      devices: CUDA device ids, one process each; None: those that are visible, if JAX can use them.
      launcher: a key of LAUNCHERS.
      about: written to sweep.json for the report, e.g. {"command": ..., "experiment": ...}.
      command: what starts a cell.

    Raises:
      InputError: cells that `check_cells` refuses, a bad recipe, or a folder that holds another
        config; nothing was started.
    """
    check_cells(cells)
    root = Path(root).absolute()
    check_configs(cells, root)
    left = [cell for cell in cells if state_of(root / cell.name) != CellState.DONE]
    check_networks(left, root)
    runs_them = lookup(LAUNCHERS, launcher, "launcher")(Request(root, workers, devices))
    try:
        root.mkdir(parents=True, exist_ok=True)
        _write_about(cells, root, about or {}, command)
    except OSError as error:
        raise InputError(f"sweep folder {str(root)!r} cannot be written: {error}") from None

    summary = Summary()
    todo = []
    with SweepView(len(cells), runs_them.workers) as view:
        for cell in seeds_in_turn(cells):
            state = state_of(root / cell.name)
            if state == CellState.DONE:
                summary.done.append(cell.name)
            else:
                workdir = root / cell.name
                todo.append(Job(cell.name, workdir, functools.partial(command, cell, workdir)))
        view.skip_done(len(summary.done))
        book = _Book(summary, view, {cell.name: cell for cell in cells})
        summary.stopped_by = runs_them.submit(todo, book)
        begun = {*summary.done, *summary.diverged, *summary.failed, *summary.running}
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
        differing = config_differences(folder, _config_in(cell, root))
        if differing:
            raise InputError(
                f"{str(folder)!r} holds a run of another config ({'; '.join(differing)}): "
                "choose another sweep folder, or give the same settings"
            )


def _config_in(cell: Cell, root: Path) -> dict[str, Any]:
    """The config.json that a run of the cell writes in the sweep's folder."""
    config = config_lib.to_dict(config_lib.load(cell.recipe, cell.flags_in(root)))
    if cell.start:
        config["init_from"] = relative(Source(root / cell.start), root / cell.name)
    return config


class _Book:
    """Keeps the summary and the view while a launcher runs."""

    def __init__(self, summary: Summary, view: SweepView, cells: Mapping[str, Cell]):
        self._summary = summary
        self._view = view
        self._cells = cells

    def ready(self, job: Job) -> bool:
        return not self._awaited(job)

    def _awaited(self, job: Job) -> str:
        """The first cell that it still waits for; a pilot that diverged has said what it can."""
        cell = self._cells[job.name]
        done, ended = set(self._summary.done), {*self._summary.done, *self._summary.diverged}
        start = [cell.start] if cell.start and cell.start not in done else []
        return next(iter([*start, *(name for name in cell.pilots if name not in ended)]), "")

    def admit(self, job: Job) -> bool:
        state = state_of(job.workdir)  # Again: another sweep may have taken it since.
        if state == CellState.RUNNING:
            self._summary.running.append(job.name)
            self._view.skipped(job.name, "running", "in another process, left alone")
        elif state == CellState.DIVERGED:
            self._summary.diverged.append(job.name)
            said = read_status(job.workdir).get("message") or "diverged before"
            self._view.skipped(job.name, "diverged", f"{said}, left as it is")
        elif state == CellState.DONE:
            self._summary.done.append(job.name)
            self._view.skipped(job.name, "done", "by another process")
        else:
            write_labels(job.workdir, self._cells[job.name].labels)
            return True
        return False

    def started(self, job: Job) -> None:
        self._view.started(job.name, job.workdir, int(read_status(job.workdir).get("step", 0)))

    def ended(self, job: Job, returncode: int) -> None:
        state = state_of(job.workdir)
        # Whatever became of this process: refused, since another one had the folder and is done.
        if state == CellState.DONE:
            self._summary.done.append(job.name)
            self._view.ended(job.name, "done", [])
        elif returncode == 3 or state == CellState.DIVERGED:
            self._summary.diverged.append(job.name)
            said = read_status(job.workdir).get("message") or last_words(job.workdir)
            self._view.ended(job.name, "diverged", [said])
        elif state == CellState.RUNNING:
            self._summary.running.append(job.name)
            self._view.ended(job.name, "running", ["in another process, left alone"])
        elif returncode in STOPPED:
            self._view.ended(job.name, "stopped", [])
        else:
            words = last_words(job.workdir)
            if returncode < 0:
                words = f"killed by {signal.Signals(-returncode).name}"
            self._summary.failed.append(job.name)
            self._view.ended(job.name, "failed", [words, f"log: {log_path(job.workdir)}"])
            write_failure(job.workdir, words)

    def tick(self) -> None:
        self._view.tick()

    def tell_left(self, jobs: Sequence[Job]) -> None:
        """Say why jobs that wait for another were never started."""
        for job in jobs:
            if job.name in self._summary.unfinished and (other := self._awaited(job)):
                state = state_of(job.workdir.with_name(other))
                why = "has not started" if state == CellState.NEW else f"is {state}"
                self._view.skipped(job.name, "unfinished", f"waits for {other}, which {why}")


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
