"""Says what is missing before anything imports it, then starts one of WORK with what follows."""

import importlib
import sys

from experiments.gpu.packages import missing, use_carried

# Word -> module whose `main(argv)` gives the exit status.
WORK = {
    "bench": "experiments.benchmarks.gpu",
    "kernels": "experiments.benchmarks.gpu_kernels",
    "weight-gradients": "experiments.benchmarks.gpu_weight_gradients",
    "curves": "experiments.gpu.curves",
    "evidence": "experiments.gpu.evidence",
    "carry": "experiments.gpu.carry",
}


def main(argv: list[str]) -> int:
    if not argv or argv[0] not in WORK:
        print(f"usage: python -m experiments.gpu {' | '.join(WORK)} [--help]", file=sys.stderr)
        return 2
    use_carried()
    if absent := missing(argv[0]):
        print(
            f"experiments.gpu: not installed here: {', '.join(absent)}; where there is pip, "
            "`make carry` puts what a bare machine lacks into build/gpu, to be brought here",
            file=sys.stderr,
        )
        return 2
    from resinc.exit_status import exit_status

    return exit_status(
        f"experiments.gpu {argv[0]}",
        lambda: importlib.import_module(WORK[argv[0]]).main(argv[1:]),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
