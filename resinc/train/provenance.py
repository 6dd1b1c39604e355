"""Where a result came from: code, versions, device, data."""

import importlib.metadata
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax

import resinc

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "ml-collections", "numpy")
CODE = (":(top)*.py", ":(top)pyproject.toml")


def collect(
    data: dict[str, Any], replicas: int, parameters: int, multiply_adds: int
) -> dict[str, Any]:
    """What is written to provenance.json and into every checkpoint.

    Args:
      data: `Splits.provenance()`.
      replicas: d, of the data parallelism.
      parameters: trainable scalars of the network.
      multiply_adds: of the network, for one image.
    """
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {
        "command": " ".join(["resinc", *sys.argv[1:]]),
        "versions": {"resinc": resinc.__version__, "python": platform.python_version(), **versions},
        "git_commit": _git("rev-parse", "HEAD"),
        # Results that were written meanwhile, tracked too, change no run.
        "git_dirty": bool(_git("status", "--porcelain", "--untracked-files=no", "--", *CODE)),
        "platform": jax.default_backend(),
        "device_kind": device_kind(),
        "device_count": jax.device_count(),
        "replicas": replicas,
        "parameters": parameters,
        "multiply_adds": multiply_adds,
        "data": data,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def device_kind() -> str:
    """As JAX names it, e.g. "NVIDIA H200"; of a CPU its model, since each kind rounds its own way.

    JAX says "cpu" alone, virtual machines often no more than "AMD EPYC": the numbers tell.
    """
    kind = jax.devices()[0].device_kind
    if kind != "cpu":
        return kind
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor() or kind
    about = {name.strip(): value.strip() for name, _, value in (s.partition(":") for s in lines)}
    numbers = [f"{n.split()[-1]} {about[n]}" for n in ("cpu family", "model") if n in about]
    name = about.get("model name", platform.machine())
    return f"{name} ({', '.join(numbers)})" if numbers else name


def _git(*command: str) -> str:
    """Of the checkout that this file lies in; empty for an installed copy."""
    try:
        answer = subprocess.run(
            ["git", *command],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
