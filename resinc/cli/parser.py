"""The `resinc` command: parses and calls; nothing else.

Heavy imports wait until a subcommand needs them, so that `--help` answers at once.
"""

import argparse
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn

from resinc.cli import commands, options, sweep_commands, sweep_options
from resinc.errors import InputError
from resinc.exit_status import exit_status
from resinc.file_paths import check_current_folder
from resinc.malloc import restart_with_malloc_settings

CONFIG_HELP = """\
A config is a recipe file, its arguments after a colon, and any field changed by its dotted name:
  --config=configs/cifar.py:depth=56,block=residual --config.optimizer.lr=0.05
configs/base.py lists every field with its unit and reason."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit status.

    0 done, 1 the machine failed it (a full disk), 2 a mistake in the input, either in one sentence
    on stderr, 3 diverged, 128 + n stopped by signal n after saving.
    """

    def run() -> int:
        check_current_folder()
        args, rest = make_parser().parse_known_args(argv)
        if argv is None and args.at_length:  # Else this process is not the command's alone.
            restart_with_malloc_settings()
        if rest and not args.takes_config:
            raise InputError(f"unknown argument {rest[0]!r}; see `resinc --help`")
        return args.run(args, rest)

    return exit_status("resinc", run)


class Parser(argparse.ArgumentParser):
    """Says a mistake as every other is said: one sentence, status 2."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see `{self.prog} --help`")


class Command(NamedTuple):
    """A subcommand.

    Attributes:
      text: what it does, in a sentence.
      run: does it, given the arguments and those that override fields of a config.
      add_options: to its parser.
      config: whether it takes one: NEEDED, POSSIBLE or "".
      at_length: whether it computes so much that malloc's settings are worth a tenth of a second.
    """

    text: str
    run: Callable[[argparse.Namespace, list[str]], int]
    add_options: Callable[[argparse.ArgumentParser], None]
    config: str = ""
    at_length: bool = False


NEEDED, POSSIBLE = "needed", "possible"
COMMANDS = {
    "train": Command(
        "Train one network; resumes what the workdir holds.",
        commands.run_train,
        options.add_train,
        NEEDED,
        at_length=True,
    ),
    "measure": Command(
        "Count, time and weigh a chain of layers (configs/chain.py); nothing is trained.",
        commands.run_measure,
        options.add_measure,
        NEEDED,
        at_length=True,
    ),
    "eval": Command(
        "Evaluate a checkpoint, every example counted once.",
        commands.run_eval,
        options.add_eval,
        at_length=True,
    ),
    "import": Command(
        "Make a run of the weights in a PyTorch, Keras or safetensors file.",
        commands.run_import,
        options.add_import,
        NEEDED,
    ),
    "export": Command(
        "Write a checkpoint as safetensors, or as a program.",
        commands.run_export,
        options.add_export,
    ),
    "features": Command(
        "Write what named layers put out for examples, as .npz.",
        commands.run_features,
        options.add_features,
        at_length=True,
    ),
    "sweep": Command(
        "Train all cells of an experiment or of axes; skips what is finished.",
        sweep_commands.run_sweep,
        sweep_options.add_sweep,
        POSSIBLE,
    ),
    "pack": Command(
        "Train the runs that a file lists in one program; `sweep --pack` writes such files.",
        commands.run_pack,
        options.add_pack,
        at_length=True,
    ),
    "status": Command(
        "Show how the runs of a sweep stand, until all have ended.",
        sweep_commands.run_status,
        sweep_options.add_status,
    ),
    "report": Command(
        "Draw the figure, table and page of a sweep, by its experiment or by --x.",
        sweep_commands.run_report,
        sweep_options.add_report,
    ),
    "overview": Command(
        "Write one page of all results: hypotheses, outcomes, figures.",
        sweep_commands.run_overview,
        sweep_options.add_overview,
    ),
    "publish": Command(
        "Copy results made from committed code to where they are kept, and write their page.",
        sweep_commands.run_publish,
        sweep_options.add_publish,
    ),
    "archive": Command(
        "Keep what finished runs measured, a small file each; weights are left out.",
        sweep_commands.run_archive,
        sweep_options.add_archive,
    ),
    "restore": Command(
        "Put archived runs back, where sweeps and reports count them as done.",
        sweep_commands.run_restore,
        sweep_options.add_restore,
    ),
    "data": Command(
        "List the data sets, or prepare one.", commands.run_data_list, options.add_data
    ),
    "plan": Command(
        "What training would take on many TPUs or GPUs, from the compiled step; none is needed.",
        commands.run_plan,
        options.add_plan,
        NEEDED,
    ),
    "summary": Command(
        "Layers, shapes, parameters, multiply-adds, activations of any network.",
        commands.run_summary,
        options.add_summary,
        POSSIBLE,
    ),
}


def make_parser() -> argparse.ArgumentParser:
    """Of all COMMANDS."""
    parser = Parser(
        prog="resinc",
        description="Why residual and inception networks work, answered by experiment.",
        allow_abbrev=False,
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (text, run, add_options, config, at_length) in COMMANDS.items():
        command = subparsers.add_parser(
            name,
            help=text,
            description=text,
            epilog=CONFIG_HELP if config else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.set_defaults(run=run, takes_config=bool(config), at_length=at_length)
        if config:
            command.add_argument(
                "--config",
                required=config == NEEDED,
                default="",
                metavar="FILE[:ARGS]",
                help="recipe, see below",
            )
        add_options(command)
    return parser
