"""The `resinc` command: parses and calls; nothing else.

Heavy imports wait until a subcommand needs them, so that `--help` answers at once.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from resinc.errors import InputError

EXIT_INPUT = 2
EXIT_DIVERGED = 3

CONFIG_HELP = """\
A config is a recipe file, its arguments after a colon, and any field changed by its dotted name:
  --config=configs/cifar.py:depth=56,block=residual --config.optimizer.lr=0.05
configs/base.py lists every field with its unit and reason."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit status.

    0 done, 2 a mistake in the input (one sentence on stderr), 3 diverged, 128 + n stopped by
    signal n after saving.
    """
    parser = make_parser()
    args, rest = parser.parse_known_args(argv)
    if rest and not args.takes_config:
        parser.error(f"unknown argument {rest[0]!r}")
    try:
        return args.run(args, rest)
    except InputError as error:
        print(f"resinc: {error}", file=sys.stderr)
        return EXIT_INPUT


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="resinc",
        description="Why residual and inception networks work, answered by experiment.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run, text: str, takes_config: bool = False) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name,
            help=text,
            description=text,
            epilog=CONFIG_HELP if takes_config else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.set_defaults(run=run, takes_config=takes_config)
        if takes_config:
            command.add_argument(
                "--config", required=True, metavar="FILE[:ARGS]", help="recipe, see below"
            )
        return command

    command = add("train", run_train, "Train one network; resumes what the workdir holds.", True)
    command.add_argument("--workdir", required=True, type=Path, help="folder of the run")

    command = add("eval", run_eval, "Evaluate a checkpoint, every example counted once.")
    command.add_argument("--workdir", required=True, type=Path, help="folder of the run")
    command.add_argument(
        "--step", default="latest", help="latest (default), best (on validation) or a number"
    )
    command.add_argument(
        "--split",
        action="append",
        choices=["train", "validation", "test"],
        help="may be given several times (default: validation and test)",
    )

    command = add("sweep", run_sweep, "Train all cells of an experiment; skips what is finished.")
    command.add_argument("experiment", type=Path, help="its file, e.g. experiments/depth.py")
    add_settings(command)
    command.add_argument("--root", required=True, type=Path, help="folder of all its runs")
    command.add_argument("--launcher", default="local", help="a key of resinc.launch.LAUNCHERS")
    command.add_argument(
        "--workers", type=int, default=0, help="runs at a time (default: one per device or core)"
    )
    command.add_argument(
        "--devices", default="", help="GPU numbers to share out among workers, e.g. 0,1,2,3"
    )

    command = add("report", run_report, "Draw the figure, table and page of an experiment's runs.")
    command.add_argument("experiment", type=Path, help="its file, e.g. experiments/depth.py")
    command.add_argument("--root", required=True, type=Path, help="folder of all its runs")
    command.add_argument("--out", required=True, type=Path, help="folder for the result")

    command = add("data", None, "List the data sets, or prepare one.")
    actions = command.add_subparsers(required=True, metavar="ACTION")
    action = actions.add_parser("list", help="what is there, what is missing, and where")
    action.add_argument("--dir", help=DIR_HELP)
    action.set_defaults(run=run_data_list)
    action = actions.add_parser("prepare", help="download and prepare a set")
    action.add_argument("name", help="see `resinc data list`")
    action.add_argument("--dir", help=DIR_HELP)
    action.add_argument(
        "--archive",
        type=Path,
        help="what was downloaded elsewhere: the archive, or the folder of the MNIST files",
    )
    action.set_defaults(run=run_data_prepare)

    command = add("summary", run_summary, "Layers, shapes, parameters, multiply-adds.", True)
    command.add_argument("--by", choices=["layer", "block", "stage"], default="layer")
    command.add_argument("--csv", action="store_true", help="comma-separated values")
    return parser


DIR_HELP = "TFDS directory (default: TFDS_DATA_DIR, else ~/tensorflow_datasets)"


def add_settings(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument of the experiment's sweep(), e.g. --set depths=20,56",
    )


def run_train(args: argparse.Namespace, overrides: list[str]) -> int:
    from resinc.config import load

    config = load(args.config, overrides)
    prepare_jax(config.parallel.deterministic)
    from resinc.train.loop import train

    outcome = train(config, args.workdir)
    if outcome.state == "interrupted":
        print(f"{outcome.message}; the same command goes on from there", file=sys.stderr)
        return 128 + outcome.signal_number
    if outcome.state == "diverged":
        print(f"resinc: diverged: {outcome.message}", file=sys.stderr)
        return EXIT_DIVERGED
    print(f"done at step {outcome.step}: {args.workdir}")
    return 0


def run_eval(args: argparse.Namespace, rest: list[str]) -> int:
    prepare_jax(deterministic=True)
    from resinc.train.evaluate import evaluate_folder

    step, results = evaluate_folder(
        args.workdir, args.step, tuple(args.split or ["validation", "test"])
    )
    for split, result in results.items():
        print(
            f"step {step}  {split}: error {100 * result.error:.2f} %  loss {result.loss:.4f}  "
            f"({result.seen} examples)"
        )
    return 0


def prepare_jax(deterministic: bool) -> None:
    """Settings that must stand before JAX is imported."""
    import logging

    flags = os.environ.get("XLA_FLAGS", "")
    if deterministic and "xla_gpu_deterministic_ops" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true".strip()
    logging.getLogger("absl").setLevel(logging.WARNING)  # Orbax tells of every file it renames.


def run_sweep(args: argparse.Namespace, rest: list[str]) -> int:
    from resinc.launch import sweep

    experiment = sweep.load_experiment(args.experiment)
    cells = list(experiment.sweep(**sweep.settings(experiment.sweep, args.set)))
    devices = tuple(args.devices.split(",")) if args.devices else None
    about = {"command": " ".join(["resinc", *sys.argv[1:]]), "experiment": str(args.experiment)}
    summary = sweep.run_sweep(cells, args.root, args.workers, devices, args.launcher, about)
    return summary.exit_code


def run_report(args: argparse.Namespace, rest: list[str]) -> int:
    from resinc import report
    from resinc.launch.sweep import load_experiment
    from resinc.report.rows import read_sweep

    sweep = read_sweep(args.root)
    result = load_experiment(args.experiment).report(sweep.rows)
    report.write(result, sweep.rows, args.out, sweep.about)
    print(f"{result.answer}\nlook at {args.out / 'index.html'} (figure.png, table.md beside it)")
    return 0


def run_data_list(args: argparse.Namespace, rest: list[str]) -> int:
    from rich.console import Console
    from rich.table import Table

    from resinc.data.inventory import inventory
    from resinc.data.source import data_directory

    table = Table("name", "image", "classes", "train / validation / test", "state", box=None)
    rows = inventory(args.dir)
    for row in rows:
        sizes = f"{row.train:,} / {row.validation:,} / {row.test:,}"
        table.add_row(row.name, row.shape, str(row.classes), sizes, row.state)
    console = Console(highlight=False)
    console.print(f"TFDS directory: {data_directory(args.dir)}", soft_wrap=True)
    console.print(table)
    for row in rows:
        if row.reason:
            console.print(f"{row.name} is damaged: {row.reason}", soft_wrap=True)
    if any(row.state == "missing" for row in rows):
        console.print("`resinc data prepare NAME` fetches a missing one", soft_wrap=True)
    return 0


def run_data_prepare(args: argparse.Namespace, rest: list[str]) -> int:
    from resinc.data.prepare import prepare

    prepare(args.name, args.dir, args.archive)
    return 0


def run_summary(args: argparse.Namespace, overrides: list[str]) -> int:
    from resinc.config import load

    config = load(args.config, overrides)
    prepare_jax(deterministic=True)
    from resinc.data import DATASETS
    from resinc.diagnostics.cost import network_cost
    from resinc.diagnostics.summary import print_summary
    from resinc.networks import build
    from resinc.registry import lookup

    spec = lookup(DATASETS, config.data.name, "dataset")
    network = build(config.model, spec.num_classes)
    print_summary(network_cost(network, spec.image_shape), by=args.by, csv=args.csv)
    return 0
