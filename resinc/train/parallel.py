"""Data parallelism, and the only file that names pmap, shard_map, psum or a mesh.

`step.py` is written for one replica. A replica sees its part of the batch; parameters, optimizer
state and running statistics are the same on all of them.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from resinc.errors import InputError
from resinc.registry import lookup

AXIS = "replica"


@dataclasses.dataclass(frozen=True)
class Replicas:
    """`count` replicas under one back end.

    Attributes:
      backend: a key of BACKENDS.
      count: d, replicas; one per device except under "vmap".
    """

    backend: str
    count: int

    def vary(self, tree: Any) -> Any:
        """Mark a replicated pytree as the replica's own, before differentiating by it.

        Without the mark shard_map's gradient is already summed over replicas, pmap's is not, and
        the mean over replicas that follows is wrong in one of them.
        """
        if self.backend == "vmap":
            return tree
        return jax.tree.map(lambda leaf: jax.lax.pcast(leaf, AXIS, to="varying"), tree)

    def mean(self, tree: Any) -> Any:
        return jax.lax.pmean(tree, AXIS)

    def sum(self, tree: Any) -> Any:
        return jax.lax.psum(tree, AXIS)

    def gather(self, own: jax.Array) -> jax.Array:
        """What each replica has, [n, ...] -> [d, n, ...], the same on all of them."""
        place = jnp.zeros((self.count, *own.shape), own.dtype)
        return self.sum(place.at[jax.lax.axis_index(AXIS)].set(own))

    def own_key(self, key: jax.Array) -> jax.Array:
        """A key of this replica's own, for dropout: its masks are not those of its neighbours."""
        return jax.random.fold_in(key, jax.lax.axis_index(AXIS))

    def split(self, batch: Any) -> Any:
        """A pytree of [b, ...] -> [d, b/d, ...]."""
        return jax.tree.map(lambda leaf: leaf.reshape(self.count, -1, *leaf.shape[1:]), batch)

    def replicate(self, tree: Any) -> Any:
        """Put a pytree on every device once; a mapped function then takes it without a copy."""
        if self.backend == "vmap":
            return jax.device_put(tree)
        return jax.device_put(tree, NamedSharding(_mesh(self.count), PartitionSpec()))

    def map(
        self, function: Callable, *, split: Sequence[bool], donate: Sequence[int] = ()
    ) -> Callable:
        """Compile a per-replica function whose outputs agree on all replicas.

        Args:
          function: written for one replica; may call `vary`, `mean`, `sum`.
          split: per argument, whether it carries a leading [d] axis (else it is replicated).
          donate: arguments whose memory the outputs may take over.
        """
        return BACKENDS[self.backend](function, self.count, split, donate)


def make_replicas(backend: str, count: int, batch_size: int) -> Replicas:
    """Check a `config.parallel` section against this machine and the global batch.

    Raises:
      InputError: an unknown back end, more replicas than devices, or a batch that does not divide.
    """
    lookup(BACKENDS, backend, "parallel backend")
    devices = jax.device_count()
    if count < 0 or (backend != "vmap" and count > devices):
        raise InputError(f"parallel.replicas {count} is not between 0 and {devices} devices")
    count = count or (1 if backend == "vmap" else devices)
    if batch_size < 1 or batch_size % count:
        what = "devices" if backend != "vmap" else "replicas"
        raise InputError(f"batch size {batch_size} is not divisible by {count} {what}")
    return Replicas(backend, count)


def process() -> tuple[int, int]:
    """This process's number, from 0, and how many there are."""
    return jax.process_index(), jax.process_count()


def all_devices() -> Replicas:
    """For what is the same on any number of them, such as an evaluation."""
    return Replicas("pmap", jax.device_count())


def _mesh(count: int) -> Mesh:
    return Mesh(np.array(jax.devices()[:count]), (AXIS,))


def _pmap(function: Callable, count: int, split: Sequence[bool], donate: Sequence[int]) -> Callable:
    return jax.pmap(
        function,
        AXIS,
        in_axes=tuple(0 if s else None for s in split),
        # Takes replica 0's outputs, unchecked; shard_map's default checks that they agree.
        out_axes=None,
        donate_argnums=tuple(donate),
        devices=jax.devices()[:count],
    )


def _shard_map(
    function: Callable, count: int, split: Sequence[bool], donate: Sequence[int]
) -> Callable:
    def on_shard(*args):
        own = (
            jax.tree.map(lambda leaf: leaf[0], arg) if s else arg
            for arg, s in zip(args, split, strict=True)
        )
        return function(*own)

    specs = tuple(PartitionSpec(AXIS) if s else PartitionSpec() for s in split)
    mapped = jax.shard_map(on_shard, mesh=_mesh(count), in_specs=specs, out_specs=PartitionSpec())
    return jax.jit(mapped, donate_argnums=tuple(donate))


def _vmap(function: Callable, count: int, split: Sequence[bool], donate: Sequence[int]) -> Callable:
    """All replicas on one device: the small per-replica batches of a large machine, emulated."""
    in_axes = tuple(0 if s else None for s in split)
    mapped = jax.vmap(function, in_axes, axis_name=AXIS, axis_size=count)

    @functools.partial(jax.jit, donate_argnums=tuple(donate))
    def first(*args):
        return jax.tree.map(lambda leaf: leaf[0], mapped(*args))

    return first


BACKENDS = {"pmap": _pmap, "shard_map": _shard_map, "vmap": _vmap}
