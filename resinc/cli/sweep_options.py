"""The options of the commands about many runs: sweep, status, report, publish, archive, ..."""

import argparse

from resinc.cli.argument_types import count, devices, path

EXPERIMENT = "its file, e.g. experiments/degradation.py (default: what the folder says)"


def add_sweep(command: argparse.ArgumentParser) -> None:
    command.add_argument("experiment", nargs="?", type=path, help=EXPERIMENT)
    command.add_argument("--root", required=True, type=path, help="folder of all its runs")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument of the experiment's sweep(), e.g. --set depths=20,56",
    )
    axes = command.add_argument_group("instead of an experiment file, a recipe and axes")
    axes.add_argument(
        "--axis",
        action="append",
        default=[],
        metavar="FIELD=VALUES",
        help="e.g. model.depth=20,56 or, in a random search, optimizer.lr=log:0.001..1 or "
        "optimizer.momentum=uniform:0..0.9; may be given several times",
    )
    axes.add_argument(
        "--combine",
        default="product",
        help="product (default): every value with every other; zip: the first of all axes "
        "together, then the second; random: drawn",
    )
    axes.add_argument("--seeds", type=count, default=1, help="runs of each combination")
    axes.add_argument("--samples", type=count, default=0, help="combinations of a random search")
    axes.add_argument("--sample-seed", type=count, default=0, help="that they are drawn from")
    command.add_argument(
        "--tag", action="append", default=[], help="kept with the sweep; may be given several times"
    )
    command.add_argument("--note", default="", help="likewise, a sentence")
    command.add_argument(
        "--dry-run",
        action="store_true",
        help="say what would run, its multiply-adds and hours; start nothing but, where no cell is "
        "done yet, a few steps in a folder that is thrown away",
    )
    command.add_argument(
        "--launcher", default="local", help="where the runs run: local (default), slurm or gke"
    )
    command.add_argument(
        "--workers", type=count, default=0, help="runs at a time (default: one per device or core)"
    )
    command.add_argument(
        "--pack",
        type=count,
        default=1,
        metavar="N",
        help="train up to N runs that differ in seed, split, rate, momentum or decay alone in one "
        "program (default: 1)",
    )
    command.add_argument(
        "--devices",
        type=devices,
        help="GPU numbers to share out among workers, e.g. 0,1,2,3; 0,0,0: three runs share GPU 0",
    )
    _add_queue(command)


def _add_queue(command: argparse.ArgumentParser) -> None:
    queue = command.add_argument_group("of each run in the queue of a cluster")
    queue.add_argument("--nodes", type=count, default=1, help="default: 1")
    queue.add_argument("--gpus", type=count, default=0, help="of each node (default: none)")
    queue.add_argument("--cpus", type=count, default=0, help="of each GPU, else of each node")
    slurm = command.add_argument_group("with --launcher=slurm")
    slurm.add_argument("--time", default="", help="limit, e.g. 4:00:00; must be given")
    slurm.add_argument("--partition", default="", help="default: the cluster's")
    slurm.add_argument(
        "--sbatch",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another option of sbatch, e.g. account=vision; may be given several times",
    )
    _add_pods(command)


def _add_pods(command: argparse.ArgumentParser) -> None:
    pods = command.add_argument_group("with --launcher=gke")
    pods.add_argument("--image", default="", help="of the container, with resinc in it")
    pods.add_argument(
        "--volume", default="", help="that takes the runs: gs://BUCKET, or the name of a claim"
    )
    pods.add_argument(
        "--mount", type=path, help="folder where it is on this machine, and is put in the pods"
    )
    pods.add_argument("--namespace", default="", help="default: that of kubectl's context")
    pods.add_argument(
        "--accelerator", default="", help="e.g. nvidia-l4 or tpu-v5-lite-podslice (default: none)"
    )
    pods.add_argument("--topology", default="", help="of a TPU slice, e.g. 2x4")
    pods.add_argument(
        "--chips", type=count, default=0, help="of each TPU host (default: 4, or the whole slice)"
    )
    pods.add_argument("--memory", default="", help="of each host, e.g. 32Gi")
    pods.add_argument("--spot", action="store_true", help="on nodes that may be taken away")
    pods.add_argument("--service-account", default="", help="that may use the bucket")
    pods.add_argument("--kueue", default="", help="local queue of Kueue (default: none)")
    pods.add_argument(
        "--node-label",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the nodes that may take a run; may be given several times",
    )
    pods.add_argument(
        "--manifests", type=path, help="folder that takes the manifests; submit nothing"
    )


def add_status(command: argparse.ArgumentParser) -> None:
    command.add_argument("root", type=path, help="folder of a sweep")
    command.add_argument("--once", action="store_true", help="look once and end")
    command.add_argument("--html", type=path, metavar="FILE", help="write the table as a page too")
    command.add_argument(
        "--csv", type=path, metavar="FILE", help="write a line per run, for pandas"
    )


def add_report(command: argparse.ArgumentParser) -> None:
    command.add_argument("experiment", nargs="?", type=path, help=EXPERIMENT)
    command.add_argument("--root", required=True, type=path, help="folder of all its runs")
    command.add_argument(
        "--out", type=path, help="folder for the result (default: runs/results/NAME OF ROOT)"
    )
    command.add_argument(
        "--x", default="", metavar="FIELD", help="of the axis, e.g. model.depth or multiply_adds"
    )
    command.add_argument(
        "--colour", default="", metavar="FIELD", help="of the lines, e.g. model.block"
    )
    command.add_argument(
        "--metric", default="", help="train.error (default), test.error, validation.loss, gap, ..."
    )


def add_overview(command: argparse.ArgumentParser) -> None:
    command.add_argument("results", type=path, help="folder that holds a folder per result")
    command.add_argument("--out", type=path, help="the page (default: index.html in that folder)")
    _add_readme(command)


def add_publish(command: argparse.ArgumentParser) -> None:
    command.add_argument("results", nargs="+", type=path, help="folders that `report` wrote")
    command.add_argument("--to", required=True, type=path, help="folder of the published results")
    _add_readme(command)


def add_archive(command: argparse.ArgumentParser) -> None:
    command.add_argument("root", type=path, help="folder of a sweep")
    command.add_argument("--to", required=True, type=path, help="folder that takes a file per run")


def add_restore(command: argparse.ArgumentParser) -> None:
    command.add_argument("records", type=path, help="folder that `archive` wrote")
    command.add_argument("--root", required=True, type=path, help="folder of the sweep")


def _add_readme(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--readme",
        type=path,
        help="a Markdown file, whose matrix is written anew between its marks",
    )
