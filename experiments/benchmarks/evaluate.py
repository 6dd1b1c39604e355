"""Forward with running statistics, losses and mistakes, against PyTorch and plain Flax."""

from experiments.benchmarks import step
from experiments.benchmarks.harness import Results


def run(results: Results, quick: bool = False) -> None:
    step.run(results, quick, evaluating=True)
