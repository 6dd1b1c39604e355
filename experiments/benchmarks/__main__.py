"""`python -m experiments.benchmarks [--quick] [--out FOLDER] [NAME ...]`: all of them, or some."""

import argparse
import importlib
import sys
from pathlib import Path

from experiments.benchmarks.harness import ROOT, Results, read
from experiments.benchmarks.table import markdown
from resinc.exit_status import exit_status

# Those that others wait for first; the longest last.
NAMES = (
    *("step", "evaluate", "startup", "compile", "scan"),
    *("winograd", "input", "decode", "loaders", "stream", "memory", "curves"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "bench")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    args = parser.parse_args()
    if unknown := set(args.names) - set(NAMES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(NAMES)}")
    for name in args.names or NAMES:
        module = importlib.import_module(f"experiments.benchmarks.{name}")
        module.run(Results(args.out, name), args.quick)
    lines = [line for name in NAMES for line in read(args.out / f"{name}.jsonl")]
    print("\n" + markdown(lines))
    return 0


if __name__ == "__main__":
    sys.exit(exit_status("bench", main))
