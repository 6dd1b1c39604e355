"""A branch scale that starts at 0 stands in for BatchNorm at any depth. De and Smith 2020."""

import jax
import jax.numpy as jnp
import numpy as np

from configs import base
from resinc import networks
from resinc.ops.loss import cross_entropy


def test_residual_110_without_norm_starts_as_its_shortcuts_and_every_scale_can_move():
    section = base.get_config().model
    section.update(depth=110, width=4, norm="none", learned_scale=True)
    network = networks.build(section, 3)
    # Of 1x1 pixels only the middle of a kernel sees the image.
    images = jnp.asarray(np.random.RandomState(0).randn(6, 1, 1, 3), jnp.float32)

    @jax.jit
    def start(images):
        params = network.init(jax.random.key(0, impl="rbg"), images, train=False)["params"]

        def loss(params):
            logits = network.apply({"params": params}, images, train=False)
            return jnp.mean(cross_entropy(logits, jnp.arange(6) % 3)), logits

        gradients, logits = jax.grad(loss, has_aux=True)(params)
        return params, gradients, logits

    params, gradients, logits = jax.device_get(start(images))
    # No block adds anything: relu of the stem, zeros on both sides for new channels, head.
    h = np.maximum(np.asarray(images).reshape(6, 3) @ params["stem_conv"]["kernel"][1, 1], 0)
    h = np.pad(h, ((0, 0), (6, 6)))
    np.testing.assert_allclose(logits, h @ params["head"]["kernel"], atol=1e-4)
    for stage in ("stage1", "stage2", "stage3"):
        scales = gradients[stage]["blocks"]["scale"]["alpha"]
        assert scales.shape == (17,)
        assert np.all(scales != 0)
        assert not np.any(gradients[stage]["blocks"]["conv1"]["kernel"])
