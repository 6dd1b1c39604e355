import jax
import jax.numpy as jnp
import numpy as np
import pytest

from resinc.ops.lrn import local_response_norm
from resinc.ops.platform import as_defined
from resinc.ops.pool import average_pool, max_pool


def line(n):
    """[1, n, n, 1], rows alike: x[0, i, j, 0] = j + 1."""
    return jnp.asarray(np.tile(np.arange(1.0, n + 1), (n, 1)), jnp.float32)[None, :, :, None]


@pytest.mark.parametrize(
    ("size", "ceil", "expected"),
    [
        (7, False, [3, 5, 7]),
        (7, True, [3, 5, 7]),
        (8, False, [3, 5, 7]),
        (8, True, [3, 5, 7, 8]),  # Caffe: the last window sticks out.
    ],
)
def test_ceil_keeps_the_incomplete_window(size, ceil, expected):
    np.testing.assert_array_equal(max_pool(line(size), 3, 2, ceil=ceil)[0, 0, :, 0], expected)


def test_padding_is_never_the_maximum():
    np.testing.assert_array_equal(max_pool(-line(3), 3, 1, padding=1)[0, 0, :, 0], [-1, -1, -2])


def test_no_window_begins_in_the_padding():
    # As in Caffe: 4 pixels, window 2, stride 3, padding 1 have 2 windows, not 3.
    assert max_pool(line(5), 2, 3, padding=1, ceil=True).shape == (1, 2, 2, 1)


@pytest.mark.parametrize(
    ("size", "stride", "padding", "ceil"), [(8, 1, 1, False), (7, 2, 1, False), (8, 2, 0, True)]
)
def test_maximum_and_gradient_are_those_over_windows(size, stride, padding, ceil):
    """On the CPU the maximum is computed over shifted copies; no two pixels here are equal."""
    pixels = np.random.RandomState(0).permutation(2 * size * size * 3)
    x = jnp.asarray(pixels.reshape(2, size, size, 3), jnp.float32)
    y, pull = jax.vjp(lambda x: max_pool(x, 3, stride, padding, ceil), x)
    cotangent = jnp.asarray(np.random.RandomState(1).rand(*y.shape), jnp.float32)
    (gradient,) = pull(cotangent)

    expected, spread = np.empty(y.shape), np.zeros(x.shape)
    for place in np.ndindex(*y.shape):
        b, i, j, c = place
        rows, columns = (
            slice(max(0, k * stride - padding), k * stride - padding + 3) for k in (i, j)
        )
        window = np.asarray(x[b, rows, columns, c])
        expected[place] = window.max()
        spread[np.asarray(x) == window.max()] += cotangent[place]
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_allclose(gradient, spread, rtol=1e-6)


@pytest.mark.parametrize(
    ("size", "window", "stride", "padding", "ceil"),
    [
        (8, 3, 1, 1, False),  # An inception module.
        (7, 3, 2, 1, False),
        (8, 3, 2, 1, False),  # The stem of a residual network.
        (8, 3, 2, 0, True),  # GoogLeNet, of even and of odd size.
        (7, 3, 2, 0, True),
        (6, 2, 2, 0, True),
        (2, 3, 1, 1, False),  # A window larger than the image.
        (5, 2, 3, 0, False),  # Pixels that no window sees, in the middle and at the end.
    ],
)
def test_maxima_that_several_pixels_share_have_the_gradient_that_xla_gives(
    size, window, stride, padding, ceil
):
    random = np.random.RandomState(0)
    x = jnp.asarray(random.randint(0, 3, (2, size, size + 1, 5)), jnp.float32)  # Many are alike.

    def pooled(x):
        return max_pool(x, window, stride, padding, ceil)

    with as_defined():  # A tracing of its own: `pooled` by XLA.
        expected, expected_pull = jax.vjp(lambda x: pooled(x), x)
    y, pull = jax.vjp(pooled, x)
    np.testing.assert_array_equal(y, expected)
    # Small whole numbers: their sums are exact, in any order.
    cotangent = jnp.asarray(random.randint(-8, 9, y.shape), jnp.float32)
    np.testing.assert_array_equal(pull(cotangent)[0], expected_pull(cotangent)[0])


def test_maximum_and_gradient_under_vmap_are_those_of_each():
    x = jax.random.normal(jax.random.key(0), (2, 3, 6, 6, 4))

    def gradient(x):
        return jax.grad(lambda x: jnp.sum(jnp.sin(max_pool(x, 3, 2, 1))))(x)

    np.testing.assert_array_equal(jax.vmap(gradient)(x), jnp.stack([gradient(one) for one in x]))


def test_average_counts_padding_only_where_asked():
    inside = average_pool(line(3), 3, 1, padding=1)
    counted = average_pool(line(3), 3, 1, padding=1, count_padding=True)
    np.testing.assert_allclose(inside[0, 0, :, 0], [1.5, 2, 2.5])
    np.testing.assert_allclose(counted[0, 0, :, 0], [6 / 9, 12 / 9, 10 / 9], rtol=1e-6)
    np.testing.assert_allclose(average_pool(line(4), 3, 2, ceil=True)[0, 0, :, 0], [2, 3.5])


def test_response_norm_sums_squares_of_neighbouring_channels():
    x = np.random.RandomState(0).rand(2, 3, 3, 7).astype(np.float32) * 10
    expected = np.empty_like(x)
    for c in range(7):
        near = x[..., max(0, c - 2) : c + 3]
        expected[..., c] = x[..., c] / (2 + 0.5 / 5 * (near**2).sum(-1)) ** 0.75
    got = local_response_norm(jnp.asarray(x), 5, alpha=0.5, beta=0.75, k=2)
    np.testing.assert_allclose(got, expected, rtol=1e-5)
