"""Every experiment on CIFAR-10, short runs of which several share one GPU: `make evidence-gpu`."""

from collections.abc import Sequence

from experiments import evidence
from experiments.gpu.carry import DATASET, provide_data
from experiments.gpu.device import need_gpu


def main(argv: Sequence[str]) -> int:
    """The exit status of `python -m experiments.evidence`, to which all of `argv` goes."""
    need_gpu("`make evidence` trains on CPUs")
    provide_data()
    return evidence.main([f"--dataset={DATASET}", *argv])
