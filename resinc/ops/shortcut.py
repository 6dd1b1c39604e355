"""How a residual block carries its input past a change of shape. He et al. 2015, section 4.1.

Each function is called inside a block as `layers.shortcut(layers, x, features, stride)` and maps
[b, h, w, c] to [b, h/stride, w/stride, features].
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


class Projection(nn.Module):
    """`norm(conv1x1(x))`, W_s of eq. 2."""

    layers: Any
    features: int
    stride: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = self.layers.conv(self.features, kernel_size=1, stride=self.stride, name="conv")(x)
        return self.layers.norm(name="norm")(x) if self.layers.projection_norm else x


def option_a(layers: Any, x: jax.Array, features: int, stride: int) -> jax.Array:
    """Identity; where the shape changes, every stride-th pixel and zeros for the new channels.

    The paper does not say where the zeros go. They go to both sides, as in the widely used
    PyTorch reproduction, whose weights then fit.
    """
    del layers
    x = x[:, ::stride, ::stride]
    extra = features - x.shape[-1]
    return jnp.pad(x, ((0, 0), (0, 0), (0, 0), (extra // 2, extra - extra // 2)))


def option_b(layers: Any, x: jax.Array, features: int, stride: int) -> jax.Array:
    """Identity; where the shape changes, a projection."""
    if stride == 1 and x.shape[-1] == features:
        return x
    return option_c(layers, x, features, stride)


def option_c(layers: Any, x: jax.Array, features: int, stride: int) -> jax.Array:
    """A projection in every block."""
    return Projection(layers, features, stride, name="shortcut")(x)


SHORTCUTS = {"A": option_a, "B": option_b, "C": option_c}
