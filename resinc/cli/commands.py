"""What each subcommand of `resinc` does that is about one run, a data set or a network.

Heavy imports wait until a subcommand needs them.
"""

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from resinc.cli.jax_start import prepare_jax
from resinc.errors import InputError
from resinc.exit_status import EXIT_INPUT
from resinc.file_paths import show
from resinc.runs.status import EXIT_DIVERGED
from resinc.xla import add_flag

if TYPE_CHECKING:
    from ml_collections import ConfigDict

    from resinc.train.recording.outcome import Outcome


def run_train(args: argparse.Namespace, overrides: list[str]) -> int:
    config = load_training(args.config, overrides)
    if args.profile is not None and args.profile < 1:
        raise InputError(f"--profile={args.profile} records no step: give a positive number")
    from resinc.train.distributed.cluster import Members, join

    members = Members(args.coordinator, args.process_id, args.num_processes)
    prepare_jax(config.parallel.deterministic, lambda: join(members, args.heartbeat))
    from resinc.train.distributed import processes
    from resinc.train.loop import train

    with processes.ending_together(args.heartbeat):
        processes.introduce()
        outcome = train(config, args.workdir, args.profile or 0)
    message, status = ending(outcome, args.workdir, "the same command goes on from there")
    if processes.is_first():
        print(message, file=sys.stderr if status else sys.stdout)
    return status


def ending(outcome: "Outcome", folder: Path, again: str) -> tuple[str, int]:
    """How a run ended in words, and its exit status; `again`: of one that was interrupted."""
    if outcome.state == "interrupted":
        return f"{outcome.message}; {again}", 128 + outcome.signal_number
    if outcome.state == "diverged":
        return f"resinc: diverged: {outcome.message}", EXIT_DIVERGED
    return f"done at step {outcome.step}: {show(folder)}", 0


def run_pack(args: argparse.Namespace, rest: list[str]) -> int:
    from resinc.runs.log import append_log
    from resinc.runs.pack import read_pack

    runs = read_pack(args.file)
    configs = [load_training(run.recipe, list(run.flags)) for run in runs]
    prepare_jax(configs[0].parallel.deterministic)
    from resinc.train.loop import train_members

    status = 0
    for run, end in zip(runs, train_members(configs, [r.folder for r in runs]), strict=True):
        if isinstance(end, InputError):
            message, code = f"resinc: {end}", EXIT_INPUT
        else:
            message, code = ending(end, run.folder, "goes on from there")
        # What stopped all of them counts before what became of one, and a refusal before a result.
        status = max(status, code, key=lambda code: (code >= 128, code == EXIT_INPUT, code))
        print(f"{run.folder.name}  {message}")
        with contextlib.suppress(OSError), append_log(run.folder) as log:
            print(message, file=log)
    return status


def run_measure(args: argparse.Namespace, overrides: list[str]) -> int:
    from resinc.config import load

    config = load(args.config, overrides)
    if "layers" not in config:
        raise InputError(f"config {args.config!r} has no layers to measure: see configs/chain.py")
    prepare_jax(deterministic=False)  # The fastest kernels are what is measured.
    from resinc.cost.chain_summary import print_summary
    from resinc.train.chain import run_chain

    print_summary(run_chain(config, args.workdir), config.batch_size)
    print(f"done: {show(args.workdir)}")
    return 0


def run_eval(args: argparse.Namespace, rest: list[str]) -> int:
    prepare_jax(deterministic=True)
    from resinc.train.trained.evaluate import evaluate_folder

    if args.per_class and args.crops > 1:
        raise InputError("--per-class answers to the centre crop alone: leave --crops out")
    step, results = evaluate_folder(
        args.workdir, args.step, tuple(args.split or ()), args.average, args.crops
    )
    for split, result in results.items():
        print(f"step {step}  {split}: {result}  loss {result.loss:.4f}  ({result.seen} examples)")
    if args.per_class:
        from resinc.report.calibration import print_calibration
        from resinc.train.trained.answers import answers
        from resinc.train.trained.load import load_trained

        trained = load_trained(args.workdir, str(step), args.average)
        for split in results:
            print(f"\n{split}")
            print_calibration(*answers(trained, split))
    return 0


def run_import(args: argparse.Namespace, overrides: list[str]) -> int:
    config = load_training(args.config, overrides)
    prepare_jax(deterministic=True)
    from resinc.config import overridden
    from resinc.train.trained.transfer import import_weights

    normalized = bool(overridden(overrides) & {"data.normalize", "data.mean", "data.std"})
    moved = import_weights(
        args.file, config, args.layout, args.workdir, args.new_head, normalized, args.key
    )
    print(
        f"imported {moved.arrays} arrays ({moved.parameters:,} parameters) in layout "
        f"{moved.layout}: {show(args.workdir)}"
    )
    for line in filter(None, (moved.message, *moved.notes)):
        print(line)
    return 0


def run_export(args: argparse.Namespace, rest: list[str]) -> int:
    prepare_jax(deterministic=True)
    if args.layout == "stablehlo":
        from resinc.train.trained.stablehlo import export_program

        size = export_program(args.workdir, args.step, args.out, args.average)
        print(f"exported a program of {size:,} bytes: {show(args.out)}")
        return 0
    from resinc.train.trained.transfer import export_weights

    moved = export_weights(args.workdir, args.step, args.layout, args.out, args.average)
    print(
        f"exported {moved.arrays} arrays ({moved.parameters:,} parameters) in layout "
        f"{moved.layout}: {show(args.out)}"
    )
    return 0


def run_features(args: argparse.Namespace, rest: list[str]) -> int:
    prepare_jax(deterministic=True)
    from resinc.train.trained.features import write_features

    shapes = write_features(
        args.workdir, args.step, args.layer, args.split, args.examples, args.out, args.average
    )
    for name, shape in shapes.items():
        print(f"{name}  {'x'.join(map(str, shape))}")
    print(f"wrote {show(args.out)}")
    return 0


def load_training(recipe: str, overrides: list[str]) -> "ConfigDict":
    """The config of a network to train.

    Raises:
      InputError: as `resinc.config.load`, or it is of a chain to measure.
    """
    from resinc.config import load

    config = load(recipe, overrides)
    if "model" not in config:
        raise InputError(f"config {recipe!r} names no network: `resinc measure` may take it")
    return config


def run_data_list(args: argparse.Namespace, rest: list[str]) -> int:
    from rich.table import Table

    from resinc.data.sets.inventory import inventory
    from resinc.data.sets.stored import data_directory
    from resinc.output import console, print_table

    table = Table("name", "image", "classes", "train / validation / test", "state", box=None)
    rows = inventory(args.dir)
    for row in rows:
        sizes = f"{row.train:,} / {row.validation:,} / {row.test:,}"
        table.add_row(row.name, row.shape, str(row.classes), sizes, row.state)
    screen = console()
    screen.print(f"TFDS directory: {show(data_directory(args.dir))}")
    print_table(screen, table)
    for row in rows:
        if row.reason:
            screen.print(f"{row.name} is damaged: {row.reason}")
    if any(row.state == "missing" for row in rows):
        screen.print("`resinc data prepare NAME` fetches a missing one")
    return 0


def run_data_prepare(args: argparse.Namespace, rest: list[str]) -> int:
    if args.shorter_side is not None:
        from resinc.data.image_files.resize import store_smaller

        store_smaller(args.name, args.dir, args.archive, args.shorter_side, args.on_error)
        return 0
    from resinc.data.sets.prepare import prepare

    prepare(args.name, args.dir, args.archive)
    return 0


def run_data_arrays(args: argparse.Namespace, rest: list[str]) -> int:
    from resinc.data.splits import copy_as_arrays

    print(f"wrote {show(copy_as_arrays(args.name, args.dir, args.to))}")
    return 0


def run_summary(args: argparse.Namespace, overrides: list[str]) -> int:
    if bool(args.network) == bool(args.config):
        raise InputError("summary takes a network's name or a --config: one of the two")
    config = load_training(args.config or f"configs/base.py:network={args.network}", overrides)
    prepare_jax(deterministic=True)
    from resinc.config import check
    from resinc.cost.count import network_cost
    from resinc.cost.summary import print_summary
    from resinc.data.dataset import find
    from resinc.networks import build
    from resinc.zoo import named

    check(config)
    if args.network:
        _, image, classes, _ = named(args.network)
    else:
        spec = find(config.data).spec
        classes, image = spec.num_classes, spec.image_shape
    print_summary(network_cost(build(config.model, classes), image), by=args.by, csv=args.csv)
    return 0


def run_plan(args: argparse.Namespace, overrides: list[str]) -> int:
    config = load_training(args.config, overrides)
    from resinc.cost.chips import CHIPS
    from resinc.cost.plan_table import print_plan
    from resinc.registry import lookup

    chips = [lookup(CHIPS, name, "chip") for name in args.chip]
    if "jax" in sys.modules:
        raise InputError("a plan needs a process in which JAX has not been started")
    add_flag(os.environ, f"--xla_force_host_platform_device_count={max(args.devices)}")
    os.environ["JAX_PLATFORMS"] = "cpu"
    prepare_jax(deterministic=False)
    from resinc.train.compiled.planned import compile_steps

    images = config.steps * config.batch_size
    print_plan(compile_steps(config, args.classes, args.devices, args.per_device), chips, images)
    return 0
