import jax.numpy as jnp
import numpy as np
import pytest

from resinc.ops.adaptive import adaptive_average_pool


def pooled(values, size):
    """One row of pixels, repeated to a square."""
    x = jnp.broadcast_to(jnp.asarray(values)[None, None, :, None], (1, len(values), len(values), 1))
    return np.asarray(adaptive_average_pool(x, size))


@pytest.mark.parametrize(
    ("values", "size", "expected"),
    [
        ([1.0, 3.0, 5.0, 11.0], 2, [2, 8]),
        ([1.0, 2.0, 6.0], 2, [1.5, 4]),  # Bins overlap where 3 is no multiple of 2.
        ([1.0, 4.0], 4, [1, 1, 4, 4]),  # And repeat where there are too few pixels.
        ([1.0, 2.0, 6.0], 3, [1, 2, 6]),
    ],
)
def test_bins_cover_the_image_evenly(values, size, expected):
    out = pooled(values, size)
    assert out.shape == (1, size, size, 1)
    np.testing.assert_allclose(out[0, 0, :, 0], expected)
    np.testing.assert_allclose(out[0, :, 0, 0], [out[0, 0, 0, 0]] * size)


def test_height_and_width_are_pooled_each_by_its_own_size():
    x = jnp.arange(12.0).reshape(1, 2, 6, 1)
    rows = adaptive_average_pool(x, 2)[0, :, :, 0]
    np.testing.assert_allclose(rows, [[1, 4], [7, 10]])
