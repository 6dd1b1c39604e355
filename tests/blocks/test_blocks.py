import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from resinc.blocks import BLOCKS, ResidualBlock
from resinc.networks.variables import variable_shapes
from resinc.ops.layers import make_layers
from resinc.ops.merge import MERGES
from resinc.ops.shortcut import SHORTCUTS
from tests import drawn


def layers(shortcut="A", train=True):
    return make_layers(train=train, shortcut=SHORTCUTS[shortcut], merge=MERGES["add"])


def images(shape=(4, 8, 8, 8)):
    return jnp.asarray(np.random.RandomState(0).rand(*shape), jnp.float32)


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize(("features", "stride"), [(8, 1), (16, 2)])
def test_block_maps_to_its_features_and_stride(name, features, stride):
    block = BLOCKS[name](layers(), features, stride)
    x = images()
    variables = drawn.variables(block, x.shape[1:])

    @jax.jit
    def output_and_gradient(x):
        def total(x):
            y, _ = block.apply(variables, x, mutable=["batch_stats"])
            return jnp.sum(y**2), y

        return jax.grad(total, has_aux=True)(x)

    gradient, y = output_and_gradient(x)
    assert y.shape == (4, 8 // stride, 8 // stride, features)
    assert bool(jnp.any(gradient != 0))


@pytest.mark.parametrize("name", [name for name in BLOCKS if BLOCKS[name].has_branch])
def test_a_stream_of_its_own_precision_comes_out_of_every_residual_block(name):
    """And into the next, so that blocks can be scanned; all convolutions are of bfloat16."""

    def traced(block, x):
        variables = jax.eval_shape(block.init, jax.random.key(0), x)
        return jax.make_jaxpr(lambda v, x: block.apply(v, x, mutable=["batch_stats"])[0])(
            variables, x
        )

    convolved_whole = r":f32\S* = conv_general_dilated"
    half = functools.partial(
        make_layers,
        train=True,
        shortcut=SHORTCUTS["A"],
        merge=MERGES["add"],
        dtype=jnp.bfloat16,
    )
    for given in (images().astype(jnp.bfloat16), images()):
        block = BLOCKS[name](half(stream_dtype=jnp.float32), 8)
        jaxpr = traced(block, given)
        assert [out.dtype for out in jaxpr.out_avals] == [jnp.float32]
        assert not re.search(convolved_whole, str(jaxpr))
    off = traced(BLOCKS[name](half(), 8), images().astype(jnp.bfloat16))
    assert [out.dtype for out in off.out_avals] == [jnp.bfloat16]
    # With float32 activations it changes nothing.
    whole = [
        str(traced(BLOCKS[name](half(dtype=jnp.float32, **stream), 8), images()))
        for stream in ({}, {"stream_dtype": jnp.float32})
    ]
    assert whole[0] == whole[1]
    assert re.search(convolved_whole, whole[0])


@pytest.mark.parametrize("shortcut", SHORTCUTS)
def test_zero_branch_leaves_only_the_shortcut(shortcut):
    block = ResidualBlock(layers(shortcut), 8)
    x = images()
    variables = drawn.variables(block, x.shape[1:])
    for name in ("scale", "bias"):
        variables["params"]["norm2"][name] *= 0
    y = jax.jit(lambda v: block.apply(v, x, mutable=["batch_stats"])[0])(variables)
    is_identity = bool(jnp.all(y == x))
    assert is_identity == (shortcut in ("A", "B"))


def test_option_a_takes_every_second_pixel_and_pads_with_zeros():
    x = images()
    y = SHORTCUTS["A"](None, x, 12, 2)
    np.testing.assert_array_equal(y[..., 2:10], x[:, ::2, ::2])
    assert not jnp.any(y[..., :2])
    assert not jnp.any(y[..., 10:])


@pytest.mark.parametrize(
    ("shortcut", "at_change", "elsewhere"),
    [("A", False, False), ("B", True, False), ("C", True, True)],
)
def test_projections_stand_where_the_option_puts_them(shortcut, at_change, elsewhere):
    def has_projection(features, stride):
        block = ResidualBlock(layers(shortcut), features, stride)
        return "shortcut" in variable_shapes(block, (8, 8, 8))["params"]

    assert has_projection(16, 2) == at_change
    assert has_projection(8, 1) == elsewhere


@pytest.mark.parametrize("name", [name for name, block in BLOCKS.items() if block.has_branch])
def test_gain_of_zero_removes_the_branch(name):
    """What is left is the shortcut, in training and evaluation; a gain of one changes nothing."""
    block = BLOCKS[name](layers(), 8)
    x = images()
    variables = drawn.variables(block, x.shape[1:])

    @jax.jit
    def outputs(x):
        call = functools.partial(block.apply, variables, x, mutable=["batch_stats"])
        return [call()[0], call(jnp.ones(()))[0], call(jnp.zeros(()))[0]]

    plain, one, zero = outputs(x)
    np.testing.assert_allclose(one, plain, rtol=1e-6)
    np.testing.assert_array_equal(zero, x)
    assert not np.array_equal(plain, x)


@pytest.mark.parametrize("name", [name for name, block in BLOCKS.items() if not block.has_branch])
def test_block_without_branch_ignores_the_gain(name):
    block = BLOCKS[name](layers(), 8)
    x = images()
    variables = drawn.variables(block, x.shape[1:])

    @jax.jit
    def outputs(x):
        call = functools.partial(block.apply, variables, x, mutable=["batch_stats"])
        return [call()[0], call(jnp.zeros(()))[0]]

    np.testing.assert_array_equal(*outputs(x))
