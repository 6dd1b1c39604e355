"""Every experiment on one data set, in the order of value: `make evidence DATASET=cifar10`.

Stopped at any moment and started again, it goes on. All experiments share one folder of runs, so
that a network which several of them need is trained once; each is reported into a folder of its own
whenever a stage of it has ended.
"""

import argparse
import contextlib
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from experiments.questions import QUESTIONS
from experiments.recipes import RECIPES
from resinc import config as config_lib
from resinc import report
from resinc.errors import InputError
from resinc.exit_status import exit_status
from resinc.file_paths import show
from resinc.launch.cell import Cell
from resinc.launch.experiment import load_experiment
from resinc.launch.local import read_devices
from resinc.launch.sweep import run_sweep
from resinc.report import Report, Row, overview
from resinc.report.rows import read_row
from resinc.runs.cell import Label
from resinc.runs.status import CellState

Labels = Mapping[str, Label]


class Stage(NamedTuple):
    """Some runs of an experiment, by their labels; what they wait for is run before them."""

    experiment: str
    only: Callable[[Labels], bool] = lambda labels: True


# What decides the most in the least time first. Within a stage every network has its first seed
# before any has its second.
STAGES = {
    "digits": (
        Stage("degradation", lambda labels: not labels.get("map")),
        Stage("gradient"),
        Stage("identity"),
        Stage("inception"),
        Stage("nin"),
        Stage("auxiliary"),
        Stage("degradation"),  # At every depth and rate: most of the time.
    ),
    "cifar10": (
        Stage("gradient", lambda labels: "start" in labels),  # One step each; all seeds of it.
        Stage("gradient", lambda labels: "early" in labels),
        Stage("degradation", lambda labels: labels["depth"] in (20, 56)),
        Stage("gradient"),
        Stage("identity", lambda labels: "grown" in labels),
        Stage("inception", lambda labels: labels["depth"] == 11),
        Stage("degradation"),
        Stage("auxiliary"),
        Stage("nin"),
        Stage("bottleneck", lambda labels: labels["depth"] == 56),
        Stage("inception"),
        Stage("identity"),
        Stage("bottleneck"),  # Modules that reduce nothing cost 3.8 times a residual network of 20.
    ),
}


def narrowed(stage: Stage, where: str) -> Stage:
    """Its runs that have a label; `where` is LABEL or LABEL=VALUE."""
    label, equals, value = where.partition("=")

    def only(labels: Labels) -> bool:
        fits = label in labels and (not equals or str(labels[label]) == value)
        return fits and stage.only(labels)

    return Stage(stage.experiment, only)


class Folders(NamedTuple):
    """Where runs and results lie.

    Attributes:
      runs: folder of everything.
      suffix: of names: the data set, and the steps where they are not the recipe's.
    """

    runs: Path
    suffix: str

    @property
    def root(self) -> Path:
        """Of all runs, whichever experiment asks for them."""
        return self.runs / f"evidence-{self.suffix}"

    def result(self, experiment: str) -> Path:
        """Of the report of an experiment."""
        return self.runs / "results" / f"{experiment}-{self.suffix}"


class Plan(NamedTuple):
    """One experiment on the data set.

    Attributes:
      name: of the experiment.
      cells: all that it asks for.
      report: of its rows.
      command: that runs it alone, in the same folder.
    """

    name: str
    cells: Sequence[Cell]
    report: Callable[[Sequence[Row]], Report]
    command: str


def plan_of(name: str, root: Path, settings: Mapping[str, Any]) -> Plan:
    """Load an experiment and ask it for its cells.

    Raises:
      InputError: settings that it refuses.
    """
    experiment = load_experiment(name)
    words = ["resinc", "sweep", f"experiments/{name}.py"]
    for setting, value in settings.items():
        words += ["--set", f"{setting}={value}"]
    # Wherever the runs lie on this machine.
    command = shlex.join([*words, "--root", f"runs/{root.name}"])
    return Plan(name, list(experiment.sweep(**settings)), experiment.report, command)


def with_what_they_wait_for(chosen: Iterable[Cell], cells: Sequence[Cell]) -> list[Cell]:
    """These of the cells, their pilots and what they start from, in the order of `cells`."""
    by_name = {cell.name: cell for cell in cells}

    def names(cell: Cell) -> Iterator[str]:
        yield cell.name
        for other in (*cell.pilots, *([cell.start] if cell.start else [])):
            yield from names(by_name[other])

    needed = {name for cell in chosen for name in names(cell)}
    return [cell for cell in cells if cell.name in needed]


def cells_of(stages: Iterable[Stage], plans: Mapping[str, Plan]) -> list[Cell]:
    """What stages run, each cell once, in their order."""
    found: dict[str, Cell] = {}
    for name, only in stages:
        cells = plans[name].cells
        for cell in with_what_they_wait_for([c for c in cells if only(c.labels)], cells):
            found.setdefault(cell.name, cell)
    return list(found.values())


def rows_of(cells: Sequence[Cell], root: Path) -> list[Row]:
    """The runs of these cells, begun or not, whatever else lies in the folder."""
    return [
        read_row(
            root / cell.name,
            {
                "labels": dict(cell.labels),
                "config": config_lib.to_dict(config_lib.load(cell.recipe, cell.flags)),
            },
        )
        for cell in cells
    ]


def write_report(plan: Plan, folders: Folders) -> None:
    """As far as the runs are; nothing where none has begun."""
    rows, out = rows_of(plan.cells, folders.root), folders.result(plan.name)
    if all(row.state == CellState.NEW for row in rows):
        return
    result = plan.report(rows)
    report.write(result, rows, out, {"command": plan.command})
    overview.write(out.parent, out.parent / "index.html", QUESTIONS)
    print(f"{result.answer}\nlook at {show(out / 'index.html')}", flush=True)


@contextlib.contextmanager
def limit(seconds: float | None) -> Iterator[threading.Event]:
    """Have a sweep save and end in time: two signals, as from a scheduler, the second for good.

    Args:
      seconds: of which a part is left for saving and reporting; None: no limit.

    Yields:
      What is set once time is up.
    """
    over = threading.Event()
    if seconds is None:
        yield over
        return

    def end() -> None:
        over.set()
        os.kill(os.getpid(), signal.SIGTERM)

    def between_sweeps(number: int, frame: object) -> None:
        if not over.is_set():
            raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, between_sweeps)
    # Five runs of 56 layers on a GPU were saved and reported in 12 s.
    marks = seconds - min(30, seconds / 4), seconds - min(10, seconds / 20)
    timers = [threading.Timer(max(0, mark), end) for mark in marks]
    try:
        for timer in timers:
            timer.daemon = True
            timer.start()
        yield over
    finally:
        for timer in timers:
            timer.cancel()
        signal.signal(signal.SIGTERM, before)


def run_stages(
    stages: Sequence[Stage],
    plans: Mapping[str, Plan],
    folders: Folders,
    args: argparse.Namespace,
    over: threading.Event,
) -> int:
    """Run and report one after the other; the exit status, as of `main`.

    Args:
      stages: in their order.
      plans: by the names of their experiments.
      folders: of runs and reports.
      args: `merge`, `workers`, `devices`, `pack` and `steps_per_call`, as they were typed.
      over: set once no further stage may begin.
    """
    failed = False
    for first in range(0, len(stages), args.merge):
        if over.is_set():
            break
        merged = stages[first : first + args.merge]
        chosen = cells_of(merged, plans)
        if not chosen:
            continue
        if args.steps_per_call:  # Which changes no number, and no folder.
            more = {"steps_per_call": args.steps_per_call}
            chosen = [replace(cell, shared={**cell.shared, **more}) for cell in chosen]
        experiments = list(dict.fromkeys(stage.experiment for stage in merged))
        about = {"command": plans[experiments[0]].command, "experiment": experiments[0]}
        summary = run_sweep(
            chosen, folders.root, args.workers, args.devices, about=about, pack=args.pack
        )
        for name in experiments:
            write_report(plans[name], folders)
        if summary.stopped_by and not over.is_set():
            return summary.exit_code
        failed |= bool(summary.failed or summary.unreadable)
        if failed and not summary.done:
            return 1  # As where the data set is not there: no later stage would go better.
    if over.is_set():
        print("time is up: the same command goes on", flush=True)
    return int(failed)


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0, 1 where runs failed, 128 + the number of a signal that stopped it."""
    parser = argparse.ArgumentParser(prog="python -m experiments.evidence", description=__doc__)
    parser.add_argument("--dataset", choices=RECIPES, default="digits")
    parser.add_argument("--seeds", type=int, help="fewer than 5 decide nothing")
    parser.add_argument("--steps", type=int, help="updates of a run (default: the recipe's)")
    parser.add_argument("--workers", type=int, default=0, help="runs at a time")
    parser.add_argument("--devices", help="of CUDA, as of `resinc sweep`: 0,0,1 for three runs")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of everything")
    parser.add_argument("--report", action="store_true", help="train nothing, report what is there")
    parser.add_argument("--only", default="", metavar="NAME", help="one of the experiments")
    parser.add_argument(
        "--where", default="", metavar="LABEL[=VALUE]", help="of runs: early, depth=56, kind=plain"
    )
    parser.add_argument("--pack", type=int, default=1, help="runs in one program, see docs/runs.md")
    parser.add_argument(
        "--merge",
        type=int,
        default=1,
        metavar="N",
        help="stages at a time: of many workers none waits for the last run of each",
    )
    parser.add_argument("--steps-per-call", type=int, help="of the compiled program")
    parser.add_argument("--limit-seconds", type=float, help="after which all is saved and it ends")
    args = parser.parse_args(argv)
    if args.merge < 1:
        raise InputError(f"merge {args.merge}: at least 1 stage runs at a time")
    args.devices = read_devices(args.devices) if args.devices is not None else None

    steps = f"-{args.steps}-steps" if args.steps else ""
    folders = Folders(args.runs, f"{args.dataset}{steps}")
    given = {"dataset": args.dataset, "seeds": args.seeds, "steps": args.steps}
    settings = {name: value for name, value in given.items() if value}
    stages = [stage for stage in STAGES[args.dataset] if args.only in ("", stage.experiment)]
    if not stages:
        named = ", ".join(dict.fromkeys(stage.experiment for stage in STAGES[args.dataset]))
        raise InputError(f"no experiment {args.only!r} on {args.dataset}: there are {named}")
    plans = {name: plan_of(name, folders.root, settings) for name, _ in stages}
    if args.where:
        stages = [narrowed(stage, args.where) for stage in stages]
        if not cells_of(stages, plans):
            raise InputError(f"no run on {args.dataset} has the label {args.where!r}")
    if args.report:
        for name in plans:
            write_report(plans[name], folders)
        return 0
    with limit(args.limit_seconds) as over:
        return run_stages(stages, plans, folders, args, over)


if __name__ == "__main__":
    sys.exit(exit_status("evidence", main))
