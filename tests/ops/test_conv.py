import contextlib
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from resinc.ops import conv, conv_cpu, outline, winograd

# Image, channels -> features, kernel, stride, padding, groups.
CASES = [
    ((8, 8), (4, 7), (3, 3), 1, "SAME", 1),  # Four pixels of a row as one, then two.
    ((6, 8), (3, 16), (3, 3), 1, "SAME", 1),
    ((6, 7), (3, 16), (3, 3), 1, "SAME", 1),  # An odd width cannot be divided so.
    ((2, 2), (6, 5), (3, 3), 1, "SAME", 1),  # Few pixels: one matrix product.
    ((4, 4), (6, 16), (5, 5), 1, "SAME", 1),  # A kernel larger than the image: likewise.
    ((8, 2), (6, 5), (1, 3), 1, "SAME", 1),
    ((8, 8), (32, 40), (3, 3), 1, "SAME", 1),  # Whole tiles of Winograd's.
    ((6, 7), (40, 32), (3, 3), 1, "SAME", 1),  # Tiles over the edge.
    ((10, 13), (32, 32), (3, 3), 1, "VALID", 1),
    ((5, 7), (2, 40), (5, 3), 1, "SAME", 1),
    ((9, 6), (3, 4), (1, 7), 1, "SAME", 1),
    ((9, 9), (3, 4), (7, 7), 2, "SAME", 1),
    ((8, 11), (5, 6), (3, 3), 2, "SAME", 1),
    ((7, 8), (5, 6), (5, 5), 3, "SAME", 1),
    ((8, 8), (4, 6), (3, 3), 2, "VALID", 1),
    ((9, 8), (4, 6), (3, 5), 1, "VALID", 1),
    ((9, 9), (4, 6), (2, 2), 2, "SAME", 1),  # Even kernels pad as XLA does.
    ((6, 6), (3, 9), (1, 1), 1, "SAME", 1),
    ((5, 6), (9, 3), (1, 1), 2, "SAME", 1),
    ((6, 6), (64, 64), (3, 3), 1, "SAME", 8),  # Two blocks of four groups.
    ((6, 6), (6, 12), (3, 3), 2, "SAME", 6),
    ((4, 4), (8, 6), (1, 1), 1, "SAME", 2),
    ((6, 7), (7, 40), (3, 3), 1, "SAME", 1),  # Seven channels are made eight.
    ((6, 8), (5, 7), (5, 5), 1, "SAME", 1),  # Five six, and seven features eight.
    ((5, 9), (3, 24), (5, 5), 1, "SAME", 1),  # Shifted copies of the image, not of g.
    ((6, 8), (1, 60), (3, 3), 1, "SAME", 1),
    ((9, 8), (3, 36), (5, 3), 1, "VALID", 1),
]


def draw(*shapes, dtype=jnp.float32):
    random = np.random.RandomState(0)
    return [jnp.asarray(random.randn(*shape), dtype) for shape in shapes]


def exact(x, kernel, g, stride, pads, groups):
    """Convolution and both gradients in float64, tap by tap."""
    x, kernel, g = (np.asarray(a, np.float64) for a in (x, kernel, g))
    padded = np.pad(x, ((0, 0), *pads, (0, 0)))
    (_, h, w, features), (kh, kw, c, _) = g.shape, kernel.shape
    y, dx, dk = np.zeros(g.shape), np.zeros(padded.shape), np.zeros(kernel.shape)
    for i, j, n in itertools.product(range(kh), range(kw), range(groups)):
        at = (slice(None), slice(i, i + stride * h, stride), slice(j, j + stride * w, stride))
        rows = slice(n * c, (n + 1) * c)
        columns = slice(n * features // groups, (n + 1) * features // groups)
        seen = padded[at][:, :h, :w, rows]
        y[..., columns] += seen @ kernel[i, j][:, columns]
        dx[at][:, :h, :w, rows] += g[..., columns] @ kernel[i, j][:, columns].T
        dk[i, j][:, columns] = np.einsum("bhwc,bhwd->cd", seen, g[..., columns])
    (top, bottom), (left, right) = pads
    return y, dx[:, top : dx.shape[1] - bottom, left : dx.shape[2] - right], dk


def case_tensors(case, dtype=jnp.float32):
    """x, kernel, and (stride, pads, groups) as `conv2d` works them out."""
    size, (channels, features), window, stride, padding, groups = case
    x, kernel = draw((3, *size, channels), (*window, channels // groups, features), dtype=dtype)
    pads = jax.lax.padtype_to_pads(size, window, (stride, stride), padding)
    if padding == "SAME" and window[0] % 2 and window[1] % 2:
        pads = [(window[0] // 2,) * 2, (window[1] // 2,) * 2]
    return x, kernel, (stride, pads, groups)


def value_and_gradients(function, x, kernel):
    """Of function(x, kernel), for a cotangent that differs from element to element."""

    @jax.jit
    def run(x, kernel):
        y, pull = jax.vjp(function, x, kernel)
        (g,) = draw(y.shape, dtype=y.dtype)
        return g, (y, *pull(g))

    return run(x, kernel)


def assert_close(found, wanted, tolerance):
    for a, b in zip(found, wanted, strict=True):
        assert a.shape == b.shape
        error = np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64)).max()
        assert error <= tolerance * np.abs(b).max()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_convolution_and_gradients_are_exact_to_rounding(case, monkeypatch):
    monkeypatch.setattr(winograd, "_TILES", 1)  # So that few images, which are quick, will do.
    x, kernel, options = case_tensors(case)
    _, _, _, stride, padding, groups = case
    g, ours = value_and_gradients(
        lambda x, k: conv.conv2d(x, k, stride, padding, groups), x, kernel
    )
    assert_close(ours, exact(x, kernel, g, *options), 1e-5)
    # Nor is the plain path, of other platforms, anything else.
    _, plain = value_and_gradients(lambda x, k: conv.xla_conv(x, k, *options), x, kernel)
    if case[2] != (1, 1):  # Of which conv2d leaves out pixels beforehand.
        assert_close(ours, plain, 1e-5)


@pytest.mark.parametrize("case", [CASES[1], CASES[9], CASES[16]], ids=str)
def test_bfloat16_sums_in_float32(case):
    x, kernel, options = case_tensors(case, jnp.bfloat16)
    _, _, _, stride, padding, groups = case
    g, ours = value_and_gradients(
        lambda x, k: conv.conv2d(x, k, stride, padding, groups), x, kernel
    )
    assert {a.dtype for a in ours} == {jnp.dtype(jnp.bfloat16)}
    assert_close(ours, exact(x, kernel, g, *options), 2**-7)


def test_gradients_under_vmap_are_those_of_each_member():
    x, kernel = draw((2, 3, 6, 6, 4), (3, 3, 4, 5))

    def gradients(x):
        return value_and_gradients(conv.conv2d, x, kernel)[1]

    together = jax.vmap(gradients)(x)
    for i in range(2):
        assert_close([a[i] for a in together], gradients(x[i]), 1e-6)


def test_gradients_inside_scan_and_remat_are_those_outside():
    x, kernels = draw((3, 6, 6, 4), (2, 3, 3, 4, 4))
    block = jax.checkpoint(lambda x, kernel: (jnp.sin(conv.conv2d(x, kernel)), None))

    def scanned(x, kernels):
        return jax.lax.scan(block, x, kernels)[0]

    def unrolled(x, kernels):
        for kernel in kernels:
            x = jnp.sin(conv.conv2d(x, kernel))
        return x

    looped, flat = (value_and_gradients(f, x, kernels)[1] for f in (scanned, unrolled))
    assert_close(looped, flat, 1e-5)


def test_weight_gradient_is_compiled_apart_and_right_without_the_means(monkeypatch):
    x, kernel = draw((2, 6, 6, 3), (3, 3, 3, 4))

    def run(kernel):
        return value_and_gradients(conv.conv2d, x, kernel)[1]

    apart = run(kernel)
    assert 'inlineable = "false"' in jax.jit(run).lower(kernel).as_text()
    monkeypatch.setattr(outline, "set_xla_metadata", lambda **_: contextlib.nullcontext())
    jax.clear_caches()
    assert "inlineable" not in jax.jit(run).lower(kernel).as_text()
    assert_close(run(kernel), apart, 1e-6)


@pytest.mark.parametrize(
    ("images", "channels", "stride", "dtype", "by_winograd"),
    [
        (8, 32, 1, jnp.float32, True),
        (7, 32, 1, jnp.float32, False),  # Of four tiles each: too few for the kernel's share.
        (8, 31, 1, jnp.float32, False),
        (8, 32, 2, jnp.float32, False),
        (8, 32, 1, jnp.bfloat16, False),
    ],
)
def test_winograd_computes_value_and_gradients_where_it_is_faster(
    images, channels, stride, dtype, by_winograd
):
    # More features than channels: of equal shapes jax 0.12 writes a function once for both ways.
    x, kernel = draw((images, 8, 8, channels), (3, 3, channels, 40), dtype=dtype)

    def run(x, kernel):
        y, pull = jax.vjp(lambda x, k: conv.conv2d(x, k, stride), x, kernel)
        return y, pull(y)

    # Value, gradient of x and of the kernel: a product over 36 points each.
    lowered = jax.jit(run).lower(x, kernel).as_text()
    assert lowered.count("batching_dims = [0] x [0]") == (3 if by_winograd else 0)


@pytest.mark.parametrize(("size", "by_product"), [((4, 5), True), ((5, 4), True), ((5, 5), False)])
def test_a_kernel_larger_than_the_image_is_a_matrix_product(size, by_product):
    x, kernel = draw((2, *size, 6), (5, 5, 6, 40))
    pads = ((2, 2), (2, 2))
    program = str(jax.make_jaxpr(lambda x, k: conv_cpu.forward(x, k, 1, pads, 1))(x, kernel))
    assert by_product == ("conv_general_dilated" not in program)


@pytest.mark.parametrize(
    ("channels", "features", "stride", "seen"),
    [
        (23, 40, 1, 24),
        (22, 7, 2, 24),
        (20, 16, 1, 20),
        (3, 80, 1, 4),
        (5, 16, 1, 6),  # Two pixels of a row as one.
        (6, 16, 1, 6),
        (3, 16, 1, 3),  # Four pixels.
        (1, 60, 1, 1),
    ],
)
def test_xla_is_given_as_many_channels_as_it_is_fast_with(channels, features, stride, seen):
    x, kernel = draw((1, 8, 8, channels), (5, 5, channels, features))
    pads = ((2, 2), (2, 2))
    program = jax.make_jaxpr(lambda x, k: conv_cpu.forward(x, k, stride, pads, 1))(x, kernel)
    (convolution,) = (e for e in program.eqns if e.primitive.name == "conv_general_dilated")
    assert convolution.invars[0].aval.shape[-1] == seen


@pytest.mark.parametrize("size", [7, 8])
def test_stride_two_pads_as_the_papers_do(size):
    """Output pixel 0 sees input pixels -1, 0 and 1: XLA's own "SAME" would start at 0 for even."""
    x, w = draw((1, size, size, 1), (3, 3, 1, 1))
    y = conv.conv2d(x, w, stride=2)
    assert y.shape == (1, (size + 1) // 2, (size + 1) // 2, 1)
    np.testing.assert_allclose(y[0, 0, 0, 0], jnp.sum(x[0, :2, :2, 0] * w[1:, 1:, 0, 0]), rtol=1e-5)


def test_gradient_of_a_gradient_is_that_of_the_plain_path():
    """A norm of the gradient may itself be minimised; a Jacobian is pushed through two of them."""
    x, kernel, (stride, pads, groups) = case_tensors(CASES[7])
    pads = tuple(pads)

    def penalty(convolve):
        def loss(x, kernel):
            return jnp.sum(jnp.sin(convolve(x, kernel, stride, pads, groups)))

        def size(x, kernel):
            return sum(jnp.sum(g**2) for g in jax.grad(loss, (0, 1))(x, kernel))

        return jax.jit(jax.grad(size, (0, 1)))(x, kernel)

    for ours, plain in zip(penalty(conv._conv), penalty(conv.xla_conv), strict=True):
        np.testing.assert_allclose(ours, plain, atol=1e-5 * np.abs(plain).max(), rtol=0)
