"""How a residual block joins shortcut and branch. He et al. 2016, section 3.1 and Table 1.

A block calls `join`. The entries of MERGES are called inside it as `layers.merge(layers, shortcut,
branch)`, both [b, h, w, c], and return the same shape.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


def join(
    layers: Any, x: jax.Array, branch: jax.Array, stride: int, gain: jax.Array | None = None
) -> jax.Array:
    """shortcut(x) joined with gain * branch, inside a block's `__call__`.

    Args:
      layers: `ops.layers.Layers`.
      x: [b, h, w, c], what the block was given.
      branch: F(x), [b, h/stride, w/stride, features].
      stride: of the block.
      gain: factor of the branch in this call, scalar: stochastic depth, or a branch removed.
    """
    shortcut = layers.shortcut(layers, x, branch.shape[-1], stride)
    if layers.branch_scale != 1:
        branch = layers.branch_scale * branch
    if layers.learned_scale:
        branch = LearnedScale(name="scale")(branch)
    if gain is not None:
        branch = gain.astype(branch.dtype) * branch
    if layers.shortcut_scale != 1:
        shortcut = layers.shortcut_scale * shortcut
    branch = let_back(branch, layers.branch_gradient)
    shortcut = let_back(shortcut, layers.shortcut_gradient)
    if layers.stream_dtype:
        # A bfloat16 has 8 digits of 2: a branch below 1/256 of the sum would leave no trace in it.
        shortcut, branch = (part.astype(layers.stream_dtype) for part in (shortcut, branch))
    return layers.merge(layers, shortcut, branch)


def let_back(x: jax.Array, share: float | jax.Array) -> jax.Array:
    """x, through which only `share` of the gradient goes back; 1 leaves it as it is."""
    if isinstance(share, float) and share == 1:
        return x
    stopped = jax.lax.stop_gradient(x)
    return stopped + jnp.asarray(share, x.dtype) * (x - stopped)


class LearnedScale(nn.Module):
    """alpha * x, alpha = 0 at the start: SkipInit (De, Smith 2020), ReZero (Bachlechner 2020)."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return self.param("alpha", nn.initializers.zeros, ()).astype(x.dtype) * x


class Gate(nn.Module):
    """sigmoid(conv1x1(x) + bias): between 0 and 1 per pixel and channel."""

    layers: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        # A bias of its own kind: it starts where the ablation says, not at zero.
        start = nn.initializers.constant(self.layers.gate_bias)
        bias = self.param("bias", start, (x.shape[-1],))
        conv = self.layers.conv(x.shape[-1], kernel_size=1, bias=False, name="conv")
        logits = conv(x)
        return nn.sigmoid(logits + jnp.broadcast_to(bias.astype(logits.dtype), logits.shape))


def add(layers: Any, shortcut: jax.Array, branch: jax.Array) -> jax.Array:
    """The sum."""
    del layers
    return shortcut + branch


def exclusive_gate(layers: Any, shortcut: jax.Array, branch: jax.Array) -> jax.Array:
    """(1 - g) shortcut + g branch, as in Highway Networks."""
    gate = Gate(layers, name="gate")(shortcut)
    return (1 - gate) * shortcut + gate * branch


def shortcut_gate(layers: Any, shortcut: jax.Array, branch: jax.Array) -> jax.Array:
    """(1 - g) shortcut + branch."""
    return (1 - Gate(layers, name="gate")(shortcut)) * shortcut + branch


def dropout_shortcut(layers: Any, shortcut: jax.Array, branch: jax.Array) -> jax.Array:
    """Dropout of rate 0.5 on the shortcut."""
    dropout = nn.Dropout(0.5, deterministic=not layers.train, name="dropout")
    return dropout(shortcut) + branch


MERGES = {
    "add": add,
    "exclusive_gate": exclusive_gate,
    "shortcut_gate": shortcut_gate,
    "dropout": dropout_shortcut,
}
