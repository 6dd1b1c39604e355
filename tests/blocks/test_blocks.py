import jax
import jax.numpy as jnp
import numpy as np
import pytest

from resinc.blocks import BLOCKS, ResidualBlock
from resinc.ops.layers import make_layers
from resinc.ops.shortcut import SHORTCUTS


def layers(shortcut="A", train=True):
    return make_layers(train=train, shortcut=SHORTCUTS[shortcut])


def images(shape=(4, 8, 8, 6)):
    return jnp.asarray(np.random.RandomState(0).rand(*shape), jnp.float32)


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize(("features", "stride"), [(6, 1), (12, 2)])
def test_block_maps_to_its_features_and_stride(name, features, stride):
    block = BLOCKS[name](layers(), features, stride)
    x = images()
    y, variables = block.init_with_output(jax.random.key(0, impl="rbg"), x)
    assert y.shape == (4, 8 // stride, 8 // stride, features)
    gradient = jax.grad(
        lambda x: jnp.sum(block.apply(variables, x, mutable=["batch_stats"])[0] ** 2)
    )(x)
    assert bool(jnp.any(gradient != 0))


@pytest.mark.parametrize("shortcut", SHORTCUTS)
def test_zero_branch_leaves_only_the_shortcut(shortcut):
    block = ResidualBlock(layers(shortcut), 6)
    x = images()
    variables = block.init(jax.random.key(0, impl="rbg"), x)
    params = variables["params"]
    params["norm2"]["scale"] *= 0
    y = block.apply({**variables, "params": params}, x, mutable=["batch_stats"])[0]
    is_identity = bool(jnp.all(y == x))
    assert is_identity == (shortcut in ("A", "B"))


def test_option_a_takes_every_second_pixel_and_pads_with_zeros():
    x = images()
    y = SHORTCUTS["A"](None, x, 10, 2)
    np.testing.assert_array_equal(y[..., 2:8], x[:, ::2, ::2])
    assert not jnp.any(y[..., :2])
    assert not jnp.any(y[..., 8:])


@pytest.mark.parametrize(
    ("shortcut", "at_change", "elsewhere"),
    [("A", False, False), ("B", True, False), ("C", True, True)],
)
def test_projections_stand_where_the_option_puts_them(shortcut, at_change, elsewhere):
    def has_projection(features, stride):
        block = ResidualBlock(layers(shortcut), features, stride)
        return "shortcut" in block.init(jax.random.key(0, impl="rbg"), images())["params"]

    assert has_projection(12, 2) == at_change
    assert has_projection(6, 1) == elsewhere
