"""Convolutions without a border: a shifted image gives a shifted answer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import base
from resinc import networks
from resinc.blocks import BLOCKS
from resinc.errors import InputError
from resinc.ops.layers import Conv, make_layers
from resinc.ops.merge import MERGES
from resinc.ops.shortcut import SHORTCUTS
from tests import drawn


@pytest.mark.parametrize(("size", "stride"), [((3, 3), 1), ((3, 3), 2), ((1, 7), 1), ((2, 5), 2)])
def test_circular_convolution_is_the_sum_over_a_torus(size, stride):
    """By hand: every output pixel adds up k x k pixels, indices modulo the image's size."""
    (kh, kw), (h, w) = size, (4, 6)
    random = np.random.RandomState(0)
    x, kernel = random.randn(2, h, w, 3), random.randn(kh, kw, 3, 5)
    expected = np.zeros((2, h, w, 5))
    for i, j in np.ndindex(h, w):
        for a, b in np.ndindex(kh, kw):
            pixel = x[:, (i + a - (kh - 1) // 2) % h, (j + b - (kw - 1) // 2) % w]
            expected[:, i, j] += pixel @ kernel[a, b]
    conv = Conv(5, size, stride, circular=True)
    y = conv.apply({"params": {"kernel": jnp.asarray(kernel, jnp.float32)}}, jnp.float32(x))
    np.testing.assert_allclose(y, expected[:, ::stride, ::stride], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_shifted_image_gives_the_shifted_answer_of_every_block(block):
    """Shifted by twice the stride; with zeros around the image it does not."""
    x = np.random.RandomState(0).rand(2, 4, 4, 8).astype(np.float32)

    def change(circular):
        layers = make_layers(
            train=False, shortcut=SHORTCUTS["C"], merge=MERGES["add"], circular=circular
        )
        module = BLOCKS[block](layers, 8, 2)
        variables = drawn.variables(module, x.shape[1:])
        answers = jax.jit(lambda x: module.apply(variables, x))
        y = np.asarray(answers(np.concatenate([x, np.roll(x, (2, 2), (1, 2))])))
        return np.abs(np.roll(y[:2], (1, 1), (1, 2)) - y[2:]).max() / np.abs(y).max()

    assert change(circular=True) < 1e-5
    # Single pixels see no border; a window of 3x3 around them does.
    assert block == "only_1x1" or change(circular=False) > 1e-3


def test_an_unknown_padding_is_refused():
    section = base.get_config().model
    section.padding = "reflect"
    with pytest.raises(InputError, match=r"model.padding 'reflect' is not one of zero, circular"):
        networks.build(section, 10)
