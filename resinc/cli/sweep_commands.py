"""What the commands about many runs do; each returns the exit status.

Heavy imports wait until a command needs them.
"""

import argparse
import dataclasses
import os
import shlex
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from resinc.cli.jax_start import check_platform_apart
from resinc.errors import InputError
from resinc.file_paths import show, writing
from resinc.xla import check_variables

if TYPE_CHECKING:
    from resinc.launch.plan import Plan
    from resinc.launch.queue.request import Queue

RESULTS = Path("runs/results")  # Ignored by git, as all that users make.


def run_sweep(args: argparse.Namespace, overrides: list[str]) -> int:
    check_variables(os.environ)
    if os.environ.get("JAX_PLATFORMS", "cpu") != "cpu":
        check_platform_apart()
    plan = _plan(args, overrides).noted(args.tag, args.note)
    if args.dry_run:
        return _dry_run(plan, args)
    from resinc.launch import sweep

    options = args.workers, args.devices, args.launcher, plan.about, args.pack
    return sweep.run_sweep(plan.cells, args.root, *options, queue=_queue(args)).exit_code


def _queue(args: argparse.Namespace) -> "Queue":
    from resinc.launch.gke.pods import Pods
    from resinc.launch.queue.request import Queue

    pods = Pods(
        args.image,
        args.volume,
        str(args.mount or ""),
        args.namespace,
        args.accelerator,
        args.topology,
        args.chips,
        args.memory,
        args.spot,
        args.service_account,
        args.kueue,
        tuple(args.node_label),
        str(args.manifests or ""),
    )
    options = args.nodes, args.gpus, args.cpus, tuple(args.sbatch), pods
    return Queue(args.time, args.partition, *options)


def _plan(args: argparse.Namespace, overrides: list[str]) -> "Plan":
    """Of the experiment or axes that were typed; else of those that the folder holds."""
    from resinc.launch import plan
    from resinc.launch.ablation import Ablation

    command = shlex.join(["resinc", *sys.argv[1:]])
    axes = Ablation(
        args.config,
        tuple(args.axis),
        tuple(overrides),
        args.combine,
        args.seeds,
        args.samples,
        args.sample_seed,
    )
    of_axes = axes != Ablation("")
    if args.experiment and of_axes:
        raise InputError(
            f"{show(args.experiment)} is an experiment file: --config, --axis and what goes "
            "with them stand in its place"
        )
    if args.set and not args.experiment:
        raise InputError(f"--set={args.set[0]} is a setting of an experiment: name its file")
    if of_axes and not args.config:
        raise InputError("axes, seeds and fields are of a recipe: give --config=configs/...")
    if args.experiment:
        typed = plan.of_experiment(str(args.experiment), args.set, command)
    elif of_axes:
        typed = plan.of_axes(axes, command)
    else:
        return plan.stored(args.root)
    return typed._replace(about=plan.noted_before(args.root) | typed.about)


def _dry_run(plan: "Plan", args: argparse.Namespace) -> int:
    from rich.table import Table

    from resinc.data.image_files.records import MissingSet
    from resinc.launch import LAUNCHERS, estimate
    from resinc.launch.cell import check_cells
    from resinc.launch.count import multiply_adds
    from resinc.launch.launcher import Request
    from resinc.launch.pack import check_pack
    from resinc.launch.sweep import check_configs
    from resinc.output import console, print_table
    from resinc.registry import lookup

    def make_launcher(root: Path):
        make = lookup(LAUNCHERS, args.launcher, "launcher")
        return make(Request(root.absolute(), args.workers, args.devices, _queue(args)))

    check_cells(plan.cells)
    check_configs(plan.cells, args.root.absolute())
    missing = ""
    try:
        counted = multiply_adds(plan.cells, args.root.absolute())
    except MissingSet as error:  # It may lie where the runs will be.
        counted = {cell.name: 0 for cell in plan.cells if cell.task == "train"}
        missing = str(error)
    work = estimate.read_work(plan.cells, args.root.absolute(), counted)
    launcher = make_launcher(args.root)
    check_pack(args.pack, launcher)
    rate = estimate.rate_of_finished(work)
    if missing:
        rate = estimate.Rate(0.0, f"the images are not here ({missing})")
    elif rate is None and launcher.here:
        rate = estimate.calibrate(work, make_launcher)
    elif rate is None:
        rate = estimate.Rate(0.0, "no cell is done yet, and none is tried in a queue")
    table = Table("cell", "state", "steps", "multiply-adds", "left", box=None, pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    for cells in estimate.lines(work, rate):
        table.add_row(*cells)
    screen = console()
    print_table(screen, table)
    for line in estimate.summary(work, rate, launcher.workers):
        screen.print(line)
    return 0


def run_status(args: argparse.Namespace, rest: list[str]) -> int:
    from resinc.launch import status, status_page
    from resinc.runs.status import CellState

    def write(seen: status.Look) -> None:
        if args.html:
            status_page.write(seen, args.html)

    _, runs = status.follow(args.root, args.once, write)
    if args.csv:
        from resinc.report.rows import read_sweep
        from resinc.report.table import runs_csv

        sweep = read_sweep(args.root)
        with writing(args.csv):
            args.csv.parent.mkdir(parents=True, exist_ok=True)
            args.csv.write_text(runs_csv(sweep.rows, sweep.about), encoding="utf-8")
    return int(any(run.state == CellState.UNREADABLE for run in runs))


def run_report(args: argparse.Namespace, rest: list[str]) -> int:
    from resinc import report
    from resinc.launch.experiment import load_experiment
    from resinc.report import ablation
    from resinc.report.arms import a_few
    from resinc.report.rows import read_sweep
    from resinc.runs.status import CellState

    sweep = read_sweep(args.root)
    choice = ablation.Choice(args.x, args.colour, args.metric)
    drawn = choice != ablation.Choice()
    if drawn and args.experiment:
        raise InputError(
            f"{show(args.experiment)} has a report of its own: leave it out to draw "
            f"{' and '.join(filter(None, choice))}"
        )
    experiment = args.experiment or ("" if drawn else str(sweep.about.get("experiment", "")))
    if experiment:
        result = load_experiment(experiment).report(sweep.rows)
    else:
        result = ablation.report(sweep.rows, choice, args.root.absolute().name)
    notes = [*result.notes]
    unreadable = [row for row in sweep.rows if row.state == CellState.UNREADABLE]
    if unreadable:
        named = "; ".join(f"{row.name} ({row.message})" for row in unreadable)
        note = f"Cannot be read, and counted as unfinished: {named}."
        print(f"resinc: c{note[1:-1]}", file=sys.stderr)
        notes.append(note)
    if sweep.left_over:
        named = a_few(sweep.left_over)
        notes.append(
            f"Left out, because the present plan of the sweep does not have them: {named}."
        )
    result = dataclasses.replace(result, notes=notes)
    out = args.out or RESULTS / args.root.absolute().name
    report.write(result, sweep.rows, out, sweep.about)
    page = show(out / "index.html")
    print(f"{result.answer}\nlook at {page} (figure.png, table.md, runs.csv beside it)")
    return 0


def run_overview(args: argparse.Namespace, rest: list[str]) -> int:
    from resinc.launch.experiment import load_questions
    from resinc.report import overview

    out = args.out or args.results / "index.html"
    print(f"look at {show(overview.write(args.results, out, load_questions(), args.readme))}")
    _tell_readme(args.readme)
    return 0


def _tell_readme(readme: Path | None) -> None:
    if readme:
        print(f"the matrix is written into {show(readme)}")


def run_publish(args: argparse.Namespace, rest: list[str]) -> int:
    from resinc.launch.experiment import load_questions
    from resinc.report.publish import publish

    for path in publish(args.results, args.to, load_questions(), args.readme):
        print(f"published {show(path)}")
    _tell_readme(args.readme)
    return 0


def run_archive(args: argparse.Namespace, rest: list[str]) -> int:
    from resinc.runs.fault import fault_of
    from resinc.runs.record import Kept, write_record
    from resinc.runs.status import FOR_GOOD, CellState, state_of
    from resinc.runs.sweep import read_folder

    folder = read_folder(args.root)
    names = [*folder.names, *folder.left_over]  # Of several sweeps that share it, too.
    count: Counter[Kept | None] = Counter()  # None: of runs that have not ended.
    left_out = []
    for name in names:
        state = state_of(args.root / name)
        if state == CellState.UNREADABLE:
            left_out.append(f"{name} cannot be read: {fault_of(args.root / name)}")
        elif state not in FOR_GOOD:
            count[None] += 1
        else:
            kept = write_record(args.root / name, args.to)
            count[kept] += 1
            if kept == Kept.OTHER:
                why = f"is the name of another run in {show(args.to)}, which stays"
                left_out.append(f"{name} {why}")
    there, unfinished = count[Kept.THERE], count[None]
    known = f", {_were(there)} there before" if there else ""
    left = f"; {unfinished} {'has' if unfinished == 1 else 'have'} not ended" if unfinished else ""
    print(f"archived {count[Kept.WRITTEN]} of {len(names)} runs in {show(args.to)}{known}{left}")
    for why in left_out:
        print(f"resinc: {why}", file=sys.stderr)
    return int(bool(left_out))


def run_restore(args: argparse.Namespace, rest: list[str]) -> int:
    from resinc.runs.record import SUFFIX, restore

    records = sorted(args.records.glob(f"*{SUFFIX}"))
    if not records:
        raise InputError(f"nothing to restore in {show(args.records)}: no *{SUFFIX} lies in it")
    put_back = sum(restore(record, args.root) for record in records)
    there = len(records) - put_back
    known = f"; {_were(there)} there before, and left alone" if there else ""
    print(f"restored {put_back} of {len(records)} runs in {show(args.root)}{known}")
    return 0


def _were(count: int) -> str:
    return f"{count} {'was' if count == 1 else 'were'}"
