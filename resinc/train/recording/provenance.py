"""Where a result came from: code, versions, device, data."""

import hashlib
import os
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax

from resinc.cache import kernel_choices
from resinc.cores import available_cores
from resinc.runs import host, provenance


def collect(
    data: dict[str, Any],
    replicas: int,
    parameters: int,
    multiply_adds: int,
    before: Mapping[str, Any] | None = None,
    **about: Any,
) -> dict[str, Any]:
    """What is written to provenance.json and into every checkpoint.

    Args:
      data: `Splits.provenance()`.
      replicas: d, of the data parallelism.
      parameters: trainable scalars of the network.
      multiply_adds: of the network, for one image.
      before: what it was until now: its starts are kept, this one is added.
      about: what else there is to say of this start.
    """
    before = before or {}
    start = {
        "command": shlex.join(["resinc", *sys.argv[1:]]),
        "versions": provenance.versions(),
        "git_commit": provenance.commit(),
        "git_dirty": provenance.is_dirty(),
        "host": host.name(),
        "job": host.job(),
        # Of this process: a CPU's bits depend on how many there are.
        "cores": len(available_cores()),
        "platform": jax.default_backend(),
        "device_kind": device_kind(),
        "device_count": jax.device_count(),
        "processes": jax.process_count(),
        "replicas": replicas,
        # These decide which kernels a GPU takes, and so its bits.
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        **about,
    }
    facts = {name: before[name] for name in provenance.FACTS if name in before}
    counted = {"parameters": parameters, "multiply_adds": multiply_adds, "data": data}
    return {**facts, **counted, "starts": [*provenance.starts_of(before), start]}


def with_kernels(origin: dict[str, Any]) -> dict[str, Any]:
    """The same, and in its last start a hash of which kernels XLA chose for a GPU by measuring.

    Another hash may be of other kernels, which round in their own way; "": none was kept. To be
    asked for once programs are compiled; all programs that share the cache are in it.
    """
    if jax.default_backend() != "gpu":
        return origin
    *before, start = origin["starts"]
    return origin | {"starts": [*before, start | {"kernels": _hash(kernel_choices(os.environ))}]}


def _hash(folder: Path | None) -> str:
    """Of the names and contents of its files; "" where there are none."""
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder else []
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest() if files else ""


def device_kind() -> str:
    """As JAX names it, e.g. "NVIDIA H200"; of a CPU, which JAX calls "cpu" alone, its model."""
    kind = jax.devices()[0].device_kind
    return (provenance.cpu_kind() or kind) if kind == "cpu" else kind
