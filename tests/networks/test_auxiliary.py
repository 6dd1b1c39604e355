"""Auxiliary classifiers of staged networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import base
from resinc import networks
from resinc.cost.count import network_cost
from resinc.errors import InputError
from resinc.networks.paths import unstack
from tests import drawn


def build(heads, **changes):
    section = base.get_config().model
    section.update(depth=14, width=4, auxiliary_heads=heads, **changes)
    return networks.build(section, 10)


X = jnp.asarray(np.random.RandomState(0).rand(4, 8, 8, 3), jnp.float32)


def variables(network):
    return drawn.variables(network, X.shape[1:])


def loss(network, state, weight, own):
    """`own` times the sum of the network's logits plus `weight` times those of the heads, squared.

    Returns:
      Loss and gradient.
    """

    def total(params):
        logits, updates = network.apply(
            {**state, "params": params}, X, train=True, mutable=["batch_stats", "auxiliary"]
        )
        others = jax.tree.leaves(updates.get("auxiliary", {}))
        return own * jnp.sum(logits**2) + weight * sum(jnp.sum(other**2) for other in others)

    return jax.jit(jax.value_and_grad(total))(state["params"])


@pytest.mark.parametrize(("heads", "reached"), [(0, 0), (1, 1), (2, 2)])
def test_gradient_of_the_heads_alone_ends_at_the_last_of_them(heads, reached):
    network = build(heads)
    _, gradients = loss(network, variables(network), weight=1.0, own=0.0)
    assert {f"aux{i + 1}" for i in range(heads)} == {n for n in gradients if n.startswith("aux")}
    moved = {
        name: any(bool(jnp.any(leaf != 0)) for leaf in jax.tree.leaves(tree))
        for name, tree in gradients.items()
    }
    stages = {f"stage{i}": i <= reached for i in (1, 2, 3)}
    assert {name: moved[name] for name in stages} == stages
    assert not moved["head"]


def test_scan_equals_unrolled_with_heads():
    scanned, unrolled = build(2), build(2, scan=False)
    state = variables(scanned)
    apart = {name: unstack(tree) for name, tree in state.items()}
    ours, gradients = loss(scanned, state, 0.3, 1.0)
    theirs, gradients_apart = loss(unrolled, apart, 0.3, 1.0)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4),
        unstack(gradients),
        gradients_apart,
    )


def test_heads_are_there_in_training_alone():
    network = build(2)
    state = variables(network)

    def run(train):
        mutable = ["auxiliary", "batch_stats"]
        return jax.eval_shape(lambda v: network.apply(v, X, train=train, mutable=mutable), state)

    assert run(train=False)[1].get("auxiliary", {}) == {}
    sown = run(train=True)[1]["auxiliary"]
    assert [leaf.shape for leaf in jax.tree.leaves(sown)] == [(4, 10)] * 2
    # They cost nothing in use: multiply-adds are counted in evaluation.
    costs = [network_cost(build(heads), (8, 8, 3)) for heads in (0, 2)]
    assert costs[0].multiply_adds == costs[1].multiply_adds
    # 10 classes from 4 and from 8 channels.
    assert costs[1].parameters - costs[0].parameters == (4 + 1) * 10 + (8 + 1) * 10


@pytest.mark.parametrize("heads", [-1, 3])
def test_head_behind_no_stage_is_refused(heads):
    with pytest.raises(InputError, match=f"auxiliary_heads {heads} is not between 0 and 2"):
        build(heads)
