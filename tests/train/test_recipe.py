"""Label smoothing, micro-batches and mixing in the compiled step, against what they stand for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from resinc import data
from resinc.data.on_device import normalize
from resinc.data.source import Resident
from resinc.errors import InputError
from resinc.ops.loss import cross_entropy, training_objective
from resinc.train.assemble import assemble
from resinc.train.compiled.program import Program
from resinc.train.distributed.parallel import Replicas
from resinc.train.replica.micro_batches import mean_over_parts
from resinc.train.replica.state import init_state
from tests.train.runs import config


def test_smoothed_loss_is_the_cross_entropy_with_the_smoothed_target():
    logits = jnp.array([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    target = np.array([[0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3], [0.1 / 3, 0.1 / 3, 0.9 + 0.1 / 3]])
    labels = jnp.array([0, 2])
    by_hand = -(target * np.asarray(jax.nn.log_softmax(logits))).sum(1)
    np.testing.assert_allclose(cross_entropy(logits, labels, 0.1), by_hand, rtol=1e-6)
    smooth, plain = (training_objective("classify", e).score for e in (0.1, 0.0))
    np.testing.assert_allclose(smooth(logits, None, labels).loss, by_hand, rtol=1e-6)
    np.testing.assert_array_equal(smooth(logits, None, labels).error, [0, 1])
    assert plain(logits, None, labels).loss[0] < by_hand[0]


def after(steps, **changes):
    """(state, reports) after so many steps from the seed."""
    settings = config(**{"data__augment": "none", "batch_size": 8, "model__width": 2, **changes})
    machine = assemble(settings)
    splits = data.load(settings.data)
    source = Resident.of(splits, settings.seed, settings.batch_size)
    normalizer = normalize.configured(splits.train.image, settings.data)
    program = Program(machine, source, normalizer)
    averaged = settings.average_decay > 0
    first = init_state(machine.network, machine.optimizer, (8, 8, 1), settings.seed, averaged)
    state = program.place(first)
    reports = []
    for step in range(steps):
        state, report = program.train(state, [source.batch(step)])
        reports.append(jax.device_get(report))
    return jax.device_get(state), reports


def differences(one, other):
    return [
        float(np.max(np.abs(a - b))) if a.size else 0.0
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    ]


def test_micro_batches_equal_the_large_batch_where_there_is_no_batchnorm():
    settings = {"model__norm": "none", "optimizer__lr": 0.01}
    whole, (large,) = after(1, **settings)
    parts, (small,) = after(1, **settings, micro_batches=4)
    assert max(differences(whole.params, parts.params)) < 1e-6
    assert max(differences(whole.params, parts.params)) > 0  # Another sum.
    np.testing.assert_allclose(small.loss, large.loss, rtol=1e-5)


@pytest.mark.slow
def test_micro_batches_of_one_replica_compute_what_so_many_replicas_do():
    shared = {"parallel__backend": "vmap"}
    replicas, _ = after(2, **shared, parallel__replicas=2)
    parts, _ = after(2, **shared, parallel__replicas=1, micro_batches=2)
    whole, _ = after(2, **shared, parallel__replicas=1)
    same = differences((replicas.params, replicas.batch_stats), (parts.params, parts.batch_stats))
    assert max(same) < 1e-4
    assert max(differences(whole.batch_stats, parts.batch_stats)) > 1e-3


def test_mixed_steps_are_those_of_any_number_of_replicas():
    settings = {"model__norm": "none", "optimizer__lr": 0.01, "data__mixup": 1.0}
    one, _ = after(2, **settings)
    two, _ = after(2, **settings, parallel__replicas=2)
    plain, _ = after(2, **settings | {"data__mixup": 0.0})
    assert max(differences(one.params, two.params)) < 1e-6
    assert max(differences(one.params, plain.params)) > 1e-5


@pytest.mark.parametrize("platform", ["cpu", "gpu"])
def test_parts_are_averaged_in_their_order_unrolled_or_in_a_loop(platform, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: platform)
    batch = (jnp.arange(6.0), jnp.arange(6))

    def function(part, number):
        return {"mean": jnp.mean(part[0] ** 2), "number": number * jnp.sum(part[1]) * 1.0}

    found = mean_over_parts(function, batch, 3, Replicas("vmap", 1))
    np.testing.assert_allclose(found["mean"], np.mean(np.arange(6.0) ** 2))
    np.testing.assert_allclose(found["number"], (0 * 1 + 1 * 5 + 2 * 9) / 3)


@pytest.mark.slow
def test_back_ends_agree_on_parts_mixed_examples_and_the_average():
    settings = {"micro_batches": 2, "data__cutmix": 1.0, "label_smoothing": 0.1}
    settings |= {"average_decay": 0.5, "parallel__replicas": 2, "batch_size": 16}
    pmap, shard_map = (
        after(1, **settings, parallel__backend=name)[0] for name in ("pmap", "shard_map")
    )
    assert jax.tree.leaves(pmap.average)
    assert max(differences(pmap, shard_map)) < 1e-4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"micro_batches": 3}, "micro_batches 3 does not divide the 32 examples per replica"),
        ({"data__mixup": 0.2, "data__cutmix": 1.0}, "data.mixup 0.2 and data.cutmix 1.0 exclude"),
        ({"data__cutmix": 1.0, "batch_size": 5}, "5 examples per replica are an odd number"),
        (
            {"label_smoothing": 0.1, "objective": "reproduce", "model__name": "stack"},
            "label_smoothing 0.1 needs labels, and 'reproduce' has none",
        ),
    ],
)
def test_a_bad_combination_is_one_sentence(changes, said):
    with pytest.raises(InputError, match=said):
        assemble(config(**changes))
