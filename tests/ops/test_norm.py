import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from resinc.ops import norm


def draw(*shape, dtype=jnp.float32, seed=0):
    x = 3 * np.random.RandomState(seed).randn(*shape) + np.arange(shape[-1]) % 4
    return jnp.asarray(x, dtype)


def outcome(module, x, train=True):
    """Output, new running statistics, gradients of x and parameters, all for given numbers."""
    c = x.shape[-1]
    params = {"scale": draw(c, seed=1), "bias": draw(c, seed=2)}
    stats = {"mean": draw(c, seed=3), "var": jnp.square(draw(c, seed=4)) + 1}

    @jax.jit
    def run(x, params):
        def apply(x, params):
            variables = {"params": params, "batch_stats": stats}
            return module.apply(variables, x, mutable=["batch_stats"])

        y, pull, updates = jax.vjp(apply, x, params, has_aux=True)
        return y, updates, pull(draw(*y.shape, dtype=y.dtype, seed=5))

    return run(x, params)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("shape", [(4, 6, 6, 3), (3, 5, 7, 600), (9, 40)], ids=str)
def test_batch_norm_and_its_gradients_equal_flax(shape, train):
    options = {"use_running_average": not train, "momentum": 0.7, "epsilon": 1e-3}
    x = draw(*shape)
    ours, flax = (outcome(kind(**options), x) for kind in (norm.BatchNorm, nn.BatchNorm))
    assert jax.tree.structure(ours) == jax.tree.structure(flax)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(flax), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5 * float(jnp.abs(b).max()))


def test_batch_norm_is_exact_to_rounding():
    x = draw(8, 16, 16, 8)
    y, updates, (by_x, by_params) = outcome(norm.BatchNorm(use_running_average=False), x)
    scale, bias, old, g = (
        np.asarray(a, np.float64)
        for a in (draw(8, seed=1), draw(8, seed=2), draw(8, seed=3), draw(*x.shape, seed=5))
    )
    exact = np.asarray(x, np.float64)
    axes = (0, 1, 2)
    mean, var = exact.mean(axes), exact.var(axes)
    normal = (exact - mean) / np.sqrt(var + 1e-5)
    wanted = {
        "y": (y, normal * scale + bias),
        "mean": (updates["batch_stats"]["mean"], 0.9 * old + 0.1 * mean),
        "bias": (by_params["bias"], g.sum(axes)),
        "scale": (by_params["scale"], (g * normal).sum(axes)),
        "x": (
            by_x,
            (g - g.mean(axes) - normal * (g * normal).mean(axes)) * scale / np.sqrt(var + 1e-5),
        ),
    }
    for name, (found, right) in wanted.items():
        error = np.abs(np.asarray(found) - right).max() / np.abs(right).max()
        assert error < 2e-5, (name, error)


def test_bfloat16_keeps_float32_statistics():
    module = norm.BatchNorm(use_running_average=False, dtype=jnp.bfloat16)
    x = draw(8, 8, 8, 4, dtype=jnp.bfloat16)
    y, updates, (by_x, by_params) = outcome(module, x)
    assert y.dtype == by_x.dtype == jnp.bfloat16
    assert by_params["scale"].dtype == updates["batch_stats"]["mean"].dtype == jnp.float32
    mean = np.asarray(x, np.float64).mean((0, 1, 2))
    old = np.asarray(draw(4, seed=3), np.float64)
    np.testing.assert_allclose(
        updates["batch_stats"]["mean"], 0.9 * old + 0.1 * mean, rtol=1e-5, atol=1e-5
    )


def test_parameters_and_statistics_start_as_in_flax():
    x = draw(2, 4, 4, 3)
    ours, flax = (
        kind(use_running_average=False).init(jax.random.key(0), x)
        for kind in (norm.BatchNorm, nn.BatchNorm)
    )
    assert jax.tree.structure(ours) == jax.tree.structure(flax)
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, ours, flax)))


@pytest.mark.parametrize("rows", [1, 24, 37])
def test_both_forms_of_a_sum_agree(rows):
    x = draw(rows, 5)
    exact = np.asarray(x, np.float64).sum(0)
    for form in (norm.channel_sum, norm._by_ones, norm._plainly):
        np.testing.assert_allclose(form(x), exact, rtol=1e-5)


def test_bias_and_its_gradients():
    x, bias, g = draw(2, 4, 4, 3), draw(3), draw(2, 4, 4, 3, seed=1)
    y, pull = jax.vjp(norm.add_bias, x, bias)
    by_x, by_bias = pull(g)
    np.testing.assert_allclose(y, np.asarray(x) + np.asarray(bias))
    np.testing.assert_array_equal(by_x, g)
    np.testing.assert_allclose(by_bias, np.asarray(g).sum((0, 1, 2)), rtol=1e-5)
