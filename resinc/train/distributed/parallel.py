"""Data parallelism, and the only file that names pmap, shard_map, psum or a mesh.

`step.py` is written for one replica. A replica sees its part of the batch; parameters, optimizer
state and running statistics are the same on all of them.

Over several processes each gives its devices their part of a batch and holds a copy of all else. A
function mapped by pmap takes and returns arrays of this process; one by shard_map, arrays that are
spread over all of them. `replicate` and `split` give either what it takes.
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
      count: d, replicas over all processes; one per device except under "vmap".
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
        return jax.tree.map(lambda total: total / self.count, self.sum(tree))

    def sum(self, tree: Any) -> Any:
        """Over all replicas, in the same order on any number of processes."""
        return _sum_in_order(tree, self) if _sums_out_of_order(self) else jax.lax.psum(tree, AXIS)

    def gather(self, own: jax.Array) -> jax.Array:
        """What each replica has, [n, ...] -> [d, n, ...], the same on all of them."""
        place = jnp.zeros((self.count, *own.shape), own.dtype)
        return jax.lax.psum(place.at[jax.lax.axis_index(AXIS)].set(own), AXIS)

    def own_key(self, key: jax.Array) -> jax.Array:
        """A key of this replica's own, for dropout: its masks are not those of its neighbours."""
        return jax.random.fold_in(key, jax.lax.axis_index(AXIS))

    def split(self, batch: Any) -> Any:
        """A pytree of this process's [b, ...] -> [d, b/d, ...], d of its own replicas."""
        own = self.count // jax.process_count()
        return jax.tree.map(lambda leaf: leaf.reshape(own, -1, *leaf.shape[1:]), batch)

    def replicate(self, tree: Any) -> Any:
        """Put a pytree on every device once; a mapped function then takes it without a copy."""
        if self.backend == "vmap":
            return jax.device_put(tree)
        if self.backend == "pmap":
            return jax.device_put(tree, NamedSharding(_own_mesh(self.count), PartitionSpec()))
        return _whole_on(_mesh(self.count), tree)

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
      InputError: an unknown back end, more replicas than devices, or a batch or the replicas do not
        divide.
    """
    lookup(BACKENDS, backend, "parallel backend")
    devices, processes = jax.device_count(), jax.process_count()
    if backend == "vmap" and processes > 1:
        raise InputError(f"parallel.backend 'vmap' is for one process, and here are {processes}")
    if count < 0 or (backend != "vmap" and count > devices):
        raise InputError(f"parallel.replicas {count} is not between 0 and {devices} devices")
    count = count or (1 if backend == "vmap" else devices)
    if batch_size < 1 or batch_size % count:
        what = "devices" if backend != "vmap" else "replicas"
        raise InputError(f"batch size {batch_size} is not divisible by {count} {what}")
    if count % processes:
        raise InputError(f"parallel.replicas {count} is not divisible by {processes} processes")
    return Replicas(backend, count)


def all_devices() -> Replicas:
    """For what is the same on any number of them, such as an evaluation."""
    return Replicas("pmap", jax.device_count())


def global_arrays(tree: Any) -> Any:
    """Of host arrays that are the same in all processes, arrays that belong to all: for Orbax.

    On one device of each process, so that each writes its part.
    """
    return _whole_on(_mesh(jax.process_count()), tree)


def _devices(count: int) -> list[jax.Device]:
    """As many of each process, one process after the other, as the rows of a batch are."""
    each = count // jax.process_count()
    every = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    kept = {
        process: [device for device in every if device.process_index == process][:each]
        for process in range(jax.process_count())
    }
    return [device for process in kept.values() for device in process]


def _mesh(count: int) -> Mesh:
    return Mesh(np.array(_devices(count)), (AXIS,))


def _own_mesh(count: int) -> Mesh:
    """Of the devices of this process alone."""
    own = [d for d in _devices(count) if d.process_index == jax.process_index()]
    return Mesh(np.array(own), (AXIS,))


def _whole_on(mesh: Mesh, tree: Any) -> Any:
    """Copy a pytree to every device of a mesh, which may be of other processes too."""
    sharding = NamedSharding(mesh, PartitionSpec())
    if jax.process_count() == 1:
        return jax.device_put(tree, sharding)
    # `device_put` would send all of it to the other processes, to see if theirs is the same.
    return jax.tree.map(
        lambda leaf: jax.make_array_from_process_local_data(sharding, np.asarray(leaf)),
        jax.device_get(tree),
    )


def _sums_out_of_order(replicas: Replicas) -> bool:
    """Whether a sum over replicas has another order, so other bits, than in a single process.

    Of CPU devices in several processes Gloo makes it, starting each part at another replica.
    """
    return replicas.count > 2 and jax.process_count() > 1 and jax.devices()[0].platform == "cpu"


def _sum_in_order(tree: Any, replicas: Replicas) -> Any:
    """The sum over replicas by their numbers, as a single process of CPU devices makes it."""

    def total(own: jax.Array) -> jax.Array:
        if own.dtype != jnp.float32:
            return jax.lax.psum(own, AXIS)
        # To be gathered zeros are added, by which -0.0 becomes 0.0; as in a single process.
        return functools.reduce(jnp.add, replicas.gather(own))

    return jax.tree.map(total, tree)


def _pmap(function: Callable, count: int, split: Sequence[bool], donate: Sequence[int]) -> Callable:
    return jax.pmap(
        function,
        AXIS,
        in_axes=tuple(0 if s else None for s in split),
        # Takes replica 0's outputs, unchecked; shard_map's default checks that they agree.
        out_axes=None,
        donate_argnums=tuple(donate),
        devices=_devices(count),
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

    mesh = _mesh(count)
    specs = tuple(PartitionSpec(AXIS) if s else PartitionSpec() for s in split)
    mapped = jax.shard_map(on_shard, mesh=mesh, in_specs=specs, out_specs=PartitionSpec())
    compiled = jax.jit(mapped, donate_argnums=tuple(donate))
    if jax.process_count() == 1:
        return compiled
    by_replica = NamedSharding(mesh, PartitionSpec(AXIS))

    def joined(*args):
        return compiled(
            *(
                jax.tree.map(functools.partial(_joined, by_replica), arg) if s else arg
                for arg, s in zip(args, split, strict=True)
            )
        )

    return joined


def _joined(sharding: NamedSharding, own: np.ndarray) -> jax.Array:
    """The array of all processes of which `own` is this one's part."""
    return jax.make_array_from_process_local_data(sharding, own)


def _vmap(function: Callable, count: int, split: Sequence[bool], donate: Sequence[int]) -> Callable:
    """All replicas on one device: the small per-replica batches of a large machine, emulated."""
    in_axes = tuple(0 if s else None for s in split)
    mapped = jax.vmap(function, in_axes, axis_name=AXIS, axis_size=count)

    @functools.partial(jax.jit, donate_argnums=tuple(donate))
    def first(*args):
        return jax.tree.map(lambda leaf: leaf[0], mapped(*args))

    return first


BACKENDS = {"pmap": _pmap, "shard_map": _shard_map, "vmap": _vmap}
