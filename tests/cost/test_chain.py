"""Chains of layers: how they are written, what they put out, what they cost."""

import jax
import jax.numpy as jnp
import pytest

from resinc.cost.chain import Chain, parse, shapes
from resinc.cost.count import network_cost
from resinc.errors import InputError

IMAGE = (28, 28, 192)


@pytest.mark.parametrize(
    "text", ["5x5-32", "1x1-16+5x5-32", "pool2", "pool3+3x3-8+pool2", "1x1-32+pool2"]
)
def test_formulas_are_what_is_computed(text):
    layers = parse(text)
    chain = Chain(layers)
    x = jax.ShapeDtypeStruct((2, *IMAGE), jnp.float32)
    put_out = jax.eval_shape(lambda x: chain.init_with_output(jax.random.key(0), x)[0], x)
    places = shapes(layers, IMAGE)
    assert put_out.shape[1:] == places[-1]
    counts = [layer.multiply_adds(before) for layer, before in zip(layers, places, strict=False)]
    assert sum(counts) == network_cost(chain, IMAGE).multiply_adds


def test_textbook_case():
    assert sum(layer.multiply_adds(IMAGE) for layer in parse("5x5-32")) == 120_422_400
    layers = parse("1x1-16+5x5-32")
    places = shapes(layers, IMAGE)
    assert places == [IMAGE, (28, 28, 16), (28, 28, 32)]
    counts = [layer.multiply_adds(place) for layer, place in zip(layers, places, strict=False)]
    assert counts == [2_408_448, 10_035_200]


def test_1x1_changes_the_depth_alone_and_pooling_all_but_the_depth():
    assert shapes(parse("1x1-32"), IMAGE)[-1] == (28, 28, 32)
    assert shapes(parse("pool2"), IMAGE)[-1] == (14, 14, 192)


@pytest.mark.parametrize(
    "part", ["", "5x5", "5x3-32", "4x4-8", "0x0-8", "3x3-0", "pool", "pool0", "dense-10", "5X5-32"]
)
def test_a_part_that_is_no_layer_is_quoted(part):
    with pytest.raises(InputError) as caught:
        parse(f"1x1-16+{part}")
    assert f"layer {part!r} of '1x1-16+{part}' is neither KxK-C" in str(caught.value)


def test_a_window_larger_than_the_image_is_refused():
    with pytest.raises(InputError, match="'pool4' has no window in the 3x3 pixels"):
        shapes(parse("pool2+pool4"), (7, 7, 1))
