"""What `make curves` runs, by this code and by a former commit, in turn, as whole processes.

FORMER names the commit (default: the last before this code was made fast), CURVES what is run
(default: two depths, one seed; "full" for all of `make curves`). The file is the one of its time.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from experiments.benchmarks.harness import ROOT, Results
from resinc.cores import available_cores

FORMER = "a931fd6"
SHORT, FULL = "depths=8,20 seeds=1", "depths=8,20,32,56 seeds=3"
EXPERIMENTS = ("experiments/degradation.py", "experiments/depth.py")


def run(results: Results, quick: bool = False) -> None:
    former, what = os.environ.get("FORMER", FORMER), os.environ.get("CURVES", SHORT)
    if quick:
        former, what = "HEAD", "depths=8 seeds=1 steps=2"
    case = f"make curves, {what}"
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
    for side, taken in found.items():
        commit = {"former_commit": former} if side == "former" else {}
        results.add(
            case=case, side=side, cores=len(available_cores()), seconds=round(taken, 1), **commit
        )


def seconds(code: Path, what: str, root: Path) -> float:
    """Of the sweep and its report, nothing kept from before."""
    what = FULL if what == "full" else what
    settings = [f"--set={setting}" for setting in what.split()]
    environment = os.environ | {"PYTHONPATH": str(code), "XDG_CACHE_HOME": f"{root}-cache"}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    command = [sys.executable, "-m", "resinc"]
    experiment = next(str(code / file) for file in EXPERIMENTS if (code / file).exists())
    begun = time.perf_counter()
    for words in (
        ["sweep", experiment, *settings, f"--root={root}"],
        ["report", experiment, f"--root={root}", f"--out={root}-out"],
    ):
        subprocess.run(
            [*command, *words], cwd=code, env=environment, check=True, stdout=subprocess.DEVNULL
        )
    taken = time.perf_counter() - begun
    shutil.rmtree(root)
    return taken
