"""Batch normalisation, with sums over a batch that are right and fast on every platform.

jax 0.10.2 fuses sums on the CPU into kernels that are fast and sometimes wrong (`resinc.xla`).
Without those a sum over all but the last axis is ten times as slow. As a product with ones it is as
fast as before (batch 128, both moments, one core: 0.56 ms at 32x32x16, 0.13 at 8x8x64). Automatic
differentiation would bring plain sums back, so what adds or multiplies a number per channel has its
gradient written out.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from resinc.ops.platform import by_platform

# Columns of the product: as many as a few lines of the cache hold.
_COLUMNS = 512


class BatchNorm(nn.Module):
    """(x - mean) / sqrt(variance + epsilon) * scale + bias, per channel: [b, h, w, c], same shape.

    Ioffe and Szegedy 2015, Algorithm 1. Parameters, running statistics and numbers are those of
    `flax.linen.BatchNorm`; statistics are taken in float32 whatever the dtype.

    Attributes:
      use_running_average: normalise by the running statistics instead of the batch's.
      momentum: share that the running statistics keep at each step.
      axis_name: replicas to normalise over; None: each by itself.
      use_scale: False leaves the scale out, as Keras's Inception networks do.
    """

    use_running_average: bool
    momentum: float = 0.9
    epsilon: float = 1e-5
    dtype: jnp.dtype = jnp.float32
    axis_name: str | None = None
    scale_init: nn.initializers.Initializer = nn.initializers.ones
    use_scale: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (x.shape[-1],)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        running_var = self.variable("batch_stats", "var", jnp.ones, shape)
        scale = self.param("scale", self.scale_init, shape) if self.use_scale else 1.0
        bias = self.param("bias", nn.initializers.zeros, shape)
        if self.use_running_average:
            mean, var = running_mean.value, running_var.value
        else:
            mean, square = moments(x)
            if self.axis_name and not self.is_initializing():
                mean, square = (
                    _each_its_own(number, self.axis_name)
                    for number in lax.pmean((mean, square), self.axis_name)
                )
            var = jnp.maximum(0, square - jnp.square(mean))
            if not self.is_initializing():
                keep = self.momentum
                running_mean.value = keep * running_mean.value + (1 - keep) * mean
                running_var.value = keep * running_var.value + (1 - keep) * var
        factor = lax.rsqrt(var + self.epsilon) * scale
        return shift_and_scale(x, mean, factor, bias).astype(self.dtype)


def _each_its_own(mean: jax.Array, axis: str) -> jax.Array:
    """The same, of a type that may differ between replicas.

    shard_map tells the two apart, and a gradient that is written out must have the type of what it
    is the gradient of. What is added to something that differs, differs.
    """
    return mean + (0 * lax.axis_index(axis)).astype(mean.dtype)


def channel_sum(x: jax.Array) -> jax.Array:
    """[..., c] -> float32 [c]."""
    return by_platform(x, cpu=_by_ones, default=_plainly)


def _plainly(x: jax.Array) -> jax.Array:
    return jnp.sum(x, tuple(range(x.ndim - 1)), dtype=jnp.float32)


def _by_ones(x: jax.Array) -> jax.Array:
    c = x.shape[-1]
    rows, side = x.size // c, 1
    while rows % 2 == 0 and 2 * side * c <= _COLUMNS:
        rows, side = rows // 2, 2 * side
    product = jnp.matmul(
        jnp.ones((1, rows), x.dtype),
        x.reshape(rows, side * c),
        preferred_element_type=jnp.float32,
    )
    return jnp.sum(product.reshape(side, c), 0)


@jax.custom_vjp
def moments(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Means of x and of its square over all but the last axis: [..., c] -> float32 [c] each."""
    count = x.size // x.shape[-1]
    square = jnp.square(x.astype(jnp.float32))
    return channel_sum(x) / count, channel_sum(square) / count


def _moments_backward(x, gradients):
    count = x.size // x.shape[-1]
    by_mean, by_square = (_along(g / count, x) for g in gradients)
    return ((by_mean + 2 * by_square * x).astype(x.dtype),)


moments.defvjp(lambda x: (moments(x), x), _moments_backward)


@jax.custom_vjp
def shift_and_scale(x: jax.Array, mean: jax.Array, factor: jax.Array, bias: jax.Array) -> jax.Array:
    """(x - mean) * factor + bias: [..., c] and float32 [c] each -> float32 [..., c]."""
    return (x - _along(mean, x)) * _along(factor, x) + _along(bias, x)


def _shift_and_scale_backward(residuals, g):
    x, mean, factor = residuals
    by_bias = channel_sum(g)
    by_factor = channel_sum(g * (x - _along(mean, x)))
    return (g * _along(factor, x)).astype(x.dtype), -factor * by_bias, by_factor, by_bias


shift_and_scale.defvjp(
    lambda x, mean, factor, bias: (shift_and_scale(x, mean, factor, bias), (x, mean, factor)),
    _shift_and_scale_backward,
)


@jax.custom_vjp
def add_bias(x: jax.Array, bias: jax.Array) -> jax.Array:
    """x + bias: [..., c], [c] of the same dtype -> [..., c]."""
    return x + _along(bias, x)


def _add_bias_backward(_, g):
    return g, channel_sum(g).astype(g.dtype)


add_bias.defvjp(lambda x, bias: (add_bias(x, bias), None), _add_bias_backward)


def _along(numbers: jax.Array, x: jax.Array) -> jax.Array:
    """[c] -> [..., c], to meet x."""
    return numbers.reshape((1,) * (x.ndim - 1) + (-1,))
