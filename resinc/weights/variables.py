"""The variables of a network as one flat table, written out: the form that names are matched in."""

import hashlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from resinc.networks import paths

# "params/stage1/block02/conv1/kernel", "batch_stats/stem_norm/mean", ... -> array or shape.
Flat = dict[str, Any]


def flatten(variables: Mapping[str, Any]) -> Flat:
    """Params and batch_stats -> path -> leaf in depth order, scanned blocks taken apart.

    Args:
      variables: {"params": ..., "batch_stats": ...}, of arrays or of `jax.ShapeDtypeStruct`.
    """
    return dict(paths.flatten(variables))


def nest(flat: Flat, like: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `flatten`.

    Args:
      flat: what `flatten(like)` holds, with other leaves.
      like: variables of the form wanted, scanned or written out.
    """
    out: dict[str, Any] = {name: {} for name in like}
    for path, leaf in flat.items():
        *parents, last = path.split("/")
        place = out
        for name in parents:
            place = place.setdefault(name, {})
        place[last] = leaf
    wanted: Any = jax.tree.structure(dict(like))
    if wanted != jax.tree.structure(out):
        out = paths.stack(out)
    assert wanted == jax.tree.structure(out), "a leaf is missing or new"
    return jax.tree.map(jax.numpy.asarray, out)


def checksum(flat: Flat) -> str:
    """sha256, hex, over names, shapes and values; scanned or written out gives the same."""
    digest = hashlib.sha256()
    for path in sorted(flat):
        array = np.ascontiguousarray(flat[path])
        digest.update(f"{path} {array.shape} {array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
