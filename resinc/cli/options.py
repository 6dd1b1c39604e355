"""The options of the commands about one run, a data set or a network."""

import argparse

from resinc.cli import commands
from resinc.cli.argument_types import count, counts, names, path

DIR_HELP = "TFDS directory (default: TFDS_DATA_DIR, else ~/tensorflow_datasets)"


def add_train(command: argparse.ArgumentParser) -> None:
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
    _add_processes(command)


def add_measure(command: argparse.ArgumentParser) -> None:
    command.add_argument("--workdir", required=True, type=path, help="folder of the measurement")


def add_eval(command: argparse.ArgumentParser) -> None:
    _add_checkpoint(command)
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


def add_import(command: argparse.ArgumentParser) -> None:
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


def add_export(command: argparse.ArgumentParser) -> None:
    _add_checkpoint(command)
    command.add_argument(
        "--layout",
        default="resinc",
        help="resinc (default, our own names), torchvision-resnet, cifar-resnet, ..., or "
        "stablehlo: a program from images to logits, weights and normalisation inside",
    )
    command.add_argument(
        "--out", required=True, type=path, help="file, ends in .safetensors or .stablehlo"
    )


def add_features(command: argparse.ArgumentParser) -> None:
    _add_checkpoint(command)
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


def add_pack(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=path, help="a pack.json in packs/ of a sweep's folder")


def add_data(command: argparse.ArgumentParser) -> None:
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


def add_plan(command: argparse.ArgumentParser) -> None:
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


def add_summary(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "network", nargs="?", default="", help="a key of resinc.zoo.ZOO; else --config names one"
    )
    command.add_argument("--by", choices=["layer", "block", "stage"], default="layer")
    command.add_argument("--csv", action="store_true", help="comma-separated values")


def _add_processes(command: argparse.ArgumentParser) -> None:
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


def _add_checkpoint(command: argparse.ArgumentParser) -> None:
    """What names a checkpoint of a run."""
    command.add_argument("--workdir", required=True, type=path, help="folder of the run")
    command.add_argument(
        "--step", default="latest", help="latest (default), best (on validation) or a number"
    )
    command.add_argument(
        "--average", action="store_true", help="of the average of the weights (average_decay)"
    )
