"""Which packages work on a GPU imports, and which of them `make carry` brings along."""

import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CARRIED = ROOT / "build" / "gpu"
# Module -> what pip calls it.
NEEDED = {
    "absl": "absl-py",
    "flax": "flax",
    "jax": "jax",
    "ml_collections": "ml-collections",
    "numpy": "numpy",
    "optax": "optax",
    "orbax": "orbax-checkpoint",
    "rich": "rich",
    "tensorboardX": "tensorboardX",
    "yaml": "PyYAML",
}
DRAWN = {"matplotlib": "matplotlib"}  # Reports are drawn where runs end.
NEEDED_FOR = {"curves": DRAWN, "evidence": DRAWN}
# Of pure Python, so that they need no machine of their own kind.
PACKED = ("ml-collections", "tensorboardX")


def use_carried() -> None:
    """Find what was carried, here and in processes that are started; what is installed wins."""
    site = str(CARRIED / "site")
    sys.path.append(site)
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")]), site]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    os.environ.setdefault("RESINC_COMMIT_RECORD", str(CARRIED / "commit.json"))


def missing(work: str) -> list[str]:
    """As pip calls them."""
    needed = NEEDED | NEEDED_FOR.get(work, {})
    return [name for module, name in needed.items() if importlib.util.find_spec(module) is None]
