"""Kernels that start a plain network near the identity, or linear."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import base
from resinc import networks
from resinc.errors import InputError
from resinc.ops.conv import conv2d
from resinc.ops.kernels import INITS, dirac, looks_linear

KEY = jax.random.key(0, impl="rbg")


def images(channels):
    return jnp.asarray(np.random.RandomState(0).randn(2, 4, 4, channels), jnp.float32)


@pytest.mark.parametrize(
    ("channels", "features", "groups"), [(6, 6, 1), (6, 12, 1), (6, 4, 1), (6, 6, 2)]
)
def test_dirac_passes_channels_on_and_adds_a_tenth(channels, features, groups):
    kernel = dirac(KEY, (3, 3, channels // groups, features))
    x = images(channels)
    passed = jnp.concatenate([x, x], axis=-1)[..., :features]
    rest = kernel - dirac_delta(kernel.shape)
    np.testing.assert_allclose(jnp.sum(rest**2, (0, 1, 2)) ** 0.5, 0.1, rtol=1e-4)
    y = conv2d(x, kernel, groups=groups) - conv2d(x, rest, groups=groups)
    np.testing.assert_allclose(y, passed, atol=1e-4)


def dirac_delta(shape):
    """One 1 per output in the middle of the kernel."""
    delta = np.zeros(shape, np.float32)
    for o in range(shape[3]):
        delta[1, 1, o % shape[2], o] = 1
    return delta


def test_mirrored_kernel_sees_through_relu():
    """Of (relu(z), relu(-z)), channel by channel, it gives (K z, -K z)."""
    kernel = looks_linear(KEY, (3, 3, 6, 8))
    assert kernel.dtype == jnp.float32
    z = images(3)
    pairs = jnp.stack([z, -z], axis=-1).reshape(2, 4, 4, 6)
    y = conv2d(jax.nn.relu(pairs), kernel)
    expected = conv2d(z, kernel[:, :, ::2, ::2])
    np.testing.assert_allclose(y[..., ::2], expected, atol=1e-5)
    np.testing.assert_allclose(y[..., 1::2], -expected, atol=1e-5)
    columns = np.asarray(kernel[:, :, ::2, ::2]).reshape(27, 4)
    np.testing.assert_allclose(columns.T @ columns, np.eye(4), atol=1e-5)


@pytest.mark.parametrize("init", INITS)
def test_only_looks_linear_is_linear_through_a_whole_plain_network(init):
    """Without BatchNorm, up to the differences of paired features: f(x + y) = f(x) + f(y)."""
    section = base.get_config().model
    section.update(block="plain", depth=14, width=4, norm="none", init=init)
    network = networks.build(section, 16)

    @functools.partial(jax.jit, static_argnums=0)
    def features(scale, x):
        variables = network.init(KEY, x, train=False)
        params = variables["params"]
        # A head that takes the difference of each pair: column i is e_2i - e_2i+1.
        differ = jnp.zeros((16, 16)).at[jnp.arange(0, 16, 2), jnp.arange(8)].set(1.0)
        differ = differ.at[jnp.arange(1, 16, 2), jnp.arange(8)].set(-1.0)
        head = {**params["head"], "kernel": differ}
        return network.apply({"params": {**params, "head": head}}, scale * x, train=False)

    x = np.random.RandomState(1).randn(3, 8, 8, 1).astype(np.float32)
    x[2] = x[0] + x[1]
    y = np.asarray(features(1, x))
    assert np.abs(y).max() > 0
    is_linear = np.abs(y[2] - y[0] - y[1]).max() < 1e-4 * np.abs(y).max()
    assert is_linear == (init == "looks_linear")


def test_channels_that_cannot_be_paired_and_unknown_names_are_refused():
    section = base.get_config().model
    section.update(width=3, depth=8, init="looks_linear")
    network = networks.build(section, 10)
    with pytest.raises(InputError, match="pairs channels, but a convolution has 3"):
        jax.eval_shape(lambda: network.init(KEY, jnp.zeros((1, 8, 8, 1)), train=False))
    section.init = "hee"
    with pytest.raises(InputError, match=r"unknown init 'hee'.*dirac, he, looks_linear"):
        networks.build(section, 10)
