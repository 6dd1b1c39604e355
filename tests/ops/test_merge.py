"""The shortcut variants of He et al. 2016, Table 1, and the scalings of later papers."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from resinc.ops.layers import make_layers
from resinc.ops.merge import MERGES, join
from resinc.ops.shortcut import SHORTCUTS


class Joined(nn.Module):
    """join(x, 2 x) with the options under test."""

    merge: str = "add"
    train: bool = True
    options: tuple = ()

    @nn.compact
    def __call__(self, x, gain=None):
        layers = make_layers(
            train=self.train,
            shortcut=SHORTCUTS["A"],
            merge=MERGES[self.merge],
            **dict(self.options),
        )
        return join(layers, x, 2 * x, 1, gain)


def images():
    return jnp.asarray(np.random.RandomState(0).rand(4, 3, 3, 6), jnp.float32) + 0.5


def joined(merge="add", train=True, gain=None, **options):
    """Output over input: 3 where shortcut and branch are added as they are."""
    module = Joined(merge, train, tuple(options.items()))
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(1)}
    y, variables = module.init_with_output(keys, images(), gain)
    return np.asarray(y / images()), variables.get("params", {})


@pytest.mark.parametrize(
    ("options", "factor"),
    [
        ({}, 3.0),
        ({"shortcut_scale": 0.5}, 2.5),
        ({"shortcut_scale": 0.0}, 2.0),
        ({"shortcut_scale": 0.5, "branch_scale": 0.5}, 1.5),
        ({"branch_scale": 0.1}, 1.2),
        ({"learned_scale": True}, 1.0),
        ({"gain": jnp.asarray(0.25)}, 1.5),
    ],
)
def test_factors_multiply_what_they_name(options, factor):
    np.testing.assert_allclose(joined(**options)[0], factor, rtol=1e-6)


def test_learned_scale_is_one_number():
    params = joined(learned_scale=True)[1]
    assert jax.tree.map(jnp.shape, params) == {"scale": {"alpha": ()}}


def test_a_stream_of_float32_keeps_what_a_small_branch_adds():
    x, branch = jnp.ones((1, 1, 1, 4), jnp.bfloat16), jnp.full((1, 1, 1, 4), 2**-10, jnp.bfloat16)
    half = functools.partial(
        make_layers,
        train=True,
        shortcut=SHORTCUTS["A"],
        merge=MERGES["add"],
        dtype=jnp.bfloat16,
    )
    assert np.unique(join(half(), x, branch, 1)).tolist() == [1]
    kept = join(half(stream_dtype=jnp.float32), x, branch, 1)
    assert (kept.dtype, np.unique(kept).tolist()) == (jnp.float32, [1 + 2**-10])


@pytest.mark.parametrize("bias", [-6.0, 0.0, 6.0])
def test_gates_start_where_the_bias_puts_them(bias):
    """With a kernel near zero, g = sigmoid(bias): Table 1 depends on it."""
    g = 1 / (1 + np.exp(-bias))
    near = {"rtol": 0.9, "atol": 0.9}  # The random kernel moves the gate by about one.
    exclusive, params = joined("exclusive_gate", gate_bias=bias)
    shortcut_only, _ = joined("shortcut_gate", gate_bias=bias)
    np.testing.assert_allclose(exclusive, (1 - g) + 2 * g, **near)
    np.testing.assert_allclose(shortcut_only, (1 - g) + 2, **near)
    np.testing.assert_array_equal(params["gate"]["bias"], np.full(6, bias))
    # One gate, applied to shortcut and branch, or to the shortcut alone.
    np.testing.assert_allclose(1 + (exclusive - 1), 1 + (3 - shortcut_only), rtol=1e-5)


def test_dropout_is_on_the_shortcut_and_in_training_only():
    trained, _ = joined("dropout", train=True)
    assert sorted(set(np.round(trained.ravel(), 3))) == [2.0, 4.0]
    np.testing.assert_allclose(joined("dropout", train=False)[0], 3, rtol=1e-6)


def test_no_norm_gives_convolutions_a_bias():
    layers = make_layers(train=True, shortcut=SHORTCUTS["A"], merge=MERGES["add"], norm="none")
    params = layers.conv(4, name=None).init(jax.random.key(0), images())["params"]
    assert params["bias"].shape == (4,)
    np.testing.assert_array_equal(layers.norm().apply({}, images()), images())


def test_zero_last_norm_starts_at_zero_and_the_others_at_one():
    layers = make_layers(
        train=True, shortcut=SHORTCUTS["A"], merge=MERGES["add"], zero_last_norm=True
    )
    key = jax.random.key(0)
    assert not np.any(layers.last_norm().init(key, images())["params"]["scale"])
    assert np.all(layers.norm().init(key, images())["params"]["scale"] == 1)
