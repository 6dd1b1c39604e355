"""Every experiment on CIFAR-10, short runs of which several share one GPU: `make evidence-gpu`."""

import os
from collections.abc import Sequence

from experiments import evidence
from experiments.gpu.carry import DATASET, arrays_there
from resinc.launch.local import visible_devices


def main(argv: Sequence[str]) -> int:
    """The exit status of `python -m experiments.evidence`, to which all of `argv` goes."""
    if not visible_devices():
        print("evidence-gpu: JAX has no GPU here; `make evidence` trains on CPUs")
        return 2
    if not os.environ.get("TFDS_DATA_DIR"):
        os.environ["TFDS_DATA_DIR"] = str(arrays_there().resolve())
    return evidence.main([f"--dataset={DATASET}", *argv])
