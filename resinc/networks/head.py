"""From the last feature map to logits."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from resinc.ops.kernels import he_normal


def global_mean(x: jax.Array) -> jax.Array:
    """Mean over pixels, in float32: [b, h, w, c] -> [b, c]. Lin et al. 2013, section 3.2."""
    return jnp.mean(x.astype(jnp.float32), axis=(1, 2))


def flat(x: jax.Array) -> jax.Array:
    """All pixels of all channels: [b, h, w, c] -> float32 [b, h w c]."""
    return x.astype(jnp.float32).reshape(x.shape[0], -1)


HEADS = {"mean": global_mean, "dense": flat}


class AuxiliaryHead(nn.Module):
    """Mean, dense: a classifier amid the network. Lee et al. 2015 (arXiv 1409.5185)."""

    num_classes: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[b, h, w, c] -> float32 logits [b, k], which are also sown into "auxiliary"."""
        dense = nn.Dense(self.num_classes, kernel_init=he_normal, name="dense")
        logits = dense(global_mean(x))
        if not self.is_initializing():  # Parameters are wanted of `init`, not logits.
            self.sow("auxiliary", "logits", logits)
        return logits


def head(
    x: jax.Array, num_classes: int, train: bool, kind: str = "mean", dropout: float = 0.0
) -> jax.Array:
    """Features, dropout, dense layer `head`, inside a network's `__call__`.

    [b, h, w, c] -> float32 logits [b, k].

    Args:
      x: the last feature map.
      num_classes: k.
      train: whether to drop.
      kind: a key of HEADS: "mean" (global average pooling) or "dense" (fully connected).
      dropout: rate.
    """
    x = HEADS[kind](x)
    if dropout:
        x = nn.Dropout(dropout, deterministic=not train, name="head_dropout")(x)
    return nn.Dense(num_classes, kernel_init=he_normal, name="head")(x)
