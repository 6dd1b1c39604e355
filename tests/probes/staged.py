"""Small networks of stages with random weights, for probes."""

import jax
import jax.numpy as jnp
import numpy as np

from configs import base
from resinc import networks
from resinc.probes import Subject


def section(**changes):
    model = base.get_config().model
    model.update(changes)
    return model


def subject(shape=(8, 8, 1), **changes) -> Subject:
    """Kernels by He, norms and biases scattered about where they start; 40 images."""
    model = section(**changes)
    network = networks.build(model, 3)
    random = np.random.RandomState(0)
    images = jnp.asarray(random.normal(size=(40, *shape)), jnp.float32)
    labels = jnp.asarray(random.randint(0, 3, 40), jnp.int32)
    shapes = jax.eval_shape(lambda: network.init(jax.random.key(0), images, train=False))

    def value(path, leaf):
        name = path[-1].key
        mean = 1.0 if name in ("scale", "var") else 0.0
        deviation = (2 / np.prod(leaf.shape[-4:-1])) ** 0.5 if name == "kernel" else 0.1
        return jnp.asarray(mean + random.normal(0, deviation, leaf.shape), jnp.float32)

    variables = jax.tree_util.tree_map_with_path(value, dict(shapes))
    variables = {"batch_stats": {}, **variables}
    return Subject(model, 3, network, **variables, batch=(images, labels), test=(images, labels))
