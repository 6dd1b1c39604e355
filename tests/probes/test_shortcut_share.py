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
from tests.probes import by_hand, staged


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


@pytest.mark.parametrize("block", ["residual", "preact"])
def test_branches_that_are_zero_leave_all_to_the_shortcuts(block):
    found = shortcut_share.measure(subject(zero_last_norm=True, block=block))
    assert found["cosine_of_outputs"] == pytest.approx(1, abs=1e-4)
    assert found["share"] == pytest.approx(1, abs=1e-4)
    assert found["cosine"] == pytest.approx(1, abs=1e-4)
    assert found["shortcut"] == pytest.approx(found["full"], rel=1e-4)


def test_a_shortcut_of_zero_lets_nothing_through():
    found = shortcut_share.measure(subject(shortcut_scale=0.0))
    assert (found["shortcut"], found["share"]) == (0.0, 0.0)
    assert (found["cosine"], found["cosine_of_outputs"]) == (0.0, 0.0)
    assert found["full"] > 0


def test_directions_are_those_of_gradients_by_hand():
    """Of one layer of float64 matrices per convolution: the path past all branches, and all."""
    measured = staged.subject(by_hand.SHAPE, block="residual", **by_hand.OPTIONS)
    found = shortcut_share.measure(measured)
    images, labels = (np.asarray(part) for part in measured.batch)
    arriving, kernels = ([], []), ([], [])
    for image, label in zip(images, labels, strict=True):
        own = by_hand.example(measured.params, image, residual=True)
        likely = np.exp(own.logits) / np.exp(own.logits).sum()
        back = own.head @ (likely - np.eye(3)[label]) / len(images)
        # From behind the stem's relu to its output.
        active = np.diag((own.stem != 0).any(axis=0).astype(float))
        for i, passed in enumerate((own, own._replace(blocks=[(0 * b, s) for b, s in own.blocks]))):
            gradient = passed._replace(stem=active).features() @ back
            arriving[i].append(gradient)
            kernels[i].append(np.outer(image.ravel(), gradient))

    def cosine(a, b):
        return np.vdot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))

    assert found["cosine_of_outputs"] == pytest.approx(cosine(*arriving), abs=1e-4)
    full, shortcut = (np.sum(each, axis=0) for each in kernels)
    assert found["full"] == pytest.approx(np.linalg.norm(full), rel=1e-4)
    assert found["shortcut"] == pytest.approx(np.linalg.norm(shortcut), rel=1e-4)
    assert found["cosine"] == pytest.approx(cosine(full, shortcut), abs=1e-4)
    assert found["cosine"] < 0.999


def test_stopped_branch_keeps_the_value_and_the_shortcuts_gradient():
    """Of one block the two paths add up: with f(x) = x + 3x, the shortcut brings 1 of 4."""

    class Layers:
        branch_scale = shortcut_scale = 1
        learned_scale = False
        stream_dtype = None
        shortcut_gradient = 1.0

        def __init__(self, stop):
            self.branch_gradient = 0.0 if stop else 1.0

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
