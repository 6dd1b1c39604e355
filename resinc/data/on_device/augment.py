"""Augmentation, on the device: pure functions inside the jitted step.

An example's crop follows from (key, id) alone, where the step has folded the run's seed and its
own number into the key: neither the batch's composition nor the device count enters.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from resinc.data.on_device.normalize import Normalizer, prepare
from resinc.errors import InputError
from resinc.registry import lookup


class Augmentation(NamedTuple):
    crop: bool  # Zero-pad after normalisation, then crop at a random place.
    flip: bool  # Mirror left to right, half of the time.


AUGMENTATIONS = {
    "none": Augmentation(crop=False, flip=False),
    "crop": Augmentation(crop=True, flip=False),
    "crop_flip": Augmentation(crop=True, flip=True),  # He et al. 2015, section 4.2.
}


def augment(
    images: jax.Array,
    ids: jax.Array,
    key: jax.Array,
    normalizer: Normalizer,
    kind: str,
    pad: int,
) -> jax.Array:
    """Normalise, zero-pad, crop and flip, for training.

    The padding is zero after normalisation, whichever that is: of the colour of the mean, grey with
    `half`, black with `none`.

    Args:
      images: uint8 [b, h, w, c].
      ids: int32 [b], each example's number in the set.
      key: one key, into which seed and step are folded already.
      normalizer: of the training split.
      kind: a key of AUGMENTATIONS.
      pad: pixels on each side, at least 0; the crop lies at one of (2 pad + 1)^2 places.

    Returns:
      float32 [b, h, w, c].

    Raises:
      InputError: `kind` is unknown, or `pad` negative.
    """
    augmentation = lookup(AUGMENTATIONS, kind, "augmentation")
    if pad < 0:
        raise InputError(f"data.crop_pad {pad} is negative")
    prepared = prepare(images, normalizer)
    if not augmentation.crop and not augmentation.flip:
        return prepared
    pad = pad if augmentation.crop else 0
    b, h, w, _ = images.shape
    top, left, mirrored = _draw(ids, key, 2 * pad + 1)
    row = top[:, None] + jnp.arange(h)[None]
    column = jnp.arange(w)[None]
    if augmentation.flip:
        column = jnp.where(mirrored[:, None], w - 1 - column, column)
    column = left[:, None] + column
    padded = jnp.pad(prepared, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    # One gather that crops and flips. For 128x32x32x3 on 2 cores it takes 0.3 to 0.6 ms; a vmapped
    # dynamic_slice and a flip 0.4 to 0.9, one-hot products 1.3 to 2.8, a select per shift 25.
    example = jnp.arange(b)[:, None, None]
    return padded.at[example, row[:, :, None], column[:, None, :]].get(mode="promise_in_bounds")


def _draw(ids: jax.Array, key: jax.Array, places: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Per example: top and left int32 [b] in [0, places), and a fair coin, bool [b].

    One draw of 32 bits serves all three, because jax 0.12 compiles threefry draws slowly. The
    remainder's bias is below places**2 / 2**31, 4e-8 for a pad of 4.
    """
    bits = jax.vmap(lambda i: jax.random.bits(jax.random.fold_in(key, i), dtype=jnp.uint32))(ids)
    place = ((bits >> 1) % (places * places)).astype(jnp.int32)
    return place // places, place % places, (bits & 1).astype(bool)
