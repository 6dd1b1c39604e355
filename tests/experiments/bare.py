"""A machine that lacks what only preparing data, reports and files of weights need."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ABSENT = (
    "array_record",
    "h5py",
    "importlib_resources",
    "keras",
    "matplotlib",
    "PIL",
    "safetensors",
)
ABSENT += ("scipy", "simplejpeg", "sklearn", "tensorflow", "tensorflow_datasets")


def run_bare(folder, *words, absent=ABSENT):
    """`python -m experiments.gpu WORDS`, and all that it starts, where `absent` cannot be imported.

    `folder` takes what makes it so. There is no git either.
    """
    hide = f"import sys\nsys.modules.update(dict.fromkeys({absent!r}))\n"
    # JAX itself takes what it needs of SciPy.
    (folder / "sitecustomize.py").write_text(hide, encoding="utf-8")
    paths = os.pathsep.join([str(folder), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", "experiments.gpu", *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": paths, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
