import jax
import jax.numpy as jnp
import numpy as np
import pytest

from resinc.ops import conv


def tensors(shape, kernel, seed=0):
    x, w = np.random.RandomState(seed).randn(*shape), np.random.RandomState(seed + 1).randn(*kernel)
    return jnp.asarray(x, jnp.float32), jnp.asarray(w, jnp.float32)


# 64x16x16x16 patches exceed the piece that is made at a time, so the gradient is summed by parts.
@pytest.mark.parametrize(
    ("shape", "kernel"),
    [
        ((4, 2, 2, 6), (3, 3, 6, 5)),
        ((6, 8, 8, 4), (3, 3, 4, 7)),
        ((64, 16, 16, 16), (3, 3, 16, 8)),
        ((3, 5, 7, 2), (5, 3, 2, 4)),
        ((4, 6, 6, 3), (1, 1, 3, 9)),
    ],
)
def test_convolution_and_gradients_equal_xla(shape, kernel):
    x, w = tensors(shape, kernel)
    projection = jnp.asarray(np.random.RandomState(2).randn(*shape[:3], kernel[-1]), jnp.float32)

    def value(function):
        return jax.value_and_grad(lambda x, w: jnp.sum(function(x, w) * projection), (0, 1))(x, w)

    ours, xla = value(conv.conv2d), value(conv._xla_conv)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(xla), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * float(jnp.abs(b).max()))


def test_weight_gradient_is_summed_by_parts_in_the_large_case(monkeypatch):
    x, _ = tensors((8, 4, 4, 2), (3, 3, 2, 2))
    whole = conv._kernel_gradient_dots(x, x, (3, 3, 2, 2))
    monkeypatch.setattr(conv, "_PATCH_BYTES", 1)
    jaxpr = jax.make_jaxpr(lambda x: conv._kernel_gradient_dots(x, x, (3, 3, 2, 2)))(x)
    assert "scan" in str(jaxpr)
    parts = conv._kernel_gradient_dots(x, x, (3, 3, 2, 2))
    np.testing.assert_allclose(whole, parts, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [7, 8])
def test_stride_two_pads_as_the_papers_do(size):
    """Output pixel 0 sees input pixels -1, 0 and 1: XLA's own "SAME" would start at 0 for even."""
    x, w = tensors((1, size, size, 1), (3, 3, 1, 1))
    y = conv.conv2d(x, w, stride=2)
    assert y.shape == (1, (size + 1) // 2, (size + 1) // 2, 1)
    np.testing.assert_allclose(y[0, 0, 0, 0], jnp.sum(x[0, :2, :2, 0] * w[1:, 1:, 0, 0]), rtol=1e-5)
