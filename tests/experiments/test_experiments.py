"""Every experiment loads alone, and has what the commands call."""

import subprocess
import sys
from pathlib import Path

import pytest

from resinc.launch.experiment import load_experiment

ROOT = Path(__file__).parents[2]
SHARED = {"questions", "recipes"}
OTHERS = SHARED | {"__init__", "evidence", "repeated"}
EXPERIMENTS = sorted({file.stem for file in (ROOT / "experiments").glob("*.py")} - OTHERS)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_says_what_to_run_and_reports(name):
    experiment = load_experiment(name)
    assert callable(experiment.sweep)
    assert callable(experiment.report)


def test_loading_one_loads_no_other_and_no_jax():
    code = f"""
import sys
from importlib import import_module
for name in {EXPERIMENTS!r}:
    import_module("experiments." + name)
    loaded = {{m.partition(".")[2] for m in sys.modules if m.startswith("experiments.")}}
    assert loaded <= {SHARED!r} | {{name}}, (name, loaded)
    del sys.modules["experiments." + name]
unwanted = {{"jax", "flax", "tensorflow", "matplotlib.pyplot"}} & sys.modules.keys()
assert not unwanted, unwanted
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=600)
