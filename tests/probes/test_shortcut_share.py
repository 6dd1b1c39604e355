"""The share of the gradient that comes by the shortcuts."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import digits
from resinc import networks
from resinc.errors import InputError
from resinc.ops.merge import join
from resinc.probes import Subject, check_probes, shortcut_share


def subject(**changes):
    section = digits.get_config("depth=8").model
    section.update(width=4, **changes)
    network = networks.build(section, 10)
    random = np.random.RandomState(0)
    images = jnp.asarray(random.rand(16, 8, 8, 1), jnp.float32)
    batch = images, jnp.asarray(random.randint(0, 10, 16))
    variables = jax.jit(lambda key: network.init(key, images, train=False))(jax.random.key(1))
    params, batch_stats = variables["params"], variables.get("batch_stats", {})
    return Subject(section, 10, network, params, batch_stats, batch, batch)


def test_branches_that_are_zero_leave_all_to_the_shortcuts():
    found = shortcut_share.measure(subject(zero_last_norm=True))
    assert found["share"] == pytest.approx(1, abs=1e-4)
    assert found["cosine"] == pytest.approx(1, abs=1e-4)
    assert found["shortcut"] == pytest.approx(found["full"], rel=1e-4)


def test_a_shortcut_of_zero_lets_nothing_through():
    found = shortcut_share.measure(subject(shortcut_scale=0.0))
    assert (found["shortcut"], found["share"]) == (0.0, 0.0)
    assert found["full"] > 0


def test_both_take_part_else():
    found = shortcut_share.measure(subject())
    assert 0 < found["shortcut"] != pytest.approx(found["full"], rel=0.01)


def test_stopped_branch_keeps_the_value_and_the_shortcuts_gradient():
    """Of one block the two paths add up: with f(x) = x + 3x, the shortcut brings 1 of 4."""

    class Layers:
        branch_scale = shortcut_scale = 1
        learned_scale = False

        def __init__(self, stop):
            self.stop_branch = stop

        shortcut = staticmethod(lambda layers, x, features, stride: x)
        merge = staticmethod(lambda layers, shortcut, branch: shortcut + branch)

    def block(stop, x):
        return jnp.sum(join(Layers(stop), x, 3 * x, 1))

    x = jnp.ones((1, 1, 1, 1))
    for stop, slope in ((False, 4.0), (True, 1.0)):
        value, gradient = jax.value_and_grad(functools.partial(block, stop))(x)
        assert (float(value), float(gradient.sum())) == (4.0, slope)


def test_networks_without_shortcuts_are_refused():
    section = digits.get_config("depth=8,block=plain").model
    with pytest.raises(InputError, match="'plain' in 'cifar'"):
        check_probes(("shortcut_share",), section)
