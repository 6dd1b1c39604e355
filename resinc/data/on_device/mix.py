"""Mixed training examples, on the device: pure functions inside the compiled step.

Neighbours in the batch are mixed in pairs, the first with the second, the third with the fourth, so
that who meets whom follows from the batch alone and not from the number of replicas that share it.
How much of its neighbour an example gets follows from (key, id), as its crop does.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from resinc.errors import InputError

# Folded into the key behind the id: the crop is drawn from what stands there without it.
_STREAM = 1


class Mixed(NamedTuple):
    """The labels of mixed images."""

    own: jax.Array  # int32 [b].
    other: jax.Array  # int32 [b].
    share: jax.Array  # float32 [b], of the own one: 0 to 1.


def check_mix(mixup: float, cutmix: float, replica_batch: int) -> None:
    """Check what `mix` cannot do.

    Args:
      mixup: `config.data.mixup`.
      cutmix: `config.data.cutmix`.
      replica_batch: examples per replica.

    Raises:
      InputError: both at once, or pairs that do not come out even.
    """
    if mixup and cutmix:
        raise InputError(
            f"data.mixup {mixup} and data.cutmix {cutmix} exclude each other: one is 0"
        )
    if (mixup or cutmix) and replica_batch % 2:
        raise InputError(
            f"data.mixup and data.cutmix mix in pairs, but {replica_batch} examples per replica "
            "are an odd number: choose another batch_size or parallel.replicas"
        )


def mix(
    images: jax.Array,
    labels: jax.Array,
    ids: jax.Array,
    key: jax.Array,
    mixup: float = 0.0,
    cutmix: float = 0.0,
) -> tuple[jax.Array, jax.Array | Mixed]:
    """Mix each example with its neighbour; gives back what it is given where both are 0.

    Args:
      images: float32 [b, h, w, c], augmented; b is even.
      labels: int32 [b].
      ids: int32 [b], each example's number in the set.
      key: one key, into which seed and step are folded already.
      mixup: a of the share's Beta(a, a); x = s x1 + (1 - s) x2. Zhang et al. 2017 (1710.09412).
      cutmix: likewise; the part 1 - s of the area, a box, comes from x2. Yun et al. 2019
        (1905.04899), section 3.1; what of the box lies outside the image is cut off, and s counts
        what is left.
    """
    if not mixup and not cutmix:
        return images, labels
    keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.fold_in(key, i), _STREAM))(ids)
    a = mixup or cutmix
    share = jax.vmap(lambda k: jax.random.beta(k, a, a))(keys)
    if mixup:
        weight = share[:, None, None, None]
        images = weight * images + (1 - weight) * _neighbours(images)
    else:
        inside = _boxes(keys, share, images.shape[1], images.shape[2])
        images = jnp.where(inside[..., None], _neighbours(images), images)
        share = 1 - jnp.mean(inside, (1, 2), dtype=jnp.float32)
    return images, Mixed(labels, _neighbours(labels), share)


def expected(score: Callable[[jax.Array], Any], labels: jax.Array | Mixed) -> Any:
    """`score(labels)`; of mixed ones the mean of both by their share.

    Args:
      score: labels int32 [b] -> pytree of [b].
      labels: as `mix` gives them.
    """
    if not isinstance(labels, Mixed):
        return score(labels)
    share = labels.share
    return jax.tree.map(
        lambda own, other: share * own + (1 - share) * other,
        score(labels.own),
        score(labels.other),
    )


def _neighbours(values: jax.Array) -> jax.Array:
    """[b, ...] with the two of each pair exchanged."""
    return values.reshape(-1, 2, *values.shape[1:])[:, ::-1].reshape(values.shape)


def _boxes(keys: jax.Array, share: jax.Array, *size: int) -> jax.Array:
    """bool [b, h, w]: a box of (1 - share) h w pixels about a point anywhere in the image."""
    draws = jax.vmap(lambda k: jax.random.uniform(jax.random.fold_in(k, _STREAM), (2,)))(keys)

    def within(axis: int) -> jax.Array:
        centre = jnp.floor(draws[:, axis] * size[axis])
        half = jnp.floor(jnp.sqrt(1 - share) * size[axis] / 2)
        at = jnp.arange(size[axis])[None]
        return (at >= (centre - half)[:, None]) & (at < (centre + half)[:, None])

    return within(0)[:, :, None] & within(1)[:, None, :]
