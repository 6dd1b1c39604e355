"""pmap, shard_map and one device make the same step."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import base
from resinc import networks
from resinc.data.source import Batch
from resinc.errors import InputError
from resinc.train.distributed.parallel import AXIS, Replicas, _sum_in_order, make_replicas
from resinc.train.replica.optimizer import make_optimizer, make_schedule
from resinc.train.replica.state import init_state
from resinc.train.replica.step import make_eval_step, make_train_step

SIZE, BATCH = 40, 16


@functools.cache
def examples() -> Batch:
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (SIZE, 8, 8, 3)).astype(np.uint8)
    labels = random.randint(0, 10, SIZE).astype(np.int32)
    return Batch(images, labels, np.arange(SIZE, dtype=np.int32))


def scale(images, ids=None, key=None):
    return images.astype(jnp.float32) / 255


def machine(sync: bool):
    config = base.get_config()
    config.model.depth, config.model.width, config.model.sync_batch_norm = 8, 4, sync
    schedule = make_schedule(config.schedule, 0.1, 10)
    return (
        networks.build(config.model, 10, AXIS),
        make_optimizer(config.optimizer, schedule),
        schedule,
    )


@functools.cache
def after_two_steps(backend: str, count: int, sync: bool):
    """State, report and exact sums over 37 of the 40 examples."""
    network, optimizer, schedule = machine(sync)
    replicas = Replicas(backend, count)
    state = replicas.replicate(init_state(network, optimizer, (8, 8, 3), seed=3))
    step = replicas.map(
        make_train_step(network, optimizer, schedule, scale, replicas, 3, 2), split=(False, True)
    )
    for start in (0, 8):
        batch = Batch(*(leaf[start : start + BATCH] for leaf in examples()))
        state, report = step(state, replicas.split(batch))
    evaluate = replicas.map(
        make_eval_step(network, scale, replicas), split=(False, False, True, True)
    )
    masked = replicas.split((examples(), examples().id < 37))
    sums = evaluate(state.params, state.batch_stats, *masked)
    # In one row, whatever the replicas.
    return jax.device_get((state, report, sums._replace(errors=sums.errors.ravel())))


def assert_equal(a, b):
    # Two steps at 0.1 of a BatchNorm network amplify the order of a float32 sum.
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=2e-4, atol=2e-5), a, b)


def test_synchronised_eight_devices_equal_one():
    """With BatchNorm over the global batch the number of replicas is invisible."""
    assert_equal(after_two_steps("pmap", 8, True), after_two_steps("pmap", 1, True))


def test_per_replica_eight_devices_equal_one_device():
    """The eight small BatchNorms of eight devices, computed on one."""
    assert_equal(after_two_steps("pmap", 8, False), after_two_steps("vmap", 8, False))


@pytest.mark.parametrize("sync", [True, False])
def test_shard_map_equals_pmap(sync):
    assert_equal(after_two_steps("shard_map", 8, sync), after_two_steps("pmap", 8, sync))


def test_per_replica_and_synchronised_norm_differ():
    """Else the comparisons above would prove nothing about BatchNorm."""
    apart, together = after_two_steps("pmap", 8, False), after_two_steps("pmap", 8, True)
    assert abs(apart[1].loss - together[1].loss) > 1e-3


def test_evaluation_counts_masked_examples_never():
    sums = after_two_steps("pmap", 8, True)[2]
    assert sums.seen == 37
    assert sums.id_sum == 37 * 38 // 2


@pytest.mark.parametrize(
    ("backend", "count"), [("pmap", 1), ("pmap", 8), ("shard_map", 8), ("vmap", 8)]
)
def test_errors_of_the_examples_keep_their_order_on_any_number_of_replicas(backend, count):
    one = after_two_steps("pmap", 1, True)[2].errors
    many = after_two_steps(backend, count, True)[2]
    np.testing.assert_array_equal(many.errors, one)
    assert 0 < one.sum() == many.error
    assert not one[37:].any()  # Masked.


@pytest.mark.parametrize("backend", ["pmap", "shard_map"])
def test_sum_in_the_order_of_replicas_has_the_bits_of_one_process(backend):
    """By it several processes of CPU devices make what a single one does."""
    replicas = Replicas(backend, 4)
    own = np.random.RandomState(0).randn(4, 1000).astype(np.float32) * [[1], [1e3], [1e-3], [1]]
    own[:, :2] = -0.0  # The sum of which begins with 0.0.
    tree = {"a": own.astype(np.float32), "count": np.arange(4, dtype=np.int32)}

    def both(tree):
        return _sum_in_order(tree, replicas), replicas.sum(tree)

    ordered, direct = replicas.map(both, split=(True,))(tree)
    for name in tree:
        assert np.asarray(ordered[name]).tobytes() == np.asarray(direct[name]).tobytes()


@pytest.mark.parametrize(
    ("backend", "count", "batch", "message"),
    [
        ("pmap", 0, 100, "batch size 100 is not divisible by 8 devices"),
        ("shard_map", 3, 100, "batch size 100 is not divisible by 3 devices"),
        ("vmap", 3, 100, "batch size 100 is not divisible by 3 replicas"),
        ("pmap", 9, 9, "parallel.replicas 9 is not between 0 and 8 devices"),
        ("pmapp", 0, 8, "did you mean 'pmap'"),
        ("pmap", 0, 0, "batch size 0"),
    ],
)
def test_what_does_not_divide_is_refused(backend, count, batch, message):
    with pytest.raises(InputError, match=message):
        make_replicas(backend, count, batch)
