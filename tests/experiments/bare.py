"""A machine that lacks what only preparing data, reports and files of weights need."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ABSENT = (
    "array_record",
    "cykooz_resizer",
    "h5py",
    "importlib_resources",
    "keras",
    "matplotlib",
    "PIL",
    "safetensors",
)
ABSENT += ("scipy", "simplejpeg", "sklearn", "tensorflow", "tensorflow_datasets")


def hide(folder, absent=ABSENT):
    """Write into a folder what, on PYTHONPATH, makes `import` of these fail; the folder."""
    code = f"import sys\nsys.modules.update(dict.fromkeys({absent!r}))\n"
    (folder / "sitecustomize.py").write_text(code, encoding="utf-8")
    return folder


def run_bare(folder, *words, absent=ABSENT):
    """`python -m experiments.gpu WORDS`, and all that it starts, where `absent` cannot be imported.

    `folder` takes what makes it so.
    """
    paths = os.pathsep.join([str(hide(folder, absent)), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", "experiments.gpu", *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": paths, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
