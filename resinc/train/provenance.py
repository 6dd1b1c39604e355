"""Where a result came from: code, versions, device, data."""

import shlex
import sys
from datetime import UTC, datetime
from typing import Any

import jax

from resinc.runs import provenance


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
    return {
        "command": shlex.join(["resinc", *sys.argv[1:]]),
        "versions": provenance.versions(),
        "git_commit": provenance.commit(),
        "git_dirty": provenance.is_dirty(),
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
    """As JAX names it, e.g. "NVIDIA H200"; of a CPU, which JAX calls "cpu" alone, its model."""
    kind = jax.devices()[0].device_kind
    return (provenance.cpu_kind() or kind) if kind == "cpu" else kind
