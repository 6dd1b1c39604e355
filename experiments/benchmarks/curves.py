"""`make curves` of this code and of a former commit, in turn, nothing kept from before.

FORMER names the commit (default: the last before this code was made fast), CURVES what is trained
(default: two of the four depths; "full" for all of `make curves`).
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from experiments.benchmarks.harness import ROOT, Results
from resinc.cores import available_cores

FORMER = "a931fd6"
SHORT, FULL = "DEPTHS=8,20 SEEDS=3", "DEPTHS=8,20,32,56 SEEDS=3"


def run(results: Results, quick: bool = False) -> None:
    former, what = os.environ.get("FORMER", FORMER), os.environ.get("CURVES", SHORT)
    what = FULL if what == "full" else what
    if quick:
        former, what = "HEAD", "DEPTHS=8 SEEDS=1 STEPS=2"
    case = f"make curves {what}"
    if results.has(case=case):
        return
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "former")
        add = ["git", "worktree", "add", "--detach", str(tree), former]
        done = subprocess.run(add, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            print(f"curves: left out, no commit {former!r} here: {done.stderr.strip()}")
            return
        try:
            sides = {"former": tree, "now": ROOT}
            found = {side: seconds(code, what, Path(folder, side)) for side, code in sides.items()}
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT)
    for side, (taken, cpu) in found.items():
        commit = {"former_commit": former} if side == "former" else {}
        results.add(
            case=case,
            side=side,
            cores=len(available_cores()),
            seconds=round(taken, 1),
            cpu_seconds=round(cpu, 1),
            **commit,
        )


def seconds(code: Path, what: str, root: Path) -> tuple[float, float]:
    """By the clock, and of all cores together, by the Makefile of that code.

    With the Python that runs this: its packages, and the code's own `resinc`.
    """
    environment = os.environ | {"PYTHONPATH": str(code), "XDG_CACHE_HOME": f"{root}-cache"}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    # "-o": nothing is installed, the packages are there.
    make = ["make", "-o", ".venv/.installed", "curves", f"BIN={Path(sys.executable).parent}"]
    begun, before = time.perf_counter(), _cpu_seconds()
    subprocess.run(
        [*make, *what.split(), f"ROOT={root}-runs", f"OUT={root}-out"],
        cwd=code,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - begun, _cpu_seconds() - before


def _cpu_seconds() -> float:
    """Of all processes that were waited for here, and that they have waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
