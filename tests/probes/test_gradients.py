import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import base
from resinc import networks
from resinc.networks import paths
from resinc.networks.paths import unstack
from resinc.probes import gradients


def grads(scan):
    """The same gradients in the scanned and the unrolled form."""
    section = base.get_config().model
    section.update(depth=20, width=4)
    network = networks.build(section, 10)
    shapes = jax.eval_shape(
        lambda: network.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)), train=False)
    )
    random = np.random.RandomState(0)
    tree = jax.tree.map(lambda leaf: random.randn(*leaf.shape), dict(shapes["params"]))
    return tree if scan else unstack(tree)


def test_norms_are_those_of_the_arrays_in_depth_order():
    expected = {path: np.linalg.norm(leaf) for path, leaf in paths.flatten(grads(scan=False))}
    for scan in (True, False):
        found = gradients.by_layer(jax.jit(gradients.norms)(grads(scan)))
        assert list(found) == list(expected)
        np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-5)


def test_stack_stays_together_on_the_device():
    found = gradients.norms(grads(scan=True))
    assert found["stage1"]["blocks"]["conv1"]["kernel"].shape == (2,)
    assert found["stage1"]["block01"]["conv1"]["kernel"].shape == ()


@pytest.mark.parametrize("scan", [True, False])
def test_relative_updates_are_of_kernels_alone(scan):
    params = grads(scan)
    updates = jax.tree.map(lambda leaf: np.full_like(leaf, 0.5), params)
    found = gradients.by_layer(jax.jit(gradients.relative_updates)(updates, params))
    weights = [(path, leaf) for path, leaf in paths.flatten(params) if path.endswith("/kernel")]
    assert list(found) == [path for path, _ in weights]
    # A number of equal entries has the norm entry * sqrt(count).
    expected = [0.5 * leaf.size**0.5 / np.linalg.norm(leaf) for _, leaf in weights]
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-5)
