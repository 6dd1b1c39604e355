"""The `resinc` command: parses and calls; nothing else.

Heavy imports wait until a subcommand needs them, so that `--help` answers at once.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from resinc.cli import commands, sweep_commands, sweep_options
from resinc.cli.argument_types import count, counts, names, path
from resinc.errors import InputError, outside_sentence
from resinc.output import surviving_output

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

CONFIG_HELP = """\
A config is a recipe file, its arguments after a colon, and any field changed by its dotted name:
  --config=configs/cifar.py:depth=56,block=residual --config.optimizer.lr=0.05
configs/base.py lists every field with its unit and reason."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit status.

    0 done, 1 the machine failed it (a full disk), 2 a mistake in the input, either in one sentence
    on stderr, 3 diverged, 128 + n stopped by signal n after saving.
    """
    with surviving_output():
        try:
            args, rest = make_parser().parse_known_args(argv)
            if rest and not args.takes_config:
                raise InputError(f"unknown argument {rest[0]!r}; see `resinc --help`")
            return args.run(args, rest)
        except InputError as error:
            print(f"resinc: {error}", file=sys.stderr)
            return commands.EXIT_INPUT
        except KeyboardInterrupt:
            print("resinc: stopped by Ctrl-C", file=sys.stderr)
            return EXIT_INTERRUPTED
        except Exception as error:
            if not (sentence := outside_sentence(error)):
                raise
            print(sentence, file=sys.stderr)
            return EXIT_FAILED


class Parser(argparse.ArgumentParser):
    """Says a mistake as every other is said: one sentence, status 2."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see `{self.prog} --help`")


def make_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="resinc",
        description="Why residual and inception networks work, answered by experiment.",
        allow_abbrev=False,
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, run, text: str, takes_config: bool = False, needs_config: bool = True
    ) -> argparse.ArgumentParser:
        command = subparsers.add_parser(
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
                "--config",
                required=needs_config,
                default="",
                metavar="FILE[:ARGS]",
                help="recipe, see below",
            )
        return command

    command = add(
        "train", commands.run_train, "Train one network; resumes what the workdir holds.", True
    )
    command.add_argument("--workdir", required=True, type=path, help="folder of the run")
    command.add_argument(
        "--profile",
        nargs="?",
        type=int,
        const=5,
        metavar="STEPS",
        help="write a trace of so many steps (default: 5) into the workdir, for TensorBoard or "
        "https://ui.perfetto.dev",
    )
    add_processes(command)

    command = add(
        "measure",
        commands.run_measure,
        "Count, time and weigh a chain of layers (configs/chain.py); nothing is trained.",
        True,
    )
    command.add_argument("--workdir", required=True, type=path, help="folder of the measurement")

    command = add("eval", commands.run_eval, "Evaluate a checkpoint, every example counted once.")
    add_checkpoint(command)
    command.add_argument(
        "--split",
        action="append",
        choices=["train", "validation", "test"],
        help="may be given several times (default: validation and test)",
    )
    command.add_argument(
        "--crops",
        type=int,
        default=1,
        choices=[1, 10],
        help="of each image file: its centre (default), or the mean answer to the corners and the "
        "centre, and all five mirrored",
    )
    command.add_argument(
        "--per-class",
        action="store_true",
        help="also the error of each class, and whether the network is as sure as it is right",
    )

    command = add(
        "import",
        commands.run_import,
        "Make a run of the weights in a PyTorch, Keras or safetensors file.",
        True,
    )
    command.add_argument(
        "file", type=path, help="of torch.save, safetensors or Keras, told from its content"
    )
    command.add_argument(
        "--layout", default="", help="whose names they are (default: told from the names)"
    )
    command.add_argument("--workdir", required=True, type=path, help="folder of the run, a new one")
    command.add_argument(
        "--key",
        default="",
        help="where in a file of PyTorch the state dict lies, e.g. model_ema (default: searched)",
    )
    command.add_argument(
        "--new-head",
        action="store_true",
        help="draw the head from the seed where the file's has other classes, or none",
    )

    command = add(
        "export", commands.run_export, "Write a checkpoint as safetensors, or as a program."
    )
    add_checkpoint(command)
    command.add_argument(
        "--layout",
        default="resinc",
        help="resinc (default, our own names), torchvision-resnet, cifar-resnet, ..., or "
        "stablehlo: a program from images to logits, weights and normalisation inside",
    )
    command.add_argument(
        "--out", required=True, type=path, help="file, ends in .safetensors or .stablehlo"
    )

    command = add(
        "features", commands.run_features, "Write what named layers put out for examples, as .npz."
    )
    add_checkpoint(command)
    command.add_argument(
        "--layer",
        action="append",
        required=True,
        help="e.g. stage1/block02 or stage1/block02/conv1; may be given several times",
    )
    command.add_argument("--split", default="test", choices=["train", "validation", "test"])
    command.add_argument(
        "--examples", type=count, default=512, help="the first so many (default: 512; 0: all)"
    )
    command.add_argument("--out", required=True, type=path, help="file, ends in .npz")

    text = "Train all cells of an experiment or of axes; skips what is finished."
    sweep_options.add_sweep(
        add("sweep", sweep_commands.run_sweep, text, takes_config=True, needs_config=False)
    )
    text = "Train the runs that a file lists in one program; `sweep --pack` writes such files."
    command = add("pack", commands.run_pack, text)
    command.add_argument("file", type=path, help="a pack.json in packs/ of a sweep's folder")
    text = "Show how the runs of a sweep stand, until all have ended."
    sweep_options.add_status(add("status", sweep_commands.run_status, text))
    text = "Draw the figure, table and page of a sweep, by its experiment or by --x."
    sweep_options.add_report(add("report", sweep_commands.run_report, text))
    text = "Write one page of all results: hypotheses, outcomes, figures."
    sweep_options.add_overview(add("overview", sweep_commands.run_overview, text))
    text = "Copy results made from committed code to where they are kept, and write their page."
    sweep_options.add_publish(add("publish", sweep_commands.run_publish, text))

    command = add("data", None, "List the data sets, or prepare one.")
    actions = command.add_subparsers(required=True, metavar="ACTION")
    action = actions.add_parser("list", help="what is there, what is missing, and where")
    action.add_argument("--dir", type=path, help=DIR_HELP)
    action.set_defaults(run=commands.run_data_list)
    action = actions.add_parser("prepare", help="download and prepare a set")
    action.add_argument("name", help="see `resinc data list`")
    action.add_argument("--dir", type=path, help=DIR_HELP)
    action.add_argument(
        "--from",
        "--archive",
        dest="archive",
        type=path,
        help="what was downloaded elsewhere: the archive, or the folder of the files",
    )
    action.add_argument(
        "--shorter-side",
        type=int,
        metavar="PIXELS",
        help="store the images of the folder --from, or of the set NAME that TFDS prepared there, "
        "as small as this: for machines that decode slowly",
    )
    action.add_argument(
        "--on-error",
        default="stop",
        choices=["stop", "skip"],
        help="at a file that cannot be decoded, with --shorter-side: stop (default), or leave it "
        "out and say so",
    )
    action.set_defaults(run=commands.run_data_prepare)
    action = actions.add_parser("arrays", help="copy a prepared set as arrays for NumPy alone")
    action.add_argument("name", help="see `resinc data list`")
    action.add_argument("--dir", type=path, help=DIR_HELP)
    action.add_argument(
        "--to", required=True, type=path, help="directory that serves as --dir without TFDS"
    )
    action.set_defaults(run=commands.run_data_arrays)

    text = "What training would take on many TPUs or GPUs, from the compiled step; none is needed."
    command = add("plan", commands.run_plan, text, takes_config=True)
    command.add_argument(
        "--devices",
        type=counts,
        default=(8, 64, 256, 1024),
        help="how many, e.g. 8,64 (default: 8,64,256,1024)",
    )
    command.add_argument(
        "--chip",
        type=names,
        default=("v5e", "h100"),
        help="keys of resinc.cost.chips.CHIPS (default: v5e,h100)",
    )
    command.add_argument(
        "--per-device",
        type=count,
        default=0,
        help="images a step for each (default: the config's batch, divided)",
    )
    command.add_argument(
        "--classes", type=count, default=1000, help="of image files (default: 1000)"
    )

    text = "Layers, shapes, parameters, multiply-adds, activations of any network."
    command = add("summary", commands.run_summary, text, takes_config=True, needs_config=False)
    command.add_argument(
        "network", nargs="?", default="", help="a key of resinc.zoo.ZOO; else --config names one"
    )
    command.add_argument("--by", choices=["layer", "block", "stage"], default="layer")
    command.add_argument("--csv", action="store_true", help="comma-separated values")
    return parser


def add_processes(command: argparse.ArgumentParser) -> None:
    """What tells a process of the others that train with it."""
    group = command.add_argument_group(
        "several processes", "Found by themselves on SLURM, Cloud TPU, GKE and Open MPI."
    )
    group.add_argument(
        "--coordinator", metavar="HOST:PORT", help="where process 0 runs, and a port free there"
    )
    group.add_argument("--process_id", type=int, metavar="N", help="of this process, from 0")
    group.add_argument(
        "--num_processes", type=int, metavar="N", help="of all; 1: alone, whatever the cluster says"
    )
    group.add_argument(
        "--heartbeat",
        type=int,
        default=30,
        metavar="SECONDS",
        help="without a sign of life, after which a process is lost and all end (default: 30)",
    )


def add_checkpoint(command: argparse.ArgumentParser) -> None:
    """What names a checkpoint of a run."""
    command.add_argument("--workdir", required=True, type=path, help="folder of the run")
    command.add_argument(
        "--step", default="latest", help="latest (default), best (on validation) or a number"
    )
    command.add_argument(
        "--average", action="store_true", help="of the average of the weights (average_decay)"
    )


DIR_HELP = "TFDS directory (default: TFDS_DATA_DIR, else ~/tensorflow_datasets)"
